"""The short forms that technicians write."""

from __future__ import annotations

from datetime import date, time, timedelta
from itertools import pairwise

import pytest
from core.plans import PLAN
from hypothesis import given
from hypothesis import strategies as st

from pbx_bridge.config import fields
from pbx_bridge.core.model import Span


def test_stretches_are_read_in_every_way_people_write_them() -> None:
    wanted = (Span(time(8, 30), time(12)), Span(time(13), time(15, 30)))
    for text in ("8:30-12:00, 13:00-15:30", "08.30 – 12, 13-15.30", " 8:30 - 12:00,13:00-15:30 "):
        assert fields.spans(text) == wanted


def test_closed_is_no_stretch_and_midnight_ends_a_day() -> None:
    assert fields.spans("closed") == fields.spans("Closed ") == ()
    assert fields.spans("0:00-24:00") == (Span(time(0), time(0)),)
    assert fields.spans("0:00-8:00, 16:00-24:00")[1] == Span(time(16), time(0))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "no stretch of time"),
        ("8:30", "no stretch of time"),
        ("8-12-15", "no stretch of time"),
        ("8:30-12:00,", "no stretch of time"),
        ("8:30-25:00", "a day is 0:00 to 24:00"),
        ("24:00-24:30", "a day is 0:00 to 24:00"),
        ("8:60-9:00", "a day is 0:00 to 24:00"),
        ("half nine-12", "no clock time"),
        ("9:00-9:00", "is empty"),
        ("16:00-8:00", "write the night as two stretches: 16:00-24:00, and 0:00-8:00"),
        ("8:30-12:00, 11:30-15:00", "begins before the stretch before it ends"),
        ("13:00-15:00, 8:30-12:00", "begins before the stretch before it ends"),
    ],
)
def test_wrong_stretches_say_what_was_expected(text: str, expected: str) -> None:
    with pytest.raises(ValueError) as caught:
        fields.spans(text)
    assert expected in str(caught.value)


def test_an_end_is_a_length_of_at_most_a_day_or_the_rest_of_the_day() -> None:
    assert fields.ends("45 min") == fields.ends("45min") == timedelta(minutes=45)
    assert fields.ends("1440 min") == fields.ends("24 h") == timedelta(days=1)
    assert fields.ends("1 min") == timedelta(minutes=1)
    assert fields.ends("rest of day") == fields.REST_OF_DAY


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "write 45 min, 2 h or rest of day"),
        ("45", "write 45 min, 2 h or rest of day"),
        ("-5 min", "write 45 min, 2 h or rest of day"),
        ("1,5 h", "write 45 min, 2 h or rest of day"),
        ("0 min", "1 min to 24 h"),
        ("1441 min", "1 min to 24 h"),
    ],
)
def test_wrong_ends_say_what_was_expected(text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        fields.ends(text)


def test_a_day_is_one_date_or_one_of_every_year() -> None:
    assert fields.days("2026-12-24", range(2025, 2028)) == (date(2026, 12, 24),)
    assert fields.days("12-31", range(2025, 2027)) == (date(2025, 12, 31), date(2026, 12, 31))
    assert fields.days("02-29", range(2025, 2029)) == (date(2028, 2, 29),)


@pytest.mark.parametrize("text", ["2026-02-31", "02-31", "2026-02-29", "13-01", "0000-01-01"])
def test_days_that_do_not_exist_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="there is no such day"):
        fields.days(text, range(2025, 2028))


@pytest.mark.parametrize("text", ["31.2.2026", "2026-1-5", "1768176000", "tomorrow", ""])
def test_what_is_no_date_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="write 2026-12-24"):
        fields.day(text)


@pytest.mark.parametrize(
    "text", ["018 000 101", "018-000101", "+358 18 000 101", "+358 (0)18 000101", "0035818000101"]
)
def test_a_number_has_one_form_however_it_is_written(text: str) -> None:
    assert fields.national(text, PLAN.dialling) == "018000101"


@pytest.mark.parametrize("text", ["101", "+46 8 123 456", "00", "018 000 1x1", "018", "0" * 20, ""])
def test_what_is_no_national_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write it like 018 000 101|one of \+358"):
        fields.national(text, PLAN.dialling)


@given(st.text(alphabet="0123456789:.,-– closedx", max_size=30))
def test_arbitrary_hours_are_ordered_stretches_or_refused(text: str) -> None:
    try:
        found = fields.spans(text)
    except ValueError:
        return
    for span, after in pairwise(found):
        assert span.start < span.end <= after.start
