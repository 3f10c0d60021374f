"""F36: every digit string means one thing: numbers, extensions, codes and mailboxes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from config.copies import Change, at, told

from pbx_bridge.config.plan import load_plan
from pbx_bridge.config.schema import CodesShape
from pbx_bridge.core.classes import classify
from pbx_bridge.core.countries import Class
from pbx_bridge.core.model import Codes


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("numbers.yaml", "018 000 141: {line: jour, language: fi}", "018 000 141: {}", "nowhere"),
        ("numbers.yaml", "018 000 113: {", "018 000 113: {line: vaxel, ", "to a person and to"),
        ("numbers.yaml", "018 000 141:", "+358 18 000 140:", 'same number as "018 000 140"'),
        ("numbers.yaml", "018 000 141:", "018 000 14l:", "is no number of +358"),
        ("lines.yaml", "code: 3", "code: 2", 'line "bygglov" has the code 2 already'),
        ("codes.yaml", 'sign_out: "#28*"', 'sign_out: "*28*1"', 'begins like sign_in "*28*"'),
        ("codes.yaml", 'sign_out: "#28*"', 'sign_out: "*28*"', "is the same code as"),
        ("codes.yaml", 'sign_out: "#28*"', "sign_out: 101", "is not a feature code"),
        ("people.yaml", "\n113:\n", "\n112:\n", "112 is an emergency number"),
        ("people.yaml", "\n113:\n", "\n358112:\n", "358112 is an emergency number, as it stands"),
        ("people.yaml", "\n113:\n", "\n9901:\n", "begins like a call abroad"),
        ("trunks.yaml", "caller_id: 018 000 100", "caller_id: 018 000 199", "none of our numbers"),
        ("mailboxes.yaml", "bygglov: 181", "bygglov: 101", "is somebody's extension"),
        ("mailboxes.yaml", "bygglov: 181", "bygglov: 180", "belongs to line"),
        ("mailboxes.yaml", "bygglov: 181", "bygglov: 112", "112 is an emergency number"),
    ],
)
def test_f36_digits_that_mean_nothing_or_two_things_are_refused(
    folder: Path, change: Change, file: str, old: str, new: str, expected: str
) -> None:
    change(file, old, new)
    assert any(expected in line and f"/{file}:" in line for line in told(folder)), told(folder)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (
            "{menu: false}",
            '"018 000 123" leads nowhere, write {person: 101}, {line: vaxel} or {menu: true}',
        ),
        (
            "{line: vaxel, menu: true}",
            '"018 000 123" leads to a line and to the menu, keep one of them',
        ),
        (
            "{person: 101, line: vaxel, menu: true}",
            '"018 000 123" leads to a person and to a line and to the menu, keep one of them',
        ),
        (
            "{menu: true, ask_language: true}",
            (
                '"018 000 123" asks for the language, the menu speaks that of each of the staff, '
                "take ask_language out"
            ),
        ),
        ("{menu: maybe}", '"menu" should be true or false'),
    ],
)
def test_f36_a_number_leads_to_a_person_a_line_or_the_menu(
    folder: Path, change: Change, target: str, expected: str
) -> None:
    change("numbers.yaml", "018 000 123: {menu: true}", f"018 000 123: {target}")
    assert told(folder) == [at(folder, "numbers.yaml", "018 000 123:", expected)]


def test_every_code_can_be_written_and_means_what_it_does_by_default() -> None:
    assert CodesShape().model_dump() == {
        name: getattr(Codes(), name) for name in Codes.__dataclass_fields__
    }


@pytest.mark.parametrize("name", CodesShape.model_fields)
def test_f36_no_code_may_begin_like_another(folder: Path, change: Change, name: str) -> None:
    """Each one is told when it is the beginning of a code that stands after or before it."""
    code = getattr(Codes(), name)
    other = "sign_in" if name != "sign_in" else "sign_out"
    change("codes.yaml", f'{other}: "{getattr(Codes(), other)}"', f'{other}: "{code}7"')
    problem = (
        f'{other} "{code}7" begins like {name} "{code}", '
        "nobody could tell which is meant, change one of them"
    )
    assert told(folder) == [at(folder, "codes.yaml", f"{other}:", problem)]


COUNTRY = "  country: FI\n"


@pytest.mark.parametrize(
    ("written", "where", "what"),
    [
        ("  emergency: [112]\n", "dialling:", "write country: one of FI, SE, NO, DK (country_code"),
        ("  country: IS\n", "  country: IS", 'there is no table of the numbers of "IS", write'),
        (
            "  country: SE\n  country_code: 358\n",
            "  country_code: 358",
            "SE has calling code 46, take it out",
        ),
        (
            "  country_code: +358\n",
            "  country_code",
            "has a prefix before it, write 358",
        ),
        (COUNTRY + "  classes: {dear: [0600]}\n", "  classes", 'unknown key "dear"'),
        (
            COUNTRY + "  classes: {premium: [06x]}\n",
            "  classes",
            '"06x" is not digits as they are dialled here',
        ),
    ],
)
def test_a_country_that_nobody_knows_is_told_with_its_line(
    folder: Path, change: Change, written: str, where: str, what: str
) -> None:
    change("trunks.yaml", COUNTRY, written)
    (problem,) = [one for one in told(folder) if "trunks.yaml" in one]
    file = (folder / "trunks.yaml").read_text().splitlines()
    line = next(number for number, text in enumerate(file, 1) if text.startswith(where))
    assert problem.startswith(f"dialplan/trunks.yaml:{line}: ")
    assert what in problem


def test_keys_of_before_mean_what_they_meant(folder: Path, change: Change) -> None:
    change(
        "trunks.yaml",
        COUNTRY,
        "  country_code: 358\n  emergency: [112]\n"
        '  international_prefixes: ["+", 00, 990, 994, 999]\n  barred_prefixes: [0600, 0205]\n',
    )
    dialling = load_plan(folder, date(2026, 3, 2)).dialling
    assert classify("0205123456", dialling) is Class.PREMIUM
    assert classify("060012345", dialling) is Class.PREMIUM
    assert classify("99412345678", dialling) is Class.ABROAD
    assert classify("018000199", dialling) is Class.GEOGRAPHIC
    assert dialling.emergency == ("112",)


def test_aland_has_the_numbers_of_finland(folder: Path, change: Change) -> None:
    change("trunks.yaml", COUNTRY, "  country: AX\n")
    assert load_plan(folder, date(2026, 3, 2)).dialling.country_code == "358"
