"""Who may call what outside, as it is written: rights and permits (S27)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time

from pbx_bridge.config.nodes import Place
from pbx_bridge.config.problems import Problem
from pbx_bridge.config.schema import PermitShape, PersonShape, UnitShape
from pbx_bridge.config.written import Written
from pbx_bridge.core import permits
from pbx_bridge.core.model import USUAL, Dialling


def may_call(person: PersonShape, unit: UnitShape | None) -> frozenset[str]:
    """What somebody may call: their own, else their unit's, else the usual."""
    of_unit = None if unit is None else unit.may_call
    written = of_unit if person.may_call is None else person.may_call
    return USUAL if written is None else frozenset(written)


def outgoing_problems(written: Written, today: date) -> Iterator[Problem]:
    """Rights and permits that mean nothing, and permits that last too long."""
    if written.trunks is None:
        return
    dialling = written.trunks.dialling.dialling()
    for name, unit in written.units.items():
        yield from _own(written, "units", (name, "may_call"), unit.may_call or (), dialling)
    for name, line in written.lines.items():
        yield from _own(written, "lines", (name, "may_call"), line.may_call, dialling)
    for extension, person in written.people.items():
        place: Place = (extension, "may_call")
        yield from _own(written, "people", place, person.may_call or (), dialling)
        usual = may_call(person, written.units.get(person.unit))
        for at, permit in enumerate(person.permits):
            place = (extension, "permits", at)
            yield from _own(written, "people", (*place, "calls"), permit.calls, dialling)
            yield from _needless(written, (*place, "calls"), permit.calls, usual)
            if permits.is_too_long(_end(permit), _morning(today)):
                what = f"a permit lasts a year at most, {permit.until} is later"
                hint = f"write {permits.last_day(_morning(today))} at the latest"
                yield written.problem("people", (*place, "until"), what, hint)


def outgoing_advice(written: Written, today: date) -> Iterator[Problem]:
    """Permits that are over: an exchange works with them, or it couldn't start the day after."""
    for extension, person in written.people.items():
        for at, permit in enumerate(person.permits):
            if permits.is_over(_end(permit), _morning(today)):
                what = f"the permit of {extension} ended with {permit.until}"
                place = (extension, "permits", at, "until")
                yield written.problem("people", place, what, "take it out, or write a new end")


def caps_advice(written: Written, capped: Iterable[str]) -> Iterator[Problem]:
    """Who has called out as much as may be called already: extensions, "" for all together."""
    for who in capped:
        key, whose = ("person_day", who) if who else ("exchange_hour", "the exchange")
        what = f"{whose} has called out so much already, and may call no more"
        hint = "unless the cap is raised"
        yield written.problem("trunks", ("limits", key), what, hint)


def _end(permit: PermitShape) -> datetime:
    return permits.end_of(permit.until, UTC)


def _morning(today: date) -> datetime:
    return datetime.combine(today, time(), UTC)


def _own(
    written: Written, file: str, place: Place, calls: Sequence[str], dialling: Dialling
) -> Iterator[Problem]:
    for at, one in enumerate(calls):
        if permits.is_own_country(one, dialling):
            what = f"{one} is our own country, whose numbers go by their classes"
            hint = "write geographic, mobile or premium"
            yield written.problem(file, (*place, at), what, hint)


def _needless(
    written: Written, place: Place, calls: Sequence[str], usual: frozenset[str]
) -> Iterator[Problem]:
    for at, one in enumerate(calls):
        if permits.needs_none(one, usual):
            what = f"{one} needs no permit, {place[0]} may call it anyway"
            yield written.problem("people", (*place, at), what, "take it out here")
