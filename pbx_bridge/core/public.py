"""What the public is told of when phones and offices are open (S25).

It comes from the same timetable as the decisions about calls. A day is told by the wall clock;
what lasts over midnight is told on both days.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from pbx_bridge.core.hours import Cause, Opening, Reason, day_of, openings
from pbx_bridge.core.model import Language, Line, Plan, TargetKind, Text
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.timetable import line_openings

DAYS_TOLD = 62
"""Days ahead: two months of special days."""
DAYS_OF_A_WEEK = 7
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
"""schema.org's names of a DayOfWeek."""
CLOSED = ("00:00", "00:00")
"""schema.org's way to say that a day is closed."""
END_OF_DAY = "24:00"
"""Of ISO 8601; `00:00` at the end would say closed."""

Clocks = tuple[tuple[str, str], ...]
"""The open stretches of one day, `08:30` to `12:00`; the last may end at `24:00`."""


@dataclass(frozen=True, slots=True)
class Special:
    """A day that is not as its weekday usually is."""

    day: date
    open: Clocks
    reason: Reason


@dataclass(frozen=True, slots=True)
class Hours:
    """When a line is answered or a unit is open."""

    title: Text
    numbers: tuple[str, ...]
    """In international form, `+35818000130`; none for a unit."""
    week: tuple[Clocks, ...]
    """Monday to Sunday, as most of them are."""
    special: tuple[Special, ...]
    """In order; they win over the week."""

    @property
    def is_line(self) -> bool:
        """Whether calls are answered then, rather than doors open."""
        return bool(self.numbers)


@dataclass(frozen=True, slots=True)
class Timetable:
    """Everything that is told, for the days from `first` to `last`, both included."""

    name: Text
    first: date
    last: date
    hours: tuple[Hours, ...]


def timetable(exchange: Exchange, now: datetime, days: int = DAYS_TOLD) -> Timetable:
    """Lines with their numbers, then units, from the day of `now` on."""
    plan = exchange.plan
    first = now.astimezone(plan.organisation.zone).date()
    told = [_line(exchange, line, first, days) for line in plan.lines.values()]
    for unit in plan.units.values():
        schedule = plan.schedules[unit.hours]
        ahead = openings(schedule, plan, _midnight(first, plan), days + 2)
        by_day = _by_day(ahead, plan, first, days)
        reasons = {day: day_of(schedule, day, plan)[1] for day in by_day}
        told.append(_hours(unit.title, (), by_day, reasons))
    last = first + timedelta(days=days - 1)
    return Timetable(plan.organisation.title, first, last, tuple(told))


def as_json(told: Timetable, language: Language) -> str:
    """JSON-LD for search engines and other programs, by schema.org.

    A day among the special ones (`validFrom` is `validThrough`) is open then and at no other
    time; else its weekday's entries hold. `opens` and `closes` are wall-clock times.
    """
    return json.dumps(
        {
            "@context": "https://schema.org",
            "@type": "GovernmentOrganization",
            "name": told.name[language],
            "contactPoint": [
                {
                    "@type": "ContactPoint",
                    "name": one.title[language],
                    "telephone": list(one.numbers),
                    "hoursAvailable": [*_usual(one, told), *_deviating(one)],
                }
                for one in told.hours
                if one.is_line
            ],
            "department": [
                {
                    "@type": "GovernmentOffice",
                    "name": one.title[language],
                    "openingHoursSpecification": list(_usual(one, told)),
                    "specialOpeningHoursSpecification": list(_deviating(one)),
                }
                for one in told.hours
                if not one.is_line
            ],
        },
        ensure_ascii=False,
        indent=1,
    )


def _line(exchange: Exchange, line: Line, first: date, days: int) -> Hours:
    plan = exchange.plan
    ahead = line_openings(exchange, line, _midnight(first, plan), days + 2)
    by_day = _by_day(ahead, plan, first, days)
    broken = {
        one.since.astimezone(plan.organisation.zone).date()
        for one in exchange.breaks.get(line.name, ())
    }
    schedule = plan.schedules[line.hours]
    reasons = {
        day: Reason(Cause.BROKEN) if day in broken else day_of(schedule, day, plan)[1]
        for day in by_day
    }
    code = plan.dialling.country_code
    numbers = tuple(
        f"+{code}{one.digits[1:]}"
        for one in plan.numbers.values()
        if one.kind is TargetKind.LINE and one.target == line.name
    )
    return _hours(line.title, numbers, by_day, reasons)


def _hours(
    title: Text,
    numbers: tuple[str, ...],
    by_day: Mapping[date, Clocks],
    reasons: Mapping[date, Reason],
) -> Hours:
    """The usual week is what most days of each weekday have, the earliest where it is even."""
    week: list[Clocks] = []
    for weekday in range(DAYS_OF_A_WEEK):
        found = Counter(open_ for day, open_ in by_day.items() if day.weekday() == weekday)
        week.append(found.most_common(1)[0][0] if found else ())
    special = tuple(
        Special(day, open_, reasons[day])
        for day, open_ in by_day.items()
        if open_ != week[day.weekday()]
    )
    return Hours(title, numbers, tuple(week), special)


def _by_day(ahead: Iterable[Opening], plan: Plan, first: date, days: int) -> dict[date, Clocks]:
    """The stretches of each day by the wall clock."""
    zone = plan.organisation.zone
    found: dict[date, list[tuple[str, str]]] = {
        first + timedelta(days=count): [] for count in range(days)
    }
    last = first + timedelta(days=days)
    for one in ahead:
        start, end = one.start.astimezone(zone), one.end.astimezone(zone)
        if start.date() >= last:
            break
        for day in _days(start.date(), end.date()):
            opens = start.time() if day == start.date() else time()
            closes = f"{end:%H:%M}" if day == end.date() else END_OF_DAY
            if day in found and f"{opens:%H:%M}" != closes:
                found[day].append((f"{opens:%H:%M}", closes))
    return {day: tuple(open_) for day, open_ in found.items()}


def _days(first: date, last: date) -> Iterator[date]:
    for count in range((last - first).days + 1):
        yield first + timedelta(days=count)


def _usual(one: Hours, told: Timetable) -> Iterator[Mapping[str, object]]:
    for name, open_ in zip(WEEKDAYS, one.week, strict=True):
        for opens, closes in open_:
            yield {
                **_specification(opens, closes, told.first, told.last),
                "dayOfWeek": name,
            }


def _deviating(one: Hours) -> Iterator[Mapping[str, object]]:
    for special in one.special:
        clocks: Sequence[tuple[str, str]] = special.open or (CLOSED,)
        for opens, closes in clocks:
            yield _specification(opens, closes, special.day, special.day)


def _specification(opens: str, closes: str, first: date, last: date) -> Mapping[str, object]:
    return {
        "@type": "OpeningHoursSpecification",
        "opens": opens,
        "closes": closes,
        "validFrom": first.isoformat(),
        "validThrough": last.isoformat(),
    }


def _midnight(day: date, plan: Plan) -> datetime:
    return datetime.combine(day, time(), plan.organisation.zone).astimezone(UTC)
