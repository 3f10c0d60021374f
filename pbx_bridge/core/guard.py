"""The coverage guard: when a line or a unit would have too few people (S3, S5, S17, S18).

Everything that is known of the future is laid over each other and swept once: openings,
working hours, shifts, absences, covers that were accepted, and days that need more people.
At this moment those are there whom the alarm counts (`attendance.ready`). Whoever attends a line
that has a roster does so until it closes; whoever is missing, as their phone is lost or they have
the shift and haven't signed in, is missing as long, but no longer than `MISSING`.
Moments are whole seconds since 1970 in here: a year of a whole municipality is swept at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum
from itertools import groupby, pairwise
from typing import NamedTuple

from pbx_bridge.core import roster
from pbx_bridge.core.absence import keeps_calls_away, working_hours
from pbx_bridge.core.attendance import minimum
from pbx_bridge.core.hours import openings
from pbx_bridge.core.model import Guard, Line, Raised, Unit
from pbx_bridge.core.state import Consent, Exchange, Loss
from pbx_bridge.core.timetable import line_openings, opening_of

MISSING = timedelta(hours=12)
"""So long at most a phone that is lost is taken to stay so: a line may be open day and night."""
Span = tuple[int, int]
"""From a second to another one, which is no more part of it."""
Step = tuple[int, int]
"""A second, and by how many more or fewer from then on."""


class Short(NamedTuple):
    """A stretch in which the same too few are there."""

    start: int
    end: int
    there: int
    required: int

    @property
    def missing(self) -> int:
        """How many more have to be there."""
        return self.required - self.there


class Of(StrEnum):
    """What has too few people."""

    LINE = "line"
    UNIT = "unit"


@dataclass(frozen=True, slots=True)
class Gap:
    """An open stretch of a line or a unit with too few people."""

    of: Of
    name: str
    since: datetime
    until: datetime
    there: int
    """The fewest who are there in it."""
    required: int


class Sweep:
    """The coverage of an exchange between two moments, as far as it is known at `now`."""

    def __init__(self, exchange: Exchange, since: datetime, until: datetime, now: datetime) -> None:
        self._exchange = exchange
        self._now = now
        self._since = since
        self._span = (_second(since), _second(until))
        self._days = max(0, (until.astimezone(UTC) - since.astimezone(UTC)).days) + 3
        self._hours: dict[str, list[Span]] = {}
        self._away: dict[str, list[Span]] = {}

    def gaps(
        self, lines: Iterable[Line] | None = None, units: Iterable[Unit] | None = None
    ) -> tuple[Gap, ...]:
        """Where too few are there; of attended lines and all units where none are named."""
        plan = self._exchange.plan
        attended = plan.lines.values() if lines is None else lines
        found = [gap for line in attended if line.attended for gap in self._gaps(line)]
        for unit in plan.units.values() if units is None else units:
            found += self._gaps(unit)
        return tuple(found)

    def worse(self, than: Sweep, what: Line | Unit) -> Iterator[Gap]:
        """Yield the gaps in which more are missing at some moment than they were."""
        before = list(than.short(what))
        for stretch in _joined(self.short(what)):
            for one in stretch:
                as_bad = [(old.start, old.end) for old in before if old.missing >= one.missing]
                if _minus([(one.start, one.end)], _merged(as_bad)):
                    yield self._gap(what, stretch)
                    break

    def is_there(self, extension: str, gap: Gap) -> bool:
        """Whether somebody works, isn't away and can be rung in the whole of a gap."""
        plan = self._exchange.plan
        person = plan.people[extension]
        works = [self._span]
        if not person.always_answers:
            works = self._openings(working_hours(person, plan).name)
        less = self._absences(extension)
        if gap.of is Of.LINE and extension in self._exchange.losses:
            less = _merged([*less, *self._missing(plan.lines[gap.name])])
        wanted = [(_second(gap.since), _second(gap.until))]
        return not _minus(wanted, _minus(works, less))

    def openings(self, what: Line | Unit) -> list[Span]:
        """When a line is answered, or a unit open."""
        exchange = self._exchange
        if isinstance(what, Unit) or not exchange.breaks.get(what.name):
            return self._openings(what.hours)
        ahead = line_openings(exchange, what, self._since, self._days)
        return list(self._clipped((_second(one.start), _second(one.end)) for one in ahead))

    def presence(self, what: Line | Unit) -> dict[str, list[Span]]:
        """When each person attends a line and can be rung, or works in a unit, and isn't away."""
        there: dict[str, list[Span]] = {}
        if isinstance(what, Unit):
            plan = self._exchange.plan
            for extension, person in plan.people.items():
                if person.unit == what.name and not person.always_answers:
                    there[extension] = self._openings(working_hours(person, plan).name)
        else:
            there = self._attending(what)
        return {
            extension: _minus(_merged(spans), self._absences(extension))
            for extension, spans in there.items()
        }

    def short(self, what: Line | Unit) -> Iterator[Short]:
        """Yield the stretches in which too few are there, in order; those that touch differ."""
        if isinstance(what, Line):
            there = [step for spans in self.presence(what).values() for step in _steps(spans)]
        else:
            there = self._working(what)
        hours = self.openings(what) if isinstance(what, Line) else self._openings(what.hours)
        return _swept(list(self._needed(hours, what.minimum, what.raised)), there)

    def _gaps(self, what: Line | Unit) -> Iterator[Gap]:
        for stretch in _joined(self.short(what)):
            yield self._gap(what, stretch)

    def _gap(self, what: Line | Unit, stretch: Sequence[Short]) -> Gap:
        zone = self._exchange.plan.organisation.zone
        return Gap(
            Of.LINE if isinstance(what, Line) else Of.UNIT,
            what.name,
            _moment(stretch[0].start, zone),
            _moment(stretch[-1].end, zone),
            min(one.there for one in stretch),
            max(one.required for one in stretch),
        )

    def _present(self, line: Line) -> list[Span]:
        """From now until the line closes, nothing while it is closed."""
        opening = opening_of(self._exchange, line, self._now)
        if opening is None:
            return []
        return list(self._clipped([(_second(self._now), _second(opening.end))]))

    def _missing(self, line: Line) -> list[Span]:
        """How long whoever is missing now is missing."""
        now = _second(self._now)
        latest = now + int(MISSING.total_seconds())
        return [(start, min(end, latest)) for start, end in self._present(line) if start < latest]

    def _attending(self, line: Line) -> dict[str, list[Span]]:
        """Who attends the line by sign-in, roster or cover, and can be rung; absences not taken
        out."""
        exchange = self._exchange
        members = frozenset(line.members)
        there = {extension: [self._span] for extension in line.static & members}
        signed_in = exchange.signed_in.get(line.name, frozenset()) & members
        if line.roster:
            self._shifts(line, signed_in, there)
        else:
            there |= {one: [self._span] for one in signed_in}
        for one in exchange.covers.get(line.name, ()):
            if one.consent is Consent.ACCEPTED and one.to in {*members, *line.backups}:
                span = (_second(one.since), _second(one.until))
                there.setdefault(one.to, []).extend(self._clipped([span]))
        missing = self._missing(line)
        return {
            one: _minus(_merged(spans), missing) if one in exchange.losses else spans
            for one, spans in there.items()
        }

    def _shifts(self, line: Line, signed_in: frozenset[str], there: dict[str, list[Span]]) -> None:
        """Who has a shift, and who attends or is missing now."""
        plan = self._exchange.plan
        zone = plan.organisation.zone
        first = self._since.astimezone(zone).date() - timedelta(days=1)
        last = first + timedelta(days=self._days)
        for shift in line.roster:
            held = roster.spans(shift, plan, first, last)
            spans = ((_second(one.start), _second(one.end)) for one in held)
            there.setdefault(shift.who, []).extend(self._clipped(spans))
        for extension in roster.on_shift(line, plan, self._now):
            if extension not in signed_in | line.static:
                there[extension] = _minus(_merged(there.get(extension, ())), self._missing(line))
        for extension in signed_in:
            there.setdefault(extension, []).extend(self._present(line))

    def _working(self, unit: Unit) -> list[Step]:
        plan = self._exchange.plan
        weights: dict[str, int] = {}
        steps: list[Step] = []
        for person in plan.people.values():
            if person.unit != unit.name or person.always_answers:
                continue
            hours = working_hours(person, plan).name
            weights[hours] = weights.get(hours, 0) + 1
            away = self._absences(person.extension)
            if away:
                lost = _minus(self._openings(hours), _minus([self._span], away))
                steps.extend((second, -change) for second, change in _steps(lost))
        for hours, weight in weights.items():
            steps.extend(_steps(self._openings(hours), weight))
        return steps

    def _needed(
        self, spans: Iterable[Span], usual: int, raised: tuple[Raised, ...]
    ) -> Iterator[Step]:
        if not raised:
            yield from _steps(spans, usual)
            return
        plan = self._exchange.plan
        zone = plan.organisation.zone
        edges = {
            _second(datetime.combine(day, time(), zone))
            for one in raised
            for day in (one.first, one.last + timedelta(days=1))
        }
        for start, end in spans:
            cuts = [start, *sorted(edge for edge in edges if start < edge < end), end]
            for first, last in pairwise(cuts):
                held = minimum(usual, raised, plan, datetime.fromtimestamp(first, UTC))
                yield from ((first, held), (last, -held))

    def _openings(self, schedule: str) -> list[Span]:
        if schedule not in self._hours:
            plan = self._exchange.plan
            ahead = openings(plan.schedules[schedule], plan, self._since, self._days)
            spans = ((_second(one.start), _second(one.end)) for one in ahead)
            self._hours[schedule] = list(self._clipped(spans))
        return self._hours[schedule]

    def _absences(self, extension: str) -> list[Span]:
        if extension not in self._away:
            held = self._exchange.referrals.get(extension, ())
            spans = (
                (_second(one.since), _second(one.until))
                for one in held
                if keeps_calls_away(self._exchange, one)
            )
            self._away[extension] = _merged(self._clipped(spans))
        return self._away[extension]

    def _clipped(self, spans: Iterable[Span]) -> Iterator[Span]:
        first, last = self._span
        for start, end in spans:
            if start < last and end > first:
                yield max(start, first), min(end, last)


def gaps(exchange: Exchange, since: datetime, until: datetime, now: datetime) -> tuple[Gap, ...]:
    """Every gap of attended lines and units between two moments, as known at `now`."""
    return Sweep(exchange, since, until, now).gaps()


def opened(
    before: Exchange, after: Exchange, person: str, since: datetime, until: datetime, now: datetime
) -> tuple[Gap, ...]:
    """The gaps between two moments that a change to `person` makes, in their unit and lines;
    those in which at no moment more are missing than before are left out.

    Their own phone counts, whatever is known of it: they would have been there."""
    plan = after.plan
    lines = [
        line for line in plan.lines.values() if person in line.members or person in line.backups
    ]
    units = [plan.units[plan.people[person].unit]]
    was, found = (
        Sweep(replace(one, losses=_without(one.losses, person)), since, until, now)
        for one in (before, after)
    )
    concerned: list[Line | Unit] = [*(line for line in lines if line.attended), *units]
    return tuple(gap for what in concerned for gap in found.worse(was, what))


def could_cover(exchange: Exchange, gap: Gap, now: datetime) -> tuple[str, ...]:
    """Extensions of who may attend the line, or belongs to the unit, works in the whole gap and
    isn't away; who attends another line then is left out."""
    plan = exchange.plan
    sweep = Sweep(exchange, gap.since, gap.until, now)
    if gap.of is Of.UNIT:
        return ()  # whoever works there is counted already: somebody has to come back
    line = plan.lines[gap.name]
    busy = {
        extension
        for other in plan.lines.values()
        if other.name != line.name and sweep.openings(other)
        for extension in exchange.signed_in.get(other.name, frozenset()) & set(other.members)
    }
    wanted = [(_second(gap.since), _second(gap.until))]
    there = {one for one, held in sweep.presence(line).items() if not _minus(wanted, held)}
    able = dict.fromkeys((*line.members, *line.backups))
    return tuple(
        one for one in able if one not in there and one not in busy and sweep.is_there(one, gap)
    )


def policy(exchange: Exchange, gap: Gap) -> Guard:
    """What the plan says of a gap."""
    if gap.of is Of.LINE:
        return exchange.plan.lines[gap.name].guard
    return exchange.plan.units[gap.name].guard


def _swept(needed: Sequence[Step], there: Sequence[Step]) -> Iterator[Short]:
    """Go through all changes in order."""
    changes = [(second, change, 0) for second, change in needed]
    changes += [(second, 0, change) for second, change in there]
    changes.sort()
    need = have = began = 0
    for second, together in groupby(changes, lambda change: change[0]):
        if have < need:
            yield Short(began, second, have, need)
        for _, more_needed, more_there in together:
            need += more_needed
            have += more_there
        began = second


def _joined(stretches: Iterable[Short]) -> Iterator[list[Short]]:
    """Yield those that touch together: one gap."""
    held: list[Short] = []
    for one in stretches:
        if held and held[-1].end < one.start:
            yield held
            held = []
        held.append(one)
    if held:
        yield held


def _without(losses: Mapping[str, Loss], person: str) -> dict[str, Loss]:
    return {one: loss for one, loss in losses.items() if one != person}


def _steps(spans: Iterable[Span], weight: int = 1) -> list[Step]:
    return [step for start, end in spans for step in ((start, weight), (end, -weight))]


def _merged(spans: Iterable[Span]) -> list[Span]:
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _minus(spans: Sequence[Span], less: Sequence[Span]) -> list[Span]:
    """What of `spans` is outside `less`; both in order and without overlaps."""
    if not less:
        return list(spans)
    found: list[Span] = []
    at = 0
    for start, end in spans:
        begin = start
        while at < len(less) and less[at][1] <= begin:
            at += 1
        this = at
        while this < len(less) and less[this][0] < end:
            if less[this][0] > begin:
                found.append((begin, less[this][0]))
            begin = max(begin, less[this][1])
            this += 1
        if begin < end:
            found.append((begin, end))
    return found


def _second(moment: datetime) -> int:
    return int(moment.timestamp())


def _moment(second: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(second, UTC).astimezone(zone)
