"""`report` and `compliance`: what callers met, and what the policy says of it."""

from __future__ import annotations

import csv
import getpass
import io
import sys
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from jinja2 import Environment, PackageLoader, StrictUndefined

from pbx_bridge.adapters.journal.store import read_entries
from pbx_bridge.adapters.record import read_abroad, read_calls, read_minutes, read_people
from pbx_bridge.cli.options import (
    CONFIG,
    Config,
    State,
    clock_of,
    deployment_of,
    note_reading,
    passed_over,
    reading,
    show,
    site_of,
)
from pbx_bridge.config.site import Site
from pbx_bridge.core import chart, compliance, ledger, report, returning
from pbx_bridge.core.events import BridgeStarted, DataRead, Decided
from pbx_bridge.core.figures import Calls
from pbx_bridge.core.folding import fold, fresh, under
from pbx_bridge.core.grouping import By, groups
from pbx_bridge.core.inert import cell
from pbx_bridge.core.model import Plan
from pbx_bridge.core.report import Report
from pbx_bridge.ports import PbxRejected

From = Annotated[
    datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day; today.")
]
To = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day; the first.")]


UNREAD = (Decided, DataRead, BridgeStarted)
"""Kinds of the journal that no figure needs: most of it."""


class Format(StrEnum):
    """How a report is written."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"
    HTML = "html"


FormatOption = Annotated[
    Format, typer.Option("--format", help="html is one page that prints well, also to PDF.")
]


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days."""

    first: date
    last: date
    since: datetime
    until: datetime

    @property
    def before(self) -> datetime:
        """The beginning of as many days before."""
        day = self.first - (self.last - self.first) - timedelta(days=1)
        return datetime.combine(day, time(), self.since.tzinfo)

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that is said of a period."""

    period: Period
    plan: Plan
    facts: compliance.Facts
    groups: dict[By, dict[str, Report]]
    minutes: dict[str, dict[str, float]]
    """By extension and month."""
    before: Report
    """The same figures of as many days before: the trend."""

    @property
    def clauses(self) -> tuple[compliance.Row, ...]:
        """The policy, clause by clause."""
        return compliance.clauses(self.facts)


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("report")(report_of)
    app.command("compliance")(compliance_of)


def report_of(
    from_: From = None,
    to: To = None,
    format_: FormatOption = Format.TEXT,
    people: Annotated[
        bool, typer.Option("--people", help="Who answered how fast; for who may see it.")
    ] = False,
    why: Annotated[str, typer.Option("--why", help="Why it is read; it is journaled.")] = "",
    config: Config = CONFIG,
    state: State = None,
) -> None:
    """Answered, abandoned, untold and waits, from Asterisk's own record (S2, S7, S21)."""
    site = site_of(deployment_of(config, state))
    if people:
        user, may = getpass.getuser(), site.deployment.privacy.may_see_people
        if user not in may:
            raise PbxRejected(
                f"{user} may not see figures of single people; config.yaml names who may, under "
                "privacy: may_see_people"
            )
    found = gather(site, from_, to, people=people)
    what = "report of people" if people else "report"
    note_reading(site, f"{what} {found.period}", why or ("" if people else what))
    match format_:
        case Format.TEXT:
            sys.stdout.write(as_text(found))
        case Format.CSV:
            named = {str(by): one for by, one in found.groups.items()}
            sys.stdout.write(report.as_csv({"all": {"all": found.facts.calls}, **named}))
        case Format.JSON:
            show(as_dict(found))
        case Format.HTML:
            sys.stdout.write(as_html(found))


def compliance_of(
    from_: From = None,
    to: To = None,
    format_: FormatOption = Format.TEXT,
    config: Config = CONFIG,
    state: State = None,
) -> None:
    """The policy clause by clause: met, not met or not measured, and by which figure (S2)."""
    site = site_of(deployment_of(config, state))
    found = gather(site, from_, to)
    note_reading(site, f"compliance {found.period}", "compliance")
    match format_:
        case Format.TEXT:
            sys.stdout.write(f"{_title(found)}\n{compliance.as_text(found.clauses)}\n")
        case Format.CSV:
            sys.stdout.write(_clauses_csv(found.clauses))
        case Format.JSON:
            show(_days(found) | {"clauses": compliance.as_dict(found.clauses)})
        case Format.HTML:
            sys.stdout.write(as_html(found))


def gather(
    site: Site, from_: datetime | None, to: datetime | None, *, people: bool = False
) -> Found:
    """Read journal and record, and fold them."""
    plan, now = site.plan, clock_of(site).now()
    when = period(from_, to, now, plan.organisation.zone)
    since, until = when.since, when.until
    with reading(site.deployment.state) as connection:
        if connection is None:
            calls = earlier = Calls.none()
            entries, minutes, abroad, by_person = [], {}, 0, {}
        else:
            calls = read_calls(connection, since, until)
            earlier = read_calls(connection, when.before, since)
            entries = list(read_entries(connection, unreadable=passed_over(), without=UNREAD))
            minutes = read_minutes(connection, since, until, plan.organisation.zone)
            abroad = read_abroad(connection, since, until)
            by_person = read_people(connection, since, until) if people else {}
    journal = [entry.event for entry in entries if entry.at < until]
    exchange = under(plan, fold(fresh(plan), (entry.event for entry in entries)))
    facts = compliance.Facts(
        plan=plan,
        events=[entry.event for entry in entries if since <= entry.at < until],
        calls=report.summarise(calls),
        short=ledger.shortages(journal, since, min(until, now)),
        broken=ledger.broken_days(journal, plan, since, until),
        returns=returning.kept(journal, exchange.returns.values(), since, min(until, now)),
        minutes={who: max(months.values()) for who, months in minutes.items()},
        abroad=abroad,
    )
    found = {by: dict(one) for by, one in groups(calls, plan).items()}
    if people:
        named = ((_name(who, plan), one) for who, one in by_person.items())
        found[By.PERSON] = {name: report.summarise(one) for name, one in named}
    return Found(when, plan, facts, found, minutes, report.summarise(earlier))


def period(from_: datetime | None, to: datetime | None, now: datetime, zone: ZoneInfo) -> Period:
    """First and last day, and the moments where they begin and end."""
    first = now.date() if from_ is None else from_.date()
    last = first if to is None else to.date()
    if last < first:
        raise typer.BadParameter(f"--to {last} is before --from {first}")
    return Period(first, last, _midnight(first, zone), _midnight(last + timedelta(days=1), zone))


def as_text(found: Found) -> str:
    """The whole report, with bars."""
    facts, returns = found.facts, found.facts.returns
    charts = [chart.bars(by.capitalize(), one) for by, one in found.groups.items() if one]
    minutes = [
        f"  {_name(who, found.plan):<24} {month}  {spent:6.1f} min"
        for who, months in sorted(found.minutes.items())
        for month, spent in sorted(months.items())
    ]
    returned = (
        f"Returns due           {returns.opened}: {returns.in_time} in time, {returns.late} late, "
        f"{returns.overdue} open (promises: {returns.promised}, {returns.promises_late} not kept)"
    )
    parts = [
        f"{_title(found)}\n{report.as_text(facts.calls)}{_trend(found)}",
        *charts,
        ledger.as_text(facts.short, facts.broken, found.plan),
        returned,
        "\n".join(["Outgoing minutes", *(minutes or ["  none"])]),
        compliance.as_text(found.clauses),
    ]
    return "\n\n".join(parts) + "\n"


def as_dict(found: Found) -> dict[str, object]:
    """The whole report for programs."""
    facts = found.facts
    by = {
        f"by_{by}": {name: report.as_dict(one) for name, one in reports.items()}
        for by, reports in found.groups.items()
    }
    return {
        **_days(found),
        "all": report.as_dict(facts.calls),
        "before": report.as_dict(found.before),
        **by,
        **ledger.as_dict(facts.short, facts.broken),
        "returns": asdict(facts.returns),
        "outgoing_minutes": {
            who: {month: round(spent, 2) for month, spent in months.items()}
            for who, months in found.minutes.items()
        },
        "clauses": compliance.as_dict(found.clauses),
    }


def as_html(found: Found) -> str:
    """The whole report as one page, without anything from elsewhere."""
    pages = Environment(
        loader=PackageLoader("pbx_bridge.cli", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    most = {
        by: max((one.offered for one in reports.values()), default=1)
        for by, reports in found.groups.items()
    }
    page = pages.get_template("report.html.j2")
    return page.render(found=found, title=_title(found), most=most)


def _clauses_csv(rows: tuple[compliance.Row, ...]) -> str:
    text = io.StringIO()
    written = csv.writer(text)
    written.writerow(["clause", "about", "status", "figure", "unit", "query"])
    for one in rows:
        figure = "" if one.figure is None else f"{one.figure:g}"
        texts = [cell(part) for part in (one.unit, one.query)]
        written.writerow([one.clause, cell(one.about), str(one.status), figure, *texts])
    return text.getvalue()


def _days(found: Found) -> dict[str, object]:
    return {"from": str(found.period.first), "to": str(found.period.last)}


def _trend(found: Found) -> str:
    """What has changed since as many days before."""
    now, before = found.facts.calls, found.before
    level = "–" if before.service_level is None else f"{before.service_level * 100:.0f} %"
    wait = "–" if before.wait_mean_s is None else f"{before.wait_mean_s:.1f} s"
    days, more = f"{found.period.before:%Y-%m-%d}", now.offered - before.offered
    return (
        f"As many days before (from {days}): {before.offered} calls ({more:+}), {level} in target, "
        f"mean wait {wait}, {before.untold} untold"
    )


def _title(found: Found) -> str:
    organisation = found.plan.organisation
    return f"{organisation.title[organisation.language]}, {found.period}"


def _name(extension: str, plan: Plan) -> str:
    return plan.people[extension].name if extension in plan.people else extension


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
