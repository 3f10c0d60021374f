"""The sound of one call: a UDP port that hears, plays and presses keys.

Times are those of the event loop's clock (`time.monotonic`), in seconds.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from pbx_bridge.softphone.audio import is_silent, silence
from pbx_bridge.wire import rtp
from pbx_bridge.wire.rtp import FRAME, RATE_HZ, Codec, Packet, Samples

FRAME_S = FRAME / RATE_HZ
KEY_PAUSE_FRAMES = 5
"""Silence between two keys: 100 ms, what a DTMF receiver may ask for."""
SLIP_LIMIT_S = 1.0
"""A timestamp farther than this from its packet's arrival is a new beginning, not jitter."""
MOST_KEPT = 500
"""Packets that have come before it was said from where: ten seconds."""
LONGEST_CALL_S = 3600
"""Sound is kept for the first hour of a call."""


@dataclass(slots=True)
class Hearing:
    """Packets put together to sound, by their timestamps. Gaps and losses become silence."""

    began_s: float | None = None
    """Arrival of the first packet, which is where the sound begins."""
    _pieces: list[tuple[int, Samples]] = field(default_factory=list)
    _source: int | None = None
    _anchor: tuple[int, int] = (0, 0)  # a timestamp and the position that it stands for
    _end: int = 0

    def take(self, packet: Packet, at_s: float) -> Samples:
        """Add a packet that arrived at `at_s` and return its sound (none for keys and noise).

        A new source, or a timestamp that jumps, is placed by its arrival but never over
        what was heard before.
        """
        if packet.payload_type not in {Codec.PCMU, Codec.PCMA}:
            return silence(0)
        samples = rtp.decode(packet.payload, Codec(packet.payload_type))
        if self.began_s is None:
            self.began_s = at_s
        arrived = round((at_s - self.began_s) * RATE_HZ)
        position = self._place(packet)
        if packet.source != self._source or abs(position - arrived) > SLIP_LIMIT_S * RATE_HZ:
            position = max(arrived, self._end)
            self._source = packet.source
        self._anchor = (packet.timestamp, position)
        end = position + samples.size
        if position >= 0 and end <= LONGEST_CALL_S * RATE_HZ:
            self._pieces.append((position, samples))
            self._end = max(self._end, end)
        return samples

    def samples(self) -> Samples:
        """Everything heard so far."""
        heard = np.zeros(self._end, np.int16)
        for position, piece in self._pieces:
            heard[position : position + piece.size] = piece
        return heard

    def _place(self, packet: Packet) -> int:
        stamp, position = self._anchor
        step = (packet.timestamp - stamp + 2**31) % 2**32 - 2**31
        return position + step


class Sound(asyncio.DatagramProtocol):
    """One end of a call's sound. Made by `open_sound`.

    It sends a packet each 20 ms once `connect` has said where: what it plays, over and
    over, or silence; keys take precedence.
    """

    def __init__(self, plays: Samples | None = None) -> None:
        self.hearing = Hearing()
        self.quiet_since_s: float | None = None
        """When it was last loud; None before anything was heard."""
        self._plays = silence(FRAME_S) if plays is None or plays.size < FRAME else plays
        self._played = 0
        self._keys: deque[tuple[str, asyncio.Future[None]]] = deque()
        self._pressing: Iterator[Packet] | None = None
        self._pause_frames = 0
        self._loud = asyncio.Event()
        self._sequence, self._timestamp = random.getrandbits(16), random.getrandbits(32)
        self._source = random.getrandbits(32)
        self._codec = Codec.PCMA
        self._remote: tuple[str, int] | None = None
        self._known: set[tuple[str, int]] = set()
        self._strangers: deque[tuple[tuple[str, int], Packet, float]] = deque(maxlen=MOST_KEPT)
        self._transport: asyncio.DatagramTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = asyncio.Event()

    @property
    def port(self) -> int:
        """The port to announce in the session description."""
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    def connect(self, host: str, port: int, codec: Codec) -> None:
        """Say where to send and how; may be said again when the session changes.

        From there alone something is heard, also what has come before this was said. A port may
        have been another call's a moment ago, whose end is still sent to it.
        """
        self._remote, self._codec = (host, port), codec
        self._known.add(self._remote)
        strangers, self._strangers = self._strangers, deque(maxlen=MOST_KEPT)
        for sender, packet, at_s in strangers:
            if sender == self._remote:
                self._hear(packet, at_s)
        if self._timer is None:
            self._tick(asyncio.get_running_loop().time())

    async def press(self, digits: str) -> None:
        """Press keys one after another by telephone events; returns when they are sent.

        Raises `ValueError` before anything is sent when one is no key.
        """
        if wrong := set(digits) - set(rtp.KEYS):
            raise ValueError(f"no such keys: {''.join(sorted(wrong))!r}; keys are {rtp.KEYS}")
        loop = asyncio.get_running_loop()
        pressed = [(digit, loop.create_future()) for digit in digits]
        self._keys.extend(pressed)
        await asyncio.gather(*(done for _, done in pressed))

    async def quiet(self, for_s: float) -> None:
        """Return once something was heard from now on and then nothing for `for_s`."""
        self._loud.clear()
        await self._loud.wait()
        while (left := for_s - self._silent_s()) > 0:  # noqa: ASYNC110 (sleeps as long as it may)
            await asyncio.sleep(left)

    async def close(self) -> None:
        """Free the port and the timer; pressing ends by cancellation."""
        if self._timer is not None:
            self._timer.cancel()
        for _, done in self._keys:
            done.cancel()
        if self._transport is not None:
            self._transport.abort()
            await self._closed.wait()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002, D102 (asyncio)
        self._closed.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102 (asyncio)
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # noqa: D102 (asyncio)
        now, sender = time.monotonic(), addr[:2]
        try:
            packet = rtp.parse(data)
        except rtp.BadPacket:
            return
        if sender in self._known:
            self._hear(packet, now)
        else:
            self._strangers.append((sender, packet, now))

    def _hear(self, packet: Packet, at_s: float) -> None:
        if not is_silent(self.hearing.take(packet, at_s)):
            self.quiet_since_s = at_s
            self._loud.set()

    def error_received(self, exc: Exception) -> None:  # noqa: ARG002, D102 (asyncio)
        return  # the other end closed its port before we did: ordinary at the end of a call

    def _silent_s(self) -> float:
        return time.monotonic() - (self.quiet_since_s or 0.0)

    def _tick(self, due: float) -> None:
        assert self._remote is not None
        assert self._transport is not None
        loop = asyncio.get_running_loop()
        self._transport.sendto(rtp.build(self._next()), self._remote)
        self._sequence += 1
        self._timestamp += FRAME
        following = max(due + FRAME_S, loop.time())  # a late frame is late, not doubled
        self._timer = loop.call_at(following, self._tick, following)

    def _next(self) -> Packet:
        if self._pressing is None and self._keys and self._pause_frames == 0:
            self._pressing = rtp.key_packets(
                self._keys[0][0],
                sequence=self._sequence,
                timestamp=self._timestamp,
                source=self._source,
            )
        if self._pressing is not None:
            if packet := next(self._pressing, None):
                return packet
            self._pressing, self._pause_frames = None, KEY_PAUSE_FRAMES
            _, done = self._keys.popleft()
            if not done.done():
                done.set_result(None)
        self._pause_frames = max(0, self._pause_frames - 1)
        piece = np.take(self._plays, range(self._played, self._played + FRAME), mode="wrap")
        self._played = (self._played + FRAME) % self._plays.size
        payload = rtp.encode(piece, self._codec)
        return Packet(self._codec, self._sequence, self._timestamp, self._source, payload)


@asynccontextmanager
async def open_sound(address: str, plays: Samples | None = None) -> AsyncIterator[Sound]:
    """Open a port on `address` for one call's sound; closed on exit."""
    loop = asyncio.get_running_loop()
    _, sound = await loop.create_datagram_endpoint(lambda: Sound(plays), local_addr=(address, 0))
    try:
        yield sound
    finally:
        await sound.close()
