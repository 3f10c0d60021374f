"""`report` on calls that a real Asterisk recorded."""

from __future__ import annotations

import asyncio
import csv
import json
import shutil
import sqlite3
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from core.plans import ROOT

from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.journal import SqliteJournal
from pbx_bridge.adapters.record import CelTail
from pbx_bridge.bootstrap import database_file
from pbx_bridge.cli import gathering
from pbx_bridge.cli.app import main
from pbx_bridge.core.events import (
    CapPassed,
    Event,
    LineShort,
    LineStaffed,
    NoticeDue,
    PermitGranted,
    PermitsRevoked,
    PhoneHoursBroken,
    PinRefused,
    ReferralCancelled,
    ReferralSet,
    ShieldLifted,
)
from pbx_bridge.core.state import About, Channel, Notice

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 23, 22, tzinfo=UTC)
RECORDINGS = Path(__file__).parents[1] / "recordings"

Report = Callable[[str], str]


JOURNAL: list[Event] = [
    ReferralSet("101", "lunch", NOON, NOON + timedelta(hours=1), "", "101"),
    ReferralCancelled("101", NOON, "101"),
    ShieldLifted("101", "111"),
    PinRefused("101", "0401234567", NOON),
    NoticeDue(Notice("gap", Channel.LIST, About.GAP, "", "101", NOON)),
    LineShort("bygglov", "no-answer", ("101",), (), NOON),
    LineStaffed("bygglov", NOON + timedelta(minutes=2)),
    PhoneHoursBroken(
        "bygglov", NOON - timedelta(hours=2), NOON - timedelta(hours=1), "akut", "101"
    ),
    PermitGranted("101", ("SE",), NOON, NOON + timedelta(days=30), "kanslichefen", "111"),
    PermitsRevoked("101", NOON + timedelta(hours=2), "technician:eva"),
    PermitGranted("102", ("NO",), NOON, MIDNIGHT, "kanslichefen", "technician:eva"),
    CapPassed("102", reached=False, at=NOON, until=MIDNIGHT),
    CapPassed("102", reached=True, at=NOON, until=MIDNIGHT),
    CapPassed("", reached=True, at=NOON, until=NOON + timedelta(hours=1)),
]


@pytest.fixture
def report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Report:
    """The report of the recorded day, in a format."""
    return prepared("report", tmp_path, monkeypatch, capfd)


@pytest.fixture
def compliance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Report:
    """The policy on the recorded day, in a format."""
    return prepared("compliance", tmp_path, monkeypatch, capfd)


def prepared(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    days: Sequence[str] = ("--from", "2026-11-23", "--to", "2026-11-24"),
) -> Report:
    state = tmp_path / "state"
    state.mkdir()
    database = Database(database_file(state))
    recordings = ("cel_three_calls", "cel_mobile", "cel_announcements", "cel_local_call")
    for name in (f"{one}.csv" for one in recordings):
        shutil.copy(RECORDINGS / name, tmp_path / name)
        assert asyncio.run(CelTail(tmp_path / name, database).catch_up()) > 0
    asyncio.run(SqliteJournal(database).append(NOON, JOURNAL))
    database.close()
    config = str(ROOT / "config.yaml")

    def said(format_: str) -> str:
        options = ["--config", config, "--state", str(state), "--format", format_, *days]
        monkeypatch.setattr(sys, "argv", ["pbx-bridge", command, *options])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 0
        return capfd.readouterr().out

    return said


def test_s7_the_report_shows_who_was_not_told_when_and_why(report: Report) -> None:
    assert """
Untold               1 (aim: none), 2 more gave up within 5 s
  no-step            1
""" in report("text")


def test_s7_untold_calls_are_in_json_and_csv_for_each_number(report: Report) -> None:
    found: Any = json.loads(report("json"))
    keys = ("offered", "untold", "untold_short", "untold_by_reason")
    assert [found["all"][key] for key in keys] == [9, 1, 2, {"no-step": 1}]
    mobile = found["by_number"]["018000102"]
    assert [mobile[key] for key in keys] == [5, 0, 1, {}]
    assert "102" not in found["by_number"]  # the exchange's own calls
    rows = {row["group"]: row for row in csv.DictReader(report("csv").splitlines())}
    assert [rows["all"][key] for key in keys] == ["9", "1", "2", '{"no-step": 1}']
    assert [rows["018000102"][key] for key in keys] == ["5", "0", "1", "{}"]


def test_the_csv_has_the_figures_beside_calls_of_the_whole_the_lines_and_the_subscriptions(
    report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    minutes = {"101": {"2026-11": 12.5, "2026-10": 3.0}}
    monkeypatch.setattr(gathering, "read_minutes", lambda *_: minutes)
    rows = {(row["by"], row["group"]): row for row in csv.DictReader(report("csv").splitlines())}
    whole = rows["all", "all"]
    names = ("too_few_s", "broken_min", "repaid_min", "owed_min", "returns_due", "returns_open")
    found: Any = json.loads(report("json"))
    sums = [
        sum(one["seconds"] for one in found["too_few"]),
        *(
            sum(one[key] for one in found["phone_hours_broken"]) / 60
            for key in ("broken_s", "repaid_s", "owed_s")
        ),
        found["returns"]["opened"],
        found["returns"]["overdue"],
    ]
    assert [float(whole[name]) for name in names] == pytest.approx(sums, abs=0.001)
    assert (whole["referrals_without_end"], whole["outgoing_min"]) == ("0", "15.5")
    line = rows["line", "bygglov"]
    assert float(line["too_few_s"]) == pytest.approx(
        sum(one["seconds"] for one in found["too_few"] if one["line"] == "bygglov"), abs=0.001
    )
    assert line["returns_due"] == ""
    assert rows["subscription", "Anna Berg"]["outgoing_min"] == "12.5"
    assert rows["subscription", "Anna Berg"]["offered"] == ""


def test_s27_permits_and_caps_are_in_each_format(report: Report) -> None:
    """How each permit ended, and that of a day with its day."""
    revoked = "taken back 2026-11-23 16:00 by technician:eva, approved by kanslichefen"
    ended = "ended 2026-11-23 24:00, approved by kanslichefen"
    barred = ("2026-11-23 14:00, barred until 2026-11-23 24:00", "barred until 2026-11-23 15:00")
    for page in (report("text"), report("html")):
        for row in (revoked, ended, *barred):
            assert row in page
    found: Any = json.loads(report("json"))
    assert [(one["person"], one["ended"]) for one in found["permits"]] == [
        ("101", True),
        ("102", True),
    ]
    by = [one["revoked"] and one["revoked"]["by"] for one in found["permits"]]
    assert by == ["technician:eva", None]
    rows = {(row["by"], row["group"]): row for row in csv.DictReader(report("csv").splitlines())}
    assert (rows["all", "all"]["permits"], rows["all", "all"]["caps_reached"]) == ("2", "2")
    bo = rows["subscription", "Bo Ek"]
    assert (bo["permits"], bo["caps_reached"]) == ("1", "1")


def test_s2_each_figure_of_the_policy_is_given_by_its_query(
    compliance: Report, tmp_path: Path
) -> None:
    """The SQL beside a figure, run as it stands, gives the figure."""
    rows = json.loads(compliance("json"))["clauses"]
    since = datetime(2026, 11, 22, 22, tzinfo=UTC)
    until = since + timedelta(days=2)
    compared = 0
    with sqlite3.connect(database_file(tmp_path / "state")) as connection:
        for row in rows:
            query, figure = row["query"], row["figure"]
            if not query.startswith("SELECT count(*)") or figure is None:
                continue
            journal = "FROM journal" in query
            ends = [
                one.isoformat() if journal else int(one.timestamp() * 1e6) for one in (since, until)
            ]
            (counted,) = connection.execute(query, dict(zip(("since", "until"), ends, strict=True)))
            assert counted == (figure,), row["clause"]
            compared += bool(figure)
    assert compared >= 5, "figures that are not zero"


def test_the_policy_is_told_in_text_and_csv(compliance: Report) -> None:
    assert "S8   met" in compliance("text")
    rows = list(csv.DictReader(compliance("csv").splitlines()))
    assert len(rows) == 29
    assert not any(row["figure"].startswith(("=", "+", "@")) for row in rows)


def test_the_page_stands_alone_and_callers_text_is_inert_in_it(report: Report) -> None:
    page = report("html")
    found = Page()
    found.feed(page)
    assert found.open == []
    assert "script" not in found.seen
    assert not any(word in page for word in ("http:", "https:", "@import", "url("))
    assert "The policy, clause by clause" in page
    assert page.count("<svg") >= 5


def test_s6_text_and_page_show_the_minutes_of_each_subscription(
    report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    minutes = {"101": {"2026-11": 3.04}, "199": {"2026-11": 0.5}}
    monkeypatch.setattr(gathering, "read_minutes", lambda *_: minutes)
    assert "Anna Berg                2026-11     3.0 min" in report("text")
    page = report("html")
    for name, spent in (("Anna Berg", "3.0"), ("199", "0.5")):
        assert f'Outgoing, {name}</td><td class="n">{spent} min</td><td>2026-11' in page


class Page(HTMLParser):
    """Which tags there are, and which were left open."""

    EMPTY = ("meta",)

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_trend_is_against_as_many_days_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The recorded calls are of two days; of the two days after them they are the days before."""
    days = ["--from", "2026-11-25", "--to", "2026-11-26"]
    later = prepared("report", tmp_path, monkeypatch, capfd, days)
    found = json.loads(later("json"))
    assert (found["all"]["offered"], found["before"]["offered"] > 0) == (0, True)
    told = later("text")
    assert f"As many days before (from 2026-11-23): {found['before']['offered']} calls (-" in told
