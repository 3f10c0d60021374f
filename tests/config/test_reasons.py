"""F36: reasons that no phone could set, and reasons that would tell of somebody's health."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from config.copies import TODAY, Change, at, told

from pbx_bridge.config.plan import load_plan
from pbx_bridge.core.model import Language

OPEN = "take it out: colleagues are told the public wording alone"
AWAY = "write that they are away"
SJUK = "  unplanned: true\n  private: true"


@pytest.mark.parametrize(
    ("old", "new", "where", "expected"),
    [
        (
            "fi: on etätyössä",
            "fi: on sairaana",
            "on sairaana",
            f'"on sairaana" tells callers about somebody\'s health, {AWAY}',
        ),
        (
            "en: is at lunch}",
            "en: is at lunch}\n  internal: {sv: hos läkaren, fi: poissa, en: away}",
            "hos läkaren",
            f'"hos läkaren" tells colleagues about somebody\'s health, {AWAY}',
        ),
        (
            "fi: yksityisasia",
            "fi: lapsi sairaana",
            "lapsi sairaana",
            f'"lapsi sairaana" tells colleagues about somebody\'s health, {AWAY}',
        ),
        (
            SJUK,
            "  unplanned: true",
            "name: sjuk",
            'reason "sjuk" is about health and is not private, write private: true',
        ),
        (
            SJUK,
            f"{SJUK}\n  internal: {{sv: borta, fi: poissa, en: away}}",
            "internal: {sv: borta",
            f'reason "sjuk" is private, it can\'t have internal, {OPEN}',
        ),
        (
            SJUK,
            f"{SJUK}\n  notes: [{{sv: hemma, fi: kotona, en: at home}}]",
            "notes: [",
            f'reason "sjuk" is private, it can\'t have notes, {OPEN}',
        ),
        (
            SJUK,
            f"{SJUK}\n  note_required: true",
            "note_required: true",
            f'reason "sjuk" is private, it can\'t have note_required, {OPEN}',
        ),
        (
            "name: tjansteresa",
            "name: tjansteresa\n  note_required: true",
            "note_required: true",
            (
                'reason "tjansteresa" requires a note and has none to choose, '
                "write notes:, or no phone could set it"
            ),
        ),
        (
            "en: meets visitors by video}",
            "en: meets visitors by video}" + "\n    - {sv: a, fi: a, en: a}" * 6,
            "  notes:",
            '"notes": 10 are too many, a device chooses by 1 to 9',
        ),
        ("sv: inställd färja, ", "", "peruttu", '"notes": lacks the wording in sv'),
        (
            "ends: 45 min",
            "ends: 25 h",
            "ends: 25 h",
            '"ends": "25 h" is no end, it may be 1 min to 24 h',
        ),
        (
            "ends: 45 min",
            "ends: [45 min]",
            "[45 min]",
            '"ends": should be one text like 45 min',
        ),
    ],
)
def test_f36_a_reason_that_can_not_be_used_is_refused(
    folder: Path, change: Change, old: str, new: str, where: str, expected: str
) -> None:
    change("reasons.yaml", old, new)
    assert told(folder) == [at(folder, "reasons.yaml", where, expected)]


def test_f36_a_reason_has_one_digit(folder: Path, change: Change) -> None:
    change("reasons.yaml", "name: lunch", "name: mote")
    (problem,) = told(folder)
    assert problem.endswith(': reason "mote" has the digit 1 already')
    assert "sv: är i möte" in _line(folder, int(problem.split(":")[1]) + 1)


@pytest.mark.parametrize(
    "name", ["sjukledig", "barn_sjukt", "vab", "vabbar", "vard-av-barn", "lakarbesok", "sairaana"]
)
def test_f36_a_name_that_speaks_of_health_belongs_to_a_private_reason(
    folder: Path, change: Change, name: str
) -> None:
    change("reasons.yaml", "name: semester", f"name: {name}")
    expected = f'reason "{name}" is about health and is not private, write private: true'
    assert told(folder) == [at(folder, "reasons.yaml", f"name: {name}", expected)]
    change("reasons.yaml", f"name: {name}", f"name: {name}\n  private: true")
    assert told(folder) == []


@pytest.mark.parametrize("name", ["klar_kl_12", "willa", "arbetar", "lackar", "stillhet"])
def test_other_names_are_not_taken_for_health(folder: Path, change: Change, name: str) -> None:
    change("reasons.yaml", "name: semester", f"name: {name}")
    assert told(folder) == []


@pytest.mark.parametrize(
    ("ends", "lasts", "rest_of_day"),
    [
        ("90 min", timedelta(minutes=90), False),
        ("24h", timedelta(hours=24), False),
        ("rest of day", None, True),
        ("", None, False),
    ],
)
def test_an_absence_without_an_end_lasts_a_time_or_the_day_or_needs_one(
    folder: Path, change: Change, ends: str, lasts: timedelta | None, rest_of_day: bool
) -> None:
    change("reasons.yaml", "ends: 45 min", f"ends: {ends}")
    lunch = load_plan(folder, TODAY).reasons_by_name["lunch"]
    assert (lunch.lasts, lunch.rest_of_day) == (lasts, rest_of_day)


def test_colleagues_may_be_told_more_than_callers(folder: Path, change: Change) -> None:
    change(
        "reasons.yaml",
        "en: is travelling on duty}",
        "en: is travelling on duty}\n"
        "  internal: {sv: är på kurs, fi: on kurssilla, en: is on a course}",
    )
    trip = load_plan(folder, TODAY).reasons_by_name["tjansteresa"]
    assert trip.internal is not None
    assert trip.internal[Language.FI] == "on kurssilla"
    assert trip.public[Language.FI] == "on virkamatkalla"


def _line(folder: Path, number: int) -> str:
    return (folder / "reasons.yaml").read_text(encoding="utf-8").splitlines()[number - 1]
