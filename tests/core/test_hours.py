"""When it is open: weeks, holidays, midnight, and the two nights of the clock change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise, takewhile

import pytest
from core.plans import PLAN, ZONE, at
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_bridge.core.hours import (
    HORIZON_DAYS,
    Cause,
    Opening,
    Reason,
    day_of,
    is_open,
    next_opening,
    opening_at,
    openings,
    without,
)
from pbx_bridge.core.model import Plan, Schedule, Season, Span

OFFICE = PLAN.schedules["kontorstid"]
ON_CALL = PLAN.schedules["jourtid"]
CLOSED: tuple[Span, ...] = ()
WHOLE_DAY = (Span(time(), time()),)
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
SHIFTED = range(3, 5)
"""Hours of a day with a clock change in which wall clocks don't tell instants apart."""


def span(text: str) -> Span:
    start, end = (time.fromisoformat(one) for one in text.split("-"))
    return Span(start, end)


def every_day(*spans: str) -> Schedule:
    return Schedule("alla", (tuple(span(one) for one in spans),) * 7, on_holidays=True)


def single(day: date, *spans: str) -> Schedule:
    """Open on one day only."""
    return Schedule("en dag", (CLOSED,) * 7, days={day: tuple(span(one) for one in spans)})


def ahead(schedule: Schedule, now: str, count: int) -> list[str]:
    """The next openings as `MM-DD HH:MM - MM-DD HH:MM`."""
    found = islice(openings(schedule, PLAN, at(now)), count)
    return [f"{one.start:%m-%d %H:%M} - {one.end:%m-%d %H:%M}" for one in found]


def hours_long(schedule: Schedule, day: date) -> list[float]:
    """Real length of the openings around one day."""
    now = datetime.combine(day, time(), ZONE) - timedelta(hours=1)
    end = now + timedelta(days=2)
    return [
        (one.end.astimezone(UTC) - one.start.astimezone(UTC)) / timedelta(hours=1)
        for one in takewhile(lambda one: one.start < end, openings(schedule, PLAN, now))
    ]


@pytest.mark.parametrize(
    ("now", "yes"),
    [
        ("2026-03-03 08:29", False),
        ("2026-03-03 08:30", True),
        ("2026-03-03 11:59", True),
        ("2026-03-03 12:00", False),  # lunch
        ("2026-03-03 13:00", True),
        ("2026-03-03 15:30", False),
        ("2026-03-07 10:00", False),  # Saturday
        ("2026-06-09 10:00", False),  # Self-Government Day, a Tuesday
        ("2026-05-15 10:00", False),  # our own closed day
        ("2026-04-30 11:00", True),  # a short day
        ("2026-04-30 14:00", False),
        ("2026-04-02 14:00", False),  # a short day of this year only
        ("2027-04-02 14:00", True),
    ],
)
def test_offices_keep_their_hours(now: str, yes: bool) -> None:
    assert is_open(OFFICE, PLAN, at(now)) is yes
    assert (opening_at(OFFICE, PLAN, at(now)) is not None) is yes


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-03-03 08:29", "2026-03-03 08:30"),
        ("2026-03-03 08:30", "2026-03-03 13:00"),  # open: the one after
        ("2026-03-03 12:00", "2026-03-03 13:00"),
        ("2026-03-06 15:30", "2026-03-09 08:30"),  # over the weekend
        ("2026-04-02 12:00", "2026-04-07 08:30"),  # over Easter
        ("2026-12-23 15:30", "2026-12-28 08:30"),  # over Christmas
        ("2026-12-30 15:30", "2027-01-04 08:30"),  # over New Year
    ],
)
def test_the_next_opening_is_told(now: str, opens: str) -> None:
    assert next_opening(OFFICE, PLAN, at(now)) == at(opens)


def test_a_deviating_day_wins_over_a_holiday_and_a_holiday_over_the_week() -> None:
    christmas = date(2026, 12, 25)
    usual = every_day("08:00-16:00")
    closed = replace(usual, on_holidays=False)
    short = replace(closed, days={christmas: (span("10:00-11:00"),)})
    day, some = (span("08:00-16:00"),), (span("09:00-10:00"),)
    name = PLAN.holidays[christmas]
    assert day_of(usual, christmas, PLAN) == (day, Reason(Cause.WEEK))
    assert day_of(closed, christmas, PLAN) == ((), Reason(Cause.HOLIDAY, name))
    few = replace(closed, holidays=some)
    assert day_of(few, christmas, PLAN) == (some, Reason(Cause.HOLIDAY, name))
    assert day_of(short, christmas, PLAN) == ((span("10:00-11:00"),), Reason(Cause.DAY))
    assert day_of(short, date(2026, 12, 28), PLAN) == (day, Reason(Cause.WEEK))


def test_an_eve_is_short_where_the_timetable_says_so() -> None:
    eve, holiday = date(2026, 4, 30), "Första maj"
    plan = replace(PLAN, eves={eve: holiday})
    usual = replace(every_day("08:00-16:00"), on_holidays=False)
    short = replace(usual, eves=(span("08:00-12:00"),))
    assert day_of(usual, eve, plan)[1] == Reason(Cause.WEEK)
    assert day_of(short, eve, plan) == ((span("08:00-12:00"),), Reason(Cause.EVE, holiday))
    own = replace(short, days={eve: (span("09:00-10:00"),)})
    assert day_of(own, eve, plan)[1] == Reason(Cause.DAY)
    sunday = replace(plan, eves={date(2026, 5, 3): holiday})
    weekdays = replace(short, week=(*short.week[:5], (), ()))
    assert day_of(weekdays, date(2026, 5, 3), sunday) == ((), Reason(Cause.WEEK))


def test_the_season_that_began_last_holds_and_one_with_an_end_wins() -> None:
    hours = {
        name: (span(text),) * 1
        for name, text in (
            ("summer", "08:00-14:00"),
            ("new", "09:00-15:00"),
            ("newer", "10:00-15:00"),
        )
    }
    summer = Season("summer", date(2026, 6, 15), date(2026, 8, 15), (hours["summer"],) * 7)
    new = Season("new", date(2026, 7, 1), None, (hours["new"],) * 7)
    newer = Season("newer", date(2027, 1, 1), None, (hours["newer"],) * 7)
    schedule = replace(every_day("08:00-16:00"), seasons=(summer, newer, new))
    for day, name in (
        (date(2026, 6, 14), ""),
        (date(2026, 6, 15), "summer"),
        (date(2026, 8, 15), "summer"),
        (date(2026, 8, 16), "new"),
        (date(2026, 12, 31), "new"),
        (date(2027, 1, 1), "newer"),
    ):
        assert day_of(schedule, day, PLAN)[1].name == name


def test_lunch_is_taken_out_of_the_day_and_its_edges_say_so() -> None:
    schedule = replace(every_day("08:00-16:00"), lunch=(span("11:30-12:00"),))
    morning, afternoon = islice(openings(schedule, PLAN, at("2026-03-03 07:00")), 2)
    assert (f"{morning.end:%H:%M}", morning.closes.cause) == ("11:30", Cause.LUNCH)
    assert (f"{afternoon.start:%H:%M}", afternoon.opens.cause) == ("12:00", Cause.LUNCH)
    assert (morning.opens.cause, afternoon.closes.cause) == (Cause.WEEK, Cause.WEEK)
    short = replace(schedule, days={date(2026, 3, 3): (span("08:00-11:45"),)})
    only = next(openings(short, PLAN, at("2026-03-03 07:00")))
    assert (f"{only.end:%H:%M}", only.closes.cause) == ("11:30", Cause.LUNCH)


@pytest.mark.parametrize(
    ("closed", "left"),
    [
        ("07:00-08:00", ["08:00-16:00"]),
        ("16:00-17:00", ["08:00-16:00"]),
        ("07:00-17:00", []),
        ("08:00-16:00", []),
        ("08:00-09:00", ["09:00-16:00"]),
        ("15:00-17:00", ["08:00-15:00"]),
        ("10:00-11:00", ["08:00-10:00", "11:00-16:00"]),
    ],
)
def test_a_stretch_without_another(closed: str, left: list[str]) -> None:
    def stretch(text: str) -> Opening:
        start, end = (at(f"2026-03-03 {one}") for one in text.split("-"))
        return Opening(start, end)

    assert list(without(stretch("08:00-16:00"), stretch(closed))) == [stretch(one) for one in left]


def test_f31_openings_that_touch_at_midnight_are_one() -> None:
    assert ahead(ON_CALL, "2026-03-03 12:00", 2) == [
        "03-03 16:00 - 03-04 08:00",
        "03-04 16:00 - 03-05 08:00",
    ]
    assert ahead(ON_CALL, "2026-03-06 12:00", 2) == [
        "03-06 16:00 - 03-09 08:00",  # the weekend without a gap
        "03-09 16:00 - 03-10 08:00",
    ]


def test_on_call_holds_over_holidays() -> None:
    assert ahead(ON_CALL, "2026-04-02 12:00", 1) == ["04-02 16:00 - 04-07 08:00"]


def test_f31_a_night_may_be_written_as_one_stretch() -> None:
    night = every_day("22:00-06:00")
    assert ahead(night, "2026-03-03 03:00", 2) == [
        "03-02 22:00 - 03-03 06:00",
        "03-03 22:00 - 03-04 06:00",
    ]
    assert is_open(night, PLAN, at("2026-03-03 05:59"))
    assert not is_open(night, PLAN, at("2026-03-03 06:00"))


def test_f31_spans_that_touch_or_overlap_are_one() -> None:
    assert ahead(every_day("08:00-12:00", "12:00-16:00"), "2026-03-03 07:00", 1) == [
        "03-03 08:00 - 03-03 16:00"
    ]
    assert ahead(every_day("08:00-13:00", "09:00-10:00", "12:00-16:00"), "2026-03-03 07:00", 1) == [
        "03-03 08:00 - 03-03 16:00"
    ]
    assert ahead(every_day("07:00-09:00", "22:00-08:00"), "2026-03-03 12:00", 1) == [
        "03-03 22:00 - 03-04 09:00"
    ]


def test_a_line_that_is_always_open_is_one_opening_without_a_next() -> None:
    always = Schedule("alltid", (WHOLE_DAY,) * 7, on_holidays=True)
    now = at("2026-03-03 12:00")
    only = list(openings(always, PLAN, now))
    assert len(only) == 1
    assert only[0].end > now + timedelta(days=HORIZON_DAYS - 3)
    assert is_open(always, PLAN, now)
    assert next_opening(always, PLAN, now) is None


def test_what_never_opens_has_no_next_opening() -> None:
    never = Schedule("aldrig", (CLOSED,) * 7)
    assert list(openings(never, PLAN, at("2026-03-03 12:00"))) == []
    assert next_opening(never, PLAN, at("2026-03-03 12:00")) is None


@pytest.mark.parametrize(
    ("day", "spans", "hours"),
    [
        (SPRING, ["00:00-00:00"], [23]),
        (AUTUMN, ["00:00-00:00"], [25]),
        (SPRING, ["02:00-05:00"], [2]),
        (AUTUMN, ["02:00-05:00"], [4]),
        (SPRING, ["03:00-04:00"], []),  # it does not exist
        (SPRING, ["03:30-04:00"], []),
        (SPRING, ["03:15-03:45"], [0.5]),  # moved by the hour, like an appointment
        (SPRING, ["03:30-06:00"], [1.5]),
        (SPRING, ["02:00-03:30"], [1.5]),
        (SPRING, ["02:00-03:00", "03:00-04:00", "04:00-05:00"], [2]),
        (AUTUMN, ["03:00-04:00"], [2]),  # it comes twice
        (AUTUMN, ["03:30-04:00"], [1.5]),  # from its first coming
        (AUTUMN, ["02:00-03:30"], [1.5]),  # to its first coming
    ],
)
def test_f29_the_nights_of_the_clock_change(
    day: date, spans: list[str], hours: list[float]
) -> None:
    assert hours_long(single(day, *spans), day) == hours


def test_f29_an_opening_is_told_as_the_clock_will_show_it() -> None:
    assert next_opening(single(SPRING, "03:30-06:00"), PLAN, at("2026-03-28 12:00")) == at(
        "2026-03-29 04:30"
    )


def test_f29_in_the_hour_that_comes_twice_it_is_open_both_times() -> None:
    night = single(AUTUMN, "03:00-04:00")
    first = datetime(2026, 10, 25, 3, 30, tzinfo=ZONE)
    for now in (first, first.replace(fold=1)):
        assert is_open(night, PLAN, now)
    assert not is_open(night, PLAN, at("2026-10-25 04:00"))
    ends = single(AUTUMN, "02:00-03:15")
    assert not is_open(ends, PLAN, first.replace(minute=10, fold=1))


clock_minutes = st.integers(0, 24 * 60)


@st.composite
def days(draw: st.DrawFn) -> tuple[Span, ...]:
    """Spans of one day in order, as the configuration makes them; they may touch."""
    edges = sorted(draw(st.sets(clock_minutes, max_size=6)))
    touching = list(pairwise(edges))
    found = touching if draw(st.booleans()) else touching[::2]
    return tuple(Span(_time(start), _time(end)) for start, end in found)


def _time(minutes: int) -> time:
    return time(minutes // 60 % 24, minutes % 60)


weeks = st.tuples(*[days()] * 7)
dates = st.one_of(
    st.dates(date(2026, 1, 1), date(2027, 12, 1)),
    st.sampled_from([SPRING - timedelta(days=3), AUTUMN - timedelta(days=3), date(2028, 2, 27)]),
)


@st.composite
def schedules(draw: st.DrawFn, first: date) -> tuple[Schedule, Plan]:
    near = st.integers(0, 7).map(lambda count: first + timedelta(days=count))
    deviating: Mapping[date, tuple[Span, ...]] = draw(st.dictionaries(near, days(), max_size=2))
    holidays = dict.fromkeys(draw(st.sets(near, max_size=2)), "helg")
    schedule = Schedule("slump", draw(weeks), draw(st.booleans()), deviating)
    return schedule, replace(PLAN, holidays=holidays)


def open_by_the_wall_clock(schedule: Schedule, plan: Plan, local: datetime) -> bool:
    """The definition, read literally."""
    minute = local.hour * 60 + local.minute
    return any(
        one.start.hour * 60 + one.start.minute
        <= minute
        < (one.end.hour * 60 + one.end.minute or 24 * 60)
        for one in day_of(schedule, local.date(), plan)[0]
    )


def changes(day: date) -> bool:
    """Whether the clock is changed on that day."""
    offsets = {datetime.combine(one, time(), ZONE).utcoffset() for one in (day, day + timedelta(1))}
    return len(offsets) > 1


@settings(max_examples=25, deadline=None)
@given(st.data(), dates)
def test_openings_agree_with_the_wall_clock_minute_by_minute(
    data: st.DataObject, day: date
) -> None:
    schedule, plan = data.draw(schedules(day))
    start = datetime.combine(day, time(), ZONE).astimezone(UTC)
    end = start + timedelta(days=7)
    found = [
        (one.start.astimezone(UTC), one.end.astimezone(UTC))
        for one in takewhile(
            lambda one: one.start.astimezone(UTC) < end,
            openings(schedule, plan, start),
        )
    ]
    for count in range(7 * 24 * 60):
        moment = start + timedelta(minutes=count)
        local = moment.astimezone(ZONE)
        hour_before = (moment - timedelta(hours=1)).astimezone(ZONE)
        if changes(local.date()) and {local.hour, hour_before.hour} & set(SHIFTED):
            continue  # edges of the hour that does not exist lie in the one after it
        while found and found[0][1] <= moment:
            del found[0]
        by_openings = bool(found) and found[0][0] <= moment
        assert by_openings is open_by_the_wall_clock(schedule, plan, local), local


@settings(max_examples=150, deadline=None)
@given(st.data(), dates, clock_minutes)
def test_openings_are_in_order_apart_and_end_after_now(
    data: st.DataObject, day: date, minute: int
) -> None:
    schedule, plan = data.draw(schedules(day))
    now = datetime.combine(day, time(), UTC) + timedelta(minutes=minute)
    found = [
        (one.start.astimezone(UTC), one.end.astimezone(UTC))
        for one in islice(openings(schedule, plan, now), 40)
    ]
    assert all(start < end for start, end in found)
    assert all(before[1] < after[0] for before, after in pairwise(found))
    assert all(end > now for _, end in found)


@settings(max_examples=150, deadline=None)
@given(st.data(), dates, clock_minutes)
def test_the_three_questions_agree(data: st.DataObject, day: date, minute: int) -> None:
    schedule, plan = data.draw(schedules(day))
    now = (datetime.combine(day, time(), UTC) + timedelta(minutes=minute)).astimezone(ZONE)
    present = opening_at(schedule, plan, now)
    assert is_open(schedule, plan, now) is (present is not None)
    opens = next_opening(schedule, plan, now)
    if opens is not None:
        assert opens.astimezone(UTC) > now.astimezone(UTC)
        assert is_open(schedule, plan, opens)
        assert not is_open(schedule, plan, opens.astimezone(UTC) - timedelta(minutes=1))
    if present is not None:
        assert not is_open(schedule, plan, present.end) or opens is None


@pytest.mark.parametrize(
    "spans",
    [
        (Span(time(20), time(4)),),
        (Span(time(0), time(0)),),
        (Span(time(0), time(2)), Span(time(20), time(3))),
        (Span(time(23, 45), time(23, 15)),),
    ],
)
@pytest.mark.parametrize("lunch", [Span(time(23, 30), time(0, 30)), Span(time(1), time(1, 30))])
def test_lunch_is_closed_time_on_whatever_day_also_over_midnight(
    spans: tuple[Span, ...], lunch: Span
) -> None:
    schedule = Schedule("x", (spans,) * 7, on_holidays=True, lunch=(lunch,))

    def within(span: Span, clock: time) -> bool:
        if span.start < span.end:
            return span.start <= clock < span.end
        return clock >= span.start or clock < span.end

    found = list(openings(schedule, PLAN, at("2026-03-03 12:00"), days=5))
    edges = [one for opening in found for one in (opening.start, opening.end)]
    assert edges == sorted(edges, key=lambda one: one.timestamp())
    for minute in range(0, 2 * 24 * 60, 5):
        moment = at("2026-03-03 12:00") + timedelta(minutes=minute)
        clock = moment.time()
        wanted = any(within(span, clock) for span in spans) and not within(lunch, clock)
        held = any(one.start <= moment < one.end for one in found)
        assert (held, is_open(schedule, PLAN, moment)) == (wanted, wanted), moment
