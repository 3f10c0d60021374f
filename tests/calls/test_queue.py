"""What callers who wait are told, and closing times (S7, S18, S21)."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest
from calls.attended import at, attended_by, in_talk, town_with
from calls.conftest import bridge_dead, mirrored, opened

from pbx_bridge.softphone.behaviour import Answers, NeverAnswers
from pbx_bridge.stage import Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

SWITCHBOARD, ANOTHER, ADVICE = "018000100", "018000121", "018000130"
ON_CALL = "018000140"
BUSY_ALL_DAY = Answers(after_s=0.1)
SOON = Answers(after_s=0.2, talks_s=1.0)
FIRST, SECOND = "0401111111", "0402222222"
CALLER_HZ, ATTENDANT_HZ = 700, 1500


async def seconds_until(stage: Stage, clock: str) -> float:
    """How long it takes until the exchange's clock shows a time of the same day."""
    now = datetime.fromisoformat((await stage.ask("status"))["now"])
    wanted = datetime.combine(now.date(), time.fromisoformat(clock), now.tzinfo)
    return (wanted - now) / timedelta(seconds=1)


async def test_s18_callers_who_wait_at_closing_are_served_or_told_as_the_line_says(
    town: Path, tmp_path: Path
) -> None:
    """Two wait for a line that serves, and are answered after it has closed; one waits for a line
    that tells, and hears it."""
    keys = {"at_closing": "tell", "hours": "telefontid"}
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        stage = await enter(town_with(town, tmp_path, at("10:59:35"), jour=keys))
        anna = await enter(stage.phone("101", Answers(after_s=0.1, talks_s=30.0)))
        await enter(stage.phone("110", Answers(after_s=0.1)))
        await attended_by(stage, "Anna Berg", 1)
        await attended_by(stage, "Johan Öberg", 2)
        callers = [await enter(stage.caller(ADVICE)) for _ in range(3)]
        await in_talk(anna)
        anna.behaviour = SOON
        await enter(stage.caller("018000141"))
        told = await stage.call(ON_CALL, hold_s=45.0)
        for one in callers:
            await one.ended(60)
        ended = datetime.fromisoformat((await stage.ask("status"))["now"])
    assert ended.time() > time(11)
    assert len(anna.received) == len(callers)
    assert told.whys[:2] == ["line-open", "line-closed"]
    assert "Du har kommit till fastighetsjouren. Vi har stängt nu." in told.heard
    assert "Vi öppnar i morgon klockan nio." in told.heard


async def test_f04_who_is_on_the_way_when_the_bridge_dies_is_told_that_the_switchboard_is_closed(
    town: Path, tmp_path: Path
) -> None:
    """Asterisk knows the hours on a channel too that the bridge has had in its hands."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        stage = await enter(opened(town, tmp_path, at("20:00")))
        phone = await enter(stage.phone("109", NeverAnswers()))
        await mirrored(stage)
        first = len(stage.watch.events)
        caller = await enter(stage.caller("018000109"))
        async with asyncio.timeout(15):
            while not phone.rings:
                await asyncio.sleep(0.05)
        async with bridge_dead(stage):
            made = await stage.made(await caller.ended(60), first, "018000109")
    assert made.whys == ["person-rings", "fallback-line-closed"]
    assert "Du har kommit till växeln. Vi har stängt nu." in made.heard


async def test_s24_a_closing_time_that_passes_while_the_bridge_is_dead_is_kept(
    town: Path, tmp_path: Path
) -> None:
    """F04: open before, closed after, and told when it opens, without any bridge."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        stage = await enter(opened(town, tmp_path, at("10:59:15")))
        await enter(stage.phone("101", SOON))
        await attended_by(stage, "Anna Berg", 1)
        await mirrored(stage)
        closes_in_s = await seconds_until(stage, "11:00:01")
        closes = asyncio.create_task(asyncio.sleep(closes_in_s))
        async with bridge_dead(stage):
            before = await stage.call(ADVICE)
            assert before.whys[0] == "fallback-line-open"
            assert before.journey.answered_by == "101"
            await closes
            after = await stage.call(ADVICE)
            assert after.whys == ["fallback-line-closed"]
            assert "Du har kommit till bygglovsrådgivningen. Vi har stängt nu." in after.heard
            assert "klockan nio" in after.heard
