"""Lost telephones are kept out of Asterisk, whatever fails in between (S26, F40)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
from core.plans import DAY, EXCHANGE
from fakes.barrier import FakeBarrier
from fakes.clock import FakeClock
from fakes.journal import FakeJournal

from pbx_bridge.app import blocking
from pbx_bridge.app.blocking import Blocking
from pbx_bridge.app.office import Office
from pbx_bridge.core.blocks import OpenChannel
from pbx_bridge.core.commands import TECHNICIAN, BlockPhone, UnblockPhone
from pbx_bridge.core.events import PhoneBlocked
from pbx_bridge.core.state import Block, Sighting
from pbx_bridge.ports import PbxUnavailable

HERE = Sighting("105", "192.0.2.7:5060", "Yealink", DAY, registered=True)
TALK = OpenChannel("PJSIP/105-00000001", "105", "018000101")
MOBILE = "0457000105"
LOST, FOUND = BlockPhone("105", "111"), UnblockPhone("105", TECHNICIAN)


class House:
    def __init__(self) -> None:
        self.clock = FakeClock(DAY)
        self.barrier = FakeBarrier()
        self.journal = FakeJournal()
        self.office = Office(EXCHANGE, self.journal, self.clock)
        self.passwords = {"101": "first of 101", "105": "first of 105"}
        self.blocking = self.started()

    def started(self) -> Blocking:
        """As a bridge that has just been started has it."""
        found = Blocking(
            self.barrier, self.office, self.clock, lambda one: self.passwords.get(one, "")
        )
        self.office.complete = found.completed
        return found

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not true():
                await asyncio.sleep(0.005)


@asynccontextmanager
async def running(house: House) -> AsyncIterator[House]:
    task = asyncio.create_task(house.blocking.run())
    try:
        yield house
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_f40_the_password_first_then_calls_and_registration_and_calls_once_more() -> None:
    """So that nothing gets in while the rest is done."""
    house = House()
    house.barrier.contacts = [HERE]
    house.barrier.open = [TALK]
    async with running(house):
        await house.office.obey(LOST)
        await house.until(lambda: "unregister 105" in house.barrier.done)
    assert house.barrier.done == [
        *("password 105", f"mobile {MOBILE}", f"hang up {TALK.name}", "unregister 105")
    ]
    assert house.barrier.held["105"] not in ("", house.passwords["105"])
    assert len(house.barrier.held["105"]) >= 32


async def test_what_was_let_in_just_before_is_ended_too(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    await house.blocking.enforce()
    house.barrier.contacts = [HERE]
    unregister = house.barrier.unregister

    async def let_in(endpoint: str, password: str) -> None:
        house.barrier.open = [TALK]
        await unregister(endpoint, password)

    monkeypatch.setattr(house.barrier, "unregister", let_in)
    await house.office.obey(LOST)
    await house.blocking.enforce()
    assert house.barrier.open == []


async def test_a_block_that_holds_is_not_made_anew_and_cuts_no_other_calls() -> None:
    """A colleague who rings a lost mobile to find it is let be."""
    house = House()
    await house.office.obey(LOST)
    await house.blocking.enforce()
    password = house.barrier.held["105"]
    house.barrier.open = [OpenChannel("PJSIP/operator-00000002", MOBILE, "s")]
    await house.blocking.enforce()
    assert house.barrier.held["105"] == password
    assert house.barrier.open


async def test_a_block_that_was_cut_short_is_done_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = House()
    await house.blocking.enforce()
    house.barrier.open = [TALK]
    channels = house.barrier.channels

    async def lost() -> tuple[OpenChannel, ...]:
        raise PbxUnavailable("the connection is gone")

    monkeypatch.setattr(house.barrier, "channels", lost)
    await house.office.obey(LOST)
    with pytest.raises(PbxUnavailable):
        await house.blocking.enforce()
    monkeypatch.setattr(house.barrier, "channels", channels)
    await house.blocking.enforce()
    assert house.barrier.open == []


async def test_once_asterisk_is_back_it_is_done_that_was_not_possible(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocking, "RETRY_S", 0.01)
    house = House()
    house.barrier.down = True
    async with running(house):
        await house.office.obey(LOST)
        await asyncio.sleep(0.05)
        assert house.barrier.held == {}
        house.barrier.down = False
        await house.until(lambda: "105" in house.barrier.held)


async def test_an_asterisk_that_has_forgotten_it_is_told_again() -> None:
    house = House()
    async with running(house):
        await house.office.obey(LOST)
        await house.until(lambda: "105" in house.barrier.held)
        house.barrier.held.clear()
        house.barrier.open = [TALK]
        await house.blocking.asterisk_back()
        await house.until(lambda: "105" in house.barrier.held and not house.barrier.open)


async def test_found_the_new_password_holds_and_the_old_one_never_again() -> None:
    house = House()
    await house.office.obey(LOST)
    await house.blocking.enforce()
    house.passwords["105"] = "second of 105"
    await house.office.obey(FOUND)
    await house.blocking.enforce()
    assert house.barrier.held == {"105": "second of 105"}
    assert house.barrier.mobiles == set()
    house.blocking = house.started()
    await house.blocking.enforce()
    assert house.barrier.held == {"105": "second of 105"}, "pjsip.conf may be older"


async def test_a_password_that_was_made_anew_meanwhile_holds_after_a_start() -> None:
    house = House()
    house.barrier.held = {"105": "of another time", "199": "of somebody who has left"}
    await house.blocking.enforce()
    assert house.barrier.held == {"105": "first of 105"}


async def test_a_telephone_that_is_lost_again_gets_no_password_that_was_known() -> None:
    house = House()
    house.barrier.held = {"105": house.passwords["105"]}
    await house.office.obey(LOST)
    await house.blocking.enforce()
    assert house.barrier.held["105"] != house.passwords["105"]


async def test_a_bridge_that_hung_while_somebody_blocked_a_phone_without_it_does_not_open_it() -> (
    None
):
    house = House()
    await house.blocking.enforce()
    house.barrier.held["105"] = "made by the command line"
    house.barrier.mobiles = {MOBILE}
    await house.blocking.enforce()
    assert house.barrier.held == {"105": "made by the command line"}
    assert house.barrier.mobiles == {MOBILE}


async def test_where_a_telephone_was_seen_last_goes_with_the_block() -> None:
    house = House()
    house.barrier.contacts = [HERE, replace(HERE, endpoint="101")]
    await house.office.obey(LOST)
    (blocked,) = [one for one in house.journal.events if isinstance(one, PhoneBlocked)]
    assert blocked.seen == (HERE,)


async def test_of_one_that_was_gone_before_it_is_known_since_when(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a bridge that was started since, too."""
    monkeypatch.setattr(blocking, "SIGHTINGS_S", 0.0)
    house = House()
    house.barrier.contacts = [HERE]
    async with running(house):
        house.barrier.rewire()
        await house.until(lambda: "105" in house.barrier.kept)
        house.barrier.contacts = []
        house.clock.pass_(3600)
        house.barrier.rewire()
        await house.until(lambda: not house.barrier.kept["105"].registered)
    gone = house.clock.now()
    house.clock.pass_(7200)
    house.blocking = house.started()
    await house.office.obey(LOST)
    (blocked,) = [one for one in house.journal.events if isinstance(one, PhoneBlocked)]
    assert blocked.seen == (replace(HERE, at=gone, registered=False),)
    assert house.office.exchange.blocks["105"] == (Block("", blocked.at, "111"),)


async def test_a_block_waits_for_nobody_who_could_say_where_the_telephone_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocking, "LOOK_TIMEOUT_S", 0.01)
    house = House()

    async def silent() -> tuple[Sighting, ...]:
        await asyncio.sleep(60)
        return ()

    monkeypatch.setattr(house.barrier, "seen", silent)
    async with asyncio.timeout(1):
        await house.office.obey(LOST)
    assert house.office.exchange.blocks
