"""The watch over devices that can't talk and over the certificate."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from core.plans import DAY, EXCHANGE
from fakes.clock import FakeClock
from fakes.journal import FakeJournal
from fakes.phones import FakePhones

from pbx_bridge.app.doors import Doors
from pbx_bridge.app.office import Office
from pbx_bridge.app.status import exchange_status
from pbx_bridge.core.commands import EXCHANGE as EXCHANGE_ITSELF
from pbx_bridge.core.commands import NoteSound
from pbx_bridge.core.events import CertificateEnds, SoundAgreed, SoundRefused
from pbx_bridge.core.model import Language
from pbx_bridge.core.state import Sighting
from pbx_bridge.ports import Ill, Sounded


async def test_what_a_phone_tells_is_noted_when_something_has_changed() -> None:
    phones, journal, clock = FakePhones(), FakeJournal(), FakeClock(DAY)
    office = Office(EXCHANGE, journal, clock)
    watching = asyncio.create_task(Doors(phones, lambda: None, office).run())
    for agreed in (True, False, False, True, True):
        phones.sounds.put_nowait(Sounded("101", agreed))
    phones.sounds.put_nowait(Sounded("102", agreed=False))
    async with asyncio.timeout(5):
        while "102" not in office.exchange.without_sound:
            await asyncio.sleep(0)
    noted = [one for one in journal.events if isinstance(one, SoundRefused | SoundAgreed)]
    assert noted == [SoundRefused("101", DAY), SoundAgreed("101", DAY), SoundRefused("102", DAY)]
    shown = cast(list[Any], exchange_status(office.exchange, clock, Language.SV)["without_sound"])
    assert [(one["endpoint"], one["name"]) for one in shown] == [("102", "Bo Ek")]
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_a_device_that_comes_by_the_wrong_kind_of_address_is_noted_before_it_calls() -> None:
    """Its calls are answered and silent, so a talk doesn't show that all is well again."""
    phones, journal, clock = FakePhones(), FakeJournal(), FakeClock(DAY)
    office = Office(EXCHANGE, journal, clock)
    doors = Doors(phones, lambda: None, office)
    watching = asyncio.create_task(doors.run())
    there = Sighting("101", "192.0.2.7:5060", "", DAY, registered=True)
    wrong = replace(there, address="[2001:db8::7]:5060")
    await doors.note_addresses([there, replace(wrong, endpoint="102", registered=False)])
    assert office.exchange.without_sound == {}
    await doors.note_addresses([wrong])
    phones.sounds.put_nowait(Sounded("101", agreed=True))
    phones.sounds.put_nowait(Sounded("103", agreed=False))
    async with asyncio.timeout(5):
        while "103" not in office.exchange.without_sound:
            await asyncio.sleep(0)
    assert office.exchange.without_sound.keys() == {"101", "103"}
    await doors.note_addresses([])
    assert "101" in office.exchange.without_sound, "it has gone; nobody has put it right"
    await doors.note_addresses([there])
    assert office.exchange.without_sound.keys() == {"103"}
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_a_device_whose_own_calls_are_refused_is_noted_once_an_hour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may be called, and talk, in between; and one that nobody has is no device."""
    journal, now = FakeJournal(), [0.0]
    monkeypatch.setattr("pbx_bridge.app.doors.time.monotonic", lambda: now[0])
    office = Office(EXCHANGE, journal, FakeClock(DAY))
    doors = Doors(FakePhones(), lambda: None, office, lambda: {"101", "999"})
    for seconds in (0.0, 2.0, 3598.0, 3600.0):
        now[0] = seconds
        await doors.note_offers()
        await office.obey(NoteSound("101", agreed=True, by=EXCHANGE_ITSELF))
    noted = [one for one in journal.events if isinstance(one, SoundRefused)]
    assert noted == [SoundRefused("101", DAY)] * 2


async def test_a_device_that_has_talked_since_its_call_was_refused_is_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Somebody has just put it right; the log is looked at later."""
    monkeypatch.setattr("pbx_bridge.app.doors.OFFERS_S", 3600.0)
    phones, refused = FakePhones(), {"103"}
    office = Office(EXCHANGE, FakeJournal(), FakeClock(DAY))
    doors = Doors(phones, lambda: None, office, lambda: frozenset(refused))
    watching = asyncio.create_task(doors.run())

    async def noted(endpoint: str) -> None:
        async with asyncio.timeout(5):
            while endpoint not in office.exchange.without_sound:
                await asyncio.sleep(0)

    try:
        await noted("103")
        refused.add("101")
        phones.sounds.put_nowait(Sounded("101", agreed=True))
        phones.sounds.put_nowait(Sounded("102", agreed=False))
        await noted("102")
        await doors.note_offers()
        assert "101" not in office.exchange.without_sound
        await doors.note_offers()
        assert "101" in office.exchange.without_sound, "it was refused anew"
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def test_a_certificate_that_can_not_be_read_ends_no_watch() -> None:
    ends: list[datetime] = []

    def until() -> datetime:
        if not ends:
            raise Ill("it is gone")
        return ends[0]

    journal = FakeJournal()
    doors = Doors(FakePhones(), until, Office(EXCHANGE, journal, FakeClock(DAY)))
    await doors.look()
    assert not [one for one in journal.events if isinstance(one, CertificateEnds)]
    ends.append(DAY + timedelta(days=20))
    await doors.look()
    assert [one.until for one in journal.events if isinstance(one, CertificateEnds)] == ends
