"""Commands on behalf of people: refer, forward."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, NoReturn

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
    person_of,
    show,
    site_of,
)
from pbx_bridge.config.deployment import Deployment
from pbx_bridge.config.problems import did_you_mean
from pbx_bridge.config.site import Site
from pbx_bridge.core import ends
from pbx_bridge.core.call import Why
from pbx_bridge.core.commands import TECHNICIAN
from pbx_bridge.core.model import Person, ReferralReason
from pbx_bridge.core.sentences import Sentence
from pbx_bridge.core.wording import render
from pbx_bridge.ports import PbxRejected

CLOCK, DAY = "%H:%M", "%Y-%m-%d"
MOMENTS = (CLOCK, DAY, "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S")
WRITTEN = "14:30, 2026-08-03 or 2026-08-03T14:30"


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(refer)
    app.command()(forward)


def refer(
    extension: Annotated[str, typer.Argument(help="Who is away, e.g. 101.")],
    reason: Annotated[str, typer.Argument(help="A reason's name or digit.")] = "",
    until: Annotated[
        str, typer.Argument(help=f"{WRITTEN}: the end (S8); none where the reason has its own.")
    ] = "",
    begins: Annotated[
        str, typer.Option("--from", help=f"{WRITTEN}: the beginning, where it isn't now.")
    ] = "",
    note: Annotated[str, typer.Option(help="Why, where the reason needs it (S12).")] = "",
    cancel: Annotated[
        bool, typer.Option("--cancel", help="The person is back; --from: means a planned referral.")
    ] = False,
    config: Config = CONFIG,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Set or cancel somebody's referral."""
    deployment = deployment_of(config, state)
    site = site_of(deployment)
    person = person_of(site, extension)
    now = clock_of(site).now()
    values = {"person": extension, "by": TECHNICIAN}
    if cancel:
        if begins:
            values["at"] = read_moment(begins, now).isoformat()
        obey(deployment, "CancelReferral", values, as_json=as_json)
    plan = site.plan
    found = plan.reasons.get(reason) or plan.reasons_by_name.get(reason)
    if found is None:
        hint = did_you_mean(reason, plan.reasons_by_name, "see dialplan/reasons.yaml")
        raise PbxRejected(f"no reason {reason!r}, {hint}")
    start = now
    if begins:
        start = _moment(begins, site, person, found, now)
        values["since"] = start.isoformat()
    end = _moment(until, site, person, found, start)
    values |= {"reason": found.name, "until": end.isoformat(), "note": note}
    obey(deployment, "SetReferral", values, as_json=as_json)


def forward(
    extension: Annotated[str, typer.Argument(help="Who is away, e.g. 101.")],
    colleague: Annotated[str, typer.Argument(help="Who is asked to take the calls.")] = "",
    accept: Annotated[bool, typer.Option("--accept", help="The colleague says yes.")] = False,
    decline: Annotated[bool, typer.Option("--decline", help="The colleague says no.")] = False,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Nobody takes the calls who was asked for it.")
    ] = False,
    config: Config = CONFIG,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Ask a colleague to take the calls during an absence, or give their answer (S14)."""
    if accept + decline + withdraw > 1:
        raise typer.BadParameter("only one of --accept, --decline and --withdraw")
    if bool(colleague) is withdraw:
        raise typer.BadParameter(
            "name the colleague, as in forward 102 101; --withdraw needs none and means all"
        )
    deployment = deployment_of(config, state)
    site = site_of(deployment)
    for one in (extension, *([colleague] if colleague else [])):
        person_of(site, one)
    values: dict[str, object] = {"person": extension, "by": TECHNICIAN}
    if withdraw:
        obey(deployment, "WithdrawForward", values, as_json=as_json)
    values["to"] = colleague
    if accept or decline:
        obey(deployment, "AnswerForward", values | {"accepts": accept}, as_json=as_json)
    obey(deployment, "OfferForward", values, as_json=as_json)


def obey(
    deployment: Deployment, command: str, values: Mapping[str, object], *, as_json: bool
) -> NoReturn:
    """Have the bridge obey, print its answer, and leave with 0 when it was done."""
    socket = control_socket(deployment.state)
    body = {"command": command, "values": dict(values)}
    tell(asyncio.run(control.ask(socket, "command", body)), as_json=as_json)


def tell(answer: Mapping[str, object], *, as_json: bool) -> NoReturn:
    """Print how a command went, and leave with 0 when it was done."""
    if as_json:
        show(answer)
    else:
        clause = f" ({answer['clause']})" if answer["clause"] else ""
        sys.stdout.write(f"{answer['said']}{clause}\n")
    raise typer.Exit(0 if answer["outcome"] == Why.COMMAND_DONE else 1)


def _moment(
    text: str, site: Site, person: Person, reason: ReferralReason, now: datetime
) -> datetime:
    """What `text` means for this reason, as the same digits in a code would (S8)."""
    if not text:
        usual = ends.usual_end(reason, person, site.plan, now)
        if usual is None:
            raise typer.BadParameter(f"{reason.name} needs an end: write {WRITTEN}")
        return usual
    read = read_moment(text, now)
    found: datetime | Sentence = ends.ahead(read, now)
    if _has_form(text, CLOCK):
        found = ends.at_clock(read.time(), reason, site.plan, now)
    elif _has_form(text, DAY):
        found = ends.at_day(read.date(), person, site.plan, now)
    if isinstance(found, Sentence):
        language = site.deployment.language
        raise PbxRejected(f"{text}: {render(found, language, now, site.prompts)} (S8)")
    return found


def read_moment(text: str, now: datetime) -> datetime:
    """A moment as it is written on the command line. Raises `typer.BadParameter`."""
    for form in MOMENTS:
        if _has_form(text, form):
            read = datetime.strptime(text, form).replace(tzinfo=now.tzinfo)
            return read.replace(*now.timetuple()[:3]) if form == CLOCK else read
    raise typer.BadParameter(f"{text!r} is no moment; write {WRITTEN}")


def _has_form(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)  # noqa: DTZ007 - only its form is looked at
    except ValueError:
        return False
    return True
