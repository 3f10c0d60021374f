"""A whole exchange on this machine: Asterisk and the bridge, each a child process.

The bridge is a process of its own so that Asterisk goes on without it, and is started
again when it ends. Asterisk's end is the end of the exchange.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Self

import structlog

from pbx_bridge.adapters.clock import SystemClock
from pbx_bridge.asterisk import locate, quiet, running, secrets
from pbx_bridge.asterisk.process import AsteriskProcess
from pbx_bridge.asterisk.render import Unwritable, render, write
from pbx_bridge.asterisk.running import Running
from pbx_bridge.asterisk.secrets import SecretsUnreadable
from pbx_bridge.asterisk.settings import Settings
from pbx_bridge.asterisk.version import has_broadcast
from pbx_bridge.bootstrap import SECRETS, changes, secure
from pbx_bridge.config.deployment import Deployment
from pbx_bridge.config.problems import ConfigError
from pbx_bridge.config.site import Site, read_site
from pbx_bridge.core.model import Plan
from pbx_bridge.ports import PbxUnavailable
from pbx_bridge.wire.backoff import delays

READY_LINE = "BRIDGE READY"
READY_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 10.0
LONGEST_LOG_BYTES = 10_000_000
"""Some years of changes, or of a bridge that dies at each start some thousand times."""
RTP_PORTS = 1000
RTP_RANGES = range(20000, 60000, RTP_PORTS)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Located:
    """An Asterisk that was found, and the settings it will run with."""

    program: tuple[str, ...]
    settings: Settings
    version: str


def prepare(site: Site, found: locate.Located, clock: datetime | None) -> Located:
    """Choose ports, and write Asterisk's configuration into the state folder."""
    deployment = site.deployment
    settings = settings_for(deployment, found, clock, site.plan)
    render_into(settings.etc, site, settings)
    return Located(found.program, settings, str(found.version))


def settings_for(
    deployment: Deployment, found: locate.Located, clock: datetime | None, plan: Plan
) -> Settings:
    """Asterisk's settings for a deployment; 0 in it becomes a free port."""
    zone = plan.organisation.zone
    offset = 0 if clock is None else SystemClock.set_to(clock, zone).offset_s
    settings = Settings(
        folder=deployment.state / "asterisk",
        sip_host=deployment.host,
        sip_port=deployment.sip_port or _free_port(socket.SOCK_DGRAM),
        http_port=deployment.ari_port or _free_port(),
        ami_port=deployment.ami_port or _free_port(),
        fastagi_port=deployment.agi_port or _free_port(),
        modules=found.modules,
        data=found.data,
        moh=found.moh,
        claim_timeout_ms=deployment.claim_timeout_ms,
        guard_seconds=deployment.guard_seconds,
        clock_offset_s=offset,
        has_broadcast=found.version is None or has_broadcast(found.version),
    )
    if deployment.sip_port:
        return settings
    first = random.choice(RTP_RANGES)  # noqa: S311 - keeps exchanges on one machine apart
    return replace(settings, rtp_first=first, rtp_last=first + RTP_PORTS - 1)


def render_into(folder: Path, site: Site, settings: Settings) -> None:
    """Write Asterisk's configuration for a site into `folder`. Raises `Unwritable`."""
    settings.make_folders()
    quiet.fill(settings.quiet)
    held = secrets.load(site.deployment.state / SECRETS, site.plan)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write(render(site.plan, settings, held), folder)


class BridgeProcess:
    """The bridge as a child; it is ready when it has said so."""

    def __init__(self, config: Path, state: Path) -> None:
        self._command = [
            *(sys.executable, "-m", "pbx_bridge", "serve"),
            *("--config", str(config), "--state", str(state)),
        ]
        self._log = state / "bridge.log"
        self._child: Process | None = None

    @property
    def pid(self) -> int:
        """Process id. Raises `PbxUnavailable` when it isn't running."""
        if self._child is None or self._child.returncode is not None:
            raise PbxUnavailable("the bridge is not running")
        return self._child.pid

    async def start(self) -> None:
        """Return when the bridge answers callers. Raises `PbxUnavailable` with its last words."""
        await asyncio.to_thread(_put_away, self._log)
        with self._log.open("ab") as errors:
            self._child = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=errors,
                start_new_session=True,
            )
        assert self._child.stdout is not None
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                while line := await self._child.stdout.readline():
                    if line.decode().strip() == READY_LINE:
                        return
        except TimeoutError:
            await self.stop()
        await self._child.wait()
        words = await asyncio.to_thread(_last_lines, self._log)
        raise PbxUnavailable(f"the bridge did not start; its log ends with:\n{words}")

    async def ended(self) -> None:
        """Return when the child has ended, for whatever reason."""
        if self._child is not None:
            await self._child.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send the child a signal; one that is gone gets none."""
        if self._child is not None and self._child.returncode is None:
            self._child.send_signal(number)

    async def stop(self) -> None:
        """End the child: SIGTERM, then SIGKILL."""
        if self._child is None or self._child.returncode is not None:
            return
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._child.wait()
        except TimeoutError:
            self._child.kill()
            await self._child.wait()


class Exchange:
    """A running Asterisk with its bridge."""

    def __init__(self, config: Path, site: Site, found: Located) -> None:
        settings = found.settings
        self.site = site
        self.settings = settings
        self.asterisk = AsteriskProcess(found.program, settings)
        self.bridge = BridgeProcess(config, site.deployment.state)
        self.running = Running(
            sip_host=settings.sip_host,
            sip_port=settings.sip_port,
            control_host=settings.control_host,
            http_port=settings.http_port,
            ami_port=settings.ami_port,
            fastagi_port=settings.fastagi_port,
            folder=settings.folder,
            program=found.program,
            version=found.version,
            has_broadcast=settings.has_broadcast,
            clock_offset_s=settings.clock_offset_s,
            operations_port=site.deployment.operations_port or _free_port(),
        )

    async def __aenter__(self) -> Self:
        """Start both. Raises `PbxUnavailable`, `PbxRejected`."""
        state = self.site.deployment.state
        await self.asterisk.start()
        try:
            running.save(self.running, state)
            await self.bridge.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.bridge.stop()
        await self.asterisk.stop()
        with contextlib.suppress(OSError):
            (self.site.deployment.state / running.FILE).unlink()

    async def keep(self) -> None:
        """Start the bridge again whenever it ends. Raises `PbxUnavailable` when Asterisk ends."""
        async with asyncio.TaskGroup() as tasks:
            keepers = [
                tasks.create_task(self._keep_bridge()),
                tasks.create_task(self._keep_configuration()),
            ]
            await self.asterisk.exited()
            for keeper in keepers:
                keeper.cancel()

    async def _keep_bridge(self) -> None:
        rng = random.Random()  # noqa: S311 - spreads restarts, keeps no secret
        waits = delays(rng)
        while True:
            await self.bridge.ended()
            log.error("bridge_ended", what="callers have the fallback until it is back")
            await asyncio.sleep(next(waits))
            try:
                await self.bridge.start()
            except PbxUnavailable as error:
                log.error("bridge_not_started", why=str(error))
            else:
                log.info("bridge_back")
                waits = delays(rng)

    async def _keep_configuration(self) -> None:
        """Give Asterisk the configuration of a changed plan; calls go on."""
        deployment = self.site.deployment
        async for _ in changes(deployment):
            clock = SystemClock(self.site.plan.organisation.zone, self.settings.clock_offset_s)
            try:
                site = await asyncio.to_thread(read_site, deployment, clock.now().date())
                await asyncio.to_thread(render_into, self.settings.etc, site, self.settings)
                await self.asterisk.console("core reload")
            except (ConfigError, SecretsUnreadable, Unwritable, PbxUnavailable) as error:
                log.warning("asterisk_keeps_its_configuration", why=str(error))


@asynccontextmanager
async def exchange(
    config: Path,
    site: Site,
    say: Callable[[str], None],
    clock: datetime | None = None,
) -> AsyncIterator[Exchange]:
    """An exchange that is up; stopped, both children, at the end."""
    deployment = site.deployment
    await asyncio.to_thread(secure, deployment, say)
    found = await asyncio.to_thread(
        locate.locate,
        deployment.mode,
        say,
        allow_older=deployment.allow_older_asterisk,
    )
    prepared = await asyncio.to_thread(prepare, site, found, clock)
    say(f"Starting Asterisk {prepared.version} …")
    async with Exchange(config, site, prepared) as up:
        yield up


def _free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _put_away(path: Path) -> None:
    """Begin the log anew once it is long; the one before stays, those before that don't."""
    if path.exists() and path.stat().st_size > LONGEST_LOG_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))


def _last_lines(path: Path, count: int = 8) -> str:
    with contextlib.suppress(OSError):
        return "\n".join(path.read_text(errors="replace").splitlines()[-count:])
    return os.strerror(2)
