"""Commands that a running bridge carries out, and what is said when there is none."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cli.command import Run, Said

from pbx_bridge.adapters import control
from pbx_bridge.adapters.control import Control
from pbx_bridge.bootstrap import control_socket
from pbx_bridge.ports import PbxRejected


@pytest.mark.parametrize(
    "command",
    [
        ("refer", "101", "lunch", "2099-01-02T14:30"),
        ("refer", "101", "--cancel"),
        ("status",),
        ("reload",),
        ("call", "018000101"),
    ],
)
def test_without_an_exchange_the_exit_is_3_with_what_to_do(
    run: Run, command: tuple[str, ...]
) -> None:
    said = run(*command)
    assert said.code == 3
    assert "start one with `pbx-bridge up`" in said.err
    assert said.err.count("\n") == 1


def test_serve_without_an_exchange_exits_3(town: Path) -> None:
    """In a process of its own: it takes over the logs."""
    done = subprocess.run(
        [sys.executable, "-m", "pbx_bridge", "serve"],
        cwd=town,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 3
    assert "start one with `pbx-bridge up`" in done.stderr
    assert "Traceback" not in done.stderr


def answered(
    monkeypatch: pytest.MonkeyPatch, answer: Mapping[str, object] | Exception
) -> list[Any]:
    """A bridge that gives every question one answer; what it was asked."""
    asked: list[Any] = []

    async def ask(path: Path, question: str, body: object = None) -> Mapping[str, object]:
        asked.append((path, question, body))
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(control, "ask", ask)
    return asked


def test_a_reason_that_there_is_not_is_refused_with_a_guess(run: Run) -> None:
    said = run("refer", "101", "lunsh", "14:30")
    assert (said.code, said.err) == (1, "no reason 'lunsh', did you mean \"lunch\"?\n")


def test_refer_asks_the_running_bridge_and_says_its_words(
    run: Run, town: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = {"outcome": "command-done", "said": "Hänvisningen är satt.", "clause": ""}
    asked = answered(monkeypatch, done)
    said = run("refer", "101", "5", "2030-08-05T14:30")
    assert (said.code, said.out) == (0, "Hänvisningen är satt.\n")
    values = {
        "person": "101",
        "by": "technician",
        "reason": "semester",
        "until": "2030-08-05T14:30:00+03:00",
        "note": "",
    }
    body = {"command": "SetReferral", "values": values}
    assert asked == [(control_socket(town / "state"), "command", body)]


@pytest.mark.parametrize(
    ("command", "name", "values"),
    [
        (
            ("refer", "101", "semester", "2030-08-19", "--from", "2030-08-03"),
            "SetReferral",
            {
                "person": "101",
                "reason": "semester",
                "since": "2030-08-05T08:30:00+03:00",  # a Saturday: from Monday
                "until": "2030-08-19T08:30:00+03:00",
                "note": "",
            },
        ),
        (("refer", "101", "--cancel"), "CancelReferral", {"person": "101"}),
        (
            ("refer", "101", "--cancel", "--from", "2030-08-05T08:30"),
            "CancelReferral",
            {"person": "101", "at": "2030-08-05T08:30:00+03:00"},
        ),
        (("forward", "102", "101"), "OfferForward", {"person": "102", "to": "101"}),
        (("forward", "102", "--withdraw"), "WithdrawForward", {"person": "102"}),
        (
            ("forward", "102", "101", "--accept"),
            "AnswerForward",
            {"person": "102", "to": "101", "accepts": True},
        ),
        (
            ("forward", "102", "101", "--decline"),
            "AnswerForward",
            {"person": "102", "to": "101", "accepts": False},
        ),
    ],
)
def test_commands_for_people_reach_the_bridge(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    name: str,
    values: Mapping[str, object],
) -> None:
    asked = answered(monkeypatch, {"outcome": "command-done", "said": "Klart.", "clause": ""})
    said = run(*command)
    assert (said.code, said.out) == (0, "Klart.\n")
    assert asked[0][2] == {"command": name, "values": {**values, "by": "technician"}}


def test_an_end_that_the_reason_has_itself_needs_not_be_written(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answered(monkeypatch, {"outcome": "command-done", "said": "Klart.", "clause": ""})
    before = datetime.now().astimezone()
    assert run("refer", "101", "lunch").code == 0
    until = datetime.fromisoformat(asked[0][2]["values"]["until"])
    assert timedelta(minutes=44) < until - before < timedelta(minutes=46)


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (("refer", "999", "lunch"), "nobody has extension 999"),
        (("forward", "102", "999"), "nobody has extension 999"),
        (("refer", "101", "mote", "2020-01-01T10:00"), "Den tiden har redan passerat."),
    ],
)
def test_what_the_plan_does_not_allow_is_said_before_the_bridge_is_asked(
    run: Run, command: tuple[str, ...], problem: str
) -> None:
    said = run(*command)
    assert said.code == 1
    assert problem in said.err


def test_a_refusal_of_the_bridge_exits_1_with_its_clause(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    no = {"outcome": "command-refused", "said": "Du är den sista.", "clause": "S18"}
    answered(monkeypatch, no)
    said = run("refer", "111", "--cancel")
    assert (said.code, said.out) == (1, "Du är den sista. (S18)\n")
    assert run("refer", "111", "--cancel", "--json").json == no
    answered(monkeypatch, PbxRejected("the bridge refuses 'command': until"))
    said = run("refer", "111", "--cancel")
    assert (said.code, said.err) == (1, "the bridge refuses 'command': until\n")


def test_reload_with_problems_exits_1_and_shows_them(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(monkeypatch, {"plan": "abc", "problems": ["dialplan/people.yaml:7: no"]})
    assert run("reload") == Said(1, "dialplan/people.yaml:7: no\n", "")
    answered(monkeypatch, {"plan": "abc", "problems": []})
    assert run("reload") == Said(0, "plan abc is in force\n", "")
    answered(monkeypatch, {"plan": "abc", "problems": [], "advice": ["dialplan/trunks.yaml:7: so"]})
    said = "plan abc is in force\nadvice: dialplan/trunks.yaml:7: so\n"
    assert run("reload") == Said(0, said, "")


def test_the_real_door_is_asked(run: Run, town: Path) -> None:
    """The question goes through a socket and back; the state folder is given by option."""

    async def status(_: Mapping[str, Any], __: str) -> Mapping[str, object]:
        return {"links": {"ari": True}}

    state = town / "s"
    state.mkdir()

    async def served() -> Said:
        async with Control(control_socket(state), {"status": status}):
            return await asyncio.to_thread(run, "status", "--state", str(state), "--json")

    assert asyncio.run(served()).json == {"links": {"ari": True}}
