"""Forwards that colleagues have agreed to (S14).

A colleague is asked for one absence at a time and has to say yes. Who declines, doesn't answer
or is away is passed over for the next deputy; when nobody is left the unit and the switchboard
take the calls. One is asked at a time and nobody twice for the same absence, so asking always
ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from pbx_bridge.core import absence
from pbx_bridge.core.commands import (
    AnswerForward,
    LapseForward,
    OfferForward,
    Refusal,
    WithdrawForward,
)
from pbx_bridge.core.events import (
    Event,
    ForwardAnswered,
    ForwardOffered,
    ForwardWithdrawn,
    ReferralSet,
)
from pbx_bridge.core.sentences import sentence
from pbx_bridge.core.state import Consent, Exchange, Forward, Referral


def offer(command: OfferForward, exchange: Exchange, now: datetime) -> tuple[Event, ...] | Refusal:
    """The colleague is asked, unless they can't take the calls, instead of whoever is being
    asked: a late yes of theirs still counts."""
    referral = absence_of(exchange, command.person, now)
    if referral is None:
        return Refusal("S14", "no-referral", sentence("refused-forward-without-referral"))
    colleague = exchange.plan.people.get(command.to)
    if colleague is None or command.to == command.person:
        return Refusal("S14", "no-such-colleague", sentence("refused-no-such-colleague"))
    begins = max(now, referral.since, key=_instant)
    away = absence.absence(exchange, command.to, begins)
    if away is not None:
        until = absence.end_told(exchange, colleague, away)
        spoken = sentence("refused-colleague-away", name=colleague.name, until=until)
        return Refusal("S14", "colleague-away", spoken)
    open_ = [
        one
        for one in exchange.forwards.get(command.person, ())
        if one.since == referral.since and one.consent in (Consent.ASKED, Consent.ACCEPTED)
    ]
    if command.to in [one.to for one in open_]:
        spoken = sentence("refused-asked-already", name=colleague.name)
        return Refusal("S14", "asked-already", spoken)
    instead = (
        ForwardAnswered(one.person, one.to, one.since, Consent.LAPSED, command.by)
        for one in open_
        if one.consent is Consent.ASKED
    )
    person, to, since, until = command.person, command.to, referral.since, referral.until
    return (*instead, ForwardOffered(person, to, since, until, now, command.by))


def answer(
    command: AnswerForward, exchange: Exchange, now: datetime
) -> tuple[Event, ...] | Refusal:
    """Yes or no; a late yes counts while the absence lasts, and a mind may be changed."""
    forward = next(offers_to(exchange, command.to, now, command.person), None)
    if forward is None:
        return Refusal("S14", "no-offer", sentence("offer-gone"))
    said = Consent.ACCEPTED if command.accepts else Consent.DECLINED
    return _answered(exchange, forward, said, command.by, now)


def lapse(command: LapseForward, exchange: Exchange, now: datetime) -> tuple[Event, ...] | Refusal:
    """A colleague who has not answered is passed over."""
    for forward in exchange.forwards.get(command.person, ()):
        meant = forward.to == command.to and command.since in (None, forward.since)
        if meant and forward.consent is Consent.ASKED:
            return _answered(exchange, forward, Consent.LAPSED, command.by, now)
    return Refusal("S14", "no-offer", sentence("offer-gone"))


def withdraw(
    command: WithdrawForward, exchange: Exchange, now: datetime
) -> tuple[Event, ...] | Refusal:
    """Nobody who was asked for the absences of the moment, else the next one, takes its calls
    any more."""
    meant = absence.absences(exchange, command.person, now)
    if not meant and (coming := absence_of(exchange, command.person, now)) is not None:
        meant = (coming,)
    events = tuple(
        event
        for referral in meant
        for event in withdrawn(exchange, command.person, referral.since, command.by)
    )
    return events or Refusal("S14", "no-forward", sentence("refused-no-forward"))


def withdrawn(exchange: Exchange, person: str, since: datetime, by: str) -> Iterator[Event]:
    """Yield the end of every forward of one absence."""
    for one in exchange.forwards.get(person, ()):
        if one.since == since:
            yield ForwardWithdrawn(person, one.to, since, by)


def ask_deputy(
    exchange: Exchange, referral: ReferralSet, passed: Sequence[str], by: str, now: datetime
) -> Iterator[Event]:
    """Yield the question to the first deputy who can take the calls, if they must be asked.

    Deputies in `passed` have been asked. One with a standing consent needs no question.
    """
    if _instant(referral.until) <= _instant(now):
        return
    person = exchange.plan.people[referral.person]
    begins = max(now, referral.since, key=_instant)
    for deputy in person.deputies:
        if deputy in passed or absence.absence(exchange, deputy, begins) is not None:
            continue
        if deputy not in person.agreed:
            yield ForwardOffered(referral.person, deputy, referral.since, referral.until, now, by)
        return


def cannot(exchange: Exchange, forward: Forward, now: datetime) -> bool:
    """Whether the colleague is away when the calls would come, now or when the absence begins."""
    begins = max(now, forward.since, key=_instant)
    return absence.absence(exchange, forward.to, begins) is not None


def nobody(exchange: Exchange, person: str, since: datetime, now: datetime) -> bool:
    """Whether no colleague takes the calls of an absence that goes on, or is being asked to."""
    same = [one for one in exchange.forwards.get(person, ()) if one.since == since]
    if any(one.consent in (Consent.ACCEPTED, Consent.ASKED) for one in same):
        return False
    held = (one for one in exchange.referrals.get(person, ()) if one.since == since)
    referral = next(held, None)
    if referral is None or _instant(referral.until) <= _instant(now):
        return False
    return not first_standing(exchange, referral, max(now, since, key=_instant))


def first_standing(
    exchange: Exchange, referral: ReferralSet | Referral, begins: datetime | None = None
) -> str:
    """The deputy who takes the calls at `begins`, None for the beginning of the absence,
    without being asked; "" when there is none."""
    person = exchange.plan.people[referral.person]
    for deputy in person.deputies:
        away = absence.absence(exchange, deputy, begins or referral.since)
        if deputy in person.agreed and away is None:
            return deputy
    return ""


def absence_of(exchange: Exchange, person: str, now: datetime) -> Referral | None:
    """The absence that a forward is for: the one of now, else the next planned one."""
    away = absence.absence(exchange, person, now)
    if away is not None:
        return away
    coming = (
        one
        for one in absence.planned(exchange, person, now)
        if absence.keeps_calls_away(exchange, one)
    )
    return next(coming, None)


def offers_to(
    exchange: Exchange, colleague: str, now: datetime, person: str = ""
) -> Iterator[Forward]:
    """Yield the forwards that `colleague` may answer, what was asked last first."""
    asked = [
        one
        for held in exchange.forwards.values()
        for one in held
        if one.to == colleague and (not person or one.person == person)
        if _instant(one.until) > _instant(now)
    ]
    open_first = (Consent.ASKED, Consent.LAPSED, Consent.ACCEPTED, Consent.DECLINED)
    asked.sort(key=lambda one: (open_first.index(one.consent), -one.asked_at.timestamp()))
    yield from asked


def unanswered(exchange: Exchange, now: datetime) -> Iterator[Forward]:
    """Yield the forwards whose colleague has yet to be asked or to answer."""
    for held in exchange.forwards.values():
        for one in held:
            if one.consent is Consent.ASKED and _instant(one.until) > _instant(now):
                yield one


def _answered(
    exchange: Exchange, forward: Forward, said: Consent, by: str, now: datetime
) -> tuple[Event, ...]:
    event = ForwardAnswered(forward.person, forward.to, forward.since, said, by)
    referral = next(
        (one for one in exchange.referrals.get(forward.person, ()) if one.since == forward.since),
        None,
    )
    if said is Consent.ACCEPTED or referral is None:
        return (event,)
    same = [one for one in exchange.forwards[forward.person] if one.since == forward.since]
    if any(one.consent in (Consent.ACCEPTED, Consent.ASKED) for one in same if one != forward):
        return (event,)
    set_ = ReferralSet(
        referral.person, referral.reason, referral.since, referral.until, "", referral.by
    )
    passed = [one.to for one in same]
    return (event, *ask_deputy(exchange, set_, passed, by, now))


def _instant(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
