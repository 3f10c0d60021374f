"""Lines that too few attend: phones lost and found, the alarm, and its end (S18)."""

from __future__ import annotations

from datetime import UTC, datetime

from pbx_bridge.core import attendance, blocks
from pbx_bridge.core.commands import CountAttendants, Refusal, SeePhone
from pbx_bridge.core.events import Event, LineShort, LineStaffed, PhoneFound, PhoneLost
from pbx_bridge.core.model import Plan
from pbx_bridge.core.sentences import sentence
from pbx_bridge.core.state import Exchange, Lost

Answer = tuple[Event, ...] | Refusal


def watched(plan: Plan) -> frozenset[str]:
    """Extensions whose phones matter: whoever attends a line or backs it up."""
    return frozenset(
        extension for line in plan.lines.values() for extension in (*line.members, *line.backups)
    )


def see_phone(command: SeePhone, exchange: Exchange, now: datetime) -> tuple[Event, ...]:
    """A loss is noted once; a phone that can't be reached outweighs calls left ringing, and one
    that is blocked isn't found."""
    known = exchange.losses.get(command.person)
    at = now.astimezone(UTC)
    if command.lost is None:
        gone = known is None or blocks.is_blocked(exchange, command.person)
        return () if gone else (PhoneFound(command.person, at),)
    if known is not None and known.cause in (command.lost, Lost.UNREACHABLE):
        return ()
    return (PhoneLost(command.person, command.lost, at),)


def count_attendants(command: CountAttendants, exchange: Exchange, now: datetime) -> Answer:
    """Raise the alarm, tell it anew when its cause is another, or clear it."""
    line = exchange.plan.lines.get(command.line)
    if line is None:
        return Refusal("", "unknown-line", sentence("refused-unknown-code"))
    raised = exchange.shortages.get(line.name)
    at = now.astimezone(UTC)
    if not attendance.is_short(exchange, line, now):
        return () if raised is None else (LineStaffed(line.name, at),)
    found = attendance.staffing(exchange, line, now)
    missing = tuple(found.missing)
    if raised is not None and (raised.cause, raised.missing) == (found.cause, missing):
        return ()
    return (LineShort(line.name, found.cause, missing, found.joined, at),)


def back(exchange: Exchange, person: str, now: datetime) -> tuple[Event, ...]:
    """Who does something with their phone is there: calls left ringing count no more."""
    known = exchange.losses.get(person)
    if known is None or known.cause is not Lost.NO_ANSWER:
        return ()
    return (PhoneFound(person, now.astimezone(UTC)),)
