"""Numbers and identities as the dialplan writes them, without an Asterisk."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from asterisk.norrskar import ANNA, OLLE, small_plan
from asterisk.test_rendering import rendered, section
from core.test_numbers import DENMARK, FINLAND, NORWAY, SWEDEN, subscribers
from hypothesis import given

from pbx_bridge.core.media import Keys
from pbx_bridge.core.model import Device, Dialling, Language, Number, TargetKind
from pbx_bridge.core.numbers import number
from pbx_bridge.core.trunks import Trunk

IDENTITY = "extensions_identity.conf"
OPERATOR = Trunk("operator", ("127.0.0.1:5090",), caller_id="018000100")


def rules(dialling: Dialling) -> list[tuple[str, str]]:
    """Pattern and value of each extension that makes a number's one form."""
    plan = replace(small_plan(), dialling=dialling)
    place = section(rendered(plan)[IDENTITY], "pbx-bridge-number")
    return re.findall(r"exten => _(\S+),1,Return\((.*)\)", place)


RULES = {one.country_code: rules(one) for one in (FINLAND, SWEDEN, NORWAY, DENMARK)}


def returned(digits: str, found: list[tuple[str, str]]) -> str:
    """What Asterisk would return: of patterns that fit, the one that is narrower at the first
    place at which they differ."""
    fits = [
        (letters, value)
        for pattern, value in found
        if (letters := fit(pattern, digits)) is not None
    ]
    _, value = min(fits, key=lambda one: one[0])
    return re.sub(r"\$\{EXTEN(?::(\d+))?\}", lambda match: digits[int(match[1] or 0) :], value)


def fit(pattern: str, digits: str) -> list[int] | None:
    """How many letters each place of the pattern takes, None where it doesn't fit."""
    places = re.findall(r"\[[^]]*\]|.", pattern.removesuffix("!"))
    if len(digits) < len(places) or (not pattern.endswith("!") and len(digits) > len(places)):
        return None
    taken = []
    for place, digit in zip(places, digits, strict=False):
        letters = {"X": "0123456789", "[+0-9]": "+0123456789"}.get(place, place)
        if digit not in letters:
            return None
        taken.append(len(letters))
    return [*taken, 99]


@given(subscribers())
def test_the_dialplan_gives_numbers_the_same_form(
    subscriber: tuple[Dialling, str, list[str]],
) -> None:
    country, form, found = subscriber
    for text in found:
        if re.fullmatch(r"\+?[0-9]+", text):
            assert number(text, country) == form
            assert returned(text, RULES[country.country_code]) == form, text


def test_a_long_number_without_any_sign_is_abroad_for_asterisk_too() -> None:
    for text in ("4571234567", "3584571234567", "457123456"):
        assert returned(text, RULES["358"]) == number(text, FINLAND), text


def test_names_and_foreign_numbers_go_out_only_where_the_plan_says_so() -> None:
    closed = replace(OPERATOR, shows_callers=False)
    usual, kept = (
        section(rendered(small_plan(trunks=(one,)))[IDENTITY], "pbx-bridge-identity")
        for one in (OPERATOR, closed)
    )
    named = rendered(small_plan(trunks=(replace(OPERATOR, names=True, asserts=False),)))[IDENTITY]
    assert "CONNECTEDLINE(name,i)=)" in usual
    assert "CONNECTEDLINE(name,i)" not in section(named, "pbx-bridge-identity")
    assert "P-Asserted-Identity)=<sip:${PBX_OURS}@" in usual
    assert "P-Asserted-Identity)" not in section(named, "pbx-bridge-identity")
    says = "Set(LOCAL(PBX_SAYS)=${PBX_CALLED_BY})"
    assert says in usual
    assert says not in kept
    pjsip = rendered(small_plan())["pjsip_trunks.conf"]
    trunk = section(pjsip, "trunk", "(!,media)")
    for name in ("send_pai", "send_diversion", "send_connected_line"):
        assert f"{name} = no\n" in trunk, "what phones are told of one another stays inside"


@pytest.mark.parametrize(
    ("keys", "phone", "trunk"), [(Keys.ANY, "auto_info", "auto"), (Keys.INFO, "info", "info")]
)
def test_keys_are_listened_for_in_the_way_in_which_they_come(
    keys: Keys, phone: str, trunk: str
) -> None:
    anna = replace(ANNA, devices=(Device(keys=keys),))
    files = rendered(small_plan(anna, OLLE, trunks=(replace(OPERATOR, keys=keys),)))
    assert f"dtmf_mode = {phone}\n" in section(files["pjsip.conf"], "101", "(phone)")
    assert f"dtmf_mode = {trunk}\n" in files["pjsip_trunks.conf"]
    assert "load = res_pjsip_dtmf_info.so" in files["modules.conf"], "no INFO stays unanswered"


def test_calls_out_show_the_direct_number_unless_the_person_shows_the_municipalitys() -> None:
    direct = Number("018000101", TargetKind.PERSON, "101", Language.SV)
    second = Number("018000191", TargetKind.PERSON, "101", Language.SV)
    for shows, found in ((True, ["018000101"]), (False, [])):
        plan = small_plan(replace(ANNA, shows_own_number=shows), OLLE)
        plan = replace(plan, numbers={**plan.numbers, "018000101": direct, "018000191": second})
        own = section(rendered(plan)[IDENTITY], "pbx-bridge-own")
        assert re.findall(r"exten => \*101,1,Return\((.*)\)", own) == found
