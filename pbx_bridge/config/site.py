"""Everything that technicians wrote, read at one moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from pathlib import Path

from pbx_bridge.config.deployment import Deployment
from pbx_bridge.config.deployment_file import load_deployment
from pbx_bridge.config.doors import door_problems
from pbx_bridge.config.plan import advise, check, load_plan
from pbx_bridge.config.problems import ConfigError, Problem
from pbx_bridge.config.prompts import load_prompts, read_prompts
from pbx_bridge.core.model import Language, Plan
from pbx_bridge.files import user_name

HASH_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Site:
    """The deployment, the plan and the wording; whole and checked."""

    deployment: Deployment
    plan: Plan
    prompts: Mapping[Language, Mapping[str, str]]
    read_on: date
    """The day that holidays were computed around."""


def read_deployment(config: Path, state: Path | None = None) -> Deployment:
    """config.yaml, with another state folder where one is given. Raises `ConfigError`."""
    deployment = load_deployment(config)
    if state is None:
        return deployment
    state = state.absolute()
    privacy = replace(deployment.privacy, key=state / "pseudonym.key")
    return replace(
        deployment,
        state=state,
        sounds=state / "sounds",
        public=state / "public",
        privacy=privacy,
    )


def read_site(deployment: Deployment, today: date) -> Site:
    """The plan and the wording beside the deployment. Raises `ConfigError` with everything."""
    problems = site_problems(deployment, today)
    if problems:
        raise ConfigError(problems)
    plan = load_plan(deployment.dialplan, today, deployment.mailboxes)
    return Site(deployment, plan, load_prompts(deployment.prompts), today)


def site_problems(deployment: Deployment, today: date) -> list[Problem]:
    """Every problem of the plan and the wording."""
    _, prompts = read_prompts(deployment.prompts)
    return [*check(deployment.dialplan, today, deployment.mailboxes), *prompts]


def site_advice(deployment: Deployment, today: date, capped: Iterable[str] = ()) -> list[Problem]:
    """What should be looked at in the plan, which keeps it from nothing. `capped`: who may call out
    no more under it."""
    return advise(deployment.dialplan, today, deployment.mailboxes, capped)


def all_problems(deployment: Deployment, today: date) -> list[Problem]:
    """Those, and what is wrong with the doors: a bridge works whoever comes in by them."""
    host = "" if deployment.external else deployment.host
    folder, mailboxes = deployment.dialplan, deployment.mailboxes
    doors = door_problems(deployment.doors, folder, mailboxes, host, deployment.sip_port)
    return [*doors, *site_problems(deployment, today)]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells one content of a file from another, and whose it is."""

    hash: str
    owner: str


def fingerprints(deployment: Deployment) -> Mapping[str, Fingerprint]:
    """Of every file that makes the plan and the wording, by its place. Raises `OSError`."""
    found = {}
    for folder in (deployment.dialplan, deployment.voicemail):
        for file in sorted(folder.rglob("*.yaml")):
            content = sha256(file.read_bytes()).hexdigest()[:HASH_DIGITS]
            place = f"{folder.name}/{file.relative_to(folder)}"
            found[place] = Fingerprint(content, user_name(file.stat().st_uid))
    return found


Stamp = frozenset[tuple[str, int, int]]
"""Place, moment of the last change and length of each file: another one tells another content,
also where an older file has taken the place of a newer one."""


def stamp(sources: Iterable[Path]) -> Stamp:
    """Of these files, and of the YAML files in these folders. Raises `OSError`."""
    files = (
        file
        for source in sources
        for file in (source.rglob("*.yaml") if source.is_dir() else (source,))
    )
    held = ((file, file.stat()) for file in files)
    return frozenset((str(file), one.st_mtime_ns, one.st_size) for file, one in held)
