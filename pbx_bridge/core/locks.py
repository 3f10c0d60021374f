"""How long wrong PINs lock a voice menu (F38, S29).

Tries are counted by the account and by the number that they come from. Each `MOST_WRONG_PINS`
wrong ones begin a lock, longer than the one before; a right PIN or a quiet day begins anew. Tries
within a lock count nothing, so nobody can keep one closed by going on.

A number is easily forged, so a lock must not be a weapon. The tries from somebody's own mobile
are counted by themselves: strangers can't lock it, and its locks hold nowhere else. Callers who
withhold their number have none to be counted by. A desk phone needs no PIN.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pbx_bridge.core import numbers
from pbx_bridge.core.model import Plan

MOST_WRONG_PINS = 5
LOCKS = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4), timedelta(hours=24))
"""The last one holds for all that follow."""
FORGOTTEN_AFTER = timedelta(days=1)
"""Since the last wrong PIN, or the end of its lock."""
_MOST_KEPT = MOST_WRONG_PINS * (len(LOCKS) + 1)
_NUMBER = re.compile(r"\+?[0-9]{3,20}", re.ASCII)
_OWN = "/own"

Wrong = tuple[datetime, ...]
"""Times of counted tries, in the order in which they came."""


@dataclass(frozen=True, slots=True)
class Lock:
    """From `since` on, before `until`."""

    since: datetime
    until: datetime

    def holds(self, now: datetime) -> bool:
        """Whether it does; one that lies ahead, after the clock was set back, doesn't."""
        return self.since.astimezone(UTC) <= now.astimezone(UTC) < self.until.astimezone(UTC)


def last_lock(wrong: Wrong) -> Lock | None:
    """The last one that these tries led to, over or not; None where there was none."""
    count = len(wrong) // MOST_WRONG_PINS
    if not count:
        return None
    since = wrong[count * MOST_WRONG_PINS - 1]
    return Lock(since, since + LOCKS[min(count, len(LOCKS)) - 1])


def with_try(wrong: Wrong, at: datetime) -> Wrong:
    """The tries after another wrong one at `at`."""
    lock = last_lock(wrong)
    if lock is not None and lock.holds(at):
        return wrong
    if is_forgotten(wrong, at):
        return (at,)
    after = (*wrong, at)
    return after if len(after) < _MOST_KEPT else after[MOST_WRONG_PINS:]


def is_forgotten(wrong: Wrong, now: datetime) -> bool:
    """Whether nothing more comes of these tries."""
    lock = last_lock(wrong)
    ends = [*wrong[-1:], *([lock.until] if lock is not None else [])]
    return all(now.astimezone(UTC) - one.astimezone(UTC) >= FORGOTTEN_AFTER for one in ends)


def counted_by(person: str, source: str, plan: Plan, *, own: bool) -> tuple[str, ...]:
    """What tries for `person` from the number `source` are counted by.

    `own`: it was the number of their mobile. An extension that nobody has is no account, and a
    name, or nothing, in place of a number is no source.
    """
    if own:
        return (person + _OWN,)
    number = numbers.number(source, plan.dialling)
    account = [person] if person in plan.people else []
    return (*account, *([f"from:{number}"] if _NUMBER.fullmatch(number) else []))


def is_own(person: str, source: str, plan: Plan) -> bool:
    """Whether the number is that of their own mobile."""
    owner = numbers.owner(source, plan)
    return owner is not None and owner.extension == person


def held(wrong: Mapping[str, Wrong], counted: tuple[str, ...], now: datetime) -> Lock | None:
    """The lock that ends last of those that hold for what is counted so."""
    found = (last_lock(wrong.get(one, ())) for one in counted)
    holding = (one for one in found if one is not None and one.holds(now))
    return max(holding, key=lambda one: one.until.astimezone(UTC), default=None)


def locked(
    wrong: Mapping[str, Wrong], plan: Plan, now: datetime
) -> tuple[tuple[str, bool, Lock], ...]:
    """Extensions that are locked, each with whether it is for their own mobile alone."""
    found = []
    for extension in plan.people:
        for own in (False, True):
            lock = held(wrong, counted_by(extension, "", plan, own=own), now)
            if lock is not None:
                found.append((extension, own, lock))
    return tuple(found)
