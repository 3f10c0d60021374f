"""Shifts: weeks, nights, clock changes (S3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, time, timedelta

import pytest
from core.plans import PLAN, at

from pbx_bridge.core.model import Shift, Span
from pbx_bridge.core.roster import has_day, on_shift, spans

NIGHTS = ((Span(time(22), time(6)),),) * 7
OFFICE = ((Span(time(8), time(12)),),) * 5 + ((),) * 2
SECOND_WEEKS = Shift("110", first=date(2026, 11, 25), every=2)


@pytest.mark.parametrize(
    ("day", "has"),
    [
        ("2026-11-24", False),  # the day before the first
        ("2026-11-25", True),
        ("2026-11-29", True),
        ("2026-11-30", False),
        ("2026-12-07", True),
        ("2026-12-21", True),
        ("2026-12-28", False),  # week 53 of 2026
        ("2027-01-04", True),
    ],
)
def test_every_second_week_goes_on_over_a_year_of_53_weeks(day: str, has: bool) -> None:
    assert has_day(SECOND_WEEKS, date.fromisoformat(day)) is has


def test_the_last_day_is_included() -> None:
    shift = Shift("101", first=date(2026, 3, 2), last=date(2026, 3, 4))
    held = [date(2026, 3, day) for day in range(1, 7) if has_day(shift, date(2026, 3, day))]
    assert held == [date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)]
    assert has_day(Shift("101", last=date(2026, 3, 4)), date(2020, 1, 1))
    assert not has_day(Shift("101", last=date(2026, 3, 4)), date(2026, 3, 5))


@pytest.mark.parametrize(
    ("moment", "who"),
    [
        ("2026-03-03 07:59", ("102",)),
        ("2026-03-03 08:00", ("101", "102")),
        ("2026-03-03 11:59", ("101", "102")),
        ("2026-03-03 12:00", ("102",)),
        ("2026-03-07 09:00", ("102",)),  # Saturday: no hours of 101
        ("2026-03-08 23:59", ("102",)),
        ("2026-03-09 00:00", ()),  # the week after is not 102's
    ],
)
def test_who_is_on_duty(moment: str, who: tuple[str, ...]) -> None:
    roster = (Shift("101", OFFICE), Shift("102", None, date(2026, 3, 2), every=2))
    line = replace(PLAN.lines["bygglov"], roster=roster)
    assert on_shift(line, PLAN, at(moment)) == who


def test_f31_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    line = replace(PLAN.lines["jour"], roster=(Shift("110", NIGHTS, last=date(2026, 3, 3)),))
    assert on_shift(line, PLAN, at("2026-03-04 05:59")) == ("110",)
    assert on_shift(line, PLAN, at("2026-03-04 06:00")) == ()
    assert on_shift(line, PLAN, at("2026-03-04 22:00")) == ()


@pytest.mark.parametrize(("day", "hours"), [(date(2027, 3, 27), 7), (date(2026, 10, 24), 9)])
def test_f29_a_night_with_a_clock_change_is_an_hour_shorter_or_longer(
    day: date, hours: int
) -> None:
    [night] = spans(Shift("110", NIGHTS), PLAN, day, day)
    assert night.end.astimezone(UTC) - night.start.astimezone(UTC) == timedelta(hours=hours)
