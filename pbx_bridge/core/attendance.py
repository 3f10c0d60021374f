"""Who attends which line."""

from __future__ import annotations

from datetime import UTC, datetime

from pbx_bridge.core.absence import absence
from pbx_bridge.core.model import Line
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.timetable import line_open


def attendants(exchange: Exchange, line: Line, now: datetime) -> tuple[str, ...]:
    """Extensions that attend `line`: signed in and not away, in the plan's order."""
    signed_in = exchange.signed_in.get(line.name, frozenset())
    return tuple(
        extension
        for extension in line.members
        if extension in signed_in and absence(exchange, extension, now) is None
    )


def lines_left_empty(exchange: Exchange, extension: str, now: datetime) -> tuple[Line, ...]:
    """Open attended lines that nobody would attend if `extension` left now (S18)."""
    return tuple(
        line
        for line in exchange.plan.lines_of(extension)
        if line.attended
        and attendants(exchange, line, now) == (extension,)
        and line_open(exchange, line, now)
    )


def next_change(exchange: Exchange, now: datetime) -> datetime | None:
    """The next moment when an absence begins or ends by time, None when none is set."""
    instant = now.astimezone(UTC)
    edges = (
        edge
        for held in exchange.referrals.values()
        for referral in held
        for edge in (referral.since, referral.until)
        if edge.astimezone(UTC) > instant
    )
    return min(edges, key=lambda edge: edge.astimezone(UTC), default=None)
