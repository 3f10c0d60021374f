"""Whether the plan can be kept: people, lines, units, reasons and hours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from pbx_bridge.config.problems import Problem, did_you_mean
from pbx_bridge.config.schema import LineShape, PersonShape
from pbx_bridge.config.written import Written

_HEALTH = re.compile(
    r"\b(sjuk|sair|flunss|sick|ill\b|illness|läkar|lääkär|doctor|vab\b)", re.IGNORECASE
)
"""What a caller is never told, whatever the reason is called (health data)."""


def soundness_problems(written: Written) -> Iterator[Problem]:
    """Everything that is well written and still can't work."""
    for extension, person in written.people.items():
        yield from _person(written, extension, person)
    yield from _circles(written)
    for name, line in written.lines.items():
        yield from _line(written, name, line)
    yield from _switchboard(written)
    yield from _units(written)
    yield from _hours(written)
    yield from _reasons(written)


def _person(written: Written, extension: str, person: PersonShape) -> Iterator[Problem]:
    seen: set[str] = set()
    for at, deputy in enumerate(person.deputies):
        place = (extension, "deputies", at)
        if deputy.extension == extension:
            yield written.problem("people", place, f"{extension} can't be their own deputy")
        elif deputy.extension in seen:
            yield written.problem("people", place, f"deputy {deputy.extension} stands here twice")
        elif deputy.agreed is None:
            what = f"deputy {deputy.extension} has not agreed to take the calls of {extension}"
            hint = 'ask them and write the day they said yes as "agreed: 2026-01-12"'
            yield written.problem("people", place, what, hint)
        seen.add(deputy.extension)
    if person.foreman == extension:
        what = f"{extension} can't be their own foreman"
        yield written.problem("people", (extension, "foreman"), what, "leave it out at the top")


def _circles(written: Written) -> Iterator[Problem]:
    deputies = {
        extension: [one.extension for one in person.deputies]
        for extension, person in written.people.items()
    }
    foremen = {
        extension: [person.foreman] if person.foreman else []
        for extension, person in written.people.items()
    }
    for key, graph in (("deputies", deputies), ("foreman", foremen)):
        for circle in circles(graph):
            what = f"{key}: {' → '.join(circle)} goes round in a circle"
            hint = "take one of them out, or calls would never end"
            if key == "foreman":
                hint = "somebody has to be at the top"
            yield written.problem("people", (circle[0], key), what, hint)


def circles(graph: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    """Ways in `graph` that come back to where they began, each `[a, b, …, a]`.

    One circle is told for each link that has to be cut. Links to oneself are not told.
    """
    links = {one: [to for to in others if to != one] for one, others in graph.items()}
    while True:
        try:
            TopologicalSorter(links).prepare()
        except CycleError as error:
            circle: list[str] = error.args[1][::-1][:-1]
            first = circle.index(min(circle))
            circle = circle[first:] + circle[:first]
            yield [*circle, circle[0]]
            links[circle[-1]].remove(circle[0])
        else:
            return


def _line(written: Written, name: str, line: LineShape) -> Iterator[Problem]:
    if line.attended and not line.members:
        what = f'line "{name}" is attended and has no members'
        yield written.problem("lines", (name, "members"), what, "write who may attend it")
    elif line.attended and not line.signed_in:
        what = f'nobody attends line "{name}" in a new exchange'
        hint = "write one of its members under signed_in"
        yield written.problem("lines", (name, "signed_in"), what, hint)
    for at, extension in enumerate(line.signed_in):
        if extension not in line.members:
            what = f'{extension} is signed in on line "{name}" and is not a member of it'
            hint = did_you_mean(extension, line.members, "write them under members too")
            yield written.problem("lines", (name, "signed_in", at), what, hint)
    for key, extensions in (("members", line.members), ("signed_in", line.signed_in)):
        for at, extension in enumerate(extensions):
            if extension in extensions[:at]:
                yield written.problem("lines", (name, key, at), f"{extension} stands here twice")
    if line.backup is None:
        hint = "write the extension of somebody who is rung when nobody answers"
        yield written.problem("lines", (name, "backup"), f'line "{name}" has no backup', hint)
    known = {number.line for number in written.numbers.values()}
    if name not in known and "numbers" not in written.unread:
        hint = f"write one into numbers.yaml, {{line: {name}}}"
        yield written.problem("lines", (name,), f'no number leads to line "{name}"', hint)


def _switchboard(written: Written) -> Iterator[Problem]:
    name = written.organisation.switchboard if written.organisation else ""
    line = written.lines.get(name)
    if line is not None and not line.attended:
        what = "the switchboard has to be attended, calls that reach nobody else end there"
        yield written.problem("lines", (name, "attended"), what, "write attended: true")


def _units(written: Written) -> Iterator[Problem]:
    if len(written.people) < len(written.names("people") or ()) or "people" in written.unread:
        return  # somebody who couldn't be read may belong to the unit
    staffed = {person.unit for person in written.people.values()}
    for name in written.units:
        if name not in staffed:
            hint = "give somebody this unit in people.yaml or take it out"
            what = f'nobody works in unit "{name}", its opening hours can\'t be kept'
            yield written.problem("units", (name,), what, hint)


def _hours(written: Written) -> Iterator[Problem]:
    for name, hours in written.hours.items():
        if not any(hours.week()):
            what = f'hours "{name}" are never open in a usual week'
            yield written.problem("hours", (name,), what, "write weekdays: 8:30-15:30")


def _reasons(written: Written) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for digit, reason in written.reasons.items():
        if reason.name in first:
            what = f'reason "{reason.name}" has the digit {first[reason.name]} already'
            yield written.problem("reasons", (digit, "name"), what)
        first.setdefault(reason.name, digit)
        for language, text in reason.public.items():
            if _HEALTH.search(text):
                what = f'"{text}" tells callers about somebody\'s health'
                hint = "write that they are away"
                yield written.problem("reasons", (digit, "public", language.value), what, hint)
