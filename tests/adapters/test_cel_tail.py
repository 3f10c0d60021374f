"""The call record: whatever happens to the file, each event is there exactly once (F19)."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from adapters.call_log import (
    RECORDED,
    START_S,
    TEST_TIMEOUT_S,
    append,
    ended_call,
    fill,
    rotate,
)
from structlog.testing import capture_logs

from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.record import CelTail, read_cel
from pbx_bridge.adapters.record import tail as module
from pbx_bridge.core.record import CelEvent
from pbx_bridge.ports import JournalUnavailable
from pbx_bridge.wire.cel import MAX_RECORD_BYTES

NEVER = datetime(2000, 1, 1, tzinfo=UTC)


def line(number: int) -> str:
    """Event `number`, a second after the one before, with line breaks in a caller's number."""
    rest = '"Local/1","040\r\n""1795470954.1""\n","100","in","Dial","x, ""y""","",""'
    return f'"{START_S + number}.000001","EVENT_{number}","{START_S}.0","{START_S}.1",{rest}\n'


def lines(*numbers: int) -> str:
    return "".join(line(number) for number in numbers)


class FolderInTheWay:
    """What is not there is no error, but this is one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.mkdir()

    def remove(self) -> None:
        self._path.rmdir()


def kept(store: Database) -> list[int]:
    """Numbers of the stored events, in the order in which they were stored."""
    with store.reader() as connection:
        rows = connection.execute("SELECT type FROM cel ORDER BY rowid").fetchall()
    return [int(name.removeprefix("EVENT_")) for (name,) in rows]


async def test_a_real_call_is_stored_and_read_back(store: Database) -> None:
    tail = CelTail(RECORDED, store)
    assert await tail.catch_up() == 24
    with store.reader() as connection:
        events = list(read_cel(connection))
    assert events == sorted(events, key=lambda event: event.time)
    assert events[2] == CelEvent(
        time=datetime(2026, 11, 23, 21, 55, 54, 94557, tzinfo=UTC),
        type="PBX_STEP",
        linkedid="1795470954.0",
        uniqueid="1795470954.1",
        channel="Local/100@in-00000000;2",
        caller="018000199",
        exten="100",
        context="in",
        app="CELGenUserEvent",
        data='PBX_STEP,ring "101", åäö\\, and more',
        peer="",
        extra='{"extra":"ring \\"101\\", åäö\\\\, and more"}',
    )


async def test_f23_what_a_caller_chose_is_kept_without_what_could_deceive(
    path: Path, store: Database, tail: CelTail
) -> None:
    """Asterisk writes the first event of a channel before the dialplan cleans anything."""
    bad = (
        line(1)
        .replace('"100"', '"018\u202e000101\r\nAction: Originate"')
        .replace("040", "040\u202e")
    )
    code = line(2).replace('"100"', '"*95*0401234567*314159#"')
    append(path, bad + code)
    assert await tail.catch_up() == 2
    with store.reader() as connection:
        events = list(read_cel(connection))
    assert [one.caller for one in events] == [""] * 2, "as the dialplan does: no number"
    assert events[0].exten == "018�000101��Action: Originate"
    assert events[1].exten == "*95*0401234567*?#"
    assert all("".join(one[1:]).isprintable() for one in events)


async def test_events_are_read_by_time_and_by_call(path: Path, store: Database) -> None:
    append(path, lines(1, 2, 3) + line(4).replace(f'"{START_S}.0"', '"other"'))
    await CelTail(path, store).catch_up()
    second = datetime.fromtimestamp(START_S + 2, UTC) + timedelta(microseconds=1)
    with store.reader() as connection:
        assert [e.type for e in read_cel(connection, since=second)] == [
            "EVENT_2",
            "EVENT_3",
            "EVENT_4",
        ]
        assert [e.type for e in read_cel(connection, until=second)] == ["EVENT_1"]
        assert [e.type for e in read_cel(connection, linkedid="other")] == ["EVENT_4"]


async def test_the_clocks_offset_is_added_to_asterisks_times(path: Path, store: Database) -> None:
    append(path, line(0))
    await CelTail(path, store, offset_s=3600).catch_up()
    with store.reader() as connection:
        (event,) = read_cel(connection)
    assert event.time == datetime.fromtimestamp(START_S + 3600, UTC) + timedelta(microseconds=1)


async def test_a_file_that_is_not_there_yet_is_no_error(
    path: Path, store: Database, tail: CelTail
) -> None:
    assert await tail.catch_up() == 0
    append(path, lines(1))
    assert await tail.catch_up() == 1
    assert await tail.catch_up() == 0
    append(path, lines(2, 3))
    assert await tail.catch_up() == 2
    assert kept(store) == [1, 2, 3]


async def test_f19_half_a_last_line_is_kept_for_later(
    path: Path, store: Database, tail: CelTail
) -> None:
    whole = lines(1, 2)
    for letter in whole:
        append(path, letter)
        await tail.catch_up()
    assert kept(store) == [1, 2]
    assert tail.malformed == 0


async def test_f19_a_rotated_file_is_finished_before_the_new_one(
    path: Path, store: Database, tail: CelTail
) -> None:
    append(path, lines(1, 2))
    await tail.catch_up()
    append(path, lines(3))
    rotate(path)
    assert await tail.catch_up() == 1  # Asterisk makes the new file at its next event
    append(path, lines(4))
    assert await tail.catch_up() == 1
    assert kept(store) == [1, 2, 3, 4]


async def test_f19_several_rotations_while_the_bridge_was_down_lose_nothing(
    path: Path, store: Database, tail: CelTail
) -> None:
    append(path, lines(1, 2))
    await tail.catch_up()
    for number in (3, 4, 5):
        append(path, lines(number))
        rotate(path)
    append(path, lines(6))
    assert await CelTail(path, store).catch_up() == 4
    assert kept(store) == [1, 2, 3, 4, 5, 6]


async def test_f19_rotation_by_copying_and_truncating_loses_nothing(
    path: Path, store: Database, tail: CelTail
) -> None:
    append(path, lines(1, 2))
    await tail.catch_up()
    append(path, lines(3))
    shutil.copy(path, path.with_name("Master.csv.1"))
    fill(path, "")
    assert await tail.catch_up() == 1
    append(path, lines(4))
    assert await tail.catch_up() == 1
    assert kept(store) == [1, 2, 3, 4]


async def test_the_log_is_deleted_when_it_is_copied_and_nothing_is_lost_by_it(
    path: Path, store: Database, tail: CelTail
) -> None:
    """Numbers stand in it. An event whose file was open meanwhile is written there."""
    rotated = path.with_name(f"{path.name}.1")
    with capture_logs() as logs:
        append(path, lines(1, 2))
        await tail.erase_old(NEVER, NEVER)
        assert not path.exists()
        append(rotated, lines(3))
        append(path, lines(4))
        await tail.catch_up()
        assert kept(store) == [1, 2, 3, 4]
        await tail.erase_old(NEVER, NEVER)
        assert rotated.read_bytes() == lines(4).encode(), "that of the day before is gone"
        await tail.erase_old(NEVER, NEVER)
        assert not list(path.parent.glob(f"{path.name}*")), "nobody called"
        append(path, lines(5))
        await CelTail(path, store).catch_up()
        append(path, lines(6))
        await tail.catch_up()
    assert kept(store) == [1, 2, 3, 4, 5, 6]
    assert logs == []


async def test_a_log_that_is_somebody_elses_is_left_to_them(
    path: Path, store: Database, tail: CelTail, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    append(path, lines(1))
    with monkeypatch.context() as theirs, capture_logs() as logs:
        theirs.setattr(Path, "rename", refuse)
        await tail.erase_old(NEVER, NEVER)
    assert [one["event"] for one in logs] == ["cel_not_rotated"]
    append(path, lines(2))
    await tail.catch_up()
    assert kept(store) == [1, 2]


async def test_f19_half_a_line_at_the_end_of_a_rotated_file_is_counted_and_passed(
    path: Path, store: Database, tail: CelTail
) -> None:
    append(path, lines(1) + line(2)[:20])
    await tail.catch_up()
    rotate(path)
    append(path, lines(3))
    assert await tail.catch_up() == 1
    append(path, lines(4))
    assert await tail.catch_up() == 1
    assert kept(store) == [1, 3, 4]
    assert tail.malformed == 1


async def test_f19_a_truncated_file_is_read_from_its_start(
    path: Path, store: Database, tail: CelTail
) -> None:
    append(path, lines(1, 2, 3))
    await tail.catch_up()
    fill(path, lines(4))
    assert await tail.catch_up() == 1
    fill(path, lines(5, 6, 7, 8))  # longer than what had been read
    assert await tail.catch_up() == 4
    assert kept(store) == [1, 2, 3, 4, 5, 6, 7, 8]


async def test_f19_a_replay_from_the_start_adds_nothing(
    path: Path, store: Database, tail: CelTail
) -> None:
    append(path, lines(1, 2, 3))
    await tail.catch_up()
    fill(path, lines(0, 1, 2, 3, 4))
    assert await tail.catch_up() == 2
    await store.write(lambda connection: connection.execute("DELETE FROM cel_cursor"))
    assert await CelTail(path, store).catch_up() == 0
    assert kept(store) == [1, 2, 3, 0, 4]


async def test_f19_a_restart_goes_on_where_it_was(path: Path, tmp_path: Path) -> None:
    for number in range(5):
        append(path, lines(number) + line(number + 1)[:30])
        database = Database(tmp_path / "bridge.db")
        assert await CelTail(path, database).catch_up() == 1
        assert kept(database) == list(range(number + 1))
        database.close()
        fill(path, lines(*range(number + 1)))


async def test_malformed_lines_are_counted_and_never_fatal(
    path: Path, store: Database, tail: CelTail
) -> None:
    append(path, line(1) + "garbage\n\0\0\0\n\n" + "x" * 3 * MAX_RECORD_BYTES + "\n" + line(2))
    assert await tail.catch_up() == 2
    assert kept(store) == [1, 2]
    assert tail.malformed >= 4


async def test_f19_any_order_of_writes_rotations_and_restarts_keeps_each_event_once(
    tmp_path: Path,
) -> None:
    for seed in range(20):
        folder = tmp_path / str(seed)
        folder.mkdir()
        await keep_house(random.Random(seed), folder / "Master.csv", f"seed {seed}")


async def keep_house(chance: random.Random, path: Path, where: str) -> None:
    store = Database(path.with_name("bridge.db"))
    tail, written, rest, unread = CelTail(path, store), 0, "", 0
    for _ in range(40):
        match chance.choice(["write", "write", "half", "rotate", "restart", "read", "day"]):
            case "write":
                append(path, rest or line(written))
                written, rest = written + (not rest), ""
            case "half" if not rest:
                cut = chance.randrange(1, len(line(written)))
                append(path, line(written)[:cut])
                written, rest = written + 1, line(written)[cut:]
            case "rotate" if there_is(path) and not rest and unread < module.ROTATIONS - 1:
                rotate(path)
                unread += 1
            case "restart":
                tail = CelTail(path, store)
            case "read":
                await tail.catch_up()
                unread = 0
            case "day" if not rest:
                await tail.erase_old(NEVER, NEVER)
                unread = 0
    append(path, rest or line(written))
    written += not rest
    await tail.catch_up()
    assert kept(store) == list(range(written)), where
    assert tail.malformed == 0
    store.close()


def there_is(path: Path) -> bool:
    return path.exists()


async def test_f33_while_the_database_is_locked_nothing_is_lost(
    path: Path, store: Database, tail: CelTail
) -> None:
    append(path, lines(1))
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalUnavailable):
        await tail.catch_up()
    other.execute("ROLLBACK")
    other.close()
    assert await tail.catch_up() == 1
    assert kept(store) == [1]


async def test_trouble_does_not_end_the_following(
    path: Path, store: Database, tail: CelTail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_INTERVAL_S", 0.01)
    tried = asyncio.Event()
    tail.changed.clear()
    mark = tail._mark

    def marked(*, well: bool, why: str = "") -> None:
        mark(well=well, why=why)
        if not well:
            tried.set()

    monkeypatch.setattr(tail, "_mark", marked)
    in_the_way = FolderInTheWay(path)
    following = asyncio.create_task(tail.run())
    try:
        async with asyncio.timeout(TEST_TIMEOUT_S):
            await tried.wait()
            in_the_way.remove()
            append(path, ended_call(1))
            await tail.changed.wait()
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_a_withheld_callers_number_is_not_kept(
    path: Path, store: Database, tail: CelTail
) -> None:
    first = line(1).replace('"040\r\n""1795470954.1""\n"', '"+358457111445"')
    other = first.replace(f'"{START_S}.1"', f'"{START_S}.2"')
    withheld = line(2).replace("EVENT_2", "PBX_WITHHELD")
    append(path, first + other + withheld)
    assert await tail.catch_up() == 3
    with store.reader() as connection:
        kept = {one.uniqueid: one.caller for one in read_cel(connection)}
    assert kept == {f"{START_S}.1": "", f"{START_S}.2": "+358457111445"}
