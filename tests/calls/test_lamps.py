"""Lamps of telephones, by raw subscriptions, and calls that a colleague picks up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from calls.attended import at, town_with
from calls.baresip import baresip
from calls.conftest import command, mirrored
from calls.desk import PATIENCE_S, Desk, Lamp, desk

from pbx_bridge.stage import Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="module")]

FREE, RINGS, BUSY = "terminated", "early", "confirmed"
SUBSCRIBED_S = 40.0
"""baresip begins to ask before it has its account, and asks again some seconds later."""
UNTIL = "2026-11-24T14:30:00+02:00"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(town: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """An exchange of its own: both its processes are started anew."""
    async with town_with(town, tmp_path_factory.mktemp("lamps"), at("10:00")) as stage:
        yield stage


async def both(phone: Desk, name: str) -> tuple[Lamp, Lamp]:
    """A lamp by each way that phones know."""
    return await phone.subscribe("dialog", name), await phone.subscribe("presence", name)


async def refer(house: Stage, person: str) -> None:
    done = await command(house, "SetReferral", person=person, reason="lunch", until=UNTIL)
    assert done == "command-done"


async def test_a_lamp_shows_a_person_free_ringing_talking_and_away(house: Stage) -> None:
    sip = house.up.running.sip
    async with (
        desk(sip, "107", house.secrets["107"]) as gun,
        desk(sip, "103", house.secrets["103"]) as watcher,
    ):
        lamp, presence = await both(watcher, "107")
        await lamp.is_(FREE)
        await presence.is_("Ready")
        nobody, unseen = await both(watcher, "106")
        await nobody.is_(FREE)
        await unseen.is_("Unavailable")
        assert (await watcher.subscribe("dialog", "999")).status == 404
        assert (await watcher.subscribe("dialog", "018000107")).status == 404
        async with house.caller("018000107") as caller:
            takes = await gun.rang()
            await lamp.is_(RINGS)
            await presence.is_("Ringing")
            takes()
            await lamp.is_(BUSY)
            await presence.is_("On the phone")
            await caller.answered()
            await caller.hang_up()
        await lamp.is_(FREE)
        await presence.is_("Ready")
        await refer(house, "107")
        await lamp.is_(BUSY, 1.0)
        await presence.is_("On the phone", 1.0)
        await _survives(house, lamp)
        assert await command(house, "CancelReferral", person="107") == "command-done"
        await lamp.is_(FREE, 1.0)
        assert await command(house, "BlockPhone", person="107") == "command-done"
        await lamp.is_(BUSY, 1.0)
        assert await command(house, "UnblockPhone", person="107") == "command-done"


async def _survives(house: Stage, lamp: Lamp) -> None:
    """Neither a bridge that ends nor an Asterisk that is started anew forgets an absence, and who
    has subscribed is told again."""
    await house.up.bridge.kill()
    lamp.shows = ""
    await house.up.asterisk.stop()
    await house.up.asterisk.start()
    await lamp.is_(BUSY, 10.0)
    lamp.shows = ""
    await house.up.bridge.start()
    await house.up.asterisk.console("dialplan reload")
    await house.up.asterisk.console("module reload res_pjsip.so")
    await mirrored(house)
    assert lamp.shows in ("", BUSY)


async def test_a_phone_that_nobody_here_wrote_shows_who_is_busy_and_away(house: Stage) -> None:
    """By presence, which is all that baresip knows; it asks once, also where Asterisk is started
    anew meanwhile."""
    sip = house.up.running.sip
    async with (
        desk(sip, "107", house.secrets["107"]) as gun,
        baresip(house, "103", watches=("107",)) as phone,
    ):
        await phone.shows("107", "Online", SUBSCRIBED_S)
        async with house.caller("018000107") as caller:
            takes = await gun.rang()
            await phone.shows("107", "Busy")
            takes()
            await caller.answered()
            await phone.shows("107", "Busy")
            await caller.hang_up()
        await phone.shows("107", "Online")
        await refer(house, "107")
        await phone.shows("107", "Busy")
        await house.up.asterisk.stop()
        await house.up.asterisk.start()
        assert await command(house, "CancelReferral", person="107") == "command-done"
        # An Asterisk that has just started asks each phone once in ten seconds.
        await phone.shows("107", "Online", SUBSCRIBED_S)
        await refer(house, "107")
        await phone.shows("107", "Busy")
        assert await command(house, "CancelReferral", person="107") == "command-done"
        await phone.shows("107", "Online")


async def test_a_lamp_shows_a_line_open_with_callers_short_and_closed(house: Stage) -> None:
    sip = house.up.running.sip
    async with desk(sip, "103", house.secrets["103"]) as watcher:
        lamp, presence = await both(watcher, "vaxel")
        await lamp.is_(BUSY, 10.0)
        async with desk(sip, "111", house.secrets["111"]) as karin:
            await lamp.is_(FREE, 10.0)
            await presence.is_("Ready")
            async with house.caller("018000100") as first:
                await lamp.is_(RINGS)
                await karin.answer()
                await lamp.is_(FREE)
                await first.hang_up()
        closed, shown = await both(watcher, "jour")
        await closed.is_(BUSY)
        await shown.is_("On hold")


async def test_a_colleague_of_the_unit_picks_up_and_nobody_else(house: Stage) -> None:
    """Anna's call is picked up by Bo of her unit; not by the switchboard, which shares no line."""
    sip = house.up.running.sip
    await mirrored(house)
    nothing = await house.call("*8101#", phone="110")
    assert nothing.heard == "No telephone is ringing there."
    async with (
        desk(sip, "101", house.secrets["101"]) as anna,
        desk(sip, "102", house.secrets["102"]) as bo,
    ):
        first = len(house.watch.events)
        refused = asyncio.create_task(house.call("*8101", phone="111", hold_s=12.0))
        async with house.caller("018000101") as caller:
            await anna.rang()
            talk = await bo.dial("*8101#")
            await caller.answered()
            await caller.hang_up()
            async with asyncio.timeout(PATIENCE_S):
                await talk.over.wait()
        made = await house.made(await caller.ended(), first, "018000101")
        assert (await refused).heard.startswith("Du kan bara ta samtal för kolleger")
    assert made.journey.answered_by == "102"
    assert made.whys == ["person-rings"]


async def test_a_call_of_a_line_is_picked_up_without_a_bridge_too(house: Stage) -> None:
    sip = house.up.running.sip
    async with (
        desk(sip, "111", house.secrets["111"]) as karin,
        desk(sip, "113", house.secrets["113"]) as lars,
    ):
        await house.up.bridge.kill()
        try:
            first = len(house.watch.events)
            async with house.caller("018000100") as caller:
                await karin.rang()
                talk = await lars.dial("*8111#")
                await picked_up(house, first)
                await caller.hang_up()
                async with asyncio.timeout(PATIENCE_S):
                    await talk.over.wait()
            made = await house.made(await caller.ended(), first, "018000100")
        finally:
            await house.up.bridge.start()
    assert made.journey.answered_by == "113"


async def picked_up(house: Stage, first: int) -> None:
    """Wait until Asterisk has noted that a call was picked up."""
    async with asyncio.timeout(PATIENCE_S):
        while all(one.type != "PICKUP" for one in house.watch.events[first:]):
            await asyncio.sleep(0.02)
