"""Phone hours broken for an emergency, with real calls before, during and after (S24)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from calls.conftest import bridge_dead, mirrored, opened

from pbx_bridge.softphone.behaviour import Answers
from pbx_bridge.stage import Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

LINE = "018000130"
SOON = Answers(after_s=0.3, talks_s=1.0)
NOW = datetime(2026, 11, 24, 9, 50)  # noqa: DTZ001 - given the plan's zone when it is used


async def answered(stage: Stage) -> bool:
    made = await stage.call(LINE)
    return made.journey.answered_by == "101"


async def test_s24_an_emergency_is_told_repaid_and_over(town: Path, tmp_path: Path) -> None:
    async with opened(town, tmp_path, NOW) as stage, stage.phone("101", SOON):
        assert await answered(stage)
        broken = await stage.call("*24*2*2*1030#", phone="101")
        assert "Avbrottet gäller bygglovsrådgivningen till i dag klockan halv elva." in broken.heard
        assert "Tiden tas igen samma dag: telefontiden slutar i dag klockan" in broken.heard
        during = await stage.call(LINE, hold_s=9.0)
        assert during.whys == ["line-closed"]
        assert "Vi är upptagna: en olycka. Vi svarar igen i dag klockan halv elva." in during.heard
        switchboard = await stage.call("*27#", phone="111")
        assert "Orsak: en olycka." in switchboard.heard

        await mirrored(stage)
        async with bridge_dead(stage):
            without = await stage.call(LINE)
            assert without.whys[0] == "fallback-line-closed"
            assert "Vi är upptagna: en olycka." in without.heard

        over = await stage.call("#24*2#", phone="101")
        assert "Telefontiden fortsätter och slutar i dag klockan" in over.heard
        assert await answered(stage)
