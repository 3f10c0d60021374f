"""Calls that are on their way when the bridge or its link goes: none is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from calls.conftest import command
from calls.hearing import hears_only, tone_s
from calls.test_faults import decided_again, fallback_after, refer

from pbx_bridge.bootstrap import database_file
from pbx_bridge.softphone.audio import tone
from pbx_bridge.softphone.behaviour import Answers
from pbx_bridge.stage import Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

VOICE_HZ = 1500
SOON = Answers(after_s=0.3, talks_s=1.0, plays=tone(VOICE_HZ, 0.5))
TELLS = (
    "Anna Berg är på lunch och är åter i dag klockan halv tre.",
    "Jag kopplar dig till Bo Ek.",
)
CODE_NOT_TAKEN = "Koden kan inte tas emot just nu. Ingenting har ändrats. Försök igen om en stund."
BROKEN_OFF = "Vi kan inte fortsätta just nu. Försök igen om en stund."


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_f04_f05_no_call_is_lost_with_the_bridge_and_callers_are_still_told(
    stage: Stage, how: signal.Signals
) -> None:
    """People talk on, a caller on the way hears the sentence to its end, others are helped."""
    await refer(stage)
    bridge = stage.up.bridge
    async with AsyncExitStack() as phones:
        talking = await phones.enter_async_context(stage.phone("103", Answers(after_s=0.2)))
        for extension in ("111", "102"):
            await phones.enter_async_context(stage.phone(extension, SOON))
        first = len(stage.watch.events)
        try:
            async with (
                stage.caller("018000103") as talker,
                stage.caller("018000101") as caller,
                stage.caller("*#23#", phone="101") as asking,
            ):
                await asyncio.gather(talker.answered(), caller.answered(), asking.answered())
                bridge.signal(how)
                told, code, closed = await asyncio.gather(
                    stage.call("+35818000101"),
                    stage.call("*23*2*1500#", phone="104"),
                    stage.call("018000131"),
                )
                on_the_way = await stage.made(await caller.ended(), first, "018000101")
                asked = await stage.made(await asking.ended(), first, "*#23#")
                assert not talking.received, "the talk went on"
        finally:
            if how is signal.SIGKILL:
                await bridge.ended()
                await bridge.start()
            else:
                bridge.signal(signal.SIGCONT)
    assert on_the_way.whys == ["person-absent", "fallback-line-open"]
    assert on_the_way.journey.answered_by == "111"
    hears_only(stage, on_the_way.result.heard, *TELLS, then_anything=True)
    assert tone_s(on_the_way.result.heard, VOICE_HZ) > 0.5
    assert told.whys == ["fallback-person-absent", "fallback-deputy-rings"]
    assert told.journey.answered_by == "102"
    assert told.heard.startswith("Anna Berg är på lunch och är åter tisdagen den tjugofjärde")
    assert code.heard == CODE_NOT_TAKEN
    assert asked.heard.endswith(BROKEN_OFF)
    assert asked.whys == ["code-asked", "fallback-sorry"]
    assert closed.heard.startswith("Soitit palveluun: rakennuslupaneuvonta.")
    for made in (told, code, closed):
        assert fallback_after(made) < stage.up.settings.guard_seconds / 2, "not by the guard"
        spoken = (sentence.text for sentence in made.sentences)
        hears_only(stage, made.result.heard, *spoken, then_anything=made is told)
    status = await stage.ask("status")
    assert [one["extension"] for one in status["referrals"]] == ["101"], "the journal's fold"
    assert await command(stage, "CancelReferral", person="101") == "command-done"
    await decided_again(stage)


HANGS_S = 9.0
"""Longer than a ping, its answer and the opening of one more connection are waited for."""


async def test_f03_f08_an_asterisk_that_hung_is_met_again_by_the_same_bridge(stage: Stage) -> None:
    """What it was sent meanwhile it serves late; none of that is another bridge."""
    bridge, asterisk = stage.up.bridge.pid, stage.up.asterisk.pid
    os.kill(asterisk, signal.SIGSTOP)
    try:
        await asyncio.sleep(HANGS_S)
    finally:
        os.kill(asterisk, signal.SIGCONT)
    await decided_again(stage)
    async with stage.phone("103", SOON):
        made = await stage.call("018000103")
    assert made.journey.answered_by == "103"
    assert (stage.up.bridge.pid, stage.up.asterisk.pid) == (bridge, asterisk)


async def closed_by_asterisk(stage: Stage) -> None:
    await stage.up.asterisk.console("ari shutdown websocket sessions")


async def reset(stage: Stage) -> None:
    """The kernel drops the connection on both sides, as a restarted firewall would."""
    port = str(stage.up.running.http_port)
    done = await asyncio.create_subprocess_exec(
        *("ss", "--kill", "--tcp", "state", "established", "sport", "=", f":{port}"),
        stdout=asyncio.subprocess.PIPE,
    )
    killed, _ = await done.communicate()
    if port not in killed.decode():
        pytest.skip("this machine does not let us drop connections")


@pytest.mark.parametrize(
    "lose", [closed_by_asterisk, pytest.param(reset, marks=pytest.mark.may_skip)]
)
async def test_f01_f02_the_talk_goes_on_while_the_link_is_lost_and_taken_up_again(
    stage: Stage, lose: Callable[[Stage], Awaitable[None]]
) -> None:
    lost_before = await asyncio.to_thread(links_lost, stage)
    talking = Answers(after_s=0.2, plays=tone(VOICE_HZ, 0.5))
    async with stage.phone("103", talking) as phone, stage.caller("018000103") as caller:
        first = len(stage.watch.events)
        await caller.answered()
        await asyncio.sleep(0.3)
        await lose(stage)
        before_s = tone_s(caller.heard, VOICE_HZ)
        async with asyncio.timeout(10):
            while await asyncio.to_thread(links_lost, stage) == lost_before:
                await asyncio.sleep(0.05)
        assert not phone.received
        await asyncio.sleep(1.0)
        assert tone_s(caller.heard, VOICE_HZ) > before_s + 0.9
        await caller.hang_up()
        await stage.made(await caller.ended(), first, "018000103")
    await decided_again(stage)
    assert await asyncio.to_thread(links_lost, stage) == lost_before + 1


def links_lost(stage: Stage) -> int:
    """How many gaps the journal knows."""
    path = database_file(stage.up.site.deployment.state)
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        rows = connection.execute("SELECT count(*) FROM journal WHERE kind = 'LinkLost'")
        return int(rows.fetchone()[0])
