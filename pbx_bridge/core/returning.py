"""The return ledger: missed calls, messages and promises, until the caller was reached (S16, S23).

One entry for each person or line sought and each caller: repeated calls are the same entry. It
is closed by an answered call to or from that number, or by a contact that somebody records. It
is due at the end of the working day on which it can be returned first, or when it was promised.
Before that whoever was sought is reminded, then the unit, and when it is due the foreman.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from pbx_bridge.core import absence, attendance, numbers, reach
from pbx_bridge.core.commands import (
    NoteCall,
    Promise,
    RecordContact,
    Refusal,
    RemindOfReturns,
)
from pbx_bridge.core.events import (
    CallTaken,
    Event,
    ReturnClosed,
    ReturnDue,
    ReturnKept,
    ReturnReminded,
)
from pbx_bridge.core.hours import Opening, openings
from pbx_bridge.core.latency import Journey, Outcome
from pbx_bridge.core.model import Person, Plan, TargetKind
from pbx_bridge.core.sentences import sentence
from pbx_bridge.core.state import OUTSIDE, About, Channel, Closed, Exchange, Opened, Return, Stage
from pbx_bridge.core.timetable import line_openings

Answer = tuple[Event, ...] | Refusal

BEFORE: Mapping[Stage, timedelta] = {
    Stage.SOUGHT: timedelta(minutes=60),
    Stage.UNIT: timedelta(minutes=30),
    Stage.FOREMAN: timedelta(0),
}
"""How long before an entry is due somebody is told, in the order in which they are."""
LONGEST_PROMISE = timedelta(days=366)
AT_ONCE_S = 1.0
"""Who hangs up within it has sought nobody: no telephone has rung for so long."""


def noted(journey: Journey, plan: Plan) -> NoteCall | None:
    """What a call that has ended means to the ledger; None when nothing.

    Calls to or from a number outside the house only: colleagues see each other's calls on
    their phones.
    """
    number = numbers.number(journey.other_end, plan.dialling)
    reached = _extension(journey.answered_by, plan)
    at = journey.answered_at or journey.ended_at or journey.started
    if journey.phone:
        if not (journey.outgoing and number):
            return None
        return NoteCall(journey.linkedid, journey.outgoing[0].since, number, "", "", journey.phone)
    sought = _sought(journey.dialled, plan)
    if not journey.counted or not sought or not (number or reached):
        return None
    if journey.outcome is Outcome.ABANDONED and (journey.wait_s or 0.0) < AT_ONCE_S:
        return None
    command = NoteCall(journey.linkedid, at, number, sought, reached)
    if not journey.stranded:
        return command
    left = _sought(journey.sent_to, plan) or sought
    return replace(command, left=left, left_at=journey.ended_at)


def _sought(dialled: str, plan: Plan) -> str:
    """The person or line of a number, "" for none."""
    found = numbers.target(numbers.number(dialled, plan.dialling), plan)
    return "" if found is None or found.kind is TargetKind.MENU else found.target


def note_call(command: NoteCall, exchange: Exchange, now: datetime) -> Answer:
    """Open an entry for a call that was missed; close those of a number that was reached.

    A caller who was reached, and then sent to somebody in vain, has to be reached by the latter.
    Told again, it changes nothing (F19).
    """
    number, at = command.number, command.at
    person = command.reached or command.calling
    if person:
        if not number or _known(exchange.last_talks.get(person), number, at):
            return ()
        how = Closed.ANSWERED if command.reached else Closed.CALLED
        taken = CallTaken(command.call, person, number, at)
        closed = [
            one
            for one in _closed_by(exchange, number, person, how, command.call, at)
            if one.target != command.left
        ]
        left = _missed(exchange, command, command.left, command.left_at or at, now)
        return (taken, *closed, *left)
    return _missed(exchange, command, command.sought, at, now)


def _missed(
    exchange: Exchange, command: NoteCall, sought: str, at: datetime, now: datetime
) -> tuple[ReturnDue, ...]:
    if not command.number or sought not in {*exchange.plan.people, *exchange.plan.lines}:
        return ()
    held = exchange.returns.get((sought, command.number))
    if held is not None and command.call in held.calls:
        return ()
    due = due_at(exchange, sought, max(at, now, key=_instant))
    return (ReturnDue(sought, command.number, command.call, Opened.MISSED, at, due),)


def message_left(
    exchange: Exchange, sought: str, number: str, message: str, at: datetime, now: datetime
) -> tuple[ReturnDue, ...]:
    """Open an entry for a message; one without a number is known by the message's own id."""
    id_ = number or message
    held = exchange.returns.get((sought, id_))
    if held is not None and message in held.calls:
        return ()
    due = due_at(exchange, sought, max(at, now, key=_instant))
    return (ReturnDue(sought, id_, message, Opened.MESSAGE, at, due),)


def asked(
    exchange: Exchange, call: str, target: str, number: str, now: datetime
) -> tuple[ReturnDue, ...]:
    """Open an entry for a caller outside who has asked to be called back."""
    if number in exchange.plan.people:
        return ()
    return (ReturnDue(target, number, call, Opened.ASKED, now, due_at(exchange, target, now)),)


def promise(command: Promise, exchange: Exchange, now: datetime) -> Answer:
    """Somebody gets back to a caller by a time that they have named (S23)."""
    number = numbers.number(command.number, exchange.plan.dialling)
    if not number:
        return Refusal("S23", "no-number", sentence("refused-no-last-call"))
    if not command.due.astimezone(UTC) > now.astimezone(UTC):
        return Refusal("S23", "time-passed", sentence("refused-time-passed"))
    if command.due.astimezone(UTC) > now.astimezone(UTC) + LONGEST_PROMISE:
        return Refusal("S23", "too-late", sentence("refused-bad-time"))
    id_ = f"promise-{int(now.timestamp())}"
    return (ReturnDue(command.person, number, id_, Opened.PROMISED, now, command.due, command.by),)


def record_contact(command: RecordContact, exchange: Exchange, now: datetime) -> Answer:
    """The caller was reached in another way."""
    number = command.number  # of a withheld one, the message's id
    if (command.target, number) not in exchange.returns:
        number = numbers.number(number, exchange.plan.dialling)
    if (command.target, number) not in exchange.returns:
        return Refusal("S16", "no-such-return", sentence("refused-no-such-return"))
    held = exchange.returns[command.target, number]
    return _closing(held, now, Closed.CONTACT, command.by, note=command.note)


def remind(_: RemindOfReturns, exchange: Exchange, now: datetime) -> Answer:
    """Tell those whose turn it is; of several stages that have passed, the last one."""
    found = []
    for one in exchange.returns.values():
        stage = _stage(one, now)
        if stage is not None:
            found.append(ReturnReminded(one.target, one.number, stage, now))
    return tuple(found)


def next_reminder(exchange: Exchange) -> datetime | None:
    """When somebody has to be told next; it may have passed."""
    moments = [moment for one in exchange.returns.values() for moment in _moments(one)]
    return min(moments, key=_instant, default=None)


def whom(
    target: str, stage: Stage, exchange: Exchange, now: datetime
) -> tuple[About, list[tuple[str, Channel]]]:
    """Who is told at a stage, what and how: whoever was sought, then the unit's others who are
    there, then the foreman (S16)."""
    plan = exchange.plan
    person, line = plan.people.get(target), plan.lines.get(target)
    attending = [] if line is None else attendance.rung(exchange, line, now)
    match stage:
        case Stage.SOUGHT if person is not None:
            return About.RETURNS, [(target, channel) for channel in OUTSIDE]
        case Stage.SOUGHT:
            return About.RETURNS, [(one, Channel.MESSAGE) for one in attending]
        case Stage.UNIT if person is not None:
            others = [one for one in plan.people.values() if one.unit == person.unit]
            there = [one for one in others if reach.may_ring(exchange, one, now) and one != person]
            return About.RETURNS_LEFT, [(one.extension, Channel.MESSAGE) for one in there]
        case Stage.UNIT:
            members = line.members if line is not None else ()
            rest = [plan.people[one] for one in members if one not in attending]
            there = [one for one in rest if reach.may_ring(exchange, one, now)]
            others_ = [(one.extension, Channel.MESSAGE) for one in there]
            return About.RETURNS_LEFT, [("", Channel.LIST), *others_]
        case Stage.FOREMAN:
            members = (target,) if line is None else line.members
            foremen = sorted({plan.people[one].foreman for one in members} - {""})
            return About.RETURNS_OVERDUE, [(one, how) for one in foremen for how in OUTSIDE]


def open_for(exchange: Exchange, person: Person) -> tuple[Return, ...]:
    """What somebody has to return: their own, and that of the lines they are signed in to; the
    one that is due first comes first."""
    lines = {
        line.name
        for line in exchange.plan.lines_of(person.extension)
        if person.extension in exchange.signed_in.get(line.name, ())
    }
    mine = {person.extension, *lines}
    found = (one for one in exchange.returns.values() if one.target in mine)
    return tuple(sorted(found, key=lambda one: (_instant(one.due), _instant(one.since))))


def due_at(exchange: Exchange, sought: str, now: datetime) -> datetime:
    """The end of the working day on which the one sought is there first; of a line, the end of
    the day on which it is open first. Without any hours ahead: a day from now.

    Hours that began the day before, as those of duty at night, are still that working day. None
    is longer than a day: of hours without an end before, it is the midnight that comes first, but
    for the hour before it.
    """
    plan = exchange.plan
    person, line = plan.people.get(sought), plan.lines.get(sought)
    if person is not None:
        back = absence.at_work(exchange, person, now)
        found = openings(absence.working_hours(person, plan), plan, _midnight(back, plan))
    elif line is not None:
        first = next(line_openings(exchange, line, now), None)
        back = now if first is None else max(now, first.start, key=_instant)
        found = line_openings(exchange, line, _midnight(back, plan))
    else:
        back, found = now, iter(())
    last = _last_of(found, back.astimezone(plan.organisation.zone))
    return now + timedelta(days=1) if last is None else last


def outline(one: Return) -> dict[str, object]:
    """An entry for JSON without who has called; moments in ISO 8601."""
    return {
        "sought": one.target,
        "since": one.since.isoformat(),
        "last": one.last.isoformat(),
        "due": one.due.isoformat(),
        "why": list(one.how),
        "promised_by": one.promised_by,
    }


def as_dict(one: Return) -> dict[str, object]:
    """All of an entry for JSON, for those whose reading is journaled."""
    number = None if one.withheld else one.number
    return {**outline(one), "number": number, "id": one.number, "calls": list(one.calls)}


@dataclass(frozen=True, slots=True)
class Kept:
    """How returns went in a period."""

    opened: int
    in_time: int
    late: int
    """Closed after they were due."""
    overdue: int
    """Due in the period, and still open at its end."""
    promised: int
    """Of them all, promises (S23)."""
    promises_late: int
    """Promises that were kept late, or not at all yet."""


def kept(
    events: Iterable[Event], open_: Iterable[Return], since: datetime, until: datetime
) -> Kept:
    """Of the entries that were due from `since` on, before `until`: how they went.

    `events` are all of the journal's, `open_` the entries of now. An entry is judged by the time
    that it was due at last, e.g. as promised; one that was closed after `until` was open then.
    """
    first, last = _instant(since), _instant(until)
    found = [(one.due, one.at, one.promised) for one in events if isinstance(one, ReturnKept)]
    judged = [
        (_instant(due), _instant(at) if _instant(at) < last else None, promised)
        for due, at, promised in (
            *found,
            *((one.due, until, Opened.PROMISED in one.how) for one in open_),
        )
        if first <= _instant(due) < last
    ]
    in_time = sum(at is not None and at <= due for due, at, _ in judged)
    overdue = sum(at is None for _, at, _ in judged)
    promises = [(due, at) for due, at, promised in judged if promised]
    return Kept(
        opened=len(judged),
        in_time=in_time,
        late=len(judged) - in_time - overdue,
        overdue=overdue,
        promised=len(promises),
        promises_late=sum(at is None or at > due for due, at in promises),
    )


def _closed_by(
    exchange: Exchange, number: str, person: str, how: Closed, call: str, at: datetime
) -> Iterator[ReturnClosed | ReturnKept]:
    """A promise is kept by the one who made it; everything else by anybody who talks to them."""
    for one in exchange.returns.values():
        mine = not one.promised_by or person in (one.promised_by, one.target)
        if one.number == number and mine and _instant(one.since) <= _instant(at):
            yield from _closing(one, at, how, person, call)


def _closing(
    one: Return, at: datetime, how: Closed, by: str, call: str = "", note: str = ""
) -> tuple[ReturnClosed, ReturnKept]:
    promised = Opened.PROMISED in one.how
    return (
        ReturnClosed(one.target, one.number, at, how, by, call, note),
        ReturnKept(one.target, one.since, one.due, at, how, promised),
    )


def _known(last: tuple[str, datetime] | None, number: str, at: datetime) -> bool:
    """Whether that talk was noted before."""
    return last is not None and (last[0], _instant(last[1])) == (number, _instant(at))


def _stage(one: Return, now: datetime) -> Stage | None:
    """The last stage whose time has come and which wasn't told."""
    passed = [
        stage
        for stage, before in BEFORE.items()
        if _instant(one.due) - before <= _instant(now) and not one.told >= stage.rank
    ]
    return passed[-1] if passed else None


def _moments(one: Return) -> Iterator[datetime]:
    for stage, before in BEFORE.items():
        if one.told < stage.rank:
            yield one.due - before


def _extension(endpoint: str, plan: Plan) -> str:
    """Whose phone or mobile answered; the endpoint itself for nobody's."""
    if endpoint in plan.people or not endpoint:
        return endpoint
    owner = numbers.owner(endpoint, plan)
    return endpoint if owner is None else owner.extension


def _last_of(found: Iterable[Opening], moment: datetime) -> datetime | None:
    """The end of the opening that holds at `moment` and began the day before; else of the last
    one that begins on its day, of openings in order."""
    day, last = moment.date(), None
    for opening in found:
        if opening.start.date() > day:
            break
        if opening.start.date() == day:
            last = _end_of(opening, moment)
        elif _instant(moment) < _instant(opening.end):
            return _end_of(opening, moment)
    return last


def _end_of(opening: Opening, moment: datetime) -> datetime:
    """The end, or the midnight before it where that is more than a day after the beginning."""
    if _instant(opening.end) - _instant(opening.start) <= timedelta(days=1):
        return opening.end
    soonest = _instant(moment) + BEFORE[Stage.SOUGHT]
    midnight = datetime.combine(moment.date() + timedelta(days=1), time(), moment.tzinfo)
    if _instant(midnight) < soonest:
        midnight += timedelta(days=1)
    return min(midnight, opening.end, key=_instant)


def _midnight(moment: datetime, plan: Plan) -> datetime:
    zone = plan.organisation.zone
    return datetime.combine(moment.astimezone(zone).date(), time(), zone)


def _instant(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
