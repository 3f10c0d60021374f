"""Hours as they were written: what they inherit, and whether their days can be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import combinations

from pbx_bridge.config import fields
from pbx_bridge.config.circles import circles
from pbx_bridge.config.nodes import Place
from pbx_bridge.config.problems import Problem
from pbx_bridge.config.schema import WEEK, WEEKDAYS, HoursShape, SeasonShape
from pbx_bridge.config.written import Written
from pbx_bridge.core.model import Schedule, Season, Span

SOME_YEARS = range(fields.LEAP_YEAR, fields.LEAP_YEAR + 1)


def schedules(written: Written, years: range) -> dict[str, Schedule]:
    """Every timetable, whole; no circle of `like` may be left in them."""
    return {name: _schedule(name, whole(name, written.hours), years) for name in written.hours}


def whole(name: str, hours: Mapping[str, HoursShape]) -> HoursShape:
    """The hours of that name, with what they take from the one that they are like.

    Written `weekdays` or a `weekend` also stand for the single days of the other.
    """
    own = hours[name]
    if own.like is None or own.like not in hours:
        return own
    written = {key: getattr(own, key) for key in own.model_fields_set}
    for group, days in (("weekdays", WEEK[:WEEKDAYS]), ("weekend", WEEK[WEEKDAYS:])):
        if group in written:
            written = dict.fromkeys(days) | written
    return whole(own.like, hours).model_copy(update=written)


def _schedule(name: str, hours: HoursShape, years: range) -> Schedule:
    days: dict[date, tuple[Span, ...]] = {}
    for text, spans in sorted(hours.days.items(), key=lambda entry: len(entry[0])):
        # every year's 12-24 first, so that 2026-12-24 wins over it
        days.update(dict.fromkeys(fields.days(text, years), spans))
    seasons = [one for entry in hours.seasons.items() for one in _seasons(*entry, years)]
    return Schedule(
        name=name,
        week=hours.week(),
        on_holidays=hours.on_holidays,
        days=days,
        holidays=hours.holidays,
        eves=hours.eves,
        seasons=tuple(seasons),
        lunch=hours.lunch,
    )


def _seasons(name: str, shape: SeasonShape, years: range) -> Iterator[Season]:
    """Yield the season in each year that has it; one over New Year ends in the next."""
    if shape.last is None:
        yield Season(name, fields.day(shape.first), None, shape.week())
        return
    for first in fields.days(shape.first, years):
        lasts = fields.days(shape.last, range(first.year, first.year + 2))
        last = next((one for one in lasts if one >= first), None)
        if last is not None:
            yield Season(name, first, last, shape.week())


def hours_problems(written: Written) -> Iterator[Problem]:
    """Hours that go round in a circle, are never open, or name days that don't exist."""
    round_about: set[str] = set()
    like = {name: one.like for name, one in written.hours.items() if one.like is not None}
    for circle in circles(like):
        round_about |= set(circle)
        what = f"like: {' → '.join(circle)} goes round in a circle"
        hint = "one of them has to be written out"
        yield written.problem("hours", (circle[0], "like"), what, hint)
    for name, hours in written.hours.items():
        for text in hours.days:
            yield from day_problem(written, "hours", (name, "days", text))
        seasons = hours.seasons.items()
        found = [one for entry in seasons for one in _season(written, name, *entry)]
        yield from found
        if not found:
            yield from _overlaps(written, name, hours)
        if not round_about & set(_ancestors(name, like)):
            yield from _never_open(written, name)


def _ancestors(name: str, like: Mapping[str, str]) -> Iterator[str]:
    seen: set[str] = set()
    while name not in seen:
        seen.add(name)
        yield name
        name = like.get(name, name)


def _never_open(written: Written, name: str) -> Iterator[Problem]:
    hours = whole(name, written.hours)
    if not any(hours.week()):
        what = f'hours "{name}" are never open in a usual week'
        yield written.problem("hours", (name,), what, "write weekdays: 8:30-15:30")
    elif hours.lunch and not any(_left(spans, hours.lunch) for spans in hours.week()):
        what = f'hours "{name}" are never open, lunch takes all of them'
        yield written.problem("hours", (name, "lunch"), what, "write a shorter lunch")


def _left(spans: tuple[Span, ...], lunch: tuple[Span, ...]) -> bool:
    """Whether a moment of `spans` is outside `lunch`; midnight as an end is the day's last."""

    def held(one: Span, by: Span) -> bool:
        ends = one.end if one.end > one.start else one.end.max
        return by.start <= one.start and (by.end <= by.start or ends <= by.end)

    return any(not any(held(one, by) for by in lunch) for one in spans)


def _season(written: Written, name: str, title: str, season: SeasonShape) -> Iterator[Problem]:
    place = (name, "seasons", title)
    first, last = season.first, season.last
    if last is None and _yearly(first):
        what = f'"{title}" has no last day'
        hint = "write last: 08-15, or a first day with its year for a change that stays"
        yield written.problem("hours", (*place, "first"), what, hint)
        return
    unread = list(day_problem(written, "hours", (*place, "first"), first))
    if last is not None:
        unread += day_problem(written, "hours", (*place, "last"), last)
    yield from unread
    if last is None or unread:
        return
    if _yearly(first) is not _yearly(last):
        what, hint = f'"{last}" and "{first}" are not of one kind', "write the year in both or none"
        yield written.problem("hours", (*place, "last"), what, hint)
    elif not _yearly(first) and last < first:
        what = f'"{last}" is before "{first}"'
        yield written.problem("hours", (*place, "last"), what, "write a later day")


def _yearly(text: str) -> bool:
    return text.count("-") < len(("month", "day"))


def _overlaps(written: Written, name: str, hours: HoursShape) -> Iterator[Problem]:
    """Of two seasons with an end that share a day it would be chance which one holds."""
    years = range(fields.LEAP_YEAR, fields.LEAP_YEAR + 3)
    held = {title: list(_seasons(title, one, years)) for title, one in hours.seasons.items()}
    for (one, firsts), (other, seconds) in combinations(held.items(), 2):
        shared = any(
            a.last is not None and b.last is not None and a.first <= b.last and b.first <= a.last
            for a in firsts
            for b in seconds
        )
        if shared:
            what = f'"{one}" and "{other}" have days in common'
            hint = "let one end before the other begins"
            yield written.problem("hours", (name, "seasons", other), what, hint)


def day_problem(
    written: Written, file: str, place: Place, text: str | None = None
) -> Iterator[Problem]:
    """A day that doesn't exist; it stands at the end of `place` or is `text`."""
    try:
        fields.days(str(place[-1]) if text is None else text, SOME_YEARS)
    except ValueError as error:
        yield written.problem(file, place, str(error))
