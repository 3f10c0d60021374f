"""Commands: stored before they are done, one at a time, under one plan."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pytest
from core.plans import DAY, EXCHANGE, PLAN, at, away
from fakes.clock import FakeClock
from fakes.journal import FakeJournal
from structlog.testing import capture_logs

from pbx_bridge.app import office as offices
from pbx_bridge.app.office import Office
from pbx_bridge.core.call import Why
from pbx_bridge.core.commands import (
    TECHNICIAN,
    AskCallBack,
    CancelReferral,
    NoteCall,
    NoteEmergency,
    SetReferral,
    SignIn,
    SignOut,
)
from pbx_bridge.core.events import (
    CallTaken,
    CommandRefused,
    Decided,
    EmergencyCalled,
    Event,
    NoticeDue,
    ReferralSet,
)
from pbx_bridge.core.folding import fold
from pbx_bridge.ports import JournalUnavailable

LUNCH = SetReferral("104", "lunch", at("2026-03-03 12:00"), by="104")


class SlowJournal(FakeJournal):
    """Stores when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()

    async def append(self, at: datetime, events: Sequence[Event]) -> None:
        self.asked.set()
        await self.go_on.wait()
        await super().append(at, events)


def office(journal: FakeJournal) -> Office:
    return Office(EXCHANGE, journal, FakeClock(DAY))


async def test_a_command_is_stored_then_done_and_then_spoken() -> None:
    journal = FakeJournal()
    desk = office(journal)
    outcome = await desk.obey(LUNCH)
    assert outcome.why is Why.COMMAND_DONE
    assert [one.key for one in outcome.spoken] == ["referral-set", "referral-set-calls-to-line"]
    set_, told = journal.events
    assert set_ == ReferralSet("104", "lunch", DAY, LUNCH.until, "", "104", at=DAY)
    assert isinstance(told, NoticeDue)  # to the switchboard, by the same act
    assert (told.notice.about, told.notice.to, told.notice.person) == ("absence", "", "104")
    assert desk.exchange.referrals["104"][0].until == LUNCH.until
    assert desk.changed.is_set()


async def test_a_call_that_is_over_wakes_only_those_whom_it_concerns() -> None:
    journal = FakeJournal()
    desk = office(journal)
    with desk.listening() as told:
        told.clear()
        await desk.obey(NoteCall("1.1", DAY, "0401234567", "", "101"))
        assert journal.events == [CallTaken("1.1", "101", "0401234567", DAY)]
        assert desk.exchange.last_talks["101"] == ("0401234567", DAY)
        assert not told.is_set()
        assert not desk.changed.is_set()
        await desk.obey(NoteCall("2.1", DAY, "0401234567", "101", ""))
        assert told.is_set()  # a caller is to be reached: somebody has to remind
        assert not desk.changed.is_set()  # and Asterisk holds what it held
        told.clear()
        await desk.obey(LUNCH)
        assert told.is_set()
        assert desk.changed.is_set()


async def test_nothing_has_changed_before_it_is_stored() -> None:
    journal = SlowJournal()
    desk = office(journal)
    task = asyncio.create_task(desk.obey(LUNCH))
    await journal.asked.wait()
    assert desk.exchange == EXCHANGE
    assert not desk.changed.is_set()
    journal.go_on.set()
    assert (await task).why is Why.COMMAND_DONE
    assert "104" in desk.exchange.referrals


async def test_f25_a_refusal_names_its_clause_is_journaled_and_changes_nothing() -> None:
    journal = FakeJournal()
    desk = office(journal)
    outcome = await desk.obey(SignOut("vaxel", "111", by="111"))
    assert outcome.why is Why.COMMAND_REFUSED
    assert outcome.refusal is not None
    assert outcome.refusal.clause == "S18"
    assert journal.events == [CommandRefused("SignOut", "111", "S18", "last-attendant", "111", DAY)]
    assert desk.exchange.signed_in == EXCHANGE.signed_in
    assert not desk.changed.is_set()


async def test_f33_a_journal_out_of_reach_fails_commands_and_refusals_alike_then_heals() -> None:
    journal = FakeJournal()
    desk = office(journal)
    journal.broken = True
    with capture_logs() as logs:
        for command in (LUNCH, SignOut("vaxel", "111", by="111")):
            outcome = await desk.obey(command)
            assert outcome.why is Why.COMMAND_FAILED
            assert [one.key for one in outcome.spoken] == ["refused-failed"]
    assert desk.exchange == EXCHANGE
    assert not desk.changed.is_set()
    assert [one["event"] for one in logs] == ["command_not_stored"] * 2
    with capture_logs() as logs:
        await desk.obey(LUNCH)
        assert logs == [], "who tries each second says it once"
        journal.broken = False
        assert (await desk.obey(LUNCH)).why is Why.COMMAND_DONE
        journal.broken = True
        await desk.obey(SetReferral("105", "lunch", LUNCH.until, by="105"))
    assert [one["event"] for one in logs] == ["command_done", "command_not_stored"]


def emergency(call: str) -> NoteEmergency:
    return NoteEmergency(call, "104", "112", DAY)


async def test_f33_what_has_happened_is_told_at_once_and_stored_once_there_is_room() -> None:
    journal, clock = FakeJournal(), FakeClock(DAY)
    desk = Office(EXCHANGE, journal, clock)
    journal.broken = True
    for call in ("1.1", "1.2", "1.2"):
        assert (await desk.obey(emergency(call))).why is Why.COMMAND_DONE
        clock.pass_(1)
    told = {one.to for one in desk.exchange.outbox.values() if one.about == "emergency"}
    assert "111" in told, "the outbox has it, and needs no disk"
    assert (await desk.obey(LUNCH)).why is Why.COMMAND_FAILED, "what people ask for is no fact"
    with pytest.raises(JournalUnavailable):
        await desk.store_kept()
    journal.broken = False
    assert (await desk.obey(LUNCH)).why is Why.COMMAND_DONE
    await desk.store_kept()
    kinds = [one for one in journal.rows if isinstance(one.event, EmergencyCalled | ReferralSet)]
    calls = [one.event.call for one in kinds if isinstance(one.event, EmergencyCalled)]
    assert (calls, type(kinds[-1].event)) == (["1.1", "1.2"], ReferralSet)
    assert kinds[0].at == DAY, "when it happened"
    assert fold(EXCHANGE, journal.events) == desk.exchange


async def test_f33_what_waits_in_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offices, "MOST_KEPT", 2)
    journal = FakeJournal()
    desk = office(journal)
    journal.broken = True
    outcomes = [(await desk.obey(emergency(call))).result for call in ("1.1", "1.2", "1.3")]
    assert outcomes == ["done", "done", "failed"]


async def test_two_attendants_who_leave_at_once_do_not_both_leave() -> None:
    journal = FakeJournal()
    desk = office(journal)
    await desk.obey(SignIn("vaxel", "113", by="113"))
    outcomes = await asyncio.gather(
        *(desk.obey(SignOut("vaxel", one, by=one)) for one in ("111", "113"))
    )
    assert [one.why for one in outcomes] == [Why.COMMAND_DONE, Why.COMMAND_REFUSED]
    assert desk.exchange.signed_in["vaxel"] == {"113"}


async def test_f37_a_plan_waits_for_the_command_under_way_and_drops_what_it_lacks() -> None:
    journal = SlowJournal()
    desk = office(journal)
    command = asyncio.create_task(desk.obey(LUNCH))
    await journal.asked.wait()
    reasons = {digit: one for digit, one in PLAN.reasons.items() if one.name != "lunch"}
    plan = replace(PLAN, version="next", reasons=reasons)
    change = asyncio.create_task(desk.use(plan))
    await asyncio.sleep(0)
    assert desk.exchange.plan is PLAN
    journal.go_on.set()
    assert (await command).why is Why.COMMAND_DONE
    await change
    assert desk.exchange.plan is plan
    assert desk.exchange.referrals == {}


async def test_f37_a_plan_keeps_the_state_of_whom_it_knows_and_begins_new_lines_afresh() -> None:
    desk = Office(away("101", "2026-03-03 14:30"), FakeJournal(), FakeClock(DAY))
    await desk.obey(SignIn("vaxel", "113", by="113"))
    people = {who: one for who, one in PLAN.people.items() if who != "107"}
    extra = replace(PLAN.lines["vaxel"], name="extra", signed_in=("104",))
    lines = {name: one for name, one in PLAN.lines.items() if name != "jour"} | {"extra": extra}
    await desk.use(replace(PLAN, version="next", people=people, lines=lines))
    assert set(desk.exchange.referrals) == {"101"}
    assert desk.exchange.signed_in["vaxel"] == {"111", "113"}
    assert desk.exchange.signed_in["extra"] == {"104"}
    assert "jour" not in desk.exchange.signed_in


async def test_who_is_forgotten_while_a_command_is_under_way_does_not_come_back() -> None:
    journal = SlowJournal()
    desk = office(journal)
    journal.go_on.set()
    for number in ("0401234567", "0409876543"):
        await desk.obey(NoteCall(f"1.{number}", DAY, number, "101", ""))
        await desk.obey(NoteCall(f"2.{number}", DAY, number, "", "102"))
        await desk.obey(AskCallBack(f"3.{number}", "101", number))
    journal.asked.clear()
    journal.go_on.clear()
    again = NoteCall("4.1", DAY, "0401234567", "103", "")
    missed = NoteCall("5.1", DAY, "0401234567", "104", "")
    commands = [asyncio.create_task(desk.obey(one)) for one in (again, missed)]
    await journal.asked.wait()
    forgetting = asyncio.create_task(desk.forget({"0401234567", "+358401234567"}.__contains__))
    await asyncio.sleep(0)
    journal.go_on.set()
    await asyncio.gather(*commands)
    assert await forgetting == 9
    assert {number for _, number in desk.exchange.returns} == {"0409876543"}
    assert {number for number, _ in desk.exchange.last_talks.values()} == {"0409876543"}
    assert {one.other for one in desk.exchange.outbox.values()} == {"0409876543"}
    assert fold(EXCHANGE, journal.events) == desk.exchange, "a restart knows the same"


async def test_a_technician_may_cancel_for_others_and_no_number_is_logged() -> None:
    desk = Office(away("101", "2026-03-03 14:30"), FakeJournal(), FakeClock(DAY))
    with capture_logs() as logs:
        outcome = await desk.obey(CancelReferral("101", by=TECHNICIAN))
    assert outcome.why is Why.COMMAND_DONE
    assert logs == [{"event": "command_done", "command": "CancelReferral", "log_level": "info"}]


async def test_notes_are_stored_with_the_clocks_time_without_waiting() -> None:
    journal = FakeJournal()
    office(journal).note(Decided("1", "018000101", "ring:101", "person-rings"))
    assert [entry.at for entry in journal.rows] == [DAY]
