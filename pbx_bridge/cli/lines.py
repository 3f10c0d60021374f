"""Commands about lines: who attends them, and phone hours that are broken."""

from __future__ import annotations

import sys
from datetime import datetime, time, timedelta
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
    show,
    site_of,
)
from pbx_bridge.cli.people import obey, read_moment
from pbx_bridge.config.problems import did_you_mean
from pbx_bridge.config.site import Site
from pbx_bridge.core.commands import TECHNICIAN
from pbx_bridge.core.hours import Cause, Opening, Reason, openings
from pbx_bridge.core.model import Line
from pbx_bridge.core.timetable import line_openings
from pbx_bridge.core.wording import ended
from pbx_bridge.ports import PbxRejected

LONGEST_OPENING = timedelta(days=7)
"""Of what begins before the days that are asked for, the beginning is looked for so far back."""

LineArgument = Annotated[str, typer.Argument(help="A line's name or code, e.g. bygglov.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(hours)
    app.command("sign-in")(sign_in)
    app.command("sign-out")(sign_out)
    app.command("break-hours")(break_hours)
    app.command("resume-hours")(resume_hours)


def hours(
    name: Annotated[str, typer.Argument(help="A line or a unit.")],
    from_: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day; today.")
    ] = None,
    to: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day; a week in all.")
    ] = None,
    config: Config = CONFIG,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Show when a line or a unit is open, and the rule behind each edge. Breaks count (S24)."""
    site = site_of(deployment_of(config, state))
    plan, exchange = site.plan, exchange_of(site)
    zone = plan.organisation.zone
    first = from_.date() if from_ else clock_of(site).now().date()
    last = to.date() if to else first + timedelta(days=6)
    if last < first:
        raise typer.BadParameter(f"--to {last} is before --from {first}")
    since = datetime.combine(first - LONGEST_OPENING, time(), zone)
    days = (last - first + 2 * LONGEST_OPENING).days
    if name in plan.units:
        found = openings(plan.schedules[plan.units[name].hours], plan, since, days)
    else:
        found = line_openings(exchange, _line(site, name), since, days)
    shown = [one for one in found if one.start.date() <= last and one.end.date() >= first]
    if as_json:
        show(
            [
                {
                    "since": one.start.isoformat(timespec="minutes"),
                    "until": one.end.isoformat(timespec="minutes"),
                    "opens": _why(one.opens),
                    "closes": _why(one.closes),
                }
                for one in shown
            ]
        )
        return
    sys.stdout.write(("\n".join(map(row, shown)) or "never open in these days") + "\n")


def row(opening: Opening) -> str:
    """An opening with the rule behind each edge, `Tue 2026-11-24 09:00 (week) - 11:00 (week)`."""
    day, clock = ended(opening.end)
    over = "" if day == opening.start.date() else f"{day: %a}"
    return (
        f"{opening.start:%a %Y-%m-%d %H:%M} ({_why(opening.opens)}) - "
        f"{clock}{over} ({_why(opening.closes)})"
    )


def _why(reason: Reason) -> str:
    """`eve of Julafton`, `lunch`, `season sommar`."""
    joined = "eve of" if reason.cause is Cause.EVE else reason.cause
    return f"{joined} {reason.name}" if reason.name else str(reason.cause)


def sign_in(
    line: LineArgument,
    extension: Annotated[str, typer.Argument(help="Who attends it from now on.")],
    config: Config = CONFIG,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Have somebody attend a line (S18)."""
    _attend("SignIn", line, extension, config=config, state=state, as_json=as_json)


def sign_out(
    line: LineArgument,
    extension: Annotated[str, typer.Argument(help="Who leaves it.")],
    config: Config = CONFIG,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Have somebody leave a line, unless they are the last (S18)."""
    _attend("SignOut", line, extension, config=config, state=state, as_json=as_json)


def break_hours(
    line: LineArgument,
    until: Annotated[str, typer.Option(help="10:30 today: when the line is answered again.")],
    note: Annotated[str, typer.Option(help="Number of the emergency (organisation.yaml).")] = "",
    config: Config = CONFIG,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Break a line's phone hours for an emergency; what is lost is repaid the same day (S24)."""
    deployment = deployment_of(config, state)
    site = site_of(deployment)
    plan, broken = site.plan, _line(site, line)
    emergencies = [
        one[plan.organisation.language] for one in plan.organisation.phone_hours.emergencies
    ]
    if not note.isdecimal() or not 1 <= int(note) <= len(emergencies):
        known = "; ".join(f"{count} {one}" for count, one in enumerate(emergencies, 1))
        what = f"there is no emergency {note!r}" if note else "--note: number of the emergency"
        raise PbxRejected(f"{what}; organisation.yaml has: {known or 'none'}")
    ends: datetime = read_moment(until, clock_of(site).now())
    values = {
        "line": broken.name,
        "note": emergencies[int(note) - 1],
        "until": ends.isoformat(),
        "by": TECHNICIAN,
    }
    obey(deployment, "BreakPhoneHours", values, as_json=as_json)


def resume_hours(
    line: LineArgument, config: Config = CONFIG, state: State = None, as_json: AsJson = False
) -> None:
    """Take up a line's phone hours again before the end that was given (S24)."""
    deployment = deployment_of(config, state)
    found = _line(site_of(deployment), line)
    values = {"line": found.name, "by": TECHNICIAN}
    obey(deployment, "ResumePhoneHours", values, as_json=as_json)


def _attend(
    command: str, line: str, extension: str, *, config: Config, state: State, as_json: bool
) -> None:
    deployment = deployment_of(config, state)
    found = _line(site_of(deployment), line)
    values = {"line": found.name, "person": extension, "by": TECHNICIAN}
    obey(deployment, command, values, as_json=as_json)


def _line(site: Site, name: str) -> Line:
    """Raise `PbxRejected` when no line has that name or code."""
    lines = site.plan.lines
    for line in lines.values():
        if name in (line.name, line.code):
            return line
    hint = did_you_mean(name, lines, f"the lines are {', '.join(lines)}")
    raise PbxRejected(f"there is no line {name!r}, {hint}")
