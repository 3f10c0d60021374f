"""Dialled numbers."""

from __future__ import annotations

import pytest
from core.plans import PLAN
from hypothesis import given
from hypothesis import strategies as st

from pbx_bridge.core.model import Language, Number, TargetKind
from pbx_bridge.core.numbers import Class, classify, cleaned, forms, national, target

RULES = PLAN.dialling


@pytest.mark.parametrize(
    ("dialled", "form"),
    [
        ("018000101", "018000101"),
        ("+35818000101", "018000101"),
        ("0035818000101", "018000101"),
        ("+358018000101", "018000101"),  # the 0 kept by mistake
        ("+358600123456", "0600123456"),  # still barred
        ("+35800461234", "00461234"),  # still abroad
        ("+4618000101", "+4618000101"),
        ("35818000101", "35818000101"),
        ("101", "101"),
        ("112", "112"),
        ("*23*1*1430#", "*23*1*1430#"),
        ("invalid", "invalid"),
        ("", ""),
    ],
)
def test_numbers_of_the_country_have_one_form(dialled: str, form: str) -> None:
    assert national(dialled, RULES) == form


@pytest.mark.parametrize(
    ("digits", "found"),
    [
        ("112", Class.EMERGENCY),
        ("040123456", Class.NATIONAL),
        ("01812", Class.NATIONAL),
        ("0181234567890", Class.NATIONAL),
        ("01812345678901", Class.UNKNOWN),
        ("0181", Class.UNKNOWN),
        ("0112", Class.UNKNOWN),
        ("1122", Class.UNKNOWN),
        ("12345678", Class.UNKNOWN),
        ("0600123456", Class.BARRED),
        ("0700123456", Class.BARRED),
        ("0600", Class.BARRED),
        ("00", Class.BARRED),
        ("004612345", Class.BARRED),
        ("99012345", Class.BARRED),
        ("99412345", Class.BARRED),
        ("99912345", Class.BARRED),
        ("+4612345", Class.BARRED),
        ("", Class.UNKNOWN),
        ("invalid", Class.UNKNOWN),
        ("018*12345", Class.UNKNOWN),
        ("018 12345", Class.UNKNOWN),
        ("018000101\n", Class.UNKNOWN),
        ("018000101&PJSIP/x", Class.UNKNOWN),
        ("٠١٨٠٠٠١٠١", Class.UNKNOWN),
        ("0١٨٠٠٠١٠١", Class.UNKNOWN),
    ],
)
def test_s27_numbers_are_classed_for_outgoing_calls(digits: str, found: Class) -> None:
    assert classify(digits, RULES) is found


@given(st.one_of(st.text(max_size=16), st.from_regex(r"\A[0-9+*#]{0,16}\Z")))
def test_f23_only_plain_digits_are_ever_dialled(digits: str) -> None:
    form = national(digits, RULES)
    if classify(form, RULES) in (Class.NATIONAL, Class.EMERGENCY):
        assert set(form) <= set("0123456789")
        assert not form.startswith((*RULES.barred_prefixes, "00"))


SPELLINGS = (
    "0401112223",
    "040 111 2223",
    "040-111-2223",
    "040.111.2223",
    "(040) 111 2223",
    "040/1112223",
    "+358401112223",
    "+358 40 111 2223",
    "+358 (0)40-111 2223",
    "00358 40 1112223",
    "040\u20111112223",  # hyphen that doesn't break the line
    "040\u2013111\u20142223",
    "040\u2212111 2223",  # minus
    "040\u00a0111\u202f2223",
    "\u200e040\u200b1112223\ufeff",  # marks that aren't seen, of a copy from a web page
    "\uff10401112223",
)


@pytest.mark.parametrize("text", SPELLINGS)
def test_a_number_is_one_in_whatever_way_people_write_it(text: str) -> None:
    assert cleaned(text, RULES) == "0401112223"
    assert forms(text, RULES) == ("0401112223", "+358401112223", "00358401112223")


@pytest.mark.parametrize(
    "text", ["hej", "", " ", "-", "+", "12", "040a1112223", "040+1112223", "9" * 16, "*23#", "½12"]
)
def test_what_is_no_number_is_none(text: str) -> None:
    assert cleaned(text, RULES) == ""
    with pytest.raises(ValueError, match="no telephone number"):
        forms(text, RULES)


def test_a_number_abroad_is_found_in_both_ways_that_it_is_signalled() -> None:
    for text in ("+46 70-123 45 67", "0046701234567"):
        assert set(forms(text, RULES)) == {"+46701234567", "0046701234567"}


@given(st.text(max_size=24))
def test_what_is_cleaned_once_stays_so(text: str) -> None:
    once = cleaned(text, RULES)
    assert set(once) <= set("+0123456789")
    assert cleaned(once, RULES) == once or not once


def test_numbers_and_extensions_lead_inside() -> None:
    finnish = target("018000108", PLAN)
    assert finnish == Number("018000108", TargetKind.PERSON, "108", Language.FI)
    assert target("018000120", PLAN) == Number("018000120", TargetKind.LINE, "vaxel", Language.FI)
    assert target("105", PLAN) == Number("105", TargetKind.PERSON, "105", Language.SV)
    for outside in ("112", "999", "018000199", "", "vaxel"):
        assert target(outside, PLAN) is None
