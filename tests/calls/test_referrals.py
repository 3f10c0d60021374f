"""Referrals, what callers are told of them, and colleagues who have agreed, with real calls."""

from __future__ import annotations

import asyncio

import pytest
from calls.conftest import command, idle

from pbx_bridge.core.latency import Outcome
from pbx_bridge.softphone.audio import silence, tone
from pbx_bridge.softphone.behaviour import Answers, Diverts, How, NeverAnswers, Press
from pbx_bridge.softphone.trunk import Operator
from pbx_bridge.stage import Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

SOON = Answers(after_s=0.3, talks_s=1.0)
AWAY_UNTIL = "2026-11-24T14:30:00+02:00"
WAIT_S = 15.0


def answers(key: str, how: How = How.RTP) -> Answers:
    """A colleague who listens to the question and presses a key."""
    return Answers(after_s=0.3, talks_s=4.0, press=[Press(key, after_silence_s=0.8, how=how)])


async def consent(stage: Stage, person: str, to: str, wanted: str) -> None:
    """Wait until the colleague's answer is in force."""
    async with asyncio.timeout(WAIT_S):
        while True:
            forwards = (await stage.ask("status"))["forwards"]
            if {"person": person, "to": to, "consent": wanted} in forwards:
                return
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("how", [How.RTP, How.INFO])
async def test_s14_calls_go_to_a_colleague_once_they_have_said_yes(stage: Stage, how: How) -> None:
    async with stage.phone("101", answers("1", how)) as anna:
        set_ = await stage.call("*23*2*1430#", phone="102")
        assert "Anna Berg får frågan om att ta samtalen." in set_.heard
        asked = await anna.rang(WAIT_S)
        assert (asked.number, asked.display_name) == ("102", "Bo Ek")
        while "Bo Ek är borta" not in (await anna.told(WAIT_S)).text:
            pass  # what an earlier test left for her
        await consent(stage, "102", "101", "accepted")
        await anna.ended(WAIT_S)
        anna.behaviour = SOON
        told = await stage.call("018000102")
        ringing = await anna.rang()
    assert told.heard == (
        "Bo Ek är i möte och är åter i dag klockan halv tre. Jag kopplar dig till Anna Berg."
    )
    assert told.journey.answered_by == "101"
    assert ringing.display_name == "för Bo Ek · byggnadstillsynen"
    assert ringing.number == "0401234567"
    assert "102" in ringing.headers["diversion"]


async def test_s14_who_declines_is_not_rung(stage: Stage) -> None:
    async with stage.phone("101", answers("2")) as anna, stage.phone("111", SOON):
        await stage.call("*23*2*1430#", phone="102")
        await anna.ended(WAIT_S)
        await consent(stage, "102", "101", "declined")
        told = await stage.call("018000102")
        assert len(anna.received) == 1
    assert told.journey.answered_by == "111"
    assert told.whys[0] == "person-absent"


@pytest.mark.parametrize("elsewhere", ["107", "018000107", "112", "0186543"])
async def test_f28_a_question_for_a_colleague_is_not_sent_elsewhere_by_their_phone(
    stage: Stage, operator_port: int, elsewhere: str
) -> None:
    """A phone that answers 302 declines: nobody else is asked, nor rung at our cost (S14)."""
    async with (
        Operator(stage.sipp, operator_port, {}, otherwise=SOON) as operator,
        stage.phone("107", SOON) as another,
        stage.phone("101", Diverts(elsewhere)) as anna,
    ):
        await stage.call("*23*2*1430#", phone="102")
        await anna.rang(WAIT_S)
        await anna.ended(WAIT_S)
        await idle(stage)
        await command(stage, "CancelReferral", person="102")
    assert (another.rings, operator.rings) == ([], [])


async def test_of_three_deputies_two_are_away_and_the_third_is_asked(stage: Stage) -> None:
    for deputy in ("107", "109"):
        await command(stage, "SetReferral", person=deputy, reason="mote", until=AWAY_UNTIL)
    async with stage.phone("103", answers("1")) as cecilia:
        await stage.call("*23*2*1430#", phone="106")
        await consent(stage, "106", "103", "accepted")
        await cecilia.ended(WAIT_S)
        cecilia.behaviour = SOON
        told = await stage.call("018000106")
    assert told.journey.answered_by == "103"


async def test_f22_a_mobiles_voicemail_is_no_answer_and_its_owner_is(
    stage: Stage, operator_port: int
) -> None:
    sipp = stage.sipp
    voicemail = Answers(after_s=0.5, plays=tone(600, 1.0))
    async with (
        Operator(sipp, operator_port, {"0457000105": voicemail}) as operator,
        stage.phone("105", Answers(after_s=3.0, talks_s=1.0)),
    ):
        desk = await stage.call("018000105")
        assert desk.journey.answered_by == "105"
        assert operator.rings
        owner = Answers(after_s=0.3, talks_s=2.0, press=[Press("1", after_silence_s=0.5)])
        operator.numbers["0457000105"] = owner
    async with (
        Operator(sipp, operator_port, {"0457000105": owner}),
        stage.phone("105", NeverAnswers()),
    ):
        mobile = await stage.call("018000105")
    assert mobile.journey.outcome is Outcome.ANSWERED
    assert mobile.journey.answered_by == "0457000105"


async def test_s8_an_operator_sets_and_cancels_for_a_colleague(stage: Stage) -> None:
    made = await stage.call("*230*105*1*1430#", phone="111")
    assert "Elin Strand är på lunch och är åter i dag klockan halv tre." in made.heard
    refused = await stage.call("*230*105*1*1500#", phone="102")
    assert "command-refused" in refused.whys
    assert "Du kan bara ändra din egen hänvisning." in refused.heard
    back = await stage.call("#230*105#", phone="111")
    assert back.heard == "Hänvisningen är borttagen."


async def test_a_reason_has_its_own_end_and_a_referral_may_begin_later(stage: Stage) -> None:
    usual = await stage.call("*23*4#", phone="105")
    assert "har gått för dagen och är åter i morgon klockan halv nio." in usual.heard
    await stage.call("#23#", phone="105")
    later = await stage.call("*23*2*1300**1430#", phone="105")
    assert "är i möte och är åter i dag klockan halv tre." in later.heard
    assert "Den börjar i dag klockan ett." in later.heard
    async with stage.phone("105", SOON):
        now = await stage.call("018000105")
    assert now.journey.answered_by == "105"


@pytest.mark.parametrize("how", [How.RTP, How.INFO])
async def test_s12_a_note_is_chosen_on_the_phone(stage: Stage, how: How) -> None:
    press = [Press("1", after_silence_s=1.0, how=how)]
    made = await stage.call("*23*9*1430#", phone="105", press=press)
    assert "note-asked" in made.whys
    assert "Elin Strand är upptagen och är åter i dag klockan halv tre." in made.heard


async def test_s12_a_note_is_spoken_and_the_switchboard_hears_it(stage: Stage) -> None:
    voice = tone(700, 0.4)
    press = [Press("0", after_silence_s=1.0), Press("#", after_s=6.0)]
    made = await stage.call("*23*9*1430#", phone="105", press=press, plays=voice)
    assert "Elin Strand är upptagen" in made.heard
    list_ = await stage.call("*27#", phone="111")
    assert "Elin Strand är upptagen och är åter i dag klockan halv tre." in list_.heard
    assert list_.whys[0] == "code-asked"
    again = await stage.call("*27#", phone="111")
    assert again.heard == "Det finns inga nya besked."


async def test_s9_meetings_that_follow_each_other_are_told_as_one(stage: Stage) -> None:
    await stage.call("*23*2*1230#", phone="105")
    await stage.call("*23*1*1230**1315#", phone="105")
    async with stage.phone("111", SOON):
        told = await stage.call("018000105")
    assert "Elin Strand är i möte och är åter i dag klockan kvart över ett." in told.heard


async def test_s19_the_switchboard_reaches_somebody_in_an_emergency(stage: Stage) -> None:
    await stage.call("*23*2*1430#", phone="105")
    async with stage.phone("105", SOON):
        made = await stage.call("*29*105#", phone="111")
        assert made.journey.outcome is Outcome.CODE
        assert "shield-lifted" in made.whys
        refused = await stage.call("*29*105#", phone="101")
    assert "shield-lifted" not in refused.whys


async def test_a_colleague_pushes_through_where_it_is_allowed(stage: Stage) -> None:
    await command(stage, "SignIn", line="bygglov", person="102")
    await stage.call("*23*2*1430#", phone="101")
    async with stage.phone("101", SOON):
        made = await stage.call("101", phone="105", press=[Press("*", after_silence_s=0.5)])
    assert made.whys[:2] == ["person-absent", "person-insisted"]
    assert made.journey.answered_by == "101"


async def test_s7_a_caller_chooses_the_language_and_is_called_back(stage: Stage) -> None:
    press = [Press("9", after_silence_s=1.2), Press("4", after_silence_s=1.2)]
    made = await stage.call("018000130", press=press, plays=silence(1.0))
    assert "We open tomorrow at nine o'clock." in made.heard
    assert "Thank you. We will call you back." in made.heard
    assert "command-done" in made.whys
