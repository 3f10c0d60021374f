"""The file beside a voicemail message: whole, cut, garbled."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_bridge.wire.voicemail import LONGEST_FILE, Envelope, Unfinished, read

FILE = b""";
; Message Information file
;
[message]
origmailbox=101
context=pbx-bridge-step
exten=voicemail
rdnis=101
priority=3
callerchan=PJSIP/operator-00000000
callerid=0401234567
origdate=Tue Nov 24 11:12:20 AM UTC 2026
origtime=1795518740
category=
msg_id=1795518740-00000001
flag=
duration=12
"""
"""As Asterisk 22.10.1 wrote it."""
ENVELOPE = Envelope(
    "1795518740-00000001",
    "0401234567",
    datetime(2026, 11, 24, 11, 12, 20, tzinfo=UTC),
    12,
    "PJSIP/operator-00000000",
)


def with_caller(callerid: str) -> bytes:
    return FILE.replace(b"callerid=0401234567", f"callerid={callerid}".encode())


def test_a_message_of_a_real_asterisk_is_read() -> None:
    assert read(FILE) == ENVELOPE


@pytest.mark.parametrize("cut", range(len(FILE)))
def test_a_half_written_file_is_unfinished_at_every_byte(cut: int) -> None:
    """Else `duration=12` would once have been 1, and a number that many digits shorter."""
    with pytest.raises(Unfinished):
        read(FILE[:cut])


@pytest.mark.parametrize(
    ("callerid", "number"),
    [
        ('"Ragnhild Öst" <0401234567>', "0401234567"),
        ("<+358401234567>", "+358401234567"),
        ("101", "101"),
        ("Unknown", ""),
        ("", ""),
        ("anonymous", ""),
        ('"<0409999999>" <0401234567>', "0401234567"),
        ("0401234567;x=1", ""),
        ("٣٤٥", ""),
        ("0" * 21, ""),
    ],
)
def test_of_the_caller_only_a_number_is_taken(callerid: str, number: str) -> None:
    assert read(with_caller(callerid)).caller == number


def test_a_callers_name_can_not_say_another_time_or_length() -> None:
    hostile = read(with_caller("x duration=9\\nmsg_id=evil <0401234567>"))
    assert (hostile.id, hostile.seconds) == (ENVELOPE.id, 12)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"duration=12", b"duration=-12"),
        (b"duration=12", b"duration="),
        (b"origtime=1795518740", b"origtime=soon"),
        (b"origtime=1795518740", b"origtime=" + b"9" * 11),
        (b"msg_id=1795518740-00000001", b"msg_id=../../etc"),
        (b"msg_id=", b"id="),
    ],
)
def test_what_makes_no_sense_is_unfinished(before: bytes, after: bytes) -> None:
    with pytest.raises(Unfinished):
        read(FILE.replace(before, after))


def test_a_channel_that_is_none_is_left_out() -> None:
    assert read(FILE.replace(b"PJSIP/operator-00000000", b"<b>")).channel == ""


def test_a_huge_file_is_not_looked_at() -> None:
    with pytest.raises(Unfinished, match="too many"):
        read(FILE + b"\n" * LONGEST_FILE)


@given(st.binary(max_size=400))
def test_garbage_is_unfinished(data: bytes) -> None:
    with pytest.raises(Unfinished):
        read(data)


@given(st.binary(max_size=60), st.integers(0, len(FILE)))
def test_whatever_stands_in_between_it_is_read_or_unfinished(noise: bytes, place: int) -> None:
    try:
        found = read(FILE[:place] + noise + FILE[place:])
    except Unfinished:
        return
    assert found.seconds >= 0
    assert found.left_at.tzinfo is UTC
    assert found.caller.removeprefix("+").isdecimal() or not found.caller
