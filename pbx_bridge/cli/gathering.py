"""Everything that is said of a period, read from journal and record and folded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from pbx_bridge.adapters.journal.store import read_entries
from pbx_bridge.adapters.record import read_abroad, read_calls, read_minutes, read_people
from pbx_bridge.cli.options import clock_of, passed_over, reading
from pbx_bridge.config.site import Site
from pbx_bridge.core import compliance, ledger, permits, report, returning
from pbx_bridge.core.events import BridgeStarted, CapPassed, DataRead, Decided
from pbx_bridge.core.figures import Calls
from pbx_bridge.core.folding import fold, fresh, under
from pbx_bridge.core.grouping import By, groups
from pbx_bridge.core.model import Plan
from pbx_bridge.core.report import Report

From = Annotated[
    datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day; today.")
]
To = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day; the first.")]


UNREAD = (Decided, DataRead, BridgeStarted)
"""Kinds of the journal that no figure needs: most of it."""


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
    permits: tuple[permits.Given, ...]
    """Those that held in the period (S27)."""
    now: datetime

    @property
    def caps(self) -> tuple[CapPassed, ...]:
        """When nothing more was carried, as too much had been called (S27)."""
        found = (one for one in self.facts.events if isinstance(one, CapPassed))
        return tuple(one for one in found if one.reached)

    @property
    def clauses(self) -> tuple[compliance.Row, ...]:
        """The policy, clause by clause."""
        return compliance.clauses(self.facts)


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
        named = ((name_of(who, plan), one) for who, one in by_person.items())
        found[By.PERSON] = {name: report.summarise(one) for name, one in named}
    given = permits.given(plan, journal, since, until)
    return Found(when, plan, facts, found, minutes, report.summarise(earlier), given, now)


def period(from_: datetime | None, to: datetime | None, now: datetime, zone: ZoneInfo) -> Period:
    """First and last day, and the moments where they begin and end."""
    first = now.date() if from_ is None else from_.date()
    last = first if to is None else to.date()
    if last < first:
        raise typer.BadParameter(f"--to {last} is before --from {first}")
    return Period(first, last, _midnight(first, zone), _midnight(last + timedelta(days=1), zone))


def name_of(extension: str, plan: Plan) -> str:
    """A person's name; the extension of somebody who has left the plan."""
    return plan.people[extension].name if extension in plan.people else extension


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
