"""The call event log that `cel_custom` writes, one record an event, without a file.

A record is mostly a line. A value may hold line breaks (a caller's number may, or an application's
data), which cel_custom writes as they are; such a record is the lines up to where its quotation
marks balance. No value can forge one: within it every quotation mark is doubled, so no line of it
begins with a single one before a digit, as every record does. That is also where records are found
again behind one that was cut off.
"""

from __future__ import annotations

import re
from typing import NamedTuple

DATE_FORMAT = "%s.%6q"
"""`dateformat` in cel.conf: seconds since 1970 and six digits of microseconds."""
MAX_RECORD_BYTES = 64 * 1024
"""Asterisk's own values are bounded; a longer record is not one of its events."""

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
_RECORD = re.compile(",".join([_FIELD] * len(FIELDS)))
_TIME = re.compile(r"([0-9]{1,11})\.([0-9]{6})")
_BETWEEN = '","'


class Row(NamedTuple):
    """One record, taken apart."""

    time_us: int
    """Microseconds since 1970."""
    values: tuple[str, ...]
    """The other columns, in the order of `FIELDS`. Bytes that are not UTF-8 are U+FFFD."""


def complete_records(data: bytes) -> tuple[list[bytes], int]:
    """The whole records at the beginning of `data` (without their last LF) and the bytes they
    take; lines that belong to none are returned as well, each by itself.

    The rest is half a record: read it again together with what follows.
    """
    end = data.rfind(b"\n") + 1
    records: list[bytes] = []
    held: list[bytes] = []
    held_bytes = 0
    for line in data[:end].split(b"\n")[:-1]:
        odd = line.count(b'"') % 2 == 1
        begins = line[:1] == b'"' and line[1:2].isdigit()
        if held and begins:  # the one before was cut off
            records.append(b"\n".join(held))
            held = []
        if held:
            held.append(line)
            held_bytes += len(line) + 1
            if odd or held_bytes > MAX_RECORD_BYTES:
                records.append(b"\n".join(held))
                held = []
        elif odd and begins:
            held, held_bytes = [line], len(line) + 1
        else:
            records.append(line)
    return records, end - (held_bytes if held else 0)


def parse(record: bytes) -> Row | None:
    """The event in `record`, None when it is malformed."""
    if len(record) > MAX_RECORD_BYTES:
        return None
    text = record.decode("utf-8", "replace")
    values = _plainly(text)
    if values is None:  # another value has it too, or the record is none
        found = _RECORD.fullmatch(text)
        if found is None:
            return None
        values = [value.replace('""', '"') for value in found.groups()]
    time = _TIME.fullmatch(values[0])
    if time is None:
        return None
    return Row(int(time[1]) * 1_000_000 + int(time[2]), tuple(values[1:]))


def _plainly(text: str) -> list[str] | None:
    """The values of a record in which only the last one has quotation marks, as its JSON mostly
    does; as `_RECORD` would find them, in half the time."""
    values = text[1:-1].split(_BETWEEN, len(FIELDS) - 1)
    if len(values) != len(FIELDS) or text[0] != '"' or text[-1] != '"':
        return None
    last = values[-1]
    values[-1] = last.replace('""', '"')
    doubled = len(last) - len(values[-1])
    return values if text.count('"') == 2 * (len(FIELDS) + doubled) else None
