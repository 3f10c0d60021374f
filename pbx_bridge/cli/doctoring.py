"""What `doctor` looks at, one part after another."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from pbx_bridge.adapters import control
from pbx_bridge.adapters.journal.anchors import read_anchors
from pbx_bridge.adapters.journal.chain import Broken, head_file, verify_file
from pbx_bridge.asterisk import locate, running, secrets
from pbx_bridge.asterisk.packages import CopyFailed, current, default_folder
from pbx_bridge.asterisk.secrets import SecretsUnreadable
from pbx_bridge.asterisk.version import open_advisories
from pbx_bridge.bootstrap import (
    LEAST_FREE_BYTES,
    SECRETS,
    control_socket,
    database_file,
    espeak,
    supervisor_socket,
)
from pbx_bridge.cli.options import readable, site_of, today
from pbx_bridge.config.deployment import Deployment, Mode
from pbx_bridge.config.problems import ConfigError
from pbx_bridge.config.site import all_problems
from pbx_bridge.ports import JournalUnavailable, PbxRejected, PbxUnavailable

OLD_COPY_DAYS = 60
"""Asterisk's makers publish a release with closed holes every few weeks."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One part, and how it is."""

    part: str
    well: bool
    what: str


def examine(deployment: Deployment) -> list[Finding]:
    """Every part, the ones that others need first."""
    parts: tuple[Callable[[Deployment], Iterator[Finding]], ...] = (
        _configuration,
        _passwords,
        _asterisk,
        _speech,
        _disk,
        _journal,
        _supervisor,
        _bridge,
    )
    findings: list[Finding] = []
    for part in parts:
        try:
            findings += part(deployment)
        except (PbxRejected, PbxUnavailable, CopyFailed, JournalUnavailable, ValueError) as error:
            findings.append(Finding(part.__name__.strip("_"), False, str(error)))
    return findings


def _configuration(deployment: Deployment) -> Iterator[Finding]:
    problems = all_problems(deployment, today())
    what = f"{len(problems)} problems, first: {problems[0]}" if problems else "no problems"
    yield Finding("configuration", not problems, what)


def _passwords(deployment: Deployment) -> Iterator[Finding]:
    file = deployment.state / SECRETS
    with suppress(ConfigError):  # told by the part before
        try:
            lacking = secrets.trunks_without(file, site_of(deployment).plan)
        except SecretsUnreadable as error:
            yield Finding("passwords", False, str(error))
            return
        missing = f'none of {", ".join(lacking)} behind "trunks" in {file}'
        yield Finding("passwords", not lacking, missing if lacking else "every trunk has its own")


def _asterisk(deployment: Deployment) -> Iterator[Finding]:
    if deployment.mode is Mode.PRIVATE and current(default_folder()) is None:
        yield Finding("asterisk", True, "the private copy is fetched at the first `up`")
        return
    mode = deployment.mode
    found = locate.locate(mode, lambda _: None, allow_older=deployment.allow_older_asterisk)
    where = found.program[-1] if found.program else "external"
    holes = () if found.version is None else open_advisories(found.version)
    told = f"{found.version or 'version told by AMI'}, {where}"
    if holes:
        told += "; open: " + ", ".join(f"{one.name} ({one.what})" for one in holes)
    yield Finding("asterisk", not holes, told)
    if found.private is not None:
        yield _age(found, deployment)


def _age(found: locate.Located, deployment: Deployment) -> Finding:
    """How old the private copy is, which nobody else renews."""
    assert found.private is not None
    days = (datetime.now(UTC) - found.private.made).days
    what = f"private copy of {found.private.made:%Y-%m-%d} ({days} days)"
    with suppress(PbxUnavailable):
        if (works := running.load(deployment.state).version) != str(found.version):
            what += f"; the exchange works with {works} until it is started again"
    if days > OLD_COPY_DAYS:
        what += "; a newer Asterisk may close holes that aren't known here: pbx-bridge update"
    return Finding("asterisk's age", days <= OLD_COPY_DAYS, what)


def _speech(deployment: Deployment) -> Iterator[Finding]:
    program, _ = espeak(deployment)
    yield Finding("speech", True, program[-1])


def _disk(deployment: Deployment) -> Iterator[Finding]:
    folder = next(one for one in (deployment.state, *deployment.state.parents) if one.exists())
    free = shutil.disk_usage(folder).free
    what = f"{free // 2**20} MiB free for {deployment.state}"
    if free < LEAST_FREE_BYTES:
        what += f", {LEAST_FREE_BYTES // 2**20} MiB are needed; make room"
    yield Finding("disk", free >= LEAST_FREE_BYTES, what)


def _journal(deployment: Deployment) -> Iterator[Finding]:
    path = database_file(deployment.state)
    anchors = [] if deployment.anchor is None else list(read_anchors(deployment.anchor))
    if not (path.exists() or head_file(path).exists() or anchors):
        yield Finding("journal", True, "none yet")
        return
    with readable(path):
        verdict = verify_file(path, anchors)
    if isinstance(verdict, Broken):
        what = f"broken at row {verdict.seq}: {verdict.why}; see `pbx-bridge verify`"
        yield Finding("journal", False, what)
        return
    lost = ", ".join(f"{one.first}-{one.last}" for one in verdict.accepted)
    what = f"chain intact, without rows {lost}, accepted as lost" if lost else "chain intact"
    yield Finding("journal", True, what)


def _supervisor(deployment: Deployment) -> Iterator[Finding]:
    if not supervisor_socket(deployment.state).exists():
        return  # nothing was started with `up`; the bridge tells the rest
    yield from kept(deployment)


def kept(deployment: Deployment) -> list[Finding]:
    """What the supervisor says of the parts that it keeps. Raises `PbxUnavailable`."""
    try:
        told = asyncio.run(control.ask(supervisor_socket(deployment.state), "status"))
    except PbxUnavailable:
        raise PbxUnavailable(
            f"nobody keeps the exchange in {deployment.state}; start it with `pbx-bridge up`, "
            "which takes up what runs"
        ) from None
    return [Finding(one["part"], one["well"], one["what"]) for one in told["parts"]]


def _bridge(deployment: Deployment) -> Iterator[Finding]:
    if deployment.mode is not Mode.EXTERNAL:
        running.load(deployment.state)
    found = asyncio.run(control.ask(control_socket(deployment.state), "status"))
    for one in found["parts"]:
        yield Finding(one["part"], bool(one["well"]), f"{one['what']} ({one['ms']:g} ms)")
    mute = [f"{one['endpoint']} ({one['name']})" for one in found["without_sound"]]
    what = f"registered, but without a codec, key or kind of address in common: {', '.join(mute)}"
    yield Finding("devices", not mute, what if mute else "none is known that can't talk")
    failed = found["bridge"]["left_to_fallback"]
    yield Finding("decisions", failed == 0, f"{failed} calls were left to the fallback")
