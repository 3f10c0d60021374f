"""F27: two phones answer in the same moment, many times over."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from calls.conftest import command
from calls.hearing import tone_s, voice

from pbx_bridge.core.latency import Outcome
from pbx_bridge.softphone.behaviour import Answers
from pbx_bridge.softphone.phone import Phone
from pbx_bridge.stage import Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

RACES = 24
HZ = {"111": 700, "113": 1500}
TALKS_S = 0.6
APART_S = 0.01
"""Steps by which the second phone is later than the first, until it is too late."""


async def test_f27_of_two_phones_that_answer_at_once_one_wins_and_the_other_is_released(
    stage: Stage,
) -> None:
    await command(stage, "SignIn", line="vaxel", person="113")
    answers = {one: Answers(0.0, talks_s=TALKS_S, plays=voice(HZ[one])) for one in HZ}
    won: Counter[str] = Counter()
    both = 0
    async with stage.phone("111", answers["111"]) as karin, stage.phone("113", answers["113"]) as b:
        phones = {"111": karin, "113": b}
        for race in range(RACES):
            later, first = sorted(HZ, reverse=bool(race % 2))
            phones[first].behaviour = Answers(0.0, talks_s=TALKS_S, plays=voice(HZ[first]))
            late_s = APART_S * (race // 2 % 4)
            phones[later].behaviour = Answers(late_s, talks_s=TALKS_S, plays=voice(HZ[later]))
            made = await stage.call("018000100", hold_s=10.0)
            winner = made.journey.answered_by
            assert made.journey.outcome is Outcome.ANSWERED, made.journey
            assert [talk.by for talk in made.journey.talks] == [winner], "one winner, one record"
            loser = next(one for one in HZ if one != winner)
            assert tone_s(made.result.heard, HZ[winner]) > TALKS_S / 2, "nobody hears nothing"
            assert tone_s(made.result.heard, HZ[loser]) == 0.0
            released = await over(phones[loser], race + 1)
            both += released
            await over(phones[winner], race + 1)
            won[winner] += 1
    print(f"{RACES} races, won by {dict(won)}; in {both} both had answered")
    assert both, "there was a race"


async def over(phone: Phone, count: int) -> bool:
    """Wait for the end of a phone's call, and say whether it had answered it."""
    async with asyncio.timeout(5):
        while len(phone.received) < count:
            await asyncio.sleep(0.02)
    assert len(phone.rings) == count, "rung once for each caller"
    return phone.received[-1].answered_at is not None
