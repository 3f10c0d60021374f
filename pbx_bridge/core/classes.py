"""The class of a number outside: what decides who may call it (S27), which way it goes, and whether
the exchange calls it back."""

from __future__ import annotations

import re

from pbx_bridge.core.callingcodes import NAMES, country_of
from pbx_bridge.core.countries import Class
from pbx_bridge.core.model import Dialling

CALLED_BACK = frozenset({Class.GEOGRAPHIC, Class.MOBILE})
"""What the exchange itself calls for somebody outside who has asked for it: never a number at which
it would earn somebody money."""
CLASSES = frozenset(one.value for one in Class) - {Class.EMERGENCY, Class.UNKNOWN}
"""Classes that may be allowed: emergency numbers always are, and what is no number never is."""
_ABROAD = re.compile(r"[1-9][0-9]{6,14}")
"""E.164: at most 15 digits."""


def classify(number: str, dialling: Dialling) -> Class:
    """The class of `number`: in national form, or with `+` or another prefix of numbers abroad.

    What is no number (letters, too short, too long, a series nobody has) is `UNKNOWN`.
    """
    if number in dialling.emergency:
        return Class.EMERGENCY
    if number in dialling.services:
        return Class.SERVICE
    abroad = international(number, dialling)
    if abroad:
        known = _ABROAD.fullmatch(abroad) is not None
        return Class.ABROAD if known else Class.UNKNOWN
    own = _own(number, dialling)
    if not dialling.shape.fullmatch(own):
        return Class.UNKNOWN
    fits = (own[:length] for length in range(len(own), 0, -1))
    return next(
        (dialling.series[prefix] for prefix in fits if prefix in dialling.series), Class.UNKNOWN
    )


def country(number: str, dialling: Dialling) -> str:
    """ISO 3166 code of the country that `number` is in, where that is abroad; else ""."""
    abroad = international(number, dialling)
    return country_of(abroad) if _ABROAD.fullmatch(abroad) else ""


def is_known(what: str) -> bool:
    """Whether it is a class that may be allowed, or a country's ISO code."""
    return what in CLASSES or what in NAMES


def international(number: str, dialling: Dialling) -> str:
    """A number abroad as E.164 has it, without `+`; "" for one of the country, or inside."""
    digits = _after_prefix(number, dialling)
    return "" if digits is None or digits.startswith(dialling.country_code) else digits


def _own(number: str, dialling: Dialling) -> str:
    """A number of the country in national form, however it was dialled."""
    digits = _after_prefix(number, dialling)
    if digits is None:
        return number
    rest = digits.removeprefix(dialling.country_code)
    return dialling.trunk_prefix + rest.removeprefix(dialling.trunk_prefix)


def _after_prefix(number: str, dialling: Dialling) -> str | None:
    """What follows `+` or the longest of the international prefixes; None without one."""
    prefixes = ("+", *dialling.international_prefixes)
    used = max((one for one in prefixes if number.startswith(one)), key=len, default="")
    return number.removeprefix(used) if used else None
