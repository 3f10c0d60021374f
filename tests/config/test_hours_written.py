"""Hours as technicians write them: inherited, seasonal, planned ahead; and what is refused."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

import pytest
from config.copies import TODAY, Change, told

from pbx_bridge.config.plan import load_plan
from pbx_bridge.core.hours import Cause, Reason, day_of
from pbx_bridge.core.model import Span

SUMMER = "    sommar: {first: 06-08, last: 08-10, weekdays: 9:00-12:00}\n"
OFFICE = "  weekdays: 8:30-15:30\n  lunch: 12:00-13:00\n"


def span(text: str) -> Span:
    start, end = (time.fromisoformat(f"{one:0>5}") for one in text.split("-"))
    return Span(start, end)


@pytest.mark.parametrize(
    ("day", "hours", "reason"),
    [
        (date(2026, 3, 3), "8:30-15:30", Reason(Cause.WEEK)),
        (date(2026, 6, 10), "9:00-12:00", Reason(Cause.SEASON, "sommar")),
        (date(2026, 8, 10), "9:00-12:00", Reason(Cause.SEASON, "sommar")),
        (date(2026, 8, 11), "8:30-15:30", Reason(Cause.WEEK)),
        (date(2027, 8, 9), "9:00-12:00", Reason(Cause.SEASON, "sommar")),
        (date(2027, 8, 11), "8:00-15:30", Reason(Cause.SEASON, "nya tider")),
        (date(2028, 6, 12), "9:00-12:00", Reason(Cause.SEASON, "sommar")),
        (date(2028, 9, 4), "8:00-15:30", Reason(Cause.SEASON, "nya tider")),
        (date(2027, 3, 25), "8:30-12:00", Reason(Cause.DAY)),  # from kontorstid
        (date(2026, 5, 13), "8:30-12:00", Reason(Cause.EVE, "Kristi himmelsfärdsdag")),
        (date(2026, 12, 24), "", Reason(Cause.HOLIDAY, "Julafton")),
        (date(2026, 12, 31), "", Reason(Cause.HOLIDAY, "nyårsafton")),
        (date(2026, 12, 30), "8:30-15:30", Reason(Cause.WEEK)),  # a closed day has no eve
    ],
)
def test_hours_like_others_hold_in_all_that_is_not_written(
    folder: Path, day: date, hours: str, reason: Reason
) -> None:
    plan = load_plan(folder, TODAY)
    spans = (span(hours),) if hours else ()
    assert day_of(plan.schedules["skoltid"], day, plan) == (spans, reason)
    assert plan.schedules["skoltid"].lunch == (span("12:00-13:00"),)


def test_written_weekdays_stand_for_the_single_days_of_the_other(
    folder: Path, change: Change
) -> None:
    change("hours.yaml", OFFICE, OFFICE + "  friday: 8:30-14:00\n  saturday: 9:00-10:00\n")
    change("hours.yaml", "  like: kontorstid\n", "  like: kontorstid\n  weekdays: 7:00-8:00\n")
    week = load_plan(folder, TODAY).schedules["skoltid"].week
    assert week == (*((span("7:00-8:00"),),) * 5, (span("9:00-10:00"),), ())


def test_a_season_over_new_year_ends_in_the_next(folder: Path, change: Change) -> None:
    change("hours.yaml", SUMMER, "    vinter: {first: 12-15, last: 01-10, weekdays: 9:00-12:00}\n")
    plan = load_plan(folder, TODAY)
    for day, name in (
        (date(2026, 12, 14), ""),
        (date(2026, 12, 15), "vinter"),
        (date(2027, 1, 8), "vinter"),
        (date(2027, 1, 11), ""),
    ):
        assert day_of(plan.schedules["skoltid"], day, plan)[1].name == name


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("  like: kontorstid\n", "  like: skoltid\n", "like: skoltid → skoltid goes round"),
        (OFFICE, OFFICE + "  like: skoltid\n", "like: kontorstid → skoltid → kontorstid goes"),
        ("like: kontorstid", "like: kontorstdi", 'no hours "kontorstdi", did you mean "konto'),
        ("last: 08-10", "last: 02-30", '"02-30": there is no such day'),
        ("first: 06-08", "first: 13-08", '"13-08": there is no such day'),
        ("first: 06-08, last: 08-10", "first: 06-08", '"sommar" has no last day'),
        ("first: 06-08, last: 08-10", "first: 2026-06-08, last: 08-10", "are not of one kind"),
        ("06-08, last: 08-10", "2026-06-08, last: 2026-06-07", 'is before "2026-06-08"'),
        (SUMMER, SUMMER + SUMMER.replace("sommar", "ferier"), "have days in common"),
        ("lunch: 12:00-13:00", "lunch: 8:00-16:00", "lunch takes all of them"),
        ("eves: 8:30-12:00", "eves: 8:30-25:00", "is no clock time"),
    ],
)
def test_f31_hours_that_can_not_be_are_refused(
    folder: Path, change: Change, old: str, new: str, expected: str
) -> None:
    change("hours.yaml", old, new)
    assert any(expected in line and "/hours.yaml:" in line for line in told(folder)), told(folder)
