"""Who is to attend a line when: its shifts (S3, S18)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from pbx_bridge.core.hours import Cause, Opening, Reason, stretches
from pbx_bridge.core.model import Line, Plan, Shift

WHOLE_DAYS = Reason(Cause.WEEK)
DAYS_OF_A_WEEK = 7


def on_shift(line: Line, plan: Plan, now: datetime) -> tuple[str, ...]:
    """Extensions whose shift it is, in the roster's order; whether the line is open is another
    question."""
    zone = plan.organisation.zone
    today = now.astimezone(zone).date()
    instant = now.astimezone(UTC)
    found: dict[str, None] = {}
    for shift in line.roster:
        for one in spans(shift, plan, today - timedelta(days=1), today):
            if one.start.astimezone(UTC) <= instant < one.end.astimezone(UTC):
                found[shift.who] = None
    return tuple(found)


def spans(shift: Shift, plan: Plan, first: date, last: date) -> Iterator[Opening]:
    """Yield the stretches of the shift that begin from `first` to `last`, both included."""
    zone = plan.organisation.zone
    for count in range((last - first).days + 1):
        day = first + timedelta(days=count)
        if not has_day(shift, day):
            continue
        if shift.week is None:
            midnight = datetime.combine(day, time(), zone)
            tomorrow = datetime.combine(day + timedelta(days=1), time(), zone)
            yield Opening(midnight, tomorrow)
        else:
            yield from stretches(shift.week[day.weekday()], (), day, zone, WHOLE_DAYS)


def has_day(shift: Shift, day: date) -> bool:
    """Whether the shift's week holds on `day`."""
    if shift.first is None:
        return shift.last is None or day <= shift.last
    if day < shift.first or (shift.last is not None and day > shift.last):
        return False
    return (_monday(day) - _monday(shift.first)).days // DAYS_OF_A_WEEK % shift.every == 0


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
