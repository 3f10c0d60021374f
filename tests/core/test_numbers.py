"""Dialled numbers."""

from __future__ import annotations

import re

import pytest
from core.plans import PLAN
from hypothesis import assume, given
from hypothesis import strategies as st

from pbx_bridge.core.classes import classify, country
from pbx_bridge.core.countries import COUNTRIES, Class
from pbx_bridge.core.model import Dialling, Language, Number, TargetKind
from pbx_bridge.core.numbers import (
    emergency_forms,
    forms,
    number,
    same_as,
    signalled,
    target,
    written_as,
)
from pbx_bridge.core.trunks import NumberForm

RULES = PLAN.dialling


FINLAND, SWEDEN, NORWAY, DENMARK = (
    Dialling.of(COUNTRIES[name]) for name in ("FI", "SE", "NO", "DK")
)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("018000101", "018000101"),
        ("+35818000101", "018000101"),
        ("0035818000101", "018000101"),
        ("35818000101", "018000101"),
        ("+358018000101", "018000101"),  # the 0 kept by mistake
        ("+358600123456", "0600123456"),  # still barred
        ("+4618000101", "+4618000101"),
        ("004618000101", "+4618000101"),
        ("4618000101", "+4618000101"),
        ("9904618000101", "+4618000101"),
        ("994501234567", "+994501234567"),  # Azerbaijan, and no operator's prefix
        ("18000101", "18000101"),
        ("101", "101"),
        ("116117", "116117"),
        ("+358116117", "116117"),
        ("+35818000101;npdi;rn=+35840000", "018000101"),
        ("018000100;phone-context=+358", "018000100"),
        ("18000100;phone-context=+358", "018000100"),
        ("101;phone-context=+358", "101"),
        ("018000101;isub=1", "018000101"),
        ("tel:+358-18-000-101", "018000101"),
        ("sip:+35818000101@operator.example;user=phone", "018000101"),
        ('"Elin" <sip:%2B35818000101@127.0.0.1>;tag=1', "018000101"),
        ("<tel:018000101;phone-context=+358>", "018000101"),
        ("018%20000%20101", "018000101"),
        ("0457111333#", "0457111333"),
        *[(text, "112") for text in ("112", "0112", "112#", "+358112", "00112", "00358112")],
    ],
)
def test_every_number_has_one_form(text: str, form: str) -> None:
    assert number(text, FINLAND) == form


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "+",
            "1",
            ";",
            "tel:",
            "hej",
            "anonymous",
            "Restricted",
            "unavailable",
            "unknown",
        ),
        *("private", "anonymous@anonymous.invalid", "sip:anonymous@anonymous.invalid", "sip:@host"),
        *("+35800461234", "000358457111333", "+0457111333", "1" * 16, "+" + "9" * 16, "0" * 20),
        *("040a1112223", "040+1112223", "*23#", "½12", "invalid", "0457\r\nX: a"),
        *("٠١٨٠٠٠١٠١", "018000101&PJSIP/x", "018000101,1", "${SHELL(id)}", "0457%0d%0aX"),
        *("x" * 100_000, "0" * 100_000, "<" * 200, "%" * 200),
    ],
)
def test_what_is_no_number_has_none(text: str) -> None:
    assert number(text, FINLAND) == ""
    with pytest.raises(ValueError, match="no telephone number"):
        forms(text, FINLAND)


@pytest.mark.parametrize(
    ("country", "text", "form"),
    [
        (SWEDEN, "+46 (0)8-123 456", "08123456"),
        (SWEDEN, "468123456", "08123456"),
        (SWEDEN, "0920-123 45", "092012345"),
        (SWEDEN, "46 920 12345", "092012345"),
        (SWEDEN, "358457111333", "+358457111333"),
        (NORWAY, "+47 22 33 44 55", "22334455"),
        (NORWAY, "004722334455", "22334455"),
        (NORWAY, "4722334455", "22334455"),
        (NORWAY, "22334455", "22334455"),
        (NORWAY, "47334455", "47334455"),  # begins like the country, and is none of its forms
        (NORWAY, "+4747334455", "47334455"),
        (NORWAY, "+47 02800", "02800"),
        (NORWAY, "+47590012345678", "+47590012345678"),  # of a machine; too long to stand alone
        (DENMARK, "+45 45 12 34 56", "45123456"),
        (DENMARK, "4545123456", "45123456"),
    ],
)
def test_the_neighbours_have_their_own_national_forms(
    country: Dialling, text: str, form: str
) -> None:
    assert number(text, country) == form


def test_f24_an_emergency_number_has_every_form_that_people_dial() -> None:
    found = emergency_forms("112", FINLAND)
    assert found[0] == "112"
    assert set(found) >= {"112", "112#", "0112", "00112", "+358112", "00358112", "+112", "358112"}
    assert set(found) >= {"990112", "994112", "999112", "990358112", "999358112#"}
    assert "990112" not in emergency_forms("112", SWEDEN)


@pytest.mark.parametrize("site", [FINLAND, SWEDEN, NORWAY, DENMARK])
def test_f24_each_form_of_an_emergency_number_is_that_number(site: Dialling) -> None:
    """What the bridge reads as one is one for Asterisk alone too: they know the same forms."""
    for one in site.emergency:
        assert {number(form, site) for form in emergency_forms(one, site)} == {one}


def test_f24_an_emergency_number_of_the_site_may_be_a_prefix_too() -> None:
    """999 is an operator's prefix for calls abroad in Finland."""
    site = Dialling.of(COUNTRIES["FI"], emergency=["999"])
    assert classify("999", site) is Class.EMERGENCY
    assert number("0999", site) == number("990999", site) == "999"
    assert number("9994612345678", site) == "+4612345678"
    assert number("999112", site) == "112"


def test_a_long_number_without_any_sign_is_one_abroad() -> None:
    """A Finnish one without its 0 may look like a Danish one with its country code: ten digits are
    what operators send who leave out the +, and none leaves out the 0 alone."""
    assert number("4571234567", FINLAND) == "+4571234567"
    assert country(number("4571234567", FINLAND), FINLAND) == "DK"
    assert number("04571234567", FINLAND) == number("3584571234567", FINLAND) == "04571234567"
    assert number("457123456", FINLAND) == "457123456"
    assert classify("457123456", FINLAND) is Class.UNKNOWN


SUBSCRIBERS = (
    (FINLAND, st.from_regex(r"[1-9][0-9]{4,9}", fullmatch=True)),
    (SWEDEN, st.from_regex(r"[1-9][0-9]{6,8}", fullmatch=True)),
    (NORWAY, st.from_regex(r"[2-9][0-9]{7}", fullmatch=True)),
    (DENMARK, st.from_regex(r"[2-9][0-9]{7}", fullmatch=True)),
)
COUNTRY = st.sampled_from([country for country, _ in SUBSCRIBERS])


@st.composite
def subscribers(draw: st.DrawFn) -> tuple[Dialling, str, list[str]]:
    """A country, a subscriber of it or of another, and forms in which the number comes."""
    here, (theirs, own_numbers) = draw(COUNTRY), draw(st.sampled_from(SUBSCRIBERS))
    own = draw(own_numbers)
    whole = theirs.country_code + own
    assume(len(whole) >= 10 or (here is theirs and here.trunk_prefix))
    found = [f"+{whole}", f"00{whole}", whole, f"+{theirs.country_code}(0){own}"]
    form = f"+{whole}"
    if here is theirs:
        form = here.trunk_prefix + own
        found += [form, f"+{here.country_code}{form}", f"{form};phone-context=+{here.country_code}"]
        assume(own not in (*here.emergency, *here.services))
    return here, form, found


AROUND = ("{}", " {} ", "tel:{}", "sip:{}@10.0.0.1:5060;user=phone", '"A; B" <sip:{}@host>;tag=x')
AFTER = ("", ";npdi;rn=+35840000", ";isub=1", ";ext=3", "%20", "#")


@given(subscribers(), st.data())
def test_all_forms_of_a_subscriber_are_one(
    subscriber: tuple[Dialling, str, list[str]], data: st.DataObject
) -> None:
    country, form, found = subscriber
    text = data.draw(st.sampled_from(found))
    digits, parameter, context = text.partition(";")
    spaces = st.lists(st.sampled_from(("", "-", " ", ".", "%20", "\u2011")), min_size=len(digits))
    between = data.draw(spaces)
    spaced = "".join(one + space for one, space in zip(digits, between, strict=False))
    spaced = spaced if "(" not in digits else digits
    after = data.draw(st.sampled_from(AFTER)) if not parameter else parameter + context
    written = data.draw(st.sampled_from(AROUND)).format(spaced + after)
    assert number(written, country) == form
    assert form in forms(text, country)
    assert set(forms(form, country)) == set(forms(text, country))
    assert all(number(one, country) == form for one in forms(form, country))
    assert same_as(form, country)(written)


HOSTILE = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="+0123456789 ()-.;%=@<>:#*telsipnr\r\n\0\u202e", max_size=40),
    st.from_regex(r"[+0-9*#]{0,24}", fullmatch=True),
)


@given(HOSTILE, COUNTRY)
def test_no_text_raises_and_the_form_of_a_form_is_itself(text: str, country: Dialling) -> None:
    once = number(text, country)
    assert re.fullmatch(r"(\+?[0-9]{2,15})?", once, re.ASCII)
    assert number(once, country) == once
    assert re.fullmatch(r"(\+?[0-9]{1,19})?", signalled(text), re.ASCII)
    assert number(signalled(text), country) in ("", once)


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
    assert number(text, RULES) == "0401112223"


def test_a_number_is_found_in_all_forms_in_which_it_was_kept() -> None:
    assert forms("040 111 2223", FINLAND)[0] == "0401112223"
    old = {"0401112223", "+358401112223", "00358401112223", "358401112223", "+3580401112223"}
    assert old <= set(forms("040 111 2223", FINLAND))
    for text in ("+46 70-123 45 67", "0046701234567", "46701234567"):
        kept = set(forms(text, FINLAND))
        assert {"+46701234567", "0046701234567", "46701234567"} <= kept


def test_numbers_and_extensions_lead_inside() -> None:
    finnish = target("018000108", PLAN)
    assert finnish == Number("018000108", TargetKind.PERSON, "108", Language.FI)
    assert target("018000120", PLAN) == Number("018000120", TargetKind.LINE, "vaxel", Language.FI)
    assert target("105", PLAN) == Number("105", TargetKind.PERSON, "105", Language.SV)
    assert target("18000101", PLAN) == PLAN.numbers["018000101"]
    for outside in ("112", "999", "018000199", "", "vaxel"):
        assert target(outside, PLAN) is None


@pytest.mark.parametrize(
    ("site", "own", "expected"),
    [
        (FINLAND, "0457111777", ("0457111777", "+358457111777", "358457111777", "00358457111777")),
        (
            FINLAND,
            "+46701234567",
            ("0046701234567", "+46701234567", "46701234567", "0046701234567"),
        ),
        (FINLAND, "116117", ("116117",) * 4),
        (NORWAY, "22334455", ("22334455", "+4722334455", "4722334455", "004722334455")),
        (NORWAY, "02800", ("02800",) * 4),
    ],
)
def test_a_number_is_written_as_an_operator_wants_it(
    site: Dialling, own: str, expected: tuple[str, ...]
) -> None:
    assert tuple(written_as(own, form, site) for form in NumberForm) == expected
