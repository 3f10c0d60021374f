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
from pbx_bridge.core.permits import is_over
from pbx_bridge.core.wording import until

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
        "\n".join(["Permits", *(permits_told(found) or ["  none"])]),
        "\n".join(["Caps of calls out reached", *(caps_told(found) or ["  none"])]),
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
                "person": one.permit.person,
                "calls": list(one.permit.calls),
                "until": one.permit.until.isoformat(timespec="minutes"),
                "approved_by": one.permit.approved_by,
                "by": one.permit.by or "plan",
                "ended": is_over(one.ends, found.now),
                "revoked": None
                if one.revoked is None
                else {"at": one.revoked.at.isoformat(timespec="minutes"), "by": one.revoked.by},
            }
            for one in found.permits
        ],
        "caps_reached": [
            {"person": one.person or "all", "at": one.at.isoformat(timespec="seconds")}
            for one in found.caps
        ],
        "clauses": compliance.as_dict(found.clauses),
    }


def permits_told(found: Found) -> list[str]:
    """A row for each permit: whose, for what, how it ended or when it does, and who has agreed."""
    zone = found.plan.organisation.zone
    rows = []
    for one in found.permits:
        permit, end = one.permit, until(one.ends, zone)
        if one.revoked is not None:
            how = f"taken back {end} by {shown(name_of(one.revoked.by, found.plan))}"
        else:
            how = f"{'ended' if is_over(one.ends, found.now) else 'until'} {end}"
        name, calls = name_of(permit.person, found.plan), ", ".join(permit.calls)
        rows.append(f"  {name:<24} {calls:<18} {how}, approved by {shown(permit.approved_by)}")
    return rows


def caps_told(found: Found) -> list[str]:
    """A row for each time when nothing more was carried."""
    zone = found.plan.organisation.zone
    return [
        f"  {_whose(one.person, found):<24} {one.at.astimezone(zone):%Y-%m-%d %H:%M}, "
        f"barred until {until(one.until, zone)}"
        for one in found.caps
    ]


def _whose(person: str, found: Found) -> str:
    return name_of(person, found.plan) if person else "all"


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
        permits=len(found.permits),
        caps_reached=len(found.caps),
    )
    for given in found.permits:
        add("subscription", name_of(given.permit.person, found.plan), permits=1)
    for cap in found.caps:
        if cap.person:
            add("subscription", name_of(cap.person, found.plan), caps_reached=1)
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
    out = {"Permits": permits_told(found), "Caps of calls out reached": caps_told(found)}
    return page.render(found=found, title=title(found), most=most, out=out)


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
