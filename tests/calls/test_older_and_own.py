"""An Asterisk without StasisBroadcast, and dialplans of technicians' own."""

from __future__ import annotations

from pathlib import Path

import pytest
from calls.conftest import TUESDAY
from calls.hearing import hears_only
from calls.test_faults import refer

from pbx_bridge.asterisk.version import Version
from pbx_bridge.config.site import read_deployment, read_site
from pbx_bridge.core.trace import value
from pbx_bridge.softphone.behaviour import Answers
from pbx_bridge.stage import Stage
from pbx_bridge.supervisor import exchange, preparing
from pbx_bridge.watching import watching

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

OWN = """\
[from-phone](+)
exten => 7001,1,Gosub(pbx-bridge-lookup,s,1(101))
 same => n,CELGenUserEvent(LOOKED_UP,${PBX_AGI} ${REFERRAL_SET} ${REFERRAL_REASON})
 same => n,Answer()
 same => n,Playback(${REFERRAL_AUDIO})
 same => n,Hangup()
"""


async def test_plain_stasis_decides_where_there_is_no_broadcast(
    town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older releases: `Stasis()`, and each request over HTTP."""

    def never(_: Version) -> bool:
        return False

    monkeypatch.setattr(preparing, "has_broadcast", never)
    config = town / "config.yaml"
    deployment = read_deployment(config, tmp_path / "s")
    deployment = deployment.but(sip_port=0, ari_port=0, ami_port=0, agi_port=0, operations_port=0)
    site = read_site(deployment, TUESDAY.date())
    now = TUESDAY.replace(tzinfo=site.plan.organisation.zone)
    async with (
        exchange(config, site, print, now) as up,
        watching(site, up.running, print) as watch,
    ):
        stage = Stage(up, watch)
        async with stage.phone("101", Answers(after_s=0.2, talks_s=0.5)):
            made = await stage.call("018000101")
        assert "StasisBroadcast" not in (up.settings.etc / "extensions.conf").read_text()
    assert made.whys == ["person-rings"]
    assert made.journey.answered_by == "101"


async def test_a_dialplan_of_ones_own_asks_about_a_referral(stage: Stage) -> None:
    """FastAGI: asked from `extensions_local.conf`, answered from the live state."""
    await refer(stage)
    local = stage.up.settings.etc / "extensions_local.conf"
    local.write_text(OWN)
    try:
        await stage.up.asterisk.console("dialplan reload")
        first = len(stage.watch.events)
        made = await stage.call("7001", phone="102")
    finally:
        local.unlink()
        await stage.up.asterisk.console("dialplan reload")
    told = [event for event in stage.watch.events[first:] if event.type == "LOOKED_UP"]
    assert [value(event.extra, "extra") for event in told] == ["OK 1 lunch"]
    words = "Anna Berg är på lunch och är åter tisdagen den tjugofjärde november klockan halv tre."
    hears_only(stage, made.result.heard, words)
