"""F20, F39: chains of people who are away, and forwards that lead nowhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core.plans import DAY, PLAN, away, way

from pbx_bridge.core.call import Call
from pbx_bridge.core.commands import OfferForward, Refusal
from pbx_bridge.core.folding import fresh
from pbx_bridge.core.handling import handle
from pbx_bridge.core.model import Plan
from pbx_bridge.core.state import Exchange

CHAIN = tuple(str(one) for one in range(101, 111))
LEADS_TO_A_HUMAN = "queue:vaxel"


def chained(*, closed: bool) -> Plan:
    """Ten people, each the agreed deputy of the one before; closed: the first of the last."""
    following = [*CHAIN[1:], *([CHAIN[0]] if closed else [])]
    people = dict(PLAN.people)
    for one in CHAIN:
        people[one] = replace(people[one], deputies=(), agreed=frozenset())
    for one, deputy in zip(CHAIN, following, strict=False):
        people[one] = replace(people[one], deputies=(deputy,), agreed=frozenset({deputy}))
    return replace(PLAN, people=people)


def all_away(plan: Plan, *here: str) -> Exchange:
    exchange = fresh(plan)
    for one in CHAIN:
        if one not in here:
            exchange = away(one, "2026-03-03 14:30", exchange=exchange)
    return exchange


@pytest.mark.parametrize("closed", [False, True], ids=["a line", "a ring"])
@pytest.mark.parametrize("caller", ["", CHAIN[1], CHAIN[-1]])
@pytest.mark.parametrize("here", [(), CHAIN[1:], CHAIN[5:6]], ids=["nobody", "others", "the sixth"])
def test_f20_a_chain_of_ten_is_followed_by_one_and_ends_at_the_switchboard(
    closed: bool, caller: str, here: tuple[str, ...]
) -> None:
    exchange = all_away(chained(closed=closed), *here)
    call = Call("018000101", "" if caller else "0401234567", caller)
    marks = [str(one.mark) for one in way(call, exchange, DAY)]
    rung = [one.removeprefix("ring:") for one in marks if one.startswith("ring:")]
    assert set(rung) <= {CHAIN[1]}, "a deputy's own deputies are never asked"
    assert len(rung) == len(set(rung))
    assert any(one.startswith(LEADS_TO_A_HUMAN) for one in marks), marks
    assert len(marks) < 25


def test_f39_nobody_forwards_to_themselves_or_to_a_number_outside() -> None:
    exchange = away("104", "2026-03-03 14:30")
    for to in ("104", "018000104", "0401234567", "0035840123456", "0600123", "112", ""):
        answer = handle(OfferForward("104", to, "104"), exchange, DAY)
        assert isinstance(answer, Refusal), to
    assert not isinstance(handle(OfferForward("104", "105", "104"), exchange, DAY), Refusal)
