"""Faults with real calls: each is followed to its recovery."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import aiohttp
import pytest
from calls.conftest import TUESDAY, command, mirrored

from pbx_bridge.asterisk import secrets
from pbx_bridge.asterisk.render import ARI_USER
from pbx_bridge.bootstrap import SECRETS
from pbx_bridge.softphone.behaviour import Answers
from pbx_bridge.softphone.trunk import Operator
from pbx_bridge.stage import Made, Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

SOON = Answers(after_s=0.3, talks_s=1.0)


def fallback_after(made: Made) -> float:
    """Seconds until the call's first step, which was the fallback's."""
    first = made.journey.steps[0]
    assert first.why.startswith("fallback-"), first
    return (first.time - made.journey.started).total_seconds()


async def decided_again(stage: Stage) -> None:
    """The bridge answers and decides; waits for its reconnection, not longer than it may take."""
    async with asyncio.timeout(20):
        while not (await stage.ask("status"))["links"]["ari"]:
            await asyncio.sleep(0.1)
    async with stage.phone("101", SOON):
        made = await stage.call("018000101")
    assert made.whys == ["person-rings"]


async def refer(stage: Stage) -> None:
    until = "2026-11-24T14:30:00+02:00"
    done = await command(stage, "SetReferral", person="101", reason="lunch", until=until)
    assert done == "command-done"
    await mirrored(stage)


async def test_f06_a_bridge_that_claims_and_falls_silent_loses_the_call_to_the_guard(
    stage: Stage,
) -> None:
    stage.up.bridge.signal(signal.SIGSTOP)
    try:
        async with stage.phone("101", SOON), asyncio.TaskGroup() as tasks:
            silent = tasks.create_task(claim_and_fall_silent(stage))
            made = await stage.call("018000101")
            silent.cancel()
    finally:
        stage.up.bridge.signal(signal.SIGCONT)
    guard = stage.up.settings.guard_seconds
    assert fallback_after(made) == pytest.approx(guard, abs=0.5)
    assert made.journey.answered_by == "101"
    # F08: the bridge whose name was taken over has left, and said why.
    await stage.up.bridge.ended()
    words = (stage.up.site.deployment.state / "bridge.log").read_text()
    assert "another bridge has connected to Asterisk" in words
    await stage.up.bridge.start()
    await decided_again(stage)


async def claim_and_fall_silent(stage: Stage) -> None:
    """Another bridge of the same name that takes every call and does nothing with it."""
    state = stage.up.site.deployment.state
    password = secrets.load(state / SECRETS, stage.up.site.plan).ari
    headers = {"Authorization": aiohttp.encode_basic_auth(ARI_USER, password)}
    root = f"http://127.0.0.1:{stage.up.running.http_port}/ari"
    app = stage.up.settings.ari_app
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.ws_connect(f"{root}/events", params={"app": app}) as socket,
    ):
        async for message in socket:
            event = message.json()
            if event["type"] == "CallBroadcast":
                query = {"channelId": event["channel"]["id"], "application": app}
                async with session.post(f"{root}/events/claim", params=query):
                    pass


@pytest.mark.parametrize(
    ("number", "how", "why"),
    [
        ("112", None, "emergency"),
        ("112", signal.SIGSTOP, "emergency"),
        ("112", signal.SIGKILL, "emergency"),
        ("0186543", None, "outgoing"),
        ("0186543", signal.SIGSTOP, "fallback-outgoing"),
    ],
)
async def test_f24_112_goes_out_always_and_national_numbers_do(
    stage: Stage, operator_port: int, number: str, how: signal.Signals | None, why: str
) -> None:
    """F24: 112 is carried by Asterisk alone, so a bridge that is gone makes no difference."""
    if how is not None:
        stage.up.bridge.signal(how)
    try:
        async with Operator(stage.sipp, operator_port, {number: SOON}) as operator:
            made = await stage.call(number, phone="101")
    finally:
        stage.up.bridge.signal(signal.SIGCONT)
        if how is signal.SIGKILL:
            await stage.up.bridge.ended()
            await stage.up.bridge.start()
    assert [one.called for one in operator.rings] == [number]
    assert made.result.answered_at is not None
    assert made.whys == [why]


async def test_up_prints_ready_and_ctrl_c_leaves_nothing(tmp_path: Path, town: Path) -> None:
    command_line = [
        *(sys.executable, "-m", "pbx_bridge", "up", "--config", str(town / "config.yaml")),
        *("--state", str(tmp_path / "s"), "--clock", f"{TUESDAY:%Y-%m-%dT%H:%M:%S}"),
        *("--sip-port", "0", "--ari-port", "0", "--ami-port", "0", "--agi-port", "0"),
    ]
    up = await asyncio.create_subprocess_exec(
        *command_line, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert up.stdout is not None
    async with asyncio.timeout(60):
        ready = ""
        while not ready.startswith("READY "):
            ready = (await up.stdout.readline()).decode()
            assert ready, "up ended before it was ready"
    fields = dict(pair.split("=", 1) for pair in ready.split()[1:])
    second = await asyncio.create_subprocess_exec(
        *command_line, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, complaint = await second.communicate()
    assert second.returncode == 1
    assert b"already" in complaint
    up.send_signal(signal.SIGINT)
    async with asyncio.timeout(20):
        await up.wait()
    for name in ("asterisk", "bridge"):
        assert not Path(f"/proc/{fields[name]}").exists(), f"{name} is left"
