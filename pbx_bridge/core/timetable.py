"""When a line is open: its hours, less what an emergency broke, and what is repaid for it (S24).

Everything that asks about a line asks here, so that callers, the public page, the fallback and
`explain` never disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby

from pbx_bridge.core.hours import (
    HORIZON_DAYS,
    Cause,
    Opening,
    Reason,
    day_of,
    is_open,
    openings,
    without,
)
from pbx_bridge.core.model import Line, Plan
from pbx_bridge.core.state import Break, Exchange

DAYS_AROUND = 2
"""Days that hold every opening in which a moment can lie: its own and the one before."""


def line_openings(
    exchange: Exchange, line: Line, now: datetime, days: int = HORIZON_DAYS
) -> Iterator[Opening]:
    """Yield the openings of `line` that end after `now`, in order."""
    plan = exchange.plan
    schedule = plan.schedules[line.hours]
    broken = {_day(one.since, plan) for one in exchange.breaks.get(line.name, ())}
    if not broken:
        yield from openings(schedule, plan, now, days)
        return
    breaks = exchange.breaks[line.name]
    midnight = datetime.combine(_day(now, plan), time(), plan.organisation.zone)
    whole = _cut(openings(schedule, plan, midnight, days), plan)
    held: Opening | None = None
    for day, group in groupby(whole, lambda one: _day(one.start, plan)):
        found: Sequence[Opening] = tuple(group)
        if day in broken:
            that_day = [one for one in breaks if _day(one.since, plan) == day]
            found = repaid(found, that_day, latest_end(plan, day))
        for one in found:
            if held is not None and _instant(held.end) == _instant(one.start):
                held = replace(held, end=one.end, closes=one.closes)
                continue
            if held is not None and _instant(held.end) > _instant(now):
                yield held
            held = one
    if held is not None and _instant(held.end) > _instant(now):
        yield held


def openings_on(exchange: Exchange, line: Line, day: date) -> tuple[Opening, ...]:
    """The openings of `line` that begin on `day`; of phone hours, which are broken and repaid by
    the day, what of them lies in it."""
    plan = exchange.plan
    midnight = datetime.combine(day, time(), plan.organisation.zone)
    found = line_openings(exchange, line, midnight, DAYS_AROUND)
    if line.phone_hours:
        found = _cut(found, plan)
    return tuple(one for one in found if _day(one.start, plan) == day)


def _cut(found: Iterable[Opening], plan: Plan) -> Iterator[Opening]:
    """Yield the openings cut at midnight."""
    zone = plan.organisation.zone
    for one in found:
        start = one.start
        while True:
            midnight = datetime.combine(_day(start, plan) + timedelta(days=1), time(), zone)
            if _instant(midnight) >= _instant(one.end):
                break
            yield replace(one, start=start, end=midnight)
            start = midnight
        yield replace(one, start=start)


def planned_on(plan: Plan, line: Line, day: date) -> tuple[Opening, ...]:
    """The openings that begin on `day` by the plan, whatever emergencies have broken."""
    return openings_on(Exchange(plan), line, day)


def repaid(
    planned: Sequence[Opening], breaks: Sequence[Break], latest: datetime
) -> tuple[Opening, ...]:
    """A day's openings after breaks: as long in all as planned, but never past `latest`.

    What was lost is added behind the last opening, also when it is that which was broken.
    """
    wanted = _length(planned)
    offered = list(planned)
    if _instant(latest) > _instant(planned[-1].end):
        extension = Reason(Cause.REPAID)
        offered.append(Opening(planned[-1].end, latest, extension, extension))
    for one in breaks:
        reason = Reason(Cause.BROKEN, one.note)
        closed = Opening(one.since, one.until, reason, reason)
        offered = [part for stretch in offered for part in without(stretch, closed)]
    found: list[Opening] = []
    for stretch in offered:
        left = wanted - _length(found)
        if left <= timedelta():
            break
        if _length([stretch]) > left:
            end = (_instant(stretch.start) + left).astimezone(stretch.start.tzinfo)
            stretch = replace(stretch, end=end, closes=Reason(Cause.REPAID))  # noqa: PLW2901 - the same stretch, longer
        if found and _instant(found[-1].end) == _instant(stretch.start):
            stretch = replace(  # noqa: PLW2901 - one opening with what it continues
                stretch, start=found[-1].start, opens=found.pop().opens
            )
        found.append(stretch)
    return tuple(found)


def owed(exchange: Exchange, line: Line, day: date) -> timedelta:
    """What was broken on `day` and could not be repaid: the debt that the report shows."""
    plan = exchange.plan
    breaks = [one for one in exchange.breaks.get(line.name, ()) if _day(one.since, plan) == day]
    if not breaks:
        return timedelta()
    planned = planned_on(plan, line, day)
    if not planned:
        return timedelta()
    return _length(planned) - _length(repaid(planned, breaks, latest_end(plan, day)))


def line_open(exchange: Exchange, line: Line, now: datetime) -> bool:
    """Whether callers of `line` are put into its queue."""
    return opening_of(exchange, line, now) is not None


def opening_of(exchange: Exchange, line: Line, now: datetime) -> Opening | None:
    """The opening that `now` lies in, None while the line is closed."""
    if not exchange.breaks.get(line.name) and not is_open(
        exchange.plan.schedules[line.hours], exchange.plan, now
    ):
        return None  # the usual answer at night, and a quick one
    first = next(line_openings(exchange, line, now), None)
    if first is not None and _instant(first.start) <= _instant(now):
        return first
    return None


def line_opens(exchange: Exchange, line: Line, now: datetime) -> datetime | None:
    """When the line opens next after `now`, None when it doesn't within the horizon."""
    later = (
        one.start
        for one in line_openings(exchange, line, now)
        if _instant(one.start) > _instant(now)
    )
    return next(later, None)


def closed_because(exchange: Exchange, line: Line, now: datetime) -> Reason:
    """Why `line` is closed at `now`: what closed it last today, else what today is."""
    plan = exchange.plan
    day = _day(now, plan)
    for one in exchange.breaks.get(line.name, ()):
        if _instant(one.since) <= _instant(now) < _instant(one.until):
            return Reason(Cause.BROKEN, one.note)
    today = openings_on(exchange, line, day)
    passed = [one for one in today if _instant(one.end) <= _instant(now)]
    if passed:
        return passed[-1].closes
    return day_of(plan.schedules[line.hours], day, plan)[1]


def latest_end(plan: Plan, day: date) -> datetime:
    """Until when broken phone hours may be repaid on `day`."""
    clock = plan.organisation.phone_hours.repaid_until
    return datetime.combine(day, clock, plan.organisation.zone)


def _length(stretches: Iterable[Opening]) -> timedelta:
    return sum((_instant(one.end) - _instant(one.start) for one in stretches), timedelta())


def _day(moment: datetime, plan: Plan) -> date:
    return moment.astimezone(plan.organisation.zone).date()


def _instant(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
