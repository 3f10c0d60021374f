"""The command line: what it prints, and the exit codes that scripts lean on."""

from __future__ import annotations

import asyncio
import csv
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cli.command import Run, Said
from core.plans import DAY, PLAN, ZONE, at

from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.journal import SqliteJournal
from pbx_bridge.adapters.journal.store import read_entries
from pbx_bridge.bootstrap import database_file
from pbx_bridge.cli import running
from pbx_bridge.cli.lines import row
from pbx_bridge.cli.options import reading, this_user
from pbx_bridge.core.events import BridgeStarted, DataRead, ReferralSet
from pbx_bridge.core.hours import Opening

AT = "2026-03-03 10:00"


def journal(town: Path, *events: ReferralSet) -> Path:
    """A journal in the state folder, with a start and `events`."""
    state = town / "state"
    state.mkdir()

    async def write() -> None:
        database = Database(database_file(state))
        kept = SqliteJournal(database)
        await kept.append(DAY, [BridgeStarted(PLAN.version, "0.1.0"), *events])
        await kept.close()
        database.close()

    asyncio.run(write())
    return database_file(state)


def away(person: str, reason: str) -> ReferralSet:
    until = datetime(2026, 3, 3, 14, 30, tzinfo=ZONE)
    return ReferralSet(person, reason, DAY.astimezone(UTC), until, "", person)


def test_the_sample_has_no_problems(run: Run) -> None:
    assert run("check") == Said(0, "no problems found\n", "")
    assert run("check", "--json").json == []


def test_f36_every_problem_is_shown_with_file_and_line_and_exits_1(run: Run, town: Path) -> None:
    people = town / "dialplan/people.yaml"
    lines = people.read_text().splitlines()
    first = lines.index("  unit: skola") + 1
    people.write_text("\n".join(lines).replace("unit: skola", "unit: skolan") + "\n")
    said = run("check")
    assert said.code == 1
    assert f"dialplan/people.yaml:{first}: " in said.out
    assert 'did you mean "skola"?' in said.out
    found = run("check", "--json")
    assert found.code == 1
    problem = next(one for one in found.json if one["line"] == first)
    assert problem["file"] == "dialplan/people.yaml"
    assert set(problem) == {"file", "line", "what", "hint", "advice"}

    said = run("explain", "018000101")
    assert said.code == 1
    assert f"dialplan/people.yaml:{first}: " in said.err
    assert said.err.endswith("nothing was changed\n")


def test_f36_a_config_with_problems_is_json_too(run: Run, town: Path) -> None:
    (town / "config.yaml").write_text("log_level: loud\nlanguage: sv\nlanguage: fi\n")
    found = run("check", "--json")
    assert found.code == 1
    assert {(one["file"].rpartition("/")[2], one["line"]) for one in found.json} >= {
        ("config.yaml", 1)
    }


def test_explain_tells_the_way_and_its_rules(run: Run) -> None:
    said = run("explain", "018 000 101", "--at", "2026-03-03T10:00:00", "--from", "0401234567")
    assert said.code == 0
    head, first, *_, last = said.out.splitlines()
    assert head.startswith("018000101 at 2026-03-03 10:00")
    assert first == "  1. ring Anna Berg (101) for 20 s  [person-rings]"
    assert last.endswith("hang up  [nothing-left]")


def test_explain_tells_whose_messages_a_code_opens(run: Run) -> None:
    said = run("explain", "*97", "--from", "101")
    assert "1. hear the messages of mailbox 101  [mailbox-opened]" in said.out
    outside = run("explain", "*97", "--from", "0401234567")
    assert "mailbox-opened" not in outside.out


def test_explain_tells_an_emergency_call_as_it_goes(run: Run) -> None:
    """Whatever stands before the number: it is never withheld."""
    plain = run("explain", "112", "--from", "105", "--at", AT).out
    withheld = run("explain", "#31#112", "--from", "105", "--at", AT).out
    assert withheld == plain.replace("112 at", "112, our number shown all the same, at", 1)
    _, first, second, *_ = plain.splitlines()
    assert first.endswith("and tell the switchboard at once  [emergency]")
    assert "Nödsamtalet kunde inte kopplas fram." in second
    assert second.endswith("[emergency-failed]")


def test_explain_says_what_a_call_from_outside_is_not(run: Run) -> None:
    hint = "That is a call from outside; with --from 101 it is one of a phone here."
    assert run("explain", "112", "--at", AT).out.splitlines()[-1] == hint
    assert hint not in run("explain", "112", "--from", "105", "--at", AT).out
    assert hint not in run("explain", "018000101", "--at", AT).out
    nobody = run("explain", "0401234567", "--from", "199", "--at", AT)
    assert nobody.code == 1
    assert "nobody has extension 199" in nobody.err


def test_explain_as_json_is_stable(run: Run) -> None:
    found = run("explain", "101", "--at", AT, "--json")
    assert found.code == 0
    assert found.json.keys() == {"number", "at", "steps"}
    assert found.json["at"] == "2026-03-03T10:00:00+02:00"
    first = {"step": "ring Anna Berg (101) for 20 s", "why": "person-rings", "then": "NOANSWER"}
    assert found.json["steps"][0] == first


def test_explain_asks_the_journal_who_is_away(run: Run, town: Path) -> None:
    journal(town, away("101", "mote"))
    said = run("explain", "101", "--at", AT)
    assert "Anna Berg är i möte" in said.out
    assert "[person-absent]" in said.out


def test_f37_explain_bears_a_referral_whose_reason_has_left_the_plan(run: Run, town: Path) -> None:
    journal(town, away("101", "mote"), away("199", "lunch"))
    reasons = town / "dialplan/reasons.yaml"
    reasons.write_text(reasons.read_text().replace("name: mote", "name: sammantrade"))
    said = run("explain", "101", "--at", AT)
    assert (said.code, said.err) == (0, "")
    assert "[person-rings]" in said.out


@pytest.mark.parametrize(
    "number", ["500&PJSIP/x", "<img onerror=x>", "=cmd()", "018\u202e001", "9" * 10_240, "#", "+"]
)
def test_f23_explain_says_that_a_hostile_number_is_nobodys(run: Run, number: str) -> None:
    found = run("explain", number, "--at", AT, "--json")
    assert found.code == 0
    assert found.json["steps"][0]["why"] == "unknown-number"


def test_a_report_on_an_empty_state_has_no_calls(run: Run, town: Path) -> None:
    said = run("report", "--from", "2026-03-02", "--to", "2026-03-03")
    assert said.code == 0
    assert said.out.startswith("Norrskärs kommun, 2026-03-02 to 2026-03-03\n")
    found = run("report", "--from", "2026-03-02", "--format", "json")
    groups = {f"by_{one}" for one in ("number", "line", "unit", "hour", "weekday", "day")}
    keys = {"from", "to", "all", "too_few", "phone_hours_broken", *groups}
    keys |= {"before", "returns", "outgoing_minutes", "permits", "caps_reached", "clauses"}
    assert found.json.keys() == keys
    assert found.json["by_number"] == {}
    rows = list(csv.reader(run("report", "--format", "csv").out.splitlines()))
    assert rows[1][0] == "all"
    assert not (town / "state").exists()


def test_a_report_on_a_journal_without_calls_has_no_calls_either(run: Run, town: Path) -> None:
    journal(town)
    assert run("report", "--from", "2026-03-02").code == 0


def test_a_period_that_ends_before_it_begins_is_usage(run: Run) -> None:
    said = run("report", "--from", "2026-03-03", "--to", "2026-03-02")
    assert said.code == 2


def test_f34_verify_finds_the_first_row_that_was_changed(run: Run, town: Path) -> None:
    assert run("verify").code == 0
    assert run("verify", "--json").json == {"intact": True, "rows": 0, "heads": 0}
    path = journal(town, away("101", "mote"))
    assert run("verify") == Said(0, "intact: 2 rows\n", "")
    assert run("verify", "--json").json == {"intact": True, "rows": 2, "heads": 0}
    connection = sqlite3.connect(path)
    connection.execute("UPDATE journal SET body = replace(body, 'mote', 'sjuk') WHERE seq = 2")
    connection.commit()
    connection.close()
    said = run("verify")
    assert said.code == 1
    assert said.out.startswith("BROKEN at row 2: ")
    assert run("verify", "--json").json["row"] == 2


@pytest.mark.parametrize("command", [("verify",), ("explain", "101"), ("report",)])
def test_f33_a_database_that_is_none_is_told_in_one_sentence(
    run: Run, town: Path, command: tuple[str, ...]
) -> None:
    path = journal(town)
    path.write_bytes(b"not a database" * 100)
    for other in path.parent.glob("*.sqlite-*"):
        other.unlink()
    said = run(*command)
    assert said.code == 4
    assert f"{path.name} can't be read" in said.err
    assert "restore it from a backup" in said.err


def test_render_writes_the_configuration_for_nobody_else_to_read(run: Run, town: Path) -> None:
    said = run("render", str(town / "etc"))
    assert said.code == 0
    names = {path.name for path in (town / "etc").iterdir()}
    assert {"pjsip.conf", "extensions.conf", "ari.conf", "manager.conf"} <= names
    assert (town / "etc").stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in (town / "etc").iterdir())
    before = {path.name: path.read_bytes() for path in (town / "etc").iterdir()}
    secret = run("phone", "101", "--json").json["secret"]
    assert secret.encode() in before["pjsip.conf"]


def test_a_phone_is_told_what_to_type(run: Run) -> None:
    found = run("phone", "101", "--json").json
    assert found.keys() >= {"name", "user", "secret", "server", "transport"}
    assert (found["name"], found["user"]) == ("Anna Berg", "101")
    said = run("phone", "101")
    assert f"secret     {found['secret']}\n" in said.out


def test_each_device_has_a_user_name_and_a_password_of_its_own(run: Run) -> None:
    desk = run("phone", "104", "--json").json
    softphone = run("phone", "104", "softphone", "--json").json
    assert (desk["device"], desk["user"]) == ("desk", "104")
    assert (softphone["device"], softphone["user"]) == ("softphone", "104-softphone")
    assert desk["secret"] != softphone["secret"]
    assert desk["pin"] == softphone["pin"]
    assert "softphone: pbx-bridge phone 104 softphone\n" in run("phone", "104").out
    said = run("phone", "104", "softfone")
    assert (said.code, said.out) == (1, "")
    assert said.err == "Daniel Holm (104) has no device 'softfone', did you mean \"softphone\"?\n"


def test_whoever_reads_a_password_is_journaled(run: Run, town: Path) -> None:
    assert run("phone", "101").code == 0
    with reading(town / "state") as connection:
        assert connection is not None
        (entry,) = read_entries(connection, (DataRead,))
    assert isinstance(entry.event, DataRead)
    assert (entry.event.what, entry.event.who) == ("phone 101", this_user())


def test_a_password_is_not_shown_where_that_can_not_be_journaled(run: Run, town: Path) -> None:
    secret = run("phone", "101", "--json").json["secret"]
    (town / "state" / "pbx-bridge.sqlite").write_bytes(b"\xff" * 4096)
    said = run("phone", "101")
    assert said.code != 0
    assert secret not in said.out + said.err


@pytest.mark.parametrize(("user", "lines"), [(0, 1), (1000, 0)])
def test_root_is_told_in_one_line(
    user: int, lines: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    running._say_if_root()
    assert capsys.readouterr().err.count("\n") == lines


def test_a_phone_of_nobody_is_refused_with_a_guess(run: Run) -> None:
    said = run("phone", "1011")
    assert said.code == 1
    assert said.err == 'nobody has extension 1011, did you mean "101"?\n'
    assert said.out == ""


@pytest.mark.parametrize(
    "command",
    [
        ("nonsense",),
        ("check", "--nonsense"),
        ("explain",),
        ("explain", "101", "--at", "tomorrow"),
        ("refer", "101", "lunch", "25:00"),
        ("refer", "101", "mote"),
        ("refer", "101", "mote", "14:30", "--from", "noon"),
        ("forward", "102"),
        ("forward", "102", "101", "--withdraw"),
        ("forward", "102", "101", "--accept", "--decline"),
        ("report", "--format", "xml"),
        ("check", "--config", "nowhere.yaml"),
        ("up", "--sip-port", "70000"),
    ],
)
def test_usage_exits_2(run: Run, command: tuple[str, ...]) -> None:
    said = run(*command)
    assert said.code == 2
    assert said.out == ""
    assert "Error" in said.err


def test_f33_a_state_folder_that_can_not_be_made_is_told(run: Run, town: Path) -> None:
    (town / "state").write_text("a file where the folder should be")
    said = run("phone", "101")
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert "state" in said.err


def test_s18_the_cover_chart_shows_who_attends_what_and_the_gaps(run: Run) -> None:
    days = ("--from", "2027-03-01", "--to", "2027-03-02")
    whole = run("cover", *days)
    assert whole.code == 0
    assert "bygglovsrådgivningen  (9:00-11:00, 30 minutes a mark)" in whole.out
    assert "Anna Berg       ████ ████" in whole.out
    assert whole.out.endswith("No gaps.\n")
    what_if = run("cover", *days, "--absent", "101")
    assert "Anna Berg       ···· ····" in what_if.out
    assert "too few         !!!! !!!!" in what_if.out
    gap = "  ! bygglov: Mon 2027-03-01 09:00-11:00, 0 of 1 there; could cover: Bo Ek"
    assert gap in what_if.out
    found = run("cover", *days, "--absent", "101", "--json")
    assert [one["since"] for one in found.json] == [
        "2027-03-01T09:00+02:00",
        "2027-03-02T09:00+02:00",
    ]


def test_unknown_lines_and_emergencies_are_told_with_what_there_is(run: Run) -> None:
    unknown = run("break-hours", "bygglow", "--until", "10:30")
    assert unknown.code == 1
    assert "there is no line 'bygglow', did you mean" in unknown.err
    wrong = run("break-hours", "2", "--until", "10:30", "--note", "9")
    assert "no emergency '9'; organisation.yaml has: 1 ett brådskande ärende; 2" in wrong.err
    unsaid = run("break-hours", "2", "--until", "10:30")
    assert (unsaid.code, "--note: number of the emergency; " in unsaid.err) == (1, True)
    assert run("resume-hours", "bygglov").code == 3  # no bridge runs


def test_hours_of_days_that_end_before_they_begin_are_refused(run: Run) -> None:
    found = run("hours", "skola", "--from", "2027-06-23", "--to", "2027-06-22")
    assert (found.code, found.out) == (2, "")
    assert "--to 2027-06-22 is before --from 2027-06-23" in found.err


def test_the_hours_of_a_line_or_unit_tell_the_rule_behind_each_edge(run: Run) -> None:
    found = run("hours", "skola", "--from", "2027-06-23", "--to", "2027-06-28")
    assert found.out.splitlines() == [
        "Wed 2027-06-23 09:00 (season sommar) - 12:00 (season sommar)",
        "Thu 2027-06-24 08:30 (eve of Midsommarafton) - 12:00 (eve of Midsommarafton)",
        "Mon 2027-06-28 09:00 (season sommar) - 12:00 (season sommar)",
    ]
    lunch = run("hours", "kommunkansliet", "--from", "2027-03-01", "--to", "2027-03-01", "--json")
    assert [(one["opens"], one["closes"]) for one in lunch.json] == [
        ("week", "lunch"),
        ("lunch", "week"),
    ]
    night = run("hours", "3", "--from", "2027-03-01", "--to", "2027-03-01")
    assert "Mon 2027-03-01 16:00 (week) - 08:00 Tue (week)" in night.out
    assert run("hours", "vaxeln").code == 1


def test_explain_says_whether_a_line_is_open_and_which_rule_says_so(run: Run) -> None:
    lunch = run("explain", "018000130", "--at", "2027-03-01T10:00")
    open_ = "bygglov is open: Mon 2027-03-01 09:00 (week) - 11:00 (week)"
    assert lunch.out.splitlines()[0] == open_
    eve = run("explain", "018000130", "--at", "2027-03-25T12:00")
    assert (
        eve.out.splitlines()[0] == "bygglov is closed: Tue 2027-03-30 09:00 (week) - 11:00 (week)"
    )


@pytest.mark.parametrize(
    "command",
    [
        ("report",),
        ("verify",),
        ("status",),
        ("calls", "--why", "w"),
        ("subject", "0401234567", "--why", "w"),
        ("erase",),
        ("cover",),
        ("export", "e.jsonl"),
        ("backup", "b.tar"),
        ("update",),
        ("phone", "101"),
        ("explain", "101"),
        ("refer", "101", "lunch"),
        ("reload",),
    ],
    ids=lambda command: str(command[0]),
)
def test_a_state_folder_that_is_not_there_is_refused_and_not_made(
    run: Run, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """A misspelled `--state` gave an empty report, and `phone` made secrets that nobody uses."""
    wrong = tmp_path / "misspelled"
    said = run(*command, "--state", str(wrong))
    assert (said.code, said.out) == (1, "")
    assert said.err == f"{wrong}: there is no such folder; name an exchange's --state\n"
    assert not wrong.exists()


def test_a_number_without_its_plus_is_read_as_one_with_it(run: Run) -> None:
    said = run("subject", "358401234567", "--why", "w")
    assert (said.code, said.json["number"]) == (0, "0401234567")


def test_a_moment_may_be_a_time_of_today(run: Run) -> None:
    said = run("explain", "101", "--at", "10:00", "--json")
    assert said.code == 0
    assert "T10:00:00" in said.json["at"]


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("2026-03-03 18:00", "18:00"),
        ("2026-03-04 00:00", "24:00"),
        ("2026-03-04 02:00", "02:00 Wed"),
    ],
)
def test_what_closes_at_midnight_closes_with_its_day(end: str, told: str) -> None:
    opening = Opening(at("2026-03-03 09:00"), at(end))
    assert row(opening) == f"Tue 2026-03-03 09:00 (week) - {told} (week)"
