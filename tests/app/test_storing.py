"""While nothing can be stored somebody is told, once, and the gap is recorded afterwards (F33)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from core.plans import DAY, EXCHANGE, PROMPTS
from fakes.clock import FakeClock
from fakes.speech import FakeSpeech
from fakes.telephony import FakeTelephony

from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.journal import SqliteJournal
from pbx_bridge.app.office import Office
from pbx_bridge.app.storing import Storing
from pbx_bridge.app.voice import Voice
from pbx_bridge.core.commands import NoteEmergency, SignIn
from pbx_bridge.core.events import BridgeStarted, EmergencyCalled, RecordGap


@dataclass
class House:
    database: Database
    journal: SqliteJournal
    office: Office
    telephony: FakeTelephony
    storing: Storing
    clock: FakeClock

    @property
    def gaps(self) -> list[RecordGap]:
        return [one.event for one in self.journal.entries() if isinstance(one.event, RecordGap)]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    database = Database(tmp_path / "pbx.sqlite", busy_timeout_s=0.05)
    journal = SqliteJournal(database)
    clock, telephony = FakeClock(DAY), FakeTelephony()
    office = Office(EXCHANGE, journal, clock)
    voice = Voice(FakeSpeech(), PROMPTS)
    storing = Storing(database, journal, telephony, office, voice, clock)
    yield House(database, journal, office, telephony, storing, clock)
    database.close()


async def test_f33_a_locked_database_is_told_once_and_the_gap_is_recorded(house: House) -> None:
    await house.storing.look()
    assert house.storing.gap_since is None
    with closing(sqlite3.connect(house.database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(2):
            await house.storing.look()
            house.clock.pass_(10)
        assert house.storing.gap_since == DAY
        house.office.note(BridgeStarted("a", "b"))
        refused = await house.office.obey(SignIn("vaxel", "111", by="111"))
        assert refused.result == "failed"
        other.execute("ROLLBACK")
    (extension, text), *more = house.telephony.messages
    assert (extension, more) == ("111", [])
    assert text.startswith("Telefonväxeln kan inte spara något just nu.")
    await house.storing.look()
    (gap,) = house.gaps
    assert gap.since == DAY
    assert gap.until == DAY + timedelta(seconds=20)
    assert gap.lost == 1
    assert house.storing.gap_since is None
    assert (await house.office.obey(SignIn("vaxel", "111", by="111"))).result == "done"
    await house.storing.look()
    assert len(house.gaps) == 1


async def test_f33_a_full_disk_is_a_gap_too(house: House) -> None:
    def fill(connection: sqlite3.Connection) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    def empty(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA max_page_count = 100000")

    await house.storing.look()
    await house.database.write(fill)
    for number in range(300):  # what is left of the last page
        house.office.note(BridgeStarted("x" * 100, str(number)))
    assert (await house.office.obey(SignIn("vaxel", "111", by="111"))).result == "failed"
    await house.database.write(empty)
    await house.storing.look()
    (gap,) = house.gaps
    assert gap.lost == 300
    assert (await house.office.obey(SignIn("vaxel", "111", by="111"))).result == "done"


async def test_what_the_phones_do_not_take_stops_nothing_and_is_told_once_they_are_there(
    house: House,
) -> None:
    house.telephony.down = True
    with closing(sqlite3.connect(house.database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await house.storing.look()
        house.telephony.down = False
        for _ in range(2):
            await house.storing.look()
        other.execute("ROLLBACK")
    assert [extension for extension, _ in house.telephony.messages] == ["111"]
    await house.storing.look()
    assert len(house.gaps) == 1


async def test_f33_an_emergency_call_is_in_the_journal_once_there_is_room(house: House) -> None:
    with closing(sqlite3.connect(house.database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for call in ("1.1", "1.2", "1.3"):
            done = await house.office.obey(NoteEmergency(call, "104", "112", DAY))
            assert done.result == "done"
        other.execute("ROLLBACK")
    await house.storing.look()
    events = [one.event for one in house.journal.entries()]
    assert [one.call for one in events if isinstance(one, EmergencyCalled)] == ["1.1", "1.2", "1.3"]
