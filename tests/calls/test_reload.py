"""F37: another plan comes into force while people talk and wait."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import pytest
from calls.attended import at, attended_by, in_talk, town_with
from calls.hearing import tone_s, voice

from pbx_bridge.asterisk import secrets
from pbx_bridge.asterisk.render import render, write
from pbx_bridge.bootstrap import SECRETS
from pbx_bridge.config.site import read_site
from pbx_bridge.softphone.behaviour import Answers
from pbx_bridge.stage import Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

HZ = 1500
NOON = datetime(2026, 11, 24, 10)  # noqa: DTZ001 - a date alone is read from it


async def test_f37_a_talk_and_a_caller_who_waits_go_on_across_a_reload_and_the_next_meets_the_plan(
    town: Path, tmp_path: Path
) -> None:
    async with (
        town_with(town, tmp_path, at("10:00")) as stage,
        stage.phone("103", Answers(0.1, plays=voice(HZ))) as cecilia,
        stage.phone("111", Answers(0.1, talks_s=16.0)) as karin,
    ):
        await attended_by(stage, "Karin Lund")
        first = len(stage.watch.events)
        async with stage.caller("018000103") as talker, stage.caller("018000100") as busy:
            await talker.answered()
            await in_talk(karin)
            async with stage.caller("018000121") as waiting:
                await waiting.answered()
                before_s = tone_s(talker.heard, HZ)
                await changed(stage)
                await asyncio.sleep(1.5)
                assert not cecilia.received, "the talk goes on"
                assert not karin.received
                assert tone_s(talker.heard, HZ) > before_s + 1.0, "and is heard"
                told = await stage.call("018000104", hold_s=15.0)
                karin.behaviour = Answers(0.1, talks_s=0.5, plays=voice(HZ))
                await busy.ended(30)
                served = await stage.made(await waiting.ended(30), first, "018000121")
            await talker.hang_up()
            talked = await stage.made(await talker.ended(), first, "018000103")
    assert talked.journey.answered_by == "103"
    assert served.journey.answered_by == "111", "who waited keeps the place"
    assert not served.journey.cut
    assert "Daniela Holm" in told.heard, "the next caller meets the new plan"


async def changed(stage: Stage) -> None:
    """Another name and other rings, in the bridge and in Asterisk."""
    deployment = stage.up.site.deployment
    people = deployment.dialplan / "people.yaml"
    text = people.read_text().replace("name: Daniel Holm", "name: Daniela Holm\n  ring_seconds: 5")
    await asyncio.to_thread(people.write_text, text)
    answer = await stage.ask("reload")
    assert answer["problems"] == []
    site = await asyncio.to_thread(read_site, deployment, NOON.date())
    held = secrets.load(deployment.state / SECRETS, site.plan)
    await asyncio.to_thread(
        write, render(site.plan, stage.up.settings, held), stage.up.settings.etc
    )
    await stage.up.asterisk.reload()
