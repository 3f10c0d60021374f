"""What both ends hear, from the first moment to the last: nothing is missing, nothing is extra."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
from calls.hearing import hears_only, sound_of, tone_s, voice

from pbx_bridge.cli.calling import sipp_program
from pbx_bridge.softphone.audio import is_silent, silence, tone
from pbx_bridge.softphone.behaviour import Answers, NeverAnswers
from pbx_bridge.stage import Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

CALLER_HZ, ANSWERER_HZ = 700, 1500


async def test_both_hear_each_other_and_nothing_else(stage: Stage) -> None:
    answers = Answers(after_s=0.5, talks_s=1.5, plays=voice(ANSWERER_HZ))
    async with stage.phone("101", answers) as phone:
        made = await stage.call("018000101", plays=voice(CALLER_HZ))
        received = await phone.ended()
    assert tone_s(made.result.heard, ANSWERER_HZ) > 1.0
    assert tone_s(received.heard, CALLER_HZ) > 1.0
    hears_only(stage, made.result.heard, tones=[ANSWERER_HZ])
    hears_only(stage, received.heard, tones=[CALLER_HZ])
    assert received.answered_at is not None
    assert made.journey.answered_at is not None
    late = made.journey.answered_at - received.answered_at.wall
    assert abs(late.total_seconds()) < 0.5, "the record and the phone disagree"


async def test_a_deputy_who_does_not_answer_leads_to_the_switchboards_attendant(
    stage: Stage,
) -> None:
    answers = Answers(after_s=1.0, talks_s=1.0, plays=voice(ANSWERER_HZ))
    async with stage.phone("102", NeverAnswers()) as bo, stage.phone("111", answers):
        made = await stage.call("018000101")
        assert (await bo.ended()).answered_at is None
    assert made.journey.answered_by == "111"
    hears_only(
        stage,
        made.result.heard,
        "Anna Berg kan inte nås just nu.",
        "Jag kopplar dig till Bo Ek.",
        "Bo Ek svarar inte just nu.",
        "Jag kopplar dig till växeln.",
        then_anything=True,  # music, and her voice
    )
    assert tone_s(made.result.heard, ANSWERER_HZ) > 0.5


async def test_who_waits_in_the_queue_is_not_left_in_silence(stage: Stage) -> None:
    """Music until somebody answers; where no music is installed there is silence, and no error."""
    answers = Answers(after_s=4.0, talks_s=1.0, plays=voice(ANSWERER_HZ))
    async with stage.phone("111", answers):
        made = await stage.call("018000100")
    assert made.journey.answered_by == "111"
    waited = made.result.heard[8000 : 3 * 8000]
    assert is_silent(waited) == (stage.up.settings.moh is None)
    assert tone_s(made.result.heard, ANSWERER_HZ) > 0.5


CLOSED = {
    "018000130": (
        (
            "Du har kommit till bygglovsrådgivningen. Vi har stängt nu. "
            "Vi öppnar i morgon klockan nio."
        ),
        "Tryck ett för att lämna ett meddelande.",
        "Tryck fyra för att bli uppringd.",
        "Suomeksi, paina kahdeksan.",
        "For English, press nine.",
        "Tack för ditt samtal. Hej då.",
    ),
    "018000131": (
        (
            "Soitit palveluun: rakennuslupaneuvonta. Palvelu on nyt suljettu. "
            "Palvelemme jälleen huomenna kello yhdeksän."
        ),
        "Jos haluat jättää viestin, paina yksi.",
        "Paina neljä, jos haluat, että sinulle soitetaan.",
        "På svenska, tryck åtta.",
        "For English, press nine.",
        "Kiitos soitosta. Kuulemiin.",
    ),
    "018000132": (
        (
            "You have reached building permit advice. We are closed now. "
            "We open tomorrow at nine o'clock."
        ),
        "Press one to leave a message.",
        "Press four to be called back.",
        "På svenska, tryck åtta.",
        "Suomeksi, paina yhdeksän.",
        "Thank you for calling. Goodbye.",
    ),
}


async def test_each_number_is_answered_in_its_language_and_in_no_other(stage: Stage) -> None:
    made = await asyncio.gather(*(stage.call(number, hold_s=30.0) for number in CLOSED))
    for sentences, one in zip(CLOSED.values(), made, strict=True):
        assert one.whys[0] == "line-closed"
        hears_only(stage, one.result.heard, *sentences)


async def test_what_is_heard_can_be_told_from_what_is_not(stage: Stage) -> None:
    """The check itself: a sentence too much, too few, in disorder or cut off is noticed."""
    texts = CLOSED["018000130"][:2]
    first, second = (sound_of(stage, text) for text in texts)
    both = np.concatenate([first, silence(0.5), second])
    hears_only(stage, both, *texts)
    for heard, claimed in (
        (both, texts[:1]),
        (first, texts),
        (both, texts[::-1]),
        (both[:-4000], texts),
        (np.concatenate([both, tone(900, 0.5)]), texts),
    ):
        with pytest.raises(AssertionError):
            hears_only(stage, heard, *claimed)


@asynccontextmanager
async def answering_operator(port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """SIPp at the far end of the trunk: answers one call, and ends with 0 when it was hung up."""
    operator = await asyncio.create_subprocess_exec(
        *sipp_program(),
        *("-sn", "uas", "-i", "127.0.0.1", "-p", str(port), "-m", "1", "-nostdin"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield operator
    finally:
        if operator.returncode is None:
            operator.kill()
        await operator.wait()


async def test_a_call_out_is_answered_by_the_operator_and_hung_up(
    stage: Stage, operator_port: int
) -> None:
    async with answering_operator(operator_port) as operator:
        made = await stage.call("0186543", phone="101", hold_s=0.5)
        async with asyncio.timeout(5):
            assert await operator.wait() == 0
    assert made.result.status == 200
    assert made.whys == ["outgoing"]
    assert made.journey.answered_by == "operator"
