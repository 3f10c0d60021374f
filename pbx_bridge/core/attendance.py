"""Who attends which line, who is missing, and who stands in (S18)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from itertools import chain

from pbx_bridge.core import blocks, roster
from pbx_bridge.core.absence import absence
from pbx_bridge.core.model import Line, Plan, Raised
from pbx_bridge.core.state import Consent, Exchange
from pbx_bridge.core.timetable import line_open, line_openings


class Missing(StrEnum):
    """Why somebody who is to attend a line doesn't."""

    UNREACHABLE = "unreachable"
    """No phone of theirs is registered, or none answers to Asterisk."""
    NO_ANSWER = "no-answer"
    """They have left too many calls in a row ringing."""
    AWAY = "away"
    NOT_SIGNED_IN = "not-signed-in"
    NOBODY = "nobody"
    """There is nobody who is to attend."""


@dataclass(frozen=True, slots=True)
class Staffing:
    """How a line is attended at a moment."""

    ready: tuple[str, ...]
    """Extensions that attend it and can be rung."""
    missing: Mapping[str, Missing]
    """Extensions that are to attend it and don't."""
    required: int
    """How many have to."""
    joined: tuple[str, ...]
    """Backups that attend it in their place."""

    @property
    def is_short(self) -> bool:
        """Whether too few attend it."""
        return len(self.ready) < self.required

    @property
    def cause(self) -> Missing:
        """The first thing that is wrong."""
        return next(iter(self.missing.values()), Missing.NOBODY)


def attendants(exchange: Exchange, line: Line, now: datetime) -> tuple[str, ...]:
    """Extensions that attend `line` and aren't away: signed in, static, or covering for somebody;
    in the plan's order."""
    instant = now.astimezone(UTC)
    covering = {
        one.to
        for one in exchange.covers.get(line.name, ())
        if one.consent is Consent.ACCEPTED
        and one.since.astimezone(UTC) <= instant < one.until.astimezone(UTC)
    }
    there = exchange.signed_in.get(line.name, frozenset()) | line.static | covering
    able = dict.fromkeys((*line.members, *(one for one in line.backups if one in covering)))
    return tuple(one for one in able if one in there and absence(exchange, one, now) is None)


def ready(exchange: Exchange, line: Line, now: datetime) -> tuple[str, ...]:
    """Those who attend `line` and can be rung: whom the guard counts, and the alarm."""
    return tuple(one for one in attendants(exchange, line, now) if one not in exchange.losses)


def lost(exchange: Exchange, line: Line, now: datetime) -> tuple[str, ...]:
    """Those who attend `line` by name only: their phones can't be counted on."""
    return tuple(one for one in attendants(exchange, line, now) if one in exchange.losses)


def staffing(exchange: Exchange, line: Line, now: datetime) -> Staffing:
    """How `line` is attended at `now`, as if it were open."""
    attending = attendants(exchange, line, now)
    there = ready(exchange, line, now)
    shift = roster.on_shift(line, exchange.plan, now)
    missing = {one: Missing(exchange.losses[one].cause) for one in attending if one not in there}
    signed_in = exchange.signed_in.get(line.name, frozenset()) | line.static
    for one in shift:
        if one not in attending:
            missing[one] = Missing.AWAY if one in signed_in else Missing.NOT_SIGNED_IN
    needed = max(required(line, exchange.plan, now), len(shift))
    able = (one for one in line.backups if one not in attending and _able(exchange, one, now))
    joined = tuple(able)[: max(0, needed - len(there))]
    return Staffing(there, missing, needed, joined)


def is_short(exchange: Exchange, line: Line, now: datetime) -> bool:
    """Whether `line` is open, has to be attended, and too few do."""
    return (
        line.attended and line_open(exchange, line, now) and staffing(exchange, line, now).is_short
    )


def queue(exchange: Exchange, line: Line, now: datetime) -> dict[str, int]:
    """The queue's members with their penalty: 0 for whoever attends, and for the backups that
    attend in place of others; 1 for the backup that is rung next, and so on. Whose telephones are
    lost is none (S26)."""
    members = dict.fromkeys(attendants(exchange, line, now), 0)
    if is_short(exchange, line, now):
        members |= dict.fromkeys(staffing(exchange, line, now).joined, 0)
    standing = [one for one in line.backups if one not in members]
    for penalty, one in enumerate(standing, 1):
        if absence(exchange, one, now) is None:
            members[one] = penalty
    return {one: rank for one, rank in members.items() if not blocks.is_blocked(exchange, one)}


def rung(exchange: Exchange, line: Line, now: datetime) -> tuple[str, ...]:
    """Those at whose telephones its calls ring first: whoever attends it, and the backups that
    attend in place of others. What the line has to know at once is told to them."""
    return tuple(one for one, penalty in queue(exchange, line, now).items() if penalty == 0)


def required(line: Line, plan: Plan, now: datetime) -> int:
    """How many have to attend the line on the day of `now` (S5)."""
    return minimum(line.minimum, line.raised, plan, now)


def minimum(usual: int, raised: tuple[Raised, ...], plan: Plan, now: datetime) -> int:
    """The largest minimum that holds on the day of `now`."""
    if not raised:
        return usual
    day = now.astimezone(plan.organisation.zone).date()
    return max(usual, *(one.minimum for one in raised if one.first <= day <= one.last), 0)


def lines_left_empty(exchange: Exchange, extension: str, now: datetime) -> tuple[Line, ...]:
    """Open attended lines where too few could be rung if `extension` left now (S18).

    Whoever leaves has been there, whatever is known of their phone."""
    found: list[Line] = []
    for line in exchange.plan.lines.values():
        others = [one for one in ready(exchange, line, now) if one != extension]
        leaves = line.attended and extension in attendants(exchange, line, now)
        too_few = len(others) < required(line, exchange.plan, now)
        if leaves and too_few and line_open(exchange, line, now):
            found.append(line)
    return tuple(found)


def next_change(exchange: Exchange, now: datetime) -> datetime | None:
    """The next moment when by time alone somebody goes away or comes back, a shift or a cover
    begins or ends, or an attended line opens or closes; None when there is none."""
    instant = now.astimezone(UTC)
    later = (edge.astimezone(UTC) for edge in _edges(exchange, now))
    return min((edge for edge in later if edge > instant), default=None)


def _edges(exchange: Exchange, now: datetime) -> Iterator[datetime]:
    for referral in chain.from_iterable(exchange.referrals.values()):
        yield from (referral.since, referral.until)
    for cover in chain.from_iterable(exchange.covers.values()):
        yield from (cover.since, cover.until)
    plan = exchange.plan
    today = now.astimezone(plan.organisation.zone).date()
    for line in plan.lines.values():
        for shift in line.roster:
            for one in roster.spans(
                shift, plan, today - timedelta(days=1), today + timedelta(days=1)
            ):
                yield from (one.start, one.end)
        opening = next(line_openings(exchange, line, now), None)
        if line.attended and opening is not None:
            yield from (opening.start, opening.end)
    yield datetime.combine(today + timedelta(days=1), time(), plan.organisation.zone)


def _able(exchange: Exchange, extension: str, now: datetime) -> bool:
    """Whether a backup can be rung."""
    if blocks.is_blocked(exchange, extension):
        return False
    return extension not in exchange.losses and absence(exchange, extension, now) is None
