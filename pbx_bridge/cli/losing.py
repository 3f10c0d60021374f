"""Commands about lost telephones: lost, found."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated, NoReturn

import typer

from pbx_bridge.adapters import control
from pbx_bridge.asterisk import running
from pbx_bridge.asterisk.process import runs_in
from pbx_bridge.bootstrap import block_alone, control_socket, database_file
from pbx_bridge.cli.options import (
    CONFIG,
    AsJson,
    Config,
    State,
    clock_of,
    deployment_of,
    person_of,
    site_of,
    this_user,
)
from pbx_bridge.cli.people import tell
from pbx_bridge.config.deployment import Deployment
from pbx_bridge.config.problems import ConfigError
from pbx_bridge.config.site import Site
from pbx_bridge.core import blocking, blocks
from pbx_bridge.core.call import Why
from pbx_bridge.core.commands import BlockPhone, technician
from pbx_bridge.core.wording import render
from pbx_bridge.ports import PbxRejected, PbxUnavailable

PATIENCE_S = 4.0
"""For a bridge that may hang, while somebody has a telephone of the house."""

UNREACHED = 3
"""Exit code where the exchange can't be reached."""

Extension = Annotated[str, typer.Argument(help="Whose telephone, e.g. 101.")]
Device = Annotated[
    str,
    typer.Argument(help="Its name in people.yaml, or `mobile`; left out: all that they have."),
]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(lost)
    app.command()(found)


def lost(
    extension: Extension,
    device: Device = "",
    note: Annotated[str, typer.Option(help="Where and how it was lost.")] = "",
    config: Config = CONFIG,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Block a lost telephone: nothing works from it, nothing reaches it, calls end (S26).

    Done at once, with or without a bridge. Emergency calls from it can't be made either: Asterisk
    doesn't know who it is any more.
    """
    deployment = deployment_of(config, state)
    site = _known(deployment, extension, device)
    values = {"person": extension, "device": device, "note": note}
    body = {"command": "BlockPhone", "values": values}
    try:
        door = control_socket(deployment.state)
        answer = asyncio.run(control.ask(door, "command", body, PATIENCE_S))
    except PbxUnavailable as error:
        if isinstance(site, ConfigError):
            sys.stderr.write(
                f"{error}\nNOT BLOCKED: without a bridge the files below have to be right first. "
                "If this can't wait, `pbx-bridge stop` ends all telephones.\n"
            )
            raise site from None
        command = BlockPhone(extension, technician(this_user()), device, note)
        _alone(site, command, error, as_json=as_json)
    tell(answer, as_json=as_json)


def found(
    extension: Extension,
    device: Device = "",
    config: Config = CONFIG,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Let a telephone work again, with a new password (and a new PIN): `phone` prints them."""
    deployment = deployment_of(config, state)
    _known(deployment, extension, device)
    body = {"person": extension, "device": device}
    answer = asyncio.run(control.ask(control_socket(deployment.state), "found", body))
    tell(answer, as_json=as_json)


def _known(deployment: Deployment, extension: str, device: str) -> Site | ConfigError:
    """The site, once the person and the telephone are known to it; or what is wrong with its files.

    Then the bridge is asked all the same: it has the plan of before, and a telephone that is lost
    doesn't wait until somebody has put a file right.
    """
    try:
        site = site_of(deployment)
    except ConfigError as unread:
        return unread
    person = person_of(site, extension)
    if blocking.meant(site.plan, extension, device) is None:
        own = [
            *(one.name or extension for one in person.devices),
            *([blocks.MOBILE] if person.mobile else []),
        ]
        what = f"{person.name} ({extension}) has no {device!r}"
        raise PbxRejected(f"{what}; there is {', '.join(own)}")
    return site


def _alone(site: Site, command: BlockPhone, why: PbxUnavailable, *, as_json: bool) -> NoReturn:
    """Without a bridge; what couldn't be done is said."""
    sys.stderr.write(f"{why}\nIt is done without the bridge.\n")
    state = site.deployment.state
    if not database_file(state).exists():
        raise why
    where = None
    if site.deployment.external is not None or runs_in(state / "asterisk"):
        where = running.load(state)
    done = asyncio.run(block_alone(site, where, command))
    now = clock_of(site).now()
    said = " ".join(
        render(one, site.deployment.language, now, site.prompts) for one in done.outcome.spoken
    )
    if done.trouble:
        sys.stderr.write(
            "STORED, BUT ASTERISK DOES NOT KNOW OF IT YET: "
            f"{done.trouble}\nThe next bridge tells it. While Asterisk isn't running nobody can "
            "call; where it runs, stop it (`pbx-bridge stop`) if this can't wait.\n"
        )
    elif done.outcome.why is Why.COMMAND_DONE:
        sys.stderr.write("Foreman and head of office are told by the next bridge.\n")
    if done.trouble and done.outcome.why is Why.COMMAND_DONE:
        raise typer.Exit(UNREACHED)
    outcome = done.outcome.why
    clause = done.outcome.refusal.clause if done.outcome.refusal else ""
    tell({"outcome": outcome, "said": said, "clause": clause}, as_json=as_json)
