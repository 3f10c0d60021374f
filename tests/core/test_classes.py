"""The class of a number, and the country of one abroad (S27)."""

from __future__ import annotations

import pytest
from core.plans import PLAN
from hypothesis import given
from hypothesis import strategies as st

from pbx_bridge.core.callingcodes import BY_CODE, NAMES, country_of
from pbx_bridge.core.classes import CALLED_BACK, classify, country, international
from pbx_bridge.core.countries import COUNTRIES, Class, of_code
from pbx_bridge.core.model import USUAL, Dialling
from pbx_bridge.core.numbers import known_as

FI, SE, NO, DK = (Dialling.of(COUNTRIES[name]) for name in ("FI", "SE", "NO", "DK"))
SAMPLE = PLAN.dialling

TABLE = [
    (FI, "112", Class.EMERGENCY),
    (FI, "116117", Class.SERVICE),
    (FI, "116111", Class.SERVICE),
    (FI, "018000101", Class.GEOGRAPHIC),  # Åland
    (FI, "0912345678", Class.GEOGRAPHIC),
    (FI, "0295123456", Class.GEOGRAPHIC),  # business numbers
    (FI, "020123456", Class.GEOGRAPHIC),
    (FI, "0301234567", Class.GEOGRAPHIC),
    (FI, "0102345678", Class.GEOGRAPHIC),
    (FI, "0753031234", Class.GEOGRAPHIC),
    (FI, "0202412345", Class.GEOGRAPHIC),
    (FI, "0401234567", Class.MOBILE),
    (FI, "0457123456", Class.MOBILE),  # Åland
    (FI, "0501234567", Class.MOBILE),
    (FI, "0800123456", Class.FREE),
    (FI, "0100100", Class.PREMIUM),
    (FI, "020012345", Class.PREMIUM),
    (FI, "020202", Class.PREMIUM),
    (FI, "0209812345", Class.PREMIUM),
    (FI, "030012345", Class.PREMIUM),
    (FI, "0600123456", Class.PREMIUM),
    (FI, "060612345", Class.PREMIUM),
    (FI, "0700123456", Class.PREMIUM),
    (FI, "0707123456", Class.PREMIUM),
    (FI, "075123456", Class.PREMIUM),
    (FI, "118", Class.PREMIUM),
    (FI, "+358600123456", Class.PREMIUM),
    (FI, "00358600123456", Class.PREMIUM),
    (FI, "990358600123456", Class.PREMIUM),
    (FI, "+358401234567", Class.MOBILE),
    (FI, "+46812345678", Class.ABROAD),
    (FI, "0046812345678", Class.ABROAD),
    (FI, "99046812345678", Class.ABROAD),
    (FI, "99946812345678", Class.ABROAD),
    (FI, "0181234567890", Class.GEOGRAPHIC),
    (FI, "01812345678901", Class.UNKNOWN),
    (FI, "0181", Class.UNKNOWN),
    (FI, "0112", Class.UNKNOWN),
    (FI, "0120000", Class.UNKNOWN),  # no such area
    (FI, "00", Class.UNKNOWN),
    (FI, "004612", Class.UNKNOWN),
    (FI, "1122", Class.UNKNOWN),
    (FI, "12345678", Class.UNKNOWN),
    (FI, "", Class.UNKNOWN),
    (FI, "+", Class.UNKNOWN),
    (FI, "invalid", Class.UNKNOWN),
    (FI, "018*12345", Class.UNKNOWN),
    (FI, "018000101\n", Class.UNKNOWN),
    (FI, "018000101&PJSIP/x", Class.UNKNOWN),
    (FI, "0\u0661\u0668\u0660\u0660\u0660101", Class.UNKNOWN),
    (SE, "112", Class.EMERGENCY),
    (SE, "90000", Class.EMERGENCY),
    (SE, "1177", Class.SERVICE),
    (SE, "11414", Class.SERVICE),
    (SE, "11313", Class.SERVICE),
    (SE, "0812345678", Class.GEOGRAPHIC),
    (SE, "0102345678", Class.GEOGRAPHIC),
    (SE, "0771234567", Class.GEOGRAPHIC),
    (SE, "0701234567", Class.MOBILE),
    (SE, "0791234567", Class.MOBILE),
    (SE, "020123456", Class.FREE),
    (SE, "0211234567", Class.GEOGRAPHIC),
    (SE, "0900123456", Class.PREMIUM),
    (SE, "0939123456", Class.PREMIUM),
    (SE, "0944123456", Class.PREMIUM),
    (SE, "0991234567", Class.PREMIUM),
    (SE, "118118", Class.PREMIUM),
    (SE, "0740123456", Class.UNKNOWN),
    (SE, "+46701234567", Class.MOBILE),
    (SE, "+358401234567", Class.ABROAD),
    (NO, "110", Class.EMERGENCY),
    (NO, "113", Class.EMERGENCY),
    (NO, "116117", Class.SERVICE),
    (NO, "22123456", Class.GEOGRAPHIC),
    (NO, "02800", Class.GEOGRAPHIC),
    (NO, "40612345", Class.MOBILE),
    (NO, "91234567", Class.MOBILE),
    (NO, "80012345", Class.FREE),
    (NO, "82012345", Class.PREMIUM),
    (NO, "82912345", Class.PREMIUM),
    (NO, "1881", Class.PREMIUM),
    (NO, "+4722123456", Class.GEOGRAPHIC),
    (NO, "221234567", Class.UNKNOWN),
    (DK, "112", Class.EMERGENCY),
    (DK, "114", Class.SERVICE),
    (DK, "1813", Class.SERVICE),
    (DK, "33123456", Class.GEOGRAPHIC),
    (DK, "70123456", Class.GEOGRAPHIC),
    (DK, "20123456", Class.MOBILE),
    (DK, "80123456", Class.FREE),
    (DK, "90123456", Class.PREMIUM),
    (DK, "+4520123456", Class.MOBILE),
    (DK, "004790123456", Class.ABROAD),
]


@pytest.mark.parametrize(("dialling", "number", "found"), TABLE)
def test_s27_a_number_has_a_class(dialling: Dialling, number: str, found: Class) -> None:
    assert classify(number, dialling) is found


@pytest.mark.parametrize(
    ("number", "found"),
    [
        ("+46812345678", "SE"),
        ("004791234567", "NO"),
        ("99045201234567", "DK"),
        ("+12425551234", "BS"),  # an area code of +1 that costs ten times as much
        ("+14165551234", "CA"),
        ("+12125551234", "US"),
        ("+77011234567", "KZ"),
        ("+74951234567", "RU"),
        ("+4479123456", "GB"),
        ("+881612345678", "XN"),
        ("+2101234567", "ZZ"),
        ("+358401234567", ""),
        ("018000101", ""),
        ("+46", ""),
    ],
)
def test_s27_a_number_abroad_has_a_country(number: str, found: str) -> None:
    assert country(number, FI) == found


def test_calling_codes_name_each_country_of_the_north_once() -> None:
    for name, one in COUNTRIES.items():
        assert BY_CODE[one.code] == name
        assert of_code(one.code) is one
    assert len(NAMES) > 200
    assert all(len(name) == 2 and name.isupper() for name in NAMES)


def test_what_the_site_has_written_wins_where_it_is_longer() -> None:
    own = Dialling.of(
        COUNTRIES["FI"],
        emergency=("911",),
        services=("10020",),
        series={"0204": Class.PREMIUM, "08001": Class.GEOGRAPHIC},
    )
    found = {
        number: classify(number, own)
        for number in ("911", "112", "10020", "020412345", "020512345", "080012345", "080022345")
    }
    assert list(found.values()) == [
        Class.EMERGENCY,
        Class.EMERGENCY,
        Class.SERVICE,
        Class.PREMIUM,
        Class.GEOGRAPHIC,
        Class.GEOGRAPHIC,
        Class.FREE,
    ]


def test_in_a_country_without_a_table_numbers_are_usual_ones() -> None:
    iceland = Dialling.of(of_code("354"), series={"0900": Class.PREMIUM})
    assert classify("01234567", iceland) is Class.GEOGRAPHIC
    assert classify("09001234", iceland) is Class.PREMIUM
    assert classify("+46812345678", iceland) is Class.ABROAD


@given(st.one_of(st.text(max_size=16), st.from_regex(r"\A[0-9+*#]{0,16}\Z")))
def test_f23_only_plain_digits_are_ever_dialled(digits: str) -> None:
    form = known_as(digits, SAMPLE)
    if classify(form, SAMPLE) in USUAL:
        assert set(form) <= set("+0123456789")
        assert not international(form, SAMPLE)
    if classify(form, SAMPLE) in CALLED_BACK:
        assert not form.startswith(("0600", "0700", "0100", "0300", "075001"))


@given(st.from_regex(r"\A[1-9][0-9]{6,14}\Z"))
def test_a_number_abroad_is_one_in_all_its_forms(digits: str) -> None:
    forms = {country(prefix + digits, FI) for prefix in ("+", "00", "990", "999")}
    assert len(forms) == 1
    assert forms == ({""} if digits.startswith("358") else {country_of(digits)})
