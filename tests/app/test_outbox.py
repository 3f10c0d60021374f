"""Notices reach people once they may be disturbed, and are never lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from core.plans import EXCHANGE, PLAN, PROMPTS, at
from fakes.clock import FakeClock
from fakes.journal import FakeJournal
from fakes.speech import FakeSpeech
from fakes.telephony import FakeTelephony

from pbx_bridge.app import outbox
from pbx_bridge.app.asking import Asking
from pbx_bridge.app.office import Office
from pbx_bridge.app.outbox import Outbox
from pbx_bridge.app.voice import Voice
from pbx_bridge.core.commands import OfferForward, SetReferral
from pbx_bridge.core.folding import fold
from pbx_bridge.core.state import Channel, Consent
from pbx_bridge.ports import Letter, NoticeDelayed, NoticeRefused


class FakeMail:
    """Keeps letters; `trouble` is raised instead."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.trouble: Exception | None = None

    async def send(self, letter: Letter) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.letters.append(letter)


class Town:
    """An office whose notices are delivered, or at least tried."""

    def __init__(self, now: str = "2026-03-03 10:00") -> None:
        self.clock = FakeClock(at(now))
        self.journal = FakeJournal()
        self.office = Office(EXCHANGE, self.journal, self.clock)
        self.telephony = FakeTelephony()
        self.mail = FakeMail()
        voice = Voice(FakeSpeech(), PROMPTS)
        self.outbox = Outbox(self.telephony, self.mail, self.office, voice, self.clock)
        self.asking = Asking(self.telephony, self.office, self.clock)

    @property
    def waiting(self) -> list[str]:
        """Notices to people that are still in the outbox."""
        held = self.office.exchange.outbox.values()
        return [one.id for one in held if one.channel is not Channel.LIST]


@asynccontextmanager
async def running(*works: Callable[[], Coroutine[None, None, None]]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(work()) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(3):
        while not condition():
            await asyncio.sleep(0.01)


async def test_s20_one_act_sets_the_referral_and_tells_switchboard_and_foreman() -> None:
    town = Town()
    async with running(town.outbox.run):
        await town.office.obey(SetReferral("105", "sjuk", at("2026-03-04 08:30"), by="105"))
        await until(lambda: not town.waiting)
    told = {letter.to: letter.text for letter in town.mail.letters}
    assert set(told) == {"karin.lund@norrskar.example", "daniel.holm@norrskar.example"}
    assert "Vem tar över?" in told["daniel.holm@norrskar.example"]
    assert all("sjuk" in text for text in told.values())
    assert {who for who, _ in town.telephony.messages} == {"111", "104"}
    assert not any("sjuk" in text for _, text in town.telephony.messages)
    assert [one.to for one in town.office.exchange.outbox.values()] == [""]  # to be heard


async def test_sickness_is_not_named_to_a_deputy() -> None:
    town = Town()
    await town.office.obey(SetReferral("102", "mote", at("2026-03-03 12:00"), by="102"))
    async with running(town.outbox.run):
        await town.office.obey(SetReferral("106", "sjuk", at("2026-03-04 08:30"), by="106"))
        await until(lambda: not town.waiting)
    [to_deputy] = [one for one in town.mail.letters if one.to == "gun.lindroos@norrskar.example"]
    assert "Samtalen kommer till dig." in to_deputy.text
    assert "sjuk" not in to_deputy.text


async def test_s19_a_phone_off_duty_is_told_in_the_morning_and_mail_at_once() -> None:
    town = Town("2026-03-03 20:00")
    async with running(town.outbox.run):
        await town.office.obey(SetReferral("105", "sjuk", at("2026-03-05 08:30"), by="105"))
        await until(lambda: len(town.mail.letters) == 2)
    assert town.telephony.messages == []
    assert len(town.waiting) == 2
    town.clock.moment = at("2026-03-04 08:31")
    async with running(town.outbox.run):
        await until(lambda: not town.waiting)
    assert {who for who, _ in town.telephony.messages} == {"111", "104"}


async def test_what_can_t_be_delivered_is_tried_again_and_arrives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "RETRY_S", 0.05)
    town = Town()
    town.mail.trouble = NoticeDelayed("the server is down")
    town.telephony.unregistered = {"111", "104"}
    async with running(town.outbox.run):
        await town.office.obey(SetReferral("105", "sjuk", at("2026-03-04 08:30"), by="105"))
        await asyncio.sleep(0)
        assert len(town.waiting) == 4
        town.mail.trouble = None
        town.telephony.unregistered = set()
        await until(lambda: not town.waiting)
    assert town.office.exchange.undelivered == {}


async def test_an_address_that_is_refused_is_shown_and_the_switchboard_told() -> None:
    town = Town()
    town.mail.trouble = NoticeRefused("no such user")
    async with running(town.outbox.run):
        await town.office.obey(SetReferral("105", "sjuk", at("2026-03-04 08:30"), by="105"))
        await until(lambda: len(town.office.exchange.undelivered) == 2)
    assert set(town.office.exchange.undelivered.values()) == {"no such user"}
    listed = [one.about for one in town.office.exchange.outbox.values() if not one.to]
    assert "undelivered" in listed


async def test_the_outbox_survives_a_restart() -> None:
    town = Town()
    await town.office.obey(SetReferral("105", "sjuk", at("2026-03-04 08:30"), by="105"))
    again = fold(EXCHANGE, (entry.event for entry in town.journal.entries()))
    assert again.outbox == town.office.exchange.outbox
    assert len(again.outbox) == 5


async def test_f28_a_colleague_is_rung_up_and_passed_over_when_silent() -> None:
    town = Town()
    at_once = replace(PLAN.organisation, offer_seconds=0)
    await town.office.use(replace(PLAN, organisation=at_once))
    async with running(town.asking.run):
        await town.office.obey(SetReferral("105", "mote", at("2026-03-03 14:30"), by="105"))
        await town.office.obey(OfferForward("105", "107", by="105"))
        await until(lambda: town.office.exchange.forwards["105"][0].consent is Consent.LAPSED)
    assert town.telephony.rung == [
        ("107", {"PBX_DIALLED": "offer/105", "PBX_PHONE": "107", "PBX_LANG": "sv"})
    ]


async def test_s19_nobody_off_duty_is_rung_up() -> None:
    town = Town("2026-03-03 20:00")
    async with running(town.asking.run):
        await town.office.obey(SetReferral("105", "semester", at("2026-03-09 08:30"), by="105"))
        await town.office.obey(OfferForward("105", "107", by="105"))
        await asyncio.sleep(0.05)
    assert town.telephony.rung == []
    [forward] = town.office.exchange.forwards["105"]
    assert forward.consent is Consent.ASKED
