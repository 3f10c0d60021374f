"""Places in a queue that are held for callers who have hung up: one journey each (S16, S21)."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from calls.attended import at, attended_by, in_talk, town_with
from calls.hearing import tone_s, voice
from calls.recorded import RECORDED_WITHIN_S, kept, returns

from pbx_bridge.cli.calling import sipp_program
from pbx_bridge.cli.options import reading
from pbx_bridge.core.latency import Outcome
from pbx_bridge.core.state import Opened
from pbx_bridge.ports import PbxUnavailable
from pbx_bridge.softphone.behaviour import Answers, Declines
from pbx_bridge.softphone.trunk import Operator
from pbx_bridge.stage import LONGEST_CALL_S, Made, Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

SWITCHBOARD, ANOTHER = "018000100", "018000121"
SECOND = "0402222222"
CALLER_HZ, ATTENDANT_HZ = 700, 1500
EXACT_S = 0.05
"""As far as the record and SIPp may be apart."""
TOLD_SOON = {"told_seconds": "8"}


async def keeps_the_place(stage: Stage, number: str = ANOTHER, caller: str = SECOND) -> Made:
    """Waits until the place is told, presses 4 and hears that it is kept."""
    first = len(stage.watch.events)
    async with stage.caller(number, from_number=caller) as waiting:
        async with asyncio.timeout(LONGEST_CALL_S):
            while not any("|wait-told|" in str(one) for one in stage.watch.events[first:]):
                await asyncio.sleep(0.05)
        await waiting.quiet(1.0)
        await waiting.press("4")
        return await stage.made(await waiting.ended(), first, number)


def journaled(stage: Stage, kind: str) -> int:
    """How many entries of a kind the journal has."""
    with reading(stage.up.site.deployment.state) as connection:
        assert connection is not None
        rows = connection.execute("SELECT count(*) FROM journal WHERE kind = ?", (kind,))
        return int(rows.fetchone()[0])


async def test_s21_who_waits_is_told_the_place_and_may_keep_it_without_waiting(
    town: Path, tmp_path: Path, operator_port: int
) -> None:
    """The third caller presses 4 and hangs up; when it is their turn both phones are connected.

    They are answered then, after all that time, and nobody has to get back to them."""
    first_talk = Answers(after_s=0.1, talks_s=26.0)
    talks = Answers(after_s=0.2, talks_s=18.0, plays=voice(ATTENDANT_HZ))
    at_home = Answers(after_s=0.3, talks_s=2.0, plays=voice(CALLER_HZ))
    async with (
        town_with(town, tmp_path, at("10:00"), vaxel=TOLD_SOON) as stage,
        Operator(sipp_program(), operator_port, {SECOND: at_home}) as network,
        stage.phone("111", first_talk) as karin,
    ):
        await attended_by(stage, "Karin Lund")
        async with stage.caller(SWITCHBOARD) as talking, stage.caller(SWITCHBOARD) as waiting:
            await in_talk(karin)
            karin.behaviour = talks
            await waiting.answered()
            await asyncio.sleep(1.1)  # places are by whole seconds
            made = await keeps_the_place(stage)
            await talking.ended(60)
            await waiting.ended(60)
        async with asyncio.timeout(30):
            while len(network.received) < 1 or len(karin.received) < 3:
                await asyncio.sleep(0.1)
        *_, called_back = await kept(stage, 3)
        [answer] = network.answered
        async with asyncio.timeout(RECORDED_WITHIN_S):
            while journaled(stage, "CallTaken") < 3:
                await asyncio.sleep(0.1)
        assert journaled(stage, "ReturnDue") == 0
    assert "Thank you for waiting. You are number two in the queue." in made.heard
    assert "Press four and we call you when it is your turn." in made.heard
    assert "Thank you. We call you when it is your turn." in made.heard
    [called] = network.rings
    assert called.called == SECOND
    assert karin.rings[-1].number == SECOND
    [talk] = [one for one in karin.received if one.ringing.number == SECOND]
    assert tone_s(talk.heard, CALLER_HZ) > 0.5
    assert tone_s(network.heard, ATTENDANT_HZ) > 0.5
    assert (called_back.linkedid, called_back.other_end) == (made.journey.linkedid, SECOND)
    assert (called_back.outcome, called_back.answered_by) == (Outcome.ANSWERED, "111")
    assert [one.by for one in called_back.talks] == ["111"]
    waited = answer.wall - made.result.invited_at.wall
    assert called_back.wait_s == pytest.approx(waited.total_seconds(), abs=EXACT_S)


async def test_s16_a_place_that_was_kept_in_vain_is_returned(
    town: Path, tmp_path: Path, operator_port: int
) -> None:
    """The caller doesn't take the call when it is their turn."""
    async with (
        town_with(town, tmp_path, at("10:00"), vaxel=TOLD_SOON) as stage,
        Operator(sipp_program(), operator_port, {SECOND: Declines()}) as network,
        stage.phone("111", Answers(after_s=0.1, talks_s=20.0)) as karin,
    ):
        await attended_by(stage, "Karin Lund")
        async with stage.caller(SWITCHBOARD) as talking:
            await in_talk(karin)
            await keeps_the_place(stage)
            await talking.ended(60)
        _, in_vain = await kept(stage, 2)
        (entry,) = await returns(stage, 1)
    assert [one.called for one in network.rings] == [SECOND]
    assert (in_vain.outcome, in_vain.talks, in_vain.other_end) == (Outcome.ABANDONED, (), SECOND)
    assert (entry.target, entry.number, entry.how[0]) == ("vaxel", SECOND, Opened.ASKED)


async def test_f07_a_place_that_dies_with_asterisk_is_a_lost_call(
    town: Path, tmp_path: Path
) -> None:
    async with (
        town_with(town, tmp_path, at("10:00"), vaxel=TOLD_SOON) as stage,
        stage.phone("111", Answers(after_s=0.1)) as karin,
    ):
        await attended_by(stage, "Karin Lund")
        async with stage.caller(SWITCHBOARD) as talking:
            await in_talk(karin)
            await keeps_the_place(stage)
            os.kill(stage.up.asterisk.pid, signal.SIGKILL)
            with pytest.raises(PbxUnavailable, match="SIGKILL"):
                await stage.up.asterisk.exited()
            await karin.die()
            await talking.die()
            await stage.up.asterisk.start()
        _, lost = await kept(stage, 2)
        (entry,) = await returns(stage, 1)
    assert (lost.outcome, lost.cut, lost.other_end) == (Outcome.LOST, True, SECOND)
    assert (entry.target, entry.number, entry.how) == ("vaxel", SECOND, (Opened.MISSED,))
