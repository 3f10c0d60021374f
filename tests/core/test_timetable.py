"""When lines are open, also when phone hours are broken and repaid (S24)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import pytest
from core.plans import DAY, EXCHANGE, PLAN, at
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_bridge.core.hours import Cause, Opening, is_open
from pbx_bridge.core.state import Break, Exchange
from pbx_bridge.core.timetable import (
    closed_because,
    latest_end,
    line_open,
    line_openings,
    line_opens,
    opening_of,
    openings_on,
    owed,
)

LINE = PLAN.lines["bygglov"]  # telefontid, 9 to 11; repaid until 16
TODAY = DAY.date()
NIGHT = PLAN.lines["jour"]


def clock(text: str) -> datetime:
    return at(f"{TODAY} {text}")


def broken(*breaks: str) -> Exchange:
    held = []
    for one in breaks:
        since, until = one.split("-")
        held.append(Break("bygglov", clock(since), clock(until), "olycka", "101"))
    return replace(EXCHANGE, breaks={"bygglov": tuple(held)})


def told(openings: tuple[Opening, ...]) -> str:
    return ", ".join(f"{one.start:%H:%M}-{one.end:%H:%M}" for one in openings)


@pytest.mark.parametrize(
    ("breaks", "open_", "minutes_owed"),
    [
        ([], "09:00-11:00", 0),
        (["09:30-10:00"], "09:00-09:30, 10:00-11:30", 0),
        (["08:00-08:30"], "09:00-11:00", 0),  # nothing was lost
        (["08:00-09:30"], "09:30-11:30", 0),
        (["09:00-11:00"], "11:00-13:00", 0),
        (["10:30-11:15"], "09:00-10:30, 11:15-11:45", 0),  # past the end: after it
        (["10:30-11:00"], "09:00-10:30, 11:00-11:30", 0),
        (["09:30-10:00", "10:30-10:40"], "09:00-09:30, 10:00-10:30, 10:40-11:40", 0),
        (["09:30-10:00", "11:10-11:20"], "09:00-09:30, 10:00-11:10, 11:20-11:40", 0),
        (["09:30-15:45"], "09:00-09:30, 15:45-16:00", 75),  # not past the latest end
        (["09:30-16:00"], "09:00-09:30", 90),
        (["09:00-23:00"], "", 120),
        (["09:30-10:00", "09:45-10:15"], "09:00-09:30, 10:15-11:45", 0),  # they overlap
    ],
)
def test_s24_what_is_broken_is_repaid_the_same_day(
    breaks: list[str], open_: str, minutes_owed: int
) -> None:
    exchange = broken(*breaks)
    assert told(openings_on(exchange, LINE, TODAY)) == open_
    assert owed(exchange, LINE, TODAY) == timedelta(minutes=minutes_owed)
    assert told(openings_on(exchange, LINE, TODAY + timedelta(1))) == "09:00-11:00"
    assert owed(exchange, LINE, TODAY + timedelta(1)) == timedelta()
    assert openings_on(exchange, NIGHT, TODAY) == openings_on(EXCHANGE, NIGHT, TODAY)


def test_what_callers_meet_before_during_and_after() -> None:
    exchange = broken("09:30-10:00")
    for moment, open_, opens in (
        ("08:59", False, clock("09:00")),
        ("09:29", True, clock("10:00")),
        ("09:30", False, clock("10:00")),
        ("10:00", True, clock("09:00") + timedelta(1)),
        ("11:29", True, clock("09:00") + timedelta(1)),
        ("11:30", False, clock("09:00") + timedelta(1)),
    ):
        assert line_open(exchange, LINE, clock(moment)) is open_
        assert line_opens(exchange, LINE, clock(moment)) == opens
    assert opening_of(exchange, LINE, clock("11:15")) == Opening(clock("10:00"), clock("11:30"))


@pytest.mark.parametrize(
    ("moment", "cause"),
    [
        ("08:00", Cause.WEEK),
        ("09:45", Cause.BROKEN),
        ("11:45", Cause.REPAID),
        ("23:00", Cause.REPAID),
    ],
)
def test_why_a_line_is_closed(moment: str, cause: Cause) -> None:
    assert closed_because(broken("09:30-10:00"), LINE, clock(moment)).cause is cause


def test_why_a_line_is_closed_on_a_holiday() -> None:
    found = closed_because(EXCHANGE, LINE, at("2026-12-24 10:00"))
    assert (found.cause, found.name) == (Cause.HOLIDAY, "Julafton")


minutes = st.integers(0, 24 * 60 - 1)


@st.composite
def breaks_of_a_day(draw: st.DrawFn) -> Exchange:
    """Up to four breaks, in the order of their beginning."""
    held = []
    for since in sorted(draw(st.lists(minutes, max_size=4))):
        until = draw(st.integers(since + 1, 24 * 60))
        midnight = clock("00:00")
        one = (midnight + timedelta(minutes=since), midnight + timedelta(minutes=until))
        held.append(Break("bygglov", *one, "olycka", "101"))
    return replace(EXCHANGE, breaks={"bygglov": tuple(held)})


@settings(max_examples=200, deadline=None)
@given(breaks_of_a_day())
def test_s24_no_minute_is_lost_or_won(exchange: Exchange) -> None:
    """Open minutes and the debt make up the planned time; a broken minute is never open."""
    found = openings_on(exchange, LINE, TODAY)
    whole = sum((one.end - one.start for one in found), timedelta())
    assert whole + owed(exchange, LINE, TODAY) == timedelta(hours=2)
    for earlier, later in pairwise(found):
        assert earlier.end < later.start
    latest = max(latest_end(PLAN, TODAY), clock("11:00"))
    for one in found:
        assert one.start < one.end <= latest
        for held in exchange.breaks["bygglov"]:
            assert held.until <= one.start or one.end <= held.since


@settings(max_examples=50, deadline=None)
@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)))  # noqa: DTZ001 - UTC below
def test_without_breaks_a_line_is_open_as_its_hours_say(moment: datetime) -> None:
    now = moment.replace(tzinfo=UTC)
    for line in PLAN.lines.values():
        schedule = PLAN.schedules[line.hours]
        assert line_open(EXCHANGE, line, now) is is_open(schedule, PLAN, now)


def test_a_break_of_yesterday_changes_nothing_today() -> None:
    later = clock("10:00") + timedelta(1)
    assert next(line_openings(broken("09:30-10:30"), LINE, later)).end.time() == time(11)
