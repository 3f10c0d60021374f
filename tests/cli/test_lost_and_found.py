"""`lost` and `found` at the command line, where nothing of the exchange may answer (S26)."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from cli.command import Run

from pbx_bridge.adapters import control
from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.journal.store import SqliteJournal
from pbx_bridge.bootstrap import database_file
from pbx_bridge.core.events import NoticeDue, PhoneBlocked

STATE = Path("state")


def journal() -> list[object]:
    """What is in the journal of the town; one is begun where there is none."""
    STATE.mkdir(mode=0o700, exist_ok=True)
    with closing(Database(database_file(STATE))) as database:
        return [one.event for one in SqliteJournal(database).entries()]


def test_f40_where_nothing_runs_it_is_stored_and_said_to_hold_later(run: Run) -> None:
    assert journal() == []
    said = run("lost", "105", "--note", "på färjan")
    assert said.code == 3
    assert "STORED, BUT ASTERISK DOES NOT KNOW OF IT YET: it isn't running" in said.err
    assert "While Asterisk isn't running nobody can call" in said.err
    (blocked,) = [one for one in journal() if isinstance(one, PhoneBlocked)]
    assert (blocked.person, blocked.device, blocked.note) == ("105", "", "på färjan")
    assert blocked.by.startswith("technician:")
    told = [one.notice for one in journal() if isinstance(one, NoticeDue)]
    assert {one.to for one in told} == {"", "104"}


def test_who_prints_what_to_type_into_a_lost_telephone_is_told_that_it_is_blocked(
    run: Run,
) -> None:
    assert journal() == []
    assert "blocked as lost" not in run("phone", "104", "softphone").err
    run("lost", "104", "softphone")
    assert "blocked as lost since" in run("phone", "104", "softphone").err
    assert "blocked as lost" not in run("phone", "104").err


@pytest.mark.parametrize("command", ["lost", "found"])
def test_without_any_exchange_the_exit_is_3_and_none_is_begun(run: Run, command: str) -> None:
    said = run(command, "105")
    assert said.code == 3
    assert "start one with `pbx-bridge up`" in said.err
    assert not database_file(STATE).exists()


@pytest.mark.parametrize("command", ["lost", "found"])
def test_what_nobody_has_is_refused_with_what_there_is(run: Run, command: str) -> None:
    said = run(command, "104", "fax")
    assert said.code == 1
    assert "Daniel Holm (104) has no 'fax'; there is desk, softphone" in said.err
    assert run(command, "101", "mobile").code == 1
    assert "nobody has extension 140, did you mean" in run(command, "140").err


@pytest.mark.parametrize(
    ("words", "question", "body"),
    [
        (
            ("lost", "104", "softphone", "--note", "tåget"),
            "command",
            {
                "command": "BlockPhone",
                "values": {"person": "104", "device": "softphone", "note": "tåget"},
            },
        ),
        (("found", "104", "softphone"), "found", {"person": "104", "device": "softphone"}),
    ],
)
def test_a_bridge_that_answers_is_asked(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    question: str,
    body: dict[str, object],
) -> None:
    asked: list[object] = []

    async def ask(_: Path, *what: object) -> dict[str, str]:
        asked.extend(what[:2])
        return {"outcome": "command-done", "said": "Spärrat.", "clause": ""}

    monkeypatch.setattr(control, "ask", ask)
    said = run(*words)
    assert (said.code, said.out) == (0, "Spärrat.\n")
    assert asked == [question, body]


@pytest.mark.parametrize("command", ["lost", "found"])
def test_a_file_that_can_not_be_read_keeps_no_telephone_from_being_blocked(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """The bridge works on with the plan of before; without one it is said what to do."""
    hours = Path("dialplan/hours.yaml")
    hours.write_text(hours.read_text() + "  broken: [\n")
    asked: list[object] = []

    async def ask(_: Path, *what: object) -> dict[str, str]:
        asked.extend(what[:1])
        return {"outcome": "command-done", "said": "Gjort.", "clause": ""}

    STATE.mkdir(mode=0o700, exist_ok=True)
    if command == "lost":
        said = run("lost", "105")
        assert said.code == 1
        assert "NOT BLOCKED: without a bridge the files below have to be right first" in said.err
        assert "dialplan/hours.yaml:" in said.err
    monkeypatch.setattr(control, "ask", ask)
    assert (run(command, "105").code, len(asked)) == (0, 1)
