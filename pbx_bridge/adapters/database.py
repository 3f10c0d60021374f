"""The SQLite file that journal and call record share: one writer, many readers.

All writing happens in one thread, so that nothing on the event loop ever waits for the disk
and no writer ever waits for another. Whatever is queued at one moment is committed as one
transaction: a thousand waiting writers cost one fsync. `synchronous=FULL` makes that
commit survive a power failure.

This is storage below the adapters, not an adapter: `journal` and `cel` both stand on it.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Any, Generic, TypeVar

import sqlite_utils
import structlog

from pbx_bridge.files import full_disk, put_aside
from pbx_bridge.ports import JournalDamaged, JournalUnavailable
from pbx_bridge.sqlite_errors import is_damaged, is_out_of_reach

log = structlog.get_logger(__name__)

T = TypeVar("T")
Write = Callable[[sqlite3.Connection], T]
"""What a writer does with the connection: plain SQL, never COMMIT or ROLLBACK."""
Migration = Callable[[sqlite_utils.Database], None]

BUSY_TIMEOUT_S = 2.0
"""How long SQLite waits for another process that holds the file."""
OUT_OF_REACH_S = 0.1
"""The same, once it was waited for in vain and until it is there again."""
WRITE_TIMEOUT_S = 10.0
"""How long a writer waits for its commit, e.g. when the disk hangs."""
CLOSE_TIMEOUT_S = 30.0
FLUSH_PATIENCE_S = 2.0
"""How long a deletion waits for readers, who see what was there before it."""
FLUSH_PAUSE_S = 0.02
QUEUE_LIMIT = 20_000
"""Writes that may wait; more means that the disk hangs, and are refused at once."""
GROUP_LIMIT = 1_000
"""Writes in one transaction; bounds what the first of them waits for the last."""
GATHER_S = 0.2
"""How long writes that nobody waits for wait for company. A commit costs ten times what it
commits, and each wake-up of the writer's thread holds up the event loop."""

MOST_WORDS = 120
_RESTORE = (
    "{path} was damaged: {why}. Stop the exchange and restore it from a backup (pbx-bridge restore "
    "--force); until then calls have the fallback"
)


def _heartbeat_table(database: sqlite_utils.Database) -> None:
    database.table("heartbeat").create({"id": int, "at": str}, pk="id")


@dataclass(frozen=True, slots=True)
class _Job(Generic[T]):
    run: Write[T]
    future: Future[T]
    awaited: bool


@dataclass(frozen=True, slots=True)
class _Outcome:
    value: Any = None
    error: Exception | None = None


class Database:
    """One SQLite file with its writer thread.

    Opening makes the file (readable by its owner only) and raises `JournalUnavailable`
    when that is impossible. `close` must be called; it writes what is still queued.
    """

    def __init__(self, path: Path, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.path = path.absolute()
        self.lost = 0
        """Posted writes that were not stored; nobody waited for them, so they are counted."""
        self._busy_timeout_s = busy_timeout_s
        self._jobs: Queue[_Job[Any] | None] = Queue(QUEUE_LIMIT)
        self._urgent = threading.Event()
        self._lingering = threading.Event()
        """Set while rows that were deleted may still be in the write-ahead file."""
        self._gate = threading.Lock()
        self._closed = False
        self._available = True
        self._connection = self._open()
        self._thread = threading.Thread(
            target=self._work, name=f"writer of {self.path.name}", daemon=True
        )
        self._thread.start()
        try:
            self.migrate("heartbeat", (_heartbeat_table,))
        except BaseException:
            self.close()
            raise

    def migrate(self, subject: str, steps: Sequence[Migration]) -> None:
        """Bring the tables of `subject` up to date; each step is applied once, in order.

        Steps are numbered by their place: append, never reorder or change one that has
        been released. A step and the note that it was applied are one transaction. Meant
        for the start: it waits for the disk.
        """
        migrations = sqlite_utils.Migrations(subject)
        for number, step in enumerate(steps, 1):
            migrations(name=f"{number:03} {step.__name__}")(step)
        uri = f"{self.path.as_uri()}?mode=rw"
        with self._translated(at_start=True), closing(self._connect(uri)) as own:
            migrations.apply(sqlite_utils.Database(own, execute_plugins=False))

    async def write(self, fn: Write[T]) -> T:
        """Return what `fn` returned, when it is durable (committed and synced).

        `fn` runs in the writer thread, within a transaction that others share: when it
        raises, only its own changes are undone and its exception comes out here. Raises
        `JournalUnavailable` when nothing was stored, because the disk is full, locked,
        read-only or broken, or when the disk gave no answer within `WRITE_TIMEOUT_S`
        (then it is unknown whether it will be stored).
        """
        job = _Job(fn, Future[T](), awaited=True)
        self._enqueue(job)
        deadline = asyncio.timeout(WRITE_TIMEOUT_S)
        try:
            async with deadline:
                return await asyncio.wrap_future(job.future)
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise JournalUnavailable(
                f"{self.path}: no commit within {WRITE_TIMEOUT_S:g} s; check the disk"
            ) from error

    def post(self, fn: Write[object]) -> None:
        """Queue `fn` behind everything queued before it, without waiting.

        A failure is logged and counted in `lost`. Raises `JournalUnavailable` only when the
        queue is full or the database closed.
        """
        self._enqueue(_Job(fn, Future[object](), awaited=False))

    @contextmanager
    def reader(self) -> Iterator[sqlite3.Connection]:
        """A read-only connection that sees one moment of the file for as long as it is open.

        For one thread; close it soon, since an open reader keeps the WAL file growing.
        """
        with self._translated(), closing(self._connect(f"{self.path.as_uri()}?mode=ro")) as own:
            own.execute("BEGIN")
            yield own

    async def beat(self, at: datetime) -> None:
        """Store a sign of life: a write like any other."""
        values = (1, at.isoformat())
        await self.write(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO heartbeat (id, at) VALUES (?, ?)", values
            )
        )

    def flush(self) -> None:
        """Move what the write-ahead file holds into the database, and empty it: deleted rows are
        then nowhere on the disk.

        Who reads an older moment is in the way. They are waited for a little, and writers aren't
        held up by it; after that the writer's thread does it as soon as they are done.
        """
        self._lingering.set()
        with self._translated(), closing(self._connect(f"{self.path.as_uri()}?mode=rw")) as own:
            deadline = time.monotonic() + FLUSH_PATIENCE_S
            while self._lingering.is_set() and not self._emptied(own):
                if time.monotonic() > deadline:
                    log.warning(
                        "deleted_rows_linger",
                        what="in the write-ahead file, for readers; tried again",
                    )
                    return
                time.sleep(FLUSH_PAUSE_S)
        self._lingering.clear()

    def _emptied(self, connection: sqlite3.Connection) -> bool:
        """Try to empty the write-ahead file, without waiting for anybody."""
        (patience_ms,) = connection.execute("PRAGMA busy_timeout").fetchone()
        connection.execute("PRAGMA busy_timeout=0")
        try:
            (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error:
            return False  # a disk in trouble is told of by the next write
        finally:
            connection.execute(f"PRAGMA busy_timeout={patience_ms}")
        return not busy

    @property
    def waiting(self) -> int:
        """Writes in the queue."""
        return self._jobs.qsize()

    def close(self) -> None:
        """Write what is queued, then close the file. Idempotent."""
        with self._gate:
            first, self._closed = not self._closed, True
        if first:
            with suppress(Full):
                self._jobs.put(None, timeout=CLOSE_TIMEOUT_S)
            self._urgent.set()
        self._thread.join(CLOSE_TIMEOUT_S)
        if self._thread.is_alive():
            log.error("database_not_closed", path=str(self.path), waited_s=CLOSE_TIMEOUT_S)

    def _open(self) -> sqlite3.Connection:
        with self._translated(at_start=True):
            if os.path.lexists(self.path) and not self.path.is_file():
                raise JournalDamaged(_RESTORE.format(path=self.path, why="it is no file"))
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self.path.touch(mode=0o600)
            except OSError as error:
                raise self._unavailable(error) from error
            self._clear_the_way()
            connection = self._connect(f"{self.path.as_uri()}?mode=rw")
            try:
                (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute("PRAGMA secure_delete=ON")
                # What a bridge deleted that was killed before it had emptied the file.
                self._emptied(connection)
            except BaseException:
                connection.close()
                raise
            if mode != "wal":
                connection.close()
                raise JournalUnavailable(f"{self.path}: no WAL here; put the file on a local disk")
            return connection

    def _clear_the_way(self) -> None:
        """Put aside what SQLite never put beside the file, and can't open."""
        for suffix in ("-wal", "-shm"):
            beside = self.path.with_name(f"{self.path.name}{suffix}")
            if os.path.lexists(beside) and (beside.is_symlink() or not beside.is_file()):
                log.error("put_aside", path=str(beside), damaged=str(put_aside(beside)))

    def _connect(self, uri: str) -> sqlite3.Connection:
        # Autocommit: transactions begin and end only where this module says so. The writer's
        # connection is opened by the caller of the constructor and then used by its thread.
        return sqlite3.connect(
            uri,
            uri=True,
            timeout=self._busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,
        )

    @contextmanager
    def _translated(self, *, at_start: bool = False) -> Iterator[None]:
        """Whatever else SQLite finds at the start isn't what was written there."""
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:
            if is_damaged(error) or is_out_of_reach(error):
                raise self._unavailable(error) from error
            if at_start:
                raise self._damage(error) from error
            raise

    def _unavailable(self, error: Exception) -> JournalUnavailable:
        if is_damaged(error):
            return self._damage(error)
        why = full_disk(self.path.parent) or "check free space, rights and the disk"
        return JournalUnavailable(f"{self.path}: {error}; {why}")

    def _damage(self, error: Exception) -> JournalDamaged:
        shown = str(error).partition(" with text")[0]  # the text may be a caller's number
        why = " ".join(shown.split())[:MOST_WORDS]
        return JournalDamaged(_RESTORE.format(path=self.path, why=why))

    def _enqueue(self, job: _Job[Any]) -> None:
        with self._gate:
            if self._closed:
                raise JournalUnavailable(f"{self.path}: closed")
            try:
                self._jobs.put_nowait(job)
            except Full:
                raise JournalUnavailable(
                    f"{self.path}: {QUEUE_LIMIT} writes are waiting; check the disk"
                ) from None
        if job.awaited:
            self._urgent.set()

    def _work(self) -> None:
        with closing(self._connection):
            ended = False
            while not ended:
                group, ended = self._next_group()
                # A waiter that was cancelled before its turn writes nothing.
                self._carry_out([job for job in group if job.future.set_running_or_notify_cancel()])
                if self._lingering.is_set() and self._emptied(self._connection):
                    self._lingering.clear()

    def _next_group(self) -> tuple[list[_Job[Any]], bool]:
        group: list[_Job[Any]] = []
        job = self._jobs.get()
        if job is not None and not job.awaited:
            self._urgent.wait(GATHER_S)
        self._urgent.clear()
        while job is not None:
            group.append(job)
            if len(group) >= GROUP_LIMIT:
                self._urgent.set()  # somebody may wait among those that are left
                return group, False
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return group, False
        return group, True

    def _carry_out(self, group: Sequence[_Job[Any]]) -> None:
        if not group:
            return
        try:
            outcomes = self._transact(group)
        except Exception as error:
            # Whatever it was, nothing of the group was stored.
            self._mark(available=False, why=error)
            outcomes = [_Outcome(error=self._unavailable(error)) for _ in group]
        else:
            self._mark(available=True)
        for job, outcome in zip(group, outcomes, strict=True):
            self._settle(job, outcome)

    def _transact(self, group: Sequence[_Job[Any]]) -> list[_Outcome]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            outcomes = [self._attempt(job) for job in group]
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return outcomes

    def _attempt(self, job: _Job[Any]) -> _Outcome:
        self._connection.execute("SAVEPOINT job")
        try:
            outcome = _Outcome(job.run(self._connection))
        except Exception as error:
            # SQLite may have ended the whole transaction by itself: nobody's part is stored.
            if not self._connection.in_transaction or is_out_of_reach(error):
                raise
            self._connection.execute("ROLLBACK TO job")
            outcome = _Outcome(error=error)
        self._connection.execute("RELEASE job")
        return outcome

    def _settle(self, job: _Job[Any], outcome: _Outcome) -> None:
        if outcome.error is None:
            job.future.set_result(outcome.value)
            return
        if not job.awaited:
            self.lost += 1
            if not isinstance(outcome.error, JournalUnavailable):
                log.error("posted_write_failed", exc_info=outcome.error)
        job.future.set_exception(outcome.error)

    def _mark(self, *, available: bool, why: Exception | None = None) -> None:
        if available == self._available:
            return
        self._available = available
        # Who waits for a file that is out of reach waits in vain: not long, then.
        patience_ms = int((self._busy_timeout_s if available else OUT_OF_REACH_S) * 1000)
        self._connection.execute(f"PRAGMA busy_timeout = {patience_ms}")
        if available:
            log.info("database_back", path=str(self.path), lost=self.lost)
        else:
            log.error("database_unavailable", path=str(self.path), why=str(why))
