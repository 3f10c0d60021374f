"""The short forms that technicians write: hours, lengths, dates and numbers.

Each reader raises `ValueError` with a sentence that says what was expected.
"""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from typing import Literal

from pbx_bridge.core import numbers
from pbx_bridge.core.model import Dialling, Span

DAY_MINUTES = 24 * 60
_CLOCK = re.compile(r"([0-9]{1,2})(?:[:.]([0-9]{2}))?")
_DAY = re.compile(r"(?:([0-9]{4})-)?([0-9]{2})-([0-9]{2})")
_LENGTH = re.compile(r"([0-9]{1,4}) ?(min|h)")
_AFTER_PREFIX = re.compile(r"[1-9][0-9]{3,11}")
_WITHOUT_PREFIX = re.compile(r"[0-9]{5,9}")
"""A Norwegian one of five digits may begin with 0."""
LEAP_YEAR = 2024
RestOfDay = Literal["rest of day"]
REST_OF_DAY: RestOfDay = "rest of day"


def spans(text: str) -> tuple[Span, ...]:
    """Read `8:30-12:00, 13:00-15:30`; `closed` is no span. In order, never overlapping.

    24:00 becomes a span that ends at 0:00, which the schedules read as the next midnight.
    """
    if text.strip().lower() == "closed":
        return ()
    found: list[tuple[int, int]] = []
    for part in text.split(","):
        start, end = _stretch(part.strip())
        if found and start < found[-1][1]:
            raise ValueError(f'"{part.strip()}" begins before the stretch before it ends')
        found.append((start, end))
    return tuple(Span(_time(start), _time(end)) for start, end in found)


def _stretch(part: str) -> tuple[int, int]:
    ends = re.split(r"\s*[-–]\s*", part)
    if len(ends) != 2:
        raise ValueError(f'"{part}" is no stretch of time, write 8:30-12:00 or closed')
    start, end = (_minutes(one) for one in ends)
    if start == end:
        raise ValueError(f'"{part}" is empty, write 0:00-24:00 for the whole day')
    if end < start:
        raise ValueError(
            f'"{part}" ends before it begins, write the night as two stretches: '
            f"{ends[0]}-24:00, and 0:00-{ends[1]} on the day after"
        )
    return start, end


def _minutes(text: str) -> int:
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text}" is no clock time, write 8:30')
    hour, minute = int(match[1]), int(match[2] or 0)
    if minute > 59 or hour * 60 + minute > DAY_MINUTES:
        raise ValueError(f'"{text}" is no clock time, a day is 0:00 to 24:00')
    return hour * 60 + minute


def clock(text: str) -> time:
    """Read `16:00`; midnight at the end of a day is no time that anything lasts until."""
    minutes = _minutes(text)
    if minutes == DAY_MINUTES:
        raise ValueError(f'"{text}" is the next day, write 23:59 at the latest')
    return _time(minutes)


def _time(minutes: int) -> time:
    return time(minutes // 60 % 24, minutes % 60)


def ends(text: str) -> timedelta | RestOfDay:
    """Read `45 min`, `2 h` or `rest of day`: when an absence ends that was given no end."""
    if text == REST_OF_DAY:
        return REST_OF_DAY
    match = _LENGTH.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text}" is no end, write 45 min, 2 h or rest of day')
    minutes = int(match[1]) * (60 if match[2] == "h" else 1)
    if not 0 < minutes <= DAY_MINUTES:
        raise ValueError(f'"{text}" is no end, it may be 1 min to 24 h')
    return timedelta(minutes=minutes)


def day(text: str) -> date:
    """Read `2026-12-24`."""
    match = _DAY.fullmatch(text)
    if match is None or match[1] is None:
        raise ValueError(f'"{text}" is no date, write 2026-12-24')
    return _date(text, int(match[1]), match)


def days(text: str, years: range) -> tuple[date, ...]:
    """Read `2026-12-24`, or `12-24` for that day of each of `years` that has it."""
    match = _DAY.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text}" is no date, write 2026-12-24, or 12-24 for every year')
    if match[1] is not None:
        return (_date(text, int(match[1]), match),)
    every = _date(text, LEAP_YEAR, match)
    leap_day = (every.month, every.day) == (2, 29)
    return tuple(every.replace(year=year) for year in years if not leap_day or _is_leap(year))


def _date(text: str, year: int, match: re.Match[str]) -> date:
    try:
        return date(year, int(match[2]), int(match[3]))
    except ValueError:
        raise ValueError(f'"{text}": there is no such day') from None


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def national(text: str, dialling: Dialling) -> str:
    """Read `018 000 101` or `+358 18 000 101` as `018000101`, the form of all our tables."""
    digits, trunk = numbers.number(text, dialling), dialling.trunk_prefix
    for kind, known in (("n emergency", dialling.emergency), (" service", dialling.services)):
        if digits in known:
            raise ValueError(f"{digits} is a{kind} number")
    if digits.startswith("+"):
        raise ValueError(
            f'"{text}" is a number abroad, it has to be one of +{dialling.country_code}'
        )
    pattern = _AFTER_PREFIX if trunk else _WITHOUT_PREFIX
    if not (digits.startswith(trunk) and pattern.fullmatch(digits.removeprefix(trunk))):
        code = dialling.country_code
        like = f"{trunk}18 000 101" if trunk else "22 33 44 55"
        raise ValueError(f'"{text}" is no number of +{code}, write it like {like}')
    return digits
