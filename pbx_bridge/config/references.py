"""Names that are referred to and must exist: "did you mean …?" where they don't."""

from __future__ import annotations

from collections.abc import Iterator

from pbx_bridge.config.nodes import Place
from pbx_bridge.config.problems import Problem, did_you_mean
from pbx_bridge.config.written import Written

Reference = tuple[str, Place, str, str]
"""File, place in it, the name that stands there, and the catalogue that must know it."""

_ONE = {
    "units": "unit",
    "people": "person with the extension",
    "lines": "line",
    "hours": "hours",
}


def reference_problems(written: Written) -> Iterator[Problem]:
    """Every reference to a name that isn't written anywhere."""
    for file, place, name, catalogue in _references(written):
        known = written.names(catalogue)
        if known is not None and name not in known:
            hint = did_you_mean(name, known, f"write it into {catalogue}.yaml or leave it out")
            what = f'there is no {_ONE[catalogue]} "{name}"'
            yield written.problem(file, place, what, hint)


def _references(written: Written) -> Iterator[Reference]:
    yield from _of_the_organisation(written)
    for name, unit in written.units.items():
        yield "units", (name, "hours"), unit.hours, "hours"
        if unit.working_hours is not None:
            yield "units", (name, "working_hours"), unit.working_hours, "hours"
        if unit.line is not None:
            yield "units", (name, "line"), unit.line, "lines"
    for name, hours in written.hours.items():
        if hours.like is not None:
            yield "hours", (name, "like"), hours.like, "hours"
    yield from _of_people(written)
    yield from _of_lines(written)
    for digits, number in written.numbers.items():
        if number.person is not None:
            yield "numbers", (digits, "person"), number.person, "people"
        if number.line is not None:
            yield "numbers", (digits, "line"), number.line, "lines"
    if written.mailboxes is not None:
        for at, extension in enumerate(written.mailboxes.people):
            yield "mailboxes", ("people", at), extension, "people"
        for line in written.mailboxes.lines:
            yield "mailboxes", ("lines", line), line, "lines"


def _of_the_organisation(written: Written) -> Iterator[Reference]:
    if written.organisation is None:
        return
    yield "organisation", ("switchboard",), written.organisation.switchboard, "lines"
    if written.organisation.head_of_office is not None:
        yield "organisation", ("head_of_office",), written.organisation.head_of_office, "people"
    phone_hours = written.organisation.phone_hours
    if phone_hours is not None:
        yield "organisation", ("phone_hours", "hours"), phone_hours.hours, "hours"


def _of_people(written: Written) -> Iterator[Reference]:
    for extension, person in written.people.items():
        yield "people", (extension, "unit"), person.unit, "units"
        if person.hours is not None:
            yield "people", (extension, "hours"), person.hours, "hours"
        if person.foreman is not None:
            yield "people", (extension, "foreman"), person.foreman, "people"
        for at, deputy in enumerate(person.deputies):
            yield "people", (extension, "deputies", at), deputy.extension, "people"


def _of_lines(written: Written) -> Iterator[Reference]:
    for name, line in written.lines.items():
        yield "lines", (name, "hours"), line.hours, "hours"
        for at, member in enumerate(line.members):
            yield "lines", (name, "members", at), member, "people"
        for at, extension in enumerate(line.backup):
            yield "lines", (name, "backup", at), extension, "people"
        for at, extension in enumerate(line.static):
            yield "lines", (name, "static", at), extension, "people"
        for at, shift in enumerate(line.roster):
            yield "lines", (name, "roster", at, "who"), shift.who, "people"
