"""The watch over the lines: phones that die or are left ringing, shifts, and the alarm (S18)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from core.plans import DAY, EXCHANGE, at, attended, changed_line, changed_person
from fakes.clock import FakeClock
from fakes.journal import FakeJournal
from fakes.phones import FakePhones

from pbx_bridge.app import attending
from pbx_bridge.app.attending import Attending
from pbx_bridge.app.office import Office
from pbx_bridge.core import alarms
from pbx_bridge.core.commands import SignIn
from pbx_bridge.core.model import Device, Shift
from pbx_bridge.core.state import Exchange, Loss, Lost
from pbx_bridge.ports import Missed, Taken

EVERYBODY = alarms.watched(EXCHANGE.plan)


class Town:
    def __init__(self, exchange: Exchange = EXCHANGE) -> None:
        self.clock = FakeClock(DAY)
        self.phones = FakePhones(EVERYBODY)
        self.office = Office(exchange, FakeJournal(), self.clock)
        self.watch = Attending(self.phones, self.office, self.clock)

    @property
    def short(self) -> dict[str, str]:
        """The cause by line with an alarm."""
        return {line: one.cause for line, one in self.office.exchange.shortages.items()}

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not true():
                await asyncio.sleep(0.005)


@asynccontextmanager
async def running(town: Town) -> AsyncIterator[Town]:
    task = asyncio.create_task(town.watch.run())
    try:
        yield town
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_whose_phones_are_there_is_told_whenever_some_come_or_go() -> None:
    town = Town()
    seen: list[frozenset[str]] = []
    town.watch.on_seen.append(seen.append)
    async with running(town):
        await town.until(lambda: seen == [EVERYBODY])
        town.phones.there |= {"199"}
        town.phones.tell()
        await town.until(lambda: seen == [EVERYBODY, EVERYBODY | {"199"}])


async def test_f26_a_phone_that_dies_raises_the_alarm_and_one_that_is_back_clears_it() -> None:
    async with running(Town()) as town:
        town.phones.there -= {"111"}
        town.phones.tell()
        await town.until(lambda: town.short == {"vaxel": "unreachable"})
        assert town.phones.stopped == ["111"]
        town.phones.there |= {"111"}
        town.phones.tell()
        await town.until(lambda: town.short == {})
    assert town.office.exchange.losses == {}


async def test_s18_who_talks_on_a_phone_that_has_vanished_is_missing_until_that_call_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also while the phone has come back, which knows nothing of the call, and while another one of
    theirs is there: Asterisk takes them for busy."""
    monkeypatch.setattr(attending, "SUSPECT_LOOK_S", 0.01)
    two = changed_person("111", devices=(Device("desk"), Device("softphone")))
    async with running(Town(two)) as town:
        town.phones.there |= {"111-softphone"}
        town.phones.talking = {
            "PJSIP/111-softphone-1": "111-softphone",
            "PJSIP/operator-2": "operator",
        }
        town.phones.tell()
        await asyncio.sleep(0.05)
        assert town.short == {}, "it is there, and talks"
        assert not town.watch._suspects, "a trunk is nobody who could vanish"
        town.phones.there -= {"111-softphone"}
        town.phones.tell()
        await town.until(lambda: town.short == {"vaxel": "unreachable"})
        assert town.phones.stopped == [], "the other phone rings on"
        town.phones.there |= {"111-softphone"}
        town.phones.tell()
        await asyncio.sleep(0.05)
        assert town.short == {"vaxel": "unreachable"}
        town.phones.talking = {"PJSIP/111-00000003": "111"}
        await town.until(lambda: town.short == {})


async def test_who_leaves_too_many_calls_in_a_row_ringing_counts_as_missing() -> None:
    async with running(Town()) as town:
        for event in (Missed("vaxel", "111"), Missed("vaxel", "111"), Taken("vaxel", "111")):
            town.phones.tell(event)
        for _ in range(2):
            town.phones.tell(Missed("vaxel", "111"))
        town.phones.tell(Missed("vaxel", "105"))  # nobody who attends
        town.phones.tell(Missed("nowhere", "111"))
        town.phones.tell(Missed("bygglov", "101"))
        await asyncio.sleep(0.05)
        assert town.short == {}
        town.phones.tell(Missed("vaxel", "111"))
        await town.until(lambda: town.short == {"vaxel": "no-answer"})
        town.phones.tell(Taken("vaxel", "111"))
        await town.until(lambda: town.short == {})
        for _ in range(3):
            town.phones.tell(Missed("vaxel", "111"))
        await town.until(lambda: town.short == {"vaxel": "no-answer"})
        await town.office.obey(SignIn("vaxel", "111", by="111"))
        await town.until(lambda: town.short == {})


async def test_s18_a_shift_that_begins_without_a_sign_in_raises_the_alarm_by_time_alone() -> None:
    exchange = changed_line("vaxel", roster=(Shift("113", first=DAY.date()),), signed_in=())
    town = Town(attended("vaxel", "111", exchange=exchange))
    async with running(town):
        await town.until(lambda: town.phones.stopped == [] and not town.watch._rewired)
        assert town.short == {}
    town = Town(exchange)
    town.clock.moment = at("2026-03-03 08:29:59.9")
    async with running(town):
        await asyncio.sleep(0.02)
        assert town.short == {}  # it is closed
        town.clock.moment = at("2026-03-03 08:30:00")
        await town.until(lambda: town.short == {"vaxel": "not-signed-in"})


async def test_f07_an_asterisk_out_of_reach_loses_no_phone_and_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attending, "RETRY_S", 0.01)
    town = Town()
    town.phones.down = True
    town.phones.there -= {"111"}
    async with running(town):
        await asyncio.sleep(0.05)
        assert town.office.exchange.losses == {}
        town.phones.down = False
        await town.until(lambda: town.short == {"vaxel": "unreachable"})


async def test_after_a_restart_what_was_lost_is_compared_with_what_is_there() -> None:
    losses = {"111": Loss(Lost.UNREACHABLE, DAY), "113": Loss(Lost.NO_ANSWER, DAY)}
    town = Town(Exchange(EXCHANGE.plan, {}, EXCHANGE.signed_in, losses=losses))
    async with running(town):
        await town.until(lambda: town.office.exchange.losses.keys() == {"113"})
        assert town.short == {}
