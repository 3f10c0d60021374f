"""Logs stay short while somebody writes them."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import pytest

from pbx_bridge.supervisor.bounding import keep_short

Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize("free", [10**12, 0])
def test_a_log_that_is_too_long_is_begun_anew_under_its_writers_hands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(0, 0, free))
    file, before = tmp_path / "bridge.log", tmp_path / "bridge.log.1"
    logs = {file: 100, tmp_path / "none": 100}
    keep_short(logs)
    with file.open("ab", buffering=0) as writer:
        for round_ in range(3):
            writer.write(f"{round_}\n".encode() * 60)
            keep_short(logs)
            writer.write(b"after\n")
            assert file.read_bytes() == b"after\n" if round_ == 0 else True
            assert file.stat().st_size < 200
    assert before.exists() == (free > 0)
    if free:
        assert b"2\n" in before.read_bytes()
