"""The calls of the record: each is kept once, as a fold over the whole log says (F19)."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from adapters.call_log import (
    FAR,
    RECORDED,
    START_S,
    TEST_TIMEOUT_S,
    append,
    calls,
    ended_call,
    fill,
    rotate,
)
from core.test_outcomes import SENT_OUT, from_phone

from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.record import (
    CelTail,
    read_abroad,
    read_calls,
    read_cel,
    read_minutes,
    read_of_number,
    read_people,
)
from pbx_bridge.adapters.record.calls import CallKeeper
from pbx_bridge.core.figures import Calls
from pbx_bridge.core.latency import Outcome, fold
from pbx_bridge.ports import JournalUnavailable


@pytest.mark.parametrize("seed", range(5))
async def test_f19_calls_are_the_same_remembered_or_read_back(seed: int, tmp_path: Path) -> None:
    """Calls whose lines come between each other's, with restarts, replays and a full memory."""
    chance, found = random.Random(seed), []
    waiting = [ended_call(number).splitlines(keepends=True) for number in range(12)]
    text: list[str] = []
    while waiting:
        one = chance.choice(waiting)
        text.append(one.pop(0))
        waiting = [lines for lines in waiting if lines]
    for remembers in (True, False):
        path = tmp_path / f"{remembers}.csv"
        store = Database(path.with_suffix(".db"))
        tail = CelTail(path, store)
        for at, each in enumerate(text):
            append(path, each)
            if chance.random() < 0.3:
                await tail.catch_up()
            if not remembers or chance.random() < 0.05:
                tail._keeper.going.forget()
            if remembers and at == len(text) // 2:
                tail = CelTail(path, store)
        await tail.catch_up()
        path.rename(path.with_suffix(".old"))
        fill(path, "".join(text))
        await tail.catch_up()
        found.append(calls(store))
        store.close()
    assert len(found[0]) == 12
    assert found[0] == found[1]


async def test_calls_are_told_soon_after_their_end_until_they_are_settled(
    path: Path, store: Database, tail: CelTail
) -> None:
    following = asyncio.create_task(tail.run())
    try:
        for number in range(3):
            tail.changed.clear()
            append(path, ended_call(number))
            async with asyncio.timeout(TEST_TIMEOUT_S):
                await tail.changed.wait()
            (ended,) = await CelTail(path, store).unsettled()
            assert ended.linkedid == f"{START_S}.{100 + number}"
            await tail.settle([ended])
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    assert len(calls(store)) == 3
    assert await tail.unsettled() == []


RECORDINGS = sorted(RECORDED.parent.glob("cel_*.csv"))


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
async def test_f19_calls_are_kept_once_whatever_parts_the_file_comes_in(
    recording: Path, path: Path, store: Database, tail: CelTail
) -> None:
    """And they are what a fold over all of the log says."""
    rng = random.Random(recording.stem)
    data = recording.read_bytes()
    for start in sorted({0, *(rng.randrange(len(data)) for _ in range(12))}):
        path.write_bytes(data[:start])
        await tail.catch_up()
    path.write_bytes(data)
    await tail.catch_up()
    with store.reader() as connection:
        expected = [one for one in fold(read_cel(connection)) if one.ended_at is not None]
        figures = read_calls(connection, datetime(2000, 1, 1, tzinfo=UTC), FAR)
    assert calls(store) == expected
    heard = await tail.unsettled()
    assert sorted(one.linkedid for one in heard) == sorted(one.linkedid for one in expected)
    assert facts(figures) == facts(Calls.of(expected))
    assert expected


def facts(calls: Calls) -> list[tuple[object, ...]]:
    rows = zip(calls.started.tolist(), calls.wait.tolist(), calls.kind.tolist(), strict=True)
    return sorted((started, wait, str(calls.kinds[kind])) for started, wait, kind in rows)


async def test_f19_calls_survive_rotation_replay_and_a_new_beginning(
    path: Path, store: Database, tail: CelTail
) -> None:
    append(path, ended_call(1) + ended_call(2, ends=False))
    await tail.catch_up()
    rotate(path)
    end_of_two = ended_call(2).splitlines(keepends=True)[1]
    append(path, end_of_two + ended_call(3))
    await tail.catch_up()
    fill(path, ended_call(1) + ended_call(2) + ended_call(3))
    await CelTail(path, store).catch_up()
    numbers = [one.linkedid.rpartition(".")[2] for one in calls(store)]
    assert numbers == ["101", "102", "103"]


async def test_f07_what_was_open_at_asterisks_death_is_lost_once_and_told_once(
    path: Path, store: Database, tail: CelTail
) -> None:
    append(path, ended_call(1) + ended_call(2, ends=False))
    await tail.catch_up()
    again = datetime.fromtimestamp(START_S + 60, UTC)
    append(path, ended_call(100, ends=False))  # a call of the Asterisk that runs now
    await tail.asterisk_started(again)
    await tail.asterisk_started(again)
    assert [(one.outcome, one.cut) for one in calls(store)] == [
        (Outcome.ABANDONED, False),
        (Outcome.LOST, True),
    ]
    assert len(await tail.unsettled()) == 2


async def test_an_event_that_comes_after_the_end_corrects_the_call(
    path: Path, store: Database, tail: CelTail
) -> None:
    append(path, ended_call(1))
    await tail.catch_up()
    mark = ended_call(1).splitlines()[0].replace("CHAN_START", "PBX_STEP")
    append(path, mark.removesuffix('""') + '"{""extra"":""say|line-closed|x|when""}"\n')
    await tail.catch_up()
    (call,) = calls(store)
    assert call.outcome is Outcome.CLOSED
    assert call.told_when


async def test_numbers_are_known_by_their_pseudonym(path: Path, store: Database) -> None:
    append(path, ended_call(1))
    await CelTail(path, store, pseudonym=lambda number: f"somebody {number[-1]}").catch_up()
    with store.reader() as connection:
        row = connection.execute("SELECT number, pseudonym, phone FROM calls").fetchone()
    assert row == ("0401234567", "somebody 7", "")


async def test_a_log_from_before_calls_were_kept_is_folded(path: Path, store: Database) -> None:
    append(path, ended_call(1) + ended_call(2))
    await CelTail(path, store).catch_up()

    def forget(connection: sqlite3.Connection) -> None:
        for table in ("calls", "call_kinds", "asterisk_starts"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name > '003'")

    await store.write(forget)
    again = CelTail(path, store)
    assert len(calls(store)) == 2
    assert await again.unsettled() == [], "what follows from them was done by the bridge of then"


def outside(number: str, rule: str, step: str = "dial", phone: str = "101") -> str:
    """A call of a phone of the house to a number outside, and a talk of a minute."""
    events = {
        0: ("CHAN_START", f"PJSIP/{phone}-1", "1.1", ""),
        1: ("PBX_STEP", f"PJSIP/{phone}-1", "1.1", f'{{""extra"":""{step}|{rule}|{number}""}}'),
        2: ("CHAN_START", "PJSIP/operator-2", "1.2", ""),
        3: ("ANSWER", "PJSIP/operator-2", "1.2", ""),
        4: ("BRIDGE_ENTER", "PJSIP/operator-2", "1.2", '{""bridge_id"":""b""}'),
        5: ("BRIDGE_ENTER", f"PJSIP/{phone}-1", "1.1", '{""bridge_id"":""b""}'),
        65: ("HANGUP", f"PJSIP/{phone}-1", "1.1", ""),
    }
    if step == "say":
        events = {at_s: one for at_s, one in events.items() if at_s in (0, 1, 65)}
    return "".join(
        f'"{START_S + at_s}.000000","{kind}","{number}{rule}",'
        f'"{id_.replace("1.1", number + rule)}","{channel}","{phone}",'
        f'"{number}","from-phone","","","","{extra}"\n'
        for at_s, (kind, channel, id_, extra) in events.items()
    )


async def test_s27_s6_what_was_carried_out_of_the_house_is_counted_and_what_was_refused_is_not(
    path: Path, store: Database, tail: CelTail
) -> None:
    append(path, outside("0046701234567", "outgoing-barred", step="say"))
    append(path, outside("0401234567", "outgoing", phone="102"))
    await tail.catch_up()
    since, zone = datetime(2000, 1, 1, tzinfo=UTC), ZoneInfo("Europe/Mariehamn")
    with store.reader() as connection:
        assert read_abroad(connection, since, FAR) == 0
        assert read_minutes(connection, since, FAR, zone) == {"102": {"2026-11": 1.0}}
        assert read_people(connection, since, FAR) == {}, "who calls outside has answered nobody"
    append(path, outside("0046701234567", "outgoing"))
    await tail.catch_up()
    append(path, outside("0046701234568", "outgoing-permitted"))
    append(path, outside("0046701234569", "fallback-outgoing-permitted"))
    await tail.catch_up()
    with store.reader() as connection:
        assert read_abroad(connection, since, FAR) == 1, "by a permit it may be"


async def test_s6_of_an_internal_call_that_was_sent_out_only_that_part_is_minutes(
    store: Database, tail: CelTail
) -> None:
    """Of 102, who talked to 101 for 10 minutes and then outside for one."""
    call = from_phone(SENT_OUT, "101")
    await store.write(lambda connection: CallKeeper().keep(connection, call))
    with store.reader() as connection:
        since, zone = datetime(2000, 1, 1, tzinfo=UTC), ZoneInfo("Europe/Mariehamn")
        assert read_minutes(connection, since, FAR, zone) == {"102": {"2026-11": 1.0}}
        assert list(read_people(connection, since, FAR)) == ["101"]
        assert len(list(read_of_number(connection, "0401234567"))) == 1


async def test_what_an_earlier_version_kept_of_refused_and_answered_calls_is_put_right(
    path: Path, store: Database, tail: CelTail
) -> None:
    append(path, outside("0046701234567", "outgoing-barred", step="say"))
    append(path, outside("0401234567", "outgoing") + ended_call(1))
    await tail.catch_up()

    def as_before(connection: sqlite3.Connection) -> None:
        id_of = "(SELECT id FROM call_kinds WHERE outcome = ?)"
        values = ("outgoing", "refused")
        connection.execute(f"UPDATE calls SET kind = {id_of} WHERE kind = {id_of}", values)
        connection.execute("DELETE FROM call_kinds WHERE outcome = 'refused'")
        connection.execute("UPDATE calls SET talked = 77 WHERE phone = ''")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name LIKE '%outgoing_only'")

    await store.write(as_before)
    CelTail(path, store)
    with store.reader() as connection:
        rows = connection.execute(
            "SELECT k.outcome, talked FROM calls JOIN call_kinds k ON k.id = kind ORDER BY calls.id"
        ).fetchall()
    assert sorted(rows) == [("abandoned", 0), ("outgoing", 60_000_000), ("refused", 0)]


@pytest.mark.parametrize("times", [1, 3])
async def test_f33_what_could_not_be_stored_is_stored_later_as_what_it_was(
    path: Path, store: Database, tail: CelTail, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """The first of their kinds: nothing that was undone with them is taken for known."""
    write, left = store.write, times

    async def fails(fn: Callable[[sqlite3.Connection], object]) -> object:
        nonlocal left
        left -= 1

        def undone(connection: sqlite3.Connection) -> object:
            fn(connection)
            raise JournalUnavailable("full")

        return await write(fn if left < 0 else undone)

    monkeypatch.setattr(store, "write", fails)
    append(path, ended_call(1))
    for _ in range(times):
        with pytest.raises(JournalUnavailable):
            await tail.catch_up()
    await tail.catch_up()
    append(path, outside("0401234567", "outgoing"))
    await tail.catch_up()
    with store.reader() as connection:
        figures = read_calls(connection, datetime(2000, 1, 1, tzinfo=UTC), FAR)
        expected = [one for one in fold(read_cel(connection)) if one.ended_at is not None]
    assert facts(figures) == facts(Calls.of(expected))
