"""Many callers while the bridge ends, in good order and in none: nobody is lost or untold."""

from __future__ import annotations

import asyncio
import itertools
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from calls.conftest import command
from calls.recorded import journeys
from calls.test_faults import decided_again, refer
from calls.traffic import Dialled, Kind, Made, answering, traffic

from pbx_bridge.adapters.record import read_journeys
from pbx_bridge.bootstrap.work import DRAIN_S
from pbx_bridge.cli.options import reading
from pbx_bridge.core.latency import Journey, Outcome
from pbx_bridge.ports import PbxUnavailable
from pbx_bridge.stage import Stage

pytestmark = [pytest.mark.calls, pytest.mark.load, pytest.mark.asyncio(loop_scope="session")]

PERSON = Kind("person", "018000103", 12)
ABSENT = Kind("absent", "018000101", 2)
SWITCHBOARD = Kind("queue", "018000100", 1)
END_S = 1.0
"""For what a bridge does at its end beside waiting for decisions."""
ALWAYS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
KILLS = 24
LATE_S = 1.0
"""The fallback has the caller within 0.35 s, on a machine that does nothing else."""
TRICKLE_RATE, TRICKLE_S = 4, 6.0
SEED = 400


def config(stage: Stage) -> tuple[str, ...]:
    deployment = stage.up.site.deployment
    return (
        *("--config", str(deployment.dialplan.parent / "config.yaml")),
        *("--state", str(deployment.state)),
    )


async def recorded(stage: Stage, calls: Sequence[Dialled]) -> list[Journey]:
    """The calls as the record has them, each once; waits until the bridge has copied the last."""
    wanted = {one.caller for one in calls if one.caller}
    async with asyncio.timeout(20):
        while True:
            found = [
                one for one in await asyncio.to_thread(journeys, stage) if one.caller in wanted
            ]
            if {one.caller for one in found} == wanted:
                break
            await asyncio.sleep(0.2)
    counted = Counter(one.caller for one in found)
    assert not [one for one in found if counted[one.caller] > 1]
    return found


def first_step_s(one: Journey) -> float:
    """Until somebody knew what to do with the caller."""
    return (one.steps[0].time - one.started).total_seconds()


def fell_back(one: Journey) -> bool:
    return one.steps[0].why.startswith("fallback-")


async def verified(stage: Stage) -> None:
    """The journal's chain is whole."""
    await run("verify", *config(stage))


async def answers(stage: Stage) -> None:
    """Wait until a bridge is connected, however it was started."""
    async with asyncio.timeout(20):
        while True:
            try:
                if (await stage.ask("status"))["links"]["ari"]:
                    return
            except PbxUnavailable:
                pass
            await asyncio.sleep(0.05)


async def test_f12_a_bridge_that_is_told_to_end_at_15_calls_a_second_loses_none(
    stage: Stage, tmp_path: Path
) -> None:
    await refer(stage)
    await stage.up.bridge.stop()
    ending = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pbx_bridge", "serve", *config(stage)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    await answers(stage)
    async with answering(stage, tmp_path, "102", "103", "111"), asyncio.TaskGroup() as tasks:
        calling = tasks.create_task(
            traffic(
                *(stage, tmp_path, (PERSON, ABSENT, SWITCHBOARD)), rate=15, seconds=10, seed=100
            )
        )
        await asyncio.sleep(4)
        began = time.monotonic()
        ending.send_signal(signal.SIGTERM)
        assert await ending.wait() == 0
        assert time.monotonic() - began < DRAIN_S + END_S
        await asyncio.sleep(1)
        await stage.up.bridge.start()
        back = await traffic(stage, tmp_path, (PERSON, ABSENT), rate=15, seconds=2, seed=101)
        made = await calling
    assert made.failed == back.failed == 0, made.said + back.said
    found = await recorded(stage, made.calls)
    for one in found:
        assert one.outcome is Outcome.ANSWERED, one
        assert any(step.tells for step in one.steps) == (one.dialled == ABSENT.number)
        assert first_step_s(one) < stage.up.settings.guard_seconds / 2, (
            "nobody waited for the guard"
        )
    by_time = [fell_back(one) for one in sorted(found, key=lambda one: one.started)]
    assert by_time[:50].count(False) > 40, "decided by the first bridge"
    assert by_time.count(True) >= 10, "without one"
    again = [fell_back(one) for one in await recorded(stage, back.calls)]
    assert again.count(False) > len(again) / 2, "and by the next one"
    await verified(stage)
    assert await command(stage, "CancelReferral", person="101") == "command-done"
    await decided_again(stage)


async def test_f04_a_bridge_that_is_killed_at_24_moments_under_callers_loses_none(
    stage: Stage, tmp_path: Path
) -> None:
    """While it decides, idles, starts or has just connected, as the seed says."""
    await refer(stage)
    made: list[Made] = []
    async with answering(stage, tmp_path, "102", "103", "111"), asyncio.TaskGroup() as tasks:
        killing = tasks.create_task(killed(stage, KILLS, Random(SEED)))
        seeds = itertools.count(SEED)
        while not killing.done():
            tasks.create_task(trickle(stage, tmp_path, next(seeds), made))
            await asyncio.wait({killing}, timeout=TRICKLE_S)
    assert not sum(one.failed for one in made), [one.said for one in made]
    found = await recorded(stage, [call for one in made for call in one.calls])
    for one in found:
        assert one.outcome is Outcome.ANSWERED, one
        # A call whose bridge dies between two of its steps is taken to the switchboard.
        assert one.answered_by in ("111", "103" if one.dialled == PERSON.number else "102"), one
        assert any(step.tells for step in one.steps) == (one.dialled == ABSENT.number)
        assert first_step_s(one) <= stage.up.settings.guard_seconds + 0.5, one
    by_fallback = sum(map(fell_back, found))
    assert 0 < by_fallback < len(found)
    late = sum(first_step_s(one) > LATE_S for one in found)
    print(f"{KILLS} kills, {len(found)} callers, {by_fallback} by the fallback, {late} after more")
    assert late <= KILLS, "at most the one in a bridge's hands waits for the guard"
    await verified(stage)
    assert await command(stage, "CancelReferral", person="101") == "command-done"
    await decided_again(stage)


async def test_f35_a_backup_that_is_taken_while_callers_call_restores_and_verifies(
    stage: Stage, tmp_path: Path
) -> None:
    await refer(stage)
    file, again = tmp_path / "backup.tar", tmp_path / "again"
    async with answering(stage, tmp_path, "102", "103"), asyncio.TaskGroup() as tasks:
        calling = tasks.create_task(
            traffic(stage, tmp_path, (PERSON, ABSENT), rate=10, seconds=9, seed=200)
        )
        await asyncio.sleep(4)
        await run("backup", str(file), *config(stage))
        assert not calling.done(), "calls went on meanwhile"
        made = await calling
    assert made.failed == 0, made.said
    found = await recorded(stage, made.calls)
    by_fallback = sum(map(fell_back, found))
    print(f"{len(found)} callers during a backup, {by_fallback} by the fallback")
    assert by_fallback <= len(found) / 10, "the bridge was kept from deciding"
    site, state = config(stage)[:2], ("--state", str(again))
    await run("restore", str(file), *site, *state)
    await run("verify", *site, *state)
    with reading(again) as connection:
        assert connection is not None
        kept = {one.linkedid: one for one in read_journeys(connection, *ALWAYS)}
    ours = [kept[one.linkedid] for one in found if one.linkedid in kept]
    assert 20 <= len(ours) < len(found), "those that had ended by then"
    assert ours == [one for one in found if one.linkedid in kept]
    assert await command(stage, "CancelReferral", person="101") == "command-done"


async def run(*arguments: str) -> None:
    """A command of ours that succeeds."""
    done = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pbx_bridge", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await done.communicate()
    assert done.returncode == 0, said.decode()


async def trickle(stage: Stage, folder: Path, seed: int, made: list[Made]) -> None:
    kinds = (PERSON, ABSENT)
    made.append(
        await traffic(stage, folder, kinds, rate=TRICKLE_RATE, seconds=TRICKLE_S, seed=seed)
    )


async def killed(stage: Stage, times: int, rng: Random) -> None:
    """Kill the bridge so often, each time some while after it was started or is ready."""
    bridge = stage.up.bridge
    bridge.signal(signal.SIGKILL)
    await bridge.ended()
    for _ in range(times - 1):
        starting = asyncio.create_task(started_or_not(stage))
        if rng.random() < 0.8:
            await asyncio.sleep(rng.uniform(0.1, 1.5))
        else:
            await starting
            await asyncio.sleep(rng.uniform(0.0, 0.4))
        bridge.signal(signal.SIGKILL)
        await starting
        bridge.signal(signal.SIGKILL)  # where the first one came before there was a process
        await bridge.ended()
    await bridge.start()


async def started_or_not(stage: Stage) -> None:
    """Start a bridge that may be killed meanwhile."""
    try:
        await stage.up.bridge.start()
    except PbxUnavailable:
        return
