"""What is spoken: in which language, and notes as they were recorded."""

from __future__ import annotations

from pathlib import Path

import pytest
from core.plans import at
from fakes.speech import FakeSpeech

from pbx_bridge.app.voice import Voice
from pbx_bridge.core.model import Language
from pbx_bridge.core.sentences import Recorded, Sentence, sentence

PROMPTS = {
    Language.SV: {"goodbye": "Adjö."},
    Language.FI: {"goodbye": "Näkemiin."},
    Language.EN: {"goodbye": "Goodbye."},
}
NOW = at("2026-03-03 12:00")
NOTES = Path("/spool/notes")


async def test_a_sentence_with_a_language_of_its_own_is_spoken_in_it() -> None:
    speech = FakeSpeech()
    spoken = (sentence("goodbye"), Sentence("goodbye", {}, Language.FI))
    await Voice(speech, PROMPTS).files(spoken, Language.SV, NOW)
    assert speech.asked == [(Language.SV, "Adjö."), (Language.FI, "Näkemiin.")]


async def test_a_note_is_played_between_sentences_as_it_was_recorded() -> None:
    speech = FakeSpeech()
    spoken = (sentence("goodbye"), Recorded("1700000000.12"), sentence("goodbye"))
    first, note, last = await Voice(speech, PROMPTS, NOTES).files(spoken, Language.EN, NOW)
    assert note == NOTES / "1700000000.12"
    assert first == last
    assert [text for _, text in speech.asked] == ["Goodbye."] * 2


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".", "..", "a&b", "a b", "x" * 200, "1\n"])
async def test_f23_a_name_that_would_lead_elsewhere_is_no_note(name: str) -> None:
    with pytest.raises(ValueError, match="spoken note"):
        await Voice(FakeSpeech(), PROMPTS, NOTES).files([Recorded(name)], Language.SV, NOW)


def test_without_a_folder_there_are_no_notes() -> None:
    with pytest.raises(ValueError, match="spoken note"):
        Voice(FakeSpeech(), PROMPTS).note("1700000000.12")
