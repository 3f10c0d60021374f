"""Permits: who may call what they otherwise may not, and until when (S27)."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
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
    person_of,
    show,
    site_of,
)
from pbx_bridge.cli.people import WRITTEN, obey, read_moment
from pbx_bridge.core import limits, permits
from pbx_bridge.core.callingcodes import NAMES
from pbx_bridge.core.classes import CLASSES, is_known
from pbx_bridge.core.commands import TECHNICIAN
from pbx_bridge.core.inert import shown
from pbx_bridge.core.wording import until as told_until
from pbx_bridge.ports import PbxRejected


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(permit)
    app.command("permits")(list_permits)


def permit(
    extension: Annotated[str, typer.Argument(help="Who may call, e.g. 101.")],
    calls: Annotated[
        list[str] | None, typer.Argument(help="Countries (SE NO) and classes (premium, abroad).")
    ] = None,
    until: Annotated[
        str, typer.Option(help=f"{WRITTEN}: the end, at most a year ahead; a day counts.")
    ] = "",
    approved_by: Annotated[str, typer.Option(help="Who has agreed to it.")] = "",
    revoke: Annotated[bool, typer.Option("--revoke", help="Take their permits back.")] = False,
    config: Config = CONFIG,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Let somebody call what they otherwise may not, until an end (S27)."""
    if bool(calls) is revoke:
        raise typer.BadParameter("name what may be called, or --revoke alone")
    deployment = deployment_of(config, state)
    site = site_of(deployment)
    person_of(site, extension)
    values: dict[str, object] = {"person": extension, "by": TECHNICIAN}
    if revoke:
        obey(deployment, "RevokePermits", values, as_json=as_json)
    if not until or not approved_by:
        raise typer.BadParameter("a permit needs --until and --approved-by")
    wanted = [one.lower() if one.lower() in CLASSES else one.upper() for one in calls or ()]
    for one in wanted:
        if not is_known(one):
            known = ", ".join(sorted(CLASSES))
            raise PbxRejected(
                f"{one!r} is no class of numbers ({known}) and no country, as in SE "
                f"({len(NAMES)} are known)"
            )
    ends = _end(until, clock_of(site).now())
    values |= {"calls": wanted, "until": ends.isoformat(), "approved_by": approved_by}
    obey(deployment, "GrantPermit", values, as_json=as_json)


def _end(text: str, now: datetime) -> datetime:
    """A moment; of a day without a time its end, as in the plan."""
    read = read_moment(text, now)
    return read if ":" in text else permits.end_of(read.date(), now.tzinfo or UTC)


def list_permits(config: Config = CONFIG, state: State = None, as_json: AsJson = False) -> None:
    """Show who has a permit, for what, until when and by whom; and how much was called today."""
    site = site_of(deployment_of(config, state))
    exchange, now = exchange_of(site), clock_of(site).now()
    zone = site.plan.organisation.zone
    people = site.plan.people.values()
    held = [one for person in people for one in permits.valid(exchange, person, now)]
    rows = [
        {
            "person": one.person,
            "name": site.plan.people[one.person].name,
            "calls": list(one.calls),
            "until": one.until.astimezone(zone).isoformat(timespec="minutes"),
            "approved_by": one.approved_by,
            "by": one.by or "plan",
        }
        for one in held
    ]
    used = {
        who or "all": round(share * 100)
        for who in exchange.spent
        if (share := limits.share(exchange, who, now))
    }
    if as_json:
        show({"permits": rows, "used_percent": used})
        return
    for one in held:
        sys.stdout.write(
            f"{one.person} {site.plan.people[one.person].name}: {', '.join(one.calls)} "
            f"until {told_until(one.until, zone)}, approved by {shown(one.approved_by)} "
            f"({one.by or 'plan'})\n"
        )
    if not held:
        sys.stdout.write("nobody has a permit\n")
    for who, percent in used.items():
        sys.stdout.write(f"{who} has called {percent} % of what may be called\n")
