"""When a schedule is open: wall-clock timetables as instants.

Schedules are written in wall-clock time and hold in the plan's zone, so a day with a clock
change is an hour shorter or longer. Instants are compared in UTC: two datetimes of one zone
compare by their wall clock, which is wrong in the hour that comes twice.

An edge in the hour that comes twice means its first coming. An edge in the hour that does not
exist is as much later as the clock jumps (RFC 5545, 3.3.5): 03:30 is 04:30 on that day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from pbx_bridge.core.model import Plan, Schedule, Span

HORIZON_DAYS = 400
"""How far ahead an opening is looked for: more than a year of closed days is never."""
REMEMBERED = 16_384
"""Spans of a day whose instants are kept: each decision asks for those of the days around it."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A stretch of open time in the plan's zone, `start` included, `end` not."""

    start: datetime
    end: datetime


def spans_on(schedule: Schedule, day: date, holidays: Mapping[date, str]) -> tuple[Span, ...]:
    """The spans that begin on `day`: a deviating day, else none on a holiday, else the week's."""
    if day in schedule.days:
        return schedule.days[day]
    if day in holidays and not schedule.on_holidays:
        return ()
    return schedule.week[day.weekday()]


def openings(
    schedule: Schedule, plan: Plan, now: datetime, days: int = HORIZON_DAYS
) -> Iterator[Opening]:
    """Yield the openings that end after `now`, in order; those that touch are one.

    Those that begin from yesterday on, in `days` days, are looked at.
    """
    zone = plan.organisation.zone
    instant = now.astimezone(UTC)
    first = now.astimezone(zone).date() - timedelta(days=1)
    held: Opening | None = None
    for count in range(days):
        day = first + timedelta(days=count)
        for span in spans_on(schedule, day, plan.holidays):
            found = _opening(span, day, zone)
            if found.start.astimezone(UTC) >= found.end.astimezone(UTC):
                continue  # it lay in the hour that does not exist
            if held is None:
                held = found
            elif found.start.astimezone(UTC) <= held.end.astimezone(UTC):
                held = Opening(held.start, max(held.end, found.end, key=_instant))
            else:
                if held.end.astimezone(UTC) > instant:
                    yield held
                held = found
        if held is not None and held.end.astimezone(zone).date() < day:
            if held.end.astimezone(UTC) > instant:
                yield held
            held = None
    if held is not None and held.end.astimezone(UTC) > instant:
        yield held


def is_open(schedule: Schedule, plan: Plan, now: datetime) -> bool:
    """Whether `now` lies in an opening; quick also for one that never ends."""
    yesterday_and_today = openings(schedule, plan, now, days=2)
    return any(found.start.astimezone(UTC) <= now.astimezone(UTC) for found in yesterday_and_today)


def opening_at(schedule: Schedule, plan: Plan, now: datetime) -> Opening | None:
    """The opening that `now` lies in, None when closed."""
    first = next(openings(schedule, plan, now), None)
    if first is not None and first.start.astimezone(UTC) <= now.astimezone(UTC):
        return first
    return None


def next_opening(schedule: Schedule, plan: Plan, now: datetime) -> datetime | None:
    """When it opens next, None when it doesn't within the horizon.

    While it is open this is the opening after the present one.
    """
    instant = now.astimezone(UTC)
    for found in openings(schedule, plan, now):
        if found.start.astimezone(UTC) > instant:
            return found.start
    return None


@lru_cache(maxsize=REMEMBERED)
def _opening(span: Span, day: date, zone: ZoneInfo) -> Opening:
    last = day if span.end > span.start else day + timedelta(days=1)
    return Opening(_moment(day, span.start, zone), _moment(last, span.end, zone))


def _moment(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, zone).astimezone(UTC).astimezone(zone)


def _instant(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
