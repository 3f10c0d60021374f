"""Figures and journeys out of the calls that are kept (`calls`)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import get_type_hints
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import TypeAdapter

from pbx_bridge.adapters.record.events import has_table
from pbx_bridge.core.call import Why
from pbx_bridge.core.figures import Calls, Kind
from pbx_bridge.core.latency import Journey
from pbx_bridge.core.record import microseconds, moment

JOURNEY = TypeAdapter(Journey)
KIND_COLUMNS = Kind.__slots__
KIND_TYPES: Mapping[str, type] = get_type_hints(Kind)
_ROW = np.dtype([("started", np.int64), ("wait", np.int64), ("kind", np.int32)])


def read_calls(connection: sqlite3.Connection, since: datetime, until: datetime) -> Calls:
    """The calls that began from `since` on, before `until`, as columns.

    Takes about a second for a million calls.
    """
    if not has_table(connection, "calls"):
        return Calls.none()
    stored = stored_kinds(connection)
    kinds = {number: kind for kind, number in stored.items()}
    rows = connection.execute(
        "SELECT started, wait, kind FROM calls WHERE started >= ? AND started < ?",
        (microseconds(since), microseconds(until)),
    )
    table = np.fromiter(rows, dtype=_ROW)
    places = np.zeros(max(kinds, default=0) + 1, dtype=np.int32)
    places[list(kinds)] = np.arange(len(kinds), dtype=np.int32)
    return Calls(table["started"], table["wait"], places[table["kind"]], tuple(kinds.values()))


def read_people(
    connection: sqlite3.Connection, since: datetime, until: datetime
) -> dict[str, Calls]:
    """The answered calls of each person, by extension: for those who may see them."""
    if not has_table(connection, "calls"):
        return {}
    kinds = {number: kind for kind, number in stored_kinds(connection).items()}
    places = {number: place for place, number in enumerate(kinds)}
    rows: dict[str, list[tuple[int, int, int]]] = {}
    for person, started, wait, kind in connection.execute(
        "SELECT answered_by, started, wait, kind FROM calls "
        "WHERE started >= ? AND started < ? AND answered_by <> '' ORDER BY answered_by",
        (microseconds(since), microseconds(until)),
    ):
        if not kinds[kind].counted:
            continue
        rows.setdefault(person, []).append((started, wait, places[kind]))
    tables = {person: np.array(held, dtype=np.int64) for person, held in rows.items()}
    return {
        person: Calls(one[:, 0], one[:, 1], one[:, 2].astype(np.int32), tuple(kinds.values()))
        for person, one in tables.items()
    }


def read_journeys(
    connection: sqlite3.Connection, since: datetime, until: datetime
) -> Iterator[Journey]:
    """The calls that began from `since` on, before `until`, in order of their beginning.

    Those whose details were deleted by retention are left out.
    """
    if not has_table(connection, "calls"):
        return
    for (text,) in connection.execute(
        "SELECT journey FROM calls WHERE started >= ? AND started < ? AND journey IS NOT NULL "
        "ORDER BY started, id",
        (microseconds(since), microseconds(until)),
    ):
        yield JOURNEY.validate_json(text)


def read_of_number(connection: sqlite3.Connection, number: str) -> Iterator[Journey]:
    """The calls to or from one number outside, of which details are kept, in order."""
    if not has_table(connection, "calls"):
        return
    for (text,) in connection.execute(
        "SELECT journey FROM calls WHERE number = ? AND journey IS NOT NULL ORDER BY started, id",
        (number,),
    ):
        yield JOURNEY.validate_json(text)


def read_minutes(
    connection: sqlite3.Connection, since: datetime, until: datetime, zone: ZoneInfo
) -> dict[str, dict[str, float]]:
    """Minutes of outgoing talks by extension and calendar month (`2026-11`) of the zone (S6)."""
    found: dict[str, dict[str, float]] = {}
    if not has_table(connection, "calls"):
        return found
    for phone, started, talked in connection.execute(
        "SELECT phone, started, talked FROM calls "
        "WHERE started >= ? AND started < ? AND talked > 0",
        (microseconds(since), microseconds(until)),
    ):
        months = found.setdefault(phone, {})
        month = f"{moment(started).astimezone(zone):%Y-%m}"
        months[month] = months.get(month, 0.0) + talked / 60e6
    return found


def read_abroad(connection: sqlite3.Connection, since: datetime, until: datetime) -> int:
    """Outgoing calls that were carried abroad without a permit (S27); those whose number was
    deleted are none."""
    if not has_table(connection, "calls"):
        return 0
    (count,) = connection.execute(
        "SELECT count(*) FROM calls JOIN call_kinds k ON k.id = kind WHERE started >= ? AND "
        "started < ? AND k.outcome = 'outgoing' AND (number LIKE '+%' OR number LIKE '00%') "
        "AND coalesce(instr(journey, ?), 0) = 0",
        (microseconds(since), microseconds(until), Why.OUTGOING_PERMITTED),
    ).fetchone()
    return int(count)


def stored_kinds(connection: sqlite3.Connection) -> dict[Kind, int]:
    """What many calls have in common, with its number in `call_kinds`."""
    rows = connection.execute(f"SELECT id, {', '.join(KIND_COLUMNS)} FROM call_kinds")  # noqa: S608 - columns of ours
    return {_read_kind(tuple(values)): int(number) for number, *values in rows}


def _read_kind(values: tuple[str | int, ...]) -> Kind:
    typed = (KIND_TYPES[name](value) for name, value in zip(KIND_COLUMNS, values, strict=True))
    return Kind(*typed)
