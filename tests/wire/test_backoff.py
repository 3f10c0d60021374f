"""Waits grow, stay bounded, and differ from bridge to bridge."""

from itertools import islice
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from pbx_bridge.wire.backoff import LONGEST_S, SHORTEST_S, delays


@given(st.integers())
def test_a_wait_is_never_nothing_and_never_over_the_longest(seed: int) -> None:
    waits = list(islice(delays(Random(seed)), 50))

    assert all(SHORTEST_S / 2 <= wait <= LONGEST_S for wait in waits)
    assert all(wait >= LONGEST_S / 2 for wait in waits[10:])


def test_the_first_wait_is_short() -> None:
    assert next(delays(Random(1))) <= SHORTEST_S


def test_two_bridges_do_not_knock_together() -> None:
    one, other = (list(islice(delays(Random(seed)), 20)) for seed in (1, 2))

    assert not set(one) & set(other)


def test_a_hundred_thousand_attempts_do_not_overflow() -> None:
    *_, last = islice(delays(Random(1)), 100_000)

    assert last <= LONGEST_S
