"""Commands about callers who have to be reached: returns, contacted, promise."""

from __future__ import annotations

import re
import sys
from typing import Annotated

import typer

from pbx_bridge.cli.options import (
    CONFIG,
    AsJson,
    Config,
    State,
    clock_of,
    deployment_of,
    exchange_of,
    note_reading,
    number_of,
    person_of,
    show,
    site_of,
)
from pbx_bridge.cli.people import WRITTEN, obey, read_moment
from pbx_bridge.config.problems import did_you_mean
from pbx_bridge.config.site import Site
from pbx_bridge.core import numbers
from pbx_bridge.core.commands import TECHNICIAN
from pbx_bridge.core.inert import shown
from pbx_bridge.core.returning import as_dict
from pbx_bridge.core.state import Return
from pbx_bridge.ports import PbxRejected

MESSAGE = re.compile(r"[0-9]{10}-[0-9a-f]{8}")
"""Asterisk's id of a message: what a caller without a number is known by."""

Sought = Annotated[str, typer.Argument(help="Who was sought: an extension, or a line's name.")]
Number = Annotated[
    str, typer.Argument(help="The caller's number, or a message's id, as `returns` shows it.")
]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (returns, contacted, promise):
        app.command()(command)


def returns(
    sought: Annotated[
        str, typer.Argument(help="An extension, a line, a unit, or a caller's number; all.")
    ] = "",
    config: Config = CONFIG,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Show the callers who have to be reached, and by when (S16, S23)."""
    site = site_of(deployment_of(config, state))
    note_reading(site, f"returns {sought}".strip(), "returns")
    exchange, now = exchange_of(site), clock_of(site).now()
    number = numbers.number(sought, site.plan.dialling)
    is_caller = bool(number) and number not in site.plan.people
    wanted = _wanted(site, "" if is_caller else number or sought)
    found = sorted(
        (
            one
            for one in exchange.returns.values()
            if one.target in wanted and (not is_caller or one.number == number)
        ),
        key=lambda one: one.due,
    )
    if as_json:
        show([as_dict(one) for one in found])
        return
    rows = [_row(one, site, late=one.due <= now) for one in found]
    sys.stdout.write("\n".join(rows or ["nobody waits"]) + "\n")


def contacted(
    sought: Sought,
    number: Number,
    note: Annotated[str, typer.Option(help="How they were reached.")] = "",
    config: Config = CONFIG,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Note that a caller was reached in another way than by the exchange (S16)."""
    deployment = deployment_of(config, state)
    site = site_of(deployment)
    _wanted(site, sought)
    if not MESSAGE.fullmatch(number):
        number = number_of(site, number)
    values = {"target": sought, "number": number, "note": note, "by": TECHNICIAN}
    obey(deployment, "RecordContact", values, as_json=as_json)


def promise(
    extension: Annotated[str, typer.Argument(help="Who gets back to the caller.")],
    number: Annotated[str, typer.Argument(help="The caller's number.")],
    due: Annotated[str, typer.Argument(help=f"{WRITTEN}: at the latest.")],
    config: Config = CONFIG,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Note that somebody has promised to get back to a caller (S23)."""
    deployment = deployment_of(config, state)
    site = site_of(deployment)
    person_of(site, extension)
    values = {
        "person": extension,
        "number": number_of(site, number),
        "due": read_moment(due, clock_of(site).now()).isoformat(),
        "by": TECHNICIAN,
    }
    obey(deployment, "Promise", values, as_json=as_json)


def _wanted(site: Site, sought: str) -> set[str]:
    """Extensions and lines that are meant. Raises `PbxRejected`."""
    plan = site.plan
    everybody = {*plan.people, *plan.lines}
    if sought in everybody:
        return {sought}
    if sought in plan.units:
        people = {one.extension for one in plan.people.values() if one.unit == sought}
        return people | ({plan.units[sought].line} - {""})
    if sought:
        known = sorted(everybody | plan.units.keys())
        hint = did_you_mean(sought, known, "name an extension, a line or a unit")
        raise PbxRejected(f"nobody and nothing is called {sought}, {hint}")
    return everybody


def _row(one: Return, site: Site, *, late: bool) -> str:
    plan = site.plan
    zone = plan.organisation.zone
    name = plan.people[one.target].name if one.target in plan.people else one.target
    number = f"withheld, {one.number}" if one.withheld else shown(one.number)
    due, last = one.due.astimezone(zone), one.last.astimezone(zone)
    times = f" ({len(one.calls)} times)" if len(one.calls) > 1 else ""
    why = ", ".join(one.how)
    mark = "LATE " if late else ""
    return (
        f"{mark}by {due:%Y-%m-%d %H:%M}  {number:<14} for {name} ({one.target}): "
        f"{why}, last {last:%Y-%m-%d %H:%M}{times}"
    )
