"""The prompts' files: the sample is complete and natural, and every fault is named at once."""

from __future__ import annotations

import re
import shutil
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pbx_bridge.config.problems import ConfigError
from pbx_bridge.config.prompts import load_prompts, read_prompts
from pbx_bridge.core.model import Language
from pbx_bridge.core.sentences import Digits, Named, Sentence, Slot
from pbx_bridge.core.wording import SLOT_PATTERN, SLOTS, render

SAMPLE = Path(__file__).parents[2] / "voicemail" / "prompts"
SOURCE = Path(__file__).parents[2] / "pbx_bridge"
NOW = datetime(2026, 7, 28, 10, 0, tzinfo=ZoneInfo("Europe/Mariehamn"))
NAMED = Named({Language.SV: "växeln", Language.FI: "vaihde", Language.EN: "the switchboard"})
VALUES: dict[str, Slot] = {
    "digit": 3,
    "minutes": 20,
    "caller": Digits("0457000102"),
    "new": 2,
    "saved": 1,
    "count": 3,
    "place": 2,
    "device": "softphone",
    "address": "vagnen.norrskar.example",
    "seconds": 12,
    "since": NOW.replace(hour=12),
    "other": "Bo Ek",
    "note": "besök",
    "number": Digits("0457000199"),
    "name": "Anna Berg",
    "line": NAMED,
    "organisation": NAMED,
    "reason": NAMED,
    "until": NOW.replace(hour=14),
    "opens": NOW.replace(hour=15),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SAMPLE, tmp_path / "prompts"))


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    file.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("key", SLOTS)
def test_every_sentence_of_the_sample_can_be_said(key: str, language: Language) -> None:
    said = render(Sentence(key, VALUES), language, NOW, load_prompts(SAMPLE))
    assert re.fullmatch(
        r"[A-ZÅÄÖ][a-zåäöA-ZÅÄÖ':,.? -]+" + ("" if "-subject" in key else r"[.?]"), said
    )
    assert "  " not in said


@pytest.mark.parametrize("language", Language)
def test_no_two_sentences_of_the_sample_are_the_same(language: Language) -> None:
    prompts = load_prompts(SAMPLE)[language]
    assert len(set(prompts.values())) == len(prompts)


def test_the_rules_say_nothing_that_is_not_in_the_catalogue() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
    assert set(re.findall(r'\bsentence\(\s*"([a-z-]+)"', code)) <= {*SLOTS, "absent"}


def test_a_text_over_several_lines_is_one_line_when_said(folder: Path) -> None:
    change(folder / "sv.yaml", '"Den koden finns inte."', ">\n  Den koden\n  finns inte.")
    assert load_prompts(folder)[Language.SV]["refused-unknown-code"] == "Den koden finns inte."


def test_f36_everything_wrong_is_told_at_once_and_putting_it_right_is_enough(folder: Path) -> None:
    sv, fi, en = (folder / f"{language}.yaml" for language in Language)
    change(sv, 'goodbye: "', 'godbye: "')
    change(sv, "{name} svarar inte", "{nam} svarar inte")
    change(fi, 'busy: "{name} puhuu parhaillaan puhelimessa."', "busy: ''")
    change(fi, 'ja palaa {until}."\noff-duty', 'ja palaa pian."\noff-duty')
    change(en, "That number is not in use.", "That number is {not in use.")
    with pytest.raises(ConfigError) as raised:
        load_prompts(folder)
    told = [str(problem) for problem in raised.value.problems]
    assert [re.sub(r":\d+:", ":N:", line) for line in told] == [
        (
            'prompts/en.yaml:N: "unknown-number" has a brace that is not part of a slot, '
            "its text has no slots"
        ),
        'prompts/fi.yaml:N: "person-absent" leaves out {until}, it has to be told',
        'prompts/fi.yaml:N: "busy" has no text, write one sentence or more',
        'prompts/sv.yaml: the sentence "goodbye" is missing, its text has no slots',
        'prompts/sv.yaml:N: "no-answer" has no slot {nam}, did you mean "name"?',
        'prompts/sv.yaml:N: "no-answer" leaves out {name}, it has to be told',
        'prompts/sv.yaml:N: nothing says a sentence "godbye", did you mean "goodbye"?',
    ]
    for language in Language:
        shutil.copy(SAMPLE / f"{language}.yaml", folder)
    assert load_prompts(folder) == load_prompts(SAMPLE)


def test_f36_problems_stand_in_the_line_where_the_text_is(folder: Path) -> None:
    change(folder / "en.yaml", "Goodbye.", "Goodbye {name}.")
    [problem] = read_prompts(folder)[1]
    lines = (folder / "en.yaml").read_text(encoding="utf-8").splitlines()
    assert lines[problem.line - 1].startswith("goodbye:")


def test_a_missing_file_and_one_that_holds_no_sentences_are_told(folder: Path) -> None:
    (folder / "fi.yaml").unlink()
    (folder / "en.yaml").write_text("- goodbye\n", encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        load_prompts(folder)
    assert [(problem.file, problem.what) for problem in raised.value.problems] == [
        ("prompts/en.yaml", "not sentences by key"),
        ("prompts/fi.yaml", "the file is missing"),
    ]


def test_the_three_languages_have_the_same_sentences_with_the_same_slots() -> None:
    prompts = load_prompts(SAMPLE)
    for key, slots in SLOTS.items():
        assert {frozenset(SLOT_PATTERN.findall(prompts[each][key])) for each in Language} == {slots}
