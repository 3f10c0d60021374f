"""The watch over the ways out: what Asterisk sees becomes troubles, and their ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
from core.plans import DAY, PLAN
from fakes.clock import FakeClock
from fakes.journal import FakeJournal
from fakes.trunks import FakeTrunks

from pbx_bridge.app import carrying
from pbx_bridge.app.carrying import Carrying
from pbx_bridge.app.office import Office
from pbx_bridge.core.commands import SeeTrunk
from pbx_bridge.core.events import EmergencyCalled
from pbx_bridge.core.folding import fresh
from pbx_bridge.core.outside import FAILURES, Trouble
from pbx_bridge.core.trunks import Trunk
from pbx_bridge.ports import CallRefused, EmergencyDialled, TrunkFailed

TRUNKS = {
    "mast": Trunk("mast", ("192.0.2.10:5060",), username="us", registers=True),
    "cable": Trunk("cable", ("203.0.113.5:5060",), watched=False),
}


class Town:
    """The watch on fakes."""

    def __init__(self) -> None:
        self.trunks = FakeTrunks()
        self.journal = FakeJournal()
        exchange = fresh(replace(PLAN, trunks=TRUNKS))
        clock = FakeClock(DAY)
        self.office = Office(exchange, self.journal, clock)
        self.carrying = Carrying(self.trunks, self.trunks, self.office, clock, "10.0.0.1")

    @property
    def troubles(self) -> set[tuple[str, str]]:
        return set(self.office.exchange.trunk_troubles)

    async def look(self, times: int = 1) -> set[tuple[str, str]]:
        for _ in range(times):
            await self.carrying.look()
        return self.troubles


@asynccontextmanager
async def watching(town: Town) -> AsyncIterator[None]:
    task = asyncio.create_task(town.carrying.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(true: object) -> None:
    assert callable(true)
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.01)


async def test_who_lets_us_in_and_answers_is_well_and_a_moment_is_no_trouble() -> None:
    town = Town()
    assert await town.look() == set(), "a start: nobody has answered yet"
    town.trunks.inside = {"mast"}
    assert await town.look() == set()
    town.trunks.inside = set()
    town.trunks.silent = {"mast", "cable"}
    assert await town.look(2) == {("mast", "unregistered"), ("mast", "unreachable")}
    town.trunks.inside, town.trunks.silent = {"mast"}, set()
    assert await town.look() == set()


async def test_f24_an_operator_whose_certificate_is_refused_is_told_so_alone() -> None:
    town = Town()
    secure = replace(TRUNKS["mast"], authority="/ca.pem")
    await town.office.use(replace(PLAN, trunks={"mast": secure, "cable": TRUNKS["cable"]}))
    town.trunks.silent = {"mast"}
    town.trunks.untrusted = {"mast": "192.0.2.10:5061: certificate has expired", "cable": "x"}
    await town.carrying.prove()
    assert await town.look(2) == {("mast", "untrusted")}
    assert town.carrying.untrusted["mast"] == "192.0.2.10:5061: certificate has expired"
    town.trunks.untrusted = {"mast": None}
    await town.carrying.prove()
    assert await town.look(2) == {("mast", "untrusted")}, "nobody there is no proof"
    town.trunks.untrusted = {"mast": ""}
    await town.carrying.prove()
    assert await town.look(2) == {("mast", "unregistered"), ("mast", "unreachable")}


async def test_what_the_journal_knew_of_a_certificate_holds_until_it_has_been_seen() -> None:
    town = Town()
    await town.office.obey(SeeTrunk("cable", Trouble.UNTRUSTED, True))
    town.trunks.inside = {"mast"}
    assert await town.look() == {("cable", "untrusted")}
    await town.carrying.prove()
    assert await town.look() == set(), "any is taken now"


async def test_an_asterisk_that_cannot_be_asked_changes_nothing() -> None:
    town = Town()
    await town.look(2)
    before = town.troubles
    town.trunks.down = True
    assert await town.look(3) == before == {("mast", "unregistered")}


async def test_calls_that_fail_within_ten_minutes_are_told_and_so_is_an_operator_that_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    town = Town()
    town.trunks.inside = {"mast"}
    async with watching(town):
        for _ in range(FAILURES - 1):
            town.trunks.tell(TrunkFailed("cable"))
        await until(lambda: town.carrying.failed["cable"] == FAILURES - 1)
        assert await town.look() == set()
        town.trunks.tell(TrunkFailed("cable"))
        town.trunks.tell(CallRefused("192.0.2.99"))
        town.trunks.tell(CallRefused("10.0.0.99"))
        told = {("cable", "failing"), ("mast", "refused")}
        await until(lambda: town.troubles == told)
    assert town.carrying.refused == {"mast": 1}
    counted = {what: (most, window * 0) for what, (most, window) in carrying.COUNTED.items()}
    monkeypatch.setattr(carrying, "COUNTED", counted)
    assert await town.look() == set(), "over after a time without"


async def test_an_emergency_call_is_noted_at_once_and_a_trunk_that_has_gone_has_no_trouble() -> (
    None
):
    town = Town()
    town.trunks.silent = {"mast"}
    await town.look(2)
    assert ("mast", "unreachable") in town.troubles
    async with watching(town):
        town.trunks.tell(EmergencyDialled("17.1", "PJSIP/105-dect-0000001a", "112"))
        await until(lambda: town.office.exchange.emergencies == ("17.1",))
    assert EmergencyCalled("17.1", "105-dect", "112", DAY) in town.journal.events
    await town.office.use(replace(PLAN, trunks={"cable": TRUNKS["cable"]}))
    assert await town.look() == set()
