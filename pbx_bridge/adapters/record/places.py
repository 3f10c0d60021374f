"""Places in a queue that are held by a call of the exchange's own, for a caller who has hung up.

The caller's call and that one are one journey, which is kept as the caller's call. Here stands
which call belongs to which, and nothing of anybody.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime

import sqlite_utils

from pbx_bridge.core.call import Why
from pbx_bridge.core.figures import Kind
from pbx_bridge.core.latency import HOLD_STEP, Journey, Outcome
from pbx_bridge.core.record import microseconds
from pbx_bridge.core.trace import Mark


def place_table(database: sqlite_utils.Database) -> None:
    """Calls that have held a place: `first` is the call of the caller whose place it was."""
    places = database.table("held_places")
    columns = {"linkedid": str, "first": str, "ended": int}
    places.create(columns, pk="linkedid", not_null=columns, if_not_exists=True)
    places.create_index(["first"], if_not_exists=True)


def note_place(connection: sqlite3.Connection, place: Journey) -> None:
    """Such a call has ended."""
    assert place.ended_at is not None
    connection.execute(
        "INSERT OR REPLACE INTO held_places (linkedid, first, ended) VALUES (?, ?, ?)",
        (place.linkedid, place.holds, microseconds(place.ended_at)),
    )


def place_of(connection: sqlite3.Connection, first: str) -> str:
    """The linkedid of the call that held the place of the caller of `first`, "" while there is
    none."""
    query = "SELECT linkedid FROM held_places WHERE first = ?"
    row = connection.execute(query, (first,)).fetchone()
    return "" if row is None else str(row[0])


def first_erased(connection: sqlite3.Connection, first: str) -> bool:
    """Whether the details of the caller's own call were deleted."""
    query = "SELECT 1 FROM calls WHERE linkedid = ? AND journey IS NULL"
    return connection.execute(query, (first,)).fetchone() is not None


def without_details(kind: Kind, linkedid: str, started: datetime) -> Journey:
    """What is left of a caller's own call: its figures, and that its place was held, which the
    caller was told."""
    kept = Mark(started, HOLD_STEP, Why.PLACE_KEPT, tells=True)
    return Journey(
        linkedid=linkedid,
        caller="",
        origin=kind.origin,
        dialled=kind.dialled,
        started=started,
        answered_at=None,
        answered_by="",
        ended_at=started,
        outcome=Outcome.HELD,
        steps=(kept,),
        legs=(),
        diversions=int(kind.diverted),
    )


def still_held(connection: sqlite3.Connection, before: int) -> list[tuple[str, str | None]]:
    """Calls that began before a time (microseconds since 1970), whose callers' places are held
    as far as is known: linkedid, and the journey as JSON, None where it was erased."""
    return connection.execute(
        "SELECT linkedid, journey FROM calls JOIN call_kinds k ON k.id = kind "
        "WHERE k.outcome = ? AND started < ?",
        (Outcome.HELD, before),
    ).fetchall()
