"""F36: what is written wrong in a file of the plan is told at once, by file and line."""

from __future__ import annotations

from pathlib import Path

import pytest
from config.copies import TODAY, Change, line_of, told

from pbx_bridge.config.plan import check, load_plan
from pbx_bridge.config.problems import ConfigError


def test_f36_everything_wrong_is_told_at_once_with_file_and_line(
    folder: Path, change: Change
) -> None:
    change("people.yaml", "  name: Elin Strand", "  nmae: Elin Strand")
    change("people.yaml", "extension: 104, agreed", "extention: 104, agreed")
    change("lines.yaml", "backup: [110, 120]", "backup: [999, 120]")
    change("hours.yaml", "weekdays: 9:00-11:00", "weekdays: 11:00-9:00")
    change("reasons.yaml", "fi: on varattu, ", "")
    change("trunks.yaml", "  username:", "  password: hunter2")
    change("units.yaml", "skola:", "skola: &s")
    at = {
        "elin": line_of(folder, "people.yaml", "nmae: Elin"),
        "box": line_of(folder, "people.yaml", "- {extention: 104"),
        "backup": line_of(folder, "lines.yaml", "[999, 120]"),
        "hours": line_of(folder, "hours.yaml", "11:00-9:00"),
        "reason": line_of(folder, "reasons.yaml", "är upptagen"),
        "secret": line_of(folder, "trunks.yaml", "hunter2"),
        "anchor": line_of(folder, "units.yaml", "&s"),
    }
    found = told(folder)
    for expected in (
        f'dialplan/people.yaml:{at["elin"]}: unknown key "nmae", did you mean "name"?',
        f'dialplan/people.yaml:{at["box"]}: unknown key "extention", did you mean "extension"?',
        f'dialplan/lines.yaml:{at["backup"]}: there is no person with the extension "999"',
        f'dialplan/hours.yaml:{at["hours"]}: "weekdays": "11:00-9:00" ends before it begins',
        f'dialplan/reasons.yaml:{at["reason"]}: "public": lacks the wording in fi',
        f'dialplan/trunks.yaml:{at["secret"]}: "password": secrets never stand in YAML',
        f"dialplan/units.yaml:{at['anchor']}: an anchor (&s)",
    ):
        assert any(line.startswith(expected) for line in found), expected
    assert "hunter2" not in "\n".join(found)
    with pytest.raises(ConfigError) as caught:
        load_plan(folder, TODAY)
    assert [str(problem) for problem in caught.value.problems] == found
    assert str(caught.value) == "\n".join(found)


def test_a_wrong_entry_is_told_once_and_drags_no_other_complaint(
    folder: Path, change: Change
) -> None:
    change("people.yaml", "title: kommundirektör", "titel: kommundirektör")
    assert [line.split(": ", 1)[1] for line in told(folder)] == [
        '"title" is missing',
        'unknown key "titel", did you mean "title"?',
    ]


def test_a_broken_file_is_told_once_and_the_others_are_still_checked(
    folder: Path, change: Change
) -> None:
    change("people.yaml", "name: Bo Ek", "name: [Bo Ek")
    change("lines.yaml", "hours: telefontid", "hours: telefontidd")
    found = told(folder)
    assert len(found) == 2
    assert found[0].startswith("dialplan/lines.yaml:")
    assert 'did you mean "telefontid"?' in found[0]
    assert "not valid YAML" in found[1]


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("people.yaml", "ring_seconds: 30", "ring_seconds: soon", "should be a whole number"),
        ("people.yaml", "ring_seconds: 30", "ring_seconds: 3", "greater than or equal to 5"),
        ("people.yaml", "name: Bo Ek", 'name: "Bo\\nEk"', "at most 80 letters"),
        ("people.yaml", "name: Bo Ek", "name: Bo;Ek", "at most 80 letters"),
        ("people.yaml", "name: Bo Ek", "name:", '"name": is empty'),
        ("people.yaml", "bo.ek@", "bo ek@", "is not a mail address"),
        ("people.yaml", "\n102:\n", "\n0102:\n", '"0102" is not an extension'),
        ("people.yaml", "agreed: 2025-01-13", "agreed: 2026-02-31", "there is no such day"),
        ("people.yaml", "agreed: 2025-01-13", "agreed: 31.2", "is no date"),
        ("people.yaml", "shielded: false", "shielded: seldom", "should be true or false"),
        ("people.yaml", "shielded: false", "sheilded: false", 'did you mean "shielded"?'),
        ("organisation.yaml", "offer_seconds: 60", "offer_seconds: 10", "or equal to 20"),
        ("organisation.yaml", "offer_seconds: 60", "offer_seconds: 601", "or equal to 600"),
        ("organisation.yaml", "offer_seconds: 60", "offer_secs: 60", 'mean "offer_seconds"?'),
        ("people.yaml", "language: fi", "language: no", "should be 'sv', 'fi' or 'en'"),
        ("organisation.yaml", "Europe/Mariehamn", "Europe/Marihamn", "is no time zone"),
        ("organisation.yaml", "Europe/Mariehamn", "../etc/passwd", "is no time zone"),
        ("organisation.yaml", "country: FI", "country: FX", "no holidays are known"),
        ("organisation.yaml", "subdivision: 01", "subdivision: 77", 'FI has no part "77"'),
        ("organisation.yaml", "  12-31:", "  02-31:", "there is no such day"),
        ("hours.yaml", "  weekdays: 9:", "  days: {12-32: closed}\n  weekdays: 9:", "no such day"),
        ("hours.yaml", "weekdays: 9:00-11:00", "weekdays: 9-10, 9-11", "begins before"),
        ("hours.yaml", "weekdays: 9:00-11:00", "weekdays: 9-9", "is empty"),
        ("hours.yaml", "weekdays: 9:00-11:00", "weekdays: closed", "never open in a usual week"),
        ("trunks.yaml", "127.0.0.1:5090", "sip_operator.example", "is no address"),
        ("trunks.yaml", "127.0.0.1:5090", "127.0.0.1:99999", "there is no port 99999"),
        ("reasons.yaml", "\n0:\n", "\n10:\n", '"10" is not a digit'),
        ("lines.yaml", "members: [110, 102]", "members: 110", "should be a list"),
        ("lines.yaml", "members: [110, 102]", "pin: 1234", "secrets never stand in YAML"),
    ],
)
def test_f36_wrong_values_are_refused(
    folder: Path, change: Change, file: str, old: str, new: str, expected: str
) -> None:
    change(file, old, new)
    assert any(expected in line and f"dialplan/{file}:" in line for line in told(folder)), told(
        folder
    )


def test_empty_lists_may_be_left_empty(folder: Path, change: Change) -> None:
    change("people.yaml", "  deputies:\n    - {extension: 104, agreed: 2025-01-08}", "  deputies:")
    assert check(folder, TODAY) == []


def test_a_missing_file_and_a_misnamed_one_are_told(folder: Path) -> None:
    (folder / "people.yaml").rename(folder / "peopel.yaml")
    assert told(folder) == [
        'dialplan/peopel.yaml: nobody reads a file of this name, did you mean "people.yaml"?',
        "dialplan/people.yaml: the file is missing, put it there, as the sample has it",
    ]
