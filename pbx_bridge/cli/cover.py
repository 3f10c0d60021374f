"""Who attends what, and where too few do (S3, S17, S18)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from math import ceil
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
from pbx_bridge.config.site import Site
from pbx_bridge.core import guard
from pbx_bridge.core.absence import keeps_calls_away
from pbx_bridge.core.events import ReferralSet
from pbx_bridge.core.folding import fold
from pbx_bridge.core.guard import Gap, Of, Span, Sweep
from pbx_bridge.core.model import Line, Unit
from pbx_bridge.core.state import Exchange, Referral
from pbx_bridge.core.wording import ended

DAYS_SHOWN = 7
CELLS_OF_A_DAY = 8
"""A week then fits 80 columns."""
SHORTEST_MARK = 30
"""Minutes."""
DAY_MINUTES = 24 * 60
RED, PLAIN = "\x1b[31m", "\x1b[0m"
THERE, SHORT, OPEN, CLOSED = "█", "!", "·", " "
NAME_WIDTH = 16


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(cover)


def cover(
    from_: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day; today.")
    ] = None,
    to: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day; a week in all.")
    ] = None,
    absent: Annotated[
        str, typer.Option(help="What if this extension were away in all these days?")
    ] = "",
    config: Config = CONFIG,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Show who attends which line and works in which unit, and the gaps. Nothing is changed."""
    site = site_of(deployment_of(config, state))
    exchange, now = exchange_of(site), clock_of(site).now()
    zone = site.plan.organisation.zone
    first = (from_ or now).replace(tzinfo=zone)
    since = datetime.combine(first.date(), time(), zone)
    last = to.date() if to else first.date() + timedelta(days=DAYS_SHOWN - 1)
    until = datetime.combine(last + timedelta(days=1), time(), zone)
    if absent:
        person_of(site, absent)
        exchange = _without(exchange, absent, max(since, now), until)
    sweep = Sweep(exchange, max(since, now), until, now)
    gaps = sweep.gaps()
    if as_json:
        show([_as_json(gap, exchange, now) for gap in gaps])
        return
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    whole = Sweep(exchange, since, until, now)
    rows = [*chart(whole, site, gaps, since, until), "", *_listed(gaps, exchange, now)]
    text = "\n".join(rows)
    sys.stdout.write((_red(text) if coloured else text) + "\n")


def chart(
    sweep: Sweep, site: Site, gaps: Sequence[Gap], since: datetime, until: datetime
) -> Iterator[str]:
    """Yield the rows: for each line and unit its people, and a mark where too few are there."""
    plan = site.plan
    days = [since + timedelta(days=count) for count in range((until - since).days)]
    things: list[Line | Unit] = [one for one in plan.lines.values() if one.attended]
    for what in (*things, *plan.units.values()):
        opened = sweep.openings(what)
        hours = _hours(opened, days)
        of = Of.LINE if isinstance(what, Line) else Of.UNIT
        mine = [
            (int(gap.since.timestamp()), int(gap.until.timestamp()))
            for gap in gaps
            if (gap.of, gap.name) == (of, what.name)
        ]
        title = what.title[site.deployment.language]
        cells = list(_cells(hours))
        yield ""
        mark = cells[0][1] - cells[0][0]
        yield f"{title}  ({hours[0]}:00-{hours[1]}:00, {mark} minutes a mark)"
        width = len(cells) + 1
        heads = (f"{day:%a %d}"[: width - 1].ljust(width) for day in days)
        yield (" " * NAME_WIDTH + "".join(heads)).rstrip()
        for extension, spans in sweep.presence(what).items():
            name = plan.people[extension].name[: NAME_WIDTH - 1]
            yield name.ljust(NAME_WIDTH) + _row(days, cells, spans, opened, THERE, OPEN)
        if mine:
            yield "too few".ljust(NAME_WIDTH) + _row(days, cells, mine, opened, SHORT, CLOSED)


def _row(
    days: Sequence[datetime],
    cells: Sequence[tuple[int, int]],
    spans: Sequence[Span],
    opened: Sequence[Span],
    there: str,
    not_there: str,
) -> str:
    """A mark for each part of each day: `there` where one of `spans` meets an open time."""
    found = ""
    for day in days:
        for first, last in cells:
            part = (_second(day, first), _second(day, last))
            open_ = [one for one in opened if _meet(one, part)]
            held = [(max(a, part[0]), min(b, part[1])) for a, b in open_]
            meets = any(_meet(one, stretch) for one in spans for stretch in held)
            found += there if meets else not_there if open_ else CLOSED
        found += " "
    return found.rstrip()


def _hours(opened: Sequence[Span], days: Sequence[datetime]) -> tuple[int, int]:
    """The whole hours of the day between which it is ever open."""
    zone = days[0].tzinfo
    starts, ends = [], []
    for first, last in opened:
        start, end = (datetime.fromtimestamp(one, UTC).astimezone(zone) for one in (first, last))
        over_midnight = start.date() != end.date()
        starts.append(0 if over_midnight else start.hour)
        ends.append(24 if over_midnight else end.hour + (end.minute > 0))
    return min(starts, default=8), max(ends, default=16)


def _cells(hours: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Yield the parts of a day that are one mark each, in minutes from midnight."""
    first, last = (hour * 60 for hour in hours)
    step = SHORTEST_MARK * max(1, ceil((last - first) / CELLS_OF_A_DAY / SHORTEST_MARK))
    for minute in range(first, last, step):
        yield minute, min(minute + step, last)


def _second(day: datetime, minute: int) -> int:
    days, rest = divmod(minute, DAY_MINUTES)
    clock = time(rest // 60, rest % 60)
    moment = datetime.combine(day.date() + timedelta(days=days), clock, day.tzinfo)
    return int(moment.timestamp())


def _meet(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _listed(gaps: Sequence[Gap], exchange: Exchange, now: datetime) -> Iterator[str]:
    """Yield the gaps to the minute, and who could cover."""
    if not gaps:
        yield "No gaps."
        return
    people = exchange.plan.people
    yield f"{len(gaps)} gaps:"
    for gap in gaps:
        able = ", ".join(people[one].name for one in guard.could_cover(exchange, gap, now))
        helps = f"; could cover: {able}" if able else ""
        day, clock = ended(gap.until)
        ends = clock if gap.since.date() == day else f"{day:%a %Y-%m-%d} {clock}"
        yield (
            f"  {SHORT} {gap.name}: {gap.since:%a %Y-%m-%d %H:%M}-{ends}, "
            f"{gap.there} of {gap.required} there{helps}"
        )


def _red(text: str) -> str:
    """The rows about gaps in red."""
    return "\n".join(
        f"{RED}{row}{PLAIN}" if row.startswith(("too few", f"  {SHORT}")) else row
        for row in text.split("\n")
    )


def _without(exchange: Exchange, person: str, since: datetime, until: datetime) -> Exchange:
    """The state if somebody were away."""
    reasons = exchange.plan.reasons_by_name
    away = next(
        name for name in reasons if keeps_calls_away(exchange, Referral(person, name, since, until))
    )
    return fold(exchange, [ReferralSet(person, away, since, until, "", person, at=since)])


def _as_json(gap: Gap, exchange: Exchange, now: datetime) -> dict[str, object]:
    return {
        "of": gap.of,
        "name": gap.name,
        "since": gap.since.isoformat(timespec="minutes"),
        "until": gap.until.isoformat(timespec="minutes"),
        "there": gap.there,
        "required": gap.required,
        "could_cover": list(guard.could_cover(exchange, gap, now)),
    }
