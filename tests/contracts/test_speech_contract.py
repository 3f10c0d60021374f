"""What every `ports.Speech` keeps, the real one and the fake."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from fakes.espeak import espeak
from fakes.speech import FakeSpeech

from pbx_bridge.core.model import Language
from pbx_bridge.ports import Speech, SpeechFailed


@pytest.fixture(params=["espeak", "fake"])
async def speech(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Speech]:
    if request.param == "fake":
        yield FakeSpeech(tmp_path)
        return
    real = espeak(tmp_path)
    assert real is not None, "the set-up brings espeak-ng"
    yield real
    await real.close()


@pytest.mark.parametrize("language", Language)
async def test_a_text_becomes_sound_that_a_telephone_plays(
    speech: Speech, language: Language
) -> None:
    path = await speech.file("Anna Berg är på lunch.", language)
    assert path.suffix == ""
    with wave.open(f"{path}.wav") as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (8000, 1, 2)
        assert 0.2 < sound.getnframes() / 8000 < 10


async def test_the_same_text_is_the_same_file_and_another_is_not(speech: Speech) -> None:
    one, again, other, finnish = await asyncio.gather(
        speech.file("ett", Language.SV),
        speech.file("ett", Language.SV),
        speech.file("två", Language.SV),
        speech.file("ett", Language.FI),
    )
    assert one == again
    assert len({one, other, finnish}) == 3


async def test_a_file_tells_what_it_says(speech: Speech) -> None:
    path = await speech.file("Tack.", Language.SV)
    for sound in (path, f"{path}.wav", path.name, path.name + ".wav"):
        assert speech.said(sound) == "Tack."
    assert speech.said("nothing-of-ours") is None


async def test_text_without_words_fails_and_the_next_text_is_spoken(speech: Speech) -> None:
    with pytest.raises(SpeechFailed):
        await speech.file(" ", Language.SV)
    assert (await speech.file("Hej.", Language.SV)).with_suffix(".wav").is_file()


@pytest.mark.parametrize("text", ["-v xx --help", "[[hEl]] <b>hej</b> &amp; {name}", "ett\ntvå\0"])
async def test_f23_text_is_only_ever_spoken(speech: Speech, text: str) -> None:
    path = await speech.file(text, Language.SV)
    assert speech.said(path) == text


async def test_what_nobody_has_asked_for_is_deleted_and_made_anew_when_somebody_does(
    speech: Speech,
) -> None:
    """Sentences hold names, and why somebody was away."""
    old = await speech.file("Anna Berg är på lunch.", Language.SV)
    assert await speech.clear(timedelta(hours=1)) == 0
    assert Path(f"{old}.wav").exists()
    assert await speech.clear(timedelta(seconds=-1)) == 1
    assert not Path(f"{old}.wav").exists()
    assert speech.said(old) is None
    assert await speech.file("Anna Berg är på lunch.", Language.SV) == old
    assert Path(f"{old}.wav").exists()
    assert speech.said(old) == "Anna Berg är på lunch."
