"""`SqliteJournal`: the journal's table and the way rows get into it."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import sqlite_utils
import structlog

from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.journal.anchors import Anchors, read_last_anchor
from pbx_bridge.adapters.journal.chain import (
    BEGINNING,
    Head,
    found_holes,
    head_file,
    noted_holes,
    read_head,
    seal,
    write_head,
)
from pbx_bridge.adapters.journal.codec import RowUnreadable, decode, encode
from pbx_bridge.core.events import Event, HistoryLost
from pbx_bridge.files import put_aside
from pbx_bridge.ports import Entry, JournalUnavailable

log = structlog.get_logger(__name__)

HEAD_INTERVAL_S = 1.0
"""The head file follows a stream of notes at this pace, and every `append` at once."""


def _journal_table(database: sqlite_utils.Database) -> None:
    database["journal"].create(
        {
            "seq": int,
            "at": str,
            "kind": str,
            "body": str,
            "salt": bytes,
            "commitment": bytes,
            "chain": bytes,
        },
        pk="seq",
        not_null={"at", "kind", "commitment", "chain"},
    )


def _journal_kinds(database: sqlite_utils.Database) -> None:
    """Most rows are decisions, which few readers want."""
    database["journal"].create_index(["kind"])


MIGRATIONS = (_journal_table, _journal_kinds)


class SqliteJournal:
    """The port `Journal` on a `Database`, which it shares and does not close.

    Opening creates or migrates the table, so it waits for the disk. A damaged head file is put
    aside and made anew. Raises `JournalUnavailable`.
    """

    def __init__(self, database: Database, anchors: Anchors | None = None) -> None:
        """`anchors`: where the head is noted outside the state folder, None for nowhere."""
        database.migrate("journal", MIGRATIONS)
        self.lost = 0
        """Notes that could not even be queued. `Database.lost` counts those that failed later."""
        self._database = database
        self._head_file = head_file(database.path)
        noted, outside = self._read_head(), _last_outside(anchors)
        with database.reader() as connection:
            heads = [one for one in (noted, outside) if one is not None]
            self.not_noted = found_holes(connection, heads)
            """What was found missing, until a row after it tells of it: the next one does."""
            last = _last(connection)
        for hole in self.not_noted:
            log.error(
                "journal_history_lost", first=hole.first, last=hole.last, why=hole.why, see="verify"
            )
        # From here on only touched in the writer thread.
        self._noted = (
            max((last, *heads), key=lambda one: one.seq) if self.not_noted else noted or last
        )
        self._noted_at = time.monotonic()
        self._trouble = ""
        """Why the head could not be noted last."""
        self._anchors = anchors
        if noted is None and last != BEGINNING:
            self._make_head(last)
        if anchors is not None:
            anchors.note(self._noted, at_once=True)

    async def append(self, at: datetime, events: Sequence[Event]) -> None:
        """Return when `events` are durable, all of them. Raises `JournalUnavailable`.

        After a time-out it is unknown whether they will be stored; after any other failure
        none of them is.
        """
        moment = _utc(at)
        await self._database.write(lambda connection: self._add(connection, moment, events))
        with suppress(JournalUnavailable):  # the events are stored; only the head waits
            self._database.post(lambda _: self._note_head())

    def note(self, at: datetime, events: Sequence[Event]) -> None:
        """Append without waiting, after everything appended or noted before.

        Storage trouble is counted and logged, never raised: a call goes on without it.
        """
        moment = _utc(at)
        try:
            self._database.post(lambda connection: self._add(connection, moment, events))
        except JournalUnavailable as error:
            if not self.lost:
                log.error("notes_refused", why=str(error))
            self.lost += len(events)

    def entries(self, without: Sequence[type[Event]] = ()) -> Iterator[Entry]:
        """All entries from the first but those of some kinds, erased ones left out.

        Raises `RowUnreadable`.
        """
        with self._database.reader() as connection:
            yield from read_entries(connection, without=without)

    async def erase(self, seqs: Sequence[int]) -> None:
        """Remove the bodies of rows, overwriting them on the disk; the chain still verifies."""
        rows = [(seq,) for seq in seqs]

        def blank(connection: sqlite3.Connection) -> None:
            connection.executemany("UPDATE journal SET body=NULL, salt=NULL WHERE seq=?", rows)

        await self._database.write(blank)
        await asyncio.to_thread(self._database.flush)

    async def select(
        self, kinds: Sequence[type[Event]], before: datetime | None = None, after: int = 0
    ) -> Sequence[Entry]:
        """The entries of some kinds, `before` a moment or all, and those `after` a row. Raises
        `RowUnreadable`."""

        def look() -> list[Entry]:
            with self._database.reader() as connection:
                return list(read_entries(connection, kinds, before, after=after))

        return await asyncio.to_thread(look)

    async def close(self) -> None:
        """Wait for everything that was noted, and note the head. The database stays open."""
        try:
            await self._database.write(lambda _: None)
            await self._database.write(lambda _: self._note_head(at_once=True))
        finally:
            if self._anchors is not None:
                await asyncio.to_thread(self._anchors.close)

    def _read_head(self) -> Head | None:
        try:
            return read_head(self._head_file)
        except ValueError as error:
            aside = put_aside(self._head_file)
            log.error("journal_head_made_anew", why=str(error), damaged=str(aside))
            return None

    def _make_head(self, head: Head) -> None:
        try:
            write_head(self._head_file, head)
        except OSError as error:
            self._is_not_noted(error)

    def _add(self, connection: sqlite3.Connection, at: str, events: Sequence[Event]) -> None:
        if self.not_noted:
            events = (*self._lost(connection, at, events), *events)
        if time.monotonic() - self._noted_at >= HEAD_INTERVAL_S:
            self._note_head()
        head = self._head(connection)
        rows = []
        for event in events:
            kind, body = encode(event)
            seal_ = seal(head, at, kind, body)
            head = seal_.head
            rows.append((head.seq, at, kind, body, seal_.salt, seal_.commitment, head.chain))
        connection.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def _lost(
        self, connection: sqlite3.Connection, at: str, events: Sequence[Event]
    ) -> Sequence[Event]:
        """What tells of the holes, beside them: whoever writes the first row after them."""
        noted = {(one.first, one.last) for one in noted_holes(connection)}
        self.not_noted = tuple(one for one in self.not_noted if (one.first, one.last) not in noted)
        if events and isinstance(events[0], HistoryLost):
            return ()
        moment = datetime.fromisoformat(at)
        return [
            HistoryLost(one.first, one.last, one.why, moment, one.chain) for one in self.not_noted
        ]

    def _head(self, connection: sqlite3.Connection) -> Head:
        """The row to build on: the last one, unless somebody has cut it off.

        Then the chain goes on after the noted head, so that the hole stays for `verify` to
        find; building on what is left would hide it.
        """
        last = _last(connection)
        return last if last.seq >= self._noted.seq else self._noted

    def _note_head(self, *, at_once: bool = False) -> None:
        # A reader sees only what is committed, not the transaction that this runs in.
        self._noted_at = time.monotonic()
        try:
            with self._database.reader() as committed:
                head = _last(committed)
            if head.seq > self._noted.seq:
                write_head(self._head_file, head)
                self._noted, self._trouble = head, ""
            if self._anchors is not None:
                self._anchors.note(self._noted, at_once=at_once)
        except (OSError, JournalUnavailable) as error:
            self._is_not_noted(error)

    def _is_not_noted(self, why: Exception) -> None:
        """Said once: it is tried each second."""
        # The name of the file that was to replace it is another each time.
        trouble = (why.strerror if isinstance(why, OSError) else "") or str(why)
        if self._trouble != trouble:
            log.error("journal_head_not_noted", path=str(self._head_file), why=trouble)
        self._trouble = trouble


def read_entries(
    connection: sqlite3.Connection,
    kinds: Sequence[type[Event]] | None = None,
    before: datetime | None = None,
    unreadable: Callable[[RowUnreadable], None] | None = None,
    without: Sequence[type[Event]] = (),
    after: int = 0,
) -> Iterator[Entry]:
    """Entries `after` a row, all or those of some kinds and before a moment; erased ones, and
    kinds that the reader does without, left out. Raises `RowUnreadable`, or hands it to
    `unreadable` and goes on after that row.

    A database that no bridge has kept a journal in yet holds none.
    """
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'journal'").fetchone() is None:
        return
    # Read as bytes: text that isn't UTF-8 would stop SQLite, and with it all rows after it.
    conditions, values = ["body IS NOT NULL"], list[str | bytes | int]()
    names = None if kinds is None else [kind.__name__.encode() for kind in kinds]
    if without:
        distinct = "SELECT CAST(kind AS BLOB) FROM (SELECT DISTINCT kind FROM journal)"
        there = [name for (name,) in connection.execute(distinct)]
        others = {kind.__name__.encode() for kind in without}
        names = [name for name in names or there if name not in others]
    if names is not None:
        conditions.append(f"kind IN ({', '.join(['CAST(? AS TEXT)'] * len(names))})")
        values += names
    if before is not None:
        conditions.append("at < ?")
        values.append(_utc(before))
    if after:
        conditions.append("seq > ?")
        values.append(after)
    where = " AND ".join(conditions)
    rows = connection.execute(
        "SELECT seq, CAST(at AS BLOB), CAST(kind AS BLOB), CAST(body AS BLOB) "  # noqa: S608 - a column of ours
        f"FROM journal WHERE {where} ORDER BY seq",
        values,
    )
    for seq, at, kind, body in rows:
        try:
            entry = _entry(seq, at, kind, body)
        except RowUnreadable as error:
            if unreadable is None:
                raise
            unreadable(error)
        else:
            yield entry


def _entry(seq: int, at: bytes, kind: bytes, body: bytes) -> Entry:
    try:
        moment = datetime.fromisoformat(at.decode())
    except ValueError:
        moment = None
    if moment is None or moment.utcoffset() is None:
        raise RowUnreadable(
            f"journal row {seq}: its time is none; run `pbx-bridge verify` to see whether the row "
            "was changed"
        )
    return Entry(seq, moment, decode(seq, kind.decode(errors="replace"), body))


def _last_outside(anchors: Anchors | None) -> Head | None:
    """The head that the anchor file has; none where it can't be read, which is said."""
    if anchors is None or anchors.file is None:
        return None
    try:
        return read_last_anchor(anchors.file)
    except (OSError, ValueError) as error:
        anchors.trouble = str(error)
        log.error("journal_anchor_not_read", path=str(anchors.file), why=str(error))
        return None


def _last(connection: sqlite3.Connection) -> Head:
    # The cast keeps a row that somebody edited from stopping new ones; `verify` names it.
    query = "SELECT seq, CAST(chain AS BLOB) FROM journal ORDER BY seq DESC LIMIT 1"
    row = connection.execute(query).fetchone()
    return Head(*row) if row else BEGINNING


def _utc(at: datetime) -> str:
    if at.utcoffset() is None:
        raise ValueError(f"{at} has no time zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds")
