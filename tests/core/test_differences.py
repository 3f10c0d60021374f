"""What a changed plan says of itself in the journal: names of entries, nothing that is in them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core.plans import DAY, EXCHANGE, PLAN
from hypothesis import given
from hypothesis import strategies as st

from pbx_bridge.core import differences
from pbx_bridge.core.changes import summary
from pbx_bridge.core.commands import NotePlan, Refusal
from pbx_bridge.core.events import PlanChanged
from pbx_bridge.core.folding import fold
from pbx_bridge.core.handling import handle
from pbx_bridge.core.model import Plan
from pbx_bridge.core.state import Exchange

OPERATOR = PLAN.trunks["operator"]
ANNA = PLAN.people["101"]
OTHERS = {one: person for one, person in PLAN.people.items() if one != "103"}
SECRET = "0409998877"


@pytest.mark.parametrize(
    ("new", "what"),
    [
        (PLAN, ()),
        (replace(PLAN, people={**PLAN.people, "114": ANNA}), ("people: +114",)),
        (replace(PLAN, people=OTHERS), ("people: -103",)),
        (
            replace(PLAN, people={**OTHERS, "101": replace(ANNA, mobile=SECRET), "114": ANNA}),
            ("people: +114 -103 ~101",),
        ),
        (
            replace(PLAN, numbers={one: PLAN.numbers[one] for one in list(PLAN.numbers)[1:]}),
            (f"numbers: -{next(iter(PLAN.numbers))}",),
        ),
        (
            replace(PLAN, trunks={"operator": replace(OPERATOR, caller_id="018000199")}),
            ("trunks: ~operator",),
        ),
        (
            replace(PLAN, routes={"abroad": ("operator",)}),
            ("settings: ~routes",),
        ),
        (
            replace(PLAN, lines={**PLAN.lines, "ny": PLAN.lines["vaxel"]}),
            ("lines: +ny",),
        ),
    ],
)
def test_each_section_tells_what_was_added_removed_and_changed(
    new: Plan, what: tuple[str, ...]
) -> None:
    assert differences.between(PLAN, new) == what
    assert SECRET not in str(differences.between(PLAN, new))


def test_after_a_restart_less_is_known_of_the_plan_before() -> None:
    people = {**OTHERS, "101": replace(ANNA, title="arkivarie"), "114": ANNA}
    new = replace(PLAN, people=people)
    assert differences.since(summary(PLAN), new) == ("people: +114 -103 ~101",)
    assert differences.since(summary(PLAN), PLAN) == ()


def test_very_many_are_counted() -> None:
    people = {**PLAN.people, **{str(number): ANNA for number in range(200, 300)}}
    (told,) = differences.between(PLAN, replace(PLAN, people=people))
    assert told.endswith(" and 80 more")


@given(st.sets(st.sampled_from(sorted(PLAN.people))))
def test_nothing_but_names_is_told(left: set[str]) -> None:
    people = {one: PLAN.people[one] for one in left}
    for told in differences.between(PLAN, replace(PLAN, people=people)):
        assert set(told) <= set("people: -,0123456789 andmore")


def noted(exchange: Exchange, files: dict[str, str], by: str = "") -> Exchange:
    events = handle(command(files, by), exchange, DAY)
    assert not isinstance(events, Refusal)
    return fold(exchange, events)


def command(files: dict[str, str], by: str = "") -> NotePlan:
    return NotePlan("4f5e", files, dict.fromkeys(files, "anna"), ("people: +114",), by)


def test_files_that_differ_are_noted_with_their_owner_and_those_that_are_gone() -> None:
    before = noted(EXCHANGE, {"dialplan/people.yaml": "1", "dialplan/old.yaml": "1"})
    after = {"dialplan/people.yaml": "2", "dialplan/new.yaml": "1"}
    events = handle(command(after, "technician:bo"), before, DAY)
    assert not isinstance(events, Refusal)
    (event,) = events
    assert isinstance(event, PlanChanged)
    assert event.changed == (
        "dialplan/new.yaml (anna)",
        "dialplan/old.yaml (gone)",
        "dialplan/people.yaml (anna)",
    )
    assert (event.what, event.by) == (("people: +114",), "technician:bo")


def test_files_that_are_the_same_are_noted_once() -> None:
    files = {"dialplan/people.yaml": "1"}
    first = handle(command(files), EXCHANGE, DAY)
    assert not isinstance(first, Refusal)
    assert [type(one) for one in first] == [PlanChanged]
    assert handle(command(files), noted(EXCHANGE, files), DAY) == ()
