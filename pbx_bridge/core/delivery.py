"""When a notice that could not be delivered is tried again, and when no more (S20)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pbx_bridge.core.state import Notice

RESTS_S = (30, 60, 120, 300, 600, 900)
"""After the first, second, … try; the last one holds for all further ones."""
GIVEN_UP_AFTER = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Tried:
    """How often a notice could not be delivered, and when it was tried last."""

    times: int
    """0 where something has changed since that may help."""
    at: datetime


def tried_again(tried: Tried | None, now: datetime) -> Tried:
    """After one more try in vain."""
    return Tried(1 if tried is None else tried.times + 1, now)


def left_s(tried: Tried | None, now: datetime) -> float:
    """Seconds until the next try, 0 where it is due: what was never tried, and what seems to have
    been tried in the future, by a clock that was set back since (F30)."""
    if tried is None or tried.times == 0:
        return 0.0
    gone_s = (now.astimezone(UTC) - tried.at.astimezone(UTC)).total_seconds()
    rest_s = RESTS_S[min(tried.times, len(RESTS_S)) - 1]
    return max(0.0, rest_s - gone_s) if gone_s >= 0 else 0.0


def is_given_up(notice: Notice, now: datetime) -> bool:
    """Whether it is not tried any more; the switchboard is told instead."""
    return now.astimezone(UTC) - notice.at.astimezone(UTC) >= GIVEN_UP_AFTER
