"""What only the journal on disk does: the chain, the head file, kill -9."""

import asyncio
import random
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.journal import (
    Broken,
    Head,
    Intact,
    RowUnreadable,
    SqliteJournal,
    head_file,
    read_head,
    verify_file,
)
from pbx_bridge.adapters.journal.anchors import Anchors
from pbx_bridge.core.events import BridgeStarted, Decided, Event, ReferralSet
from pbx_bridge.ports import JournalUnavailable

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
ROWS = 9
KILLS = 20
CHILD_TIMEOUT_S = 10

CHILD = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.journal import SqliteJournal
from pbx_bridge.core.events import (Decided)

async def work():
    journal = SqliteJournal(Database(Path(sys.argv[1])))
    at = datetime(2026, 11, 23, tzinfo=UTC)
    number = 0
    while True:
        number += 1
        journal.note(at, [Decided("1.1", sys.argv[2], "say", "noted")])
        await journal.append(at, [Decided("1.1", sys.argv[2], "ring", str(number))])
        print(number, flush=True)

asyncio.run(work())
"""


def decided(number: int) -> Event:
    return Decided(f"1795422600.{number}", "018000101", "ring", f"step {number}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
async def written(path: Path) -> Path:
    """A journal of nine rows, closed."""
    database = Database(path)
    await SqliteJournal(database).append(NOW, [decided(number) for number in range(1, ROWS + 1)])
    database.close()
    return path


def tamper(path: Path, sql: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.executescript(sql)
    connection.close()


async def reopen_and_append(path: Path) -> None:
    database = Database(path)
    await SqliteJournal(database).append(NOW, [decided(0)])
    database.close()


async def test_an_untouched_journal_verifies_and_its_head_is_noted(written: Path) -> None:
    verdict = verify_file(written)
    assert isinstance(verdict, Intact)
    assert verdict.rows == ROWS
    assert verdict.head == read_head(head_file(written))


def swap(a: int, b: int, columns: str) -> str:
    return (
        f"CREATE TEMP TABLE old AS SELECT * FROM journal;"
        f"UPDATE journal SET ({columns}) = (SELECT {columns} FROM old WHERE seq={b}) WHERE seq={a};"
        f"UPDATE journal SET ({columns}) = (SELECT {columns} FROM old WHERE seq={a}) WHERE seq={b};"
    )


@pytest.mark.parametrize(
    ("sql", "first"),
    [
        ("UPDATE journal SET body = replace(body, 'step 4', 'step 5') WHERE seq = 4", 4),
        ("UPDATE journal SET at = '2026-11-23T12:31:00.000000+00:00' WHERE seq = 6", 6),
        ("UPDATE journal SET kind = 'SignedIn' WHERE seq = 2", 2),
        ("UPDATE journal SET salt = randomblob(16) WHERE seq = 5", 5),
        ("UPDATE journal SET salt = NULL WHERE seq = 5", 5),
        ("UPDATE journal SET body = NULL WHERE seq = 5", 5),
        ("UPDATE journal SET commitment = 'text' WHERE seq = 3", 3),
        ("UPDATE journal SET chain = 'text' WHERE seq = 9", 9),
        ("UPDATE journal SET body = 7 WHERE seq = 3", 3),
        ("UPDATE journal SET body = NULL, salt = NULL, commitment = zeroblob(32) WHERE seq = 8", 8),
        ("DELETE FROM journal WHERE seq = 1", 1),
        ("DELETE FROM journal WHERE seq = 7", 7),
        ("DELETE FROM journal WHERE seq = 7; UPDATE journal SET seq = seq - 1 WHERE seq > 7", 7),
        ("DELETE FROM journal WHERE seq > 6", 7),
        ("DELETE FROM journal", 1),
        (swap(3, 5, "body"), 3),
        (swap(3, 5, "kind, body, salt, commitment"), 3),
        (swap(3, 5, "at, kind, body, salt, commitment, chain"), 3),
    ],
)
async def test_f34_the_first_row_that_was_changed_is_named(
    written: Path, sql: str, first: int
) -> None:
    tamper(written, sql)
    verdict = verify_file(written)
    assert isinstance(verdict, Broken)
    assert verdict.seq == first


async def test_f34_a_cut_off_end_is_still_found_after_the_bridge_has_gone_on(written: Path) -> None:
    tamper(written, "DELETE FROM journal WHERE seq > 6")
    await reopen_and_append(written)
    assert verify_file(written) == Broken(7, "missing: row 10 stands in its place")


async def test_f34_an_edited_row_does_not_stop_new_ones(written: Path) -> None:
    tamper(written, "UPDATE journal SET chain = 'text' WHERE seq = 9")
    await reopen_and_append(written)
    verdict = verify_file(written)
    assert isinstance(verdict, Broken)
    assert verdict.seq == ROWS


async def test_f34_a_history_that_was_rewritten_whole_contradicts_the_head(
    written: Path, tmp_path: Path
) -> None:
    other = Database(tmp_path / "other.sqlite")
    await SqliteJournal(other).append(NOW, [decided(0)] * ROWS)
    other.close()
    other.path.replace(written)
    verdict = verify_file(written)
    assert isinstance(verdict, Broken)
    assert "another history" in verdict.why


async def test_f34_a_damaged_head_file_is_reported_not_ignored(written: Path) -> None:
    head_file(written).write_text("9")
    verdict = verify_file(written)
    assert isinstance(verdict, Broken)
    assert "journal.head" in verdict.why


async def test_erased_bodies_are_gone_and_the_chain_still_verifies(path: Path) -> None:
    database = Database(path)
    journal = SqliteJournal(database)
    secret = ReferralSet("101", "busy", NOW, NOW, "hemligt ärende", "101")
    await journal.append(NOW, [decided(1), secret, decided(3)])
    await journal.erase([2])
    files = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    assert {"journal.sqlite", "journal.sqlite-wal"} <= files.keys(), "it is in use"
    assert [name for name, held in files.items() if b"hemligt" in held] == []
    assert [entry.seq for entry in journal.entries()] == [1, 3]
    database.close()
    assert isinstance(verify_file(path), Intact)
    assert "hemligt" not in "".join(
        file.read_bytes().decode(errors="replace") for file in path.parent.iterdir()
    )


async def test_equal_bodies_have_different_commitments(path: Path) -> None:
    database = Database(path)
    await SqliteJournal(database).append(NOW, [decided(1), decided(1)])
    with database.reader() as connection:
        rows = connection.execute("SELECT DISTINCT commitment FROM journal").fetchall()
    database.close()
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("sql", "complaint"),
    [
        ("UPDATE journal SET kind = 'Teleported' WHERE seq = 3", "row 3: kind 'Teleported'"),
        ('UPDATE journal SET body = \'{"call":"1.1"}\' WHERE seq = 4', r"row 4 \(Decided\): num"),
        ("UPDATE journal SET body = '{' WHERE seq = 5", r"row 5 \(Decided\)"),
    ],
)
async def test_a_row_that_means_nothing_is_named(written: Path, sql: str, complaint: str) -> None:
    tamper(written, sql)
    database = Database(written)
    journal = SqliteJournal(database)
    with pytest.raises(RowUnreadable, match=complaint):
        list(journal.entries())
    database.close()


async def test_an_event_with_a_moment_without_a_zone_leaves_no_trace(path: Path) -> None:
    database = Database(path)
    journal = SqliteJournal(database)
    naive = ReferralSet("101", "lunch", NOW, NOW.replace(tzinfo=None), "", "101")
    with pytest.raises(ValueError, match=r"ReferralSet\.until has no time zone"):
        await journal.append(NOW, [decided(1), naive])
    await journal.append(NOW, [decided(2)])
    assert [entry.event for entry in journal.entries()] == [decided(2)]
    database.close()
    assert isinstance(verify_file(path), Intact)


async def test_f33_a_closed_database_refuses_appends_and_counts_notes(path: Path) -> None:
    database = Database(path)
    journal = SqliteJournal(database)
    database.close()
    with pytest.raises(JournalUnavailable):
        await journal.append(NOW, [decided(1)])
    journal.note(NOW, [decided(1), decided(2)])
    assert journal.lost == 2
    again = Database(path)
    await SqliteJournal(again).append(NOW, [decided(3)])
    again.close()
    assert verify_file(path) == Intact(1, read_head(head_file(path)) or Head(0, b""))


async def test_closing_waits_for_notes_and_notes_the_head(path: Path) -> None:
    database = Database(path)
    journal = SqliteJournal(database)
    for number in range(100):
        journal.note(NOW, [decided(number)])
    await journal.close()
    head = read_head(head_file(path))
    database.close()
    assert head is not None
    assert head.seq == 100


async def test_a_note_costs_the_event_loop_little(path: Path) -> None:
    """Five thousand notes a second may use a quarter of the loop's time: 50 µs each."""
    database = Database(path)
    journal = SqliteJournal(database)
    events = [decided(1)]
    each_us = []
    for _ in range(20):
        before = time.thread_time_ns()
        for _ in range(250):
            journal.note(NOW, events)
        each_us.append((time.thread_time_ns() - before) / 250 / 1_000)
        await asyncio.sleep(0)
    await journal.close()
    database.close()
    assert isinstance(verify_file(path), Intact)
    assert min(each_us) < 50  # the best of twenty: other work on the machine is not ours


def test_f32_what_was_acknowledged_survives_kill_9_at_any_moment(path: Path) -> None:
    chance = random.Random(32)
    acknowledged: list[tuple[str, int]] = []
    for run in range(KILLS):
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path), str(run)], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            first = child.stdout.readline()
            time.sleep(chance.uniform(0, 0.03))  # the moment of death is what is tried here
            child.send_signal(signal.SIGKILL)
            # A line cut in half by the kill was not heard by anybody.
            lines = [first, *child.stdout.read().splitlines(keepends=True)]
            child.wait(CHILD_TIMEOUT_S)
        heard = [int(line) for line in lines if line.endswith("\n")]
        acknowledged += [(str(run), number) for number in heard]
        verdict = verify_file(path)
        assert isinstance(verdict, Intact), verdict
    database = Database(path)
    kept = {
        (entry.event.number, int(entry.event.why))
        for entry in SqliteJournal(database).entries()
        if isinstance(entry.event, Decided) and entry.event.step == "ring"
    }
    database.close()
    assert len(acknowledged) >= KILLS
    assert set(acknowledged) <= kept


async def test_the_journal_goes_on_after_a_restart(written: Path) -> None:
    database = Database(written)
    journal = SqliteJournal(database)
    await journal.append(NOW, [BridgeStarted("4f5e", "0.1.0")])
    assert [entry.seq for entry in journal.entries()] == list(range(1, ROWS + 2))
    database.close()
    assert isinstance(verify_file(written), Intact)


async def test_a_head_that_can_t_be_noted_is_said_once_and_anew_when_it_was_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pbx_bridge.adapters.journal.store.HEAD_INTERVAL_S", 0.0)
    database = Database(tmp_path / "pbx.sqlite")
    journal = SqliteJournal(database)
    head = head_file(database.path)
    said = []
    for ill in (True, False, True):
        if ill:
            head.unlink(missing_ok=True)
            (head / "x").mkdir(parents=True)
        else:
            (head / "x").rmdir()
            head.rmdir()
        with capture_logs() as logs:
            for number in range(9):
                await journal.append(NOW, [Decided("1.1", "018000100", f"say:{number}", "x")])
            await database.write(lambda _: None)
        said.append([one["event"] for one in logs])
    (head / "x").rmdir()
    head.rmdir()
    await journal.close()
    database.close()
    assert said == [["journal_head_not_noted"], [], ["journal_head_not_noted"]]


def test_an_anchor_that_can_t_be_written_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pbx_bridge.adapters.journal.anchors.INTERVAL_S", 0.0)
    anchors = Anchors(tmp_path / "not-there" / "heads", lambda _: None)
    with capture_logs() as logs:
        for number in range(1, 6):
            anchors.note(Head(number, bytes(32)))
        anchors.close()
    assert [one["event"] for one in logs] == ["journal_anchor_not_noted"]
    assert anchors.trouble
