"""What lamps show of people and lines, and who may pick up whose calls."""

from __future__ import annotations

import pytest
from core.plans import DAY, EXCHANGE, NIGHT, PLAN, attended, away, steps

from pbx_bridge.core import codes, lamps
from pbx_bridge.core.blocks import MOBILE
from pbx_bridge.core.call import Call
from pbx_bridge.core.commands import BlockPhone
from pbx_bridge.core.folding import fold
from pbx_bridge.core.handling import handle
from pbx_bridge.core.lamps import Lamp, circles, may_pick_up
from pbx_bridge.core.sentences import Sentence
from pbx_bridge.core.state import Exchange, Loss, Lost


def blocked(extension: str) -> Exchange:
    answer = handle(BlockPhone(extension, "111"), EXCHANGE, DAY)
    assert isinstance(answer, tuple)
    return fold(EXCHANGE, answer)


@pytest.mark.parametrize(
    ("exchange", "shown"),
    [
        (EXCHANGE, Lamp.AS_PHONES_SAY),
        (away("101", "2026-03-03 14:30"), Lamp.AWAY),
        (away("101", "2026-03-03 14:30", "distans"), Lamp.AS_PHONES_SAY),
        (away("101", "2026-03-03 09:30"), Lamp.AS_PHONES_SAY),
        (blocked("101"), Lamp.AWAY),
    ],
)
def test_a_person_is_shown_as_away_as_long_as_calls_are_kept_from_them(
    exchange: Exchange, shown: Lamp
) -> None:
    assert lamps.lamps(exchange, DAY)["away-101"] is shown


def test_who_is_rung_on_the_mobile_too_is_free_without_a_telephone_here() -> None:
    assert lamps.lamps(EXCHANGE, DAY)["away-105"] is Lamp.FREE
    answer = handle(BlockPhone("105", "111", MOBILE), EXCHANGE, DAY)
    assert isinstance(answer, tuple)
    assert lamps.lamps(fold(EXCHANGE, answer), DAY)["away-105"] is Lamp.AS_PHONES_SAY


def test_a_line_is_shown_as_open_short_or_closed() -> None:
    gone = Exchange(PLAN, {}, EXCHANGE.signed_in, losses={"111": Loss(Lost.UNREACHABLE, DAY)})
    assert lamps.lamps(EXCHANGE, DAY)["line-vaxel"] is Lamp.FREE
    assert lamps.lamps(gone, DAY)["line-vaxel"] is Lamp.SHORT
    assert lamps.lamps(attended("vaxel"), DAY)["line-vaxel"] is Lamp.SHORT
    assert lamps.lamps(EXCHANGE, NIGHT)["line-vaxel"] is Lamp.CLOSED
    assert lamps.lamps(gone, NIGHT)["line-vaxel"] is Lamp.CLOSED, "nobody is missed then"


def test_everybody_and_every_line_has_a_lamp() -> None:
    shown = lamps.lamps(EXCHANGE, DAY)
    assert shown.keys() == {
        *(f"away-{one}" for one in PLAN.people),
        *(f"line-{one}" for one in PLAN.lines),
    }


@pytest.mark.parametrize(
    ("by", "whose", "may"),
    [
        ("102", "101", True),
        ("110", "101", True),
        ("111", "113", True),
        ("104", "111", True),
        ("120", "111", True),
        ("111", "101", False),
        ("108", "101", False),
        ("101", "101", False),
        ("999", "101", False),
        ("", "101", False),
    ],
)
def test_who_is_of_the_unit_or_shares_a_line_may_pick_up(by: str, whose: str, may: bool) -> None:
    assert may_pick_up(PLAN, by, whose) is may


def test_circles_are_units_and_lines_with_more_than_one() -> None:
    found = circles(PLAN)
    assert found["unit-skola"] == {"106", "107"}
    assert found["line-vaxel"] == {"104", "111", "113", "120"}
    assert all(len(held) > 1 for held in found.values())


def test_explain_says_of_the_code_what_asterisk_would() -> None:
    def read(digits: str) -> object:
        return codes.read(digits, PLAN.people["101"], EXCHANGE, DAY)

    assert read("*8102") == read("*8102#") == codes.PickUp("102")
    assert read("*8111") == Sentence("refused-pick-up", {})
    assert read("*8999") == Sentence("refused-no-such-colleague", {})
    assert steps(Call("*8102", phone="101"), EXCHANGE)[0] == "say:code code-asked: pick-up-nothing"
