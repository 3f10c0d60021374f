"""Reading SIP messages and session descriptions."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_bridge.wire.rtp import Codec
from pbx_bridge.wire.sip import (
    BadMessage,
    Media,
    Party,
    Waiting,
    media,
    parse,
    party,
    user_part,
    waiting,
)

INVITE = (
    "INVITE sip:101@127.0.0.1:5062 SIP/2.0\r\n"
    "Via: SIP/2.0/UDP a\r\nVia: SIP/2.0/UDP b\r\n"
    'From: "Åsa \\"Å\\" Öberg" <sip:018000150@127.0.0.1>;tag=x\r\n'
    "Content-Length: 20\r\n\r\nv=0\r\n"
)


def test_a_request_is_read() -> None:
    message = parse(INVITE)
    assert message.status is None
    assert message.headers["via"] == "SIP/2.0/UDP a, SIP/2.0/UDP b"
    assert party(message.headers["from"]) == Party('Åsa "Å" Öberg', "018000150")
    assert message.body == "v=0\n"


def test_a_response_has_its_status() -> None:
    assert parse("SIP/2.0 486 Busy Here\r\nTo: <sip:1@x>\r\n\r\n").status == 486


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("<sip:018000150@x>;tag=1", Party("", "018000150")),
        ("Norrskär <sip:*23%23@x:5060;user=phone>", Party("Norrskär", "*23#")),
        ("sip:101@x", Party("", "101")),
        ('"Anonymous" <sip:anonymous.invalid>', Party("Anonymous", "")),
        ("", Party("", "")),
    ],
)
def test_an_address_shows_name_and_number(value: str, expected: Party) -> None:
    assert party(value) == expected


@given(st.text(max_size=80))
def test_any_text_is_a_message_or_is_refused(text: str) -> None:
    with suppress(BadMessage):
        parse(text)
    party(text)


def test_a_hash_is_escaped_and_nothing_else_of_a_feature_code() -> None:
    assert user_part("*23*1*1430#") == "*23*1*1430%23"
    assert user_part("1@evil>\r\n[x]") == "1%40evil%3E%0D%0A%5Bx%5D"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            "Messages-Waiting: yes\r\nMessage-Account: sip:a@b\r\nVoice-Message: 2/1 (0/0)\r\n",
            Waiting(True, 2, 1),
        ),
        ("Messages-Waiting: no\r\n", Waiting(False, 0, 0)),
    ],
)
def test_a_summary_says_whether_the_lamp_is_lit(body: str, told: Waiting) -> None:
    assert waiting(body) == told


@pytest.mark.parametrize("body", ["", "Voice-Message: 1/0", "Messages-Waiting: maybe"])
def test_what_is_no_summary_lights_no_lamp(body: str) -> None:
    with pytest.raises(BadMessage, match="summary"):
        waiting(body)


def test_the_first_codec_that_we_have_is_taken() -> None:
    body = "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 9 0 8 101\r\na=sendrecv\r\n"
    assert media(body) == Media("192.0.2.1", 4000, Codec.PCMU)


def test_an_address_of_the_sound_itself_goes_before_that_of_the_session() -> None:
    body = "c=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 8\nc=IN IP4 192.0.2.2\nm=video 1 RTP/AVP 8"
    assert media(body) == Media("192.0.2.2", 4000, Codec.PCMA)


@pytest.mark.parametrize("body", ["", "c=IN IP4 x\nm=audio 1 RTP/AVP 9", "m=audio 1 RTP/AVP 8"])
def test_a_session_without_sound_for_us_is_refused(body: str) -> None:
    with pytest.raises(BadMessage, match=r"G\.711"):
        media(body)
