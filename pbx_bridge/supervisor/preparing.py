"""From what technicians wrote to an Asterisk that can be started."""

from __future__ import annotations

import random
import shutil
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pbx_bridge.adapters.clock import SystemClock
from pbx_bridge.asterisk import certificates, locate, names, quiet, secrets
from pbx_bridge.asterisk.render import render, write
from pbx_bridge.asterisk.settings import Settings
from pbx_bridge.asterisk.version import has_broadcast
from pbx_bridge.bootstrap import SECRETS
from pbx_bridge.config.deployment import Deployment
from pbx_bridge.config.problems import ConfigError
from pbx_bridge.config.site import Site, read_deployment, read_site
from pbx_bridge.core.model import Plan
from pbx_bridge.ports import PbxRejected
from pbx_bridge.supervisor.ports import clashes, doors, free_port
from pbx_bridge.supervisor.started import NAME, Started, written

RTP_PORTS = 1000
RTP_RANGES = range(20000, 60000, RTP_PORTS)
STATE = "state"
"""Folder beside config.yaml, where that can't say another."""
NEEDED_BYTES = 64 * 1024 * 1024
"""Free for a first start: sentences, journal and the first days' record."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an exchange was asked to be."""

    config: Path
    state: Path | None = None
    """Instead of config.yaml's."""
    instead: dict[str, Any] = field(default_factory=dict)
    """Of the deployment, by name (`Deployment.but`)."""
    clock: datetime | None = None
    """For demonstrations: the moment it shall be, in the plan's zone."""

    def deployment(self) -> Deployment:
        """Raises `ConfigError`."""
        return read_deployment(self.config, self.state).but(**self.instead)

    def folder(self) -> Path:
        """The state folder, also where config.yaml can't be read."""
        try:
            return self.deployment().state
        except ConfigError:
            return (self.state or self.config.parent / STATE).absolute()

    def sources(self) -> tuple[Path, ...]:
        """Files and folders that it is made of, as far as config.yaml can be read."""
        try:
            deployment = self.deployment()
        except ConfigError:
            return (self.config,)
        written = (self.config, deployment.dialplan, deployment.voicemail)
        held = deployment.state / SECRETS
        passwords = (held,) if held.exists() else ()
        return (*written, *passwords, *certificates.sources(deployment))

    def site(self) -> Site:
        """All that technicians wrote. Raises `ConfigError`."""
        return read_site(self.deployment(), datetime.now().astimezone().date())


class PortsTaken(PbxRejected):
    """Others have ports of this exchange; the message says who and what to do, one a line."""


def prepare(site: Site, say: Say, clock: datetime | None = None) -> Started:
    """Find Asterisk, choose ports, and write its configuration into the run folder.

    Raises `PortsTaken`, and what `locate` and `render_into` raise.
    """
    deployment = site.deployment
    _has_room(deployment.state)
    found = locate.locate(deployment.mode, say, allow_older=deployment.allow_older_asterisk)
    settings = settings_for(deployment, found, clock, site.plan)
    operations_port = deployment.operations_port or free_port()
    if taken := clashes(doors(settings, operations_port)):
        raise PortsTaken("\n".join(taken))
    made = Started(found.program, str(found.version), settings, operations_port)
    render_into(settings.etc, site, settings, {NAME: written(made)}, anew=False)
    for name in secrets.trunks_without(deployment.state / SECRETS, site.plan):
        say(
            f'THE TRUNK "{name}" HAS NO PASSWORD, and its operator may let no call out: write it '
            f'behind "trunks" into {deployment.state / SECRETS}, then `pbx-bridge reload`.'
        )
    return made


def settings_for(
    deployment: Deployment, found: locate.Located, clock: datetime | None, plan: Plan
) -> Settings:
    """Asterisk's settings for a deployment; 0 in it becomes a free port."""
    zone = plan.organisation.zone
    offset = 0 if clock is None else SystemClock.set_to(clock.replace(tzinfo=zone), zone).offset_s
    settings = Settings(
        folder=deployment.state / "asterisk",
        sip_host=deployment.host,
        sip_port=deployment.sip_port or free_port(socket.SOCK_DGRAM),
        sip_tcp_port=_opened(deployment.doors.tcp_port),
        sip_tls_port=_opened(deployment.doors.tls_port),
        sip_host6=deployment.doors.ipv6,
        opus=found.opus,
        http_port=deployment.ari_port or free_port(),
        ami_port=deployment.ami_port or free_port(),
        fastagi_port=deployment.agi_port or free_port(),
        modules=found.modules,
        data=found.data,
        moh=found.moh,
        claim_timeout_ms=deployment.claim_timeout_ms,
        guard_seconds=deployment.guard_seconds,
        most_calls=deployment.most_calls,
        security_log=deployment.security_log,
        clock_offset_s=offset,
        has_broadcast=found.version is None or has_broadcast(found.version),
    )
    if deployment.sip_port:
        return settings
    first = random.choice(RTP_RANGES)  # noqa: S311 - keeps exchanges on one machine apart
    return replace(settings, rtp_first=first, rtp_last=first + RTP_PORTS - 1)


def _opened(port: int | None) -> int | None:
    """A door's port, a free one for 0, None where it is closed."""
    return free_port() if port == 0 else port


def render_into(
    folder: Path,
    site: Site,
    settings: Settings,
    also: Mapping[str, str] | None = None,
    *,
    anew: bool = True,
) -> bool:
    """Write Asterisk's configuration for a site into `folder`, and `also` these files with it, all
    or nothing; whether any has changed. Not `anew`: operators' names whose addresses are known
    aren't looked up, which may take long.

    Raises `Unwritable`, `SecretsUnreadable`, `ConfigError` (of a certificate), `OSError`; the files
    are then as they were.
    """
    settings.make_folders()
    quiet.fill(settings.quiet)
    held = secrets.load(site.deployment.state / SECRETS, site.plan)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    plan = names.with_addresses(site.plan, site.deployment.state / names.FILE, anew=anew)
    made = {**render(plan, settings, held), **certificates.files(site.deployment, settings)}
    return write({**made, **(also or {})}, folder)


def _has_room(state: Path) -> None:
    """Raise `PbxRejected` where a first start would fill the disk."""
    folder = next(one for one in (state, *state.parents) if one.exists())
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise PbxRejected(
            f"{state} has {free / 2**20:.0f} MiB free, and the exchange needs "
            f"{NEEDED_BYTES // 2**20} MiB to start; make room, or name another folder (--state)"
        )
