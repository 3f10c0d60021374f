"""Follows Asterisk's call event log and keeps each event, and each call, exactly once.

Asterisk writes the file whether a bridge runs or not, so the file is the truth and this is
its copy: the place up to which it has been read is committed together with the rows, and a
row is known by the hash of its record in the file. Nothing that happens to either can lose or
double an event, as long as the file it stood in is still there.

A place is an offset and the *anchor*, a hash of the bytes just before it. The file that has
those bytes there is the file that was being read, whatever it is called now: rotation by
renaming, rotation by copying and truncating, and a file filled anew are all told apart that
way. (An inode number can't tell: file systems give it to the next file.)

Callers' numbers stand in the file too, so it is not kept: once a day it gets another name (Asterisk
opens it anew for each event), and what had that name the day before, and was copied, is deleted.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import BinaryIO

import structlog

from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.record.calls import (
    CallKeeper,
    Pseudonym,
    as_signalled,
    call_tables,
    calls_of_before,
    is_kept,
    no_pseudonym,
    outgoing_only,
    read_unsettled,
    settle,
)
from pbx_bridge.adapters.record.chunks import Chunk, Place, Source, anchor_at, chunk_after
from pbx_bridge.adapters.record.erasing import erase_old, forget
from pbx_bridge.adapters.record.events import (
    add,
    cel_in_order,
    cel_tables,
    event_of,
    harmless,
)
from pbx_bridge.adapters.record.places import place_table
from pbx_bridge.core.latency import Journey
from pbx_bridge.core.record import CelEvent, microseconds
from pbx_bridge.ports import JournalUnavailable
from pbx_bridge.wire.cel import parse

log = structlog.get_logger(__name__)

POLL_INTERVAL_S = 0.25
"""The record is for looking back: under load a poll gathers what one commit stores."""
RETRY_INTERVAL_S = 1.0
"""Between attempts while the file or the database can't be used."""
"""Read and committed at a time (some 600 events, 10 ms), since the journal waits for the same
writer; more than a record may have, so that a longer one is seen to be."""
WRITTEN_S = 1.0
"""By then an event has been written whose file was opened before it got another name."""
ROTATIONS = 9
"""How many older files (`path.1` …) are looked through for the one that was being read."""
_ENDS = ("HANGUP", "CHAN_END", "LINKEDID_END")

LONGEST_HOLD = timedelta(days=1)
"""By then a place in a queue isn't held any more, whatever became of the call that held it."""
MOST_UNSETTLED = 500
"""Calls that are taken up at a time."""
MIGRATIONS = (
    cel_tables,
    cel_in_order,
    call_tables,
    calls_of_before,
    place_table,
    outgoing_only,
)


class CelTail:
    """Copies the log at `path` into `store`.

    `offset_s` is added to Asterisk's times, for a bridge whose clock is set ahead of the
    machine's (0 in service). `form` gives numbers their one form, by which a caller is known.
    """

    def __init__(
        self,
        path: Path,
        store: Database,
        offset_s: int = 0,
        pseudonym: Pseudonym = no_pseudonym,
        form: Callable[[str], str] = as_signalled,
    ) -> None:
        store.migrate("cel", MIGRATIONS)
        self.changed = asyncio.Event()
        """Set when calls have ended, after they were committed."""
        self.changed.set()
        self.malformed = 0
        """Records that held no event, since the start; a replay counts them again."""
        self._path = path.absolute()
        self._store = store
        self._offset_s = offset_s
        self._pseudonym = pseudonym
        self._keeper = CallKeeper(pseudonym, form)
        self._turn = asyncio.Lock()
        self._place = self._stored_place()
        self._seen: tuple[int, int, int] | None = None
        self._well = True

    async def run(self) -> None:
        """Follow the file until cancelled. Trouble is logged, and tried again."""
        while True:
            try:
                await self.catch_up()
            except (OSError, JournalUnavailable) as error:
                self._mark(well=False, why=str(error))
                await asyncio.sleep(RETRY_INTERVAL_S)
            else:
                self._mark(well=True)
                await asyncio.sleep(POLL_INTERVAL_S)

    async def catch_up(self) -> int:
        """Read all that is there and return how many events were new.

        A file that isn't there (nothing happened yet) is no error. Raises `OSError` and
        `JournalUnavailable`; what was not committed is read again next time.
        """
        async with self._turn:
            seen = self._look()
            if seen is None or seen == self._seen:
                return 0
            new = 0
            with ExitStack() as opened:
                for source in self._sources(opened):
                    new += await self._read(source)
            self._seen = seen
            return new

    async def asterisk_started(self, at: datetime) -> None:
        """Asterisk says that it was started at `at` (its clock): what was open then is lost (F07).

        Told again, it changes nothing. Raises `OSError` and `JournalUnavailable`.
        """
        await self.catch_up()
        shifted = at + timedelta(seconds=self._offset_s)
        self._tell(await self._store.write(partial(self._keeper.started, at=shifted)))

    async def erase_old(
        self, numbers_before: datetime, calls_before: datetime
    ) -> Mapping[str, int]:
        """Delete callers' numbers, and calls, that are older, from the disk too, and the log of
        the day before."""
        await self._rotate()
        before = microseconds(numbers_before - LONGEST_HOLD)
        await self._store.write(partial(self._keeper.lose, before=before))
        erase = partial(erase_old, numbers_before=numbers_before, calls_before=calls_before)
        found = await self._store.write(erase)
        if any(found.values()):
            await asyncio.to_thread(self._store.flush)
        return found

    async def forget(self, number: str) -> Mapping[str, int]:
        """Delete what is known of one number, from the disk too, and the log, which is copied."""
        await self._rotate()
        await asyncio.sleep(WRITTEN_S)
        await self.catch_up()
        async with self._turn:
            await self._drop_rotated()
        found = await self._store.write(
            partial(forget, number=number, pseudonym=self._pseudonym(number))
        )
        await asyncio.to_thread(self._store.flush)
        return found

    async def unsettled(self) -> Sequence[Journey]:
        """Calls that have ended and weren't settled, oldest first; at most `MOST_UNSETTLED`."""

        def look() -> list[Journey]:
            with self._store.reader() as connection:
                return read_unsettled(connection, MOST_UNSETTLED)

        return await asyncio.to_thread(look)

    async def settle(self, calls: Sequence[Journey]) -> None:
        """Whatever follows from the calls was done, and won't be done again."""
        linkedids = [call.linkedid for call in calls]
        await self._store.write(partial(settle, linkedids=linkedids))

    async def _rotate(self) -> None:
        """Delete what was rotated before, and give the file another name.

        The file may be somebody else's, whom it has to be left to.
        """
        await self.catch_up()
        async with self._turn:
            try:
                await self._drop_rotated()
                if self._path.exists():
                    self._path.rename(self._rotated(1))
            except OSError as error:
                log.warning("cel_not_rotated", path=str(self._path), why=str(error))

    async def _drop_rotated(self) -> None:
        """Delete files of other names, all of which have been read. Raises `OSError`."""
        older = [path for path in map(self._rotated, range(1, ROTATIONS + 1)) if path.exists()]
        if older and not self._is_here():
            await self._store.write(self._lose_place)
            self._place = None
        for path in older:
            path.unlink()

    def _is_here(self) -> bool:
        """Whether our place is in the file of the present name."""
        if self._place is None or not self._path.exists():
            return False
        with self._path.open("rb") as file:
            return anchor_at(file, self._place.offset) == self._place.anchor

    def _lose_place(self, connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM cel_cursor WHERE path = ?", (str(self._path),))

    @property
    def well(self) -> bool:
        """Whether the file could be followed when it was looked at last."""
        return self._well

    @property
    def behind_bytes(self) -> int:
        """How much of the file is not read yet."""
        if self._place is None:
            return 0
        try:
            return max(0, self._path.stat().st_size - self._place.offset)
        except FileNotFoundError:
            return 0

    def _look(self) -> tuple[int, int, int] | None:
        """What changes when something was written: cheap enough to ask at every poll."""
        for path in (self._path, self._rotated(1)):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            return status.st_ino, status.st_size, status.st_mtime_ns
        return None

    def _rotated(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _sources(self, opened: ExitStack) -> list[Source]:
        """Open what is to be read, oldest first: the file with our place in it, and all newer.

        When none has it (the first start, or a truncated file), everything is read: what is
        stored already is not stored again. All are opened at once, so that a rotation while
        they are read changes nothing.
        """
        older = map(self._rotated, range(1, ROTATIONS + 1))
        newer: list[Source] = []
        for path in (self._path, *older):
            try:
                file: BinaryIO = opened.enter_context(path.open("rb"))
            except FileNotFoundError:
                continue
            old = path != self._path
            place = self._place
            if place is not None and anchor_at(file, place.offset) == place.anchor:
                return [Source(file, place.offset, old), *newer]
            newer.insert(0, Source(file, 0, old))
        if self._place is not None:
            log.warning("cel_place_lost", path=str(self._path), next="reading all there is")
        return newer

    async def _read(self, source: Source) -> int:
        new, offset = 0, source.offset
        while (chunk := chunk_after(source, offset)) is not None:
            try:
                found, ended, malformed = await self._store.write(partial(self._keep, chunk))
            except BaseException:  # perhaps nothing of it is stored
                self._keeper.going.forget()
                raise
            self._place = chunk.after
            offset = chunk.after.offset
            new += found
            self.malformed += malformed
            if malformed:
                log.warning("cel_malformed", records=malformed, before_offset=offset)
            self._tell(ended)
        return new

    def _keep(self, chunk: Chunk, connection: sqlite3.Connection) -> tuple[int, list[Journey], int]:
        """Commit rows, place and the calls that end in them together.

        Returns how many events are new, the calls, and how many records were malformed.
        """
        shift_us = self._offset_s * 1_000_000
        rows = ((record, parse(record)) for record in chunk.records)
        parsed = [(record, harmless(row)) for record, row in rows if row is not None]
        malformed = len(chunk.records) - len(parsed)
        new = add(connection, parsed, shift_us)
        calls: dict[str, list[CelEvent]] = {}
        for _, row in parsed if new else ():
            event = event_of(row, shift_us)
            calls.setdefault(event.linkedid, []).append(event)
        if new == len(parsed):
            self._keeper.going.see(calls)
        else:  # some were stored before, as in a replay
            self._keeper.going.forget()
        over = [one for one, own in calls.items() if any(event.type in _ENDS for event in own)]
        # What comes after a call's end corrects it.
        late = [one for one in calls.keys() - over if is_kept(connection, one)]
        ended = self._keeper.ended(connection, over)
        self._keeper.ended(connection, late)
        connection.execute(
            "INSERT OR REPLACE INTO cel_cursor (path, offset, anchor) VALUES (?, ?, ?)",
            (str(self._path), chunk.after.offset, chunk.after.anchor),
        )
        return new, ended, malformed

    def _stored_place(self) -> Place | None:
        with self._store.reader() as connection:
            row = connection.execute(
                "SELECT offset, anchor FROM cel_cursor WHERE path = ?", (str(self._path),)
            ).fetchone()
        return Place(*row) if row else None

    def _tell(self, ended: Sequence[Journey]) -> None:
        if ended:
            self.changed.set()

    def _mark(self, *, well: bool, why: str = "") -> None:
        if well == self._well:
            return
        self._well = well
        if well:
            log.info("cel_followed_again", path=str(self._path))
        else:
            log.error("cel_not_followed", path=str(self._path), why=why)
