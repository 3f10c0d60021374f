"""How long the mirror and the watch over the lines may rest."""

from __future__ import annotations

from datetime import timedelta

from core.plans import DAY, EXCHANGE, at, away

from pbx_bridge.app.waking import LONGEST_REST_S, rest_s


def test_f30_a_clock_that_is_set_anew_is_noticed_within_a_minute() -> None:
    assert rest_s(EXCHANGE, DAY, DAY) == LONGEST_REST_S == 60
    assert rest_s(away("101", "2026-03-05 10:20"), DAY, DAY) == LONGEST_REST_S


def test_the_rest_reaches_to_the_next_change_which_may_have_passed() -> None:
    soon = away("101", "2026-03-03 10:00")
    before = at("2026-03-03 09:59")
    assert rest_s(soon, before, before + timedelta(seconds=20)) == 40
    assert rest_s(soon, before, DAY + timedelta(seconds=1)) == 0


def test_a_line_that_opens_or_closes_is_a_change() -> None:
    closes = at("2026-03-03 10:59")
    assert rest_s(EXCHANGE, closes, closes + timedelta(seconds=30)) == 30
