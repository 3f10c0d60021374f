"""F36: lines and units that nobody could attend as they were written, and those that can be."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

import pytest
from config.copies import TODAY, Change, told

from pbx_bridge.config.plan import load_plan
from pbx_bridge.core.model import AtClosing, Guard, Raised, Shift, Span

SWITCHBOARD = "  members: [111, 113]\n"
RAISED = SWITCHBOARD + "  raised:\n    budget: "
UNIT = "  hours: skoltid\n"


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (
            "lines.yaml",
            SWITCHBOARD,
            SWITCHBOARD + "  static: [104]\n",
            '104 is static on line "vaxel" and is not a member of it, write them under members',
        ),
        ("lines.yaml", "backup: [104, 120]", "backup: [120, 120]", "120 stands here twice"),
        (
            "lines.yaml",
            SWITCHBOARD,
            SWITCHBOARD + "  static: [113, 113]\n",
            "113 stands here twice",
        ),
        ("lines.yaml", SWITCHBOARD, SWITCHBOARD + "  minimum: 3\n", "there are 2 in all"),
        ("lines.yaml", SWITCHBOARD, SWITCHBOARD + "  minimum: 0\n", "greater than or equal to 1"),
        (
            "lines.yaml",
            SWITCHBOARD,
            RAISED + "{first: 2026-12-04, last: 2026-12-03, minimum: 2}\n",
            '"2026-12-03" is before "2026-12-04"',
        ),
        (
            "lines.yaml",
            SWITCHBOARD,
            RAISED + "{first: 2026-12-04, last: 2026-12-04, minimum: 1}\n",
            "1 is not more than the usual 1",
        ),
        (
            "lines.yaml",
            SWITCHBOARD,
            RAISED + "{first: 2026-12-04, last: 2026-12-04, minimum: 3}\n",
            "3 is not more than the usual 1, or more than all 2",
        ),
        (
            "lines.yaml",
            SWITCHBOARD,
            RAISED + "{first: 2026-12-04, minimum: 2}\n",
            '"last" is missing',
        ),
        (
            "lines.yaml",
            SWITCHBOARD,
            SWITCHBOARD + "  roster:\n    - {who: 113, first: 2026-11-30, last: 2026-11-29}\n",
            '"2026-11-29" is before "2026-11-30"',
        ),
        (
            "lines.yaml",
            SWITCHBOARD,
            SWITCHBOARD + "  roster:\n    - {who: 113, monday: 12-9}\n",
            "ends before it begins",
        ),
        (
            "lines.yaml",
            SWITCHBOARD,
            SWITCHBOARD + "  roster:\n    - {who: 113, mondays: 9-12}\n",
            'did you mean "monday"?',
        ),
        (
            "lines.yaml",
            SWITCHBOARD,
            SWITCHBOARD + "  roster:\n    - {who: 999}\n",
            'there is no person with the extension "999"',
        ),
        (
            "lines.yaml",
            SWITCHBOARD,
            SWITCHBOARD + "  guard: beg\n",
            "should be 'refuse', 'ask' or 'warn'",
        ),
        (
            "lines.yaml",
            SWITCHBOARD,
            SWITCHBOARD + "  at_closing: hangup\n",
            "should be 'serve' or 'tell'",
        ),
        ("units.yaml", UNIT, UNIT + "  minimum: 3\n", "there are 2 in all"),
        (
            "units.yaml",
            UNIT,
            UNIT + "  raised:\n    x: {first: 2026-12-04, last: 2026-12-04, minimum: 9}\n",
            "9 is not more than the usual 1, or more than all 2",
        ),
    ],
)
def test_f36_a_line_or_unit_that_can_not_be_staffed_is_refused(
    folder: Path, change: Change, file: str, old: str, new: str, expected: str
) -> None:
    change(file, old, new)
    found = told(folder)
    assert any(expected in line and f"/{file}:" in line for line in found), found


def test_what_is_written_of_the_staff_is_in_the_plan(folder: Path, change: Change) -> None:
    change(
        "lines.yaml",
        SWITCHBOARD + "  signed_in: [111]\n",
        SWITCHBOARD + "  static: [113]\n  minimum: 1\n  misses: 5\n  told_seconds: 40\n"
        "  at_closing: tell\n  guard: warn\n"
        "  raised:\n    budget: {first: 2026-11-30, last: 2026-12-04, minimum: 2}\n"
        "  roster:\n"
        "    - {who: 111, weekdays: 8:30-12:00, friday: closed, last: 2026-12-31}\n"
        "    - {who: 113, first: 2026-03-02, every: 3}\n",
    )
    line = load_plan(folder, TODAY).lines["vaxel"]
    assert not line.signed_in
    assert line.static == frozenset({"113"})
    assert (line.misses, line.told_seconds, line.at_closing) == (5, 40, AtClosing.TELL)
    assert (line.guard, line.backups) == (Guard.WARN, ("104", "120"))
    assert line.raised == (Raised("budget", date(2026, 11, 30), date(2026, 12, 4), 2),)
    morning = (Span(time(8, 30), time(12)),)
    assert line.roster == (
        Shift("111", (morning,) * 4 + ((), (), ()), None, date(2026, 12, 31)),
        Shift("113", None, date(2026, 3, 2), None, 3),
    )


@pytest.mark.parametrize("attends", ["static: [113]", "roster: [{who: 113}]"])
def test_a_line_whose_staff_is_static_or_on_a_roster_needs_no_sign_in(
    folder: Path, change: Change, attends: str
) -> None:
    change("lines.yaml", SWITCHBOARD + "  signed_in: [111]\n", f"{SWITCHBOARD}  {attends}\n")
    assert told(folder) == []


def test_a_unit_has_its_own_minimum_guard_and_raised_days(folder: Path, change: Change) -> None:
    change(
        "units.yaml",
        UNIT,
        UNIT + "  minimum: 1\n  guard: refuse\n"
        "  raised:\n    skolstart: {first: 2026-08-11, last: 2026-08-14, minimum: 2}\n",
    )
    unit = load_plan(folder, TODAY).units["skola"]
    assert (unit.minimum, unit.guard) == (1, Guard.REFUSE)
    assert unit.raised == (Raised("skolstart", date(2026, 8, 11), date(2026, 8, 14), 2),)
    assert load_plan(folder, TODAY).units["socialtjanst"].guard is Guard.WARN


def test_f36_a_person_who_can_not_be_read_makes_no_unit_too_small(
    folder: Path, change: Change
) -> None:
    """The mistake is told once, not again of the unit."""
    change("people.yaml", "title: skoldirektör", "titel: skoldirektör")
    change("units.yaml", UNIT, UNIT + "  minimum: 2\n")
    assert not any("units.yaml" in line for line in told(folder))
