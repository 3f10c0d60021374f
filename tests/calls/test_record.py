"""The record of real calls: transfers, restarts, and the report against what SIPp saw."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from calls.conftest import TUESDAY, bridge_dead, idle, opened
from calls.desk import desk
from calls.recorded import RECORDED_WITHIN_S, kept, returns

from pbx_bridge.cli.calling import sipp_program
from pbx_bridge.core.latency import Outcome
from pbx_bridge.core.state import Opened
from pbx_bridge.ports import PbxUnavailable
from pbx_bridge.softphone.behaviour import Answers, NeverAnswers, Press
from pbx_bridge.softphone.trunk import Operator
from pbx_bridge.softphone.twin import Moment
from pbx_bridge.stage import Made, Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

EXACT_S = 0.05
"""As far as the record and SIPp may be apart."""
CALLER = "0401234567"


async def report(stage: Stage, *options: str) -> Any:
    """What `pbx-bridge report` prints."""
    state = str(stage.up.site.deployment.state)
    config = str(stage.up.site.deployment.dialplan.parent / "config.yaml")
    command = [sys.executable, "-m", "pbx_bridge", "report", "--config", config, "--state", state]
    running = await asyncio.create_subprocess_exec(
        *command, *options, "--format", "json", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await running.communicate()
    assert running.returncode == 0
    return json.loads(out)


async def test_the_report_is_what_sipp_saw_through_restarts_of_bridge_and_asterisk(
    town: Path, tmp_path: Path
) -> None:
    async with opened(town, tmp_path / "state", TUESDAY) as stage:
        made: list[tuple[Made, float | None]] = []
        soon = Answers(after_s=0.7, talks_s=0.6)
        async with stage.phone("103", soon) as phone:
            made.append(await seen(stage, "018000103", phone.answered))
            async with bridge_dead(stage):
                made.append(await seen(stage, "018000103", phone.answered))
            phone.behaviour = Answers(after_s=1.4, talks_s=0.6)
            made.append(await seen(stage, "018000103", phone.answered))
            phone.behaviour = NeverAnswers()
            made.append((await given_up(stage, "018000103", after_s=2.0), None))
        await kept(stage, 4)
        talking = Answers(after_s=0.3)
        first = len(stage.watch.events)
        async with (
            stage.phone("103", talking) as phone,
            stage.phone("102", NeverAnswers()) as ringing,
            stage.caller("018000103") as talker,
            stage.caller("018000102") as caller,
        ):
            await talker.answered()
            await happened(stage, "BRIDGE_ENTER", first, times=2)
            await ringing.rang()
            os.kill(stage.up.asterisk.pid, signal.SIGKILL)
            with pytest.raises(PbxUnavailable, match="SIGKILL"):
                await stage.up.asterisk.exited()
            for end in (phone, ringing, talker, caller):
                await end.die()
            await stage.up.asterisk.start()
        found = await kept(stage, 6)
        async with stage.phone("104", soon) as phone:
            async with asyncio.timeout(RECORDED_WITHIN_S):
                while not (await stage.ask("status"))["links"]["ari"]:
                    await asyncio.sleep(0.1)
            made.append(await seen(stage, "018000104", phone.answered))
        found = await kept(stage, 7)
        told = await report(stage)
        await idle(stage)
    by_time = sorted(found, key=lambda one: one.started)
    lasted = [one for one in by_time if not one.cut]
    assert [one.outcome for one in lasted] == [
        *(Outcome.ANSWERED, Outcome.ANSWERED, Outcome.ANSWERED),
        *(Outcome.ABANDONED, Outcome.ANSWERED),
    ]
    for (call, answered_s), journey in zip(made, lasted, strict=True):
        seen_s = call.result.ended_at.monotonic_s - call.result.invited_at.monotonic_s
        expected_s = seen_s if answered_s is None else answered_s
        assert journey.wait_s == pytest.approx(expected_s, abs=EXACT_S)
    cut = {one.dialled: one for one in by_time if one.cut}
    assert cut["018000103"].outcome is Outcome.ANSWERED
    assert cut["018000102"].outcome is Outcome.LOST
    figures = told["all"]
    assert [figures[one] for one in ("offered", "answered", "abandoned", "lost")] == [7, 5, 1, 1]
    waits = sorted(one.wait_s or 0.0 for one in by_time if one.outcome is Outcome.ANSWERED)
    assert figures["wait_max_s"] == pytest.approx(waits[-1], abs=0.001)
    assert figures["wait_p50_s"] == pytest.approx(waits[2], abs=0.001)
    assert told["by_number"]["018000103"]["offered"] == 5


async def given_up(stage: Stage, number: str, after_s: float) -> Made:
    """A caller who hangs up while it rings."""
    first = len(stage.watch.events)
    async with stage.caller(number) as caller:
        await caller.ringing()
        await asyncio.sleep(after_s)
        await caller.hang_up()
        ended = await caller.ended()
    return await stage.made(ended, first, number)


async def seen(stage: Stage, number: str, answers: Sequence[Moment]) -> tuple[Made, float]:
    """A call that is answered, and after how long by SIPp at the phone."""
    before = len(answers)
    made = await stage.call(number)
    (answer,) = answers[before:]
    waited = answer.wall - made.result.invited_at.wall
    return made, waited.total_seconds()


async def test_an_attended_transfer_is_one_call_with_two_talks(stage: Stage) -> None:
    server = stage.up.running.sip
    async with (
        desk(server, "103", stage.secrets["103"]) as cecilia,
        desk(server, "102", stage.secrets["102"]) as bo,
    ):
        first = len(stage.watch.events)
        async with stage.caller("018000103") as caller:
            talk = await cecilia.answer()
            taken = asyncio.create_task(bo.answer())
            consultation = await cecilia.dial("102")
            await taken
            await happened(stage, "BRIDGE_ENTER", first, times=4)
            await cecilia.refer(talk, "102", consultation)
            await happened(stage, "ATTENDEDTRANSFER", first)
            await cecilia.hang_up(talk)
            await cecilia.hang_up(consultation)
            await caller.follow(hold_s=1.0)
            ended = await caller.ended()
        made = await stage.made(ended, first, "018000103")
    assert made.journey.answered_by == "103"
    assert [one.by for one in made.journey.talks] == ["103", "102"]


async def happened(stage: Stage, kind: str, first: int, times: int = 1) -> None:
    """Wait until Asterisk has done so: a phone knows it by its NOTIFY, and people take time."""
    async with asyncio.timeout(RECORDED_WITHIN_S):
        while sum(event.type == kind for event in stage.watch.events[first:]) < times:
            await asyncio.sleep(0.02)


async def test_s6_an_internal_call_that_is_sent_out_is_one_with_an_outgoing_part(
    stage: Stage, operator_port: int
) -> None:
    """Its minutes are those outside alone."""
    at_home = Answers(after_s=0.2, talks_s=0.6)
    async with (
        desk(stage.up.running.sip, "103", stage.secrets["103"]) as cecilia,
        Operator(sipp_program(), operator_port, {CALLER: at_home}),
    ):
        first = len(stage.watch.events)
        async with stage.caller("103", phone="104") as caller:
            talk = await cecilia.answer()
            await happened(stage, "BRIDGE_ENTER", first, times=2)
            await asyncio.sleep(1.5)  # longer than the talk outside
            await cecilia.refer(talk, CALLER)
            await happened(stage, "BLINDTRANSFER", first)
            await cecilia.hang_up(talk)
            ended = await caller.ended()
        made = await stage.made(ended, first, "103")
    assert (made.journey.outcome, made.journey.answered_by) == (Outcome.ANSWERED, "103")
    assert (made.journey.phone, made.journey.other_end) == ("104", CALLER)
    [outside] = made.journey.outgoing
    assert outside.until is not None
    assert (outside.until - outside.since).total_seconds() == pytest.approx(0.6, abs=0.3)


async def test_s7_s27_what_a_phone_misdials_or_may_not_call_is_in_no_figure(stage: Stage) -> None:
    for number in ("199", "0046701234567"):
        made = await stage.call(number, phone="101")
        assert (made.journey.outcome, made.journey.counted) == (Outcome.REFUSED, False)


async def test_a_blind_transfer_goes_by_the_rules_and_the_caller_is_told(stage: Stage) -> None:
    """To somebody who is away: the caller hears it, and reaches the one who takes the calls."""
    await stage.call("*23*2*1430#", phone="101")
    async with (
        desk(stage.up.running.sip, "103", stage.secrets["103"]) as cecilia,
        stage.phone("102", Answers(after_s=0.2, talks_s=0.5)),
    ):
        first = len(stage.watch.events)
        async with stage.caller("018000103") as caller:
            talk = await cecilia.answer()
            await happened(stage, "BRIDGE_ENTER", first, times=2)
            await cecilia.refer(talk, "101")
            await happened(stage, "BLINDTRANSFER", first)
            await cecilia.hang_up(talk)
            ended = await caller.ended()
        made = await stage.made(ended, first, "018000103")
    assert [one.by for one in made.journey.talks] == ["103", "102"]
    assert "person-absent" in made.whys
    assert "Anna Berg är i möte och är åter" in made.heard


async def test_a_caller_whom_a_phone_sends_on_to_a_number_outside_reaches_it(
    stage: Stage, operator_port: int
) -> None:
    outside = Answers(after_s=0.2, talks_s=0.5)
    async with (
        desk(stage.up.running.sip, "103", stage.secrets["103"]) as cecilia,
        Operator(stage.sipp, operator_port, {"0457000199": outside}),
    ):
        first = len(stage.watch.events)
        async with stage.caller("018000103") as caller:
            talk = await cecilia.answer()
            await happened(stage, "BRIDGE_ENTER", first, times=2)
            await cecilia.refer(talk, "0457000199")
            await happened(stage, "BLINDTRANSFER", first)
            await cecilia.hang_up(talk)
            ended = await caller.ended()
        made = await stage.made(ended, first, "018000103")
    assert made.whys[-1] == "outgoing-sent-on"
    assert [one.by for one in made.journey.talks] == ["103", "operator"]


async def test_s16_s23_a_missed_call_is_open_until_the_caller_was_reached(
    stage: Stage, operator_port: int
) -> None:
    async with stage.phone("104", NeverAnswers()):
        await given_up(stage, "018000104", after_s=1.5)
    (entry,) = await returns(stage, 1)
    assert (entry.target, entry.number, entry.how) == ("104", CALLER, (Opened.MISSED,))
    (told,) = (await stage.ask("status"))["returns"]
    assert told["sought"] == "104"
    assert CALLER not in str(told), "who calls is read by `returns` alone, which is journaled"
    heard = await stage.call("*96#", phone="104", hold_s=25)
    assert heard.heard.startswith("Samtal att återkomma till: ett. Nummer noll fyra noll ett två")
    promised = await stage.call(f"*95*{CALLER}*1500#", phone="104")
    assert promised.heard.endswith("senast i dag klockan tre.")
    (entry,) = await returns(stage, 1)
    assert entry.promised_by == "104"
    at_home = Answers(after_s=0.2, talks_s=0.6)
    async with Operator(sipp_program(), operator_port, {CALLER: at_home}):
        made = await stage.call("*96#", phone="104", press=[Press("2", after_s=1.0)])
    assert (made.journey.outcome, made.journey.other_end) == (Outcome.OUTGOING, CALLER)
    assert [talk.by for talk in made.journey.talks] == ["operator"]
    await returns(stage, 0)
