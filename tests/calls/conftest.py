"""One exchange of the sample municipality, on a real Asterisk, for all calls of the tests."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest
import pytest_asyncio
from ports import free_port

from pbx_bridge.cli.options import exchange_of
from pbx_bridge.config.site import read_deployment, read_site
from pbx_bridge.core.commands import TECHNICIAN
from pbx_bridge.stage import Stage
from pbx_bridge.supervisor import exchange
from pbx_bridge.watching import Watch, watching

ROOT = Path(__file__).parent.parent.parent
TUESDAY = datetime(2026, 11, 24, 11, 40)  # noqa: DTZ001 - given the plan's zone below
IDLE_TIMEOUT_S = 5.0


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_town(tmp_path_factory.mktemp("town"))


def sample_town(folder: Path) -> Path:
    """The sample's files, with a free port for the operator, and short rings."""
    folder.mkdir(exist_ok=True)
    shutil.copy(ROOT / "config.yaml", folder)
    for part in ("dialplan", "voicemail"):
        shutil.copytree(ROOT / part, folder / part)
    trunks = folder / "dialplan/trunks.yaml"
    trunks.write_text(trunks.read_text().replace("127.0.0.1:5090", f"127.0.0.1:{free_port()}"))
    people = folder / "dialplan/people.yaml"
    text = re.sub(r"(\n10[12]:\n)", r"\1  ring_seconds: 5\n", people.read_text())
    # Many callers at once reach one phone of a test, which takes them all.
    text = re.sub(r"(\n10[123]:\n)", r"\1  call_waiting: true\n", text)
    people.write_text(text.replace("\n110:\n", "\n110:\n  language: en\n"))
    return folder


@asynccontextmanager
async def opened(
    town: Path, state: Path, now: datetime, *, watched: bool = True
) -> AsyncIterator[Stage]:
    """An exchange of the town whose clock shows `now` (wall clock; `fold` for the second one).

    Not `watched`: calls are neither told nor remembered, of which there may be very many.
    """
    config = town / "config.yaml"
    deployment = read_deployment(config, state)
    deployment = deployment.but(sip_port=0, ari_port=0, ami_port=0, agi_port=0, operations_port=0)
    site = read_site(deployment, now.date())
    now = now.replace(tzinfo=site.plan.organisation.zone)
    async with AsyncExitStack() as parts:
        up = await parts.enter_async_context(exchange(config, site, print, now))
        watch = Watch(site, up.running, print)
        if watched:
            watch = await parts.enter_async_context(watching(site, up.running, print))
        yield Stage(up, watch)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage_of_the_session(
    town: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    async with opened(town, tmp_path_factory.mktemp("s"), TUESDAY) as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="session")
async def stage(stage_of_the_session: Stage) -> AsyncIterator[Stage]:
    """The exchange as it was in the morning; nothing is left in it afterwards."""
    stage = stage_of_the_session
    await restore(stage)
    before = (await stage.ask("status"))["bridge"]
    yield stage
    await restore(stage)
    await idle(stage)
    await nothing_kept(stage, before)


async def restore(stage: Stage) -> None:
    """Nobody is away, and the lines are attended by those who are to begin with."""
    plan = stage.up.site.plan
    status = await stage.ask("status")
    for referral in status["referrals"]:
        await command(stage, "CancelReferral", person=referral["extension"])
    for planned in status["planned"]:
        await command(stage, "CancelReferral", person=planned["extension"], at=planned["since"])
    for waits in exchange_of(stage.up.site).returns.values():
        await command(stage, "RecordContact", target=waits.target, number=waits.number)
    while heard := (await stage.ask("status"))["notices"]["to_be_heard"]:
        await command(stage, "SettleNotices", ids=[one["id"] for one in heard], by="111")
    for line in plan.lines.values():
        for extension in line.signed_in:
            await command(stage, "SignIn", line=line.name, person=extension)
        for extension in set(line.members) - set(line.signed_in):
            await command(stage, "SignOut", line=line.name, person=extension)


async def command(stage: Stage, name: str, **values: object) -> str:
    answer = await stage.ask("command", command=name, values={"by": TECHNICIAN, **values})
    return str(answer["outcome"])


@asynccontextmanager
async def bridge_dead(stage: Stage) -> AsyncIterator[None]:
    """While there is no bridge, which starts again afterwards."""
    stage.up.bridge.signal(signal.SIGKILL)
    await stage.up.bridge.ended()
    try:
        yield
    finally:
        await stage.up.bridge.start()


async def mirrored(stage: Stage) -> None:
    """Wait until Asterisk knows all that it needs without a bridge."""
    async with asyncio.timeout(10):
        while not (await stage.ask("status"))["mirror_kept"]:
            await asyncio.sleep(0.1)


async def idle(stage: Stage) -> None:
    """No channel and no bridge is left in Asterisk."""
    async with asyncio.timeout(IDLE_TIMEOUT_S):
        while True:
            channels = await stage.up.asterisk.console("core show channels count")
            bridges = await stage.up.asterisk.console("bridge show all")
            if channels.startswith("0 active channels") and len(bridges.splitlines()) <= 1:
                return
            await asyncio.sleep(0.1)


FILES_KEPT = 6
"""SQLite keeps the files of closed readers open for the next ones while its writer is connected:
as many as have ever read at once."""
at_first: dict[int, int] = {}
"""Descriptors of a bridge when it was seen first, by its process."""


async def nothing_kept(stage: Stage, before: Mapping[str, int]) -> None:
    """The bridge, where it is still the same process, holds no task more, and no descriptor but
    those that SQLite keeps."""
    most = at_first.setdefault(before["pid"], before["descriptors"]) + FILES_KEPT
    async with asyncio.timeout(IDLE_TIMEOUT_S):
        while True:
            now = (await stage.ask("status"))["bridge"]
            if now["pid"] != before["pid"]:
                return
            if now["tasks"] <= before["tasks"] and now["descriptors"] <= most:
                return
            await asyncio.sleep(0.1)


@pytest.fixture(scope="session")
def operator_port(town: Path) -> int:
    """Where the operator of the trunk is to listen."""
    found = re.search(r"host: 127\.0\.0\.1:(\d+)", (town / "dialplan/trunks.yaml").read_text())
    assert found is not None
    return int(found[1])
