"""Telling prompts apart after they went through a telephone line."""

from __future__ import annotations

import io
import subprocess
import wave
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from softphone.small_exchange import copy

from pbx_bridge.softphone.audio import (
    correlation,
    is_silent,
    load,
    save,
    silence,
    tone,
    trim_silence,
)
from pbx_bridge.wire import rtp
from pbx_bridge.wire.rtp import Codec, Samples

SENTENCES = (
    "Anna Lindqvist är frånvarande och är åter måndagen den tredje mars.",
    "Anna Lindqvist är frånvarande och är åter tisdagen den fjärde mars.",
    "Erik Söderholm är frånvarande och är åter i morgon klockan nio.",
    "Du har kommit till Norrskärs kommun. Växeln är stängd.",
)


@cache
def spoken(sentence: str) -> Samples:
    """The sentence by espeak-ng, brought to 8 kHz."""
    private = copy()
    command = [*private.program("espeak-ng"), f"--path={private.speech_data}", "-v", "sv"]
    said = subprocess.run([*command, "--stdout", sentence], capture_output=True, check=True)
    with wave.open(io.BytesIO(said.stdout)) as file:
        rate = file.getframerate()
        sound = np.frombuffer(said.stdout[44:], "<i2").astype(float)
    length = round(sound.size * rtp.RATE_HZ / rate)
    band = np.fft.rfft(sound)[: length // 2 + 1]
    return np.asarray(np.fft.irfft(band, length) * length / sound.size, np.int16)


def line(sound: Samples, codec: Codec) -> Samples:
    """What arrives of `sound`: silence around it, and the codec's noise."""
    played = np.concatenate([silence(0.73), sound, silence(0.4)])
    return rtp.decode(rtp.encode(played, codec), codec)


@pytest.mark.parametrize("codec", list(Codec))
@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_prompt_is_found_and_no_other_even_if_only_its_date_differs(
    sentence: str, codec: Codec
) -> None:
    heard = line(spoken(sentence), codec)
    for other in SENTENCES:
        match = correlation(heard, spoken(other))
        if other == sentence:
            assert match.score > 0.99
            assert match.at_s == pytest.approx(0.73, abs=0.001)
        else:
            assert match.score < 0.3


def test_lost_packets_and_a_slip_leave_a_prompt_known() -> None:
    heard = line(spoken(SENTENCES[0]), Codec.PCMA)
    for lost in range(0, heard.size, 50 * 160):
        heard[lost : lost + 160] = 0
    slipped = np.delete(heard, slice(20000, 20013))
    assert correlation(slipped, spoken(SENTENCES[0])).score > 0.5
    assert correlation(slipped, spoken(SENTENCES[1])).score < 0.3


@pytest.mark.parametrize("pause", [1248, 4160])
def test_a_pause_of_a_player_under_load_leaves_a_prompt_known_and_a_longer_one_does_not(
    pause: int,
) -> None:
    heard = line(spoken(SENTENCES[0]), Codec.PCMA)
    hiccup = np.insert(heard, 10000, np.zeros(pause, np.int16))
    assert correlation(hiccup, spoken(SENTENCES[0])).score > 0.9
    assert correlation(hiccup, spoken(SENTENCES[1])).score < 0.3
    torn = np.insert(heard, 10000, np.zeros(6400, np.int16))
    assert correlation(torn, spoken(SENTENCES[0])).score < 0.7


def test_a_prompt_that_was_cut_off_is_not_taken_for_the_whole() -> None:
    prompt = spoken(SENTENCES[0])
    match = correlation(line(prompt[: prompt.size * 2 // 3], Codec.PCMA), prompt)
    assert match.score < 0.3
    assert match.overall > 0.5


def test_nothing_is_found_in_silence() -> None:
    assert correlation(silence(2.0), tone(440, 1.0)).score == 0
    assert correlation(silence(0), tone(440, 1.0)).score == 0
    assert correlation(tone(440, 1.0), silence(1.0)).score == 0
    assert correlation(tone(440, 0.1), tone(440, 1.0)).score == 0


def test_silence_is_cut_off_both_ends() -> None:
    sound = np.concatenate([silence(0.5), tone(440, 1.0), silence(0.3)])
    assert trim_silence(sound).size == 8000
    assert trim_silence(silence(1.0)).size == 0
    assert is_silent(silence(0.02))


def test_a_recording_is_read_as_it_was_written_and_another_format_is_refused(
    tmp_path: Path,
) -> None:
    save(tmp_path / "a.wav", tone(440, 0.1))
    assert np.array_equal(load(tmp_path / "a.wav"), tone(440, 0.1))
    with wave.open(str(tmp_path / "b.wav"), "wb") as file:
        file.setframerate(22050)
        file.setnchannels(1)
        file.setsampwidth(2)
    with pytest.raises(ValueError, match=r"b\.wav: 22050 Hz"):
        load(tmp_path / "b.wav")
