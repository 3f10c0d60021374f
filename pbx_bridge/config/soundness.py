"""Whether the plan can be kept: people, phone hours and the switchboard."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from pbx_bridge.config.circles import circles
from pbx_bridge.config.problems import Problem
from pbx_bridge.config.schema import PersonShape
from pbx_bridge.config.written import Written
from pbx_bridge.core.blocks import MOBILE


def soundness_problems(written: Written, today: date) -> Iterator[Problem]:
    """Everything that is well written and still can't work."""
    for extension, person in written.people.items():
        yield from _person(written, extension, person, today)
    yield from _circles(written)
    yield from _phone_hours(written)
    yield from _switchboard(written)


def _person(
    written: Written, extension: str, person: PersonShape, today: date
) -> Iterator[Problem]:
    seen: set[str] = set()
    for at, deputy in enumerate(person.deputies):
        place = (extension, "deputies", at)
        if deputy.extension == extension:
            yield written.problem("people", place, f"{extension} can't be their own deputy")
        elif deputy.extension in seen:
            yield written.problem("people", place, f"deputy {deputy.extension} stands here twice")
        elif deputy.agreed is not None and deputy.agreed > today:
            what = f"deputy {deputy.extension} has not agreed yet, {deputy.agreed} is to come"
            hint = "leave agreed out, then they are asked each time"
            yield written.problem("people", (*place, "agreed"), what, hint)
        seen.add(deputy.extension)
    if MOBILE in person.devices:
        what = f'a device can\'t be called "{MOBILE}", that is the number behind mobile:'
        yield written.problem("people", (extension, "devices", MOBILE), what, "choose another name")
    if person.foreman == extension:
        what = f"{extension} can't be their own foreman"
        yield written.problem("people", (extension, "foreman"), what, "leave it out at the top")


def _circles(written: Written) -> Iterator[Problem]:
    foremen = {
        extension: person.foreman
        for extension, person in written.people.items()
        if person.foreman is not None and person.foreman != extension
    }
    for circle in circles(foremen):
        what = f"foreman: {' → '.join(circle)} goes round in a circle"
        hint = "somebody has to be at the top"
        yield written.problem("people", (circle[0], "foreman"), what, hint)


def _phone_hours(written: Written) -> Iterator[Problem]:
    """The same time in the whole municipality, unless somebody has approved of another (S24)."""
    common = written.organisation.phone_hours if written.organisation else None
    if written.organisation is None:
        return
    for name, line in written.lines.items():
        if not line.phone_hours:
            continue
        differs = common is not None and line.hours != common.hours
        if common is None:
            what = f'line "{name}" has phone hours and the municipality has none'
            hint = "write phone_hours: into organisation.yaml"
            yield written.problem("lines", (name, "phone_hours"), what, hint)
        elif line.hours in written.hours and line.approved_by is None and differs:
            what = f'the phone hours of line "{name}" are "{line.hours}", not "{common.hours}"'
            hint = "take the municipality's, or write approved_by: and who has agreed"
            yield written.problem("lines", (name, "hours"), what, hint)
        if not line.attended:
            what = f'line "{name}" has phone hours, which are never unattended'
            yield written.problem("lines", (name, "attended"), what, "write attended: true")


def _switchboard(written: Written) -> Iterator[Problem]:
    name = written.organisation.switchboard if written.organisation else ""
    line = written.lines.get(name)
    if line is not None and not line.attended:
        what = "the switchboard has to be attended, calls that reach nobody else end there"
        yield written.problem("lines", (name, "attended"), what, "write attended: true")
