"""Keeps an exchange: what ends is started again, what is deaf is ended, what changed is told."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from pbx_bridge.adapters import control
from pbx_bridge.adapters.operations import Operations
from pbx_bridge.asterisk import names
from pbx_bridge.asterisk.astdb import keep_copy
from pbx_bridge.bootstrap import changes, control_socket
from pbx_bridge.core.call import Why
from pbx_bridge.core.meters import Measure, Spread
from pbx_bridge.core.state import Part
from pbx_bridge.ports import Finding, PbxRejected, PbxUnavailable
from pbx_bridge.supervisor import systemd
from pbx_bridge.supervisor.bounding import bounds, keep_short
from pbx_bridge.supervisor.child import DEAF_AFTER_S
from pbx_bridge.supervisor.exchange import Exchange
from pbx_bridge.supervisor.preparing import Wanted, render_into
from pbx_bridge.supervisor.state import Outage, State
from pbx_bridge.wire.backoff import delays

LIFE_INTERVAL_S = 2.0
STEADY_S = 60.0
"""What ran for so long is started again at once; sooner, and the waits grow."""
BOUNDS_INTERVAL_S = 5.0
TELL_INTERVAL_S = 5.0
RENDER_AGAIN_S = 10.0
NAMES_AGAIN_S = 300.0
"""Operators' names are looked up anew as often: their addresses may change."""
LONGEST_WHY = 200

log = structlog.get_logger(__name__)


class Supervisor:
    """Both processes of one exchange, kept until `run` is cancelled."""

    def __init__(self, exchange: Exchange, wanted: Wanted, state: State) -> None:
        self._exchange = exchange
        self._wanted = wanted
        self._state = state
        self._rng = random.Random()  # noqa: S311 - spreads restarts, keeps no secret
        self._asterisk_up = asyncio.Event()
        self.bridge_ready = asyncio.Event()
        """Set while the bridge decides."""
        self._reload = asyncio.Event()
        self._next_render: asyncio.TimerHandle | None = None
        self._sources: tuple[Path, ...] = ()
        """Of the configuration, as they were when it was read last."""

    async def run(self) -> None:
        """Keep both until cancelled. Trouble of any kind is a line of the log, and a retry."""
        async with asyncio.TaskGroup() as tasks:
            for keep in (
                self._keep_asterisk,
                self._keep_bridge,
                self._keep_configuration,
                self._keep_bounds,
                self._keep_astdb,
                self._tell_outages,
                systemd.stay_alive,
            ):
                tasks.create_task(self._for_ever(keep), name=keep.__name__)

    def reload(self) -> None:
        """Have both use the files as they are now."""
        self._exchange.bridge.signal(signal.SIGHUP)
        self._reload.set()

    async def _for_ever(self, keep: Callable[[], Awaitable[None]]) -> None:
        """Whatever goes wrong in one keeper ends neither it nor the others."""
        waits = delays(self._rng)
        while True:
            began = time.monotonic()
            try:
                await keep()
            except Exception as error:
                log.error("keeper_failed", keeper=keep.__name__, why=repr(error))
            if time.monotonic() - began > STEADY_S:
                waits = delays(self._rng)
            await asyncio.sleep(next(waits))

    async def _keep_asterisk(self) -> None:
        asterisk, waits = self._exchange.asterisk, delays(self._rng)
        outage: Outage | None = None
        while True:
            if not asterisk.running:
                outage = outage or self._state.lost(Part.ASTERISK, "it was not running")
                try:
                    await self._exchange.start_asterisk()
                except (PbxUnavailable, PbxRejected, OSError) as error:
                    self._state.trouble(Part.ASTERISK, _words(error))
                    await asyncio.sleep(next(waits))
                    continue
                log.info("asterisk_back", pid=asterisk.pid)
            if outage is not None:
                self._state.back(outage)
                outage = None
            self._state.well(Part.ASTERISK)
            self._asterisk_up.set()
            began = time.monotonic()
            why = await self._asterisk_gone()
            self._asterisk_up.clear()
            outage = self._state.lost(Part.ASTERISK, why)
            if time.monotonic() - began > STEADY_S:
                waits = delays(self._rng)
            else:
                await asyncio.sleep(next(waits))

    async def _asterisk_gone(self) -> str:
        try:
            await self._exchange.asterisk.exited()
        except PbxUnavailable as error:
            return str(error)
        return "it was stopped"

    async def _keep_bridge(self) -> None:
        bridge, waits = self._exchange.bridge, delays(self._rng)
        outage: Outage | None = None
        while True:
            await self._asterisk_up.wait()
            try:
                await self._exchange.start_bridge()
            except (PbxUnavailable, PbxRejected, OSError) as error:
                outage = outage or self._state.lost(Part.BRIDGE, _words(error))
                self._state.trouble(Part.BRIDGE, _words(error))
                async with self._stand_in():
                    await asyncio.sleep(next(waits))
                continue
            if outage is not None:
                log.info("bridge_back", pid=bridge.pid)
                self._state.back(outage)
            self._state.well(Part.BRIDGE)
            self.bridge_ready.set()
            began = time.monotonic()
            why = await self._bridge_gone()
            self.bridge_ready.clear()
            outage = self._state.lost(Part.BRIDGE, why)
            if time.monotonic() - began > STEADY_S:
                waits = delays(self._rng)
            async with self._stand_in():
                await asyncio.sleep(next(waits))

    async def _bridge_gone(self) -> str:
        """Return, with why, when the bridge has ended; one that is deaf is ended first."""
        bridge = self._exchange.bridge
        heard = time.monotonic()
        while not await bridge.ended(LIFE_INTERVAL_S):
            if await bridge.lives() is not None:
                heard = time.monotonic()
            elif time.monotonic() - heard > DEAF_AFTER_S:
                await bridge.kill()
                return f"it gave no sign of life for {DEAF_AFTER_S:.0f} s"
        return "it ended; see its log"

    @asynccontextmanager
    async def _stand_in(self) -> AsyncIterator[None]:
        """Answer for a bridge that is not there, at the operators' door: ill, and why."""
        port = self._exchange.started.operations_port
        door = Operations(port, self._measure, Spread(), self._findings)
        async with contextlib.AsyncExitStack() as opened:
            try:
                await opened.enter_async_context(door)
            except (PbxRejected, OSError) as error:
                log.warning("no_stand_in", why=str(error))
            yield

    async def _findings(self) -> list[Finding]:
        return self._state.findings()

    async def _measure(self) -> list[Measure]:
        return [
            Measure("part_well", "1 while a part is as it should be", one.well, {"part": one.part})
            for one in self._state.findings()
        ]

    async def _keep_configuration(self) -> None:
        """Give Asterisk the configuration of a changed plan; calls go on."""
        await self._render()
        async for _ in changes(lambda: self._sources, self._reload):
            await self._render()

    async def _render(self) -> None:
        settings = self._exchange.settings
        self._sources = await asyncio.to_thread(self._wanted.sources)
        try:
            site = await asyncio.to_thread(self._wanted.site)
            changed = await asyncio.to_thread(render_into, settings.etc, site, settings)
            if changed:
                await self._exchange.asterisk.reload()
            if names.has_names(site.plan):
                self._render_in(NAMES_AGAIN_S)
        except Exception as error:  # whatever it is, Asterisk goes on with what it has
            self._state.trouble(
                Part.CONFIGURATION, f"Asterisk keeps the configuration that it has: {error}"
            )
            self._render_in(RENDER_AGAIN_S)
        else:
            self._state.well(Part.CONFIGURATION)

    def _render_in(self, seconds: float) -> None:
        """Once, whoever wants it."""
        if self._next_render is not None:
            self._next_render.cancel()
        loop = asyncio.get_running_loop()
        self._next_render = loop.call_later(seconds, self._reload.set)

    async def _keep_bounds(self) -> None:
        logs = bounds(self._exchange.bridge.log_file, self._exchange.settings.log)
        while True:
            await asyncio.to_thread(keep_short, logs)
            await asyncio.sleep(BOUNDS_INTERVAL_S)

    async def _keep_astdb(self) -> None:
        settings = self._exchange.settings
        while True:
            await self._asterisk_up.wait()
            with contextlib.suppress(sqlite3.Error, OSError):  # no room, or it is damaged already
                await asyncio.to_thread(keep_copy, settings.astdb_file, settings.astdb_copy)
            await asyncio.sleep(BOUNDS_INTERVAL_S)

    async def _tell_outages(self) -> None:
        """Have the bridge journal what was not there, and tell the switchboard: one after the
        other, as the bridge knows the last one of a part by its time."""
        while True:
            await self.bridge_ready.wait()
            for outage in tuple(self._state.to_tell):
                if not await self._told(outage):
                    break
                self._state.to_tell.remove(outage)
            await asyncio.sleep(TELL_INTERVAL_S)

    async def _told(self, outage: Outage) -> bool:
        assert outage.until is not None
        values = {
            "part": outage.part,
            "since": outage.since.isoformat(),
            "until": outage.until.isoformat(),
            "why": outage.why.partition("\n")[0][:LONGEST_WHY],
        }
        body = {"command": "ReportOutage", "values": values}
        try:
            answer = await control.ask(control_socket(self._exchange.state), "command", body)
        except (PbxUnavailable, PbxRejected, OSError) as error:
            log.warning("outage_not_told", part=outage.part, why=str(error))
            return False
        return str(answer["outcome"]) == Why.COMMAND_DONE


def _words(error: Exception) -> str:
    """What went wrong, for people."""
    if not isinstance(error, OSError):
        return str(error)
    where = f" ({error.filename})" if error.filename else ""
    return f"this machine can't start it: {error.strerror or error}{where}; it is tried again"
