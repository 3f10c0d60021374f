"""F36: mobile phones that can be rung and told apart, and callers who are let through."""

from __future__ import annotations

from pathlib import Path

import pytest
from config.copies import TODAY, Change, at, told

from pbx_bridge.config.plan import load_plan

BO = "mobile: 0457 000 102"
VIP = "vip: [104, 0457 000 199]"


@pytest.mark.parametrize(
    ("mobile", "expected"),
    [
        (
            "018 000 102",
            (
                '"018 000 102" is one of our own numbers, '
                "a call to it would come back, write their mobile's"
            ),
        ),
        ("112", "112 is an emergency number, write their own mobile's"),
        (
            "0700 123 456",
            ("0700123456 is a number that costs extra, write their own mobile's"),
        ),
        ("104", '"104" is no number of +358, write it like 018 000 101'),
        ("+46 70 123 45 67", '"+46 70 123 45 67" is a number abroad, it has to be one of +358'),
    ],
)
def test_f36_a_mobile_phone_is_rung_by_a_number_of_its_own(
    folder: Path, change: Change, mobile: str, expected: str
) -> None:
    change("people.yaml", BO, f"mobile: {mobile}")
    assert told(folder) == [at(folder, "people.yaml", f"  mobile: {mobile}", expected)]


def test_f36_two_people_can_not_share_a_mobile_phone(folder: Path, change: Change) -> None:
    change("people.yaml", BO, "mobile: +358 457 000 105")
    expected = (
        '"0457 000 105" is the mobile phone of 102 already, '
        "each needs a number of their own, for it tells who calls"
    )
    assert told(folder) == [at(folder, "people.yaml", "  mobile: 0457 000 105", expected)]


def test_f36_a_mobile_phone_that_nobody_has_can_not_ring(folder: Path, change: Change) -> None:
    change("people.yaml", "  mobile: 0457 000 105\n", "")
    expected = (
        "105 has no mobile phone that could ring, "
        "write its number as mobile: or take rings_mobile out"
    )
    assert told(folder) == [at(folder, "people.yaml", "rings_mobile: true", expected)]


@pytest.mark.parametrize(
    ("vip", "expected"),
    [
        ("[104, 0104]", '"0104" is no number of +358, write it like 018 000 101, or an extension'),
        (
            "[104, 777]",
            (
                'there is no person with the extension "777", '
                "write it into people.yaml or leave it out"
            ),
        ),
        ("[103]", "103 can't be their own VIP"),
        ("[104, 104]", '"104" stands here twice'),
        ("[0457 000 199, +358 457 000 199]", '"+358 457 000 199" stands here twice'),
        (
            "[018 000 104]",
            (
                '"018 000 104" is one of our own numbers, colleagues are known by extension, '
                "write the extension of who calls"
            ),
        ),
        ("104", '"vip" should be a list like [0401234567]'),
    ],
)
def test_f36_a_vip_is_a_colleague_or_a_number_outside(
    folder: Path, change: Change, vip: str, expected: str
) -> None:
    change("people.yaml", VIP, f"vip: {vip}")
    assert told(folder) == [at(folder, "people.yaml", f"vip: {vip}", expected)]


def test_vip_and_mobile_have_the_form_that_callers_numbers_have(
    folder: Path, change: Change
) -> None:
    change("people.yaml", VIP, "vip: [104, +358 40 123 45 99, 105]")
    change("people.yaml", BO, "mobile: +358 (0)457-000 103")
    plan = load_plan(folder, TODAY)
    assert plan.people["103"].vip == {"104", "0401234599", "105"}
    assert plan.people["102"].mobile == "0457000103"


def test_a_mobile_phone_and_vip_may_be_left_out(folder: Path, change: Change) -> None:
    change("people.yaml", VIP, "vip:")
    change("people.yaml", BO, "mobile:")
    plan = load_plan(folder, TODAY)
    assert plan.people["103"].vip == frozenset()
    assert plan.people["102"].mobile == ""
