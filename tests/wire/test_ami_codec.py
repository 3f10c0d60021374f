"""Actions to bytes and bytes to messages, without a socket."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_bridge.wire.ami import (
    MAX_HEADERS,
    MAX_LINE_BYTES,
    MAX_MESSAGE_BYTES,
    Banner,
    Block,
    Decoder,
    Garbled,
    Received,
    encode,
)

STREAM = (
    "Asterisk Call Manager/11.0.0\r\n"
    "Response: Success\r\nMessage: Authentication accepted\r\n\r\n"
    "Event: QueueMemberAdded\r\nMemberName: Åsa Öhman ☎\r\nNote: \r\n\r\n"
    "Event: Hangup\r\nCause-txt: a\nb\r\n\r\n"
).encode()
MESSAGES: list[Received] = [
    Banner("11.0.0"),
    Block("Response: Success\r\nMessage: Authentication accepted"),
    Block("Event: QueueMemberAdded\r\nMemberName: Åsa Öhman ☎\r\nNote: "),
    Block("Event: Hangup\r\nCause-txt: a\nb"),
]


def test_an_action_is_its_lines_and_an_empty_one() -> None:
    assert encode([("Action", "Ping"), ("ActionID", "1")]) == b"Action: Ping\r\nActionID: 1\r\n\r\n"


@pytest.mark.parametrize("bad", ["\r", "\n", "\0", "\r\n\r\nAction: Originate"])
def test_f13_a_line_break_or_nul_in_a_value_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="Val may not hold CR, LF or NUL"):
        encode([("Action", "DBPut"), ("Val", f"a{bad}b")])


@pytest.mark.parametrize("name", ["", "Val\r\nAction", "Val: x", "Vål", " Val"])
def test_f13_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="can't be the name"):
        encode([(name, "1")])


@given(st.lists(st.tuples(st.sampled_from(["Val", "Key"]), st.text()), max_size=5))
def test_f13_whatever_is_encoded_is_one_message_of_as_many_lines(
    headers: list[tuple[str, str]],
) -> None:
    try:
        wire = encode(headers)
    except ValueError:
        return
    assert wire.count(b"\n") == wire.count(b"\r\n") == len(headers) + 1


def test_f13_a_line_of_1024_bytes_passes_and_one_more_is_refused() -> None:
    room = MAX_LINE_BYTES - len("Val: \r\n")
    assert encode([("Val", "x" * room)])

    with pytest.raises(ValueError, match="a line of 1025 bytes"):
        encode([("Val", "x" * (room + 1))])
    with pytest.raises(ValueError, match="Asterisk takes 1024"):
        encode([("Val", "å" * (room // 2 + 1))])


def test_f13_more_headers_than_asterisk_takes_are_refused() -> None:
    assert encode([("Variable", "a=1")] * MAX_HEADERS)

    with pytest.raises(ValueError, match="129 headers"):
        encode([("Variable", "a=1")] * (MAX_HEADERS + 1))


def test_f13_a_refusal_never_shows_the_value() -> None:
    for value in ("0180001\n", "0180001" * 200, "0180001\ud800"):
        with pytest.raises(ValueError, match="Secret") as refusal:
            encode([("Secret", value)])
        assert "0180001" not in str(refusal.value)


@pytest.mark.parametrize("at", range(len(STREAM)))
def test_f14_a_stream_cut_anywhere_is_read_whole(at: int) -> None:
    decoder = Decoder()

    assert [*decoder.feed(STREAM[:at]), *decoder.feed(STREAM[at:])] == MESSAGES


def test_f14_a_stream_in_single_bytes_is_read_whole() -> None:
    decoder = Decoder()

    read = [message for byte in STREAM for message in decoder.feed(bytes([byte]))]

    assert read == MESSAGES


def test_f14_bytes_that_are_not_utf8_spoil_only_their_own_letters() -> None:
    decoder = Decoder()
    decoder.feed(b"Asterisk Call Manager/11.0.0\r\n")

    [bad, good] = decoder.feed(b"Event: A\r\nName: J\xf6rg\r\n\r\nEvent: B\r\n\r\n")

    assert bad == Block("Event: A\r\nName: J\ufffdrg")
    assert good == Block("Event: B")


@given(st.binary(max_size=300), st.integers(1, 50))
def test_f14_any_bytes_in_any_pieces_give_the_same_messages(noise: bytes, size: int) -> None:
    whole, pieces = Decoder(), Decoder()
    stream = b"Asterisk Call Manager/9.0.0\r\n" + noise + b"\r\n\r\n"

    read = [
        message
        for start in range(0, len(stream), size)
        for message in pieces.feed(stream[start : start + size])
    ]

    assert read == whole.feed(stream)


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad", b"A\r\n", b"Asterisk Call Manager/" * 9])
def test_another_protocol_is_noticed_at_its_first_line(greeting: bytes) -> None:
    with pytest.raises(Garbled, match="greeting"):
        Decoder().feed(greeting)


def test_a_message_without_an_end_does_not_fill_the_memory() -> None:
    decoder = Decoder()
    decoder.feed(b"Asterisk Call Manager/11.0.0\r\n")

    with pytest.raises(Garbled, match="more than"):
        decoder.feed(b"x" * (MAX_MESSAGE_BYTES + 1))
