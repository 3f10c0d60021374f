"""WAV bytes to and from what a telephone plays: 8 kHz, mono, 16 bits.

Speech programs and human recordings come in any rate; Asterisk plays them only in its own.
"""

from __future__ import annotations

import io
import math
import wave

import numpy as np
import numpy.typing as npt

RATE_HZ = 8000
PEAK_DBFS = -3.0
"""Headroom for the codecs; all prompts are brought to it, so that none is louder than the next."""
PASS_HZ = 3400.0
STOP_HZ = 3900.0
"""Below half the rate, so that nothing above it folds back into what is heard."""
PADDING_S = 0.1
HEADER_BYTES = 44
"""Of a file with nothing but its sound."""

Floats = npt.NDArray[np.float64]


def telephone(wav: bytes, peak_dbfs: float = PEAK_DBFS) -> bytes:
    """Any 16-bit PCM WAV file as 8 kHz mono at the common level.

    A length in the header beyond the data's end is taken to mean "to the end": programs
    that write to a pipe don't know it. Raises `ValueError` for other formats and silence.
    """
    samples, rate = decode(wav)
    peak = float(np.max(np.abs(samples), initial=0.0))
    if peak == 0.0:
        raise ValueError("the sound is silent")
    sound = resample(samples, rate)
    level = 10 ** (peak_dbfs / 20)
    return encode(sound * (level / float(np.max(np.abs(sound)))))


def decode(wav: bytes) -> tuple[Floats, int]:
    """Samples between -1 and 1, channels mixed to one, and their rate in Hz."""
    try:
        with wave.open(io.BytesIO(wav)) as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            content = file.readframes(file.getnframes())
    except wave.Error as error:
        raise ValueError(f"not a PCM WAV file ({error})") from None
    except EOFError:
        raise ValueError("not a PCM WAV file (it ends too early)") from None
    if width != 2 or not 4000 <= rate <= 192_000:
        raise ValueError(f"{8 * width} bits at {rate} Hz; 16 bits at 4000 to 192000 Hz are read")
    whole = content[: len(content) - len(content) % (width * channels)]
    samples = np.frombuffer(whole, "<i2").astype(np.float64) / 32768
    mixed: Floats = samples.reshape(-1, channels).mean(axis=1)
    return mixed, rate


def encode(samples: Floats) -> bytes:
    """Samples between -1 and 1 at 8 kHz as a WAV file."""
    whole = np.clip(np.round(samples * 32767), -32768, 32767).astype("<i2")
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(whole.tobytes())
    return target.getvalue()


def resample(samples: Floats, rate: int) -> Floats:
    """`samples` at 8 kHz, low-passed with a raised-cosine edge from 3.4 to 3.9 kHz.

    Done on the whole spectrum at once; silence around the sound keeps its end from
    wrapping into its beginning.
    """
    divisor = math.gcd(rate, RATE_HZ)
    block_in, block_out = rate // divisor, RATE_HZ // divisor
    padding = math.ceil(PADDING_S * rate / block_in)
    blocks = math.ceil(samples.size / block_in) + 2 * padding
    room = np.zeros(blocks * block_in)
    room[padding * block_in :][: samples.size] = samples
    spectrum = np.fft.rfft(room)
    heights = np.fft.rfftfreq(room.size, 1 / rate)
    edge = np.clip((heights - PASS_HZ) / (STOP_HZ - PASS_HZ), 0.0, 1.0)
    spectrum *= (1 + np.cos(np.pi * edge)) / 2
    size = blocks * block_out
    out = np.fft.irfft(spectrum[: size // 2 + 1], size) * (size / room.size)
    length = math.ceil(samples.size * RATE_HZ / rate)
    result: Floats = out[padding * block_out :][:length]
    return result


def tone(frequency_hz: float, length_s: float, dbfs: float = -12.0) -> bytes:
    """A WAV file with a sine that fades in and out over 10 ms, so that it doesn't click."""
    at = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    fade = np.clip(np.minimum(at, length_s - at) / 0.01, 0.0, 1.0)
    return encode(np.sin(2 * np.pi * frequency_hz * at) * fade * 10 ** (dbfs / 20))
