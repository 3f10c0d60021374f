"""A caller's place in the queue, from Asterisk's priorities."""

from __future__ import annotations

from datetime import timedelta

from core.plans import DAY, EXCHANGE, attended

from pbx_bridge.core.call import Attempt, Call
from pbx_bridge.core.stepid import StepId
from pbx_bridge.core.waiting import LATEST, Waiters, queue_of, waiting

CAME = 1_795_000_000
OTHERS = Waiters((LATEST - CAME + 20, LATEST - CAME + 1, LATEST - CAME, LATEST - CAME - 5), 120.0)


def test_s21_those_who_came_before_are_ahead() -> None:
    found = waiting(EXCHANGE, "vaxel", str(CAME), OTHERS, 1, DAY)
    assert found is not None
    assert found.ahead == 3  # two in the queue, and one who is told their place at this moment
    assert found.expected == timedelta(minutes=8)


def test_the_wait_is_shared_among_those_who_answer_and_unknown_without_talks() -> None:
    two = attended("vaxel", "111", "113")
    found = waiting(two, "vaxel", str(CAME), OTHERS, 1, DAY)
    assert found is not None
    assert found.expected == timedelta(minutes=4)
    fresh = waiting(EXCHANGE, "vaxel", str(CAME), Waiters((), 0.0), 0, DAY)
    assert fresh is not None
    assert (fresh.ahead, fresh.expected) == (0, timedelta())


def test_nothing_is_known_of_a_call_without_its_second_or_of_another_line() -> None:
    assert waiting(EXCHANGE, "vaxel", "", OTHERS, 0, DAY) is None
    assert waiting(EXCHANGE, "nowhere", str(CAME), OTHERS, 0, DAY) is None


def test_only_who_has_just_waited_in_vain_is_told() -> None:
    def after(mark: str, result: str) -> str:
        return queue_of(Call("018000100", tried=(Attempt(StepId.parse(mark), result),)))

    assert after("queue:vaxel", "TIMEOUT") == "vaxel"
    assert after("queue:vaxel.2", "TIMEOUT") == "vaxel"
    assert after("queue:vaxel", "JOINEMPTY") == ""
    assert after("ring:101", "TIMEOUT") == ""
    assert queue_of(Call("018000100")) == ""
