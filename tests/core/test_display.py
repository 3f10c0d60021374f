"""What the phones of a line display of a caller who sought somebody."""

from __future__ import annotations

import pytest
from core.plans import DAY, EXCHANGE, NIGHT, PLAN, away, way

from pbx_bridge.core import display
from pbx_bridge.core.call import Call, Queue, Ring, Why
from pbx_bridge.core.mirror import picture
from pbx_bridge.core.model import Language

ELIN = PLAN.people["105"]


@pytest.mark.parametrize(
    ("reason", "until", "shown"),
    [
        ("lunch", "2026-03-03 14:30", "Elin Strand lunch 14.30"),
        ("semester", "2026-03-09 08:00", "Elin Strand semester 9.3"),
        ("ledig", "2026-03-09 08:00", "Elin Strand har semester 9.3"),  # as callers are told
        ("sjuk", "2026-03-09 08:00", "Elin Strand är frånvarande 9.3"),
    ],
)
def test_s22_who_attends_sees_whom_the_caller_sought_why_and_until_when(
    reason: str, until: str, shown: str
) -> None:
    exchange = away("105", until, reason)
    found = [one.step for one in way(Call("018000105"), exchange, DAY)]
    queue = next(one for one in found if isinstance(one, Queue))
    assert (queue.shown, queue.sought) == (f"{shown} · växeln", "105")
    assert picture(exchange, DAY).values["pbx-referral", "105/shown"] == shown


def test_no_health_is_displayed() -> None:
    private = [one for one in PLAN.reasons.values() if one.private]
    assert private
    for reason in private:
        shown = display.sought(away("105", "2026-03-09 08:00", reason.name), ELIN, DAY)
        assert reason.name not in shown
        assert reason.title is not None
        assert reason.title[Language.SV] not in shown


@pytest.mark.parametrize(
    ("result", "shown"),
    [("BUSY", "upptagen"), ("NOANSWER", "svarar inte"), ("CHANUNAVAIL", "nås inte")],
)
def test_why_nobody_was_reached_is_displayed_too(result: str, shown: str) -> None:
    found = [one.step for one in way(Call("018000105"), EXCHANGE, DAY, {"ring:105": result})]
    queue = next(one for one in found if isinstance(one, Queue))
    assert queue.shown == f"Elin Strand {shown} · växeln"


def test_outside_their_hours_they_are_off_duty_and_with_their_deputies_it_is_the_same() -> None:
    assert display.sought(EXCHANGE, ELIN, NIGHT) == "Elin Strand ej i tjänst 4.3"
    found = [one.step for one in way(Call("018000106"), EXCHANGE, DAY)]
    assert any(isinstance(one, Ring) and one.extensions == ("107",) for one in found)
    queue = next(one for one in found if isinstance(one, Queue))
    assert queue.shown == "Fredrik Dahl svarar inte · växeln"


def test_a_call_to_the_line_itself_shows_the_line_alone() -> None:
    found = [one.step for one in way(Call("018000100"), EXCHANGE, DAY)]
    queue = next(one for one in found if isinstance(one, Queue))
    assert (queue.shown, queue.sought) == ("växeln", "")
    assert display.sought(EXCHANGE, ELIN, DAY, Why.DEPUTY_NO_ANSWER) == "Elin Strand"
