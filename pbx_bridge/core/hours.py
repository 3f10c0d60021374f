"""When a schedule is open: wall-clock timetables as instants.

Schedules are written in wall-clock time and hold in the plan's zone, so a day with a clock
change is an hour shorter or longer. Instants are compared in UTC: two datetimes of one zone
compare by their wall clock, which is wrong in the hour that comes twice.

An edge in the hour that comes twice means its first coming. An edge in the hour that does not
exist is as much later as the clock jumps (RFC 5545, 3.3.5): 03:30 is 04:30 on that day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from pbx_bridge.core.model import Plan, Schedule, Season, Span

HORIZON_DAYS = 400
"""How far ahead an opening is looked for: more than a year of closed days is never."""
REMEMBERED = 16_384
"""Days whose instants are kept: each decision asks for the days around it."""


class Cause(StrEnum):
    """Why a timetable opens or closes when it does: the rule that decided about the day."""

    WEEK = "week"
    SEASON = "season"
    EVE = "eve"
    HOLIDAY = "holiday"
    DAY = "deviating-day"
    LUNCH = "lunch"
    BROKEN = "broken"
    REPAID = "repaid"


@dataclass(frozen=True, slots=True)
class Reason:
    """The rule behind an edge of a timetable."""

    cause: Cause
    name: str = ""
    """The holiday's, the season's; "" where the cause says it all."""


USUAL = Reason(Cause.WEEK)


@dataclass(frozen=True, slots=True)
class Opening:
    """A stretch of open time in the plan's zone, `start` included, `end` not."""

    start: datetime
    end: datetime
    opens: Reason = field(default=USUAL, compare=False)
    closes: Reason = field(default=USUAL, compare=False)


def day_of(schedule: Schedule, day: date, plan: Plan) -> tuple[tuple[Span, ...], Reason]:
    """The spans that begin on `day`, lunch not taken out, and the rule that says so."""
    if day in schedule.days:
        return schedule.days[day], Reason(Cause.DAY)
    if day in plan.holidays and not schedule.on_holidays:
        return schedule.holidays, Reason(Cause.HOLIDAY, plan.holidays[day])
    season = _season(schedule, day)
    usual = (schedule.week if season is None else season.week)[day.weekday()]
    if day in plan.eves and schedule.eves is not None and usual:
        return schedule.eves, Reason(Cause.EVE, plan.eves[day])
    if season is not None:
        return usual, Reason(Cause.SEASON, season.name)
    return usual, USUAL


def _season(schedule: Schedule, day: date) -> Season | None:
    if not schedule.seasons:
        return None
    held = [
        one
        for one in schedule.seasons
        if one.first <= day and (one.last is None or day <= one.last)
    ]
    return max(held, key=lambda one: (one.last is not None, one.first), default=None)


def openings(
    schedule: Schedule, plan: Plan, now: datetime, days: int = HORIZON_DAYS
) -> Iterator[Opening]:
    """Yield the openings that end after `now`, in order; those that touch are one.

    Those that begin from yesterday on, in `days` days, are looked at.
    """
    zone = plan.organisation.zone
    instant = until = now.astimezone(UTC)
    first = now.astimezone(zone).date() - timedelta(days=1)
    held: Opening | None = None
    for count in range(days):
        day = first + timedelta(days=count)
        spans, reason = day_of(schedule, day, plan)
        for found in stretches(spans, schedule.lunch, day, zone, reason):
            start, end = found.start.astimezone(UTC), found.end.astimezone(UTC)
            if held is not None and start <= until:  # they touch
                if end > until:
                    held, until = Opening(held.start, found.end, held.opens, found.closes), end
                continue
            if held is not None and until > instant:
                yield held
            held, until = found, end
        if held is not None and held.end.date() < day:
            if until > instant:
                yield held
            held = None
    if held is not None and until > instant:
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
def stretches(
    spans: tuple[Span, ...], lunch: tuple[Span, ...], day: date, zone: ZoneInfo, reason: Reason
) -> tuple[Opening, ...]:
    """The spans that begin on `day`, lunch and the hour that does not exist taken out, as
    instants.

    Either may go over midnight: the lunch of the day before and that of the day after count too."""
    found = [_opening(span, day, zone, reason) for span in spans]
    for pause in lunch:
        for around in (-1, 0, 1):
            closed = _opening(pause, day + timedelta(days=around), zone, Reason(Cause.LUNCH))
            found = [part for one in found for part in without(one, closed)]
    return tuple(one for one in found if one.start.astimezone(UTC) < one.end.astimezone(UTC))


def without(opening: Opening, closed: Opening) -> Iterator[Opening]:
    """Yield what is left of `opening` outside `closed`, which gives its reasons to the edges."""
    starts, ends = opening.start.astimezone(UTC), opening.end.astimezone(UTC)
    if closed.start.astimezone(UTC) >= ends or closed.end.astimezone(UTC) <= starts:
        yield opening
        return
    if closed.start.astimezone(UTC) > starts:
        yield replace(opening, end=closed.start, closes=closed.opens)
    if closed.end.astimezone(UTC) < ends:
        yield replace(opening, start=closed.end, opens=closed.closes)


def _opening(span: Span, day: date, zone: ZoneInfo, reason: Reason) -> Opening:
    last = day if span.end > span.start else day + timedelta(days=1)
    start, end = _moment(day, span.start, zone), _moment(last, span.end, zone)
    return Opening(start, end, reason, reason)


def _moment(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, zone).astimezone(UTC).astimezone(zone)
