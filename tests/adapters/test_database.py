"""The database: durable, grouped, and honest about a disk that fails."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlite_utils
from structlog.testing import capture_logs

from pbx_bridge.adapters import database as module
from pbx_bridge.adapters.database import Database
from pbx_bridge.ports import JournalUnavailable


def notes(db: sqlite_utils.Database) -> None:
    db.table("note").create({"text": str})


def loudness(db: sqlite_utils.Database) -> None:
    db.table("note").add_column("loud", int)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "state" / "bridge.db", busy_timeout_s=0.05)
    opened.migrate("notes", [notes])
    yield opened
    opened.close()


def adding(text: str) -> module.Write[str]:
    def add(connection: sqlite3.Connection) -> str:
        connection.execute("INSERT INTO note (text) VALUES (?)", (text,))
        return text

    return add


@contextmanager
def writer_held(database: Database) -> Iterator[None]:
    """The writer thread busy, as with a disk that hangs, until the block ends."""
    held, gate = threading.Event(), threading.Event()

    def hold(_: sqlite3.Connection) -> None:
        held.set()
        gate.wait(5)

    database.post(hold)
    assert held.wait(5)
    try:
        yield
    finally:
        gate.set()


def written(database: Database) -> list[str]:
    with database.reader() as connection:
        return [text for (text,) in connection.execute("SELECT text FROM note ORDER BY rowid")]


async def test_what_was_acknowledged_is_in_the_file(database: Database) -> None:
    assert await database.write(adding("a")) == "a"
    with closing(sqlite3.connect(database.path)) as other:
        assert other.execute("SELECT text FROM note").fetchall() == [("a",)]


async def test_the_writer_uses_wal_and_syncs_each_commit(database: Database) -> None:
    def settings(connection: sqlite3.Connection) -> tuple[object, object]:
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
        return mode, synchronous

    assert await database.write(settings) == ("wal", 2)


def test_only_the_owner_can_read_the_file(database: Database) -> None:
    assert stat.S_IMODE(database.path.stat().st_mode) == 0o600


async def test_everything_queued_at_one_moment_is_one_transaction(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[int] = []
    carry_out = database._carry_out

    def counting(group: list[module._Job[object]]) -> None:
        groups.append(len(group))
        carry_out(group)

    monkeypatch.setattr(database, "_carry_out", counting)
    with writer_held(database):
        writers = [asyncio.ensure_future(database.write(adding(str(n)))) for n in range(100)]
        await asyncio.sleep(0)
    await asyncio.gather(*writers)
    assert written(database) == [str(n) for n in range(100)]
    assert groups == [1, 100]


async def test_one_failing_write_undoes_only_itself(database: Database) -> None:
    def half(connection: sqlite3.Connection) -> None:
        adding("never")(connection)
        raise LookupError("half way")

    results = await asyncio.gather(
        database.write(adding("before")),
        database.write(half),
        database.write(adding("after")),
        return_exceptions=True,
    )
    assert isinstance(results[1], LookupError)
    assert written(database) == ["before", "after"]


async def test_a_wrong_statement_is_the_writers_own_error(database: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await database.write(lambda connection: connection.execute("INSERT INTO nowhere VALUES(1)"))
    await database.write(adding("next"))


async def test_posts_and_writes_keep_their_order(database: Database) -> None:
    database.post(adding("1"))
    await database.write(adding("2"))
    database.post(adding("3"))
    await database.write(adding("4"))
    assert written(database) == ["1", "2", "3", "4"]


def _limit_to(pages: int) -> module.Write[object]:
    return lambda connection: connection.execute(f"PRAGMA max_page_count={pages}").fetchone()


async def test_f33_on_a_full_disk_nothing_is_acknowledged_and_later_all_is_well(
    database: Database,
) -> None:
    await database.write(adding("kept"))
    await database.write(_limit_to(1))  # SQLite takes the present size when it is larger
    database.post(adding("x" * 100_000))
    outcomes = await asyncio.gather(
        database.write(adding("small")),
        database.write(adding("y" * 100_000)),
        return_exceptions=True,
    )
    assert isinstance(outcomes[1], JournalUnavailable)
    assert "full" in str(outcomes[1])
    acknowledged = [text for text in outcomes if isinstance(text, str)]
    assert written(database) == ["kept", *acknowledged]
    assert database.lost == 1

    await database.write(_limit_to(1_000_000))
    await database.write(adding("z" * 100_000))
    assert len(written(database)) == 2 + len(acknowledged)


async def test_f33_a_locked_file_is_unavailable_until_it_is_let_go(database: Database) -> None:
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalUnavailable, match="locked"):
            await database.write(adding("no"))
        other.execute("ROLLBACK")
    await database.write(adding("yes"))
    assert written(database) == ["yes"]


async def test_f33_a_read_only_file_is_unavailable_until_it_is_writable(
    database: Database,
) -> None:
    database._connection.execute("PRAGMA query_only=ON")
    with pytest.raises(JournalUnavailable, match="readonly"):
        await database.write(adding("no"))
    database._connection.execute("PRAGMA query_only=OFF")
    await database.write(adding("yes"))
    assert written(database) == ["yes"]


async def test_f33_a_disk_that_hangs_costs_a_bounded_wait(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched, writer_held(database):
        patched.setattr(module, "WRITE_TIMEOUT_S", 0.02)
        with pytest.raises(JournalUnavailable, match="no commit within"):
            await database.write(adding("given up"))
    await database.write(adding("next"))
    assert written(database) == ["next"]


async def test_more_waiting_than_the_limit_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUEUE_LIMIT", 2)
    small = Database(tmp_path / "small.db")
    with writer_held(small):
        small.post(lambda _: None)
        small.post(lambda _: None)
        with pytest.raises(JournalUnavailable, match="waiting"):
            small.post(lambda _: None)
    small.close()


async def test_closing_writes_what_is_queued_and_ends_the_thread(database: Database) -> None:
    for number in range(500):
        database.post(adding(str(number)))
    database.close()
    assert not database._thread.is_alive()
    with closing(sqlite3.connect(database.path)) as other:
        assert other.execute("SELECT count(*) FROM note").fetchone() == (500,)
    with pytest.raises(JournalUnavailable, match="closed"):
        await database.write(adding("late"))


async def test_a_waiter_cancelled_before_its_turn_writes_nothing(database: Database) -> None:
    with writer_held(database):
        waiting = asyncio.ensure_future(database.write(adding("no")))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    await database.write(adding("yes"))
    assert written(database) == ["yes"]


def test_each_migration_is_applied_once_and_subjects_do_not_meet(database: Database) -> None:
    database.migrate("notes", [notes, loudness])
    database.migrate("notes", [notes, loudness])
    database.migrate("other", [lambda db: db.table("other").create({"x": int})])
    with database.reader() as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(note)")]
    assert columns == ["text", "loud"]


def test_a_migration_that_fails_leaves_nothing_and_can_be_repeated(database: Database) -> None:
    def broken(db: sqlite_utils.Database) -> None:
        db.table("half").create({"x": int})
        raise LookupError("half way")

    with pytest.raises(LookupError):
        database.migrate("half", [broken])
    database.migrate("half", [lambda db: db.table("half").create({"x": int})])


async def test_a_reader_sees_one_moment_and_cannot_write(database: Database) -> None:
    await database.write(adding("a"))
    with database.reader() as connection:
        assert connection.execute("SELECT count(*) FROM note").fetchone() == (1,)
        await database.write(adding("b"))
        assert connection.execute("SELECT count(*) FROM note").fetchone() == (1,)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute("DELETE FROM note")
    assert written(database) == ["a", "b"]


def left_on_disk(database: Database, text: bytes) -> set[str]:
    files = database.path.parent.glob(f"{database.path.name}*")
    return {file.name for file in files if text in file.read_bytes()}


async def test_what_was_deleted_is_nowhere_on_the_disk(database: Database) -> None:
    for text in ("hemligt kort", "hemligt långt " * 1_000):
        await database.write(adding(text))
    assert left_on_disk(database, b"hemligt")
    await database.write(lambda connection: connection.execute("DELETE FROM note"))
    await asyncio.to_thread(database.flush)
    assert not left_on_disk(database, b"hemligt")


async def test_a_reader_delays_the_end_of_what_was_deleted_and_no_writer(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader sees it until it is done; the next write after that ends it."""
    monkeypatch.setattr(module, "FLUSH_PATIENCE_S", 1.0)
    await database.write(adding("hemligt"))
    with database.reader() as connection:
        assert connection.execute("SELECT count(*) FROM note").fetchone() == (1,)
        await database.write(lambda connection: connection.execute("DELETE FROM note"))
        flushing = asyncio.ensure_future(asyncio.to_thread(database.flush))
        while not database._lingering.is_set():
            await asyncio.sleep(0.001)
        await database.write(adding("meanwhile"))
        assert not flushing.done(), "the writer was not held up"
        with capture_logs() as logs:
            await flushing
        assert [one["event"] for one in logs] == ["deleted_rows_linger"]
        assert left_on_disk(database, b"hemligt")
    await database.write(adding("next"))
    await database.write(lambda _: None)  # the thread has gone on after that commit
    assert not left_on_disk(database, b"hemligt")
    assert not database._lingering.is_set()


async def test_emptying_the_file_leaves_the_writer_the_patience_it_had(database: Database) -> None:
    def patience(connection: sqlite3.Connection) -> object:
        return connection.execute("PRAGMA busy_timeout").fetchone()

    await database.write(lambda connection: connection.execute("PRAGMA busy_timeout=77").fetchone())
    database._lingering.set()
    await database.write(adding("a"))
    assert await database.write(patience) == (77,)
    assert not database._lingering.is_set(), "it was tried"


async def test_a_start_ends_what_a_killed_bridge_had_deleted(database: Database) -> None:
    await database.write(adding("hemligt"))
    await database.write(lambda connection: connection.execute("DELETE FROM note"))
    assert left_on_disk(database, b"hemligt")
    again = Database(database.path)
    found = left_on_disk(database, b"hemligt")
    again.close()
    assert not found


def test_a_file_that_is_no_database_is_said_to_be_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "bridge.db"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(JournalUnavailable, match="not a database"):
        Database(path)
    with pytest.raises(JournalUnavailable, match="Not a directory"):
        Database(path / "below" / "bridge.db")
