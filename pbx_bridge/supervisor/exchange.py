"""Asterisk and the bridge of one state folder, as two processes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Self

from pbx_bridge.asterisk import running
from pbx_bridge.asterisk.process import AsteriskProcess
from pbx_bridge.bootstrap import SUPERVISOR_LOCK, secure
from pbx_bridge.config.site import Site
from pbx_bridge.locks import Lock
from pbx_bridge.ports import PbxUnavailable
from pbx_bridge.supervisor.child import BridgeProcess
from pbx_bridge.supervisor.ports import doors, not_held
from pbx_bridge.supervisor.preparing import PortsTaken, prepare
from pbx_bridge.supervisor.started import Started, keep


class Exchange:
    """Both processes, and where they are."""

    def __init__(self, config: Path, state: Path, started: Started) -> None:
        self.state = state
        self.started = started
        self.settings = started.settings
        self.running = started.running
        self.asterisk = AsteriskProcess(started.program, started.settings)
        self.bridge = BridgeProcess(config, state)

    async def start_asterisk(self) -> None:
        """Return when it has booted and has its ports; one that runs already is adopted.

        Raises `PortsTaken` where others have them, and what `AsteriskProcess.start` raises.
        """
        if self.asterisk.adopt():
            await self.asterisk.ready()
        else:
            await self.asterisk.start()
        wanted = [one for one in doors(self.settings, 0) if one.by_asterisk]
        if taken := await asyncio.to_thread(not_held, wanted, self.asterisk.pid):
            await self.asterisk.stop()
            raise PortsTaken("\n".join(taken))

    async def start_bridge(self) -> None:
        """Return when it answers callers; one that runs already is adopted.

        Raises `PbxUnavailable`, `OSError`.
        """
        if self.bridge.running or self.bridge.adopt():
            await self.bridge.ready()
            return
        with contextlib.suppress(OSError):  # it may be there from before
            self.announce()
        await self.bridge.start()

    def let_go(self) -> None:
        """Leave both running, for another supervisor to adopt."""
        self.bridge.let_go()
        self.asterisk.let_go()

    def announce(self) -> None:
        """Tell everybody who uses this state folder where the exchange is. Raises `OSError`."""
        keep(self.started)
        running.save(self.running, self.state)

    async def stop(self) -> None:
        """End both, also one that was not met yet."""
        for process in (self.bridge, self.asterisk):
            with contextlib.suppress(PbxUnavailable, OSError):
                if not process.running:
                    process.adopt()
            await process.stop()
        with contextlib.suppress(OSError):
            (self.state / running.FILE).unlink()


class Unattended(Exchange):
    """An exchange that nobody keeps: what has ended stays so, unless it is started by hand."""

    def __init__(self, config: Path, site: Site, started: Started) -> None:
        super().__init__(config, site.deployment.state, started)
        self.site = site

    async def __aenter__(self) -> Self:
        """Start both. Raises `PbxUnavailable`, `PbxRejected`, `OSError`."""
        try:
            await self.start_asterisk()
            self.announce()
            await self.bridge.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


@asynccontextmanager
async def exchange(
    config: Path,
    site: Site,
    say: Callable[[str], None],
    clock: datetime | None = None,
) -> AsyncIterator[Unattended]:
    """An exchange for a demonstration or a test; stopped, both processes, at the end.

    Raises `LockHeld` where another one is kept in the same state folder.
    """
    await asyncio.to_thread(secure, site.deployment, say)
    lock = Lock(site.deployment.state / SUPERVISOR_LOCK)
    try:
        started = await asyncio.to_thread(prepare, site, say, clock)
        say(f"Starting Asterisk {started.version} …")
        async with Unattended(config, site, started) as up:
            yield up
    finally:
        lock.release()
