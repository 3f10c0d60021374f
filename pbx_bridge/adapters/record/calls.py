"""What became of each caller: a row a call, folded from the log when the call has ended.

A row has what figures are made of (`started`, `wait`, `kind`), the numbers of both ends, and
the whole journey as JSON. What many calls have in common stands once, in `call_kinds`: the
figures of a year are then read from an index of three whole numbers a call.

Times are microseconds, since 1970 or of a stretch; `talked` is how long a number outside that was
called from inside was talked with.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial

import sqlite_utils

from pbx_bridge.adapters.record.events import read_cel
from pbx_bridge.adapters.record.going import GoingCalls
from pbx_bridge.adapters.record.places import (
    first_erased,
    note_place,
    place_of,
    place_table,
    still_held,
    without_details,
)
from pbx_bridge.adapters.record.reading import (
    JOURNEY,
    KIND_COLUMNS,
    KIND_TYPES,
    stored_kinds,
)
from pbx_bridge.core.call import Why
from pbx_bridge.core.figures import Kind, kind_of, microseconds_of
from pbx_bridge.core.latency import Journey, Outcome, fold_call, place_lost, with_place
from pbx_bridge.core.record import microseconds, moment

Pseudonym = Callable[[str], str]
"""A caller's number to the name by which they are known where numbers aren't kept."""
_COLUMNS = "linkedid, started, wait, talked, kind, phone, answered_by, number, pseudonym, journey"
_MARKS = ", ".join("?" * len(_COLUMNS.split(", ")))
_INSERT = f"INSERT OR IGNORE INTO calls ({_COLUMNS}) VALUES ({_MARKS})"  # noqa: S608 - columns of ours
_WAS_HELD = f"kind IN (SELECT id FROM call_kinds WHERE outcome = '{Outcome.HELD}')"  # noqa: S608 - a word of ours
_CORRECT = (
    f"UPDATE calls SET ({_COLUMNS}) = ({_MARKS}), "  # noqa: S608 - columns of ours
    f"settled = CASE WHEN ? AND {_WAS_HELD} THEN 0 ELSE settled END WHERE linkedid = ?"
)


def call_tables(database: sqlite_utils.Database) -> None:
    """Calls, and the starts of Asterisk that cut some of them off."""
    kinds: dict[str, type] = {"id": int} | {
        name: int if KIND_TYPES[name] is bool else str for name in KIND_COLUMNS
    }
    database.table("call_kinds").create(kinds, pk="id", not_null=KIND_COLUMNS)
    database.table("call_kinds").create_index(KIND_COLUMNS, unique=True)
    calls = database.table("calls")
    texts = ("phone", "answered_by", "number", "pseudonym", "journey")
    calls.create(
        {"id": int, "linkedid": str, "started": int, "wait": int, "talked": int, "kind": int}
        | {"settled": int}
        | dict.fromkeys(texts, str),
        pk="id",
        not_null={"linkedid", "started", "wait", "talked", "kind", "phone", "answered_by"},
        defaults={"settled": 0},
    )
    database.execute("CREATE INDEX calls_unsettled ON calls (id) WHERE settled = 0")
    calls.create_index(["linkedid"], unique=True)
    calls.create_index(["started", "kind", "wait"])
    database.table("asterisk_starts").create({"time": int}, pk="time")


def no_pseudonym(_: str) -> str:
    """Nobody is known by anything."""
    return ""


def as_signalled(number: str) -> str:
    """A number as it came."""
    return number


class CallKeeper:
    """Folds the calls that end, in the writer's thread and within its transaction."""

    def __init__(
        self, pseudonym: Pseudonym = no_pseudonym, form: Callable[[str], str] = as_signalled
    ) -> None:
        self._pseudonym = pseudonym
        self._form = form
        self._kinds: dict[Kind, int] = {}
        self.going = GoingCalls()

    def ended(self, connection: sqlite3.Connection, linkedids: Iterable[str]) -> list[Journey]:
        """Keep those of the calls that have ended; an event that comes late corrects its call.

        Returns the calls that are kept only now, and those that are over only now.
        """
        self._know_kinds(connection)
        starts = _starts(connection)
        new: list[Journey] = []
        for linkedid in linkedids:
            events = self.going.take(linkedid) or read_cel(connection, linkedid=linkedid)
            call = fold_call(linkedid, events, starts)
            if call is None or call.ended_at is None:
                continue
            whole = self._whole(connection, call, starts)
            if whole is not None and (self.keep(connection, whole) or whole is not call):
                new.append(whole)
        return new

    def started(self, connection: sqlite3.Connection, at: datetime) -> list[Journey]:
        """Asterisk was started at `at`: what had not ended before was cut off (F07)."""
        time = microseconds(at)
        if not connection.execute(
            "INSERT OR IGNORE INTO asterisk_starts (time) VALUES (?)", (time,)
        ).rowcount:
            return []
        self.going.forget()
        rows = connection.execute(
            "SELECT DISTINCT linkedid FROM cel WHERE time < ? EXCEPT SELECT linkedid FROM calls "
            "EXCEPT SELECT linkedid FROM held_places",
            (time,),
        ).fetchall()
        cut = self.ended(connection, [linkedid for (linkedid,) in rows])
        return [*cut, *self.lose(connection, time)]

    def lose(self, connection: sqlite3.Connection, before: int) -> list[Journey]:
        """Calls that began before a time (microseconds since 1970), and whose callers' places are
        held as far as is known: they are not. Returns those whose details are kept."""
        self._know_kinds(connection)
        found = []
        for linkedid, text in still_held(connection, before):
            if text is None:
                self._amend(connection, linkedid, place_lost)
            else:
                found.append(place_lost(JOURNEY.validate_json(text)))
                self.keep(connection, found[-1])
        return found

    def _whole(
        self, connection: sqlite3.Connection, call: Journey, starts: Sequence[datetime]
    ) -> Journey | None:
        """The journey that a call belongs to, as far as it is known: its own, or that of the
        caller whose place it held; None where there is nothing to keep of it."""
        if call.holds:
            note_place(connection, call)
            if first_erased(connection, call.holds):
                self._amend(connection, call.holds, partial(with_place, place=call))
                return None
            first = fold_call(call.holds, read_cel(connection, linkedid=call.holds), starts)
            known = first is not None and first.outcome is Outcome.HELD
            return with_place(first, call) if first is not None and known else None
        if call.outcome is not Outcome.HELD:
            return call
        held_by = place_of(connection, call.linkedid)
        if held_by:
            place = fold_call(held_by, read_cel(connection, linkedid=held_by), starts)
            return call if place is None else with_place(call, place)
        assert call.ended_at is not None
        return place_lost(call) if any(call.ended_at < start for start in starts) else call

    def _amend(
        self, connection: sqlite3.Connection, first: str, whole: Callable[[Journey], Journey]
    ) -> None:
        """Keep the figures of a call whose details were erased while its place was held."""
        held = f"SELECT started, kind FROM calls WHERE linkedid = ? AND {_WAS_HELD}"  # noqa: S608 - ours
        row = connection.execute(held, (first,)).fetchone()
        if row is None:
            return
        started, number = row
        kept = next(kind for kind, known in self._kinds.items() if known == number)
        call = whole(without_details(kept, first, moment(started)))
        connection.execute(
            "UPDATE calls SET wait = ?, talked = ?, kind = ?, answered_by = ? WHERE linkedid = ?",
            (
                microseconds_of(call),
                _talked(call),
                self._kind(connection, kind_of(call)),
                call.answered_by,
                first,
            ),
        )

    def keep(self, connection: sqlite3.Connection, journey: Journey) -> bool:
        """Store one call. Returns whether it was not kept before."""
        number = self._form(journey.other_end)
        values = (
            journey.linkedid,
            microseconds(journey.started),
            microseconds_of(journey),
            _talked(journey),
            self._kind(connection, kind_of(journey)),
            journey.calls_out,
            journey.answered_by,
            number,
            self._pseudonym(number) if number else "",
            JOURNEY.dump_json(journey).decode(),
        )
        is_new = connection.execute(_INSERT, values).rowcount > 0
        if not is_new:
            is_over = journey.outcome is not Outcome.HELD
            connection.execute(_CORRECT, (*values, is_over, journey.linkedid))
        return is_new

    def _know_kinds(self, connection: sqlite3.Connection) -> None:
        """What was made in a transaction that was undone isn't known (F33)."""
        (last,) = connection.execute("SELECT max(id) FROM call_kinds").fetchone()
        if last != max(self._kinds.values(), default=None):
            self._kinds = stored_kinds(connection)

    def _kind(self, connection: sqlite3.Connection, kind: Kind) -> int:
        found = self._kinds.get(kind)
        if found is None:
            names, marks = ", ".join(KIND_COLUMNS), ", ".join("?" * len(KIND_COLUMNS))
            values = [getattr(kind, name) for name in KIND_COLUMNS]
            connection.execute(
                f"INSERT OR IGNORE INTO call_kinds ({names}) VALUES ({marks})",  # noqa: S608 - columns of ours
                values,
            )
            same = " AND ".join(f"{name} = ?" for name in KIND_COLUMNS)
            (found,) = connection.execute(
                f"SELECT id FROM call_kinds WHERE {same}",  # noqa: S608 - columns of ours
                values,
            ).fetchone()
            self._kinds[kind] = int(found)
        return int(found)


def read_unsettled(connection: sqlite3.Connection, most: int) -> list[Journey]:
    """Calls of which it wasn't noted that all that follows from them was done, oldest first."""
    rows = connection.execute(
        "SELECT journey FROM calls WHERE settled = 0 AND journey IS NOT NULL ORDER BY id LIMIT ?",
        (most,),
    )
    return [JOURNEY.validate_json(text) for (text,) in rows]


def settle(connection: sqlite3.Connection, linkedids: Iterable[str]) -> None:
    """All that follows from these calls was done."""
    rows = [(linkedid,) for linkedid in linkedids]
    connection.executemany("UPDATE calls SET settled = 1 WHERE linkedid = ?", rows)


def is_kept(connection: sqlite3.Connection, linkedid: str) -> bool:
    """Whether the call has ended, as far as was known."""
    query = (
        "SELECT 1 FROM calls WHERE linkedid = ? UNION ALL "
        "SELECT 1 FROM held_places WHERE linkedid = ?"
    )
    return connection.execute(query, (linkedid, linkedid)).fetchone() is not None


def calls_of_before(database: sqlite_utils.Database) -> None:
    """Keep the calls of a log that was there before calls were kept; nothing follows from them."""
    place_table(database)
    rows = database.execute("SELECT DISTINCT linkedid FROM cel").fetchall()
    CallKeeper().ended(database.conn, [linkedid for (linkedid,) in rows])
    database.execute("UPDATE calls SET settled = 1")


def _talked(journey: Journey) -> int:
    """Microseconds of talking with a number outside that was called."""
    return sum(
        microseconds(talk.until) - microseconds(talk.since)
        for talk in journey.outgoing
        if talk.until is not None
    )


def outgoing_only(database: sqlite_utils.Database) -> None:
    """`talked` was of all talks, and a call that the exchange had refused an outgoing one."""
    outgoing = f"kind IN (SELECT id FROM call_kinds WHERE outcome = '{Outcome.OUTGOING}')"  # noqa: S608 - ours
    database.execute(f"UPDATE calls SET talked = 0 WHERE NOT {outgoing}")  # noqa: S608 - ours
    database.execute(
        f"INSERT OR IGNORE INTO call_kinds ({', '.join(KIND_COLUMNS)}) SELECT "  # noqa: S608 - ours
        f"{', '.join('?' if name == 'outcome' else name for name in KIND_COLUMNS)} "
        "FROM call_kinds WHERE outcome = ?",
        (Outcome.REFUSED, Outcome.OUTGOING),
    )
    same = " AND ".join(f"new.{name} = old.{name}" for name in KIND_COLUMNS if name != "outcome")
    database.execute(
        "UPDATE calls SET kind = (SELECT new.id FROM call_kinds new, call_kinds old "  # noqa: S608 - ours
        f"WHERE old.id = calls.kind AND new.outcome = ? AND {same}) "
        f"WHERE {outgoing} AND talked = 0 AND journey LIKE ?",
        (Outcome.REFUSED, f'%"{Why.OUTGOING_BARRED}"%'),
    )


def _starts(connection: sqlite3.Connection) -> Sequence[datetime]:
    rows = connection.execute("SELECT time FROM asterisk_starts ORDER BY time").fetchall()
    return [moment(time) for (time,) in rows]
