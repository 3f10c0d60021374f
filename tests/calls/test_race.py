"""F27: two phones answer in the same moment, many times over."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from calls.conftest import command, idle
from calls.desk import Desk, desk
from calls.hearing import tone_s, voice

from pbx_bridge.core.latency import Outcome
from pbx_bridge.softphone.sound import open_sound
from pbx_bridge.stage import Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

RACES = 24
HZ = {"111": 700, "113": 1500}
TALKS_S = 0.6
APART_S = 0.002
"""Steps by which the second phone is later than the first."""


async def test_f27_of_two_phones_that_answer_at_once_one_wins_and_the_other_is_released(
    stage: Stage,
) -> None:
    await command(stage, "SignIn", line="vaxel", person="113")
    won: Counter[str] = Counter()
    both_ring = asyncio.Barrier(2)
    server, secrets = stage.up.running.sip, stage.secrets
    async with (
        desk(server, "111", secrets["111"]) as karin,
        desk(server, "113", secrets["113"]) as lars,
    ):
        for race in range(RACES):
            late_s = [0.0, APART_S * (race // 2 % 4)]
            for_karin, for_lars = late_s if race % 2 else reversed(late_s)
            made, karin_won, lars_won = await asyncio.gather(
                stage.call("018000100", hold_s=10.0),
                answers(karin, HZ["111"], for_karin, both_ring),
                answers(lars, HZ["113"], for_lars, both_ring),
            )
            assert karin_won is not lars_won, "one winner, and the other is released"
            winner, loser = ("111", "113") if karin_won else ("113", "111")
            assert made.journey.outcome is Outcome.ANSWERED, made.journey
            assert made.journey.answered_by == winner
            assert [talk.by for talk in made.journey.talks] == [winner], "one record"
            assert tone_s(made.result.heard, HZ[winner]) > TALKS_S / 2, "nobody hears nothing"
            assert tone_s(made.result.heard, HZ[loser]) == 0.0
            won[winner] += 1
            await idle(stage)
    print(f"{RACES} races, won by {dict(won)}")
    assert len(won) == len(HZ), "there were races"


async def answers(phone: Desk, frequency_hz: int, late_s: float, ring: asyncio.Barrier) -> bool:
    """Answer the next call, once both phones ring, and talk; whether the exchange left the call to
    this phone."""
    async with open_sound("127.0.0.1", voice(frequency_hz)) as sound:
        dialog = await phone.answer(sound, late_s, ring)
        try:
            async with asyncio.timeout(TALKS_S):
                await dialog.over.wait()
        except TimeoutError:
            await phone.hang_up(dialog)
            return True
        return False
