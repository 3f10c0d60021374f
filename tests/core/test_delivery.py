"""When a notice is tried again."""

from __future__ import annotations

from datetime import timedelta

from core.plans import DAY
from hypothesis import given
from hypothesis import strategies as st

from pbx_bridge.core.delivery import (
    GIVEN_UP_AFTER,
    RESTS_S,
    Tried,
    is_given_up,
    left_s,
    tried_again,
)
from pbx_bridge.core.state import About, Channel, Notice


def test_the_rests_grow_and_the_last_one_holds() -> None:
    now, tried, rests = DAY, None, []
    for _ in range(9):
        assert left_s(tried, now) == 0
        tried = tried_again(tried, now)
        rests.append(left_s(tried, now))
        now += timedelta(seconds=rests[-1])
    assert rests == [30, 60, 120, 300, 600, 900, 900, 900, 900]


@given(st.integers(1, 99), st.integers(-(10**6), 10**6))
def test_f30_no_clock_keeps_a_notice_longer_than_the_longest_rest(times: int, moved: int) -> None:
    tried = Tried(times, DAY)
    left = left_s(tried, DAY + timedelta(seconds=moved))
    assert 0 <= left <= RESTS_S[-1]
    if moved < 0 or moved >= RESTS_S[-1]:
        assert left == 0


def test_what_has_changed_makes_it_due() -> None:
    assert left_s(Tried(0, DAY), DAY) == 0
    assert left_s(tried_again(Tried(0, DAY), DAY), DAY) == RESTS_S[0]


def test_after_two_days_it_is_given_up() -> None:
    notice = Notice("1", Channel.MAIL, About.BACK, "101", "105", DAY)
    assert not is_given_up(notice, DAY + GIVEN_UP_AFTER - timedelta(seconds=1))
    assert is_given_up(notice, DAY + GIVEN_UP_AFTER)
