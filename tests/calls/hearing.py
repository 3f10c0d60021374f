"""What a caller heard, accounted for: every loud moment is a sentence or a tone we expect."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pbx_bridge.adapters.speech import MANIFEST, read_manifest
from pbx_bridge.softphone.audio import SILENCE_LEVEL, correlation, load, tone
from pbx_bridge.stage import SAME_SOUND, Stage
from pbx_bridge.wire.rtp import FRAME, RATE_HZ, Samples

RINGING_HZ = 425
"""Asterisk's ringing tone, played once a call has been answered by a message."""
TONE_PART = 0.8
"""Of a frame's energy, to be called a tone; speech stays far below."""
STRAY_S = 0.1
"""Loud moments that nothing explains, in all: the edge of a tone, a click."""
JITTER_S = 0.1
"""By which sentences may overlap, or end after the hang-up, where packets came late."""


def hears_only(
    stage: Stage,
    heard: Samples,
    *sentences: str,
    tones: Sequence[int] = (RINGING_HZ,),
    then_anything: bool = False,
) -> None:
    """Assert that these sentences were heard whole and in this order, and nothing else.

    A sentence is the very sound that the exchange keeps for that text. With `then_anything`
    the last one may be followed by music or a voice.
    """
    explained = tones_in(heard, tones)
    before_s = 0.0
    for text in sentences:
        sound = sound_of(stage, text)
        match = correlation(heard, sound)
        assert match.score >= SAME_SOUND, f"not heard ({match.score:.2f}): {text}"
        assert match.at_s >= before_s - JITTER_S, f"heard too early: {text}"
        before_s = match.at_s + match.length_s
        assert before_s <= heard.size / RATE_HZ + JITTER_S, f"cut off: {text}"
        explained[int(match.at_s * RATE_HZ) // FRAME : int(before_s * RATE_HZ) // FRAME + 1] = True
    if then_anything:
        explained[int(before_s * RATE_HZ) // FRAME :] = True
    stray = np.flatnonzero(_loud(heard) & ~_widened(explained))
    seconds = [round(float(one) * FRAME / RATE_HZ, 2) for one in stray]
    assert stray.size * FRAME / RATE_HZ <= STRAY_S, f"something else was heard at {seconds}"


def sound_of(stage: Stage, text: str) -> Samples:
    """The sound that the exchange plays for `text`."""
    folder = stage.up.site.deployment.sounds
    names = [name for name, said in read_manifest(folder / MANIFEST).items() if said == text]
    assert names, f"the exchange has never spoken: {text}"
    return load(folder / f"{names[0]}.wav")


def voice(frequency_hz: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return tone(frequency_hz, 0.5)


def tone_s(heard: Samples, frequency_hz: int) -> float:
    """Seconds for which this tone was heard."""
    return float(np.count_nonzero(tones_in(heard, [frequency_hz])) * FRAME / RATE_HZ)


def tones_in(heard: Samples, tones: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """For each 20 ms, whether they are one of `tones` and loud."""
    frames = _frames(heard)
    energy = np.maximum((frames**2).sum(axis=1), 1.0)
    found = np.zeros(len(frames), np.bool_)
    for frequency_hz in tones:
        wave = np.exp(-2j * np.pi * frequency_hz * np.arange(FRAME) / RATE_HZ)
        found |= 2 * np.abs(frames @ wave) ** 2 / FRAME / energy >= TONE_PART
    return found & _loud(heard)


def _loud(heard: Samples) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    loud: np.ndarray[tuple[int], np.dtype[np.bool_]]
    loud = np.sqrt((_frames(heard) ** 2).mean(axis=1)) >= SILENCE_LEVEL
    return loud


def _frames(heard: Samples) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    whole = heard[: heard.size - heard.size % FRAME].astype(np.float64)
    return whole.reshape(-1, FRAME)


def _widened(
    explained: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """With a frame on either side: a sound seldom begins where a frame does."""
    padded = np.concatenate([[False], explained, [False]])
    wide: np.ndarray[tuple[int], np.dtype[np.bool_]]
    wide = padded[:-2] | padded[1:-1] | padded[2:]
    return wide
