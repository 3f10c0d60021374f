"""What has changed in the technicians' files, for the journal: names and numbers of entries, never
what stands in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from pbx_bridge.core.changes import Summary, summary
from pbx_bridge.core.commands import NotePlan
from pbx_bridge.core.events import PlanChanged
from pbx_bridge.core.model import Plan
from pbx_bridge.core.state import Exchange

MOST_NAMED = 20
"""Of one kind of change; of more only the number is told."""

Sections = Mapping[str, Mapping[str, object]]


def note(command: NotePlan, exchange: Exchange, now: datetime) -> tuple[PlanChanged, ...]:
    """The journal's entry for files that differ from those that were noted last."""
    before, after = exchange.plan_files, command.files
    names = sorted(before.keys() | after.keys())
    changed = tuple(
        f"{name} ({command.owners[name]})" if name in command.owners else f"{name} (gone)"
        for name in names
        if before and before.get(name) != after.get(name)
    )
    if before and not changed:
        return ()
    return (PlanChanged(command.plan, command.files, changed, command.what, command.by, now),)


def between(old: Plan, new: Plan) -> tuple[str, ...]:
    """`people: +114 -103 ~101`: what was added, removed and changed, section by section."""
    return tuple(_differences(_sections(old), _sections(new)))


def since(known: Summary, new: Plan) -> tuple[str, ...]:
    """The same where the old plan isn't there any more, but what was told of it: fewer sections."""
    return tuple(_differences(_of_summary(known), _of_summary(summary(new))))


def _sections(plan: Plan) -> Sections:
    whole = {
        "organisation": plan.organisation,
        "codes": plan.codes,
        "routes": plan.routes,
        "dialling": plan.dialling,
        "limits": plan.limits,
    }
    return {
        "people": plan.people,
        "lines": plan.lines,
        "units": plan.units,
        "hours": plan.schedules,
        "numbers": plan.numbers,
        "reasons": plan.reasons_by_name,
        "trunks": plan.trunks,
        "settings": whole,
    }


def _of_summary(known: Summary) -> Sections:
    return {"people": known.people, "lines": known.members, "hours": known.schedules}


def _differences(old: Sections, new: Sections) -> Iterator[str]:
    for section, after in new.items():
        before = old[section]
        both = before.keys() & after.keys()
        told = [
            *_named("+", after.keys() - before.keys()),
            *_named("-", before.keys() - after.keys()),
            *_named("~", {one for one in both if before[one] != after[one]}),
        ]
        if told:
            yield f"{section}: {' '.join(told)}"


def _named(sign: str, names: set[str]) -> list[str]:
    shown = sorted(names)[:MOST_NAMED]
    more = len(names) - len(shown)
    return [f"{sign}{','.join(shown)}" + (f" and {more} more" if more else "")] if names else []
