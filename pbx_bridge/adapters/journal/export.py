"""The journal as a file that anybody can verify, without this program.

README ("Verifying an export") says how; a test does it from those words alone.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime

from pbx_bridge.adapters.journal.chain import BEGINNING, stored_rows
from pbx_bridge.adapters.journal.codec import RowUnreadable

FORMAT = "pbx-bridge journal 1"


def export_lines(
    connection: sqlite3.Connection,
    organisation: str,
    exported: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[str]:
    """One JSON object a line: a heading, then the rows from `since` on, before `until`.

    Rows of a period are those in between by their number, so that the chain has no holes.
    Raises `RowUnreadable` for a row that no JSON can hold.
    """
    first, last = _bounds(connection, since, until)
    yield _line(
        format=FORMAT,
        organisation=organisation,
        exported=exported.astimezone(UTC).isoformat(),
        first=first,
        last=last,
        before=_chain(connection, first - 1).hex(),
        head=_chain(connection, last).hex(),
    )
    for seq, at, kind, body, salt, commitment, chain in stored_rows(connection, first, last):
        try:
            yield _line(
                seq=seq,
                at=at,
                kind=kind,
                body=body,
                salt=None if salt is None else salt.hex(),
                commitment=commitment.hex(),
                chain=chain.hex(),
            )
        except (AttributeError, TypeError, UnicodeError):
            raise RowUnreadable(
                f"journal row {seq}: isn't what the bridge writes; see `pbx-bridge verify`"
            ) from None


def _chain(connection: sqlite3.Connection, seq: int) -> bytes:
    """Of the row before a period, and of its last one."""
    query = "SELECT CAST(chain AS BLOB) FROM journal WHERE seq = ?"
    row = connection.execute(query, (seq,)).fetchone()
    return bytes(row[0]) if row else BEGINNING.chain


def _bounds(
    connection: sqlite3.Connection, since: datetime | None, until: datetime | None
) -> tuple[int, int]:
    """First and last row; the last before the first where there is none."""
    conditions, values = ["1"], list[str]()
    for moment, comparison in ((since, "at >= ?"), (until, "at < ?")):
        if moment is not None:
            conditions.append(comparison)
            values.append(moment.astimezone(UTC).isoformat())
    where = " AND ".join(conditions)
    first, last = connection.execute(
        f"SELECT min(seq), max(seq) FROM journal WHERE {where}",  # noqa: S608 - ours
        values,
    ).fetchone()
    return (1, 0) if first is None else (int(first), int(last))


def _line(**values: object) -> str:
    line = json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n"
    line.encode()  # text that has no UTF-8 is found here
    return line
