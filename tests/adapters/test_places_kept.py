"""A call and the one that holds its caller's place are kept as one, once (F19, F07)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from adapters.call_log import FAR, append, calls, fill

from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.record import CelTail, read_calls, read_people
from pbx_bridge.core.figures import Calls
from pbx_bridge.core.latency import Outcome
from pbx_bridge.core.report import summarise

RECORDINGS = Path(__file__).parent.parent / "recordings"
LINES = (RECORDINGS / "cel_place_kept.csv").read_text().splitlines(keepends=True)
PLACE = next(line.split('","')[2] for line in LINES if "held|place-kept|" in line)
FIRST = next(line for line in LINES if "held|place-kept|" in line).rpartition("|")[2].split('"')[0]
OWN = [line for line in LINES if f'"{FIRST}"' in line.split(",")[2]]
HELD = [line for line in LINES if f'"{PLACE}"' in line.split(",")[2]]
NUMBER = "0402222222"
EVER = datetime(2000, 1, 1, tzinfo=UTC)


def moment(line: str) -> datetime:
    return datetime.fromtimestamp(float(line.split('"')[1]), UTC)


async def settled(tail: CelTail) -> list[tuple[str, Outcome]]:
    """Whatever follows from calls is done: they are told once."""
    found = await tail.unsettled()
    await tail.settle(found)
    return [(one.linkedid, one.outcome) for one in found]


async def told(path: Path, tail: CelTail, parts: Sequence[str]) -> list[tuple[str, Outcome]]:
    found = []
    for part in parts:
        append(path, part)
        await tail.catch_up()
        found += await settled(tail)
    return found


def figures(store: Database) -> Calls:
    with store.reader() as connection:
        return read_calls(connection, EVER, FAR)


@pytest.mark.parametrize("remembers", [True, False])
async def test_f19_a_place_is_one_call_with_its_first_and_told_when_it_is_over(
    path: Path, store: Database, tail: CelTail, remembers: bool
) -> None:
    """Line by line: the call is told as held, and then as answered, each once."""
    found = []
    for line in LINES:
        found += await told(path, tail, [line])
        if not remembers:
            tail = CelTail(path, store)
    outcomes = [outcome for linkedid, outcome in found if linkedid == FIRST]
    assert outcomes == [Outcome.HELD, Outcome.ANSWERED]
    assert PLACE not in {linkedid for linkedid, _ in found}
    assert [one.outcome for one in calls(store)] == [Outcome.ANSWERED] * 3
    fill(path, "".join(LINES))
    await CelTail(path, store).catch_up()
    assert await settled(tail) == []
    report = summarise(figures(store))
    assert (report.offered, report.answered) == (3, 3)
    assert report.wait_max_s == pytest.approx(49.896, abs=0.001)
    with store.reader() as connection:
        assert len(read_people(connection, EVER, FAR)["111"]) == 3


@pytest.mark.parametrize(
    "parts",
    [
        ["".join(OWN), "".join(HELD)],
        ["".join(HELD), "".join(OWN)],
        ["".join(OWN + HELD)],
        ["".join(HELD + OWN)],
        ["".join(OWN[:-1]), "".join(HELD), OWN[-1]],
        ["".join(OWN[:-2]), "".join(HELD[:-1]), OWN[-2], HELD[-1], OWN[-1]],
    ],
    ids=["first", "place first", "together", "together, place first", "late", "between"],
)
async def test_f19_whichever_is_read_first(
    path: Path, store: Database, tail: CelTail, parts: list[str]
) -> None:
    found = await told(path, tail, parts)
    assert found[-1] == (FIRST, Outcome.ANSWERED)
    assert found.count((FIRST, Outcome.ANSWERED)) == 1
    (call,) = calls(store)
    assert call.linkedid == FIRST
    assert call.wait_s == pytest.approx(49.896, abs=0.001)
    assert len(call.talks) == 1


async def test_while_a_place_is_held_its_call_is_in_no_figure(
    path: Path, store: Database, tail: CelTail
) -> None:
    assert await told(path, tail, OWN) == [(FIRST, Outcome.HELD)]
    assert summarise(figures(store)).offered == 0


@pytest.mark.parametrize("events", [len(HELD) // 2, 0], ids=["known", "never written"])
async def test_f07_a_place_that_died_with_asterisk_is_a_lost_call_and_told_once(
    path: Path, store: Database, tail: CelTail, events: int
) -> None:
    before_talk = [line for line in HELD[:events] if "BRIDGE_ENTER" not in line]
    await told(path, tail, [*OWN, *before_talk])
    again = moment(LINES[-1]) + timedelta(seconds=9)
    await tail.asterisk_started(again)
    assert await settled(tail) == [(FIRST, Outcome.LOST)]
    await tail.asterisk_started(again)
    append(path, OWN[-1].replace("LINKEDID_END", "CHAN_END"))  # late
    await tail.catch_up()
    assert await settled(tail) == []
    (call,) = calls(store)
    assert (call.outcome, call.cut, call.counted) == (Outcome.LOST, True, True)


async def test_f07_a_place_of_the_asterisk_that_runs_now_is_still_held(
    path: Path, store: Database, tail: CelTail
) -> None:
    await told(path, tail, OWN)
    await tail.asterisk_started(moment(OWN[0]) - timedelta(seconds=9))
    assert [one.outcome for one in calls(store)] == [Outcome.HELD]


@pytest.mark.parametrize("how", ["forgotten", "too old"])
@pytest.mark.parametrize(
    ("parts", "outcome"),
    [(HELD, Outcome.ANSWERED), (HELD[:6], Outcome.LOST), ([], Outcome.LOST)],
    ids=["answered", "lost", "never written"],
)
async def test_the_figures_of_a_call_that_was_erased_while_its_place_was_held_are_right(
    path: Path,
    store: Database,
    tail: CelTail,
    how: str,
    parts: list[str],
    outcome: Outcome,
) -> None:
    """And nobody is in them."""
    await told(path, tail, OWN)
    if how == "forgotten":
        await tail.forget(NUMBER)
    else:
        border = moment(OWN[-1]) + timedelta(seconds=1)
        await tail.erase_old(border, border - timedelta(days=99))
    await told(path, tail, parts)
    await tail.asterisk_started(moment(LINES[-1]) + timedelta(seconds=9))
    assert await settled(tail) == []
    report = summarise(figures(store))
    assert report.offered == 1
    assert (report.answered, report.lost) == (
        int(outcome is Outcome.ANSWERED),
        int(outcome is Outcome.LOST),
    )
    with store.reader() as connection:
        row = connection.execute("SELECT number, journey FROM calls").fetchone()
    assert row == (None, None)
    assert calls(store) == []


async def test_what_is_known_of_a_caller_is_deleted_with_the_call_that_held_their_place(
    path: Path, store: Database, tail: CelTail
) -> None:
    await told(path, tail, LINES)
    await tail.forget(NUMBER)
    with store.reader() as connection:
        rows = connection.execute("SELECT * FROM cel").fetchall()
        places = connection.execute("SELECT * FROM held_places").fetchall()
    assert NUMBER not in str(rows)
    assert NUMBER not in str(places)
