"""The exchange that is measured: Asterisk, the bridge, and one phone that answers at once.

Both ways lead from the same trunk to the same phone. `NATIVE` is an extension of our own
that dials it, as Asterisk does without a bridge; `BRIDGE` is the person's public number.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from pbx_bridge.adapters import control
from pbx_bridge.adapters.clock import SystemClock
from pbx_bridge.asterisk import secrets
from pbx_bridge.bootstrap import SECRETS, control_socket
from pbx_bridge.cli.calling import sipp_program
from pbx_bridge.config.site import Site, read_deployment, read_site
from pbx_bridge.supervisor.exchange import Unattended, exchange

CONFIG = Path(__file__).parent.parent / "config.yaml"
PERSON = "101"
BRIDGE = "018000101"
NATIVE = "018000999"
"""Not in the sample plan."""
SCENARIOS = Path(__file__).parent / "scenarios"
REGISTER_TIMEOUT_S = 10.0
TUESDAY = 1
"""As `date.weekday` counts."""
QUIET = ("-nostdin", "-skip_rlimit", "-watchdog_interval", "0")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds that two processes have used, every thread counted."""

    asterisk_s: float
    bridge_s: float


@dataclass(frozen=True, slots=True)
class Stand:
    """Where to call, and what to read before and after."""

    up: Unattended
    sipp: tuple[str, ...]
    folder: Path
    now: datetime
    """What the exchange's clock showed in the beginning."""

    def cpu(self) -> Cpu:
        """CPU used so far."""
        return Cpu(_cpu_s(self.up.asterisk.pid), _cpu_s(self.up.bridge.pid))

    async def decided(self) -> int:
        """How many decisions the bridge has carried out; callers of the fallback are none."""
        status = await control.ask(control_socket(self.up.site.deployment.state), "status")
        return int(status["bridge"]["decided"])


def sample(folder: Path) -> Site:
    """The sample municipality, on any free ports; the phone that is called takes many at once."""
    for part in ("dialplan", "voicemail"):
        shutil.copytree(CONFIG.parent / part, folder / part)
    people = folder / "dialplan" / "people.yaml"
    waits = f"\n{PERSON}:\n  call_waiting: true\n"
    text = people.read_text(encoding="utf-8").replace(f"\n{PERSON}:\n", waits)
    people.write_text(text, encoding="utf-8")
    return sample_in(Path(shutil.copy(CONFIG, folder)), folder / "state")


def sample_in(config: Path, state: Path) -> Site:
    """The municipality of another folder."""
    deployment = read_deployment(config, state)
    free = deployment.but(sip_port=0, ari_port=0, ami_port=0, agi_port=0, operations_port=0)
    return read_site(free, SystemClock(ZoneInfo("UTC")).now().date())


def working_hours(site: Site) -> datetime:
    """Ten o'clock on a Tuesday to come: people are rung, whenever it is measured."""
    zone = site.plan.organisation.zone
    today = SystemClock(zone).now().date()
    tuesday = today + timedelta(days=1 + (TUESDAY - 1 - today.weekday()) % 7)
    return datetime.combine(tuesday, time(10), zone)


@asynccontextmanager
async def stand(native: str = f"Dial(PJSIP/{PERSON},20)") -> AsyncIterator[Stand]:
    """Everything up and the phone registered; nothing is left at the end.

    `native` is what the dialplan alone does with `NATIVE`, with the trunk's name for `{trunk}`.
    """
    async with AsyncExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="pbx-bench-")))
        site = sample(folder)
        trunk = next(iter(site.plan.trunks))
        etc = site.deployment.state / "asterisk" / "etc"
        _write_native(etc, native.format(trunk=trunk))
        now = working_hours(site)
        up = await parts.enter_async_context(exchange(folder / CONFIG.name, site, print, now))
        one = Stand(up, tuple(sipp_program()), folder, now)
        await parts.enter_async_context(_phone(one))
        yield one


def _write_native(etc: Path, native: str) -> None:
    """Asterisk reads the extensions of the site's own after ours."""
    etc.mkdir(mode=0o700, parents=True)
    (etc / "extensions_local.conf").write_text(
        f"[from-trunk](+)\nexten => {NATIVE},1,{native}\n", encoding="ascii"
    )


@asynccontextmanager
async def _phone(one: Stand) -> AsyncIterator[None]:
    """One SIPp that registers as the person's phone and answers on the same port."""
    deployment = one.up.site.deployment
    held = secrets.load(deployment.state / SECRETS, one.up.site.plan)
    host, port = one.up.running.sip
    process = await asyncio.create_subprocess_exec(
        *(*one.sipp, f"{host}:{port}", "-i", host, "-bind_local", "-m", "1", "-s", PERSON),
        *("-sf", str(SCENARIOS / "registers.xml"), "-rxsf", str(SCENARIOS / "answers.xml")),
        *("-au", PERSON, "-ap", held.phones[PERSON], "-l", "10000", *QUIET),
        cwd=one.folder,
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    try:
        async with asyncio.timeout(REGISTER_TIMEOUT_S):
            # Nothing tells a bystander that a phone is there; each look is a process of its own.
            while "Avail" not in await one.up.asterisk.console("pjsip show contacts"):
                pass
        yield
    finally:
        await end(process)


async def end(process: Process) -> None:
    """Kill a SIPp that still runs; what it would say at its end is not wanted."""
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def _cpu_s(pid: int) -> float:
    """utime and stime of proc(5); the name in brackets may hold blanks."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
