"""F36: names that are referred to and don't exist."""

from __future__ import annotations

from pathlib import Path

import pytest
from config.copies import Change, told


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("organisation.yaml", "board: vaxel", "board: vaxeln", 'no line "vaxeln", did you mean'),
        ("organisation.yaml", "office: 104", "office: 140", 'extension "140", did you mean'),
        ("units.yaml", "care}\n  hours: s", "care}\n  hours: x", 'hours "xkoltid", did you'),
        (
            "units.yaml",
            "care}\n  hours: skoltid\n  working_hours: arbetstid",
            "care}\n  hours: skoltid\n  working_hours: arbetstiden",
            'there is no hours "arbetstiden", did you mean "arbetstid"?',
        ),
        ("people.yaml", "unit: byggnadstillsynen\n  foreman: 101", "unit: bygg", 'no unit "bygg"'),
        ("units.yaml", "line: bygglov", "line: bygglow", 'no line "bygglow", did you mean "bygg'),
        ("people.yaml", "shielded: false", "hours: arbetstd", 'no hours "arbetstd", did you mean'),
        ("people.yaml", "vip: [104", "vip: [114", 'no person with the extension "114"'),
        ("people.yaml", "foreman: 106", "foreman: 160", 'extension "160", did you mean'),
        ("people.yaml", "{extension: 107", "{extension: 199", 'extension "199"'),
        ("lines.yaml", "hours: jourtid", "hours: jourtider", 'no hours "jourtider", did you mean'),
        ("lines.yaml", "members: [110, 102]", "members: [110, 129]", 'extension "129"'),
        ("numbers.yaml", "\n018 000 140: {line: jour}", "\n018 000 140: {line: jur}", '"jur"'),
        ("numbers.yaml", "{person: 113}", "{person: 112}", 'extension "112"'),
        ("mailboxes.yaml", "  bygglov: 181", "  bygglow: 181", 'did you mean "bygglov"?'),
        ("mailboxes.yaml", "[101, 102", "[100, 102", 'extension "100"'),
    ],
)
def test_f36_dead_references_are_refused(
    folder: Path, change: Change, file: str, old: str, new: str, expected: str
) -> None:
    change(file, old, new)
    assert any(expected in line and f"/{file}:" in line for line in told(folder)), told(folder)
