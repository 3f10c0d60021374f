"""The unit for systemd: how little it may do, and what README and supervisor expect of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pbx_bridge.cli.app import app

FOLDER = Path(__file__).parent.parent.parent / "packaging/systemd"
UNIT = FOLDER / "pbx-bridge.service"
MOST_EXPOSED = 2.0


def settings() -> dict[str, str]:
    """The unit's settings; the last one of a name."""
    lines = (line for line in UNIT.read_text().splitlines() if re.match(r"[A-Z]\w+=", line))
    return dict(line.split("=", 1) for line in lines)


def test_the_unit_is_hardly_exposed() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("this machine has no systemd; the package systemd brings systemd-analyze")
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(UNIT)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert level is not None
    assert float(level[1]) <= MOST_EXPOSED, said


def test_the_unit_outlives_its_supervisor_and_starts_it_for_ever() -> None:
    set_ = settings()
    assert set_["Type"] == "notify"
    assert set_["Restart"] == "always"
    assert set_["StartLimitIntervalSec"] == "0"
    assert set_["KillMode"] == "process", "Asterisk is adopted by the next supervisor"
    assert int(set_["WatchdogSec"]) > 0
    assert set_["User"] in (FOLDER / "pbx-bridge.sysusers").read_text()


def test_the_command_of_the_unit_is_one_of_ours() -> None:
    """Its options exist; the programs' folders are those that README names."""
    program, command, *options = settings()["ExecStart"].split()
    told = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert told.exit_code == 0
    for option in options[::2]:
        assert option in told.stdout
    readme = (FOLDER.parent.parent / "README.md").read_text()
    for path in (program.removesuffix("/.venv/bin/pbx-bridge"), *options[1::2]):
        assert path in readme
