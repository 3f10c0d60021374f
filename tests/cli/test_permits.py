"""`permit`, `permits`, and what `explain` says of calls out (S27)."""

from __future__ import annotations

import asyncio
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cli.command import Run, Said
from cli.test_asking_the_bridge import answered
from core.plans import ZONE

from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.journal import SqliteJournal
from pbx_bridge.bootstrap import database_file
from pbx_bridge.cli import seeing
from pbx_bridge.config.site import read_deployment
from pbx_bridge.core.events import CalledOut


def test_s27_a_permit_is_asked_of_the_bridge(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    done = {"outcome": "command-done", "said": "Anna Berg får ringa.", "clause": ""}
    asked = answered(monkeypatch, done)
    said = run(
        *("permit", "101", "se", "Premium", "--until", "2026-12-31"),
        *("--approved-by", "kanslichefen"),
    )
    assert (said.code, said.out) == (0, "Anna Berg får ringa.\n")
    ((_, _, body),) = asked
    assert body["command"] == "GrantPermit"
    assert body["values"]["calls"] == ["SE", "premium"]
    assert body["values"]["approved_by"] == "kanslichefen"
    assert body["values"]["until"].startswith("2027-01-01T00:00")


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (("101",), 2, "name what may be called"),
        (("101", "SE"), 2, "a permit needs --until and --approved-by"),
        (("101", "SE", "--revoke"), 2, "or --revoke alone"),
        (("999", "SE", "--until", "14:30", "--approved-by", "x"), 1, "nobody has extension 999"),
        (("101", "XX", "--until", "14:30", "--approved-by", "x"), 1, "no class of numbers"),
    ],
)
def test_s27_half_a_permit_is_none(
    run: Run, arguments: tuple[str, ...], code: int, expected: str
) -> None:
    said = run("permit", *arguments)
    assert said.code == code
    assert expected in " ".join(said.err.replace("│", " ").split())


def test_s27_permits_are_listed_and_explained(run: Run, town: Path) -> None:
    assert run("permits").out == "nobody has a permit\n"
    today = datetime.now().astimezone().date()
    at, last = f"{today}T10:00", today + timedelta(days=300)
    barred = run("explain", "0046812345678", "--from", "101", "--at", at)
    assert "[outgoing-barred]" in barred.out
    people = town / "dialplan/people.yaml"
    permit = f"  permits:\n    - {{calls: [SE], until: {last}, approved_by: kanslichefen}}\n"
    people.write_text(people.read_text().replace("\n101:\n", f"\n101:\n{permit}"))
    listed = run("permits")
    assert listed.out.startswith(f"101 Anna Berg: SE until {last} 24:00")
    assert "approved by kanslichefen (plan)" in listed.out
    assert run("permits", "--json").json["permits"][0]["calls"] == ["SE"]
    let_out = run("explain", "0046812345678", "--from", "101", "--at", at)
    assert "[outgoing-permitted]" in let_out.out
    report = run("report", "--format", "json").json
    assert [(one["person"], one["ended"]) for one in report["permits"]] == [("101", False)]
    people.write_text(people.read_text().replace(f"until: {last}", "until: 2020-01-01"))
    checked = run("check")
    assert checked.code == 0
    assert "advice: dialplan/people.yaml:" in checked.out
    assert "the permit of 101 ended with 2020-01-01" in checked.out
    assert [one["advice"] for one in run("check", "--json").json] == [True]


def test_s27_check_tells_who_is_over_a_cap_that_was_lowered(run: Run, town: Path) -> None:
    state = read_deployment(town / "config.yaml").state
    state.mkdir(parents=True)
    now = datetime.now(ZONE)
    calls = [CalledOut(f"17.{one}", "101", f"040123456{one}", now, 10) for one in range(3)]
    with closing(Database(database_file(state))) as database:
        asyncio.run(SqliteJournal(database).append(now, calls))
    assert run("check").out == "no problems found\n"
    trunks = town / "dialplan/trunks.yaml"
    trunks.write_text(
        trunks.read_text().replace("person_day: {calls: 150", "person_day: {calls: 3")
    )
    said = run("check")
    assert said.code == 0
    assert "advice: dialplan/trunks.yaml:" in said.out
    assert "101 has called out so much already, and may call no more" in said.out


def test_check_needs_no_state_folder_that_it_may_read(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(seeing, "exchange_of", closed)
    assert run("check") == Said(0, "no problems found\n", "")
