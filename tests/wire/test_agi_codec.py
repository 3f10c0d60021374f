"""FastAGI's codec: any cut of the bytes, nothing unbounded, nothing injected."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_bridge.wire.agi import (
    MAX_LINE_BYTES,
    MAX_REQUEST_BYTES,
    Decoder,
    Garbled,
    Hangup,
    Received,
    Reply,
    Request,
    get_variable,
    set_variable,
    value_of,
)

REQUEST = (
    "agi_network: yes\n"
    "agi_network_script: referral/101\n"
    "agi_request: agi://127.0.0.1:4573/referral/101\n"
    "agi_channel: PJSIP/trunk-00000001\n"
    'agi_calleridname: Åsa: "Öst"\n'
    "agi_accountcode: \n"
    "agi_arg_1: a b\n"
    "\n"
).encode()
REPLIES = (
    b"200 result=1\n"
    b"HANGUP\n"
    b"520-Invalid command syntax.  Proper usage follows:\n"
    b"Usage: SET VARIABLE <variablename> <value>\n"
    b"HANGUP is what a usage text might say\n"
    b"520 End of proper usage.\n"
    b"511 Command Not Permitted on a dead channel or intercept routine\n"
)
CONVERSATION: list[Received] = [
    Request(
        "/referral/101",
        {
            "agi_network": "yes",
            "agi_network_script": "referral/101",
            "agi_request": "agi://127.0.0.1:4573/referral/101",
            "agi_channel": "PJSIP/trunk-00000001",
            "agi_calleridname": 'Åsa: "Öst"',
            "agi_accountcode": "",
            "agi_arg_1": "a b",
        },
    ),
    Reply(200, "result=1"),
    Hangup(),
    Reply(520, "End of proper usage."),
    Reply(511, "Command Not Permitted on a dead channel or intercept routine"),
]


def read(stream: bytes, size: int) -> list[Received]:
    """What a decoder makes of `stream` when it comes `size` bytes at a time."""
    decoder = Decoder()
    pieces = (stream[at : at + size] for at in range(0, len(stream), size))
    return [message for piece in pieces for message in decoder.feed(piece)]


def test_a_request_and_answers_of_every_kind_are_read() -> None:
    assert Decoder().feed(REQUEST + REPLIES) == CONVERSATION


def test_a_conversation_split_at_every_byte_is_read_whole() -> None:
    for size in (1, 2, 3, 7, 100):
        assert read(REQUEST + REPLIES, size) == CONVERSATION


def test_a_request_without_script_asks_for_the_root() -> None:
    (request,) = Decoder().feed(b"agi_network: yes\n\n")
    assert isinstance(request, Request)
    assert request.path == "/"


def test_bytes_that_are_not_utf_8_do_no_harm() -> None:
    (request,) = Decoder().feed(b"agi_calleridname: \xff\xfe\n\n")
    assert isinstance(request, Request)
    assert request.headers["agi_calleridname"] == "��"


@pytest.mark.parametrize(
    "stream",
    [
        b"x" * (MAX_LINE_BYTES + 1),
        b"agi_x: " + b"x" * MAX_LINE_BYTES + b"\n",
        b"agi_x: 1\n" * MAX_REQUEST_BYTES,
        b"GET / HTTP/1.1\n",
        b"\x16\x03\x01 tls\n",
        b"agi_network: yes\n\nno code\n",
        b"agi_network: yes\n\n2000 result=1\n",
    ],
    ids=["endless line", "long line", "endless request", "HTTP", "TLS", "no code", "long code"],
)
def test_f18_what_is_not_fastagi_or_too_much_is_refused(stream: bytes) -> None:
    with pytest.raises(Garbled):
        read(stream, 4096)


@given(st.binary(max_size=300))
def test_no_bytes_make_the_decoder_fail_otherwise(noise: bytes) -> None:
    for start in (b"", REQUEST):
        decoder = Decoder()
        decoder.feed(start)
        try:
            decoder.feed(noise + b"\n")
        except Garbled:
            continue


def as_asterisk_reads(command: bytes) -> list[str]:
    """The words of a command by the rules of res_agi (quotes, backslash before any letter)."""
    words: list[str] = []
    quoted = escaped = False
    between = True
    for letter in command.decode().removesuffix("\n"):
        if letter == '"' and not escaped:
            quoted = not quoted
            if quoted and between:
                words.append("")
                between = False
        elif letter in " \t" and not quoted and not escaped:
            between = True
        elif letter == "\\" and not escaped:
            escaped = True
            continue
        else:
            if between:
                words.append("")
                between = False
            words[-1] += letter
        escaped = False
    return words


@given(st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=200))
def test_any_value_arrives_as_it_was(value: str) -> None:
    command = set_variable("REFERRAL_REASON", value)
    assert command.count(b"\n") == 1
    assert as_asterisk_reads(command) == ["SET", "VARIABLE", "REFERRAL_REASON", value]


def test_quotation_marks_and_backslashes_are_escaped() -> None:
    assert set_variable("A", r'say "\"') == b'SET VARIABLE A "say \\"\\\\\\""\n'


@pytest.mark.parametrize("value", ["a\nEXEC System x", "a\r", "a\0b"])
def test_f13_cr_lf_and_nul_are_refused_before_the_wire(value: str) -> None:
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        set_variable("A", value)


@pytest.mark.parametrize("name", ["", "A B", "SHELL(id)", "A\n", "Å", "1A", "A" * 81])
def test_only_plain_names_are_set(name: str) -> None:
    with pytest.raises(ValueError, match="not a plain variable name"):
        set_variable(name, "x")


def test_a_value_that_would_not_fit_into_a_line_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        set_variable("A", "ö" * 1000)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("result=1 (a b)", "a b"),
        ("result=1 (a (b))", "a (b)"),
        ("result=1 ()", ""),
        ("result=0", ""),
        ("result=1", ""),
        ("result=1 (a", ""),
        ("(a)", ""),
    ],
)
def test_a_variable_is_read_from_the_answer(text: str, value: str) -> None:
    assert value_of(Reply(200, text)) == value
    assert value_of(Reply(510, text)) == ""


@pytest.mark.parametrize("name", ["SHELL(id)", "A\nB", "", "A B"])
def test_a_variable_that_is_asked_for_has_a_plain_name(name: str) -> None:
    assert get_variable("PBX_X") == b"GET VARIABLE PBX_X\n"
    with pytest.raises(ValueError, match="plain"):
        get_variable(name)
