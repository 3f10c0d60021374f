"""States that an exchange can really come to: by commands, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.plans import EXCHANGE, PLAN
from hypothesis import strategies as st

from pbx_bridge.core.attendance import is_short
from pbx_bridge.core.commands import (
    TECHNICIAN,
    AnswerCover,
    AnswerForward,
    AskCallBack,
    AskCover,
    BlockPhone,
    BreakPhoneHours,
    CancelReferral,
    Command,
    CountAttendants,
    LapseCover,
    LapseForward,
    LiftShield,
    OfferForward,
    ProvePin,
    Refusal,
    ResumePhoneHours,
    SeePhone,
    SetReferral,
    SettleNotices,
    SignIn,
    SignOut,
    TakeMessage,
    TakeUpPlan,
    UnblockPhone,
    WithdrawForward,
)
from pbx_bridge.core.events import Event
from pbx_bridge.core.folding import fold
from pbx_bridge.core.handling import handle, refused
from pbx_bridge.core.notices import due
from pbx_bridge.core.state import Consent, Exchange, Lost

FEW = ("101", "102", "103", "104", "106", "107", "109", "110", "111", "113", "120")
"""People whose deputies and backups are among them, so that much happens between few."""
people = st.sampled_from(FEW)
lines = st.sampled_from(sorted(PLAN.lines))
emergencies = st.sampled_from(
    [text[PLAN.organisation.language] for text in PLAN.organisation.phone_hours.emergencies]
)


@dataclass(frozen=True)
class History:
    """What happened, and what came of it."""

    exchange: Exchange
    now: datetime
    events: tuple[Event, ...]
    commands: tuple[Command, ...]

    def __repr__(self) -> str:
        return f"History({self.now:%Y-%m-%d %H:%M}, {list(self.commands)})"


def commands(exchange: Exchange, now: datetime) -> st.SearchStrategy[Command]:
    """Any command, by people who may give it, at `now`."""
    ahead = st.integers(1, 3 * 24 * 60).map(lambda minutes: now + timedelta(minutes=minutes))
    reasons = st.sampled_from(sorted(PLAN.reasons_by_name))
    by = st.just(TECHNICIAN)
    planned = [one.since for held in exchange.referrals.values() for one in held]
    absences = st.builds(
        SetReferral, people, reasons, ahead, by, st.just("möte"), st.one_of(st.none(), ahead)
    )
    return st.one_of(
        absences,
        st.builds(CancelReferral, people, by),
        st.builds(CancelReferral, people, by, st.sampled_from(planned))
        if planned
        else st.nothing(),
        st.builds(OfferForward, people, people, by),
        st.builds(AnswerForward, st.one_of(st.just(""), people), people, st.booleans(), by),
        st.builds(AnswerForward, people, people, st.just(True), by),
        st.builds(LapseForward, people, people),
        st.builds(WithdrawForward, people, by),
        st.builds(SignIn, lines, people, by),
        st.builds(SignOut, lines, people, by),
        st.builds(SeePhone, people, st.one_of(st.none(), st.sampled_from(Lost))),
        st.builds(CountAttendants, lines),
        st.builds(BlockPhone, people, by),
        st.builds(UnblockPhone, people, by),
        _covers(exchange, absences),
        st.nothing() if exchange.known.people else st.just(TakeUpPlan()),
        st.builds(LiftShield, people, st.just("111")),
        st.builds(
            TakeMessage,
            *(st.sampled_from(("101", "181", "999")), st.sampled_from(("1-1", "1-2"))),
            *(st.sampled_from(("", "0401234567")), st.integers(2, 300), st.just(now), st.just("")),
        ),
        st.builds(AskCallBack, st.just("1.1"), people, st.just("0401234567")),
        st.builds(BreakPhoneHours, lines, emergencies, ahead, by),
        st.builds(ResumePhoneHours, lines, by),
        st.builds(ProvePin, people, st.just("0401234567"), st.booleans()),
        st.builds(
            SettleNotices,
            st.just(tuple(exchange.outbox)[:2]),
            st.just("111"),
            st.sampled_from(("", "no such user")),
        ),
    )


def _covers(
    exchange: Exchange, absences: st.SearchStrategy[SetReferral]
) -> st.SearchStrategy[Command]:
    """Colleagues are asked to attend a line in somebody's place, and answer."""
    by = st.just(TECHNICIAN)
    leavings = [
        (SignOut(line.name, who, TECHNICIAN), to)
        for line in PLAN.lines.values()
        for who in sorted(exchange.signed_in.get(line.name, ()))
        for to in (*line.members, *line.backups)
        if to != who
    ]
    return st.one_of(
        st.builds(AskCover, absences, people, by),
        st.builds(AskCover, st.builds(SignOut, lines, people, by), people, by),
        st.sampled_from(leavings).map(lambda pair: AskCover(*pair, by=TECHNICIAN))
        if leavings
        else st.nothing(),
        st.builds(AnswerCover, st.one_of(st.just(""), people), people, st.booleans(), by),
        st.builds(LapseCover, people, people),
    )


def _following(exchange: Exchange, now: datetime) -> list[Command]:
    """What comes of the state by itself: alarms, answers to what was asked, phones found."""
    asked = [
        (one.person, one.to)
        for held in exchange.covers.values()
        for one in held
        if one.consent in (Consent.ASKED, Consent.LAPSED)
    ]
    return [
        *(
            CountAttendants(one.name)
            for one in PLAN.lines.values()
            if is_short(exchange, one, now) is not (one.name in exchange.shortages)
        ),
        *(AnswerCover(*pair, accepts=True, by=TECHNICIAN) for pair in asked),
        *(AnswerCover(*pair, accepts=False, by=TECHNICIAN) for pair in asked),
        *(LapseCover(*pair) for pair in asked),
        *(SeePhone(who, None) for who in sorted(exchange.losses)),
    ]


@st.composite
def histories(draw: st.DrawFn, until: datetime, most: int = 8) -> History:
    """Some commands in the three days before `until`."""
    steps = draw(st.lists(st.integers(0, 12 * 60), max_size=most))
    total = timedelta(minutes=sum(steps))
    now = (until.astimezone(UTC) - total).astimezone(until.tzinfo)
    exchange = EXCHANGE
    events: list[Event] = []
    given_: list[Command] = []
    for minutes in steps:
        following = _following(exchange, now)
        goes_on = bool(following) and draw(st.booleans())
        command = draw(st.sampled_from(following) if goes_on else commands(exchange, now))
        found = obeyed(command, exchange, now)
        events += found
        given_.append(command)
        exchange = fold(exchange, found)
        now = (now.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(until.tzinfo)
    return History(exchange, until, tuple(events), tuple(given_))


def obeyed(command: Command, exchange: Exchange, now: datetime) -> Sequence[Event]:
    """The events that are journaled for a command."""
    answer = handle(command, exchange, now)
    if isinstance(answer, Refusal):
        return (refused(command, answer, now),)
    return (*answer, *due(answer, exchange, fold(exchange, answer), now))
