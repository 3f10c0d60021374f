"""Who is told of lines with too few, covers and gaps; what tells nothing any more (S17, S18)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from core.plans import DAY, EXCHANGE, PLAN, at, attended, away, changed_person

from pbx_bridge.core.commands import (
    AnswerCover,
    AskCover,
    CancelReferral,
    Command,
    CountAttendants,
    LapseCover,
    Refusal,
    SeePhone,
    SetReferral,
    SettleNotices,
    SignOut,
)
from pbx_bridge.core.delivery import is_moot
from pbx_bridge.core.events import NoticeDropped, NoticeDue, PhoneLost
from pbx_bridge.core.folding import fold
from pbx_bridge.core.handling import handle
from pbx_bridge.core.notices import due
from pbx_bridge.core.state import About, Channel, Exchange, Lost, Notice

LEAVES = SignOut("vaxel", "111", by="111")
OUTSIDE = {Channel.MAIL, Channel.MESSAGE}
LOST = fold(EXCHANGE, [PhoneLost("111", Lost.UNREACHABLE, DAY)])


def after(exchange: Exchange, *commands: Command, now: datetime = DAY) -> Exchange:
    """The state after commands, a minute between them, and after their notices."""
    for minutes, command in enumerate(commands):
        moment = now + timedelta(minutes=minutes)
        events = handle(command, exchange, moment)
        assert not isinstance(events, Refusal), events
        told = due(events, exchange, fold(exchange, events), moment)
        exchange = fold(exchange, [*events, *told])
    return exchange


def told(exchange: Exchange, about: About) -> set[tuple[str, Channel]]:
    return {(one.to, one.channel) for one in exchange.outbox.values() if one.about is about}


def notice(exchange: Exchange, about: About) -> Notice:
    return next(one for one in exchange.outbox.values() if one.about is about)


def test_s18_an_alarm_is_told_to_who_attends_to_the_backup_and_to_the_foreman() -> None:
    exchange = after(attended("vaxel", "111", "113", exchange=LOST), CountAttendants("vaxel"))
    assert exchange.outbox == {}  # one is enough
    exchange = fold(EXCHANGE, [PhoneLost("101", Lost.UNREACHABLE, DAY)])
    exchange = after(exchange, CountAttendants("bygglov"))
    switchboard, backup, foreman = "111", "110", "103"
    assert told(exchange, About.LINE_SHORT) == {
        ("", Channel.LIST),
        (switchboard, Channel.MESSAGE),
        (backup, Channel.MESSAGE),
        (foreman, Channel.MESSAGE),
        (foreman, Channel.MAIL),
    }
    alarm = notice(exchange, About.LINE_SHORT)
    assert (alarm.person, alarm.other, alarm.cause) == ("bygglov", "101", "unreachable")
    assert alarm.joined == backup


def test_s18_nobody_is_told_on_the_very_phone_that_is_lost() -> None:
    exchange = after(LOST, CountAttendants("vaxel"))
    assert "111" not in {who for who, _ in told(exchange, About.LINE_SHORT)}


def test_s18_an_alarm_for_another_cause_is_not_listed_twice() -> None:
    raised = after(LOST, CountAttendants("vaxel"))
    listed = [one for one in raised.outbox.values() if one.channel is Channel.LIST]
    gone = away("111", "2026-03-03 12:00", exchange=raised)
    renewed = after(gone, CountAttendants("vaxel"), now=DAY + timedelta(minutes=5))
    assert [one for one in renewed.outbox.values() if one.channel is Channel.LIST] == listed
    messages = [one for one in renewed.outbox.values() if one.channel is Channel.MESSAGE]
    assert {one.cause for one in messages} == {"unreachable", "nobody"}


def test_s18_an_alarm_that_is_over_is_dropped_and_its_end_told_to_who_attends() -> None:
    raised = after(LOST, CountAttendants("vaxel"))
    over = after(
        raised, SeePhone("111", None), CountAttendants("vaxel"), now=DAY + timedelta(minutes=1)
    )
    assert told(over, About.LINE_SHORT) == set()
    assert told(over, About.LINE_STAFFED) == {("111", Channel.MESSAGE)}


def test_s17_whoever_is_asked_to_cover_is_told_and_then_who_asked() -> None:
    asked = after(EXCHANGE, AskCover(LEAVES, "113", by="111"))
    assert told(asked, About.COVER_ASKED) == {("113", channel) for channel in OUTSIDE}
    question = notice(asked, About.COVER_ASKED)
    assert (question.person, question.line) == ("111", "vaxel")
    assert question.until == at("2026-03-03 15:30")
    yes = after(asked, AnswerCover("", "113", accepts=True, by="113"), now=DAY)
    assert told(yes, About.COVER_ASKED) == set()
    assert told(yes, About.COVER_ACCEPTED) == {("111", Channel.MESSAGE), ("", Channel.LIST)}
    assert notice(yes, About.COVER_ACCEPTED).other == "113"
    no = after(asked, AnswerCover("", "113", accepts=False, by="113"), now=DAY)
    assert told(no, About.COVER_ASKED) == set()
    assert told(no, About.COVER_DECLINED) == {("111", Channel.MESSAGE), ("", Channel.LIST)}
    assert told(no, About.COVER_ACCEPTED) == set()


def test_s17_who_did_not_answer_may_still_read_the_question() -> None:
    lapsed = after(EXCHANGE, AskCover(LEAVES, "113", by="111"), LapseCover("111", "113"))
    assert told(lapsed, About.COVER_ASKED) == {("113", channel) for channel in OUTSIDE}
    assert told(lapsed, About.COVER_DECLINED) == {("111", Channel.MESSAGE), ("", Channel.LIST)}


SICK = SetReferral("101", "sjuk", at("2026-03-04 16:00"), by="104")


def test_s17_a_gap_is_told_to_the_switchboard_and_the_foreman() -> None:
    exchange = after(EXCHANGE, SICK)
    foreman = PLAN.people["101"].foreman
    assert told(exchange, About.GAP) == {
        ("", Channel.LIST),
        *((foreman, channel) for channel in OUTSIDE),
    }
    gap = notice(exchange, About.GAP)
    assert (gap.person, gap.line) == ("101", "bygglov")
    assert (gap.since, gap.until) == (DAY, at("2026-03-03 11:00"))  # the first of two days


def test_s17_an_absence_without_a_gap_and_a_person_without_a_foreman() -> None:
    covered = after(attended("bygglov", "101", "102"), SICK)
    assert told(covered, About.GAP) == set()
    alone = replace(changed_person("101", foreman=""), signed_in=EXCHANGE.signed_in)
    assert told(after(alone, SICK), About.GAP) == {("", Channel.LIST)}


def test_s17_a_gap_is_dropped_when_the_absence_is_taken_back() -> None:
    back = after(EXCHANGE, SICK, CancelReferral("101", by="101"))
    assert told(back, About.GAP) == set()
    kept = after(EXCHANGE, SICK, SettleNotices((), "111"))
    assert told(kept, About.GAP) == told(after(EXCHANGE, SICK), About.GAP)


def test_what_was_given_up_is_not_dropped_again() -> None:
    raised = after(LOST, CountAttendants("vaxel"))
    given_up = after(raised, SettleNotices(tuple(raised.outbox), "111", "no such user"))
    found = fold(given_up, [])
    events = handle(SeePhone("111", None), found, DAY)
    assert not isinstance(events, Refusal)
    cleared = fold(found, events)
    over = handle(CountAttendants("vaxel"), cleared, DAY)
    assert not isinstance(over, Refusal)
    dropped = due(over, cleared, fold(cleared, over), DAY)
    ids = {one.id for one in dropped if isinstance(one, NoticeDropped)}
    assert not ids & raised.outbox.keys()


def waiting(exchange: Exchange, about: About) -> Sequence[Notice]:
    return [one for one in exchange.outbox.values() if one.about is about]


@pytest.mark.parametrize(
    ("about", "exchange"),
    [
        (About.LINE_SHORT, after(LOST, CountAttendants("vaxel"))),
        (About.COVER_ASKED, after(EXCHANGE, AskCover(LEAVES, "113", by="111"))),
        (About.GAP, after(EXCHANGE, SICK)),
    ],
)
def test_what_is_moot_in_another_state_is_not_in_its_own(about: About, exchange: Exchange) -> None:
    found = waiting(exchange, about)
    assert found
    for one in found:
        assert not is_moot(one, exchange, DAY)
        assert is_moot(one, EXCHANGE, DAY)


def test_answers_to_a_cover_are_told_whatever_comes_after() -> None:
    asked = after(EXCHANGE, AskCover(LEAVES, "113", by="111"))
    said = after(asked, AnswerCover("", "113", accepts=True, by="113"))
    for one in waiting(said, About.COVER_ACCEPTED):
        assert not is_moot(one, EXCHANGE, DAY + timedelta(days=9))


def test_the_same_act_tells_nothing_twice() -> None:
    events = handle(CountAttendants("vaxel"), LOST, DAY)
    assert not isinstance(events, Refusal)
    short = fold(LOST, events)
    first = due(events, LOST, short, DAY)
    assert len({one.notice.id for one in first if isinstance(one, NoticeDue)}) == len(first) > 0
    assert due(events, fold(LOST, first), fold(short, first), DAY) == first
