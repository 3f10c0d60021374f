"""RTP packets, G.711 and telephone events."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_bridge.wire.rtp import (
    KEYS,
    BadPacket,
    Codec,
    Packet,
    build,
    decode,
    encode,
    key_packets,
    parse,
)

packets = st.builds(
    Packet,
    payload_type=st.sampled_from([0, 8, 101]),
    sequence=st.integers(0, 2**16 - 1),
    timestamp=st.integers(0, 2**32 - 1),
    source=st.integers(0, 2**32 - 1),
    payload=st.binary(max_size=200),
    marker=st.booleans(),
)


@given(packets)
def test_a_packet_is_read_as_it_was_written(packet: Packet) -> None:
    assert parse(build(packet)) == packet


@given(st.binary(max_size=60))
def test_any_datagram_is_a_packet_or_is_refused(datagram: bytes) -> None:
    with suppress(BadPacket):
        parse(datagram)


def test_contributors_extension_and_padding_are_skipped() -> None:
    head = bytes([0b1011_0001, 8]) + bytes(10)
    extension = b"\xbe\xde\x00\x01" + b"EXTN"
    assert parse(head + b"CSRC" + extension + b"sound" + b"\x00\x00\x03").payload == b"sound"


def test_rtcp_on_the_same_port_is_refused() -> None:
    with pytest.raises(BadPacket, match="RTCP"):
        parse(bytes([0x80, 200]) + bytes(26))


# Values of ITU-T G.711, tables 1a to 2b (µ-law and A-law, 16-bit).
@pytest.mark.parametrize(
    ("codec", "byte", "sample"),
    [
        (Codec.PCMU, 0x00, -32124),
        (Codec.PCMU, 0x80, 32124),
        (Codec.PCMU, 0x7F, 0),
        (Codec.PCMU, 0xFF, 0),
        (Codec.PCMA, 0xD5, 8),
        (Codec.PCMA, 0x55, -8),
        (Codec.PCMA, 0xAA, 32256),
        (Codec.PCMA, 0x2A, -32256),
    ],
)
def test_g711_decodes_to_the_values_of_the_standard(codec: Codec, byte: int, sample: int) -> None:
    assert decode(bytes([byte]), codec).tolist() == [sample]


@pytest.mark.parametrize("codec", list(Codec))
def test_g711_keeps_every_sample_to_within_its_step(codec: Codec) -> None:
    every = np.arange(-(2**15), 2**15, dtype=np.int16)
    error = np.abs(decode(encode(every, codec), codec).astype(int) - every)
    assert (error <= (np.abs(every.astype(int)) + 256) / 30).all()
    assert encode(decode(bytes(range(1, 127)), codec), codec) == bytes(range(1, 127))


def test_a_key_is_sent_with_one_start_time_growing_length_and_three_ends() -> None:
    sent = list(key_packets("#", sequence=65534, timestamp=1000, source=7, frames=4))
    assert [packet.marker for packet in sent] == [True] + 6 * [False]
    assert {packet.timestamp for packet in sent} == {1000}
    assert [parse(build(packet)).sequence for packet in sent] == [65534, 65535, 0, 1, 2, 3, 4]
    assert {packet.payload[0] for packet in sent} == {11}
    assert [packet.payload[1] >> 7 for packet in sent] == [0, 0, 0, 0, 1, 1, 1]
    lengths = [int.from_bytes(packet.payload[2:], "big") for packet in sent]
    assert lengths == [160, 320, 480, 640, 640, 640, 640]


def test_what_is_no_key_is_refused() -> None:
    for wrong in ("", "12", "E", "a"):
        with pytest.raises(ValueError, match=KEYS[:10]):
            list(key_packets(wrong, sequence=0, timestamp=0, source=0))
