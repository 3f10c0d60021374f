"""Which entries of the journal are deleted when, and which hold what is known of a number.

Callers' numbers are deleted first, absences of the staff later; what figures need stays. What
the live state still needs (an open return, a notice that was not delivered, an absence that is
not over) is kept until it doesn't.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pbx_bridge.core import numbers
from pbx_bridge.core.events import (
    CallBackAsked,
    CalledOut,
    CallTaken,
    CoverAnswered,
    CoverAsked,
    Decided,
    Event,
    ForwardAnswered,
    ForwardOffered,
    ForwardWithdrawn,
    MessageLeft,
    NoticeDue,
    PinProved,
    PinRefused,
    ReferralCancelled,
    ReferralSet,
    ReturnClosed,
    ReturnDue,
    ReturnReminded,
)
from pbx_bridge.core.state import Exchange

IsTheirs = Callable[[str], bool]
"""Whether a number, in whatever form, is that of somebody (`numbers.same_as`)."""
WITH_NUMBERS: tuple[type[Event], ...] = (
    CallBackAsked,
    CalledOut,
    CallTaken,
    Decided,
    MessageLeft,
    NoticeDue,
    PinProved,
    PinRefused,
    ReturnClosed,
    ReturnDue,
    ReturnReminded,
)
"""Kinds that may hold a number of somebody outside."""
OF_ABSENCES: tuple[type[Event], ...] = (
    CoverAnswered,
    CoverAsked,
    ForwardAnswered,
    ForwardOffered,
    ForwardWithdrawn,
    ReferralCancelled,
    ReferralSet,
)
"""Kinds that tell of the staff's absences."""


@dataclass(frozen=True, slots=True)
class Periods:
    """How long what is kept."""

    numbers: timedelta = timedelta(days=30)
    """Callers' numbers: in the log of events, in calls, and in the journal."""
    calls: timedelta = timedelta(days=730)
    """Calls without their numbers, for figures."""
    absences: timedelta = timedelta(days=365)
    """Of the staff, in the journal."""
    messages: timedelta = timedelta(days=30)
    """Voicemail messages, heard or not."""
    sentences: timedelta = timedelta(days=30)
    """Sounds of sentences, since they were last needed."""


def notes_needed(exchange: Exchange) -> Iterator[str]:
    """Yield the names of spoken notes that somebody may still hear."""
    for referrals in exchange.referrals.values():
        yield from (one.recording for one in referrals if one.recording)
    yield from (one.recording for one in exchange.outbox.values() if one.recording)
    for covers in exchange.covers.values():
        absences = (one.absence for one in covers)
        yield from (one.recording for one in absences if one is not None and one.recording)


def is_needed(event: Event, exchange: Exchange, now: datetime) -> bool:
    """Whether the live state still rests on the entry."""
    match event:
        case ReturnDue(target, number) | ReturnClosed(target, number):
            return _is_open(target, number, exchange)
        case ReturnReminded(target, number):
            return _is_open(target, number, exchange)
        case NoticeDue(notice):
            return notice.id in exchange.outbox
        case ReferralSet(until=until):
            return until.astimezone(UTC) > now.astimezone(UTC)
        case ReferralCancelled(person, since):
            return any(one.since == since for one in exchange.referrals.get(person, ()))
        case ForwardOffered(until=until) | CoverAsked(until=until):
            return until.astimezone(UTC) > now.astimezone(UTC)
        case _:
            return False


def _is_open(target: str, number: str, exchange: Exchange) -> bool:
    return (target, numbers.known_as(number, exchange.plan.dialling)) in exchange.returns


def tells_of(events: Iterable[tuple[int, Event]], is_theirs: IsTheirs) -> Iterator[int]:
    """Yield the rows whose entry holds a number that `is_theirs`: what is known of somebody
    outside."""
    for seq, event in events:
        if any(number and is_theirs(number) for number in _numbers(event)):
            yield seq


def forgotten(exchange: Exchange, is_theirs: IsTheirs) -> Exchange:
    """The state without somebody outside, whose number `is_theirs`: as it is after a restart,
    once the entries that tell of them are erased. What locks after wrong PINs is kept for its
    minutes: who guesses can't be let in by having themselves forgotten."""
    outbox = {id_: one for id_, one in exchange.outbox.items() if not is_theirs(one.other)}
    talks = exchange.last_talks
    return replace(
        exchange,
        returns={key: one for key, one in exchange.returns.items() if not is_theirs(one.number)},
        last_talks={who: one for who, one in talks.items() if not is_theirs(one[0])},
        spent={
            who: replace(one, numbers=frozenset(it for it in one.numbers if not is_theirs(it)))
            for who, one in exchange.spent.items()
        },
        outbox=outbox,
        undelivered={id_: why for id_, why in exchange.undelivered.items() if id_ in outbox},
    )


def _numbers(event: Event) -> tuple[str, ...]:
    match event:
        case CallBackAsked(number=number) | CallTaken(number=number) | Decided(number=number):
            return (number,)
        case CalledOut(number=number):
            return (number,)
        case ReturnDue(number=number) | ReturnClosed(number=number):
            return (number,)
        case ReturnReminded(number=number):
            return (number,)
        case PinRefused(source=number) | PinProved(source=number):
            return (number,)
        case MessageLeft(caller=caller):
            return (caller,)
        case NoticeDue(notice):
            return (notice.other,)
        case _:
            return ()
