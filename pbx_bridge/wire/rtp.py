"""RTP as a phone speaks it: packets, A-law and µ-law, and telephone events.

RFC 3550 (packets), RFC 3551 (payload types 0 and 8, 8 kHz), RFC 4733 (keys), G.711.
Sound is always 8 kHz, mono, 16-bit signed samples in a numpy array.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Samples: TypeAlias = npt.NDArray[np.int16]

RATE_HZ = 8000
FRAME = 160
"""Samples in one packet: 20 ms."""
TELEPHONE_EVENT = 101
"""The payload type for keys that our own session descriptions announce."""
KEYS = "0123456789*#ABCD"
"""Keys in the order of their event codes (RFC 4733, table 3)."""

_VERSION = 2
_HEADER = struct.Struct("!BBHII")
_EVENT = struct.Struct("!BBH")
_END_REPEATS = 3  # the end is sent three times, so that one loss leaves no key stuck
_KEY_VOLUME = 10  # dBm0 below zero


class BadPacket(ValueError):
    """The datagram is not an RTP packet; it is to be dropped."""


class Codec(IntEnum):
    """The G.711 codecs, by RTP payload type."""

    PCMU = 0
    PCMA = 8


@dataclass(frozen=True, slots=True)
class Packet:
    """One RTP packet. `sequence` wraps at 2**16 and `timestamp` at 2**32."""

    payload_type: int
    sequence: int
    timestamp: int
    source: int
    payload: bytes
    marker: bool = False


def parse(datagram: bytes) -> Packet:
    """Read one packet, skipping contributing sources, extension and padding.

    Raises `BadPacket`, also for RTCP that shares the port (RFC 5761, section 4).
    """
    if len(datagram) < _HEADER.size:
        raise BadPacket(f"{len(datagram)} bytes are too few for an RTP packet")
    first, second, sequence, timestamp, source = _HEADER.unpack_from(datagram)
    if first >> 6 != _VERSION:
        raise BadPacket(f"RTP version {first >> 6}, not {_VERSION}")
    if 64 <= second & 0x7F <= 95:
        raise BadPacket("RTCP on the RTP port")
    start = _HEADER.size + 4 * (first & 0x0F)
    if first & 0x10:
        if len(datagram) < start + 4:
            raise BadPacket("the header extension is cut off")
        start += 4 + 4 * int(struct.unpack_from("!H", datagram, start + 2)[0])
    end = len(datagram)
    if first & 0x20:
        end -= datagram[-1]
    if end < start:
        raise BadPacket("the packet ends inside its header")
    return Packet(
        second & 0x7F, sequence, timestamp, source, datagram[start:end], bool(second & 0x80)
    )


def build(packet: Packet) -> bytes:
    """Write `packet`; counters are wrapped here."""
    return (
        _HEADER.pack(
            _VERSION << 6,
            packet.payload_type | (packet.marker << 7),
            packet.sequence & 0xFFFF,
            packet.timestamp & 0xFFFFFFFF,
            packet.source,
        )
        + packet.payload
    )


def key_packets(
    key: str,
    *,
    sequence: int,
    timestamp: int,
    source: int,
    frames: int = 6,
    payload_type: int = TELEPHONE_EVENT,
) -> Iterator[Packet]:
    """Packets for one pressed key, to be sent one every 20 ms.

    All carry the timestamp of the start (RFC 4733, section 2.5.1.2): `frames` updates whose
    duration grows, the first marked, then three that end it. Raises `ValueError` for a key
    that no phone has.
    """
    if len(key) != 1 or key not in KEYS:
        raise ValueError(f"{key!r} is not a key; keys are {KEYS}")
    code = KEYS.index(key)
    for count in range(frames + _END_REPEATS):
        ended = count >= frames
        duration = FRAME * min(count + 1, frames)
        payload = _EVENT.pack(code, (0x80 if ended else 0) | _KEY_VOLUME, duration)
        yield Packet(payload_type, sequence + count, timestamp, source, payload, count == 0)


def decode(payload: bytes, codec: Codec) -> Samples:
    """Turn G.711 bytes into samples."""
    return _DECODED[codec][np.frombuffer(payload, np.uint8)]


def encode(samples: Samples, codec: Codec) -> bytes:
    """Turn samples into G.711 bytes, each the nearest that the codec has."""
    return _ENCODED[codec][samples.view(np.uint16)].tobytes()


def _mu_law() -> Samples:
    codes = ~np.arange(256, dtype=np.uint8)
    step, exponent = (codes & 0x0F).astype(np.int32), (codes >> 4 & 7).astype(np.int32)
    size = (((step << 3) + 0x84) << exponent) - 0x84
    return np.where(codes & 0x80, -size, size).astype(np.int16)


def _a_law() -> Samples:
    codes = np.arange(256, dtype=np.uint8) ^ 0x55
    step, exponent = (codes & 0x0F).astype(np.int32), (codes >> 4 & 7).astype(np.int32)
    size = np.where(
        exponent == 0, (step << 4) + 8, ((step << 4) + 0x108) << np.maximum(exponent - 1, 0)
    )
    return np.where(codes & 0x80, size, -size).astype(np.int16)


def _nearest(decoded: Samples) -> npt.NDArray[np.uint8]:
    """For every 16-bit sample (by its unsigned reading) the code that decodes closest to it."""
    codes = np.argsort(decoded, kind="stable")
    levels = decoded[codes].astype(np.int32)
    every = np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.int32)
    return codes[np.searchsorted((levels[1:] + levels[:-1]) / 2, every)].astype(np.uint8)


_DECODED = {Codec.PCMU: _mu_law(), Codec.PCMA: _a_law()}
_ENCODED = {codec: _nearest(levels) for codec, levels in _DECODED.items()}
