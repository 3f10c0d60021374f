"""How much is called out: by a person in a day, by the exchange in an hour (S27, F39).

Counted is what Asterisk's record says of calls that have ended, whoever has decided about them: a
restarted bridge knows them, and those of the time without one. A call that the bridge lets out
counts from that moment on (`with_going`). How many may go on at once is counted by Asterisk itself.
Emergency and service numbers are neither counted nor refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from pbx_bridge.core import numbers
from pbx_bridge.core.call import Call, Decision, Dial
from pbx_bridge.core.classes import classify
from pbx_bridge.core.commands import NoteOutgoing
from pbx_bridge.core.countries import Class
from pbx_bridge.core.events import CalledOut, CapPassed
from pbx_bridge.core.latency import SENT_ON, Journey, Outcome
from pbx_bridge.core.model import Cap, Person, Plan
from pbx_bridge.core.state import Exchange, Spent

EVERYBODY = ""
"""In place of an extension: the whole exchange."""
UNCAPPED = frozenset({Class.EMERGENCY, Class.SERVICE, Class.UNKNOWN})
"""Classes without a cap."""


def noted(journey: Journey, plan: Plan) -> NoteOutgoing | None:
    """What a call that has ended means to the caps; None when nothing.

    A caller whom a phone has sent on to a number outside is a call of that phone's.
    """
    sent = next((step for step in journey.steps if step.rule == SENT_ON), None)
    if sent is not None:
        called, since = sent.detail, sent.time
    elif journey.outcome is Outcome.OUTGOING:
        called, since = journey.other_end, journey.started
    else:
        return None
    person, number = journey.calls_out, numbers.known_as(called, plan.dialling)
    if person not in plan.people or classify(number, plan.dialling) in UNCAPPED:
        return None
    talked = sum(
        ((talk.until or talk.since) - talk.since).total_seconds() for talk in journey.outgoing
    )
    return NoteOutgoing(journey.linkedid, person, number, since, talked)


def note(
    command: NoteOutgoing, exchange: Exchange, now: datetime
) -> tuple[CalledOut | CapPassed, ...]:
    """Count a call; what it passes is told once. Told again, it changes nothing (F19)."""
    event = CalledOut(command.call, command.person, command.number, command.at, command.seconds)
    counts = counted(exchange, event)
    if counts == exchange.spent:
        return ()
    after = replace(exchange, spent=counts)
    return (event, *_passed(exchange, after, command.person, now))


def counted(exchange: Exchange, event: CalledOut) -> Mapping[str, Spent]:
    """The counts after one more call; what is older than what is counted changes nothing."""
    found = dict(exchange.spent)
    for who in (event.person, EVERYBODY):
        since, _ = period(exchange.plan, who, event.at)
        held = exchange.spent.get(who)
        if held is None or held.since.astimezone(UTC) < since.astimezone(UTC):
            held = Spent(since)
        if held.since.astimezone(UTC) == since.astimezone(UTC) and event.call not in held.calls:
            found[who] = Spent(
                since,
                held.calls | {event.call},
                held.seconds + event.seconds,
                held.numbers | {event.number},
                held.reached,
            )
    return found


def begun(call: Call, decision: Decision, now: datetime) -> CalledOut | None:
    """The call out that begins with this step, where it is capped."""
    if not isinstance(decision.step, Dial) or not decision.step.longest:
        return None
    return CalledOut(call.linkedid, call.phone, decision.step.number, now, 0)


def with_going(exchange: Exchange, going: Iterable[CalledOut]) -> Exchange:
    """The same, with those calls counted that go on: another one may come in the same moment."""
    for one in going:
        exchange = replace(exchange, spent=counted(exchange, one))
    return exchange


def told(exchange: Exchange, event: CapPassed) -> Exchange:
    """It is known from now on that nothing more is carried in that day, or hour."""
    since, _ = period(exchange.plan, event.person, event.at)
    held = exchange.spent.get(event.person)
    if not event.reached or held is None or held.since.astimezone(UTC) != since.astimezone(UTC):
        return exchange
    return replace(exchange, spent={**exchange.spent, event.person: replace(held, reached=True)})


def lowered(exchange: Exchange, now: datetime) -> Iterator[CapPassed]:
    """Yield who may call out no more and hasn't been told: the plan has other caps than before."""
    for who, until in capped(exchange, now):
        if not spent(exchange, who, now).reached and who in (*exchange.plan.people, EVERYBODY):
            yield CapPassed(who, reached=True, at=now, until=until)


def spent(exchange: Exchange, who: str, now: datetime) -> Spent:
    """What was called out since the day, or the hour, of `now` began."""
    since, _ = period(exchange.plan, who, now)
    held = exchange.spent.get(who)
    if held is None or held.since.astimezone(UTC) != since.astimezone(UTC):
        return Spent(since)
    return held


def period(plan: Plan, who: str, at: datetime) -> tuple[datetime, datetime]:
    """The day of a person, the hour of the exchange: when it began, and when it is over."""
    local = at.astimezone(plan.organisation.zone)
    if who == EVERYBODY:
        since = local.replace(minute=0, second=0, microsecond=0)
        return since, (since.astimezone(UTC) + timedelta(hours=1)).astimezone(local.tzinfo)
    since = datetime.combine(local.date(), time(), local.tzinfo)
    return since, datetime.combine(local.date() + timedelta(days=1), time(), local.tzinfo)


def cap(plan: Plan, who: str) -> Cap:
    """How much they may call in that time."""
    return plan.limits.exchange_hour if who == EVERYBODY else plan.limits.person_day


def refused(exchange: Exchange, person: Person, kind: Class, now: datetime) -> bool:
    """Whether `person` may call out no more by now."""
    if kind in UNCAPPED:
        return False
    return any(share(exchange, who, now) >= 1 for who in (person.extension, EVERYBODY))


def share(exchange: Exchange, who: str, now: datetime) -> float:
    """How much of a cap is used up, 1 for all; the largest of its three. What leaves less than a
    second leaves no call: it would end before anybody has answered."""
    most, used = cap(exchange.plan, who), spent(exchange, who, now)
    found = max(
        len(used.calls) / most.calls,
        used.seconds / (most.minutes * 60),
        len(used.numbers) / most.numbers,
    )
    return found if all(left(exchange, who, now)) else max(1, found)


def capped(exchange: Exchange, now: datetime) -> Iterator[tuple[str, datetime]]:
    """Yield who may call out no more, and until when; "" for all."""
    for who in exchange.spent:
        if share(exchange, who, now) >= 1:
            yield who, period(exchange.plan, who, now)[1]


def left(exchange: Exchange, who: str, now: datetime) -> tuple[int, int]:
    """Calls and seconds that are left, for those who count without a bridge: each call is one to
    another number then."""
    most, used = cap(exchange.plan, who), spent(exchange, who, now)
    calls = min(most.calls - len(used.calls), most.numbers - len(used.numbers))
    return max(0, calls), max(0, int(most.minutes * 60 - used.seconds))


def longest(exchange: Exchange, who: str, kind: Class, now: datetime) -> int:
    """Seconds that a call of a person to a number of that class may last; 0 for one that isn't
    capped."""
    return 0 if kind in UNCAPPED else max(left(exchange, who, now)[1], 1)


def _passed(before: Exchange, after: Exchange, person: str, now: datetime) -> Iterator[CapPassed]:
    warn = before.plan.limits.warn_percent / 100
    for who in (person, EVERYBODY):
        was, is_ = share(before, who, now), share(after, who, now)
        _, until = period(before.plan, who, now)
        if is_ >= 1 and (was < 1 or not spent(after, who, now).reached):
            yield CapPassed(who, reached=True, at=now, until=until)
        elif was < warn <= is_:
            yield CapPassed(who, reached=False, at=now, until=until)
