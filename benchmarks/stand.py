"""The exchange that is measured: Asterisk, the bridge, and one phone that answers at once.

Both ways lead from the same trunk to the same phone. `NATIVE` is an extension of our own
that dials it, as Asterisk does without a bridge; `BRIDGE` is the person's public number.
"""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from pbx_bridge.adapters import control
from pbx_bridge.adapters.clock import SystemClock
from pbx_bridge.asterisk import secrets
from pbx_bridge.bootstrap import SECRETS, control_socket
from pbx_bridge.cli.calling import sipp_program
from pbx_bridge.config.site import Site, read_deployment, read_site
from pbx_bridge.exchange import Exchange, exchange

CONFIG = Path(__file__).parent.parent / "config.yaml"
PERSON = "101"
BRIDGE = "018000101"
NATIVE = "018000999"
"""Not in the sample plan."""
REGISTER_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0
IDLE_S = 0.4
"""After a burst, until the bridge has copied the last lines of the record."""
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds that two processes have used, every thread counted."""

    asterisk_s: float
    bridge_s: float


@dataclass(frozen=True, slots=True)
class Stand:
    """Where to call, and what to read before and after."""

    up: Exchange
    sipp: tuple[str, ...]
    folder: Path

    def cpu(self) -> Cpu:
        """CPU used so far."""
        return Cpu(_cpu_s(self.up.asterisk.pid), _cpu_s(self.up.bridge.pid))

    async def decided(self) -> int:
        """How many decisions the bridge has carried out; callers of the fallback are none."""
        status = await control.ask(control_socket(self.up.site.deployment.state), "status")
        return int(status["bridge"]["decided"])


def sample() -> Site:
    """The sample municipality as it is today, with any free ports."""
    deployment = read_deployment(CONFIG).but(sip_port=0, ari_port=0, ami_port=0, agi_port=0)
    return read_site(deployment, SystemClock.today())


@asynccontextmanager
async def stand() -> AsyncIterator[Stand]:
    """Everything up and the phone registered; nothing is left at the end."""
    async with AsyncExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="pbx-bench-")))
        site = _site(folder / "state")
        _write_native(folder / "state")
        up = await parts.enter_async_context(exchange(CONFIG, site, print))
        one = Stand(up, tuple(sipp_program()), folder)
        await parts.enter_async_context(_phone(one))
        yield one
