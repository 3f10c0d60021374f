"""Finnish numbers, dates and clock times.

A date is said as the standard allows beside the essive: the ordinal in the nominative and
the month in the partitive, "maanantaina kolmas elokuuta".
"""

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

_SMALL = words("nolla yksi kaksi kolme neljä viisi kuusi seitsemän kahdeksan yhdeksän kymmenen")
_SMALL += tuple(unit + "toista" for unit in _SMALL[1:10])
_UNIT_ORDINALS = words(
    ". ensimmäinen toinen kolmas neljäs viides kuudes seitsemäs kahdeksas yhdeksäs kymmenes"
)
_COMBINING = ["", "yhdes", "kahdes", *_UNIT_ORDINALS[3:10]]
_ORDINALS = [
    *_UNIT_ORDINALS,
    *(unit + "toista" for unit in _COMBINING[1:]),
    "kahdeskymmenes",
    *("kahdeskymmenes" + unit for unit in ("ensimmäinen", "toinen", *_COMBINING[3:])),
    "kolmaskymmenes",
    "kolmaskymmenesensimmäinen",
]
_WEEKDAYS = words(
    "maanantaina tiistaina keskiviikkona torstaina perjantaina lauantaina sunnuntaina"
)
_MONTHS = words(". tammi helmi maalis huhti touko kesä heinä elo syys loka marras joulu")
_PAST = {0: "", 5: "viisi yli ", 10: "kymmenen yli ", 15: "varttia yli "}
_TOWARDS = {30: "puoli ", 45: "varttia vaille ", 50: "kymmentä vaille ", 55: "viittä vaille "}


def number(value: int) -> str:
    """0–9999 as one word in the nominative."""
    if value < 20:
        return _SMALL[value]
    if value < 100:
        return _SMALL[value // 10] + "kymmentä" + (_SMALL[value % 10] if value % 10 else "")
    if value < 1000:
        hundreds = "sata" if value < 200 else _SMALL[value // 100] + "sataa"
        return hundreds + (number(value % 100) if value % 100 else "")
    thousands = "tuhat" if value < 2000 else _SMALL[value // 1000] + "tuhatta"
    return thousands + (number(value % 1000) if value % 1000 else "")


def clock(at: time) -> str:
    """After the date: "kello puoli kolme". Off the common ones: "kello neljätoista kolmetoista"."""
    if at.minute in _PAST:
        said = _PAST[at.minute] + _SMALL[on_twelve(at.hour)]
    elif at.minute in _TOWARDS:
        said = _TOWARDS[at.minute] + _SMALL[on_twelve(at.hour + 1)]
    else:
        zero = "nolla " if at.minute < 10 else ""
        said = f"{number(at.hour)} {zero}{number(at.minute)}"
        if at.hour >= DAY_BEGINS:
            return "kello " + said
    return "kello " + said + _part_of_day(at.hour)


def _part_of_day(hour: int) -> str:
    if DAY_BEGINS <= hour < DAY_ENDS:
        return ""
    if hour >= DAY_ENDS:
        return " illalla"
    return " yöllä" if hour < 5 else " aamulla"


def day(day: date, today: date) -> str:
    """After a verb: "tänään", "maanantaina", "maanantaina kolmas elokuuta"."""
    weekday = _WEEKDAYS[day.weekday()]
    full = f"{weekday} {_ORDINALS[day.day]} {_MONTHS[day.month]}kuuta"
    match distance(day, today):
        case Distance.TODAY:
            return "tänään"
        case Distance.TOMORROW:
            return "huomenna"
        case Distance.NEAR:
            return weekday
        case Distance.FAR:
            return full
        case Distance.FAR_YEAR:
            return f"{full} vuonna {number(day.year)}"
        case unknown:
            assert_never(unknown)


def date_(day: date, at: str) -> str:
    """As it is written: "maanantaina 17.8.2026 klo 8.30"."""
    written = f"{_WEEKDAYS[day.weekday()]} {day.day}.{day.month}.{day.year}"
    return f"{written} klo {at}" if at else written


GRAMMAR = Grammar(number, day, clock, "kello kaksikymmentäneljä", "plus", date_)
