"""What is counted and measured of a bridge, as plain values.

Names follow the Prometheus conventions: seconds, counters that end in `_total`. No label holds
anything about a caller or a person: lines, rules, outcomes and links are the plan's and ours.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pbx_bridge.core import attendance, blocks, limits, locks, outside
from pbx_bridge.core.model import Plan
from pbx_bridge.core.security import KINDS
from pbx_bridge.core.state import Channel, Exchange
from pbx_bridge.core.timetable import line_open

BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 1.0, 4.0)
"""Upper ends of decision times; longer ones are beyond the dialplan's guard."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One number of one moment."""

    name: str
    about: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Spread:
    """Times in buckets, for a histogram."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    total_s: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.total_s += seconds


@dataclass(slots=True)
class Meters:
    """What only grows, since the bridge was started."""

    ended: Counter[str] = field(default_factory=Counter)
    """Calls that have ended, by outcome."""
    rules: Counter[str] = field(default_factory=Counter)
    """Decisions, by the rule that decided."""
    decisions: Spread = field(default_factory=Spread)
    """From a channel's question to its answer."""
    refused: Counter[str] = field(default_factory=Counter)
    """Commands and PINs of callers that were refused, by the rule that refused them."""
    connected: Counter[str] = field(default_factory=Counter)
    """Connections to Asterisk, by link; all but the first are reconnections."""


def of_exchange(exchange: Exchange, waiting: Mapping[str, int], now: datetime) -> Iterator[Measure]:
    """Lines, notices and returns at this moment; `waiting` is how many wait in each queue."""
    for line in exchange.plan.lines.values():
        labels = {"line": line.name}
        short = exchange.shortages.get(line.name)
        since_s = 0.0
        if short is not None:
            gone = now.astimezone(UTC) - short.since.astimezone(UTC)
            since_s = max(0.0, gone.total_seconds())  # the clock may have been set back (F30)
        there = len(attendance.attendants(exchange, line, now))
        is_open = line_open(exchange, line, now)
        yield Measure("line_open", "1 while the line is open", is_open, labels)
        yield Measure("line_attendants", "People who attend the line", there, labels)
        yield Measure("line_unattended", "1 while too few attend", short is not None, labels)
        yield Measure("line_unattended_seconds", "For how long too few attend", since_s, labels)
        if line.name in waiting:
            count = waiting[line.name]
            yield Measure("line_waiting", "Callers who wait in the queue", count, labels)
    for name in exchange.plan.trunks:
        troubles = outside.troubles_of(exchange, name)
        yield Measure("trunk_well", "1 while nothing is wrong", not troubles, {"trunk": name})
    locked = len(locks.locked(exchange.wrong_pins, exchange.plan, now))
    yield Measure("pin_locks", "Voice menus that wrong PINs have locked", locked)
    capped = len(list(limits.capped(exchange, now)))
    yield Measure("outgoing_capped", "People, or all, who may call out no more by a cap", capped)
    lost = len(list(blocks.all_blocks(exchange)))
    yield Measure("phones_blocked", "Telephones that are lost, or all of a person", lost)
    flood = exchange.flood_since is not None
    yield Measure("security_flood", "1 while very many requests are refused", flood)
    mute = len(exchange.without_sound)
    yield Measure("devices_without_sound", "Devices that are registered and can't talk", mute)
    elsewhere = [one for one in exchange.outbox.values() if one.channel is not Channel.LIST]
    failed = sum(one.id in exchange.undelivered for one in elsewhere)
    yield Measure("notices_waiting", "Notices not delivered yet", len(elsewhere) - failed)
    yield Measure("notices_undeliverable", "Notices that are not tried any more", failed)
    late = sum(one.due.astimezone(UTC) < now.astimezone(UTC) for one in exchange.returns.values())
    yield Measure("returns_open", "Callers who have to be reached", len(exchange.returns))
    yield Measure("returns_overdue", "Of these, those who should have been", late)


def of_meters(meters: Meters) -> Iterator[Measure]:
    """What was counted."""
    for outcome, count in sorted(meters.ended.items()):
        yield Measure("calls_total", "Calls that have ended", count, {"outcome": outcome})
    for rule, count in sorted(meters.rules.items()):
        yield Measure("decisions_total", "Decisions by rule", count, {"rule": rule})
    for rule, count in sorted(meters.refused.items()):
        labels = {"rule": rule}
        yield Measure("refusals_total", "Codes and PINs that were refused", count, labels)
    for link, count in sorted(meters.connected.items()):
        labels = {"link": link}
        yield Measure("connections_total", "Connections to Asterisk", count, labels)


def of_security(refused: Mapping[str, int]) -> Iterator[Measure]:
    """Requests that Asterisk has refused, by `security.KINDS`; those that never were count 0."""
    for kind in sorted(set(KINDS.values())):
        about = "Requests that Asterisk has refused"
        yield Measure("security_events_total", about, refused.get(kind, 0), {"kind": kind})


def of_trunks(
    plan: Plan, failed: Mapping[str, int], refused: Mapping[str, int]
) -> Iterator[Measure]:
    """Calls that a trunk has failed, and requests near its operator's addresses refused here."""
    for name in plan.trunks:
        labels = {"trunk": name}
        yield Measure("trunk_failures_total", "Calls it has failed", failed.get(name, 0), labels)
        about = "Requests from addresses beside its own, refused"
        yield Measure("trunk_refused_total", about, refused.get(name, 0), labels)


def cumulative(spread: Spread) -> Sequence[tuple[str, int]]:
    """Upper end and how many were at most so long, as a histogram wants it."""
    found, total = [], 0
    for end, count in zip((*map(str, BUCKETS_S), "+Inf"), spread.counts, strict=True):
        total += count
        found.append((end, total))
    return found
