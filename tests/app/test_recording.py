"""What follows from calls that are over: the return ledger (S16)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from adapters.call_log import append
from adapters.test_places_kept import HELD, LINES, NUMBER, OWN, moment
from core.plans import PLAN
from fakes.clock import FakeClock
from fakes.telephony import FakeTelephony

from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.journal import SqliteJournal
from pbx_bridge.adapters.record import CelTail
from pbx_bridge.app.office import Office
from pbx_bridge.app.recording import Recording
from pbx_bridge.core.commands import NoteCall
from pbx_bridge.core.events import CallTaken, ReturnClosed, ReturnDue
from pbx_bridge.core.folding import fresh
from pbx_bridge.core.meters import Meters

BEFORE = moment(OWN[0]) - timedelta(minutes=5)


@dataclass
class House:
    log: Path
    tail: CelTail
    journal: SqliteJournal
    office: Office
    recording: Recording
    meters: Meters = field(default_factory=Meters)

    async def read(self, lines: list[str]) -> None:
        """What Asterisk writes, line by line, and what follows from it."""
        for line in lines:
            append(self.log, line)
            await self.tail.catch_up()
            assert await self.recording._settled()

    def journaled(self) -> list[str]:
        kinds = (CallTaken, ReturnClosed, ReturnDue)
        return [type(one).__name__ for one in self.events() if isinstance(one, kinds)]

    def events(self) -> list[object]:
        return [one.event for one in self.journal.entries()]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    database = Database(tmp_path / "pbx.sqlite")
    journal, clock = SqliteJournal(database), FakeClock(BEFORE)
    tail = CelTail(tmp_path / "Master.csv", database)
    office, meters = Office(fresh(PLAN), journal, clock), Meters()
    recording = Recording(FakeTelephony(), tail, office, clock, meters)
    yield House(tmp_path / "Master.csv", tail, journal, office, recording, meters)
    database.close()


async def test_s16_who_kept_a_place_and_was_called_back_is_not_reminded_of(house: House) -> None:
    """A return from before is closed, and none is opened; the call has ended once."""
    await house.office.obey(NoteCall("0.1", BEFORE, NUMBER, "vaxel", ""))
    assert list(house.office.exchange.returns) == [("vaxel", NUMBER)]
    await house.read(OWN)
    assert house.journaled() == ["ReturnDue"], "of before"
    assert house.meters.ended == {}
    await house.read(HELD)
    assert house.journaled() == ["ReturnDue", "CallTaken", "ReturnClosed"]
    assert house.meters.ended == {"answered": 1}
    assert not house.office.exchange.returns


async def test_s16_who_kept_a_place_in_vain_is_returned(house: House) -> None:
    in_vain = (Path(__file__).parents[1] / "recordings/cel_place_in_vain.csv").read_text()
    await house.read(in_vain.splitlines(keepends=True))
    assert list(house.office.exchange.returns) == [("vaxel", NUMBER)]
    assert house.meters.ended == {"answered": 1, "abandoned": 1}


async def test_f07_of_a_place_that_died_with_asterisk_its_caller_is_returned(house: House) -> None:
    await house.read(OWN)
    await house.tail.asterisk_started(moment(LINES[-1]) + timedelta(seconds=9))
    assert await house.recording._settled()
    assert list(house.office.exchange.returns) == [("vaxel", NUMBER)]
    assert house.meters.ended == {"lost": 1}
