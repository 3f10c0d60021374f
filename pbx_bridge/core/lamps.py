"""What the lamps of telephones show of people and lines, and who may pick up whose calls.

A lamp is a hint in Asterisk: the telephones of a person, or the queue of a line, together with a
state of our own, which tells what telephones don't know. Asterisk adds them up and tells all who
have subscribed (RFC 4235, RFC 3856); both survive restarts.

| shown     | a person                      | a line                                     |
|-----------|-------------------------------|--------------------------------------------|
| free      | can be rung                   | open, and enough attend it                 |
| rings     | their telephone rings         | callers wait                               |
| busy      | talks, is away, or blocked    | open, and too few attend it                |
| on hold   | has put somebody on hold      | closed                                     |
| not there | no telephone of theirs is     |                                            |

Dialog-info (RFC 4235) has no word for the last one: it shows it as free.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from pbx_bridge.core import absence, attendance, blocks
from pbx_bridge.core.model import Line, Plan
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.timetable import line_open

AWAY, LINE = "away-", "line-"
"""Before an extension, and before a line's name: the devices `Custom:away-101`, `Custom:line-…`."""


class Lamp(StrEnum):
    """A state of our own, in Asterisk's word."""

    FREE = "NOT_INUSE"
    AS_PHONES_SAY = "UNAVAILABLE"
    """Any state of a telephone outweighs it: free, where one is there."""
    AWAY = "BUSY"
    SHORT = "INUSE"
    CLOSED = "ONHOLD"


def lamps(exchange: Exchange, now: datetime) -> Mapping[str, Lamp]:
    """Our part of every lamp at `now`, by the name of its device."""
    return {
        **{AWAY + one: _person(exchange, one, now) for one in exchange.plan.people},
        **{LINE + one.name: _line(exchange, one, now) for one in exchange.plan.lines.values()},
    }


def _person(exchange: Exchange, extension: str, now: datetime) -> Lamp:
    lost = blocks.is_blocked(exchange, extension)
    if lost or absence.absence(exchange, extension, now) is not None:
        return Lamp.AWAY
    person = exchange.plan.people[extension]
    by_mobile = person.rings_mobile and blocks.mobiles_of(exchange, person)
    return Lamp.FREE if by_mobile else Lamp.AS_PHONES_SAY


def _line(exchange: Exchange, line: Line, now: datetime) -> Lamp:
    if not line_open(exchange, line, now):
        return Lamp.CLOSED
    short = line.name in exchange.shortages or attendance.is_short(exchange, line, now)
    return Lamp.SHORT if short else Lamp.FREE


def circles(plan: Plan) -> Mapping[str, frozenset[str]]:
    """Those who may pick up each other's calls, by a name of the circle: a unit, and whoever
    attends a line or stands by for it."""
    units: dict[str, set[str]] = {}
    for person in plan.people.values():
        units.setdefault(f"unit-{person.unit}", set()).add(person.extension)
    lines = {
        f"line-{one.name}": {*one.members, *one.backups} & plan.people.keys()
        for one in plan.lines.values()
    }
    return {name: frozenset(held) for name, held in (units | lines).items() if len(held) > 1}


def may_pick_up(plan: Plan, by: str, whose: str) -> bool:
    """Whether `by` may take a call that rings at `whose` telephone: one of the same circle."""
    return by != whose and any({by, whose} <= held for held in circles(plan).values())
