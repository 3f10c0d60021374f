"""The bridge as a child process, without Asterisk."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbx_bridge import exchange
from pbx_bridge.exchange import BridgeProcess
from pbx_bridge.ports import PbxUnavailable


async def test_a_bridge_that_does_not_start_says_why_and_its_log_stays_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, older = tmp_path / "bridge.log", tmp_path / "bridge.log.1"
    log.write_text("what was written before\n")
    child = BridgeProcess(tmp_path / "missing.yaml", tmp_path)
    with pytest.raises(PbxUnavailable, match="--config"):
        await child.start()
    assert log.read_text().startswith("what was written before\n")
    assert not older.exists()
    monkeypatch.setattr(exchange, "LONGEST_LOG_BYTES", 10)
    for _ in range(2):
        before = log.read_text()
        with pytest.raises(PbxUnavailable, match="--config"):
            await child.start()
        assert older.read_text() == before
        assert "what was written before" not in log.read_text()
