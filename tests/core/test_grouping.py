"""Calls by number, line, unit and clock; figures of very many are those of few."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from core.plans import PLAN
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_bridge.core.figures import Calls
from pbx_bridge.core.grouping import OTHER, By, groups
from pbx_bridge.core.latency import Journey, Outcome
from pbx_bridge.core.report import Report, summarise

WINTER = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)  # ten in Mariehamn, a Monday


def call(dialled: str, at: datetime = WINTER, outcome: Outcome = Outcome.ANSWERED) -> Journey:
    ended = at + timedelta(seconds=7)
    answered = ended if outcome is Outcome.ANSWERED else None
    return Journey("1.1", "", "from-trunk", dialled, at, answered, "", ended, outcome, (), ())


def offered(found: Mapping[str, Report]) -> dict[str, int]:
    return {name: one.offered for name, one in found.items()}


def test_each_call_is_in_one_group_of_each_kind() -> None:
    calls = Calls.of(
        [
            call("018000101"),
            call("+35818000101"),
            call("018000100", outcome=Outcome.ABANDONED),
            call("018000130"),
            call("999"),
            call("*23*1#", outcome=Outcome.CODE),
        ]
    )
    found = groups(calls, PLAN)
    assert offered(found[By.NUMBER]) == {"018000100": 1, "018000101": 2, "018000130": 1, OTHER: 1}
    assert offered(found[By.LINE]) == {"bygglov": 1, OTHER: 3, "vaxel": 1}
    assert offered(found[By.UNIT]) == {"byggnadstillsynen": 3, OTHER: 2}
    assert offered(found[By.HOUR]) == {"10": 5}
    assert offered(found[By.WEEKDAY]) == {"1 Monday": 5}
    assert offered(found[By.DAY]) == {"2026-11-23": 5}


def test_the_clock_is_the_municipalitys_also_when_it_changes() -> None:
    """01:30 UTC is half past four in summer and half past three in winter."""
    summer, winter = (
        datetime(2026, 10, 24, 1, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    )
    found = groups(Calls.of([call("018000100", summer), call("018000100", winter)]), PLAN)
    assert offered(found[By.HOUR]) == {"03": 1, "04": 1}
    late = datetime(2026, 11, 23, 22, 30, tzinfo=UTC)
    assert offered(groups(Calls.of([call("018000100", late)]), PLAN)[By.DAY]) == {"2026-11-24": 1}


def test_a_long_period_is_told_month_by_month() -> None:
    days = [call("018000100", WINTER + timedelta(days=day)) for day in range(70)]
    found = groups(Calls.of(days), PLAN)
    assert list(found[By.MONTH]) == ["2026-11", "2026-12", "2027-01"]
    assert By.DAY not in found


def test_no_calls_are_in_no_group() -> None:
    assert all(not found for found in groups(Calls.none(), PLAN).values())


@given(
    st.lists(
        st.builds(
            call,
            st.sampled_from(["018000100", "018000101", "999"]),
            st.integers(0, 300 * 24 * 60).map(lambda minutes: WINTER - timedelta(minutes=minutes)),
            st.sampled_from(Outcome),
        ),
        max_size=30,
    )
)
@settings(max_examples=60, deadline=None)
def test_groups_add_up_to_the_whole(journeys: list[Journey]) -> None:
    calls = Calls.of(journeys)
    whole = summarise(calls)
    for found in groups(calls, PLAN).values():
        for name in ("offered", "answered", "within", "abandoned", "untold", "told"):
            assert sum(getattr(one, name) for one in found.values()) == getattr(whole, name)
        longest = [one.wait_max_s for one in found.values() if one.wait_max_s is not None]
        assert max(longest, default=None) == pytest.approx(whole.wait_max_s)
