"""`report`: what callers met, in text, JSON, CSV and HTML."""

from __future__ import annotations

import sys
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from pbx_bridge.adapters.journal.store import read_entries
from pbx_bridge.adapters.record import read_calls
from pbx_bridge.cli.options import (
    CONFIG,
    Config,
    State,
    clock_of,
    deployment_of,
    reading,
    show,
    site_of,
)
from pbx_bridge.core import chart, ledger, report
from pbx_bridge.core.figures import Calls
from pbx_bridge.core.grouping import groups

From = Annotated[
    datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day; today.")
]
To = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day; the first.")]


class Format(StrEnum):
    """How a report is written."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("report")(report_of)


def report_of(
    from_: From = None,
    to: To = None,
    format_: Annotated[Format, typer.Option("--format")] = Format.TEXT,
    config: Config = CONFIG,
    state: State = None,
) -> None:
    """Answered, abandoned, untold and waits, from Asterisk's own record (S2, S7, S21)."""
    deployment = deployment_of(config, state)
    site = site_of(deployment)
    plan = site.plan
    now = clock_of(site).now()
    first, last, since, until = period(from_, to, now, plan.organisation.zone)
    with reading(deployment.state) as connection:
        calls = Calls.none() if connection is None else read_calls(connection, since, until)
        entries = [] if connection is None else list(read_entries(connection))
    journal = [entry.event for entry in entries if entry.at < until]
    short = ledger.shortages(journal, since, min(until, now))
    broken = ledger.broken_days(journal, plan, since, until)
    whole, found = report.summarise(calls), groups(calls, plan)
    match format_:
        case Format.TEXT:
            days = f"{first}" if first == last else f"{first} to {last}"
            sys.stdout.write(f"{plan.organisation.title[plan.organisation.language]}, {days}\n")
            sys.stdout.write(report.as_text(whole))
            charts = (chart.bars(by.capitalize(), one) for by, one in found.items() if one)
            sys.stdout.write("\n\n".join(charts) + "\n\n")
            sys.stdout.write(ledger.as_text(short, broken, plan) + "\n")
        case Format.CSV:
            sys.stdout.write(
                report.as_csv({"all": {"all": whole}} | {str(by): one for by, one in found.items()})
            )
        case Format.JSON:
            by = {
                f"by_{by}": {name: report.as_dict(one) for name, one in reports.items()}
                for by, reports in found.items()
            }
            days_ = {"from": str(first), "to": str(last)}
            show({**days_, "all": report.as_dict(whole), **by, **ledger.as_dict(short, broken)})


def period(
    from_: datetime | None, to: datetime | None, now: datetime, zone: ZoneInfo
) -> tuple[date, date, datetime, datetime]:
    """First and last day, and the moments where they begin and end."""
    first = now.date() if from_ is None else from_.date()
    last = first if to is None else to.date()
    if last < first:
        raise typer.BadParameter(f"--to {last} is before --from {first}")
    return first, last, _midnight(first, zone), _midnight(last + timedelta(days=1), zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
