"""What has changed in the plan, and from when: the switchboard is told in good time (S4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from pbx_bridge.core.hours import HORIZON_DAYS, day_of
from pbx_bridge.core.model import Person, Plan, Raised, Schedule


@dataclass(frozen=True, slots=True)
class Summary:
    """What of a plan the switchboard has to know, kept to compare the next one with."""

    people: Mapping[str, str] = field(default_factory=dict)
    """Name, title and unit by extension."""
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Extensions by line."""
    hours: Mapping[str, str] = field(default_factory=dict)
    """Name of the schedule by line and unit."""
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    holidays: Mapping[date, str] = field(default_factory=dict)
    eves: Mapping[date, str] = field(default_factory=dict)
    raised: Mapping[str, tuple[Raised, ...]] = field(default_factory=dict)
    """By line and unit."""


class Kind(StrEnum):
    """What has changed."""

    JOINED = "joined"
    LEFT = "left"
    DUTY = "duty"
    MEMBERS = "members"
    HOURS = "hours"
    RAISED = "raised"
    """Days on which more have to be there (S5)."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change that the switchboard is told of."""

    kind: Kind
    of: str
    """Name of the line or unit, "" for people."""
    told: str
    """Names, as they are spoken; how many have to be there."""
    since: datetime | None = None
    """When new hours first differ, or more have to be there; None: now."""
    until: datetime | None = None
    """The last day on which more have to be there."""
    whom: tuple[str, ...] = ()
    """Extensions of those concerned, who are told as well (S5)."""


def summary(plan: Plan) -> Summary:
    """What is to be compared with the next plan."""
    return Summary(
        {extension: _told(person, plan) for extension, person in plan.people.items()},
        {line.name: line.members for line in plan.lines.values()},
        {line.name: line.hours for line in plan.lines.values()}
        | {unit.name: unit.hours for unit in plan.units.values()},
        plan.schedules,
        plan.holidays,
        plan.eves,
        {line.name: line.raised for line in plan.lines.values() if line.raised}
        | {unit.name: unit.raised for unit in plan.units.values() if unit.raised},
    )


def changes(old: Summary, plan: Plan, now: datetime) -> Iterator[Change]:
    """Yield what differs from `old`; nothing where there was no plan before."""
    if not old.people:
        return
    new = summary(plan)
    for extension, told in new.people.items():
        if extension not in old.people:
            yield Change(Kind.JOINED, "", told)
        elif old.people[extension] != told:
            yield Change(Kind.DUTY, "", told)
    for extension, told in old.people.items():
        if extension not in new.people:
            yield Change(Kind.LEFT, "", told)
    for line, members in new.members.items():
        if line in old.members and set(old.members[line]) != set(members):
            names = ", ".join(plan.people[one].name for one in members)
            yield Change(Kind.MEMBERS, line, names)
    for name in new.hours:
        since = _differs(name, old, plan, now) if name in old.hours else None
        if since is not None:
            yield Change(Kind.HOURS, name, "", since)
    yield from _raised(old, plan, now)


def _raised(old: Summary, plan: Plan, now: datetime) -> Iterator[Change]:
    """Yield the days on which more have to be there, of which nobody has been told (S5)."""
    zone = plan.organisation.zone
    for name, raised in summary(plan).raised.items():
        line = plan.lines.get(name)
        staff = (one.extension for one in plan.people.values() if one.unit == name)
        whom = tuple(staff) if line is None else line.members
        for one in raised:
            until = datetime.combine(one.last, time(), zone)
            is_new = one not in old.raised.get(name, ())
            if is_new and one.last >= now.astimezone(zone).date():
                since = datetime.combine(one.first, time(), zone)
                yield Change(Kind.RAISED, name, str(one.minimum), since, until, whom)


def _differs(name: str, old: Summary, plan: Plan, now: datetime) -> datetime | None:
    """The first edge that one of the two plans has and the other hasn't, within the horizon."""
    new = summary(plan)
    before, after = old.schedules.get(old.hours[name]), new.schedules[new.hours[name]]
    if before is None:
        return None
    former = replace(plan, holidays=old.holidays, eves=old.eves)
    zone = plan.organisation.zone
    today = now.astimezone(zone).date()
    for count in range(HORIZON_DAYS):
        day = today + timedelta(days=count)
        was, is_ = (day_of(before, day, former)[0], day_of(after, day, plan)[0])
        lunch = (was or is_) and before.lunch != after.lunch
        if was != is_ or lunch:
            edges = [span.start for span in (*was, *is_)]
            return datetime.combine(day, min(edges, default=time(8)), zone)
    return None


def _told(person: Person, plan: Plan) -> str:
    unit = plan.units[person.unit].title[plan.organisation.language]
    return f"{person.name}, {person.title}, {unit}"
