"""Callers of people: what they hear, and whom they reach."""

from __future__ import annotations

import signal

import numpy as np
import pytest

from pbx_bridge.core.latency import Outcome
from pbx_bridge.softphone.audio import correlation, tone
from pbx_bridge.softphone.behaviour import Answers, Busy, Diverts, NeverAnswers, Press
from pbx_bridge.softphone.trunk import Operator
from pbx_bridge.stage import SAME_SOUND, Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

SOON = Answers(after_s=0.3, talks_s=1.0)


async def test_a_caller_reaches_a_person_and_the_record_agrees_with_sipp(stage: Stage) -> None:
    voice = tone(700, 0.5)
    async with stage.phone("101", Answers(after_s=1.0, talks_s=1.5, plays=voice)) as phone:
        made = await stage.call("018000101")
        received = await phone.ended()
    assert made.journey.outcome is Outcome.ANSWERED
    assert made.journey.answered_by == "101"
    assert made.whys == ["person-rings"]
    answered = made.result.answered_at
    assert answered is not None
    seen = (answered.wall - made.result.invited_at.wall).total_seconds()
    assert made.journey.wait_s == pytest.approx(seen, abs=0.05)
    assert correlation(made.result.heard, voice).score > SAME_SOUND
    assert received.ringing.number == "0401234567"


async def test_nobody_answers_so_the_colleague_who_has_agreed_is_rung(stage: Stage) -> None:
    async with stage.phone("101", NeverAnswers()), stage.phone("102", SOON):
        made = await stage.call("018000101")
    assert made.whys == ["person-rings", "person-no-answer", "deputy-rings"]
    assert made.heard == "Anna Berg svarar inte just nu. Jag kopplar dig till Bo Ek."
    assert made.journey.answered_by == "102"


async def test_a_busy_person_is_told_so(stage: Stage) -> None:
    async with stage.phone("101", Busy()), stage.phone("102", SOON):
        made = await stage.call("018000101")
    assert "Anna Berg talar i telefon just nu." in made.heard
    assert made.journey.answered_by == "102"


@pytest.mark.parametrize("stopped", [False, True])
async def test_s14_a_phone_does_not_send_calls_elsewhere_by_itself(
    stage: Stage, operator_port: int, *, stopped: bool
) -> None:
    """Neither to a colleague nor out of the house, also without a bridge; nor a line's calls."""
    abroad = Diverts("0035840123456")
    if stopped:
        stage.up.bridge.signal(signal.SIGSTOP)
    try:
        async with (
            Operator(stage.sipp, operator_port, {abroad.to: SOON}) as operator,
            stage.phone("107", SOON) as elsewhere,
            stage.phone("102", SOON),
        ):
            async with stage.phone("101", Diverts("107")):
                made = await stage.call("018000101")
            async with stage.phone("101", abroad):
                again = await stage.call("018000101")
            async with stage.phone("111", abroad) as attendant:
                waited = await stage.call("018000100", hold_s=3.0)
    finally:
        stage.up.bridge.signal(signal.SIGCONT)
    assert [one.journey.answered_by for one in (made, again)] == ["102", "102"]
    assert [one.journey.diversions for one in (made, again, waited)] == [0, 0, 0]
    assert attendant.rings
    assert waited.journey.answered_at is None
    assert (elsewhere.rings, operator.rings) == ([], [])


async def test_an_unreachable_phone_leads_on_to_the_switchboard(stage: Stage) -> None:
    async with stage.phone("111", SOON):
        made = await stage.call("018000101")
    assert "Anna Berg kan inte nås just nu. Jag kopplar dig till Bo Ek." in made.heard
    assert "Bo Ek svarar inte just nu. Jag kopplar dig till växeln." in made.heard
    assert made.journey.answered_by == "111"
    assert made.whys[-1] == "line-open"


async def test_a_referral_by_code_is_confirmed_told_and_passed_on(stage: Stage) -> None:
    async with stage.phone("101", SOON) as anna, stage.phone("102", SOON):
        confirmed = await stage.call("*23*1*1430#", phone="101")
        assert confirmed.whys == ["command-done", "nothing-left"]
        assert "Anna Berg är på lunch och är åter i dag klockan halv tre." in confirmed.heard
        assert "Samtalen går till Bo Ek." in confirmed.heard
        told = await stage.call("018000101")
        assert told.heard == (
            "Anna Berg är på lunch och är åter i dag klockan halv tre. Jag kopplar dig till Bo Ek."
        )
        assert told.journey.answered_by == "102"
        asked = await stage.call("*#23#", phone="101")
        assert "Det finns en hänvisning." in asked.heard
        back = await stage.call("#23#", phone="101")
        assert back.heard == "Hänvisningen är borttagen."
        assert not anna.received
        again = await stage.call("018000101")
        assert again.journey.answered_by == "101"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("*23*5*1201#", "har semester och är åter tisdagen den första december klockan halv nio"),
        ("*23*5*1201*1000#", "är åter tisdagen den första december klockan tio"),
        ("*23*1*1130#", "Den tiden har redan passerat."),
        ("*23*5*0231#", "Den tiden finns inte."),
        ("*23*9*1430#", "Den orsaken kräver en anteckning"),
        ("*23*1*14#", "Den tiden finns inte."),
        ("*99#", "Den koden finns inte."),
    ],
)
async def test_a_code_is_answered_in_words(stage: Stage, code: str, words: str) -> None:
    made = await stage.call(code, phone="102")
    assert words in made.heard


async def test_nobody_at_all_so_a_message_is_left(stage: Stage) -> None:
    """The last way on: the caller presses 1 and speaks; the message is kept as sound."""
    async with stage.phone("101", Busy()), stage.phone("102", Busy()):
        speak = [Press("1", after_silence_s=1.5), Press("#", after_s=8.0)]
        made = await stage.call("018000101", press=speak, plays=tone(700, 0.5))
    assert "message-chosen" in made.whys
    assert "Tala efter tonen och avsluta med fyrkant." in made.heard
    spool = stage.up.settings.spool / "voicemail/default/101/INBOX"
    messages = sorted(spool.glob("msg*.wav"))
    assert messages
    assert messages[-1].stat().st_size > 8000


async def test_finnish_number_speaks_finnish(stage: Stage) -> None:
    async with stage.phone("111", SOON):
        made = await stage.call("018000108")
    assert made.journey.answered_by == "111"
    assert "ei" in made.heard.split() or "juuri" in made.heard
    assert "växeln" not in made.heard


async def test_an_internal_call_rings_the_colleague(stage: Stage) -> None:
    async with stage.phone("102", SOON) as bo:
        made = await stage.call("102", phone="101")
        ringing = await bo.rang()
    assert made.journey.answered_by == "102"
    assert ringing.number == "101"
    assert ringing.display_name == "Anna Berg"


async def test_silence_is_not_taken_for_speech() -> None:
    """The check of what is heard can fail: another sentence is not found in silence."""
    assert correlation(np.zeros(16000, dtype=np.int16), tone(700, 0.5)).score < 0.3
