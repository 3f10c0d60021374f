"""What was heard, compared with what should have been heard.

Sound is 8 kHz, mono, 16-bit samples; times are seconds from the first sample.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pbx_bridge.wire.rtp import RATE_HZ, Samples

SILENCE_LEVEL = 150
"""Root mean square below which 20 ms count as silence; the codecs' idle noise is below 10."""

_BLOCK = RATE_HZ  # parts of the prompt that may each lie a little early or late
_DRIFT = 40  # samples by which a part may be displaced: 5 ms
_WINDOW = 160
_HICCUP = range(640, 4800)
"""Samples of a pause that a player makes who had no time for a moment, 80 to 600 ms: from 80 ms on
Asterisk sets its timestamps anew (res_rtp_asterisk, MAX_TIMESTAMP_SKEW)."""
_SURE = 0.95  # likeness of a sound without such a pause in it

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Match:
    """How well and where an expected sound was found."""

    score: float
    """Likeness of the part that is least alike: 1 is the same sound, another prompt by the
    same voice stays below 0.3, even one that differs in its last words only."""
    overall: float
    """Likeness of the whole; high too for another prompt that shares most of its words."""
    at_s: float
    """Where its first sample lies in what was heard."""
    length_s: float


def load(path: Path) -> Samples:
    """Read a WAV file. Raises `ValueError` unless it is 8 kHz, mono, 16 bits."""
    with wave.open(str(path), "rb") as file:
        form = (file.getframerate(), file.getnchannels(), file.getsampwidth() * 8)
        if form != (RATE_HZ, 1, 16):
            raise ValueError(
                f"{path}: {form[0]} Hz, {form[1]} channels, {form[2]} bits; "
                "a telephone needs 8000 Hz, 1 channel, 16 bits"
            )
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)


def save(path: Path, samples: Samples) -> None:
    """Write a WAV file of 8 kHz, mono, 16 bits."""
    with wave.open(str(path), "wb") as file:
        file.setframerate(RATE_HZ)
        file.setnchannels(1)
        file.setsampwidth(2)
        file.writeframes(samples.astype("<i2").tobytes())


def silence(length_s: float) -> Samples:
    """Return that much silence."""
    return np.zeros(round(length_s * RATE_HZ), np.int16)


def tone(frequency_hz: float, length_s: float, level: float = 0.3) -> Samples:
    """Return a sine at `level` of full scale."""
    at = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    return np.asarray(np.sin(2 * np.pi * frequency_hz * at) * level * 32767, np.int16)


def is_silent(samples: Samples) -> bool:
    """True when the whole piece is no louder than `SILENCE_LEVEL`."""
    if not samples.size:
        return True
    return bool(np.sqrt(np.mean(samples.astype(np.float64) ** 2)) < SILENCE_LEVEL)


def trim_silence(samples: Samples) -> Samples:
    """Cut silence off both ends, in steps of 20 ms; all of it when nothing is said."""
    whole = samples[: samples.size - samples.size % _WINDOW].reshape(-1, _WINDOW)
    levels = np.sqrt(np.mean(whole.astype(np.float64) ** 2, axis=1))
    loud = np.flatnonzero(levels >= SILENCE_LEVEL)
    if not loud.size:
        return samples[:0]
    return samples[loud[0] * _WINDOW : (loud[-1] + 1) * _WINDOW]


def correlation(heard: Samples, expected: Samples) -> Match:
    """Find `expected` in `heard` by normalised cross-correlation.

    The place is where the whole fits best. Each part of about a second is then compared by
    itself, up to 5 ms off that place (a jitter buffer that slipped). Lost packets, heard as
    silence, cost a part their share of its energy. Where it isn't found, hiccups of a machine
    under load are cut out of what was heard. Nothing is found (score 0) when either sound is
    silent or less than half of `expected` could have been heard.
    """
    found = _found(heard, expected)
    joined = heard if found.score >= _SURE else _without_hiccups(heard)
    if joined.size < heard.size:
        again = _found(joined, expected)
        found = max(found, replace(again, at_s=found.at_s), key=lambda match: match.score)
    return found


def _without_hiccups(heard: Samples) -> Samples:
    """Cut out pauses without any packet: G.711 has no code for exact silence."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], heard == 0, [False]])))
    kept = np.ones(heard.size, dtype=bool)
    for start, end in edges.reshape(-1, 2):
        kept[start:end] = end - start not in _HICCUP
    return heard[kept]


def _found(heard: Samples, expected: Samples) -> Match:
    wanted = expected.astype(np.float64)
    nowhere = Match(0.0, 0.0, 0.0, expected.size / RATE_HZ)
    if not wanted.any() or not heard.any() or 2 * heard.size < wanted.size:
        return nowhere
    room = np.concatenate([heard.astype(np.float64), np.zeros(wanted.size // 2)])
    at = int(np.argmax(_normalised(room, wanted)))
    room = np.concatenate([np.zeros(_DRIFT), room, np.zeros(_DRIFT)])
    likenesses, energies = [], []
    for start, end in _parts(wanted):
        part = wanted[start:end]
        near = room[at + start : at + end + 2 * _DRIFT]
        likenesses.append(float(np.max(_normalised(near, part))))
        energies.append(float(part @ part))
    score = max(0.0, min(likenesses))
    return Match(
        score,
        float(np.average(likenesses, weights=energies)),
        at / RATE_HZ,
        expected.size / RATE_HZ,
    )


def _parts(wanted: Floats) -> list[tuple[int, int]]:
    """Cut `wanted` where each part is a block or more and holds enough sound to judge."""
    enough = float(wanted @ wanted) / wanted.size * _BLOCK / 4
    parts: list[tuple[int, int]] = []
    start = 0
    for end in range(_BLOCK, wanted.size, _BLOCK):
        if wanted[start:end] @ wanted[start:end] >= enough:
            parts.append((start, end))
            start = end
    rest = wanted[start:]
    if parts and (rest.size < _BLOCK // 2 or rest @ rest < enough):
        start = parts.pop()[0]
    return [*parts, (start, wanted.size)]


def _normalised(room: Floats, part: Floats) -> Floats:
    """Correlate `part` with `room` at every place where it fits whole; values -1 to 1."""
    places = room.size - part.size + 1
    size = 1 << (room.size + part.size - 1).bit_length()
    spectrum = np.fft.rfft(room, size) * np.conj(np.fft.rfft(part, size))
    products = np.fft.irfft(spectrum, size)[:places]
    sums = np.concatenate([[0.0], np.cumsum(room**2)])
    energies = sums[part.size :][:places] - sums[:places]
    own = float(part @ part)
    floor = own * 1e-4  # near-silence must not be blown up into a likeness
    found: Floats = products / np.sqrt(np.maximum(energies, floor) * own)
    return found
