"""Phones lost and found, and the alarm of a line with too few (S18, F26)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest
from core.plans import DAY, EXCHANGE, NIGHT, PLAN, at, attended, away, changed_line

from pbx_bridge.core import alarms
from pbx_bridge.core.attendance import Missing, is_short, queue, staffing
from pbx_bridge.core.commands import (
    CountAttendants,
    Refusal,
    SeePhone,
    SetReferral,
    SignIn,
)
from pbx_bridge.core.events import Event, LineShort, LineStaffed, PhoneFound, PhoneLost, SignedIn
from pbx_bridge.core.folding import fold
from pbx_bridge.core.handling import handle
from pbx_bridge.core.model import Raised, Shift
from pbx_bridge.core.notices import due
from pbx_bridge.core.state import About, Channel, Exchange, Lost

VAXEL = PLAN.lines["vaxel"]
LOST = fold(EXCHANGE, [PhoneLost("111", Lost.UNREACHABLE, DAY)])


def counted(exchange: Exchange, now: datetime = DAY, line: str = "vaxel") -> tuple[Event, ...]:
    events = handle(CountAttendants(line), exchange, now)
    assert not isinstance(events, Refusal)
    return events


def seen(exchange: Exchange, lost: Lost | None) -> tuple[Event, ...]:
    events = handle(SeePhone("111", lost), exchange, DAY)
    assert not isinstance(events, Refusal)
    return events


def test_f26_a_phone_is_lost_once_and_found_once() -> None:
    assert seen(EXCHANGE, None) == ()
    assert seen(EXCHANGE, Lost.UNREACHABLE) == (PhoneLost("111", Lost.UNREACHABLE, DAY),)
    assert seen(LOST, Lost.UNREACHABLE) == ()
    assert seen(LOST, Lost.NO_ANSWER) == ()  # it can't be reached, whatever else
    assert seen(LOST, None) == (PhoneFound("111", DAY),)
    silent = fold(EXCHANGE, seen(EXCHANGE, Lost.NO_ANSWER))
    assert seen(silent, Lost.UNREACHABLE) == (PhoneLost("111", Lost.UNREACHABLE, DAY),)


def test_whoever_signs_in_is_there_again_although_calls_were_left_ringing() -> None:
    silent = fold(EXCHANGE, [PhoneLost("111", Lost.NO_ANSWER, DAY)])
    again = SignIn("vaxel", "111", by="111")
    assert handle(again, silent, DAY) == (
        SignedIn("vaxel", "111", "111"),
        PhoneFound("111", DAY),
    )
    assert handle(again, LOST, DAY) == (SignedIn("vaxel", "111", "111"),)


def test_s18_only_the_phones_of_those_who_attend_or_stand_by_matter() -> None:
    found = alarms.watched(PLAN)
    assert found == {"111", "113", "104", "120", "101", "102", "110", "103"}


def test_s18_the_alarm_is_raised_once_renewed_with_another_cause_and_cleared() -> None:
    assert counted(EXCHANGE) == ()
    [raised] = counted(LOST)
    assert raised == LineShort("vaxel", "unreachable", ("111",), ("104",), DAY)
    short = fold(LOST, [raised])
    assert counted(short) == ()
    away_too = away("111", "2026-03-03 12:00", exchange=short)
    [renewed] = counted(away_too)
    assert renewed == LineShort("vaxel", Missing.NOBODY, (), ("104",), DAY)
    assert counted(fold(short, [PhoneFound("111", DAY)])) == (LineStaffed("vaxel", DAY),)
    assert counted(short, NIGHT) == (LineStaffed("vaxel", NIGHT),)  # it has closed


def test_f26_the_first_backup_that_can_be_rung_joins_the_queue() -> None:
    assert queue(EXCHANGE, VAXEL, DAY) == {"111": 0, "104": 1, "120": 2}
    assert queue(LOST, VAXEL, DAY) == {"111": 0, "104": 0, "120": 1}
    deaf = fold(LOST, [PhoneLost("104", Lost.UNREACHABLE, DAY)])
    assert queue(deaf, VAXEL, DAY) == {"111": 0, "120": 0, "104": 1}
    absent = away("104", "2026-03-03 12:00", exchange=LOST)
    assert queue(absent, VAXEL, DAY) == {"111": 0, "120": 0}
    assert queue(LOST, VAXEL, NIGHT) == {"111": 0, "104": 1, "120": 2}  # closed


def test_s5_as_many_backups_join_as_are_missing() -> None:
    raised = (Raised("budget", date(2026, 3, 3), date(2026, 3, 3), 2),)
    exchange = changed_line("vaxel", raised=raised)
    line = exchange.plan.lines["vaxel"]
    assert staffing(exchange, line, DAY).joined == ("104",)
    assert staffing(fold(exchange, [PhoneLost("111", Lost.NO_ANSWER, DAY)]), line, DAY).joined == (
        "104",
        "120",
    )
    assert not is_short(exchange, line, at("2026-03-04 10:00"))


def test_s18_a_shift_that_begins_without_a_sign_in_is_missed() -> None:
    exchange = changed_line("vaxel", roster=(Shift("113"),), signed_in=())
    [raised] = counted(exchange)
    assert raised == LineShort("vaxel", "not-signed-in", ("113",), ("104",), DAY)
    also = attended("vaxel", "111", exchange=exchange)
    assert counted(also) == ()  # one is to be there, and one is
    both = replace(also.plan.lines["vaxel"], roster=(Shift("113"), Shift("111")))
    plan = replace(also.plan, lines={**also.plan.lines, "vaxel": both})
    assert [type(one) for one in counted(replace(also, plan=plan))] == [LineShort]
    there = attended("vaxel", "111", "113", exchange=replace(also, plan=plan))
    assert counted(there) == ()
    on_leave = away("113", "2026-03-03 12:00", exchange=there)
    [raised] = counted(on_leave)
    assert raised == LineShort("vaxel", "away", ("113",), ("104",), DAY)


def test_a_static_member_attends_without_a_sign_in_and_can_not_sign_out() -> None:
    exchange = changed_line("vaxel", static=frozenset({"113"}), signed_in=())
    assert staffing(exchange, exchange.plan.lines["vaxel"], DAY).ready == ("113",)


def test_s18_a_phone_that_always_answers_is_never_referred() -> None:
    answer = handle(SetReferral("120", "lunch", at("2026-03-03 12:00"), by="120"), EXCHANGE, DAY)
    assert isinstance(answer, Refusal)
    assert (answer.clause, answer.why) == ("S18", "always-answers")


@pytest.mark.parametrize("has_mail", [True, False])
def test_s18_switchboard_foreman_and_backup_are_told_and_it_is_forgotten_when_over(
    has_mail: bool,
) -> None:
    events = counted(LOST)
    short = fold(LOST, events)
    notices = due(events, LOST, short, DAY, has_mail=has_mail)
    held = fold(short, notices)
    told = {(one.to, one.channel) for one in held.outbox.values()}
    assert {one.about for one in held.outbox.values()} == {About.LINE_SHORT}
    mails = {("104", Channel.MAIL)} if has_mail else set()
    assert told == {("", Channel.LIST), ("104", Channel.MESSAGE)} | mails
    over = counted(fold(held, [PhoneFound("111", DAY)]))
    found = fold(held, [PhoneFound("111", DAY)])
    after = fold(found, over)
    left = fold(after, due(over, found, after, DAY, has_mail=has_mail))
    assert [(one.about, one.to) for one in left.outbox.values()] == [(About.LINE_STAFFED, "111")]
