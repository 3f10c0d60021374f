"""Calls whose telephone has vanished."""

from __future__ import annotations

from pbx_bridge.core.phantoms import ENDS_AFTER_S, suspects

CALLS = {"PJSIP/101-1": "101", "PJSIP/101-dect-2": "101-dect"}


def test_the_call_of_a_device_that_can_not_be_reached_is_one_until_it_ends() -> None:
    found = suspects({}, CALLS, frozenset({"101-dect"}), 100.0)
    assert found == {"PJSIP/101-1": 100.0}
    assert suspects(found, CALLS, frozenset({"101-dect"}), 170.0) == found
    assert suspects(found, {}, frozenset(), 101.0) == {}


def test_a_telephone_that_is_back_knows_nothing_of_it_or_has_answered_for_it() -> None:
    known = {"PJSIP/101-1": 100.0}
    there = frozenset({"101", "101-dect"})
    assert suspects(known, CALLS, there, 100.0 + ENDS_AFTER_S - 0.1) == known
    assert suspects(known, CALLS, there, 100.0 + ENDS_AFTER_S) == {}


def test_a_device_that_is_there_is_never_suspected() -> None:
    assert suspects({}, CALLS, frozenset({"101", "101-dect"}), 100.0) == {}
