"""Whoever reads what is known of callers says why, and it is journaled first."""

from __future__ import annotations

import asyncio
import getpass
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.test_report_command import NOON, RECORDINGS, prepared
from core.plans import ROOT
from fakes.spool import Spool

from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.journal.store import read_entries
from pbx_bridge.adapters.record import CelTail
from pbx_bridge.asterisk.running import Running, save
from pbx_bridge.bootstrap import database_file
from pbx_bridge.cli.app import main
from pbx_bridge.cli.options import reading
from pbx_bridge.core.events import DataRead

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """A command on the recorded day: its exit code, and what it said."""
    prepared("report", tmp_path, monkeypatch, capfd)
    config = tmp_path / "config.yaml"
    config.write_text((ROOT / "config.yaml").read_text().replace(": []", f": [{allowed()}]"))
    for part in ("dialplan", "voicemail"):
        (tmp_path / part).symlink_to(ROOT / part)

    def said(command: str, *options: str) -> tuple[int, str]:
        state = ["--config", str(config), "--state", str(tmp_path / "state")]
        monkeypatch.setattr(sys, "argv", ["pbx-bridge", command, *options, *state])
        with pytest.raises(SystemExit) as end:
            main()
        told = capfd.readouterr()
        return int(end.value.code or 0), told.out + told.err

    return said


def allowed() -> str:
    return getpass.getuser()


def read(folder: Path) -> list[DataRead]:
    with reading(folder / "state") as connection:
        assert connection is not None
        events = [one.event for one in read_entries(connection, (DataRead,))]
    return [one for one in events if isinstance(one, DataRead)]


DAY = ("--from", f"{NOON:%Y-%m-%d}", "--to", "2026-11-24")


def test_calls_are_listed_for_a_reason_that_is_journaled(run: Run, tmp_path: Path) -> None:
    code, said = run("calls", *DAY, "--why", "revision av november", "--json")
    assert code == 0
    listed = json.loads(said)
    assert len(listed) > 8
    assert {"call", "caller", "wait_s", "steps", "talks"} <= listed[0].keys()
    (noted,) = read(tmp_path)
    assert (noted.who, noted.why) == (getpass.getuser(), "revision av november")
    _, told = run("calls", *DAY, "--why", "mer", "--outcome", "abandoned")
    assert all(" abandoned " in line for line in told.splitlines())
    assert 0 < len(told.splitlines()) < len(listed)


def test_of_an_outgoing_call_the_number_is_listed_and_not_the_trunk(
    run: Run, tmp_path: Path
) -> None:
    database = Database(database_file(tmp_path / "state"))
    shutil.copy(RECORDINGS / "cel_called_back.csv", tmp_path / "called.csv")
    asyncio.run(CelTail(tmp_path / "called.csv", database).catch_up())
    database.close()
    days = ("--from", "2026-11-28", "--to", "2026-11-29")
    _, told = run("calls", *days, "--why", "revision", "--outcome", "outgoing")
    assert " by 0401234567 " in told
    assert "operator" not in told


@pytest.mark.parametrize("number", ["018000101", "018-000 101", "+358 (0)18 000101"])
def test_calls_to_a_number_are_found_in_whatever_way_it_is_written(run: Run, number: str) -> None:
    _, said = run("calls", *DAY, "--why", "revision", "--number", number, "--json")
    found = json.loads(said)
    assert found
    assert {one["dialled"] for one in found} == {"018000101"}


def test_without_a_reason_nothing_is_shown(run: Run, tmp_path: Path) -> None:
    assert run("calls", *DAY, "--why", " ")[0] == 2
    assert run("calls", *DAY)[0] == 2
    assert read(tmp_path) == []


def test_a_caller_gets_all_that_is_known_of_them(run: Run, tmp_path: Path) -> None:
    code, said = run("subject", "+358 40 1234567", "--why", "begäran om registerutdrag")
    found = json.loads(said)
    assert code == 0
    assert {one["caller"] for one in found["calls"]} == {"0401234567"}
    assert [one["kind"] for one in found["journal"]] == ["PinRefused"]
    assert found["messages"] == []
    assert read(tmp_path)[0].what == "subject", "the number isn't journaled again"


def test_a_caller_gets_the_messages_that_they_have_left(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "state" / "asterisk"
    place = Running("127.0.0.1", 1, "127.0.0.1", 2, 3, 4, folder, (), "22.10.1", True, 0)
    save(place, tmp_path / "state")
    spool = Spool(place.messages)
    file = spool.leave("101", "17-1", caller="+358401234567")
    spool.leave("101", "18-1", caller="0409999999")
    _, said = run("subject", "040 1234567", "--why", "begäran om registerutdrag")
    (found,) = json.loads(said)["messages"]
    assert (found["mailbox"], found["id"], found["seconds"]) == ("101", "17-1", 12)
    assert found["sound"] == str(file.with_suffix(".wav"))


def test_a_report_is_noted_and_people_are_for_those_who_may_see_them(
    run: Run, tmp_path: Path
) -> None:
    assert run("report", *DAY)[0] == 0
    assert "people" not in read(tmp_path)[0].what
    assert run("report", *DAY, "--people")[0] == 2, "without a reason"
    code, said = run("report", *DAY, "--people", "--why", "utvecklingssamtal", "--format", "json")
    assert code == 0
    assert "by_person" in json.loads(said)
    assert read(tmp_path)[-1].what.startswith("report of people")
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text().replace(f"[{allowed()}]", "[somebody_else]"))
    code, said = run("report", *DAY, "--people", "--why", "nyfikenhet")
    assert code == 1
    assert "may_see_people" in said


def test_the_key_is_made_anew(run: Run, tmp_path: Path) -> None:
    key = tmp_path / "state" / "pseudonym.key"
    for _ in range(2):
        before = key.read_text() if key.exists() else ""
        assert run("new-pseudonyms")[0] == 0
        assert key.read_text() != before
