"""Storage that fails under a running exchange: calls go on, and the gap is recorded (F33)."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import aiohttp
import pytest

from pbx_bridge.adapters.journal.store import read_entries
from pbx_bridge.bootstrap import database_file
from pbx_bridge.cli.options import reading
from pbx_bridge.core.events import RecordGap
from pbx_bridge.softphone.behaviour import Answers
from pbx_bridge.stage import Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

SOON = Answers(after_s=0.2, talks_s=0.5)
ALARM_WITHIN_S = 20.0


@contextmanager
def locked(stage: Stage) -> Iterator[None]:
    """Another program holds the database, as a hanging backup would."""
    path = database_file(stage.up.site.deployment.state)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def health(stage: Stage) -> tuple[int, str]:
    """What the operators' door says: its status, and the parts that are ill."""
    url = f"http://127.0.0.1:{stage.up.running.operations_port}/health"
    async with aiohttp.ClientSession() as client, client.get(url) as answer:
        parts = (await answer.json())["parts"]
        return answer.status, " ".join(one["part"] for one in parts if not one["well"])


def gaps(stage: Stage) -> list[RecordGap]:
    with reading(stage.up.site.deployment.state) as connection:
        assert connection is not None
        events = [one.event for one in read_entries(connection, (RecordGap,))]
    return [one for one in events if isinstance(one, RecordGap)]


NOTHING_STORED = "Telefonväxeln kan inte spara något"


async def test_f33_calls_go_on_while_nothing_can_be_stored_and_the_gap_is_recorded(
    stage: Stage,
) -> None:
    before = len(gaps(stage))
    assert await health(stage) == (200, "")
    async with stage.phone("103", SOON), stage.phone("111", SOON) as board:
        with locked(stage):
            async with asyncio.timeout(ALARM_WITHIN_S):
                while await health(stage) != (503, "storage"):
                    await asyncio.sleep(0.2)
            made = await stage.call("018000103")
            assert made.journey.answered_by == "103"
            refused = await stage.call("*23*2*1430#", phone="104")
            assert {"command-failed", "fallback-sorry"} & set(refused.whys), "it waits for the lock"
            async with asyncio.timeout(ALARM_WITHIN_S):  # others are told at once, too
                while not (await board.told()).text.startswith(NOTHING_STORED):
                    pass
        async with asyncio.timeout(ALARM_WITHIN_S):
            while len(gaps(stage)) == before:
                await asyncio.sleep(0.2)
        made = await stage.call("018000103")
        assert made.journey.answered_by == "103"
    done = await stage.call("*23*2*1430#", phone="104")
    assert "command-done" in done.whys
    (gap,) = gaps(stage)[before:]
    assert gap.since < gap.until
    async with asyncio.timeout(ALARM_WITHIN_S):
        while await health(stage) != (200, ""):
            await asyncio.sleep(0.2)
