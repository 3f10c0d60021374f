"""Whether lines and units can be staffed as they were written (S5, S17, S18)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pbx_bridge.config.problems import Problem, did_you_mean
from pbx_bridge.config.schema import LineShape, RaisedShape
from pbx_bridge.config.written import Written


def staffing_problems(written: Written) -> Iterator[Problem]:
    """Lines and units that nobody could attend, or too few."""
    for name, line in written.lines.items():
        yield from _members(written, name, line)
        yield from _backups(written, name, line)
        yield from _roster(written, name, line)
        yield from _minimum(written, "lines", name, line.minimum, line.raised, len(line.members))
        known = {number.line for number in written.numbers.values()}
        if name not in known and "numbers" not in written.unread:
            hint = f"write one into numbers.yaml, {{line: {name}}}"
            yield written.problem("lines", (name,), f'no number leads to line "{name}"', hint)
    if len(written.people) < len(written.names("people") or ()) or "people" in written.unread:
        return  # somebody who couldn't be read may belong to the unit
    for name, unit in written.units.items():
        staff = sum(person.unit == name for person in written.people.values())
        if not staff:
            hint = "give somebody this unit in people.yaml or take it out"
            what = f'nobody works in unit "{name}", its opening hours can\'t be kept'
            yield written.problem("units", (name,), what, hint)
        else:
            yield from _minimum(written, "units", name, unit.minimum, unit.raised, staff)


def _members(written: Written, name: str, line: LineShape) -> Iterator[Problem]:
    if line.attended and not line.members:
        what = f'line "{name}" is attended and has no members'
        yield written.problem("lines", (name, "members"), what, "write who may attend it")
    elif line.attended and not (line.signed_in or line.static or line.roster):
        what = f'nobody attends line "{name}" in a new exchange'
        hint = "write one of its members under signed_in, static or roster"
        yield written.problem("lines", (name, "signed_in"), what, hint)
    for key, extensions in (
        ("members", line.members),
        ("signed_in", line.signed_in),
        ("static", line.static),
        ("backup", line.backup),
    ):
        for at, extension in enumerate(extensions):
            if key != "backup" and extension not in line.members:
                what = f'{extension} is {key} on line "{name}" and is not a member of it'
                hint = did_you_mean(extension, line.members, "write them under members too")
                yield written.problem("lines", (name, key, at), what, hint)
            if extension in extensions[:at]:
                yield written.problem("lines", (name, key, at), f"{extension} stands here twice")


def _backups(written: Written, name: str, line: LineShape) -> Iterator[Problem]:
    if not line.backup:
        hint = "write the extensions of those who are rung when nobody answers"
        yield written.problem("lines", (name, "backup"), f'line "{name}" has no backup', hint)
        return
    if line.overflow_seconds >= line.wait_seconds:
        written_key = "overflow_seconds" in line.model_fields_set
        key = "overflow_seconds" if written_key else "wait_seconds"
        after = f"the backup would ring after {line.overflow_seconds} s"
        what = f"callers wait {line.wait_seconds} s, {after}"
        yield written.problem("lines", (name, key), what, "write a smaller overflow_seconds")
    last = written.people.get(line.backup[-1])
    if line.attended and last is not None and not last.always_answers:
        place = (name, "backup", len(line.backup) - 1)
        what = f'the last backup of line "{name}", {line.backup[-1]}, may be away'
        hint = "end with a phone that is staffed day and night, always_answers: true (people.yaml)"
        yield written.problem("lines", place, what, hint)


def _roster(written: Written, name: str, line: LineShape) -> Iterator[Problem]:
    for at, shift in enumerate(line.roster):
        place = (name, "roster", at)
        if shift.who not in line.members:
            what = f'{shift.who} is on the roster of line "{name}" and is not a member of it'
            hint = did_you_mean(shift.who, line.members, "write them under members too")
            yield written.problem("lines", (*place, "who"), what, hint)
        if shift.every > 1 and shift.first is None:
            what = f"every: {shift.every} weeks, from which on?"
            hint = "write first: and a day of the first of these weeks"
            yield written.problem("lines", (*place, "every"), what, hint)
        if shift.first is not None and shift.last is not None and shift.last < shift.first:
            what = f'"{shift.last}" is before "{shift.first}"'
            yield written.problem("lines", (*place, "last"), what, "write a later day")


def _minimum(
    written: Written,
    file: str,
    name: str,
    minimum: int,
    raised: Mapping[str, RaisedShape],
    staff: int,
) -> Iterator[Problem]:
    if minimum > max(staff, 1):
        what = f"at least {minimum} have to be there, and there are {staff} in all"
        yield written.problem(file, (name, "minimum"), what, "write a smaller number")
    for title, one in raised.items():
        place = (name, "raised", title)
        if one.last < one.first:
            what = f'"{one.last}" is before "{one.first}"'
            yield written.problem(file, (*place, "last"), what, "write a later day")
        if not minimum < one.minimum <= staff:
            what = f"{one.minimum} is not more than the usual {minimum}, or more than all {staff}"
            hint = "write a number between them"
            yield written.problem(file, (*place, "minimum"), what, hint)
