"""Breaking phone hours by command and code: who may, what is refused, what is told (S24)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, time, timedelta

import pytest
from core.plans import DAY, EXCHANGE, PLAN, PROMPTS, ZONE, at

from pbx_bridge.core import codes
from pbx_bridge.core.closed import told_before, told_closed
from pbx_bridge.core.commands import TECHNICIAN, BreakPhoneHours, Command, Refusal, ResumePhoneHours
from pbx_bridge.core.confirming import confirmation
from pbx_bridge.core.events import DayHours, Event, NoticeDue, PhoneHoursBroken, PhoneHoursResumed
from pbx_bridge.core.folding import fold, fresh
from pbx_bridge.core.handling import handle
from pbx_bridge.core.hours import is_open
from pbx_bridge.core.model import Language, Schedule, Span
from pbx_bridge.core.notices import due
from pbx_bridge.core.sentences import Sentence
from pbx_bridge.core.state import Channel, Exchange
from pbx_bridge.core.telling import spoken
from pbx_bridge.core.timetable import line_open, line_openings, line_opens, owed
from pbx_bridge.core.wording import render

LINE = PLAN.lines["bygglov"]
URGENT, ACCIDENT = "ett brådskande ärende", "en olycka"
BREAK = BreakPhoneHours("bygglov", URGENT, at("2026-03-03 10:30"), by="101")


def done(command: Command, exchange: Exchange = EXCHANGE, now: str = "10:00") -> Exchange:
    events = handle(command, exchange, at(f"2026-03-03 {now}"))
    assert not isinstance(events, Refusal), events
    return fold(exchange, events)


def said(sentence: Sentence, language: Language = Language.SV) -> str:
    return render(sentence, language, DAY, PROMPTS)


def test_hours_are_broken_told_and_repaid() -> None:
    exchange = done(BREAK)
    told = [said(one) for one in confirmation(BREAK, exchange, DAY)]
    assert told == [
        (
            "Avbrottet gäller bygglovsrådgivningen till i dag klockan halv elva. "
            "Den som ringer får höra varför."
        ),
        "Tiden tas igen samma dag: telefontiden slutar i dag klockan halv tolv.",
    ]
    told_caller = told_closed(exchange, LINE, DAY)
    assert said(told_caller) == (
        "Du har kommit till bygglovsrådgivningen. Vi är upptagna: ett brådskande ärende. "
        "Vi svarar igen i dag klockan halv elva."
    )
    assert "kiireellinen tehtävä" in said(told_caller, Language.FI)
    assert told_before(exchange, LINE, next(line_openings(exchange, LINE, DAY))) == told_caller


def test_what_can_not_be_repaid_is_told_as_a_debt() -> None:
    command = BreakPhoneHours("bygglov", URGENT, at("2026-03-03 15:40"), by="101")
    told = [said(one) for one in confirmation(command, done(command), DAY)]
    assert told[-1] == "Fyrtio minuter hinner inte tas igen i dag."


def test_an_emergency_that_is_over_earlier_is_repaid_for_less() -> None:
    exchange = done(ResumePhoneHours("bygglov", by="102"), done(BREAK), "10:10")
    assert line_opens(exchange, LINE, at("2026-03-03 09:00")) == at("2026-03-03 10:10")
    last = next(line_openings(exchange, LINE, at("2026-03-03 10:30")))
    assert last.end == at("2026-03-03 11:10")


def test_a_second_break_takes_the_place_of_the_first() -> None:
    longer = BreakPhoneHours("bygglov", ACCIDENT, at("2026-03-03 11:00"), by="102")
    exchange = done(longer, done(BREAK), "10:20")
    assert line_opens(exchange, LINE, DAY) == at("2026-03-03 11:00")
    assert next(line_openings(exchange, LINE, at("2026-03-03 10:30"))).end == at("2026-03-03 12:00")


@pytest.mark.parametrize(
    ("command", "now", "why"),
    [
        (
            BreakPhoneHours("vaxel", URGENT, at("2026-03-03 10:30"), "111"),
            "10:00",
            "no-phone-hours",
        ),
        (BreakPhoneHours("nowhere", URGENT, at("2026-03-03 10:30"), "111"), "10:00", "no-phone-"),
        (BreakPhoneHours("bygglov", "fika", at("2026-03-03 10:30"), "101"), "10:00", "unknown-em"),
        (BreakPhoneHours("bygglov", URGENT, at("2026-03-03 09:30"), "101"), "10:00", "end-has-pas"),
        (BreakPhoneHours("bygglov", URGENT, at("2026-03-04 09:30"), "101"), "10:00", "break-ends"),
        (BreakPhoneHours("bygglov", URGENT, at("2026-03-03 08:30"), "101"), "07:00", "nothing-to-"),
        (BreakPhoneHours("bygglov", URGENT, at("2026-03-03 15:30"), "101"), "11:00", "nothing-to-"),
        (BreakPhoneHours("bygglov", URGENT, at("2026-03-03 10:30"), "105"), "10:00", "not-allowed"),
        (ResumePhoneHours("bygglov", "101"), "10:00", "not-broken"),
        (ResumePhoneHours("nowhere", "111"), "10:00", "not-broken"),
        (ResumePhoneHours("bygglov", "105"), "10:00", "not-allowed"),
    ],
)
def test_a_break_that_makes_no_sense_is_refused(command: Command, now: str, why: str) -> None:
    answer = handle(command, EXCHANGE, at(f"2026-03-03 {now}"))
    assert isinstance(answer, Refusal), answer
    assert answer.why.startswith(why)
    assert answer.clause in ("S24", "S29")


@pytest.mark.parametrize("by", ["101", "102", "104", "111", "technician"])
def test_members_operators_and_technicians_may_break(by: str) -> None:
    command = BreakPhoneHours("bygglov", URGENT, at("2026-03-03 10:30"), by)
    events = handle(command, EXCHANGE, DAY)
    planned = ((at("2026-03-03 09:00"), at("2026-03-03 11:00")),)
    hours = DayHours(planned, at("2026-03-03 16:00"))
    assert events == (PhoneHoursBroken("bygglov", DAY, command.until, URGENT, by, hours),)


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("*24*2*1*1030#", BREAK),
        ("*24*2*2*1030", BreakPhoneHours("bygglov", ACCIDENT, BREAK.until, "101")),
        ("#24*2#", ResumePhoneHours("bygglov", "101")),
        ("*24*2*9*1030#", "refused-unknown-note"),
        ("*24*7*1*1030#", "refused-unknown-code"),
        ("*24*2*1#", "refused-bad-time"),
        ("*24*2*1*2575#", "refused-bad-time"),
        ("*24*2*1*0930#", "refused-time-passed"),
        ("#24*7#", "refused-unknown-code"),
    ],
)
def test_codes_break_and_resume(digits: str, expected: Command | str) -> None:
    found = codes.read(digits, PLAN.people["101"], EXCHANGE, DAY)
    assert (found.key if isinstance(found, Sentence) else found) == expected


def test_a_break_is_ended_by_the_event_alone() -> None:
    exchange = fold(done(BREAK), (PhoneHoursResumed("bygglov", at("2026-03-03 10:05"), "101"),))
    assert [one.until for one in exchange.breaks["bygglov"]] == [at("2026-03-03 10:05")]


def test_s24_the_switchboard_is_told_why() -> None:
    after = done(BREAK)
    notices = [
        one.notice
        for one in due(handle_events(BREAK), EXCHANGE, after, DAY)
        if isinstance(one, NoticeDue)
    ]
    assert {(one.to, one.channel) for one in notices} == {
        ("", Channel.LIST),
        ("111", Channel.MESSAGE),
    }
    for one in notices:
        (told,) = spoken(one, after)
        assert isinstance(told, Sentence)
        assert said(told) == (
            "Telefontiden bryts: bygglovsrådgivningen. Orsak: ett brådskande ärende. "
            "Den fortsätter i dag klockan halv elva."
        )


def handle_events(command: Command) -> tuple[Event, ...]:
    events = handle(command, EXCHANGE, DAY)
    assert not isinstance(events, Refusal)
    return events


ALWAYS = Schedule("always", ((Span(time(0), time(0)),),) * 7, on_holidays=True)
NIGHTS = Schedule("nights", ((Span(time(20), time(4)),),) * 7, on_holidays=True)


@pytest.mark.parametrize(
    ("schedule", "begins", "ends"),
    [
        (ALWAYS, "2026-03-03 10:00", "2026-03-03 11:00"),
        (ALWAYS, "2026-03-03 00:00", "2026-03-03 23:59"),
        (NIGHTS, "2026-03-03 21:00", "2026-03-03 23:30"),
        (NIGHTS, "2026-03-03 01:00", "2026-03-03 02:00"),
    ],
)
def test_s24_phone_hours_that_touch_midnight_can_be_broken(
    schedule: Schedule, begins: str, ends: str
) -> None:
    line = replace(PLAN.lines["bygglov"], hours=schedule.name)
    plan = replace(
        PLAN,
        lines={**PLAN.lines, "bygglov": line},
        schedules={**PLAN.schedules, schedule.name: schedule},
    )
    exchange, now, until = fresh(plan), at(begins), at(ends)
    note = plan.organisation.phone_hours.emergencies[0][plan.organisation.language]
    answer = handle(BreakPhoneHours("bygglov", note, until, TECHNICIAN), exchange, now)
    assert not isinstance(answer, Refusal)
    after = fold(exchange, answer)
    moment = now.astimezone(UTC) - timedelta(days=1)
    while moment < now.astimezone(UTC) + timedelta(days=2):
        here = moment.astimezone(ZONE)
        broken = now.astimezone(UTC) <= moment < until.astimezone(UTC)
        usual = is_open(schedule, plan, here)
        is_today = here.date() == now.date()
        if broken or not is_today:
            assert line_open(after, line, here) is (usual and not broken), here
        elif usual:
            assert line_open(after, line, here), here
        moment += timedelta(minutes=30)
    assert owed(after, line, now.date()) <= until - now
