"""A report as text with bars, as JSON, as CSV, and as a page that prints."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from datetime import timedelta

from jinja2 import Environment, PackageLoader, StrictUndefined

from pbx_bridge.cli.gathering import Found, name_of
from pbx_bridge.core import chart, compliance, ledger, report
from pbx_bridge.core.grouping import By
from pbx_bridge.core.inert import cell, shown
from pbx_bridge.core.model import Permit

MINUTE = timedelta(minutes=1)


def as_text(found: Found) -> str:
    """The whole report, with bars."""
    facts, returns = found.facts, found.facts.returns
    charts = [chart.bars(by.capitalize(), one) for by, one in found.groups.items() if one]
    minutes = [
        f"  {name_of(who, found.plan):<24} {month}  {spent:6.1f} min"
        for who, months in sorted(found.minutes.items())
        for month, spent in sorted(months.items())
    ]
    returned = (
        f"Returns due           {returns.opened}: {returns.in_time} in time, {returns.late} late, "
        f"{returns.overdue} open (promises: {returns.promised}, {returns.promises_late} not kept)"
    )
    parts = [
        f"{title(found)}\n{report.as_text(facts.calls)}{_trend(found)}",
        *charts,
        ledger.as_text(facts.short, facts.broken, found.plan),
        returned,
        "\n".join(["Outgoing minutes", *(minutes or ["  none"])]),
        "\n".join(["Permits", *(map(_permit, found.permits)), f"  {len(found.caps)} caps reached"]),
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
        **days(found),
        "all": report.as_dict(facts.calls),
        "before": report.as_dict(found.before),
        **by,
        **ledger.as_dict(facts.short, facts.broken),
        "returns": asdict(facts.returns),
        "outgoing_minutes": {
            who: {month: round(spent, 2) for month, spent in months.items()}
            for who, months in found.minutes.items()
        },
        "permits": [
            {
                "person": one.person,
                "calls": list(one.calls),
                "until": one.until.isoformat(timespec="minutes"),
                "approved_by": one.approved_by,
                "by": one.by or "plan",
            }
            for one in found.permits
        ],
        "caps_reached": [
            {"person": one.person or "all", "at": one.at.isoformat(timespec="seconds")}
            for one in found.caps
        ],
        "clauses": compliance.as_dict(found.clauses),
    }


def _permit(permit: Permit) -> str:
    calls, until = ", ".join(permit.calls), permit.until.isoformat(" ", timespec="minutes")
    who = shown(permit.approved_by)
    return f"  {permit.person:<6} {calls:<18} until {until}, approved by {who}"


def as_csv(found: Found) -> str:
    """A row a group and a column a figure: those of calls, then those beside calls, which only the
    whole, the lines and the subscriptions have (minutes are of their worst month)."""
    facts, returns = found.facts, found.facts.returns
    beside: dict[tuple[str, str], dict[str, float]] = {}

    def add(by: str, group: str, **values: float) -> None:
        held = beside.setdefault((by, group), {})
        for name, value in values.items():
            held[name] = held.get(name, 0) + value

    add(
        *("all", "all"),
        too_few_s=0,
        broken_min=0,
        repaid_min=0,
        owed_min=0,
        returns_due=returns.opened,
        returns_in_time=returns.in_time,
        returns_late=returns.late,
        returns_open=returns.overdue,
        promises=returns.promised,
        promises_late=returns.promises_late,
        referrals_without_end=_figure(found, "S8"),
        outgoing_min=0,
    )
    for short in facts.short:
        for by, group in (("all", "all"), (By.LINE, short.line)):
            add(by, group, too_few_s=short.seconds)
    for day in facts.broken:
        for by, group in (("all", "all"), (By.LINE, day.line)):
            broken, repaid, owed = (one / MINUTE for one in (day.broken, day.repaid, day.owed))
            add(by, group, broken_min=broken, repaid_min=repaid, owed_min=owed)
    for who, months in found.minutes.items():
        add("all", "all", outgoing_min=sum(months.values()))
        add("subscription", name_of(who, found.plan), outgoing_min=max(months.values()))
    named = {str(by): one for by, one in found.groups.items()}
    return report.as_csv({"all": {"all": facts.calls}, **named}, beside)


def _figure(found: Found, clause: str) -> float:
    return next(one.figure or 0 for one in found.clauses if one.clause == clause)


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
    return page.render(found=found, title=title(found), most=most)


def clauses_csv(rows: tuple[compliance.Row, ...]) -> str:
    """The policy, a row a clause."""
    text = io.StringIO()
    written = csv.writer(text)
    written.writerow(["clause", "about", "status", "figure", "unit", "query"])
    for one in rows:
        figure = "" if one.figure is None else f"{one.figure:g}"
        texts = [cell(part) for part in (one.unit, one.query)]
        written.writerow([one.clause, cell(one.about), str(one.status), figure, *texts])
    return text.getvalue()


def days(found: Found) -> dict[str, object]:
    """The period for JSON."""
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


def title(found: Found) -> str:
    """Whose report it is, and of when."""
    organisation = found.plan.organisation
    return f"{organisation.title[organisation.language]}, {found.period}"
