"""Deletes what the record may keep no longer, and what it knows of one number."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime

from pbx_bridge.core.record import microseconds

_FORGET = "UPDATE calls SET number = NULL, journey = NULL, settled = 1 WHERE "


def erase_old(
    connection: sqlite3.Connection, numbers_before: datetime, calls_before: datetime
) -> Mapping[str, int]:
    """Delete what is older; returns how many rows of each kind there were.

    Events of the log go with the numbers in them. A call keeps its figures, its pseudonym and
    whose phone was in it until `calls_before`.
    """
    numbers, calls = microseconds(numbers_before), microseconds(calls_before)
    connection.execute("DELETE FROM held_places WHERE ended < ?", (calls,))
    return {
        "log": connection.execute("DELETE FROM cel WHERE time < ?", (numbers,)).rowcount,
        "numbers": connection.execute(
            f"{_FORGET} started < ? AND journey IS NOT NULL",
            (numbers,),
        ).rowcount,
        "calls": connection.execute("DELETE FROM calls WHERE started < ?", (calls,)).rowcount,
    }


def forget(connection: sqlite3.Connection, number: str, pseudonym: str) -> Mapping[str, int]:
    """Delete what is known of one number; figures stay, without anybody in them."""
    linkedids = [
        linkedid
        for (linkedid,) in connection.execute(
            "SELECT linkedid FROM calls WHERE number = ? OR pseudonym = ?", (number, pseudonym)
        )
    ]
    places = [
        linkedid
        for first in linkedids
        for (linkedid,) in connection.execute(
            "SELECT linkedid FROM held_places WHERE first = ?", (first,)
        )
    ]
    log = sum(
        connection.execute("DELETE FROM cel WHERE linkedid = ?", (linkedid,)).rowcount
        for linkedid in (*linkedids, *places)
    )
    connection.executemany(
        f"{_FORGET} linkedid = ?",
        [(linkedid,) for linkedid in linkedids],
    )
    connection.executemany(
        "UPDATE calls SET pseudonym = '' WHERE linkedid = ?",
        [(linkedid,) for linkedid in linkedids],
    )
    return {"log": log, "numbers": len(linkedids)}
