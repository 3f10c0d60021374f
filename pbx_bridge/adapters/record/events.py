"""The events of the log, a row each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import blake2b

import sqlite_utils

from pbx_bridge.core import typed
from pbx_bridge.core.inert import printable, shown
from pbx_bridge.core.numbers import signalled
from pbx_bridge.core.record import CelEvent, microseconds, moment
from pbx_bridge.core.trace import withholds
from pbx_bridge.wire.cel import FIELDS, Row

HASH_BYTES = 16
_TYPE, _LINKEDID, _UNIQUEID, _CALLER, _EXTEN, _DATA = (
    list(FIELDS).index(name) - 1
    for name in ("type", "linkedid", "uniqueid", "caller", "exten", "data")
)
_COLUMNS = "time, type, linkedid, uniqueid, channel, caller, exten, context, app, data, peer, extra"
_INSERT = (
    f"INSERT OR IGNORE INTO cel (line_hash, {_COLUMNS}) "  # noqa: S608 - names of ours only
    f"VALUES ({', '.join('?' * 13)})"
)


def cel_tables(database: sqlite_utils.Database) -> None:
    """The first shape: the hash of a line was its key."""
    types: dict[str, type] = dict.fromkeys(_COLUMNS.split(", "), str)
    cel = database.table("cel")
    cel.create({"line_hash": bytes} | types | {"time": int}, pk="line_hash", not_null=types.keys())
    cel.create_index(["linkedid"])
    cel.create_index(["time"])
    database.table("cel_cursor").create({"path": str, "offset": int, "anchor": bytes}, pk="path")


def cel_in_order(database: sqlite_utils.Database) -> None:
    """Rows in the order of their times, so that new ones are written beside one another: a key
    that is a hash scatters them over the whole file."""
    types: dict[str, type] = dict.fromkeys(_COLUMNS.split(", "), str)
    columns = {"id": int, "line_hash": bytes} | types | {"time": int}
    new = database.table("cel_new")
    new.create(columns, pk="id", not_null=types.keys())
    names = f"line_hash, {_COLUMNS}"
    database.execute(
        f"INSERT INTO cel_new ({names}) SELECT {names} FROM cel ORDER BY time, rowid"  # noqa: S608 - columns of ours
    )
    database.execute("DROP TABLE cel")
    database.execute("ALTER TABLE cel_new RENAME TO cel")
    database.table("cel").create_index(["time", "line_hash"], unique=True)
    database.table("cel").create_index(["linkedid"])


def add(connection: sqlite3.Connection, records: Iterable[tuple[bytes, Row]], shift_us: int) -> int:
    """Store events. Returns how many are new; a record that was seen before isn't (F19)."""
    events = tuple(records)
    rows = ((hashed(record), row.time_us + shift_us, *row.values) for record, row in events)
    count = connection.executemany(_INSERT, rows).rowcount
    for _, row in events:
        if withholds(row.values[_TYPE], row.values[_DATA]):
            # What Asterisk wrote of the caller before the dialplan knew it.
            query = "UPDATE cel SET caller = '' WHERE linkedid = ? AND uniqueid = ?"
            connection.execute(query, (row.values[_LINKEDID], row.values[_UNIQUEID]))
    return count


def harmless(row: Row) -> Row:
    """`row` as it is kept: what a caller chose is written to the log before the dialplan has
    cleaned it, and a code may have a PIN in it (F23, S29)."""
    values = list(row.values)
    caller = signalled(values[_CALLER])
    if not "".join(values).isprintable():
        values = [printable(value) for value in values]
    values[_CALLER] = caller
    values[_EXTEN] = shown(typed.code(values[_EXTEN]))
    return Row(row.time_us, tuple(values))


def event_of(row: Row, shift_us: int) -> CelEvent:
    """The event of a record, as it is read back once it is stored."""
    return CelEvent._make((moment(row.time_us + shift_us), *row.values))


def read_cel(
    connection: sqlite3.Connection,
    since: datetime | None = None,
    until: datetime | None = None,
    linkedid: str | None = None,
) -> Iterator[CelEvent]:
    """Stored events by time, `since` included and `until` not; ties in the file's order.

    A database that no bridge has kept a record in yet holds none.
    """
    if not has_table(connection, "cel"):
        return iter(())
    conditions, values = ["1"], list[int | str]()
    if since is not None:
        conditions.append("time >= ?")
        values.append(microseconds(since))
    if until is not None:
        conditions.append("time < ?")
        values.append(microseconds(until))
    if linkedid is not None:
        conditions.append("linkedid = ?")
        values.append(linkedid)
    where = " AND ".join(conditions)
    query = f"SELECT {_COLUMNS} FROM cel WHERE {where} ORDER BY time, id"  # noqa: S608 - ours
    return map(_event, connection.execute(query, values))


def has_table(connection: sqlite3.Connection, name: str) -> bool:
    """Whether a bridge has made it yet."""
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(query, (name,)).fetchone() is not None


def hashed(data: bytes) -> bytes:
    """What a line, or a place in a file, is known by."""
    return blake2b(data, digest_size=HASH_BYTES).digest()


def _event(row: Sequence[int | str]) -> CelEvent:
    return CelEvent._make((moment(int(row[0])), *row[1:]))
