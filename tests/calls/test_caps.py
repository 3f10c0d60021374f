"""Caps in minutes, in different numbers and of an hour, with a bridge and without (S27, F39)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from calls.conftest import TUESDAY, idle, mirrored, opened, sample_town
from calls.test_outgoing import CAPPED, counted, network, no_bridge, now
from core.plans import ZONE

from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.journal import SqliteJournal
from pbx_bridge.bootstrap import database_file
from pbx_bridge.core.events import CalledOut
from pbx_bridge.softphone.behaviour import Answers
from pbx_bridge.stage import Made, Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="module")]

NUMBERS_A_DAY = 4
CALLS_AN_HOUR = 5
LEFT_S = 4
"""Of the one minute of the day that two people have nearly talked."""
TALKS_S = 30
TALKS = Answers(after_s=0.1, talks_s=TALKS_S)
"""Longer than what is left."""
EVENING = TUESDAY.replace(hour=23, minute=59, second=0)


def town_with(folder: Path, **caps: str) -> Path:
    """The sample municipality with other caps."""
    town = sample_town(folder)
    trunks = town / "dialplan/trunks.yaml"
    text = trunks.read_text()
    for old, new in (
        ("person_day: {calls: 150, minutes: 300, numbers: 80}", caps["person_day"]),
        ("exchange_hour: {calls: 400, minutes: 1200, numbers: 300}", caps["exchange_hour"]),
        ("person_at_once: 3", "person_at_once: 10"),
    ):
        assert old in text
        text = text.replace(old, new)
    trunks.write_text(text)
    return town


async def have_called(state: Path, calls: Sequence[CalledOut]) -> None:
    """The journal of an exchange that has carried these calls."""
    with closing(Database(database_file(state))) as database:
        await SqliteJournal(database).append(calls[0].at, calls)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def exchange(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """The sample municipality, where 105 and 106 have a few seconds left to talk."""
    town = town_with(
        tmp_path_factory.mktemp("town"),
        person_day=f"person_day: {{calls: 100, minutes: 1, numbers: {NUMBERS_A_DAY}}}",
        exchange_hour="exchange_hour: {calls: 400, minutes: 1200, numbers: 300}",
    )
    state = tmp_path_factory.mktemp("s")
    morning = TUESDAY.replace(tzinfo=ZONE) - timedelta(hours=2)
    await have_called(
        state,
        [
            CalledOut(f"before-{who}", who, "0186500", morning, 60 - LEFT_S)
            for who in ("105", "106")
        ],
    )
    async with opened(town, state, TUESDAY) as stage:
        yield stage
        await idle(stage)


async def at_once(stage: Stage, phone: str, count: int) -> list[Made]:
    """Calls to different numbers that begin in the same moment."""
    calls = (stage.call(f"01865{one}0", phone=phone) for one in range(count))
    return list(await asyncio.gather(*calls))


@pytest.mark.parametrize(("absent", "phone"), [(False, "107"), (True, "109")])
async def test_f39_different_numbers_of_the_same_moment_are_no_more_than_the_cap(
    exchange: Stage, phone: str, *, absent: bool
) -> None:
    await mirrored(exchange)
    async with network(exchange) as operator:
        with no_bridge(exchange, absent=absent):
            made = await at_once(exchange, phone, NUMBERS_A_DAY + 3)
            later = await exchange.call("0186590", phone=phone)
        await counted(exchange, phone, NUMBERS_A_DAY)
        still = await exchange.call("0186591", phone=phone)
    assert len(operator.rings) == NUMBERS_A_DAY
    assert [one.heard for one in made].count(CAPPED) == 3
    assert [one.heard for one in (later, still)] == [CAPPED] * 2


@pytest.mark.parametrize(("absent", "phone"), [(False, "105"), (True, "106")])
async def test_f39_a_call_ends_with_the_minutes_of_the_day(
    exchange: Stage, phone: str, *, absent: bool
) -> None:
    await mirrored(exchange)
    async with network(exchange, n0186500=TALKS) as operator:
        with no_bridge(exchange, absent=absent):
            async with exchange.caller("0186500", phone=phone) as talking:
                await talking.answered()
                ended = await talking.ended(TALKS_S - 5)
            if absent:
                refused_alone = await exchange.call("0186500", phone=phone)
                assert refused_alone.heard == CAPPED
        await counted(exchange, phone, 2)
        refused = await exchange.call("0186500", phone=phone)
    assert ended.answered_at is not None
    assert refused.heard == CAPPED
    assert len(operator.rings) == 1


async def test_f39_the_cap_of_an_hour_and_that_of_a_day_are_over_with_them(
    tmp_path: Path,
) -> None:
    """All have called enough in the hour, one in the day; after midnight all may call again, and
    without a bridge too."""
    town = town_with(
        tmp_path / "town",
        person_day="person_day: {calls: 2, minutes: 100, numbers: 100}",
        exchange_hour=f"exchange_hour: {{calls: {CALLS_AN_HOUR}, minutes: 100, numbers: 100}}",
    )
    state = tmp_path / "s"
    state.mkdir(mode=0o700)
    began = EVENING.replace(tzinfo=ZONE) - timedelta(minutes=30)
    await have_called(
        state, [CalledOut(f"before-{one}", "103", "0186500", began, 1) for one in range(2)]
    )
    async with opened(town, state, EVENING) as stage, network(stage) as operator:
        await mirrored(stage)
        of_day = await stage.call("0186501", phone="103")
        made = await asyncio.gather(
            *(stage.call(f"0186{phone}", phone=phone) for phone in ("104", "105", "106", "107"))
        )
        with no_bridge(stage):
            alone = await stage.call("0186501", phone="109")
        assert of_day.heard == CAPPED
        assert [one.heard for one in made].count(CAPPED) == 1
        assert alone.heard == CAPPED
        assert len(operator.rings) == CALLS_AN_HOUR - 2
        moment = await now(stage)
        assert moment.hour == EVENING.hour, "the machine is too slow for the hour of this test"
        midnight = datetime.combine(moment.date() + timedelta(days=1), datetime.min.time())
        await asyncio.sleep((midnight.replace(tzinfo=moment.tzinfo) - moment).total_seconds() + 0.1)
        with no_bridge(stage):
            again_alone = await stage.call("0186501", phone="103")
        again = await stage.call("0186501", phone="109")
        await idle(stage)
    for one in (again_alone, again):
        assert one.result.answered_at is not None, one.heard
    assert len(operator.rings) == CALLS_AN_HOUR
