"""What the languages share: which days have short names, and when a clock needs a part of day.

Every clock time is said so that it can't be taken for the one twelve hours away: from
`DAY_BEGINS` on and for twelve hours the bare time is meant ("halv tre" is 14:30), before
and after that the part of day is added.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time
from enum import Enum, auto

DAY_BEGINS = 7
DAY_ENDS = DAY_BEGINS + 12
NEAR_DAYS = 6
"""A weekday alone names a date up to this far ahead; one more day is the same weekday again."""
HALF_YEAR_DAYS = 183

DateWords = Callable[[date, date], str]
"""(date, today) → the date as it follows a verb: "i morgon", "on Monday"."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """How one language says what is not written in its prompts."""

    number: Callable[[int], str]
    """0–9999 in words."""
    day: DateWords
    clock: Callable[[time], str]
    """A clock time as it follows the date: "klockan halv tre", "at half past two"."""
    day_over: str
    """The midnight that ends a day, as it follows the date: "klockan tjugofyra"."""
    plus: str
    date: Callable[[date, str], str]
    """A date and a clock time ("8.30", "" for the whole day) as they are written in a mail,
    which may be read on another day: "måndag 17.8.2026 kl. 8.30"."""


class Distance(Enum):
    """How far a date is from today, as far as people name it differently."""

    TODAY = auto()
    TOMORROW = auto()
    NEAR = auto()
    FAR = auto()
    FAR_YEAR = auto()
    """So far that the year must be said."""


def words(text: str) -> tuple[str, ...]:
    """A table of words, by position. "." holds a place that is never read."""
    return tuple(text.split())


def distance(day: date, today: date) -> Distance:
    """How `day` is to be named. A day that has passed is never named by its weekday alone."""
    days = (day - today).days
    if days == 0:
        return Distance.TODAY
    if days == 1:
        return Distance.TOMORROW
    if 1 < days <= NEAR_DAYS:
        return Distance.NEAR
    if day.year != today.year and abs(days) > HALF_YEAR_DAYS:
        return Distance.FAR_YEAR
    return Distance.FAR


def on_twelve(hour: int) -> int:
    """The hour's figure on a clock face."""
    return (hour - 1) % 12 + 1
