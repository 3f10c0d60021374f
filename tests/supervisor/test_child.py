"""The bridge as a process, without Asterisk."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbx_bridge.ports import PbxUnavailable
from pbx_bridge.supervisor.child import BridgeProcess


async def test_a_bridge_that_does_not_start_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    child = BridgeProcess(tmp_path / "missing.yaml", tmp_path)
    child.log_file.write_text("what was written before\n")
    with pytest.raises(PbxUnavailable, match=r"did not start: .*does not exist") as told:
        await child.start()
    assert "before" not in str(told.value)
    assert child.log_file.read_text().startswith("what was written before\n")
    assert not child.running


async def test_a_bridge_comes_up_where_its_log_can_not_be_written(tmp_path: Path) -> None:
    child = BridgeProcess(tmp_path / "missing.yaml", tmp_path)
    child.log_file.mkdir()
    with pytest.raises(PbxUnavailable, match="did not start"):
        await child.start()
