"""Sound put together from packets, and two ends that talk over the loopback."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from pbx_bridge.softphone.audio import correlation, silence, tone
from pbx_bridge.softphone.sound import Hearing, Sound, open_sound
from pbx_bridge.wire import rtp
from pbx_bridge.wire.rtp import Codec, Packet


def frame(number: int, source: int = 1, base: int = 2**32 - 400) -> Packet:
    payload = rtp.encode(np.full(160, 1000 * number, np.int16), Codec.PCMA)
    return Packet(Codec.PCMA, number, (base + 160 * number) % 2**32, source, payload)


def levels(hearing: Hearing) -> list[int]:
    return [round(int(sample) / 1000) for sample in hearing.samples()[80::160]]


def test_packets_out_of_order_lost_and_over_the_wrap_fall_into_place() -> None:
    hearing = Hearing()
    for number in (1, 3, 2, 6, 5):
        hearing.take(frame(number), number / 50)
    assert levels(hearing) == [1, 2, 3, 0, 5, 6]


def test_a_late_burst_is_no_gap() -> None:
    hearing = Hearing()
    hearing.take(frame(1), 0.0)
    for number in (2, 3, 4):
        hearing.take(frame(number), 0.5)
    assert levels(hearing) == [1, 2, 3, 4]


def test_a_new_source_is_placed_by_its_arrival_and_never_over_what_was_heard() -> None:
    hearing = Hearing()
    for number in (1, 2, 3):
        hearing.take(frame(number), 0.0)
    hearing.take(frame(4, source=2, base=77), 0.02)
    hearing.take(frame(5, source=3, base=99), 0.14)
    assert levels(hearing) == [1, 2, 3, 4, 0, 0, 0, 5]


def test_a_timestamp_from_nowhere_makes_no_endless_silence() -> None:
    hearing = Hearing()
    hearing.take(frame(1), 0.0)
    hearing.take(frame(2, base=2**31), 0.02)
    assert levels(hearing) == [1, 2]


async def exchange_of(one: Sound, other: Sound) -> None:
    one.connect("127.0.0.1", other.port, Codec.PCMU)
    other.connect("127.0.0.1", one.port, Codec.PCMA)


async def test_two_ends_hear_each_other_and_bad_datagrams_are_dropped() -> None:
    melody = np.concatenate([tone(440, 0.2), tone(600, 0.3)])
    async with open_sound("127.0.0.1", melody) as one, open_sound("127.0.0.1") as other:
        other.datagram_received(b"not rtp", ("127.0.0.1", one.port))
        await exchange_of(one, other)
        await one.press("1")
        await asyncio.sleep(1.1)
        assert correlation(other.hearing.samples(), melody).score > 0.9
        assert not np.any(np.abs(one.hearing.samples()) > 8)


async def test_the_end_of_a_prompt_is_noticed() -> None:
    prompt = np.concatenate([tone(440, 0.1), silence(2.0)])
    async with open_sound("127.0.0.1", prompt) as one, open_sound("127.0.0.1") as other:
        await exchange_of(one, other)
        async with asyncio.timeout(1.0):
            await other.quiet(0.2)
        heard = other.hearing.samples()
        assert np.abs(heard[:400]).max() > 5000
        assert np.abs(heard[-1200:]).max() < 100


async def test_what_another_call_still_sends_to_this_port_is_not_heard() -> None:
    """Nor what came before it was said who talks here; what that one has sent by then is."""
    async with open_sound("127.0.0.1") as sound:
        known, stranger = ("127.0.0.1", 4000), ("127.0.0.1", 4002)
        sound.datagram_received(rtp.build(frame(5, source=9)), stranger)
        sound.datagram_received(rtp.build(frame(1)), known)
        assert sound.hearing.began_s is None
        sound.connect(*known, Codec.PCMA)
        sound.datagram_received(rtp.build(frame(6, source=9)), stranger)
        sound.datagram_received(rtp.build(frame(2)), known)
        assert levels(sound.hearing) == [1, 2]


async def test_a_wrong_key_sends_nothing() -> None:
    async with open_sound("127.0.0.1") as one:
        with pytest.raises(ValueError, match="'x'"):
            await one.press("1x")
