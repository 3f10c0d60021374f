"""Callers get their next step, whatever they, Asterisk or the disk do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from core.plans import DAY, EXCHANGE, PLAN, PROMPTS, away
from fakes.clock import FakeClock
from fakes.journal import FakeJournal
from fakes.speech import FakeSpeech
from fakes.telephony import FakeTelephony
from structlog.testing import capture_logs

from pbx_bridge.app.calls import FALLBACK, LONGEST_WHY, Calls, arrived
from pbx_bridge.app.office import Office
from pbx_bridge.app.voice import Voice
from pbx_bridge.core.call import Why
from pbx_bridge.core.events import Decided, Event, PinProved, PinRefused, ReferralSet
from pbx_bridge.core.folding import fresh
from pbx_bridge.core.inert import LONGEST
from pbx_bridge.core.model import Cap, Language
from pbx_bridge.core.routes.outgoing import TOO_MANY
from pbx_bridge.core.state import Exchange
from pbx_bridge.ports import Done, Offer, SpeechFailed

CALLER = "0401234567"
PINS = {"108": "314159"}
HOSTILE = {
    "a-second-device": "500&PJSIP/x",
    "markup": "<img src=x onerror=alert(1)>",
    "formula": "=cmd()",
    "right-to-left": "018\u202e001",
    "ten-kilobytes": "9" * 10_240,
    "line-breaks": "018\r\nAction: Originate\r\n\r\n",
    "a-dialplan-function": "${SHELL(id)}",
    "other-digits": "٠١٨٠٠٠١٠١",
}


class Town:
    """The app on fakes."""

    def __init__(self, exchange: Exchange = EXCHANGE) -> None:
        self.telephony: FakeTelephony = FakeTelephony()
        self.journal = FakeJournal()
        self.clock = FakeClock(DAY)
        self.speech = FakeSpeech()
        self.office = Office(exchange, self.journal, self.clock)
        voice = Voice(self.speech, PROMPTS)
        self.calls = Calls(
            self.telephony, self.office, voice, self.clock, lambda who: PINS.get(who, "")
        )

    @property
    def decided(self) -> list[Decided]:
        return [event for event in self.journal.events if isinstance(event, Decided)]

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not true():
                await asyncio.sleep(0.001)


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    town = Town()
    task = asyncio.create_task(town.calls.run())
    yield town
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_caller_is_rung_through_and_the_decision_is_journaled(town: Town) -> None:
    await town.telephony.call("17.1", CALLER, PBX_DIALLED="018000101")
    step, variables = await town.telephony.next_step("17.1")
    assert step == "ring"
    assert variables["PBX_PEOPLE"] == "101"
    assert variables["PBX_RESULT"] == ""
    assert variables["PBX_NOTE"] == "ring|person-rings|101"
    assert town.journal.events == [Decided("17.1", "018000101", "ring:101", Why.PERSON_RINGS)]
    await town.until(lambda: town.calls.tally.decided == 1)
    assert len(town.calls.tally.seconds) == 1


async def test_the_state_that_a_channel_carries_leads_any_bridge_to_the_next_step() -> None:
    carried: dict[str, str] = {}
    for channel, result, expected in (("17.1", "", "ring:101"), ("17.2", "NOANSWER", "say:to-102")):
        bridge = Town()
        task = asyncio.create_task(bridge.calls.run())
        await bridge.telephony.call(
            channel,
            PBX_DIALLED="018000101",
            PBX_CALL=carried.get("PBX_CALL", ""),
            PBX_RESULT=result,
        )
        carried.update((await bridge.telephony.next_step(channel))[1])
        assert bridge.decided[-1].step == expected
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_code_is_obeyed_journaled_before_it_is_confirmed_and_spoken(town: Town) -> None:
    await town.telephony.call("17.1", PBX_DIALLED="*23*1*1430#", PBX_PHONE="104")
    step, variables = await town.telephony.next_step("17.1")
    assert step == "say"
    first, set_, _notice, answer = town.journal.events
    assert isinstance(first, Decided)
    assert first.why == Why.CODE_OBEYED
    assert isinstance(set_, ReferralSet)
    assert (set_.person, set_.reason, set_.by) == ("104", "lunch", "104")
    assert isinstance(answer, Decided)
    assert answer.why == Why.COMMAND_DONE
    assert town.office.exchange.referrals["104"][0].until == set_.until
    said = town.speech.said(variables["PBX_AUDIO"].split("&")[0]) or ""
    assert "Daniel Holm är på lunch" in said


async def test_f33_a_journal_out_of_reach_refuses_the_command_and_changes_nothing(
    town: Town,
) -> None:
    town.journal.broken = True
    with capture_logs() as logs:
        await town.telephony.call("17.1", PBX_DIALLED="*23*1*1430#", PBX_PHONE="104")
        step, variables = await town.telephony.next_step("17.1")
    assert step == "say"
    assert variables["PBX_NOTE"].startswith("say|command-failed|")
    assert town.speech.said(variables["PBX_AUDIO"]) == PROMPTS[Language.SV]["refused-failed"]
    assert town.office.exchange == EXCHANGE
    assert [one["event"] for one in logs] == ["command_not_stored"]

    await town.telephony.call("17.2", CALLER, PBX_DIALLED="018000101")
    assert (await town.telephony.next_step("17.2"))[0] == "ring"

    town.journal.broken = False
    await town.telephony.call("17.3", PBX_DIALLED="*23*1*1430#", PBX_PHONE="104")
    variables = (await town.telephony.next_step("17.3"))[1]
    assert variables["PBX_NOTE"].startswith("say|command-done|")
    assert "104" in town.office.exchange.referrals


async def test_f09_callers_who_are_gone_or_taken_are_counted_and_not_spoken_of(town: Town) -> None:
    with capture_logs() as logs:
        await town.telephony.call("17.1", PBX_DIALLED="018000101")
        town.telephony.hang_up("17.1")
        await town.until(lambda: town.calls.tally.gone == 1)
        await town.telephony.call("17.2", PBX_DIALLED="018000101")
        town.telephony.take("17.2")
        await town.until(lambda: town.calls.tally.lost == 1)
        assert town.journal.events == []

        await town.telephony.enter("17.3", PBX_DIALLED="018000101")
        town.telephony.hang_up("17.3")
        await town.until(lambda: town.calls.tally.gone == 2)
    assert len(town.journal.events) == 1
    assert logs == []
    assert town.calls.tally.failed == town.calls.tally.decided == 0


async def test_f01_a_call_whose_link_is_lost_is_left_and_the_next_is_helped(town: Town) -> None:
    town.telephony.down = True
    with capture_logs() as logs:
        await town.telephony.call("17.1", CALLER, PBX_DIALLED="018000101")
        await town.until(lambda: town.calls.tally.failed == 1)
    assert [(one["event"], one["log_level"]) for one in logs] == [
        ("call_left_to_fallback", "warning")
    ]
    assert CALLER not in str(logs)
    town.telephony.down = False
    await town.telephony.call("17.2", CALLER, PBX_DIALLED="018000101")
    assert (await town.telephony.next_step("17.2"))[0] == "ring"


@pytest.mark.parametrize("claimed", [False, True])
@pytest.mark.parametrize(
    "failure", [SpeechFailed("no space left on device"), OSError(28, "no space"), KeyError("x")]
)
async def test_f33_a_call_whose_words_cannot_be_spoken_goes_to_the_fallback_at_once(
    town: Town, failure: Exception, claimed: bool
) -> None:
    """And not when the guard of the dialplan has run out."""
    town.speech.failure = failure
    arrives = town.telephony.enter if claimed else town.telephony.call
    with capture_logs() as logs:
        await arrives("17.1", CALLER, PBX_DIALLED="018000199")
        step, variables = await town.telephony.next_step("17.1")
        await town.until(lambda: town.calls.tally.failed == 1)
    assert (step, variables) == (FALLBACK, {"PBX_RESULT": ""}), "it keeps the state that it had"
    assert [one["event"] for one in logs] == ["call_left_to_fallback"]
    town.speech.failure = None
    await town.telephony.call("17.2", CALLER, PBX_DIALLED="018000199")
    assert (await town.telephony.next_step("17.2"))[0] == "say"


async def test_a_call_whose_state_cannot_be_read_is_claimed_by_nobody_or_sent_to_the_fallback(
    town: Town,
) -> None:
    with capture_logs():
        await town.telephony.call("17.1", PBX_DIALLED="018000101", PBX_CALL="rubbish")
        await town.until(lambda: town.calls.tally.failed == 1)
        assert town.telephony.went("17.1") == ([], {}), "Asterisk goes on without waiting"
        await town.telephony.enter("17.2", PBX_DIALLED="018000101", PBX_CALL="rubbish")
        assert (await town.telephony.next_step("17.2"))[0] == FALLBACK


@pytest.mark.parametrize(
    "state", ["v9 sv", "nonsense", "v1", "v1 xx", "v1 sv ring:1", "x" * 10_240]
)
async def test_f10_a_state_that_is_not_ours_is_left_unclaimed(town: Town, state: str) -> None:
    with capture_logs() as logs:
        await town.telephony.call("17.1", PBX_DIALLED="018000101", PBX_CALL=state)
        await town.until(lambda: town.calls.tally.failed == 1)
    assert not town.telephony.callers["17.1"].ours
    assert len(logs) == 1
    assert len(logs[0]["why"]) <= LONGEST_WHY
    assert "exc_info" not in logs[0]


async def test_a_voice_that_fails_leaves_the_caller_without_a_traceback(town: Town) -> None:
    town.speech.broken = frozenset(PROMPTS[Language.SV].values())
    with capture_logs() as logs:
        await town.telephony.call("17.1", PBX_DIALLED="018999999")
        assert (await town.telephony.next_step("17.1"))[0] == FALLBACK
        await town.until(lambda: town.calls.tally.failed == 1)
    assert "exc_info" not in logs[0]
    town.speech.broken = frozenset()
    await town.telephony.call("17.2", PBX_DIALLED="018999999")
    assert (await town.telephony.next_step("17.2"))[0] == "say"


async def test_a_defect_hurts_one_caller_and_is_told_whole(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(channel: str, step: str, variables: object) -> None:
        raise RuntimeError("a defect of ours")

    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(town.telephony, "proceed", broken)
        await town.telephony.call("17.1", PBX_DIALLED="018000101")
        await town.until(lambda: town.calls.tally.failed == 1)
    assert logs[0]["exc_info"]
    await town.telephony.call("17.2", PBX_DIALLED="018000101")
    assert (await town.telephony.next_step("17.2"))[0] == "ring"


@pytest.mark.parametrize("dialled", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("phone", ["", "104"])
async def test_f23_what_a_caller_dials_rings_nothing_and_is_journaled_harmless(
    town: Town, dialled: str, phone: str
) -> None:
    with capture_logs() as logs:
        await town.telephony.call("17.1", dialled, PBX_DIALLED=dialled, PBX_PHONE=phone)
        step, variables = await town.telephony.next_step("17.1")
    assert step == "say"
    assert "PBX_TARGET" not in variables
    assert variables["PBX_NOTE"].split("|")[1] in {Why.UNKNOWN_NUMBER, Why.OUTGOING_BARRED}
    assert dialled not in str(variables)
    (entry,) = town.decided
    assert entry.number.isprintable()
    assert len(entry.number) <= LONGEST
    assert dialled not in str(logs)


@pytest.mark.parametrize("phone", HOSTILE.values(), ids=HOSTILE.keys())
def test_f23_a_phone_that_is_nobodys_is_no_phone(phone: str) -> None:
    offer = Offer("17.1", "17.1", "", {"PBX_DIALLED": "*23*1*1430#", "PBX_PHONE": phone}, False)
    assert arrived(offer, PLAN).phone == ""


def test_the_language_is_the_phones_else_the_numbers_else_the_organisations() -> None:
    ways: Sequence[tuple[str, str, Language]] = (
        ("018000101", "108", Language.FI),
        ("018000120", "", Language.FI),
        ("+35818000121", "", Language.EN),
        ("018999999", "", Language.SV),
    )
    for dialled, phone, language in ways:
        offer = Offer("1", "1", "", {"PBX_DIALLED": dialled, "PBX_PHONE": phone}, False)
        assert arrived(offer, PLAN).language is language


async def test_an_absence_is_told_in_sound_made_by_the_voice(tmp_path: Path) -> None:
    town = Town(away("101", "2026-03-03 14:30"))
    task = asyncio.create_task(town.calls.run())
    await town.telephony.call("17.1", PBX_DIALLED="018000101")
    step, variables = await town.telephony.next_step("17.1")
    said = [town.speech.said(one) for one in variables["PBX_AUDIO"].split("&")]
    assert step == "say"
    assert "Anna Berg är i möte" in (said[0] or "")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_bridge_that_ends_leaves_no_call_of_its_own() -> None:
    """The leak check of every test sees that no task of a call is left."""

    class Slow(FakeJournal):
        async def append(self, at: datetime, events: Sequence[Event]) -> None:
            await asyncio.Event().wait()

    town = Town()
    town.office = Office(EXCHANGE, Slow(), town.clock)
    town.calls = Calls(town.telephony, town.office, Voice(town.speech, PROMPTS), town.clock)
    task = asyncio.create_task(town.calls.run())
    await town.telephony.call("17.1", PBX_DIALLED="*23*1*1430#", PBX_PHONE="104")
    await town.until(lambda: town.telephony.callers["17.1"].ours)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert town.telephony.callers["17.1"].steps == []


class Held(FakeTelephony):
    """Asterisk's answers to claims come when they are let."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = asyncio.Event()

    async def claim(self, offer: Offer) -> Done:
        await self.answers.wait()
        return await super().claim(offer)


async def test_f12_at_the_end_decisions_under_way_are_finished_and_nobody_new_is_taken() -> None:
    town = Town()
    town.telephony = held = Held()
    town.calls = Calls(town.telephony, town.office, Voice(town.speech, PROMPTS), town.clock)
    task = asyncio.create_task(town.calls.run())
    await town.telephony.call("17.1", PBX_DIALLED="018000101")
    await asyncio.sleep(0)
    assert not await town.calls.finish(within_s=0.01), "one is under way"
    finishing = asyncio.create_task(town.calls.finish(within_s=5))
    await town.telephony.call("17.2", PBX_DIALLED="018000101")
    await town.telephony.enter("17.3", PBX_DIALLED="018000101")
    await town.until(lambda: town.telephony.callers["17.3"].steps)
    assert not finishing.done()
    held.answers.set()
    assert await finishing
    assert {one: caller.steps for one, caller in town.telephony.callers.items()} == {
        "17.1": ["ring"],
        "17.2": [],
        "17.3": ["ring"],
    }
    assert await town.calls.finish(within_s=0.01), "nobody is left"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_s29_the_pin_that_is_typed_is_proved_and_kept_nowhere(town: Town) -> None:
    told: list[str] = []
    carried = {"PBX_DIALLED": "018000123", "PBX_CALL": "", "PBX_RESULT": ""}
    for result, asks in (
        ("", "Slå din anknytning"),
        ("108", "Slå din pinkod"),
        ("271828", "Fel kod."),
        ("SUCCESS", "Slå din pinkod"),
        ("314159", "Poissaolotietoa ei ole."),  # now it is known whom we speak to
    ):
        carried["PBX_RESULT"] = result
        await town.telephony.call(f"17.{len(told)}", CALLER, **carried)
        _, variables = await town.telephony.next_step(f"17.{len(told)}")
        carried["PBX_CALL"] = variables["PBX_CALL"]
        said = [town.speech.said(one) or "" for one in variables["PBX_AUDIO"].split("&")]
        assert asks in said[0]
        told.append(said[0])
    kept = f"{town.journal.events} {carried['PBX_CALL']} {town.office.exchange.wrong_pins}"
    assert "271828" not in kept
    assert "314159" not in kept
    proved = [one for one in town.journal.events if isinstance(one, PinRefused | PinProved)]
    assert proved == [PinRefused("108", CALLER, DAY), PinProved("108", CALLER, DAY)]
    assert town.calls.meters.refused == {"pin-wrong": 1}


@pytest.mark.parametrize(("extension", "typed"), [("999", ""), ("999", "1"), ("101", "")])
def test_nobody_is_proved_without_a_pin(extension: str, typed: str) -> None:
    variables = {
        "PBX_DIALLED": "018000123",
        "PBX_CALL": f"v1 sv ask:extension.1={extension} ask:pin.1.{extension}=",
        "PBX_RESULT": typed,
    }
    offer = Offer("17.1", "17.1", CALLER, variables, False)
    call = arrived(offer, PLAN, {"999": "1", "101": ""}.__getitem__)  # 999 has left the plan
    assert call.tried[-1].result == ("wrong" if typed else "")


async def test_f39_a_cap_holds_for_calls_of_the_same_moment() -> None:
    """And a call that isn't tried, as too many go on at once, gives its count back."""
    limits = replace(PLAN.limits, person_day=Cap(100, 100, 2))
    town = Town(fresh(replace(PLAN, limits=limits)))
    task = asyncio.create_task(town.calls.run())
    for one in range(4):
        await town.telephony.call(f"17.{one}", PBX_DIALLED=f"04022222{one}", PBX_PHONE="101")
    found = [await town.telephony.next_step(f"17.{one}") for one in range(4)]
    assert sorted(step for step, _ in found) == ["dial", "dial", "say", "say"]
    dialling = next(one for one, (step, _) in enumerate(found) if step == "dial")
    carried = found[dialling][1]
    await town.telephony.call(
        f"17.{dialling}",
        PBX_DIALLED=f"04022222{dialling}",
        PBX_PHONE="101",
        PBX_CALL=carried["PBX_CALL"],
        PBX_RESULT=TOO_MANY,
    )
    step, _ = await town.telephony.next_step(f"17.{dialling}")
    assert step == "say"
    await town.telephony.call("17.5", PBX_DIALLED="040222225", PBX_PHONE="101")
    assert (await town.telephony.next_step("17.5"))[0] == "dial"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
