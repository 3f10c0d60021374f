"""The call event log that `cel_custom` writes, one line an event, without a file.

A value may hold a line break (from an application's data, say), which cel_custom writes as it
is. Such an event comes apart into lines that are malformed. It can't forge another: within a
value every quotation mark is doubled, and `parse` takes only fields that are quoted properly.
"""

from __future__ import annotations

import re
from typing import NamedTuple

DATE_FORMAT = "%s.%6q"
"""`dateformat` in cel.conf: seconds since 1970 and six digits of microseconds."""
MAX_LINE_BYTES = 64 * 1024
"""Asterisk's own values are bounded; a longer line is not one of its events."""

FIELDS = {
    "time": "eventtime",
    "type": "eventtype",
    "linkedid": "CHANNEL(linkedid)",
    "uniqueid": "CHANNEL(uniqueid)",
    "channel": "CHANNEL(channame)",
    "caller": "CALLERID(num)",
    "exten": "CHANNEL(exten)",
    "context": "CHANNEL(context)",
    "app": "CHANNEL(appname)",
    "data": "CHANNEL(appdata)",
    "peer": "CHANNEL(peer)",
    "extra": "eventextra",
}
"""Our names for the columns, in order, and Asterisk's. `eventtype` is the dialplan's own name
when the event is the dialplan's (with `eventenum` it would be `USER_DEFINED`)."""

MAPPING = ",".join("${CSV_QUOTE(${" + variable + "})}" for variable in FIELDS.values())
"""The right-hand side in cel_custom.conf. Only functions that Asterisk 22 knows to replace
with a direct look-up (`res_cdrel_custom`), which is several times cheaper."""

_FIELD = r'"([^"]*(?:""[^"]*)*)"'
_LINE = re.compile(",".join([_FIELD] * len(FIELDS)))
_TIME = re.compile(r"([0-9]{1,11})\.([0-9]{6})")
_BETWEEN = '","'


class Row(NamedTuple):
    """One line, taken apart."""

    time_us: int
    """Microseconds since 1970."""
    values: tuple[str, ...]
    """The other columns, in the order of `FIELDS`. Bytes that are not UTF-8 are U+FFFD."""


def complete_lines(data: bytes) -> tuple[list[bytes], int]:
    """The whole lines at the beginning of `data` (without their LF) and the bytes they take.

    The rest is half a line: read it again together with what follows.
    """
    end = data.rfind(b"\n") + 1
    return data[:end].split(b"\n")[:-1], end


def parse(line: bytes) -> Row | None:
    """The event in `line`, None when it is malformed."""
    if len(line) > MAX_LINE_BYTES:
        return None
    text = line.decode("utf-8", "replace")
    values = _plainly(text)
    if values is None:  # another value has it too, or the line is none
        found = _LINE.fullmatch(text)
        if found is None:
            return None
        values = [value.replace('""', '"') for value in found.groups()]
    time = _TIME.fullmatch(values[0])
    if time is None:
        return None
    return Row(int(time[1]) * 1_000_000 + int(time[2]), tuple(values[1:]))


def _plainly(text: str) -> list[str] | None:
    """The values of a line in which only the last one has quotation marks, as its JSON mostly
    does; as `_LINE` would find them, in half the time."""
    values = text[1:-1].split(_BETWEEN, len(FIELDS) - 1)
    if len(values) != len(FIELDS) or text[0] != '"' or text[-1] != '"':
        return None
    last = values[-1]
    values[-1] = last.replace('""', '"')
    doubled = len(last) - len(values[-1])
    return values if text.count('"') == 2 * (len(FIELDS) + doubled) else None
