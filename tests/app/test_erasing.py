"""What may be kept no longer is deleted, from the disk too, and the chain verifies (F34)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from adapters.call_log import append
from core.plans import PLAN
from fakes.clock import FakeClock
from fakes.logs import FakeLogs
from fakes.messages import FakeMessages
from fakes.speech import FakeSpeech

from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.journal import Intact, SqliteJournal, verify_file
from pbx_bridge.adapters.notes import SpokenNotes
from pbx_bridge.adapters.pseudonym import KeyUnreadable, Pseudonyms, rotate
from pbx_bridge.adapters.record import CelTail, read_calls, read_cel, read_journeys
from pbx_bridge.app.clearing import Clearing
from pbx_bridge.app.erasing import Erasing
from pbx_bridge.app.office import Office
from pbx_bridge.app.pace import Pace
from pbx_bridge.core.commands import NoteCall, RecordContact, SetReferral
from pbx_bridge.core.events import DataErased, ReferralSet, ReturnDue, ReturnKept
from pbx_bridge.core.folding import fold, fresh
from pbx_bridge.core.report import summarise
from pbx_bridge.core.retention import Periods

CALLER, OTHER, LATE = "0401234567", "0409876543", "0405555555"
LONG_AGO = datetime(2026, 1, 15, 10, tzinfo=UTC)
NOW = datetime(2026, 3, 3, 10, tzinfo=PLAN.organisation.zone)
ALWAYS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


def call(number: int, caller: str, at: datetime) -> str:
    """A call's beginning and end, as the log has them."""
    id_ = f"{int(at.timestamp())}.{number}"

    def event(after_s: int, kind: str) -> str:
        when = f"{at.timestamp() + after_s:.6f}"
        channel = f"PJSIP/operator-{number}"
        values = (kind, id_, id_, channel, caller, "018000101", "from-trunk", "", "", "", "")
        return ",".join(f'"{value}"' for value in (when, *values)) + "\n"

    return event(0, "CHAN_START") + event(9, "HANGUP")


@dataclass
class House:
    folder: Path
    database: Database
    journal: SqliteJournal
    tail: CelTail
    office: Office
    erasing: Erasing
    clock: FakeClock
    messages: FakeMessages
    passed_s: float = 0.0
    """What the machine's own seconds show."""

    def wait(self, passed: timedelta) -> None:
        """Time passes, by every clock."""
        self.clock.pass_(passed.total_seconds())
        self.passed_s += passed.total_seconds()

    @property
    def bytes(self) -> bytes:
        """Everything that is on the disk."""
        files = self.folder.glob("pbx.sqlite*")
        return b"".join(file.read_bytes() for file in sorted(files))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    database = Database(tmp_path / "pbx.sqlite")
    journal = SqliteJournal(database)
    clock = FakeClock(NOW)
    log = tmp_path / "Master.csv"
    tail = CelTail(log, database, pseudonym=Pseudonyms(tmp_path / "key"))
    append(log, call(1, CALLER, LONG_AGO) + call(2, OTHER, LONG_AGO) + call(3, CALLER, NOW))
    await tail.catch_up()
    log.unlink()
    office = Office(fresh(PLAN), journal, clock)
    messages = FakeMessages()
    notes = SpokenNotes(tmp_path / "notes")
    clearing = Clearing(messages, messages, notes, FakeSpeech(), FakeLogs(), office)
    periods = Periods(absences=timedelta(days=30))
    pace = Pace(clock, lambda: made.passed_s)
    erasing = Erasing(journal, tail, clearing, office, clock, periods, pace)
    made = House(tmp_path, database, journal, tail, office, erasing, clock, messages)
    yield made
    await journal.close()
    database.close()


async def missed(house: House, number: str, at: datetime) -> None:
    house.clock.moment = at.astimezone(NOW.tzinfo)
    await house.office.obey(NoteCall(f"1.{number}", at, number, "101", ""))
    house.clock.moment = NOW


async def test_old_numbers_are_deleted_and_the_figures_stay(house: House) -> None:
    with house.database.reader() as connection:
        before = summarise(read_calls(connection, *ALWAYS))
    counts = await house.erasing.erase()
    assert (counts["log"], counts["numbers"], counts["calls"]) == (4, 2, 0)
    with house.database.reader() as connection:
        assert summarise(read_calls(connection, *ALWAYS)) == before
        (left,) = read_journeys(connection, *ALWAYS)
        assert left.caller == CALLER
        assert len(list(read_cel(connection))) == 2
        names = [row[0] for row in connection.execute("SELECT pseudonym FROM calls ORDER BY id")]
    assert names[0] == names[2] != names[1], "who calls again is known to, by the pseudonym"
    assert OTHER.encode() not in house.bytes


async def test_f34_entries_are_deleted_the_chain_verifies_and_the_proof_is_there(
    house: House,
) -> None:
    await missed(house, OTHER, LONG_AGO)
    await missed(house, CALLER, LONG_AGO)
    assert await asyncio.to_thread(lambda: OTHER.encode() in house.bytes)
    house.clock.moment = LONG_AGO.astimezone(NOW.tzinfo) + timedelta(minutes=5)
    await house.office.obey(RecordContact("101", OTHER, by="101"))
    house.clock.moment = NOW
    counts = await house.erasing.erase()
    kinds = [type(one.event) for one in house.journal.entries()]
    assert kinds.count(ReturnKept) == 1, "how it went stays"
    (due,) = [one.event for one in house.journal.entries() if isinstance(one.event, ReturnDue)]
    assert due.number == CALLER, "an open return is still needed"
    proofs = [one.event for one in house.journal.entries() if isinstance(one.event, DataErased)]
    assert {proof.what: proof.rows for proof in proofs} == {
        what: count for what, count in counts.items() if count
    }
    assert {proof.what for proof in proofs} == {"log", "numbers", "journal"}
    await house.journal.close()
    assert isinstance(verify_file(house.database.path), Intact)
    assert OTHER.encode() not in house.bytes
    again = fold(fresh(PLAN), (one.event for one in house.journal.entries()))
    assert again.returns == house.office.exchange.returns, "a restart knows the same"
    assert not any((await house.erasing.erase()).values()), "once is enough"


async def test_absences_are_deleted_when_they_are_over(house: House) -> None:
    house.clock.moment = LONG_AGO.astimezone(NOW.tzinfo)
    for person, until in (("101", LONG_AGO + timedelta(hours=2)), ("102", NOW + timedelta(days=9))):
        await house.office.obey(SetReferral(person, "semester", until, person))
    house.clock.moment = NOW
    assert (await house.erasing.erase())["absences"] == 1
    kept = [one.event for one in house.journal.entries() if isinstance(one.event, ReferralSet)]
    assert [one.person for one in kept] == ["102"]


async def test_one_number_is_forgotten_in_all_its_forms(house: House) -> None:
    await missed(house, CALLER, NOW)
    await missed(house, OTHER, NOW)
    counts = await house.erasing.forget("+358401234567")
    assert (counts["log"], counts["numbers"]) == (4, 2)
    assert counts["journal"] >= 1
    assert CALLER.encode() not in house.bytes
    assert OTHER.encode() in house.bytes
    assert [number for _, number in house.office.exchange.returns] == [OTHER]
    await house.journal.close()
    assert isinstance(verify_file(house.database.path), Intact)
    with house.database.reader() as connection:
        assert summarise(read_calls(connection, *ALWAYS)).offered == 3


async def test_a_number_that_is_forgotten_is_not_in_asterisks_own_log_either(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pbx_bridge.adapters.record.tail.WRITTEN_S", 0.01)
    log = house.folder / "Master.csv"
    append(log, call(4, CALLER, NOW) + call(5, OTHER, NOW))
    await house.erasing.forget(CALLER)
    assert not list(house.folder.glob("Master.csv*"))
    append(log, call(6, OTHER, NOW))
    await house.tail.catch_up()
    with house.database.reader() as connection:
        assert summarise(read_calls(connection, *ALWAYS)).offered == 6, "the figures stay"


async def test_the_bridge_deletes_each_day(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pbx_bridge.app.erasing.LOOK_S", 0.01)
    working = asyncio.create_task(house.erasing.run())
    try:
        await proofs(house, 2)
        house.wait(timedelta(days=40))
        await proofs(house, 4)
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


@pytest.mark.parametrize("step", [timedelta(hours=1), timedelta(days=4000)])
async def test_f30_a_clock_that_was_set_forwards_deletes_nothing_before_it_was_right_again(
    house: House, monkeypatch: pytest.MonkeyPatch, step: timedelta
) -> None:
    """A call of a quarter to midnight, and a clock set over the midnight of its deletion."""
    append(house.folder / "Master.csv", call(9, LATE, NOW + timedelta(hours=13, minutes=45)))
    await house.tail.catch_up()
    monkeypatch.setattr("pbx_bridge.app.erasing.LOOK_S", 0.001)
    looks = 0
    steady = Pace.is_steady

    def looked(pace: Pace, for_s: float) -> bool:
        nonlocal looks
        looks += 1
        return steady(pace, for_s)

    async def look() -> None:
        before = looks
        async with asyncio.timeout(3):
            while looks < before + 3:
                await asyncio.sleep(0.001)

    monkeypatch.setattr(Pace, "is_steady", looked)
    working = asyncio.create_task(house.erasing.run())
    try:
        await proofs(house, 2)
        house.wait(timedelta(days=30, hours=13, minutes=30))
        await look()
        held = len(await house.journal.select((DataErased,)))
        house.clock.step(step)
        house.wait(timedelta(minutes=20))
        await look()
        house.clock.step(-step)
        await look()
        assert len(await house.journal.select((DataErased,))) == held
        with house.database.reader() as connection:
            assert [one.caller for one in read_journeys(connection, *ALWAYS)] == [LATE]
        house.wait(timedelta(days=1, hours=1))
        await proofs(house, held + 2)
        with house.database.reader() as connection:
            assert not [*read_journeys(connection, *ALWAYS)]
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def proofs(house: House, count: int) -> None:
    async with asyncio.timeout(3):
        while len(await house.journal.select((DataErased,))) < count:
            await asyncio.sleep(0.01)


def test_a_new_key_ends_what_could_be_told_from_a_pseudonym(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "key"
    first = Pseudonyms(file)
    assert first(CALLER) == Pseudonyms(file)(CALLER) != first(OTHER)
    assert file.stat().st_mode & 0o777 == 0o600
    rotate(file)
    assert Pseudonyms(file)(CALLER) != first(CALLER)
    file.write_text("no key")
    with pytest.raises(KeyUnreadable, match="move it away"):
        Pseudonyms(file)
