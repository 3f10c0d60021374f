"""What the journal says of lines that were short, and of phone hours that were broken (S18, S24).

Every figure is a fold over events, whatever the state has forgotten meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pbx_bridge.core.events import (
    DayHours,
    Event,
    LineShort,
    LineStaffed,
    PhoneHoursBroken,
    PhoneHoursResumed,
)
from pbx_bridge.core.hours import Opening
from pbx_bridge.core.model import Plan
from pbx_bridge.core.state import Break
from pbx_bridge.core.timetable import latest_end, planned_on, repaid


@dataclass(frozen=True, slots=True)
class Short:
    """A stretch of open time in which too few attended a line, with one cause (S18)."""

    line: str
    since: datetime
    until: datetime
    cause: str
    missing: tuple[str, ...]
    joined: tuple[str, ...]
    """Backups that attended it meanwhile."""

    @property
    def seconds(self) -> float:
        """How long it was."""
        return (self.until.astimezone(UTC) - self.since.astimezone(UTC)).total_seconds()


@dataclass(frozen=True, slots=True)
class BrokenDay:
    """Phone hours of one line and day that were broken (S24): `broken` is `repaid` and `owed`."""

    line: str
    day: date
    broken: timedelta
    repaid: timedelta
    owed: timedelta
    notes: tuple[str, ...]
    """Why, one for each time."""
    by: tuple[str, ...]


def shortages(events: Iterable[Event], since: datetime, until: datetime) -> tuple[Short, ...]:
    """The stretches from `since` to `until`; one that goes on ends with `until`."""
    open_: dict[str, LineShort] = {}
    found: list[Short] = []
    for event in events:
        if not isinstance(event, LineShort | LineStaffed):
            continue
        began = open_.pop(event.line, None)
        if began is not None:
            found += _clipped(began, event.at, since, until)
        if isinstance(event, LineShort):
            open_[event.line] = event
    for began in open_.values():
        found += _clipped(began, until, since, until)
    return tuple(sorted(found, key=lambda one: (one.since, one.line)))


def broken_days(
    events: Iterable[Event], plan: Plan, since: datetime, until: datetime
) -> tuple[BrokenDay, ...]:
    """Line by line and day by day, for the days that begin from `since` on, before `until`.

    A day is judged by the hours that were planned when they were broken first. Where the journal
    doesn't tell them they are those of the plan of now, and lines that have left it are left out.
    """
    held: dict[tuple[str, date], list[Break]] = {}
    hours: dict[tuple[str, date], DayHours] = {}
    zone = plan.organisation.zone
    for event in events:
        if isinstance(event, PhoneHoursBroken):
            day = event.since.astimezone(zone).date()
            one = Break(event.line, event.since, event.until, event.note, event.by)
            held.setdefault((event.line, day), []).append(one)
            if event.hours is not None:
                hours.setdefault((event.line, day), event.hours)
        elif isinstance(event, PhoneHoursResumed):
            day = event.at.astimezone(zone).date()
            breaks = held.get((event.line, day), [])
            held[event.line, day] = [one.ended(event.at) for one in breaks]
    first, last = (one.astimezone(zone).date() for one in (since, until))
    return tuple(
        _day(name, day, breaks, hours.get((name, day)) or _hours_now(plan, name, day))
        for (name, day), breaks in sorted(held.items())
        if first <= day < last and breaks and ((name, day) in hours or name in plan.lines)
    )


def _hours_now(plan: Plan, name: str, day: date) -> DayHours:
    planned = planned_on(plan, plan.lines[name], day)
    return DayHours(tuple((one.start, one.end) for one in planned), latest_end(plan, day))


def seconds_by_cause(found: Iterable[Short]) -> Mapping[str, Mapping[str, float]]:
    """Seconds by line and cause."""
    sums: dict[str, dict[str, float]] = {}
    for one in found:
        causes = sums.setdefault(one.line, {})
        causes[one.cause] = causes.get(one.cause, 0.0) + one.seconds
    return sums


def as_text(short: Iterable[Short], broken: Iterable[BrokenDay], plan: Plan) -> str:
    """Two blocks for the report, each with its totals."""
    rows = ["Lines with too few (aim: 0 s)"]
    causes = seconds_by_cause(short)
    rows += [
        f"  {line:<18} {sum(by_cause.values()):7.0f} s  "
        + ", ".join(f"{cause} {seconds:.0f} s" for cause, seconds in by_cause.items())
        for line, by_cause in sorted(causes.items())
    ] or ["  none"]
    rows.append("Phone hours broken")
    rows += [
        f"  {one.line:<12} {one.day}  {_minutes(one.broken)} broken, "
        f"{_minutes(one.repaid)} repaid, {_minutes(one.owed)} owed: "
        f"{'; '.join(one.notes)} ({', '.join(_names(one.by, plan))})"
        for one in broken
    ] or ["  none"]
    return "\n".join(rows)


def as_dict(short: Iterable[Short], broken: Iterable[BrokenDay]) -> dict[str, object]:
    """The same for JSON: seconds, and moments in ISO 8601."""
    return {
        "too_few": [
            {
                "line": one.line,
                "since": one.since.isoformat(),
                "until": one.until.isoformat(),
                "seconds": round(one.seconds, 3),
                "cause": one.cause,
                "missing": list(one.missing),
                "joined": list(one.joined),
            }
            for one in short
        ],
        "phone_hours_broken": [
            {
                "line": one.line,
                "day": one.day.isoformat(),
                "broken_s": one.broken.total_seconds(),
                "repaid_s": one.repaid.total_seconds(),
                "owed_s": one.owed.total_seconds(),
                "notes": list(one.notes),
                "by": list(one.by),
            }
            for one in broken
        ],
    }


def _clipped(
    began: LineShort, ended: datetime, since: datetime, until: datetime
) -> Iterator[Short]:
    first = max(began.at, since, key=lambda one: one.astimezone(UTC))
    last = min(ended, until, key=lambda one: one.astimezone(UTC))
    if first.astimezone(UTC) < last.astimezone(UTC):
        yield Short(began.line, first, last, began.cause, began.missing, began.joined)


def _day(name: str, day: date, breaks: list[Break], hours: DayHours) -> BrokenDay:
    planned = tuple(Opening(start, end) for start, end in hours.openings)
    broken = _covered(planned, breaks)
    left = repaid(planned, breaks, hours.repaid_until) if planned else ()
    owed = _length(planned) - _length(left)
    return BrokenDay(
        *(name, day, broken, broken - owed, owed),
        tuple(one.note for one in breaks),
        tuple(one.by for one in breaks),
    )


def _covered(planned: Iterable[Opening], breaks: Iterable[Break]) -> timedelta:
    """How much of the planned hours lies in breaks, which don't overlap."""
    total = timedelta()
    for opening in planned:
        for one in breaks:
            start = max(opening.start.astimezone(UTC), one.since.astimezone(UTC))
            end = min(opening.end.astimezone(UTC), one.until.astimezone(UTC))
            total += max(end - start, timedelta())
    return total


def _length(stretches: Iterable[Opening]) -> timedelta:
    spans = (one.end.astimezone(UTC) - one.start.astimezone(UTC) for one in stretches)
    return sum(spans, timedelta())


def _minutes(length: timedelta) -> str:
    return f"{length / timedelta(minutes=1):.0f} min"


def _names(by: Iterable[str], plan: Plan) -> Iterator[str]:
    for one in by:
        yield plan.people[one].name if one in plan.people else one
