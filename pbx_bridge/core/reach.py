"""Who may be rung now, and when somebody can be reached (S7, S14, S19)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from pbx_bridge.core import blocks
from pbx_bridge.core.absence import absence, absences, back_at, working_hours
from pbx_bridge.core.hours import is_open, next_opening
from pbx_bridge.core.model import Person, Unit
from pbx_bridge.core.state import Consent, Exchange
from pbx_bridge.core.timetable import line_open

MOST_LOOKS = 100
"""Openings and returns that are looked at for when a unit can be reached."""


def on_call(exchange: Exchange, extension: str, now: datetime) -> bool:
    """Whether the person attends a line that is open: they are on duty, whatever their hours.

    Who is away attends nothing.
    """
    plan = exchange.plan
    return absence(exchange, extension, now) is None and any(
        extension in exchange.signed_in.get(line.name, ()) and line_open(exchange, line, now)
        for line in plan.lines_of(extension)
    )


def off_duty(exchange: Exchange, person: Person, now: datetime) -> bool:
    """Whether the shield keeps calls and notices from the person's phone at `now` (S19)."""
    if not person.shielded:
        return False
    plan = exchange.plan
    if is_open(working_hours(person, plan), plan, now):
        return False
    return not on_call(exchange, person.extension, now)


def may_ring(exchange: Exchange, person: Person, now: datetime) -> bool:
    """Whether the person's phone may be rung for callers at `now`."""
    if blocks.is_blocked(exchange, person.extension):
        return False
    away = absence(exchange, person.extension, now) is not None
    return not away and not off_duty(exchange, person, now)


def takers(exchange: Exchange, person: Person, now: datetime) -> Iterator[Person]:
    """Yield the colleagues who take the person's calls at `now`, in order (S14).

    First those who have accepted the offer made for an absence that holds, then those who have
    agreed once and for all. Nobody who is away, off duty, or has not agreed; the deputies
    of a deputy are never followed, so two may stand in for each other.
    """
    for colleague in consenting(exchange, person, now):
        if may_ring(exchange, colleague, now):
            yield colleague


def consenting(exchange: Exchange, person: Person, now: datetime) -> Iterator[Person]:
    """Yield those who have agreed to take the calls at `now`, whether they can or not."""
    seen = {person.extension}
    holds = {one.since for one in absences(exchange, person.extension, now)}
    accepted = [
        one.to
        for one in exchange.forwards.get(person.extension, ())
        if one.since in holds and one.consent is Consent.ACCEPTED
    ]
    standing = [one for one in person.deputies if one in person.agreed]
    for extension in (*accepted, *standing):
        colleague = exchange.plan.people.get(extension)
        if colleague is None or extension in seen:
            continue
        seen.add(extension)
        yield colleague


def unit_back_at(exchange: Exchange, unit: Unit, now: datetime) -> datetime | None:
    """When somebody of the unit can be reached in its opening hours; None when that is never so
    or not within `MOST_LOOKS`: a plan may have them work while the unit is closed.

    `now` itself when that is so already.
    """
    plan = exchange.plan
    schedule = plan.schedules[unit.hours]
    people = [one for one in plan.people.values() if one.unit == unit.name]
    moment: datetime | None = now
    for _ in range(MOST_LOOKS):
        if moment is None or not people:
            return None
        if is_open(schedule, plan, moment):
            back = min((back_at(exchange, one, moment) for one in people), key=_instant)
            if _instant(back) <= _instant(moment):
                return moment
            moment = back
        else:
            moment = next_opening(schedule, plan, moment)
    return None


def _instant(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
