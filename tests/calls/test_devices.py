"""Several devices of one person; phones that restart or vanish, and what they leave behind."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack

import pytest
from calls.attended import alarm, attended_by
from calls.conftest import bridge_dead, mirrored
from calls.desk import Desk, desk
from calls.test_attending import attended
from calls.test_faults import decided_again
from calls.test_record import happened

from pbx_bridge.cli.calling import CALLER
from pbx_bridge.softphone.behaviour import Answers
from pbx_bridge.stage import Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

SWITCHBOARD, DANIEL, GUN = "018000100", "018000104", "018000107"
SOON = Answers(after_s=0.2, talks_s=1.0)
AT_ONCE_S = 1.0
TOLD_AFTER_S = 3.5
"""A contact that is dead is found to be so within that time (qualify, in pjsip.conf)."""
ESCALATES_WITHIN_S = 5.0
ASKED_FOR_AFTER_S, PHANTOM_ENDS_WITHIN_S = 40.0, 60.0


@pytest.mark.parametrize("number", [DANIEL, SWITCHBOARD])
async def test_all_devices_ring_one_answers_and_the_others_are_told_that(
    stage: Stage, number: str
) -> None:
    """Called directly, and as the one who attends a line; the record has one talk."""
    server, secrets = stage.up.running.sip, stage.secrets
    async with (
        desk(server, "104", secrets["104"]) as at_desk,
        stage.phone("104-softphone", Answers(after_s=1.0, talks_s=1.0)) as softphone,
    ):
        if number == SWITCHBOARD:
            await attended(stage, "vaxel", well=False)  # Daniel stands in for Karin
        call = asyncio.create_task(stage.call(number))
        await at_desk.rang()
        made = await call
        why = await asyncio.wait_for(at_desk.why_cancelled.get(), 5)
    assert "Call completed elsewhere" in why
    assert len(softphone.received) == 1
    assert [talk.by for talk in made.journey.talks] == ["104"]
    answered = [leg.endpoint for leg in made.journey.legs if leg.answered]
    assert answered == ["104-softphone"]
    assert {leg.endpoint for leg in made.journey.legs} == {"104", "104-softphone"}


@pytest.mark.parametrize("stopped", [False, True])
async def test_who_talks_on_one_device_is_busy_on_all(stage: Stage, *, stopped: bool) -> None:
    """Also without a bridge. Callers are told so, and go on to the switchboard."""
    server, secrets = stage.up.running.sip, stage.secrets
    async with (
        desk(server, "104", secrets["104"]) as at_desk,
        desk(server, "101", secrets["101"]) as anna,
        stage.phone("104-softphone", Answers(after_s=0.3)) as softphone,
    ):
        talk = asyncio.create_task(anna.dial("104"))
        await at_desk.rang()
        talking = await talk
        if stopped:
            stage.up.bridge.signal(signal.SIGSTOP)
        try:
            made = await stage.call(DANIEL, hold_s=4.0)
        finally:
            stage.up.bridge.signal(signal.SIGCONT)
        await anna.hang_up(talking)
        await softphone.ended()
        assert at_desk.calls == 0
        assert len(softphone.rings) == 1
    assert not made.journey.talks
    if not stopped:
        assert "Daniel Holm talar i telefon just nu." in made.heard
        await decided_again(stage)


@pytest.mark.parametrize(("number", "user"), [(GUN, "107"), (SWITCHBOARD, "111")])
async def test_a_phone_that_has_restarted_rings_at_once(
    stage: Stage, number: str, user: str
) -> None:
    """It registers from another port, and the contact from before is mute."""
    server, secret = stage.up.running.sip, stage.secrets[user]
    loop = asyncio.get_running_loop()
    took: list[float] = []
    for _ in range(3):
        async with desk(server, user, secret) as before:
            before.vanish()
            async with desk(server, user, secret) as after:
                began = loop.time()
                async with stage.caller(number) as caller:
                    await after.rang()
                    took.append(loop.time() - began)
                    if number == SWITCHBOARD:
                        await caller.answered()  # by the queue: else who hangs up may cross it
                await asyncio.wait_for(after.why_cancelled.get(), 5)
    print(f"rang {', '.join(f'{one:.2f}' for one in took)} s after the call began")
    assert max(took) < AT_ONCE_S


async def test_a_phone_that_is_dead_delays_nobody(stage: Stage) -> None:
    """It was registered, and answers nothing; Asterisk hasn't noticed yet."""
    server = stage.up.running.sip
    async with desk(server, "107", stage.secrets["107"]) as gun, stage.phone("111", SOON):
        await attended_by(stage, "Karin Lund")
        gun.vanish()
        made = await stage.call(GUN)
    first, second, *_ = made.journey.steps
    assert (first.why, second.why) == ("person-rings", "person-unreachable")
    assert (second.time - first.time).total_seconds() < 10, "it was waited for as if it rang"


async def test_a_device_that_registers_this_moment_rings_beside_the_others(stage: Stage) -> None:
    """Asterisk's first question to it is still on its way."""
    server = stage.up.running.sip
    async with desk(server, "104", stage.secrets["104"]) as at_desk:
        async with asyncio.timeout(5):
            while "Avail" not in await stage.up.asterisk.console("pjsip show contacts"):
                await asyncio.sleep(0.05)
        loop = asyncio.get_running_loop()
        wire, softphone = await loop.create_datagram_endpoint(
            lambda: Desk(server, "104-softphone", stage.secrets["104-softphone"]),
            local_addr=("127.0.0.1", 0),
        )
        softphone.is_far = True
        try:
            await softphone.register()
            async with stage.caller(DANIEL):
                await asyncio.gather(at_desk.rang(), softphone.rang())
        finally:
            await softphone.registers(0)
            wire.close()


async def test_a_dead_device_beside_one_that_declines_delays_nobody(stage: Stage) -> None:
    server, secrets = stage.up.running.sip, stage.secrets
    async with (
        desk(server, "104", secrets["104"]) as at_desk,
        desk(server, "104-softphone", secrets["104-softphone"]) as softphone,
        stage.phone("111", SOON),
    ):
        await attended_by(stage, "Karin Lund")
        softphone.vanish()
        call = asyncio.create_task(stage.call(DANIEL))
        await at_desk.declines()
        made = await call
    first, second, *_ = made.journey.steps
    assert (first.why, second.why) == ("person-rings", "person-busy")
    assert (second.time - first.time).total_seconds() < 4.0, "SIP alone would take 6.4 s"


async def test_the_call_of_a_phone_that_has_vanished_ends_and_its_owner_is_missed_until_then(
    stage: Stage,
) -> None:
    """Both sides of a talk vanish and are registered again. A silent talk, which nobody of them
    ends, lives on meanwhile."""
    server, secrets = stage.up.running.sip, stage.secrets
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        lives = await enter(stage.phone("101", Answers(after_s=0.1)))
        caller = await enter(stage.caller("018000101"))
        await caller.answered()
        karin = await enter(desk(server, "111", secrets["111"]))
        fredrik = await enter(desk(server, "106", secrets["106"]))
        await attended(stage, "vaxel", well=True)
        first = len(stage.watch.events)
        await asyncio.gather(karin.dial("106"), fredrik.answer())
        await happened(stage, "BRIDGE_ENTER", first, times=2)
        await asyncio.sleep(1.5)  # what SIP has to say after an answer is said
        vanished = loop.time()
        karin.vanish()
        fredrik.vanish()
        await attended(stage, "vaxel", well=False)
        assert loop.time() - vanished < TOLD_AFTER_S + ESCALATES_WITHIN_S
        again = await enter(desk(server, "111", secrets["111"]))
        await enter(desk(server, "106", secrets["106"]))
        while await channels(stage) > 2:
            await asyncio.sleep(0.5)
            assert loop.time() - vanished < PHANTOM_ENDS_WITHIN_S
            assert await channels(stage) == 2 or await alarm(stage, "vaxel") is not None
        took = loop.time() - vanished
        print(f"the talk of phones that had vanished ended after {took:.1f} s")
        assert took > ASKED_FOR_AFTER_S, "something else has ended it"
        await attended(stage, "vaxel", well=True)
        second = await enter(stage.caller(SWITCHBOARD))
        await again.rang()
        await second.hang_up()
        await again.why_cancelled.get()
        assert not lives.received
        await caller.hang_up()


async def test_without_a_bridge_a_dead_attendant_keeps_no_caller_from_the_backup(
    stage: Stage,
) -> None:
    server = stage.up.running.sip
    async with (
        desk(server, "111", stage.secrets["111"]) as karin,
        stage.phone("104", SOON) as backup,
    ):
        await attended(stage, "vaxel", well=True)
        await mirrored(stage)
        async with bridge_dead(stage):
            karin.vanish()
            made = await stage.call(SWITCHBOARD)
        await decided_again(stage)
    assert made.whys == ["fallback-line-open", "fallback-backup-rings"]
    assert made.journey.answered_by == "104"
    assert len(backup.received) == 1
    assert made.journey.wait_s is not None
    assert made.journey.wait_s < TOLD_AFTER_S + ESCALATES_WITHIN_S


async def channels(stage: Stage) -> int:
    said = await stage.up.asterisk.console("core show channels count")
    return int(said.split()[0])


async def test_who_is_sent_on_from_a_line_by_a_second_device_is_one_call_in_the_record(
    stage: Stage,
) -> None:
    """The one who attends sends the caller to a colleague, whose talk is the caller's second."""
    server, secrets = stage.up.running.sip, stage.secrets
    async with (
        desk(server, "104-softphone", secrets["104-softphone"]) as softphone,
        stage.phone("101", SOON) as anna,
    ):
        await attended(stage, "vaxel", well=False)
        first = len(stage.watch.events)
        async with stage.caller(SWITCHBOARD) as caller:
            dialog = await softphone.answer()
            await happened(stage, "BRIDGE_ENTER", first, times=4)
            await softphone.refer(dialog, "101")
            await happened(stage, "BLINDTRANSFER", first)
            await softphone.hang_up(dialog)
            ended = await caller.ended()
        made = await stage.made(ended, first, SWITCHBOARD)
    assert [talk.by for talk in made.journey.talks] == ["104", "101"]
    assert made.journey.sent_to == "101"
    assert made.whys == ["line-open", "person-rings"]
    assert len(anna.received) == 1
    assert anna.rings[0].number == CALLER
