"""Swedish numbers, dates and clock times."""

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
    "noll ett två tre fyra fem sex sju åtta nio tio elva tolv tretton fjorton femton sexton "
    "sjutton arton nitton"
)
_TENS = words(". . tjugo trettio fyrtio femtio sextio sjuttio åttio nittio")
_ORDINALS = words(
    ". första andra tredje fjärde femte sjätte sjunde åttonde nionde tionde elfte tolfte "
    "trettonde fjortonde femtonde sextonde sjuttonde artonde nittonde tjugonde tjugoförsta "
    "tjugoandra tjugotredje tjugofjärde tjugofemte tjugosjätte tjugosjunde tjugoåttonde "
    "tjugonionde trettionde trettioförsta"
)
_WEEKDAYS = words("måndag tisdag onsdag torsdag fredag lördag söndag")
_MONTHS = words(
    ". januari februari mars april maj juni juli augusti september oktober november december"
)
_PAST = {0: "", 5: "fem över ", 10: "tio över ", 15: "kvart över ", 20: "tjugo över "}
_TOWARDS = {
    25: "fem i halv ",
    30: "halv ",
    35: "fem över halv ",
    40: "tjugo i ",
    45: "kvart i ",
    50: "tio i ",
    55: "fem i ",
}


def number(value: int) -> str:
    """0–9999 as one word, neuter as in counting: "tjugoett"."""
    if value < 20:
        return _SMALL[value]
    if value < 100:
        return _TENS[value // 10] + (_SMALL[value % 10] if value % 10 else "")
    if value < 1000:
        return _SMALL[value // 100] + "hundra" + (number(value % 100) if value % 100 else "")
    thousands = "ettusen" if value < 2000 else _SMALL[value // 1000] + "tusen"
    return thousands + (number(value % 1000) if value % 1000 else "")


def clock(at: time) -> str:
    """After the date: "klockan halv tre". Off the five minutes: "klockan fjorton tjugotre"."""
    if at.minute in _PAST:
        said = _PAST[at.minute] + _SMALL[on_twelve(at.hour)]
    elif at.minute in _TOWARDS:
        said = _TOWARDS[at.minute] + _SMALL[on_twelve(at.hour + 1)]
    else:
        zero = "noll " if at.minute < 10 else ""
        said = f"{number(at.hour)} {zero}{number(at.minute)}"
        if at.hour >= DAY_BEGINS:
            return "klockan " + said
    return "klockan " + said + _part_of_day(at.hour)


def _part_of_day(hour: int) -> str:
    if DAY_BEGINS <= hour < DAY_ENDS:
        return ""
    if hour >= DAY_ENDS:
        return " på kvällen"
    return " på natten" if hour < 5 else " på morgonen"


def day(day: date, today: date) -> str:
    """After a verb: "i dag", "på måndag", "måndagen den tredje augusti"."""
    weekday = _WEEKDAYS[day.weekday()]
    full = f"{weekday}en den {_ORDINALS[day.day]} {_MONTHS[day.month]}"
    match distance(day, today):
        case Distance.TODAY:
            return "i dag"
        case Distance.TOMORROW:
            return "i morgon"
        case Distance.NEAR:
            return f"på {weekday}"
        case Distance.FAR:
            return full
        case Distance.FAR_YEAR:
            return f"{full} {_year(day.year)}"
        case unknown:
            assert_never(unknown)


def _year(year: int) -> str:
    if not 1100 <= year < 2100:
        return number(year)
    rest = number(year % 100) if year % 100 else ""
    return number(year // 100) + "hundra" + rest


def date_(day: date, at: str) -> str:
    """As it is written in Swedish of Finland: "måndag 17.8.2026 kl. 8.30"."""
    written = f"{_WEEKDAYS[day.weekday()]} {day.day}.{day.month}.{day.year}"
    return f"{written} kl. {at}" if at else written


GRAMMAR = Grammar(number, day, clock, "klockan tjugofyra", "plus", date_)
