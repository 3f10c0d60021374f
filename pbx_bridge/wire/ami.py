"""The manager protocol (AMI) as bytes, without a socket.

Asterisk greets with one line, `Asterisk Call Manager/11.0.0`. After that both sides send
messages: lines `Name: value`, ended by CRLF, the last followed by an empty line. There is no
escaping whatsoever, and Asterisk takes a bare LF for the end of a line too: a value with an
LF in it can add headers or a whole second action. So the encoder refuses instead of mending.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_LINE_BYTES = 1024
"""Asterisk refuses a longer line; its CRLF is counted."""
MAX_HEADERS = 128
"""Asterisk refuses an action with more lines."""
MAX_MESSAGE_BYTES = 256 * 1024
"""No message of Asterisk's comes near; a peer that sends more is something else."""
MAX_BANNER_BYTES = 128

EOL = b"\r\n"
END = EOL + EOL
GREETING = b"Asterisk Call Manager/"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_BREAKS = re.compile(r"[\r\n\0]")


class Garbled(Exception):
    """What came is not the manager protocol; nothing after it can be trusted."""


@dataclass(frozen=True, slots=True)
class Banner:
    """The first line of a connection."""

    version: str
    """Of the protocol: 9.0.0 is Asterisk 20, 11.0.0 is Asterisk 22."""


@dataclass(frozen=True, slots=True)
class Block:
    """One whole response or event: its lines, joined by CRLF, without the empty one."""

    text: str
    """Bytes that are not UTF-8 (callers' names may hold any) are U+FFFD."""


_SENDER = re.compile(r"(?m)^RemoteAddress: IPV[46]/\w+/([0-9A-Fa-f:.]+)/")
Received = Banner | Block


def event_name(text: str) -> str:
    """The event that the text of a block is, "" for a response."""
    first = text.partition("\r\n")[0]
    return first.removeprefix("Event: ") if first.startswith("Event: ") else ""


def sender(text: str) -> str:
    """The address that the request of a security event came from, "" where it has none.

    Asterisk writes `RemoteAddress: IPV4/UDP/192.0.2.10/5060` (security_events.c)."""
    found = _SENDER.search(text)
    return found[1] if found else ""


def encode(headers: Iterable[tuple[str, str]]) -> bytes:
    """One action, ready for the socket.

    Raises `ValueError` for what Asterisk would refuse or take for something else: CR, LF or
    NUL in a value, a line over `MAX_LINE_BYTES`, more than `MAX_HEADERS` headers. The message
    names the header and never its value, which may be a secret or a caller's number.
    """
    lines = [_line(name, value) for name, value in headers]
    if len(lines) > MAX_HEADERS:
        raise ValueError(f"{len(lines)} headers in an AMI action; Asterisk takes {MAX_HEADERS}")
    return b"".join(lines) + EOL


def _line(name: str, value: str) -> bytes:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} can't be the name of an AMI header")
    if _BREAKS.search(value):
        raise ValueError(f"AMI header {name} may not hold CR, LF or NUL")
    try:
        line = f"{name}: {value}".encode() + EOL
    except UnicodeEncodeError:
        raise ValueError(f"AMI header {name} holds half a character (a lone surrogate)") from None
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(
            f"AMI header {name} makes a line of {len(line)} bytes; Asterisk takes {MAX_LINE_BYTES}"
        )
    return line


class Decoder:
    """Bytes as they come, in pieces of any size, to whole messages.

    Text is decoded only when its message is whole, so a letter split between two reads is
    read as one letter.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._greeted = False

    def feed(self, data: bytes) -> list[Received]:
        """Everything that `data` completes. Raises `Garbled`; feed no more after that."""
        self._buffer += data
        received: list[Received] = []
        if not self._greeted:
            banner = self._banner()
            if banner is None:
                return received
            received.append(banner)
        while (end := self._buffer.find(END, self._searched)) >= 0:
            received.append(Block(self._buffer[:end].decode(errors="replace")))
            self._drop(end + len(END))
        self._searched = max(0, len(self._buffer) - len(END) + 1)
        if len(self._buffer) > MAX_MESSAGE_BYTES:
            raise Garbled(f"a message of more than {MAX_MESSAGE_BYTES} bytes")
        return received

    def _banner(self) -> Banner | None:
        line, ended, _ = bytes(self._buffer[: MAX_BANNER_BYTES + 1]).partition(EOL)
        start = line[: len(GREETING)]
        known = start == GREETING if ended else GREETING.startswith(start)
        if not known or len(line) > MAX_BANNER_BYTES:
            raise Garbled("the greeting is not that of an Asterisk manager")
        if not ended:
            return None
        self._drop(len(line) + len(EOL))
        self._greeted = True
        return Banner(line[len(GREETING) :].decode(errors="replace").strip())

    def _drop(self, size: int) -> None:
        del self._buffer[:size]
        self._searched = 0
