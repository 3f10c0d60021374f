"""`report` on calls that a real Asterisk recorded."""

from __future__ import annotations

import asyncio
import csv
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from core.plans import ROOT

from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.record import CelTail
from pbx_bridge.bootstrap import database_file
from pbx_bridge.cli.app import main

RECORDINGS = Path(__file__).parents[1] / "recordings"

Report = Callable[[str], str]


@pytest.fixture
def report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Report:
    """The report of the recorded day, in a format."""
    state = tmp_path / "state"
    state.mkdir()
    database = Database(database_file(state))
    for name in ("cel_three_calls.csv", "cel_mobile.csv", "cel_announcements.csv"):
        shutil.copy(RECORDINGS / name, tmp_path / name)
        assert asyncio.run(CelTail(tmp_path / name, database).catch_up()) > 0
    database.close()
    config, day = str(ROOT / "config.yaml"), ["--from", "2026-11-23", "--to", "2026-11-24"]

    def said(format_: str) -> str:
        options = ["--config", config, "--state", str(state), "--format", format_, *day]
        monkeypatch.setattr(sys, "argv", ["pbx-bridge", "report", *options])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 0
        return capfd.readouterr().out

    return said


def test_s7_the_report_shows_who_was_not_told_when_and_why(report: Report) -> None:
    assert """
Untold               1 (aim: none), 1 more gave up within 5 s
  person-no-answer   1
""" in report("text")


def test_s7_untold_calls_are_in_json_and_csv_for_each_number(report: Report) -> None:
    found: Any = json.loads(report("json"))
    keys = ("offered", "untold", "untold_short", "untold_by_reason")
    assert [found["all"][key] for key in keys] == [8, 1, 1, {"person-no-answer": 1}]
    mobile = found["by_number"]["018000102"]
    assert [mobile[key] for key in keys] == [5, 0, 1, {}]
    assert "102" not in found["by_number"]  # the exchange's own calls
    rows = {row["group"]: row for row in csv.DictReader(report("csv").splitlines())}
    assert [rows["all"][key] for key in keys] == ["8", "1", "1", '{"person-no-answer": 1}']
    assert [rows["018000102"][key] for key in keys] == ["5", "0", "1", "{}"]
