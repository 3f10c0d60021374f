"""Every command that takes a telephone number knows it in every way that people write it."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cli.command import Run
from core.plans import DAY, ROOT
from core.test_numbers import SPELLINGS

from pbx_bridge.adapters import control
from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.journal import SqliteJournal
from pbx_bridge.asterisk.running import Running, save
from pbx_bridge.bootstrap import database_file
from pbx_bridge.cli import calling, options
from pbx_bridge.config import site
from pbx_bridge.config.deployment import Deployment
from pbx_bridge.config.site import Site
from pbx_bridge.core.events import CallBackAsked, ReturnDue
from pbx_bridge.core.state import Opened
from pbx_bridge.softphone.sipp import SoftphoneFailed

CALLER = "0401112223"
OTHER = "0409999999"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan is the same in all these tests."""

    def read_site(deployment: Deployment, today: date) -> Site:
        return replace(sample(today), deployment=deployment)

    monkeypatch.setattr(options, "read_site", read_site)


@cache
def sample(today: date) -> Site:
    return site.read_site(site.read_deployment(ROOT / "config.yaml"), today)


@pytest.fixture
def asked(
    town: Path, monkeypatch: pytest.MonkeyPatch, journaled: None
) -> list[tuple[str, Mapping[str, Any]]]:
    """A bridge that says yes to everything; what it was asked."""
    found: list[tuple[str, Mapping[str, Any]]] = []

    async def ask(path: Path, question: str, body: Mapping[str, Any]) -> Mapping[str, object]:
        found.append((question, body))
        if question == "erase":
            return {"calls": 1}
        return {"outcome": "command-done", "said": "Klart.", "clause": ""}

    monkeypatch.setattr(control, "ask", ask)
    return found


@pytest.fixture
def journaled(town: Path) -> None:
    """Two callers wait for 101."""
    (town / "state").mkdir()

    async def write() -> None:
        database = Database(database_file(town / "state"))
        kept = SqliteJournal(database)
        for number in (CALLER, OTHER):
            due = ReturnDue("101", number, f"1.{number}", Opened.ASKED, DAY, DAY)
            await kept.append(DAY, [due, CallBackAsked("1.1", "101", number, DAY)])
        await kept.close()
        database.close()

    asyncio.run(write())


@pytest.mark.parametrize("number", SPELLINGS)
def test_subject_and_returns_find_the_caller(run: Run, journaled: None, number: str) -> None:
    found = run("subject", number, "--why", "begäran").json
    assert found["number"] == CALLER
    assert {one["number"] for one in found["journal"]} == {CALLER}
    assert len(found["journal"]) == 2
    assert [one["number"] for one in run("returns", number, "--json").json] == [CALLER]


@pytest.mark.parametrize("number", SPELLINGS)
def test_erase_promise_and_contacted_mean_the_caller(
    run: Run, asked: list[tuple[str, Mapping[str, Any]]], number: str
) -> None:
    assert run("erase", number, "--why", "begäran", "--yes").code == 0
    assert run("promise", "101", number, "2099-01-02T10:00").code == 0
    assert run("contacted", "101", number).code == 0
    erased, promised, contacted = (body for question, body in asked if question != "reading")
    assert erased["number"] == CALLER
    assert promised["values"]["number"] == CALLER
    assert contacted["values"]["number"] == CALLER


@pytest.mark.parametrize(
    "number",
    [one.replace("0401112223", "018000101") for one in ("0401112223", "018-000 101")]
    + ["018 000 101", "(018) 000-101", "+358 18 000101", "0035818000101", "018\u2011000\u00a0101"],
)
def test_explain_and_call_mean_the_number_of_the_house(
    run: Run, town: Path, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    found = run("explain", number, "--from", "040-111 2223", "--json").json
    assert found["number"] == "018000101"
    assert found["steps"][0]["why"] != "unknown-number"
    (town / "state").mkdir()
    folder = town / "state" / "asterisk"
    save(Running("127.0.0.1", 1, "127.0.0.1", 2, 3, 4, folder, (), "22", True, 0), folder.parent)
    dialled: dict[str, Any] = {}

    async def place_call(*_: object, **values: Any) -> None:
        dialled.update(values)
        raise SoftphoneFailed("no line here")

    @asynccontextmanager
    async def watching(*_: object) -> Any:
        yield

    monkeypatch.setattr(calling, "watching", watching)
    monkeypatch.setattr(calling, "place_call", place_call)
    monkeypatch.setattr(calling, "sipp_program", list)
    run("call", number, "--from", "+358 40-111 2223")
    assert (dialled["to"], dialled["from_number"]) == ("018000101", CALLER)


@pytest.mark.parametrize("nonsense", ["hej", "040-ABC", "", "9" * 20])
@pytest.mark.parametrize(
    "command",
    [
        lambda number: ("subject", number, "--why", "x"),
        lambda number: ("erase", number or "-", "--why", "x", "--yes"),
        lambda number: ("promise", "101", number, "2099-01-02T10:00"),
        lambda number: ("contacted", "101", number),
        lambda number: ("call", number),
        lambda number: ("calls", "--number", number or "-", "--why", "x"),
        lambda number: ("explain", "101", "--from", number or "-"),
    ],
)
def test_what_is_no_number_is_refused(
    run: Run,
    asked: list[tuple[str, Mapping[str, Any]]],
    command: Callable[[str], tuple[str, ...]],
    nonsense: str,
) -> None:
    said = run(*command(nonsense))
    assert (said.code, said.out) == (1, "")
    assert "is no telephone number" in said.err
    assert asked == []


def test_a_number_is_erased_only_knowingly(
    run: Run,
    asked: list[tuple[str, Mapping[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert run("erase", CALLER).code == 2, "without a reason"
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    said = run("erase", CALLER, "--why", "begäran")
    assert said.code == 1
    assert "0 calls with their details, 0 messages and 2 entries" in said.err
    assert "--yes" in said.err
    for answer, code in (("n", 1), ("y", 0)):
        monkeypatch.setattr(sys, "stdin", Terminal(f"{answer}\n"))
        assert run("erase", CALLER, "--why", "begäran").code == code
    assert [question for question, _ in asked if question == "erase"] == ["erase"]
    assert run("erase").code == 0, "what is too old needs no reason"


def test_a_message_of_a_withheld_caller_keeps_its_id(
    run: Run, asked: list[tuple[str, Mapping[str, Any]]]
) -> None:
    assert run("contacted", "101", "1770000000-0000000a").code == 0
    assert asked[-1][1]["values"]["number"] == "1770000000-0000000a"
