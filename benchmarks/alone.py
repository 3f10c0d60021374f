"""The bridge's parts without Asterisk: the rules, the journal, the record."""

from __future__ import annotations

import gc
import resource
import sqlite3
import tempfile
import time
import timeit
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path

from benchmarks.municipality import DAYS, municipality
from benchmarks.stand import BRIDGE, PERSON
from benchmarks.traffic import FIRST, log_of, year
from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.journal.store import SqliteJournal
from pbx_bridge.adapters.record import CelTail, read_calls
from pbx_bridge.adapters.record.calls import CallKeeper
from pbx_bridge.core import guard
from pbx_bridge.core.call import Call, Why
from pbx_bridge.core.decide import decide
from pbx_bridge.core.events import Decided, ReferralSet
from pbx_bridge.core.folding import apply, fresh
from pbx_bridge.core.grouping import groups
from pbx_bridge.core.hours import opening_at
from pbx_bridge.core.latency import Journey
from pbx_bridge.core.model import Plan, TargetKind
from pbx_bridge.core.report import summarise
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.timetable import line_openings

DECISIONS, REPEATS = 2000, 5
NOTES, APPENDS, CEL_EVENTS = 5000, 200, 20_000
INGESTED, INGESTED_DAYS, INGESTS, CALLS, PART = 20_000, 10, 3, 1_000_000, 20_000


@dataclass(frozen=True, slots=True)
class Decides:
    """Microseconds of `decide`: the least of some runs, which others disturbed least."""

    person_us: float
    referral_us: float
    closed_us: float

    @property
    def slowest_us(self) -> float:
        """The one that the aim is held against."""
        return max(self.person_us, self.referral_us, self.closed_us)


@dataclass(frozen=True, slots=True)
class Storage:
    """What the database takes."""

    note_us: float
    """Of the event loop; the writer's thread does the rest."""
    notes_per_s: float
    """To the last commit."""
    append_ms: float
    """Until durable, one at a time."""
    cel_per_s: float


@dataclass(frozen=True, slots=True)
class Record:
    """What a year of a million calls takes."""

    ingest_per_s: float
    """Calls, from Asterisk's log to the database, folded: the best of some runs."""
    month_s: float
    """Figures of a month of them, in all groups."""
    year_s: float
    memory_mb: float
    """That the year's figures took beside what was there."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What it takes to look a year ahead."""

    first_ms: float
    """The guard over the whole municipality, the first time: nothing is remembered."""
    again_ms: float
    timetable_ms: float
    """The timetable of one line."""


def coverage(plan: Plan, now: datetime) -> Coverage:
    """Sweep a year of a large municipality (`municipality`), and open one line's timetable."""
    exchange, year = municipality(plan, now), timedelta(days=DAYS)
    swept = timeit.repeat(
        lambda: guard.gaps(exchange, now, now + year, now), number=1, repeat=REPEATS
    )
    line = plan.switchboard
    opened = timeit.repeat(
        lambda: list(line_openings(fresh(plan), line, now, DAYS)), number=1, repeat=REPEATS
    )
    return Coverage(swept[0] * 1e3, min(swept) * 1e3, min(opened) * 1e3)


async def record(plan: Plan) -> Record:
    """Time the way of many calls from the log to the report."""
    with tempfile.TemporaryDirectory(prefix="pbx-bench-") as folder:
        place = Path(folder)
        log = place / "events.csv"
        with log.open("w", encoding="ascii") as file:
            for number, call in enumerate(year(INGESTED, FIRST, INGESTED_DAYS)):
                file.write(log_of(call, number))
        gc.freeze()  # as the bridge does
        ingested_s = min([await _ingested(log, place / f"{run}.sqlite") for run in range(INGESTS)])
        database = Database(place / "year.sqlite")
        CelTail(place / "none.csv", database)
        keeper, calls = CallKeeper(), year(CALLS, FIRST)
        while part := list(islice(calls, PART)):
            await database.write(partial(_keep, keeper=keeper, calls=part))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        month_s, year_s = _figures(database, plan, 30), _figures(database, plan, DAYS + 1)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        database.close()
    return Record(INGESTED / ingested_s, month_s, year_s, (after - before) / 1024)


async def _ingested(log: Path, to: Path) -> float:
    """Seconds from Asterisk's log to a database."""
    database = Database(to)
    tail = CelTail(log, database)
    began = time.perf_counter()
    await tail.catch_up()
    taken_s = time.perf_counter() - began
    database.close()
    return taken_s


def _keep(connection: sqlite3.Connection, keeper: CallKeeper, calls: list[Journey]) -> None:
    for call in calls:
        keeper.keep(connection, call)


def _figures(database: Database, plan: Plan, days: int) -> float:
    began = time.perf_counter()
    with database.reader() as connection:
        calls = read_calls(connection, FIRST, FIRST + timedelta(days=days))
    assert summarise(calls).offered == len(calls) > 0
    assert groups(calls, plan)
    return time.perf_counter() - began


def decides(plan: Plan, now: datetime) -> Decides:
    """Time the first decision for a person, for one who is away, and for a closed line."""
    present = fresh(plan)
    reason = next(one.name for one in plan.reasons.values() if not one.reachable)
    hour = timedelta(hours=1)
    referral = ReferralSet(PERSON, reason, now - hour, now + hour, "", PERSON)
    away = apply(present, referral)
    line = next(number.digits for number in plan.numbers.values() if number.kind is TargetKind.LINE)
    night = _closed_moment(plan, plan.numbers[line].target, now)
    return Decides(
        _us(Call(BRIDGE), present, now, Why.PERSON_RINGS),
        _us(Call(BRIDGE), away, now, Why.PERSON_ABSENT),
        _us(Call(line), present, night, Why.LINE_CLOSED),
    )


async def storage(now: datetime) -> Storage:
    """Time the journal and the copying of the record, on this machine's temporary folder."""
    with tempfile.TemporaryDirectory(prefix="pbx-bench-") as folder:
        database = Database(Path(folder) / "journal.sqlite")
        try:
            return await _storage(database, Path(folder), now)
        finally:
            database.close()


async def _storage(database: Database, folder: Path, now: datetime) -> Storage:
    journal = SqliteJournal(database)
    event = (Decided("1700000000.1", BRIDGE, f"ring:{PERSON}", Why.PERSON_RINGS),)
    began = time.perf_counter()
    for _ in range(NOTES):
        journal.note(now, event)
    noted = time.perf_counter()
    await journal.append(now, event)
    stored = time.perf_counter()
    for _ in range(APPENDS):
        await journal.append(now, event)
    appended = time.perf_counter()
    await journal.close()
    log = folder / "events.csv"
    log.write_text("".join(map(_cel_line, range(CEL_EVENTS))), encoding="ascii")
    tail = CelTail(log, database)
    reading = time.perf_counter()
    new = await tail.catch_up()
    assert new == CEL_EVENTS
    read = time.perf_counter()
    return Storage(
        note_us=(noted - began) / NOTES * 1e6,
        notes_per_s=NOTES / (stored - began),
        append_ms=(appended - stored) / APPENDS * 1e3,
        cel_per_s=CEL_EVENTS / (read - reading),
    )


def _us(call: Call, exchange: Exchange, now: datetime, why: Why) -> float:
    assert decide(call, exchange, now).why is why
    runs = timeit.repeat(lambda: decide(call, exchange, now), number=DECISIONS, repeat=REPEATS)
    return min(runs) / DECISIONS * 1e6


def _closed_moment(plan: Plan, line: str, now: datetime) -> datetime:
    """The first full hour from now on at which the line is closed."""
    schedule = plan.schedules[plan.lines[line].hours]
    moments = (now + timedelta(hours=count) for count in range(7 * 24))
    return next(one for one in moments if opening_at(schedule, plan, one) is None)


def _cel_line(count: int) -> str:
    """An event as cel_custom writes it, of the usual length."""
    return (
        f'"1700000000.{count:06}","BRIDGE_ENTER","1700000000.{count}","1700000000.{count}",'
        f'"PJSIP/operator-{count:08x}","0401234567","ring","pbx-bridge-step","Dial",'
        f'"PJSIP/101,20","PJSIP/101-{count:08x}",'
        '"{""bridge_id"":""0"",""bridge_technology"":""simple_bridge""}"\n'
    )
