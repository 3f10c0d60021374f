"""The command that rings: call."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from pbx_bridge.asterisk import running, secrets
from pbx_bridge.asterisk.packages import current, default_folder
from pbx_bridge.bootstrap import SECRETS
from pbx_bridge.cli.options import (
    CONFIG,
    AsJson,
    Config,
    State,
    deployment_of,
    number_of,
    show,
    site_of,
)
from pbx_bridge.config.site import Site
from pbx_bridge.ports import PbxRejected, PbxUnavailable
from pbx_bridge.softphone.behaviour import Press
from pbx_bridge.softphone.caller import CallResult, place_call
from pbx_bridge.softphone.sipp import SoftphoneFailed
from pbx_bridge.watching import watching

CALLER = "0401234567"
WITHHELD = "anonymous"
PROMPT_SILENCE_S = 0.8


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(call)


def call(
    number: Annotated[str, typer.Argument(help="What the caller dials.")],
    from_: Annotated[
        str, typer.Option("--from", help="Caller's number; an extension calls as its phone.")
    ] = CALLER,
    press: Annotated[
        str, typer.Option(help="Keys to press, each after the voice has fallen silent.")
    ] = "",
    record: Annotated[
        Path | None, typer.Option(help="Write what the caller hears as a WAV file.")
    ] = None,
    hold: Annotated[float, typer.Option(help="Seconds to talk when somebody answers.")] = 30.0,
    config: Config = CONFIG,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Make a real call into the running exchange and tell what happens."""
    deployment = deployment_of(config, state)
    site = site_of(deployment)
    number = number if number.startswith(("*", "#")) else number_of(site, number)
    from_ = from_ if from_ == WITHHELD else number_of(site, from_)
    where = running.load(deployment.state)
    user = from_ if from_ in site.plan.people else ""
    secret = secrets.load(deployment.state / SECRETS, site.plan).phones[user] if user else ""
    told: list[str] = []

    async def ring() -> CallResult:
        async with watching(site, where, told.append if as_json else _print):
            return await place_call(
                sipp_program(),
                where.sip,
                to=number,
                from_number=from_,
                user=user,
                secret=secret,
                press=[Press(key, after_silence_s=PROMPT_SILENCE_S) for key in press],
                hold_s=hold,
                record=record,
            )

    try:
        result = asyncio.run(ring())
    except SoftphoneFailed as error:
        raise PbxUnavailable(str(error)) from error
    if as_json:
        show(_as_dict(number, result, told, site))
    raise typer.Exit(0 if result.status == 200 else 1)


def _as_dict(number: str, result: CallResult, told: list[str], site: Site) -> dict[str, object]:
    invited, answered = result.invited_at.monotonic_s, result.answered_at
    return {
        "number": number,
        "plan": site.plan.version,
        "status": result.status,
        "connected_s": None if answered is None else answered.monotonic_s - invited,
        "lasted_s": result.ended_at.monotonic_s - invited,
        "ended_by": result.ended_by,
        "heard_s": len(result.heard) / 8000,
        "timeline": told,
    }


def sipp_program() -> list[str]:
    """How SIPp is started. Raises `PbxRejected` when there is none."""
    if found := shutil.which("sipp"):
        return [found]
    copy = current(default_folder())
    if copy is not None:
        return copy.program("sipp")
    raise PbxRejected("SIPp is not on this machine; install the package sip-tester")


def _print(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()
