"""English numbers, dates and clock times, as in Britain."""

from __future__ import annotations

from datetime import date, time
from typing import assert_never

from pbx_bridge.core.wording.grammar import (
    DAY_BEGINS,
    DAY_ENDS,
    Distance,
    Grammar,
    distance,
    on_twelve,
    words,
)

_SMALL = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS = words(". . twenty thirty forty fifty sixty seventy eighty ninety")
_ORDINALS = words(
    ". first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth "
    "thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth "
    "twenty-first twenty-second twenty-third twenty-fourth twenty-fifth twenty-sixth "
    "twenty-seventh twenty-eighth twenty-ninth thirtieth thirty-first"
)
_WEEKDAYS = words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
_MONTHS = words(
    ". January February March April May June July August September October November December"
)
_PAST = {
    5: "five past ",
    10: "ten past ",
    15: "a quarter past ",
    20: "twenty past ",
    25: "twenty-five past ",
    30: "half past ",
}
_TOWARDS = {
    35: "twenty-five to ",
    40: "twenty to ",
    45: "a quarter to ",
    50: "ten to ",
    55: "five to ",
}


def number(value: int) -> str:
    """0–9999 in words: "two thousand one hundred and five"."""
    if value < 20:
        return _SMALL[value]
    if value < 100:
        return _TENS[value // 10] + (f"-{_SMALL[value % 10]}" if value % 10 else "")
    size, word = (100, "hundred") if value < 1000 else (1000, "thousand")
    whole, rest = divmod(value, size)
    if rest == 0:
        return f"{_SMALL[whole]} {word}"
    return f"{_SMALL[whole]} {word} {'and ' if rest < 100 else ''}{number(rest)}"


def clock(at: time) -> str:
    """After the date: "at half past two". Off the five minutes: "at two twenty-three"."""
    hour = _SMALL[on_twelve(at.hour)]
    if at.minute == 0:
        said = f"{hour} o'clock"
    elif at.minute in _PAST:
        said = _PAST[at.minute] + hour
    elif at.minute in _TOWARDS:
        said = _TOWARDS[at.minute] + _SMALL[on_twelve(at.hour + 1)]
    else:
        said = f"{hour} {'oh ' if at.minute < 10 else ''}{number(at.minute)}"
    return "at " + said + _part_of_day(at.hour)


def _part_of_day(hour: int) -> str:
    if DAY_BEGINS <= hour < DAY_ENDS:
        return ""
    if hour == 0 or hour >= 22:
        return " at night"
    return " in the evening" if hour >= DAY_ENDS else " in the morning"


def day(day: date, today: date) -> str:
    """After a verb: "today", "on Monday", "on Monday the third of August"."""
    weekday = f"on {_WEEKDAYS[day.weekday()]}"
    full = f"{weekday} the {_ORDINALS[day.day]} of {_MONTHS[day.month]}"
    match distance(day, today):
        case Distance.TODAY:
            return "today"
        case Distance.TOMORROW:
            return "tomorrow"
        case Distance.NEAR:
            return weekday
        case Distance.FAR:
            return full
        case Distance.FAR_YEAR:
            return f"{full} {_year(day.year)}"
        case unknown:
            assert_never(unknown)


def _year(year: int) -> str:
    century, rest = divmod(year, 100)
    if rest < 10 or not 11 <= century <= 20:
        return number(year)
    return f"{number(century)} {number(rest)}"


def date_(day: date, at: str) -> str:
    """As it is written: "on Monday 17 August 2026 at 8.30"."""
    written = f"on {_WEEKDAYS[day.weekday()]} {day.day} {_MONTHS[day.month]} {day.year}"
    return f"{written} at {at}" if at else written


GRAMMAR = Grammar(number, day, clock, "at midnight", "plus", date_)
