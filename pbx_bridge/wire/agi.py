"""FastAGI as bytes, without a socket: the server's side, for one conversation.

Asterisk connects and sends its request as lines `agi_name: value` up to an empty line. Then
the server commands, one line at a time, and Asterisk answers each: `200 result=1`, or
`520-…` with a usage text of several lines. When the caller hangs up, a line `HANGUP` comes by
itself, also between a command and its answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

MAX_LINE_BYTES = 8192
"""Asterisk's own buffer for a line."""
MAX_REQUEST_BYTES = 32 * 1024
"""A request is about 600 bytes, and more only by what the dialplan passes as arguments."""
MAX_COMMAND_BYTES = 2000
"""Far under Asterisk's buffer (8,192), which cuts a longer line into two commands."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")
_BREAKS = re.compile(r"[\r\n\0]")
_REPLY = re.compile(r"([1-9][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_VALUE = re.compile(r"result=1 \((.*)\)", re.DOTALL)
_OK = 200


class Garbled(Exception):
    """What came is not FastAGI, or more than it may be; the connection is of no use."""


@dataclass(frozen=True, slots=True)
class Request:
    """What Asterisk says of itself at the beginning."""

    path: str
    """With its leading slash, as the dialplan wrote it after the host: `/referral/101`."""
    headers: Mapping[str, str]
    """By name (`agi_channel`, `agi_extension`, …). From the caller; not to be trusted."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one command."""

    code: int
    text: str
    """What follows the code, e.g. `result=1`."""

    @property
    def ok(self) -> bool:
        """Whether the command was carried out (510 unknown, 511 dead channel, 520 usage)."""
        return self.code == _OK


@dataclass(frozen=True, slots=True)
class Hangup:
    """The caller has hung up."""


Received = Request | Reply | Hangup


class _Stage(Enum):
    REQUEST = auto()
    REPLIES = auto()
    USAGE = auto()


class Decoder:
    """Bytes from Asterisk in, messages out. Holds at most one unfinished line or request."""

    def __init__(self) -> None:
        self._buffer = b""
        self._stage = _Stage.REQUEST
        self._headers: dict[str, str] = {}
        self._size = 0

    def feed(self, data: bytes) -> list[Received]:
        """The messages that `data` completes, in order. Raises `Garbled`."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        received = []
        for line in lines:
            message = self._line(line)
            if message is not None:
                received.append(message)
        if len(self._buffer) > MAX_LINE_BYTES:
            raise Garbled(f"a line over {MAX_LINE_BYTES} bytes")
        return received

    def _line(self, raw: bytes) -> Received | None:
        if len(raw) > MAX_LINE_BYTES:
            raise Garbled(f"a line over {MAX_LINE_BYTES} bytes")
        line = raw.decode("utf-8", "replace").removesuffix("\r")
        if self._stage is _Stage.REQUEST:
            return self._request(line)
        if line == "HANGUP":
            return Hangup()
        return self._reply(line)

    def _request(self, line: str) -> Request | None:
        if not line:
            self._stage = _Stage.REPLIES
            script = self._headers.get("agi_network_script", "")
            return Request("/" + script.removeprefix("/"), self._headers)
        self._size += len(line)
        if self._size > MAX_REQUEST_BYTES:
            raise Garbled(f"a request over {MAX_REQUEST_BYTES} bytes")
        name, colon, value = line.partition(":")
        if not colon or not name.startswith("agi_"):
            raise Garbled("a request line that is not `agi_name: value`")
        self._headers[name] = value.removeprefix(" ")
        return None

    def _reply(self, line: str) -> Reply | None:
        found = _REPLY.fullmatch(line)
        if self._stage is _Stage.USAGE:
            if found is None or found[2] == "-":
                return None
            self._stage = _Stage.REPLIES
        elif found is None:
            raise Garbled("an answer without its three-digit code")
        elif found[2] == "-":
            self._stage = _Stage.USAGE
            return None
        return Reply(int(found[1]), found[3] or "")


def get_variable(name: str) -> bytes:
    """The command that asks for a variable of the channel, or a global one. Raises `ValueError`."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a plain variable name")
    return f"GET VARIABLE {name}\n".encode()


def value_of(reply: Reply) -> str:
    """What a variable holds by the answer to `get_variable`, "" where it isn't set."""
    found = _VALUE.fullmatch(reply.text)
    return found[1] if found is not None and reply.ok else ""


def set_variable(name: str, value: str) -> bytes:
    r"""The command that sets channel variable `name` to `value`, whatever is in it.

    Asterisk takes the value as it is (no `${…}` is evaluated); only `"` and `\` need escaping.
    A plain name is required, since `SHELL(…)` or `DB(…)` as a name would be a function call.
    Raises `ValueError` for CR, LF or NUL, which would end the line and begin another command.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a plain variable name")
    if _BREAKS.search(value):
        raise ValueError(f"the value of {name} holds CR, LF or NUL")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    command = f'SET VARIABLE {name} "{escaped}"\n'.encode()
    if len(command) > MAX_COMMAND_BYTES:
        raise ValueError(f"the value of {name} is too long ({len(command)} bytes as a command)")
    return command
