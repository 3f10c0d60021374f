"""What numbers cost, country by country: the numbering plans that a site may be in.

Facts of the regulators' plans: Traficom's regulation 32 and its lists of service and business
numbers (Finland with Åland), PTS's telephone numbering plan (Sweden), Nkom's plan for E.164
numbers (Norway), the Danish plan (Styrelsen for Dataforsyning og Infrastruktur). Series are written
as people dial them, with the 0 before area codes where the country has one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Class(StrEnum):
    """What a number outside the exchange is, and with it what a call to it may cost."""

    EMERGENCY = "emergency"
    SERVICE = "service"
    """Short numbers of health care, police and helplines: free, or as a usual call."""
    GEOGRAPHIC = "geographic"
    """Area codes, and business numbers at the same rate."""
    MOBILE = "mobile"
    FREE = "free"
    PREMIUM = "premium"
    """Service numbers that cost extra, and directory enquiries."""
    ABROAD = "abroad"
    UNKNOWN = "unknown"
    """None that can be dialled."""


@dataclass(frozen=True, slots=True)
class Country:
    """The numbers of one country."""

    name: str
    """ISO 3166 code, "" for a country without a table."""
    code: str
    """Calling code, without `+`."""
    trunk_prefix: str
    """Dialled before a national number: `0`, or nothing."""
    international: tuple[str, ...]
    """What is dialled before a number abroad."""
    emergency: tuple[str, ...]
    service: tuple[str, ...]
    """Short numbers, each whole."""
    shape: re.Pattern[str]
    """Of a number in national form."""
    series: Mapping[str, Class]
    """By the first digits; the longest that fits holds. None fits: no number in use."""


_SHORTS = ("116000", "116006", "116111", "116117", "116123")
"""Helplines that have one number in Europe (Commission Decision 2007/116/EC)."""


def _series(**prefixes: str) -> Mapping[str, Class]:
    return {prefix: Class(name) for name, all_ in prefixes.items() for prefix in all_.split()}


FINLAND = Country(
    name="FI",
    code="358",
    trunk_prefix="0",
    international=("00", "990", "991", "994", "996", "999"),
    emergency=("112",),
    service=_SHORTS,
    shape=re.compile(r"0[1-9][0-9]{3,11}|118[0-9]{0,4}"),
    series=_series(
        # Åland is 018; 010, 020, 029, 030, 071, 073 and parts of 075 are business numbers.
        geographic="013 014 015 016 017 018 019 02 03 05 06 08 09 010 020 029 030 071 073"
        " 075003 075004 075005 075006 075007 075008 075009"
        " 075303 075304 075305 075306 075307 075308 075309"
        " 075323 075324 075325 075326 075327 075328 075329"
        " 075753 075754 075755 075756 075757 075758 075759"
        " 075983 075984 075985 075986 075987 075988 075989"
        " 02021 02024 02025 02026 02027 02028 02029",
        mobile="040 041 042 043 044 045 046 047 048 0494 050",
        free="0800",
        premium="0100 0200 0202 02098 02099 0300 0600 0606 0700 0707 0708 070 075 118",
    ),
)
SWEDEN = Country(
    name="SE",
    code="46",
    trunk_prefix="0",
    international=("00",),
    emergency=("112", "90000"),
    service=("1177", "11313", "11414", *_SHORTS),
    shape=re.compile(r"0[1-9][0-9]{5,8}|118[0-9]{3}"),
    series=_series(
        # 010 belongs to no place, 077 shares the cost of a usual call.
        geographic="01 02 03 04 05 06 08 09 077",
        mobile="070 072 073 076 079",
        free="020",
        # 075 are personal numbers, 099 mass calls.
        premium="0649 075 0900 0939 0944 099 118",
        # Of machines and of operators among themselves.
        unknown="0252 0254 0255 0378 0389 0673 0674 0675 0676 0678",
    ),
)
NORWAY = Country(
    name="NO",
    code="47",
    trunk_prefix="",
    international=("00",),
    emergency=("110", "112", "113", "1412"),
    service=_SHORTS,
    shape=re.compile(r"0[2-9][0-9]{3}|[2-9][0-9]{7}|18[0-9]{2}"),
    series=_series(
        # Numbers of five digits (02000 to 09999) belong to no place; 85 is telephony over IP.
        geographic="02 03 04 05 06 07 08 09 2 3 5 6 7 810 815 85",
        mobile="4 9",
        free="800 801",
        # 880 are personal numbers.
        premium="18 820 829 880",
        unknown="59",
    ),
)
DENMARK = Country(
    name="DK",
    code="45",
    trunk_prefix="",
    international=("00",),
    emergency=("112",),
    service=("114", "1813", *_SHORTS),
    shape=re.compile(r"[2-9][0-9]{7}|118"),
    series=_series(
        geographic="32 33 34 35 36 38 39 43 44 45 46 47 48 49 54 55 56 57 58 59 62 63 64 65 66 69"
        " 70 72 73 74 75 76 77 78 79 82 86 87 88 89 96 97 98 99",
        mobile="2 30 31 40 41 42 50 51 52 53 60 61 71 81 91 92 93",
        free="80",
        premium="90 118",
    ),
)

COUNTRIES: Mapping[str, Country] = {
    country.name: country for country in (FINLAND, SWEDEN, NORWAY, DENMARK)
}
ALIASES: Mapping[str, str] = {"AX": "FI"}
"""Parts of a country with a code of their own and the country's numbers."""


def without_table(code: str) -> Country:
    """A country of which nothing is known: what the site hasn't classed is a usual number."""
    usual = re.compile(r"0[1-9][0-9]{3,11}")
    return Country("", code, "0", ("00",), (), (), usual, {"0": Class.GEOGRAPHIC})


def of_code(code: str) -> Country:
    """The country with that calling code."""
    known = (country for country in COUNTRIES.values() if country.code == code)
    return next(known, without_table(code))
