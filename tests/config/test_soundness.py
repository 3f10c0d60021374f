"""F36: a plan whose people, lines, units or hours can't be kept."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from config.copies import TODAY, Change, at, line_of, told

from pbx_bridge.config.circles import circles
from pbx_bridge.config.plan import check, load_plan


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("lines.yaml", "  backup: [103, 120]\n", "", 'line "jour" has no backup'),
        ("lines.yaml", "members: [110, 102]\n  signed_in: [110]", "members:", "has no members"),
        ("lines.yaml", "signed_in: [110]", "signed_in: [101]", "is not a member of it"),
        ("lines.yaml", "  signed_in: [101]\n", "", 'nobody attends line "bygglov"'),
        ("lines.yaml", "backup: [103, 120]", "backup: [120, 103]", "103, may be away"),
        (
            "lines.yaml",
            "    - {who: 110, first: 2026-11-23, every: 2}\n    - {who: 102",
            "    - {who: 101, first: 2026-11-23, every: 2}\n    - {who: 102",
            "101 is on the roster",
        ),
        (
            "lines.yaml",
            "{who: 102, first: 2026-11-30, ",
            "{who: 102, ",
            "every: 2 weeks, from which on?",
        ),
        (
            "lines.yaml",
            "  overflow_seconds: 25\n",
            "  minimum: 3\n  overflow_seconds: 25\n",
            "there are 2 in all",
        ),
        ("lines.yaml", "overflow_seconds: 25", "overflow_seconds: 45", "would ring after 45 s"),
        ("lines.yaml", "members: [110, 102]", "members: [110, 110]", "110 stands here twice"),
        ("people.yaml", "{extension: 102, agreed", "{extension: 101, agreed", "own deputy"),
        ("people.yaml", "{extension: 107", "{extension: 106", "106 can't be their own deputy"),
        ("people.yaml", "{extension: 107", "{extension: 109", "deputy 109 stands here twice"),
        ("people.yaml", "foreman: 106", "foreman: 107", "107 can't be their own foreman"),
        ("people.yaml", "    softphone:\n\n", "    mobile:\n\n", "a device can't be called"),
        (
            "lines.yaml",
            "hours: telefontid\n",
            "hours: kontorstid\n",
            'the phone hours of line "bygglov" are "kontorstid", not "telefontid"',
        ),
        (
            "lines.yaml",
            "signed_in: [101]\n  attended: true",
            "signed_in: [101]\n  attended: false",
            'line "bygglov" has phone hours, which are never unattended',
        ),
        (
            "lines.yaml",
            "  hours: vaxeltid\n",
            "  hours: vaxeltid\n  phone_hours: true\n",
            'line "vaxel" are "vaxeltid", not "telefontid", take the municipality\'s',
        ),
    ],
)
def test_f36_a_plan_that_can_not_be_kept_is_refused(
    folder: Path, change: Change, file: str, old: str, new: str, expected: str
) -> None:
    change(file, old, new)
    assert any(expected in line and f"/{file}:" in line for line in told(folder)), told(folder)


def test_s14_who_agrees_in_the_future_has_not_agreed_yet(folder: Path, change: Change) -> None:
    change("people.yaml", "agreed: 2025-01-13", "agreed: 2026-03-03")
    expected = (
        "deputy 102 has not agreed yet, 2026-03-03 is to come, "
        "leave agreed out, then they are asked each time"
    )
    assert told(folder) == [at(folder, "people.yaml", "agreed: 2026-03-03", expected)]
    assert check(folder, date(2026, 3, 3)) == []


def test_s14_colleagues_may_stand_in_for_each_other(folder: Path, change: Change) -> None:
    change("people.yaml", "- {extension: 101}", "- {extension: 101, agreed: 2025-01-13}")
    plan = load_plan(folder, TODAY)
    assert (plan.people["101"].deputies, plan.people["102"].deputies) == (("102",), ("101",))


def test_f36_foremen_that_lead_round_are_refused(folder: Path, change: Change) -> None:
    change("people.yaml", "title: kommundirektör", "title: kommundirektör\n  foreman: 104")
    cecilia = line_of(folder, "people.yaml", "title: kommundirektör")
    circle = "foreman: 103 → 104 → 103 goes round in a circle, somebody has to be at the top"
    assert told(folder) == [f"dialplan/people.yaml:{cecilia + 1}: {circle}"]


def test_circles_are_all_found_and_a_long_chain_is_none() -> None:
    chain = {str(number): str(number + 1) for number in range(5000)}
    assert list(circles(chain)) == []
    assert list(circles({"e": "a", "b": "a", "a": "b", "c": "d", "d": "c", "f": "g"})) == [
        ["a", "b", "a"],
        ["c", "d", "c"],
    ]


def test_a_line_without_a_number_and_a_unit_without_people_are_refused(
    folder: Path, change: Change
) -> None:
    change("numbers.yaml", "018 000 140: {line: jour}\n018 000 141: {line: jour, language: fi}", "")
    with (folder / "units.yaml").open("a", encoding="utf-8") as file:
        file.write("tom:\n  title: {sv: tom, fi: tyhjä, en: empty}\n  hours: kontorstid\n")
    found = told(folder)
    assert 'no number leads to line "jour"' in found[0]
    assert 'nobody works in unit "tom"' in found[1]
    assert len(found) == 2


def test_the_switchboard_has_to_be_attended(folder: Path) -> None:
    text = (folder / "lines.yaml").read_text(encoding="utf-8")
    spoilt = text.replace("attended: true\n  wait", "attended: false\n  wait", 1)
    (folder / "lines.yaml").write_text(spoilt, encoding="utf-8")
    assert "the switchboard has to be attended" in told(folder)[0]


def test_s24_other_phone_hours_need_somebodys_approval(folder: Path, change: Change) -> None:
    change(
        "lines.yaml", "  phone_hours: true\n", "  phone_hours: true\n  approved_by: Cecilia Sund\n"
    )
    change("lines.yaml", "hours: telefontid\n", "hours: kontorstid\n")
    assert load_plan(folder, TODAY).lines["bygglov"].approved_by == "Cecilia Sund"


def test_s24_phone_hours_of_a_line_need_those_of_the_municipality(
    folder: Path, change: Change
) -> None:
    file = folder / "organisation.yaml"
    text = file.read_text(encoding="utf-8")
    start, end = text.index("phone_hours:"), text.index("# Public holidays come")
    file.write_text(text[:start] + text[end:], encoding="utf-8")
    assert any("the municipality has none" in line for line in told(folder))
