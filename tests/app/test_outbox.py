"""Notices reach people once they may be disturbed, and are never lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from core.plans import DAY, EXCHANGE, PLAN, PROMPTS, at
from fakes.clock import FakeClock
from fakes.journal import FakeJournal
from fakes.speech import FakeSpeech
from fakes.telephony import FakeTelephony
from structlog.testing import capture_logs

from pbx_bridge.app.asking import Asking
from pbx_bridge.app.office import Office
from pbx_bridge.app.outbox import Outbox
from pbx_bridge.app.voice import Voice
from pbx_bridge.core.call import Why
from pbx_bridge.core.commands import (
    TECHNICIAN,
    CancelReferral,
    NoteCall,
    OfferForward,
    SetReferral,
)
from pbx_bridge.core.folding import fold
from pbx_bridge.core.state import OUTSIDE, About, Channel, Consent, Notice
from pbx_bridge.ports import Letter, NoticeDelayed, NoticeRefused


class FakeMail:
    """Keeps letters; `trouble` is raised instead."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.trouble: Exception | None = None
        self.hangs = False
        self.tries = 0

    async def send(self, letter: Letter) -> None:
        self.tries += 1
        if self.hangs:
            await asyncio.Event().wait()
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
    def tries(self) -> int:
        """How often a server or a phone was asked to take a notice."""
        return self.mail.tries + self.telephony.asked

    async def deliver(self) -> None:
        """Send all that is due at this moment."""
        await asyncio.gather(*(self.outbox.deliver(channel) for channel in OUTSIDE))

    @staticmethod
    def delayed(logs: list[MutableMapping[str, Any]]) -> list[MutableMapping[str, Any]]:
        return [one for one in logs if one["event"] == "notice_delayed"]

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
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in ends] == [asyncio.CancelledError] * len(ends)


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


SICK = SetReferral("105", "sjuk", at("2026-03-04 08:30"), by="105")


async def test_what_can_t_be_delivered_is_tried_ever_more_rarely_and_arrives() -> None:
    town = Town()
    town.mail.trouble = NoticeDelayed("the server is down")
    town.telephony.unregistered = {"111", "104"}
    await town.office.obey(SICK)
    tries = []
    with capture_logs() as logs:
        for second in range(0, 7201, 10):
            town.clock.moment = DAY + timedelta(seconds=second)
            before = town.tries
            await town.deliver()
            if town.tries != before:
                tries.append((second, town.tries - before))
        assert tries == [
            (second, 4)
            for second in (0, 30, 90, 210, 510, 1110, 2010, 2910, 3810, 4710, 5610, 6510)
        ]
        assert len(town.waiting) == 4
        town.mail.trouble = None
        town.telephony.unregistered = set()
        town.clock.moment = DAY + timedelta(seconds=7410)
        await town.deliver()
    assert town.waiting == []
    assert town.office.exchange.undelivered == {}
    said = [(one["event"], one["to"]) for one in logs if one["event"].startswith("notice_")]
    for event in ("notice_delayed", "notice_delivered"):
        assert sorted(who for what, who in said if what == event) == ["104", "104", "111", "111"]


async def test_what_waits_is_not_tried_for_whatever_else_changes() -> None:
    town = Town()
    town.mail.trouble = NoticeDelayed("the server is down")
    town.telephony.unregistered = set(PLAN.people)
    people = [one.extension for one in PLAN.people.values() if one.mail][:9]
    many = tuple(
        Notice(f"{number}-{who}-{channel}", channel, About.BACK, who, "105", DAY)
        for number in range(7)
        for who in people
        for channel in OUTSIDE
    )
    town.office.exchange = replace(EXCHANGE, outbox={one.id: one for one in many})
    assert len(many) == 126
    with capture_logs() as logs:
        async with running(town.outbox.run):
            await until(lambda: len(town.delayed(logs)) == len(many))
            for number in range(750):
                caller = f"04{number:08}"
                for command in (
                    NoteCall(f"1.{number}", DAY, caller, "101", ""),
                    NoteCall(f"2.{number}", DAY, caller, "101", "101"),
                    SetReferral("107", "lunch", at("2026-03-03 12:00"), by=TECHNICIAN),
                    CancelReferral("107", by=TECHNICIAN),
                ):
                    assert (await town.office.obey(command)).why is Why.COMMAND_DONE
                    await asyncio.sleep(0)  # whoever was woken has its turn
    assert len(town.journal.rows) >= 3000
    assert town.tries == 2 * len(people), "each person once by each channel"
    assert len(town.delayed(logs)) == len(many)
    assert {one["event"] for one in logs} == {"notice_delayed", "command_done"}


async def test_a_phone_that_comes_back_is_told_at_once() -> None:
    town = Town()
    town.telephony.unregistered = {"111", "104"}
    async with running(town.outbox.run):
        town.outbox.phones_there(frozenset({"101"}))
        await town.office.obey(SICK)
        await until(lambda: len(town.mail.letters) == 2 and town.tries == 4)
        town.telephony.unregistered = {"104"}
        town.outbox.phones_there(frozenset({"101", "111"}))
        await until(lambda: len(town.telephony.messages) == 1)
        tries = town.tries
        town.outbox.phones_there(frozenset({"101", "111"}))
        await asyncio.sleep(0.02)
        assert town.tries == tries, "nothing has come"
        town.telephony.unregistered = set()
        await town.outbox.asterisk_back()
        await until(lambda: not town.waiting)
    assert [who for who, _ in town.telephony.messages] == ["111", "104"]


async def test_a_mail_server_that_hangs_holds_up_no_phone() -> None:
    town = Town()
    town.mail.hangs = True
    async with running(town.outbox.run):
        await town.office.obey(SICK)
        await until(lambda: len(town.telephony.messages) == 2)
        assert town.mail.letters == []
        assert len(town.waiting) == 2


async def test_f33_what_has_arrived_is_not_sent_again_while_that_can_t_be_stored() -> None:
    town = Town()
    await town.office.obey(SICK)
    town.journal.broken = True
    for minute in range(30):
        town.clock.moment = DAY + timedelta(minutes=minute)
        await town.deliver()
    assert town.waiting == [], "that they have arrived is known"
    town.journal.broken = False
    await town.office.store_kept()
    assert fold(EXCHANGE, town.journal.events).outbox == town.office.exchange.outbox
    assert (len(town.mail.letters), len(town.telephony.messages)) == (2, 2)


async def test_what_a_defect_keeps_does_not_end_the_delivery() -> None:
    town = Town()
    town.mail.trouble = RuntimeError("a defect of ours")
    await town.office.obey(SICK)
    await town.deliver()
    assert len(town.telephony.messages) == 2
    assert len(town.waiting) == 2
    town.mail.trouble = None
    town.clock.moment = DAY + timedelta(seconds=30)
    await town.deliver()
    assert town.waiting == []


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


async def test_f01_who_can_t_be_rung_up_is_not_tried_for_whatever_changes() -> None:
    town = Town()
    town.telephony.down = True
    await town.office.obey(SetReferral("105", "mote", at("2026-03-03 14:30"), by="105"))
    await town.office.obey(OfferForward("105", "107", by="105"))
    async with running(town.asking.run):
        await until(lambda: town.telephony.asked == 1)
        for number in range(200):
            await town.office.obey(NoteCall(f"1.{number}", DAY, f"0401{number:04}", "101", ""))
            await asyncio.sleep(0)
        assert town.telephony.asked == 1


async def test_f01_who_could_not_be_rung_up_is_rung_later_and_that_is_logged_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pbx_bridge.app.asking.RETRY_S", 0.01)
    town = Town()
    town.telephony.down = True
    await town.office.obey(SetReferral("105", "mote", at("2026-03-03 14:30"), by="105"))
    await town.office.obey(OfferForward("105", "107", by="105"))
    with capture_logs() as logs:
        async with running(town.asking.run):
            await until(lambda: town.telephony.asked >= 4)
            town.telephony.down = False
            await until(lambda: len(town.telephony.rung) == 1)
    assert [one["event"] for one in logs].count("colleague_not_rung") == 1


async def test_s19_nobody_off_duty_is_rung_up() -> None:
    town = Town("2026-03-03 20:00")
    async with running(town.asking.run):
        await town.office.obey(SetReferral("105", "semester", at("2026-03-09 08:30"), by="105"))
        await town.office.obey(OfferForward("105", "107", by="105"))
        await asyncio.sleep(0.05)
    assert town.telephony.rung == []
    [forward] = town.office.exchange.forwards["105"]
    assert forward.consent is Consent.ASKED
