"""F36: who may call what, permits and caps, as they are written (S27)."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest
from config.copies import Change, at, told

from pbx_bridge.config.plan import advise, load_plan
from pbx_bridge.core.model import USUAL, Cap, Limits

TODAY = date(2026, 3, 2)
ANNA, UNIT, LINE = "\n101:\n", "\nkommunkansliet:\n", "\nvaxel:\n"
ABROAD_ANYWAY = f"""{ANNA}  may_call: [abroad]
  permits:
    - {{calls: [SE], until: 2026-12-31, approved_by: x}}
"""
DAY_CAP = "person_day: {calls: 150, minutes: 300, numbers: 80}"


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (
            "people.yaml",
            ANNA,
            f"{ANNA}  may_call: [geographic, premum]\n",
            '"premum" is no class of numbers and no country, did you mean "premium"?',
        ),
        ("people.yaml", ANNA, f"{ANNA}  may_call: [emergency]\n", '"emergency" is no class of'),
        ("people.yaml", ANNA, f"{ANNA}  may_call: [XX]\n", '"XX" is no class of numbers'),
        ("units.yaml", UNIT, f"{UNIT}  may_call: SE\n", '"may_call" should be a list'),
        ("lines.yaml", LINE, f"{LINE}  may_call: [se]\n", '"se" is no class of numbers'),
        (
            "people.yaml",
            ANNA,
            f"{ANNA}  permits:\n    - {{calls: [SE], until: 2026-12-31}}\n",
            '"approved_by" is missing',
        ),
        (
            "people.yaml",
            ANNA,
            f"{ANNA}  permits:\n    - {{calls: [SE], approved_by: kanslichefen}}\n",
            '"until" is missing',
        ),
        (
            "people.yaml",
            ANNA,
            f"{ANNA}  permits:\n    - {{calls: [], until: 2026-12-31, approved_by: x}}\n",
            '"calls"',
        ),
        (
            "people.yaml",
            ANNA,
            f"{ANNA}  permits:\n    - {{calls: [SE], until: 2027-03-03, approved_by: x}}\n",
            "a permit lasts a year at most, 2027-03-03 is later",
        ),
        (
            "people.yaml",
            ANNA,
            f"{ANNA}  permits:\n    - {{calls: [SE, FI], until: 2026-12-31, approved_by: x}}\n",
            "FI is our own country",
        ),
        (
            "people.yaml",
            ANNA,
            f"{ANNA}  permits:\n    - {{calls: [mobile], until: 2026-12-31, approved_by: x}}\n",
            "mobile needs no permit, 101 may call it anyway",
        ),
        (
            "people.yaml",
            ANNA,
            ABROAD_ANYWAY,
            "SE needs no permit",
        ),
        ("people.yaml", ANNA, f"{ANNA}  may_call: [FI]\n", "FI is our own country"),
        ("units.yaml", UNIT, f"{UNIT}  may_call: [FI]\n", "FI is our own country"),
        ("lines.yaml", LINE, f"{LINE}  may_call: [FI]\n", "FI is our own country"),
        ("trunks.yaml", DAY_CAP, "person_day: {calls: 0, minutes: 1, numbers: 1}", '"calls"'),
        ("trunks.yaml", DAY_CAP, "person_day: {calls: 1, minutes: 1}", '"numbers" is missing'),
        ("trunks.yaml", "warn_percent: 80", "warn_percent: 120", '"warn_percent"'),
        ("trunks.yaml", "person_at_once: 3", "person_at_onec: 3", 'did you mean "person_at_once"'),
    ],
)
def test_f36_what_is_wrong_is_told_with_file_and_line(
    folder: Path, change: Change, file: str, old: str, new: str, expected: str
) -> None:
    change(file, old, new)
    found = [one for one in told(folder) if f"dialplan/{file}:" in one]
    assert any(expected in one for one in found), told(folder)


def test_s27_rights_are_the_persons_else_the_units_else_the_usual(
    folder: Path, change: Change
) -> None:
    change("units.yaml", UNIT, f"{UNIT}  may_call: [geographic, NO]\n")
    change("people.yaml", ANNA, f"{ANNA}  may_call: [mobile, SE]\n")
    plan = load_plan(folder, TODAY)
    office = next(
        one
        for one in plan.people.values()
        if one.unit == "kommunkansliet" and one.extension != "101"
    )
    other = next(one for one in plan.people.values() if one.unit == "skola")
    assert plan.people["101"].may_call == {"mobile", "SE"}
    assert office.may_call == {"geographic", "NO"}  # not the truth value that YAML 1.1 reads
    assert other.may_call == USUAL


def test_s27_a_permit_of_the_plan_lasts_to_the_end_of_its_day(folder: Path, change: Change) -> None:
    written = "  permits:\n    - {calls: [SE], until: 2026-12-31, approved_by: kanslichefen}\n"
    change("people.yaml", ANNA, ANNA + written)
    plan = load_plan(folder, TODAY)
    (permit,) = plan.people["101"].permits
    assert permit.until == datetime(2027, 1, 1, tzinfo=plan.organisation.zone)
    assert (permit.calls, permit.approved_by) == (("SE",), "kanslichefen")


def test_s27_a_permit_that_is_over_is_advice_and_keeps_the_plan(
    folder: Path, change: Change
) -> None:
    """The exchange has to start the day after, too."""
    written = "  permits:\n    - {calls: [SE], until: 2026-03-01, approved_by: kanslichefen}\n"
    change("people.yaml", ANNA, ANNA + written)
    assert told(folder) == []
    assert list(map(str, advise(folder, TODAY))) == [
        at(folder, "people.yaml", "until: 2026-03-01", "the permit of 101 ended with 2026-03-01")
        + ", take it out, or write a new end"
    ]
    assert advise(folder, date(2026, 3, 1)) == []


def test_s27_caps_are_the_samples_unless_they_are_written(folder: Path, change: Change) -> None:
    assert load_plan(folder, TODAY).limits == Limits()
    change("trunks.yaml", DAY_CAP, "person_day: {calls: 5, minutes: 6, numbers: 7}")
    assert load_plan(folder, TODAY).limits.person_day == Cap(5, 6, 7)


@pytest.mark.parametrize(
    ("file", "entry"), [("people.yaml", ANNA), ("units.yaml", "\nbyggnadstillsynen:\n")]
)
def test_rights_that_are_left_empty_are_the_usual_ones(
    folder: Path, change: Change, file: str, entry: str
) -> None:
    usual = load_plan(folder, TODAY).people["101"].may_call
    change(file, entry, f"{entry}  may_call:\n")
    assert load_plan(folder, TODAY).people["101"].may_call == usual
    change(file, f"{entry}  may_call:\n", f"{entry}  may_call: []\n")
    assert load_plan(folder, TODAY).people["101"].may_call == frozenset()
