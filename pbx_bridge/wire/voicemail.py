"""The file beside each voicemail message, in which Asterisk says who left it and when.

`msg0000.txt` is an INI file with one section, `[message]`. Its last line is the length, written
when the message is complete (Asterisk's apps/app_voicemail.c, `leave_voicemail`). The caller
chooses the name in `callerid`: only the number is taken from there, and only what a number may
hold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

LONGEST_FILE = 16 * 1024
"""Bytes; Asterisk writes some 300."""
_ID = re.compile(r"[0-9A-Za-z-]{1,40}", re.ASCII)
_CALLER = re.compile(r"(?:.*<)?(\+?[0-9]{1,20})>?", re.ASCII | re.DOTALL)
_CHANNEL = re.compile(r"[0-9A-Za-z/@;._-]{1,120}", re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,10}", re.ASCII)


class Unfinished(ValueError):
    """The file is not, or not yet, what Asterisk writes of a message; says what is missing."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is written on a message."""

    id: str
    """Asterisk's own; it stays with the message when that is moved or renumbered."""
    caller: str
    """Caller's number as signalled, "" when withheld. Not to be trusted."""
    left_at: datetime
    """When it was begun, UTC, by the machine's clock."""
    seconds: int
    channel: str
    """Asterisk's name of the caller's channel, "" where it isn't one."""


def read(data: bytes) -> Envelope:
    """Read the file's content. Raises `Unfinished`.

    A file that is cut at whatever byte is either unfinished or says the same as the whole one.
    """
    if len(data) > LONGEST_FILE:
        raise Unfinished(f"{len(data)} bytes are too many")
    lines = data.decode("utf-8", "replace").split("\n")[:-1]  # the last one has no end yet
    found: dict[str, str] = {}
    for line in lines:
        key, sign, value = line.partition("=")
        if sign:
            found.setdefault(key.strip(), value.strip())
    try:
        begun, seconds, id_ = found["origtime"], found["duration"], found["msg_id"]
    except KeyError as missing:
        raise Unfinished(f"has no {missing.args[0]}") from None
    if not (_WHOLE.fullmatch(begun) and _WHOLE.fullmatch(seconds) and _ID.fullmatch(id_)):
        raise Unfinished("origtime, duration or msg_id makes no sense")
    caller = _CALLER.fullmatch(found.get("callerid", ""))
    channel = _CHANNEL.fullmatch(found.get("callerchan", ""))
    return Envelope(
        id_,
        caller[1] if caller else "",
        datetime.fromtimestamp(int(begun), UTC),
        int(seconds),
        channel[0] if channel else "",
    )
