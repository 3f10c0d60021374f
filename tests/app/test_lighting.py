"""Lamps follow the state, by changes and by time, over a lost Asterisk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

import pytest
from core.plans import DAY, EXCHANGE, at, away
from fakes.clock import FakeClock
from fakes.journal import FakeJournal

from pbx_bridge.adapters.lamps import FAMILY, CustomLamps
from pbx_bridge.app import lighting
from pbx_bridge.app.lighting import Lighting
from pbx_bridge.app.office import Office
from pbx_bridge.core.commands import TECHNICIAN, CancelReferral, SetReferral
from pbx_bridge.ports import PbxUnavailable


class FakeLamps:
    """Set `down` to have Asterisk out of reach."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}
        self.set: list[tuple[str, str]] = []
        self.down = False

    async def lit(self) -> Mapping[str, str]:
        self._reach()
        return self.held

    async def light(self, name: str, state: str) -> None:
        self._reach()
        self.held = {**self.held, name: state}
        self.set.append((name, state))

    def _reach(self) -> None:
        if self.down:
            raise PbxUnavailable("the fake lamps are down")


class House:
    def __init__(self) -> None:
        self.clock = FakeClock(DAY)
        self.lamps = FakeLamps()
        self.office = Office(EXCHANGE, FakeJournal(), self.clock)
        self.lighting = Lighting(self.lamps, self.office, self.clock)

    async def until(self, true: Callable[[], bool]) -> None:
        task = asyncio.create_task(self.lighting.run())
        try:
            async with asyncio.timeout(5):
                while not true():
                    await asyncio.sleep(0.005)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def shows(self, name: str) -> str:
        return self.lamps.held.get(name, "")


LUNCH = SetReferral("105", "lunch", at("2026-03-03 11:00"), TECHNICIAN)


async def test_each_lamp_is_set_once_and_then_only_what_has_changed() -> None:
    house = House()
    assert await house.lighting.keep() == len(EXCHANGE.plan.people) + len(EXCHANGE.plan.lines)
    assert await house.lighting.keep() == 0
    await house.office.obey(LUNCH)
    assert await house.lighting.keep() == 1
    assert house.lamps.set[-1] == ("away-105", "BUSY")
    await house.office.obey(CancelReferral("105", TECHNICIAN))
    assert await house.lighting.keep() == 1
    assert house.shows("away-105") == "NOT_INUSE"


async def test_what_a_bridge_of_before_has_set_is_not_told_again() -> None:
    house = House()
    await house.lighting.keep()
    house.lamps.set.clear()
    again = Lighting(house.lamps, house.office, house.clock)
    assert await again.keep() == 0
    assert house.lamps.set == []


async def test_an_absence_that_ends_by_the_clock_puts_its_lamp_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lighting, "rest_s", lambda *_: 0.01)
    house = House()
    await house.office.obey(LUNCH)
    await house.until(lambda: house.shows("away-105") == "BUSY")
    house.clock.pass_(3600)
    await house.until(lambda: house.shows("away-105") == "NOT_INUSE")


async def test_an_asterisk_that_was_away_and_has_forgotten_is_told_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lighting, "RETRY_S", 0.01)
    house = House()
    house.office.exchange = replace(
        away("101", "2026-03-03 14:30"), plan=house.office.exchange.plan
    )
    house.lamps.down = True
    task = asyncio.create_task(house.until(lambda: house.shows("away-101") == "BUSY"))
    await asyncio.sleep(0.05)
    house.lamps.down = False
    await task
    house.lamps.held = {}
    await house.lighting.asterisk_back()
    await house.until(lambda: house.shows("away-101") == "BUSY")


async def test_a_lamp_is_a_custom_device_state_of_asterisks() -> None:
    written: list[tuple[str, str]] = []

    async def stored(family: str) -> Mapping[str, str]:
        return {"away-101": "BUSY"} if family == FAMILY else {}

    async def set_function(function: str, value: str) -> None:
        written.append((function, value))

    lamps = CustomLamps(stored, set_function)
    assert await lamps.lit() == {"away-101": "BUSY"}
    await lamps.light("line-vaxel", "INUSE")
    assert written == [("DEVICE_STATE(Custom:line-vaxel)", "INUSE")]
    for bad in ("", "x)", "a,b", "x\n"):
        with pytest.raises(ValueError, match="not the name of a lamp"):
            await lamps.light(bad, "INUSE")
