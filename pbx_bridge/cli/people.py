"""Commands on behalf of people: refer."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime, time
from typing import Annotated

import typer

from pbx_bridge.adapters import control
from pbx_bridge.bootstrap import control_socket
from pbx_bridge.cli.options import (
    CONFIG,
    AsJson,
    Config,
    State,
    clock_of,
    deployment_of,
    show,
    site_of,
)
from pbx_bridge.config.problems import did_you_mean
from pbx_bridge.core.call import Why
from pbx_bridge.core.commands import TECHNICIAN
from pbx_bridge.ports import PbxRejected

MOMENTS = ("%H:%M", "%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M")


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(refer)


def refer(
    extension: Annotated[str, typer.Argument(help="Who is away, e.g. 101.")],
    reason: Annotated[str, typer.Argument(help="A reason's name or digit.")] = "",
    until: Annotated[
        str, typer.Argument(help="14:30, 2026-08-03 or 2026-08-03T14:30: the end (S8).")
    ] = "",
    note: Annotated[str, typer.Option(help="Why, where the reason needs it (S12).")] = "",
    cancel: Annotated[bool, typer.Option("--cancel", help="The person is back.")] = False,
    config: Config = CONFIG,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Set or cancel somebody's referral."""
    deployment = deployment_of(config, state)
    site = site_of(deployment)
    values: dict[str, str] = {"person": extension, "by": TECHNICIAN}
    if cancel:
        command = "CancelReferral"
    else:
        plan = site.plan
        found = plan.reasons.get(reason) or plan.reasons_by_name.get(reason)
        if found is None:
            hint = did_you_mean(reason, plan.reasons_by_name, "see dialplan/reasons.yaml")
            raise PbxRejected(f"no reason {reason!r}, {hint}")
        end = _moment(until, clock_of(site).now())
        values |= {"reason": found.name, "until": end.isoformat(), "note": note}
        command = "SetReferral"
    socket = control_socket(deployment.state)
    answer = asyncio.run(control.ask(socket, "command", {"command": command, "values": values}))
    if as_json:
        show(answer)
    else:
        clause = f" ({answer['clause']})" if answer["clause"] else ""
        sys.stdout.write(f"{answer['said']}{clause}\n")
    raise typer.Exit(0 if answer["outcome"] == Why.COMMAND_DONE else 1)


def _moment(text: str, now: datetime) -> datetime:
    for form in MOMENTS:
        try:
            read = datetime.strptime(text, form).replace(tzinfo=now.tzinfo)
        except ValueError:
            continue
        if form == MOMENTS[0]:
            return datetime.combine(now.date(), time(read.hour, read.minute), now.tzinfo)
        return read
    raise typer.BadParameter(f"{text!r} is no end; write 14:30, 2026-08-03 or 2026-08-03T14:30")
