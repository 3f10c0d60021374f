"""Floods of what nobody should send, while calls are made (F41)."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from calls.conftest import TUESDAY, opened
from calls.hostile import flood, guess_passwords

from pbx_bridge.cli.calling import sipp_program
from pbx_bridge.core.security import FLOOD
from pbx_bridge.softphone.behaviour import Answers, NeverAnswers
from pbx_bridge.softphone.caller import CallResult, place_call
from pbx_bridge.softphone.trunk import Operator
from pbx_bridge.stage import Stage

pytestmark = [pytest.mark.calls, pytest.mark.load, pytest.mark.asyncio(loop_scope="session")]

SOON = Answers(after_s=0.1, talks_s=0.5)
SEED, COUNT, PER_SECOND = 41, 20_000, 1000
MOST_GROWN_MB = 250
MOST_LOGGED_KB = 500
IDLE_WITHIN_S = 70.0
"""Callers who never acknowledge an answer are hung up 32 s after it, or when all was said."""
TOLD_WITHIN_S = 15.0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def target(town: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """An exchange of its own: what it holds is measured."""
    folder = town_with(town, tmp_path_factory.mktemp("flooded"), most_calls=240)
    async with opened(folder, tmp_path_factory.mktemp("f"), TUESDAY) as stage:
        yield stage


def town_with(town: Path, folder: Path, most_calls: int) -> Path:
    """The same town, with another limit of callers from outside."""
    shutil.copytree(town, folder, dirs_exist_ok=True)
    config = folder / "config.yaml"
    text = config.read_text()
    assert "most_calls: 200" in text
    config.write_text(text.replace("most_calls: 200", f"most_calls: {most_calls}"))
    return folder


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def logged_kb(stage: Stage) -> float:
    """All that Asterisk and the bridge have logged, the record aside."""
    state = stage.up.site.deployment.state
    files = [*(state / "asterisk/log").glob("*.log*"), *state.glob("bridge.log*")]
    return sum(file.stat().st_size for file in files) / 1024


async def channels(stage: Stage) -> int:
    return int((await stage.up.asterisk.console("core show channels count")).split()[0])


async def one_call(stage: Stage, extension: str) -> CallResult:
    return await place_call(
        sipp_program(),
        stage.up.running.sip,
        to=f"018000{extension}",
        from_number="0401234567",
        hold_s=20.0,
    )


async def test_f41_no_call_fails_while_malformed_requests_pour_in(target: Stage) -> None:
    made: list[CallResult] = []
    most_channels, stage = 0, target
    asterisk, bridge = stage.up.asterisk.pid, (await stage.ask("status"))["bridge"]["pid"]
    async with stage.phone("101", SOON), stage.phone("102", SOON):
        assert (await one_call(stage, "101")).status == 200
        before_mb = (resident_mb(asterisk), resident_mb(bridge))
        before_kb = logged_kb(stage)
        began = time.monotonic()
        flooding = asyncio.create_task(flood(stage.up.running.sip, SEED, COUNT, PER_SECOND))
        while not flooding.done():
            made += await asyncio.gather(one_call(stage, "101"), one_call(stage, "102"))
            most_channels = max(most_channels, await channels(stage))
        answers, took_s = await flooding, time.monotonic() - began
    async with asyncio.timeout(IDLE_WITHIN_S):
        while await channels(stage):
            await asyncio.sleep(0.2)
    grown = (resident_mb(asterisk) - before_mb[0], resident_mb(bridge) - before_mb[1])
    logged = logged_kb(stage) - before_kb
    status = await stage.ask("status")
    print(
        f"{COUNT} messages in {took_s:.0f} s, {answers} answers; {len(made)} calls; "
        f"{most_channels} channels at most; Asterisk +{grown[0]:.0f} MB, bridge "
        f"+{grown[1]:.0f} MB; {logged:.0f} kB logged"
    )
    assert len(made) > 10
    assert [one.status for one in made] == [200] * len(made)
    assert status["bridge"]["left_to_fallback"] == 0
    assert grown[0] < MOST_GROWN_MB
    assert grown[1] < MOST_GROWN_MB / 5
    assert logged < MOST_LOGGED_KB


async def test_guessed_passwords_are_counted_and_told_and_write_no_log(target: Stage) -> None:
    before_kb = logged_kb(target)
    refused = await guess_passwords(target.up.running.sip, "103", 2 * FLOOD)
    assert refused == 2 * FLOOD
    async with asyncio.timeout(TOLD_WITHIN_S):
        while (await target.ask("status"))["flood_since"] is None:
            await asyncio.sleep(0.2)
    status = await target.ask("status")
    assert "flood" in [one["about"] for one in status["notices"]["to_be_heard"]]
    measure = 'pbx_bridge_security_events_total{kind="wrong-password"}'
    assert await measured(status["operations_port"], measure) >= 2 * FLOOD
    assert logged_kb(target) - before_kb < 20


async def measured(port: int, name: str) -> float:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/metrics") as answer,
    ):
        text = await answer.text()
    (found,) = (line for line in text.splitlines() if line.startswith(name))
    return float(found.rpartition(" ")[2])


async def test_f24_callers_from_outside_leave_lines_for_112(
    town: Path, tmp_path: Path, operator_port: int
) -> None:
    folder = town_with(town, tmp_path / "town", most_calls=3)
    async with opened(folder, tmp_path / "s", TUESDAY) as stage:
        waiting = [asyncio.create_task(one_call(stage, "101")) for _ in range(3)]
        async with (
            stage.phone("101", NeverAnswers()),
            Operator(stage.sipp, operator_port, {"112": SOON}),
        ):
            async with asyncio.timeout(10):
                while await channels(stage) < 3:
                    await asyncio.sleep(0.1)
            assert (await one_call(stage, "102")).status == 503
            made = await stage.call("112", phone="103")
            assert made.result.status == 200
            results = await asyncio.gather(*waiting)
        assert 503 not in [one.status for one in results]
        async with stage.phone("102", SOON):
            assert (await one_call(stage, "102")).status == 200
