"""Sound for a telephone: the voice's band kept, the rest gone, the level common."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from pbx_bridge.wire import wav


def recorded(heights_hz: list[float], rate: int, channels: int = 1, width: int = 2) -> bytes:
    at = np.arange(rate) / rate
    sound = sum(np.sin(2 * np.pi * height * at) for height in heights_hz) * 6000
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(np.repeat(sound, channels).astype(f"<i{width}").tobytes())
    return target.getvalue()


def levels_db(sound: bytes) -> dict[int, float]:
    """Level of each whole hertz against the loudest."""
    samples, rate = wav.decode(sound)
    heights = np.abs(np.fft.rfft(samples * np.hanning(samples.size), rate))
    loudest = float(np.max(heights))
    return {hz: 20 * np.log10(max(float(h), 1e-9) / loudest) for hz, h in enumerate(heights)}


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
def test_the_voices_band_is_kept_as_it_is(rate: int) -> None:
    sound = wav.telephone(recorded([300, 1000, 3300], rate))
    found = levels_db(sound)
    assert [found[hz] for hz in (300, 1000, 3300)] == pytest.approx([0, 0, 0], abs=0.2)
    assert len(wav.decode(sound)[0]) == 8000


@pytest.mark.parametrize("rate", [16000, 22050, 44100, 48000])
def test_what_a_telephone_cannot_carry_does_not_fold_back(rate: int) -> None:
    found = levels_db(wav.telephone(recorded([1000, 4500, 5000, 7900], rate)))
    assert max(level for hz, level in found.items() if not 950 < hz < 1050) < -60


def test_every_sound_is_brought_to_the_same_peak() -> None:
    for heights in ([500.0], [500.0, 700.0, 900.0]):
        samples, _ = wav.decode(wav.telephone(recorded(heights, 22050)))
        assert 20 * np.log10(np.max(np.abs(samples))) == pytest.approx(-3, abs=0.02)


def test_stereo_is_mixed() -> None:
    assert levels_db(wav.telephone(recorded([1000], 44100, channels=2)))[1000] > -0.1


def test_a_header_written_to_a_pipe_means_to_the_end() -> None:
    whole = recorded([1000], 22050)
    piped = whole[:4] + b"\x24\xf0\xff\x7f" + whole[8:40] + b"\x00\xf0\xff\x7f" + whole[44:]
    assert wav.telephone(piped) == wav.telephone(whole)
    assert len(wav.decode(piped[:-1])[0]) == len(wav.decode(whole)[0]) - 1


@pytest.mark.parametrize(
    ("sound", "why"),
    [
        (b"", "ends too early"),
        (b"ID3 an mp3 file, say, with more behind it", "not a PCM WAV file"),
        (recorded([1000], 8000)[:30], "not a PCM WAV file"),
        (recorded([1000], 8000, width=1), "8 bits at 8000 Hz; 16 bits"),
        (recorded([1000], 2000), "16 bits at 2000 Hz"),
        (recorded([0], 8000), "silent"),
        (recorded([1000], 8000)[:44], "silent"),
    ],
)
def test_what_is_not_speech_is_refused_with_its_reason(sound: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        wav.telephone(sound)


def test_a_tone_begins_and_ends_without_a_click() -> None:
    samples, _ = wav.decode(wav.tone(1000, 0.3))
    assert np.max(np.abs(samples[:8])) < 0.03
    assert np.max(np.abs(samples[-8:])) < 0.03
