"""The sample municipality loads; what is wrong with a plan is told at once, by file and line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date, time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbx_bridge.config.plan import check, load_plan
from pbx_bridge.config.problems import ConfigError
from pbx_bridge.config.schema import CATALOGUES, RECORDS
from pbx_bridge.config.soundness import circles
from pbx_bridge.core.model import Language, Plan, Returns, Span, TargetKind

ROOT = Path(__file__).resolve().parents[2]
TODAY = date(2026, 3, 2)
Change = Callable[[str, str, str], None]


@pytest.fixture(scope="module")
def sample() -> Plan:
    return load_plan(ROOT / "dialplan", TODAY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the sample that a test may spoil."""
    shutil.copytree(ROOT / "dialplan", tmp_path / "dialplan")
    (tmp_path / "voicemail").mkdir()
    shutil.copy(ROOT / "voicemail/mailboxes.yaml", tmp_path / "voicemail")
    return tmp_path / "dialplan"


@pytest.fixture
def change(folder: Path) -> Change:
    """Replace a text that stands exactly once in a file of the copy."""

    def replace(file: str, old: str, new: str) -> None:
        path = place_of(folder, file)
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    return replace


def line_of(folder: Path, file: str, text: str) -> int:
    lines = (folder / file).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def told(folder: Path) -> list[str]:
    return [str(problem) for problem in check(folder)]


# The sample


def test_the_sample_has_no_problem_and_the_size_it_claims(sample: Plan) -> None:
    assert check(ROOT / "dialplan") == []
    assert len(sample.people) == 12
    assert len(sample.numbers) == 20
    assert len(sample.reasons) == 10
    assert len(sample.units) == 4


def test_the_samples_building_inspector_has_a_colleague_who_agreed(sample: Plan) -> None:
    anna = sample.people["101"]
    assert (anna.name, anna.title, anna.unit) == ("Anna Berg", "byggnadsinspektör", anna.unit)
    assert anna.deputies == ("102",)
    assert sample.people["102"].name == "Bo Ek"
    assert sample.people["102"].unit == anna.unit == "byggnadstillsynen"
    assert anna.foreman in sample.people


def test_the_samples_switchboard_is_attended_and_backed_up(sample: Plan) -> None:
    line = sample.switchboard
    assert line.title[Language.SV] == "växeln"
    assert line.title[Language.FI] == "vaihde"
    assert line.title[Language.EN] == "the switchboard"
    assert (line.code, line.attended, line.signed_in, line.mailbox) == ("1", True, ("111",), "180")
    assert sample.people[line.backup].title == "kanslichef"
    assert all(sample.people[member].operator for member in line.members)


def test_numbers_lead_to_people_and_lines_in_their_language(sample: Plan) -> None:
    assert sample.numbers["018000101"].kind is TargetKind.PERSON
    assert sample.numbers["018000120"].target == "vaxel"
    assert sample.numbers["018000120"].language is Language.FI
    assert sample.trunk.caller_id in sample.numbers


def test_health_is_never_told(sample: Plan) -> None:
    ill = sample.reasons_by_name["sjuk"]
    assert ill.public[Language.SV] == "är frånvarande"
    assert ill.returns is Returns.DATE
    assert {name for name, one in sample.reasons_by_name.items() if one.note_required} == {
        "upptagen",
        "franvarande",
    }


def test_alands_holidays_and_the_sites_own_days_are_closed(sample: Plan) -> None:
    assert "självstyrelsedag" in sample.holidays[date(2026, 6, 9)]
    assert sample.holidays[date(2026, 12, 31)] == "nyårsafton"
    assert sample.holidays[date(2026, 5, 15)].startswith("klämdag")
    assert {day.year for day in sample.holidays} == {2025, 2026, 2027, 2028}


def test_the_on_call_line_covers_the_whole_holiday(sample: Plan) -> None:
    on_call = sample.schedules["jourtid"]
    whole = (Span(time(0), time(0)),)
    assert on_call.week[5] == on_call.week[6] == on_call.days[date(2026, 6, 19)] == whole
    assert on_call.week[0] == (Span(time(0), time(8)), Span(time(16), time(0)))


def test_the_version_follows_the_content(folder: Path, change: Change) -> None:
    before = load_plan(folder, TODAY).version
    assert before == load_plan(folder, date(2027, 1, 1)).version
    change("people.yaml", "name: Bo Ek", "name: Bo Eklund")
    after = load_plan(folder, TODAY).version
    assert after != before
    change("mailboxes.yaml", "109, 110]", "109]")
    assert load_plan(folder, TODAY).version not in {before, after}


def test_one_years_day_wins_over_every_years(folder: Path, change: Change) -> None:
    change(
        "hours.yaml",
        "weekdays: 9:00-11:00",
        "weekdays: 9:00-11:00\n  friday: closed\n  days:\n"
        "    2026-12-30: closed\n    12-30: 9:00-10:00",
    )
    hours = load_plan(folder, TODAY).schedules["telefontid"]
    assert hours.week[4] == hours.days[date(2026, 12, 30)] == ()
    assert hours.days[date(2027, 12, 30)] == (Span(time(9), time(10)),)


# Schema


def test_f36_everything_wrong_is_told_at_once_with_file_and_line(
    folder: Path, change: Change
) -> None:
    change("people.yaml", "  name: Elin Strand", "  nmae: Elin Strand")
    change("people.yaml", "extension: 104, agreed", "extention: 104, agreed")
    change("lines.yaml", "backup: 110", "backup: 999")
    change("hours.yaml", "weekdays: 9:00-11:00", "weekdays: 11:00-9:00")
    change("reasons.yaml", "fi: on varattu, ", "")
    change("trunks.yaml", "  username:", "  password: hunter2")
    change("units.yaml", "skola:", "skola: &s")
    at = {
        "elin": line_of(folder, "people.yaml", "nmae: Elin"),
        "box": line_of(folder, "people.yaml", "- {extention: 104"),
        "backup": line_of(folder, "lines.yaml", "backup: 999"),
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
        ("people.yaml", "agreed: 2026-01-12", "agreed: 2026-02-31", "there is no such day"),
        ("people.yaml", "agreed: 2026-01-12", "agreed: 31.2", "is no date"),
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
        ("trunks.yaml", "127.0.0.1:5090", "sip.operator.example", "is no address"),
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
    change("people.yaml", "  deputies:\n    - {extension: 104, agreed: 2026-01-07}", "  deputies:")
    assert check(folder) == []


def test_a_missing_file_and_a_misnamed_one_are_told(folder: Path) -> None:
    (folder / "people.yaml").rename(folder / "peopel.yaml")
    assert told(folder) == [
        'dialplan/peopel.yaml: nobody reads a file of this name, did you mean "people.yaml"?',
        "dialplan/people.yaml: the file is missing, put it there (it may be empty)",
    ]


# References


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("organisation.yaml", "board: vaxel", "board: vaxeln", 'no line "vaxeln", did you mean'),
        ("units.yaml", "care}\n  hours: k", "care}\n  hours: x", 'hours "xontorstid", did you'),
        ("people.yaml", "unit: byggnadstillsynen\n  foreman: 101", "unit: bygg", 'no unit "bygg"'),
        ("people.yaml", "foreman: 106", "foreman: 160", 'extension "160", did you mean'),
        ("people.yaml", "{extension: 109", "{extension: 199", 'extension "199"'),
        ("lines.yaml", "hours: jourtid", "hours: jourtider", 'no hours "jourtider", did you mean'),
        ("lines.yaml", "members: [110, 102]", "members: [110, 120]", 'extension "120"'),
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


# The plan itself


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("numbers.yaml", "018 000 141: {line: jour, language: fi}", "018 000 141: {}", "nowhere"),
        ("numbers.yaml", "018 000 113: {", "018 000 113: {line: vaxel, ", "to a person and to"),
        ("numbers.yaml", "018 000 141:", "+358 18 000 140:", 'same number as "018 000 140"'),
        ("numbers.yaml", "018 000 141:", "018 000 14l:", "is no number of +358"),
        ("lines.yaml", "code: 3", "code: 2", 'line "bygglov" has the code 2 already'),
        ("lines.yaml", "  backup: 103\n", "", 'line "jour" has no backup'),
        ("lines.yaml", "members: [110, 102]\n  signed_in: [110]", "members:", "has no members"),
        ("lines.yaml", "signed_in: [110]", "signed_in: [101]", "is not a member of it"),
        ("lines.yaml", "  signed_in: [110]\n", "", 'nobody attends line "jour"'),
        ("lines.yaml", "members: [110, 102]", "members: [110, 110]", "110 stands here twice"),
        ("codes.yaml", 'sign_out: "#28*"', 'sign_out: "*28*1"', 'begins like sign_in "*28*"'),
        ("codes.yaml", 'sign_out: "#28*"', 'sign_out: "*28*"', "is the same code as"),
        ("codes.yaml", 'sign_out: "#28*"', "sign_out: 101", "is not a feature code"),
        ("people.yaml", "\n113:\n", "\n112:\n", "112 is an emergency number"),
        ("people.yaml", "\n113:\n", "\n9901:\n", "begins like a call abroad"),
        ("people.yaml", "{extension: 102, agreed", "{extension: 101, agreed", "own deputy"),
        ("people.yaml", "{extension: 102, agreed: 2026-01-12}", "{extension: 102}", "not agreed"),
        ("people.yaml", "{extension: 107", "{extension: 106", "106 can't be their own deputy"),
        ("people.yaml", "foreman: 106", "foreman: 107", "107 can't be their own foreman"),
        ("reasons.yaml", "name: lunch", "name: mote", 'reason "mote" has the digit 1 already'),
        ("reasons.yaml", "fi: on etätyössä", "fi: on sairaana", "about somebody's health"),
        ("trunks.yaml", "caller_id: 018 000 100", "caller_id: 018 000 199", "none of our numbers"),
        ("mailboxes.yaml", "bygglov: 181", "bygglov: 101", "is somebody's extension"),
        ("mailboxes.yaml", "bygglov: 181", "bygglov: 180", "belongs to line"),
        ("mailboxes.yaml", "bygglov: 181", "bygglov: 112", "112 is an emergency number"),
    ],
)
def test_f36_a_plan_that_can_not_be_kept_is_refused(
    folder: Path, change: Change, file: str, old: str, new: str, expected: str
) -> None:
    change(file, old, new)
    assert any(expected in line and f"/{file}:" in line for line in told(folder)), told(folder)


def test_f36_deputies_and_foremen_that_lead_round_are_refused(folder: Path, change: Change) -> None:
    change(
        "people.yaml",
        "  mail: bo.ek@",
        "  deputies: [{extension: 110, agreed: 2026-01-12}]\n  mail: bo.ek@",
    )
    change(
        "people.yaml",
        "  mail: johan.oberg@",
        "  deputies: [{extension: 101, agreed: 2026-01-12}]\n  mail: johan.oberg@",
    )
    change("people.yaml", "title: kommundirektör", "title: kommundirektör\n  foreman: 104")
    found = told(folder)
    assert len(found) == 2
    anna = line_of(folder, "people.yaml", "name: Anna Berg")
    assert found[0].startswith(f"dialplan/people.yaml:{anna + 4}: deputies: 101 → 102 → 110 → 101")
    assert "foreman: 103 → 104 → 103 goes round in a circle" in found[1]


def test_circles_are_all_found_and_a_long_chain_is_none() -> None:
    chain = {str(number): [str(number + 1)] for number in range(5000)}
    assert list(circles(chain)) == []
    assert list(circles({"a": ["b"], "b": ["a"], "c": ["d"], "d": ["c"], "e": ["a"]})) == [
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


def test_a_comment_in_the_sample_shows_a_person_who_can_really_be_added(folder: Path) -> None:
    """The block to be copied is uncommented, and passes."""
    lines = (folder / "people.yaml").read_text(encoding="utf-8").splitlines()
    start = lines.index("#   114:")
    block = [line.removeprefix("#   ") for line in lines[start : lines.index("#", start)]]
    (folder / "people.yaml").write_text("\n".join([*lines, *block]), encoding="utf-8")
    with (folder / "numbers.yaml").open("a", encoding="utf-8") as file:
        file.write("018 000 114: {person: 114}\n")
    plan = load_plan(folder, TODAY)
    assert plan.people["114"].name == "Frida Falk"
    assert plan.people["114"].deputies == ("105",)
    assert plan.numbers["018000114"].target == "114"


# Anything at all

FILES = [f"{name}.yaml" for name in (*CATALOGUES, *RECORDS)]
TREES = st.recursive(
    st.text(max_size=8) | st.sampled_from(["101", "vaxel", "9-11", "fi", "2026-02-30", "*23*"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)
KEYS = sorted(
    {key for shape in (*CATALOGUES.values(), *RECORDS.values()) for key in shape.model_fields}
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(file=st.sampled_from(FILES), content=st.binary(max_size=120) | st.text(max_size=120))
def test_arbitrary_text_is_refused_and_never_crashes(
    folder: Path, file: str, content: str | bytes
) -> None:
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "replace")
    load_or_refuse(folder, file, raw)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    file=st.sampled_from(FILES),
    tree=st.dictionaries(
        st.sampled_from(["101", "vaxel", "1", "018 000 100", *KEYS]),
        st.dictionaries(st.sampled_from(KEYS), TREES, max_size=4) | TREES,
        max_size=4,
    ),
)
def test_arbitrary_values_in_known_keys_are_refused_and_never_crash(
    folder: Path, file: str, tree: object
) -> None:
    load_or_refuse(folder, file, json.dumps(tree).encode())


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), file=st.sampled_from(FILES))
def test_a_sound_file_with_a_piece_torn_out_is_loaded_or_refused(
    folder: Path, file: str, data: st.DataObject
) -> None:
    content = place_of(folder, file).read_bytes()
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(start + 60, len(content))))
    load_or_refuse(folder, file, content[:start] + content[end:])


def place_of(folder: Path, file: str) -> Path:
    return folder.parent / "voicemail" / file if file == "mailboxes.yaml" else folder / file


def load_or_refuse(folder: Path, file: str, content: bytes) -> None:
    """Load the sample with one file replaced; only `ConfigError` may come, when `check` says so."""
    path = place_of(folder, file)
    sound = path.read_bytes()
    path.write_bytes(content)
    try:
        if check(folder):
            with pytest.raises(ConfigError):
                load_plan(folder, TODAY)
        else:
            load_plan(folder, TODAY)
    finally:
        path.write_bytes(sound)
