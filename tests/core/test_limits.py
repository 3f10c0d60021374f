"""How much is called out: counted, warned of, refused (S27, F39)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from core.plans import DAY, PLAN, spoken, way

from pbx_bridge.core import limits
from pbx_bridge.core.call import Call, Dial, Why
from pbx_bridge.core.commands import NoteOutgoing, Refusal, TakeUpPlan
from pbx_bridge.core.decide import decide
from pbx_bridge.core.events import CalledOut, CapPassed, Event, NoticeDue
from pbx_bridge.core.folding import fold, fresh, under
from pbx_bridge.core.handling import handle
from pbx_bridge.core.latency import SENT_ON, Journey, Outcome
from pbx_bridge.core.meters import of_exchange
from pbx_bridge.core.mirror import left
from pbx_bridge.core.model import Cap, Limits
from pbx_bridge.core.notices import due
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.telling import spoken as told
from pbx_bridge.core.trace import Mark, Talk

ANNA, NUMBER = "101", "0401234567"
HUGE = Cap(10_000, 10_000, 10_000)


def site(**caps: Cap | int) -> Exchange:
    small = Limits(person_day=HUGE, exchange_hour=HUGE)
    return fresh(replace(PLAN, limits=replace(small, **caps)))  # type: ignore[arg-type]  # by name


def called(
    exchange: Exchange,
    count: int,
    *,
    seconds: float = 10,
    number: str = NUMBER,
    person: str = ANNA,
    at: datetime = DAY,
) -> tuple[Exchange, list[Event]]:
    found: list[Event] = []
    for one in range(count):
        command = NoteOutgoing(f"{person}-{at}-{number}-{one}", person, number, at, seconds)
        events = handle(command, exchange, at)
        assert not isinstance(events, Refusal)
        exchange = fold(exchange, events)
        found += events
    return exchange, found


def passed(events: list[Event]) -> list[tuple[str, bool]]:
    return [(one.person, one.reached) for one in events if isinstance(one, CapPassed)]


@pytest.mark.parametrize(
    ("cap", "seconds"),
    [(Cap(10, 10_000, 10_000), 1), (Cap(10_000, 10, 10_000), 60)],
    ids=["calls", "minutes"],
)
def test_s27_a_person_is_warned_of_and_then_refused(cap: Cap, seconds: int) -> None:
    exchange, events = called(site(person_day=cap), 7, seconds=seconds)
    assert passed(events) == []
    exchange, events = called(exchange, 8, seconds=seconds)
    assert passed(events) == [(ANNA, False)]
    exchange, events = called(exchange, 11, seconds=seconds)
    assert passed(events) == [(ANNA, True)]
    assert decide(Call(NUMBER, phone=ANNA), exchange, DAY).why is Why.OUTGOING_CAPPED
    assert decide(Call(NUMBER, phone="102"), exchange, DAY).why is Why.OUTGOING
    assert list(limits.capped(exchange, DAY)) == [(ANNA, limits.period(PLAN, ANNA, DAY)[1])]
    measures = {one.name: one.value for one in of_exchange(exchange, {}, DAY)}
    assert measures["outgoing_capped"] == 1
    for free in ("112", "116117"):
        assert isinstance(decide(Call(free, phone=ANNA), exchange, DAY).step, Dial)
    first = next(iter(way(Call(NUMBER, phone=ANNA), exchange, DAY)))
    assert spoken(first, DAY) == "Gränsen för utgående samtal är nådd. Be växeln om hjälp."


def test_s27_different_numbers_are_counted() -> None:
    exchange = site(person_day=Cap(10_000, 10_000, 3))
    exchange, _ = called(exchange, 20)
    assert decide(Call(NUMBER, phone=ANNA), exchange, DAY).why is Why.OUTGOING
    for other in ("0401111111", "0402222222"):
        exchange, _ = called(exchange, 1, number=other)
    assert decide(Call(NUMBER, phone=ANNA), exchange, DAY).why is Why.OUTGOING_CAPPED


def test_s27_the_day_is_over_at_midnight() -> None:
    exchange, _ = called(site(person_day=Cap(2, 100, 100)), 2)
    midnight = limits.period(PLAN, ANNA, DAY)[1]
    before = midnight - timedelta(seconds=1)
    assert decide(Call(NUMBER, phone=ANNA), exchange, before).why is Why.OUTGOING_CAPPED
    assert decide(Call(NUMBER, phone=ANNA), exchange, midnight).why is Why.OUTGOING


def test_s27_the_exchange_is_capped_in_an_hour_whoever_calls() -> None:
    exchange = site(exchange_hour=Cap(4, 1000, 1000))
    events: list[Event] = []
    for who in ("101", "102", "103", "104"):
        exchange, found = called(exchange, 1, person=who)
        events += found
    assert passed(events) == [("", True)]
    assert decide(Call(NUMBER, phone="105"), exchange, DAY).why is Why.OUTGOING_CAPPED
    hour = limits.period(PLAN, "", DAY)[1]
    assert decide(Call(NUMBER, phone="105"), exchange, hour).why is Why.OUTGOING


def test_s27_calls_that_go_on_are_counted_and_each_once() -> None:
    exchange, _ = called(site(person_day=Cap(10, 1000, 3)), 1)
    going = [
        CalledOut(f"g-{one}", ANNA, f"04022222{one}", DAY + timedelta(seconds=one), 0)
        for one in (1, 2)
    ]
    after = limits.with_going(exchange, going)
    assert decide(Call(NUMBER, phone=ANNA), exchange, DAY).why is Why.OUTGOING
    assert decide(Call(NUMBER, phone=ANNA), after, DAY).why is Why.OUTGOING_CAPPED
    ended = fold(exchange, [replace(going[0], seconds=60)])
    again = limits.with_going(ended, going)
    assert limits.spent(again, ANNA, DAY).calls == limits.spent(after, ANNA, DAY).calls
    assert limits.spent(again, ANNA, DAY).seconds == limits.spent(ended, ANNA, DAY).seconds
    assert limits.with_going(exchange, ()) is exchange


def test_s27_a_call_begins_with_its_dial_where_it_is_capped() -> None:
    call = Call(NUMBER, phone=ANNA, linkedid="17.1")
    begun = limits.begun(call, decide(call, site(), DAY), DAY)
    assert begun == CalledOut("17.1", ANNA, NUMBER, DAY, 0)
    for free in ("112", "116117", "018000102"):
        call = Call(free, phone=ANNA, linkedid="17.1")
        assert limits.begun(call, decide(call, site(), DAY), DAY) is None


def test_s27_who_is_over_a_cap_that_was_lowered_is_told_once() -> None:
    exchange, events = called(site(person_day=Cap(10, 1000, 100)), 5)
    assert passed(events) == []
    plan = replace(exchange.plan, limits=replace(exchange.plan.limits, person_day=Cap(4, 9, 9)))
    lower = under(plan, exchange)
    found = handle(TakeUpPlan(), lower, DAY)
    assert not isinstance(found, Refusal)
    assert passed(list(found)) == [(ANNA, True)]
    after = fold(lower, found)
    known = handle(TakeUpPlan(), after, DAY)
    assert not isinstance(known, Refusal)
    assert passed(list(known)) == []
    _, more = called(after, 6)
    assert passed(more) == []
    next_day = handle(TakeUpPlan(), after, DAY + timedelta(days=1))
    assert not isinstance(next_day, Refusal)
    assert passed(list(next_day)) == []


def test_s27_a_cap_that_is_raised_and_reached_again_is_told_again() -> None:
    exchange, events = called(site(person_day=Cap(2, 1000, 100)), 2)
    assert passed(events) == [(ANNA, True)]
    plan = replace(exchange.plan, limits=replace(exchange.plan.limits, person_day=Cap(4, 99, 9)))
    _, more = called(under(plan, exchange), 4)
    assert (ANNA, True) in passed(more)


def test_f19_a_call_that_is_told_twice_counts_once() -> None:
    exchange, first = called(site(), 1)
    again, second = called(exchange, 1)
    assert (len(first), second) == (1, [])
    assert again == exchange


def test_a_call_of_yesterday_that_is_told_late_counts_no_more() -> None:
    exchange, _ = called(site(), 2)
    late, _ = called(exchange, 1, at=DAY - timedelta(days=1))
    assert late.spent == exchange.spent


def test_s27_a_call_ends_when_no_minutes_are_left() -> None:
    exchange, _ = called(site(person_day=Cap(100, 10, 100)), 1, seconds=400)
    step = decide(Call(NUMBER, phone=ANNA), exchange, DAY).step
    assert isinstance(step, Dial)
    assert step.longest == 200
    emergency = decide(Call("112", phone=ANNA), exchange, DAY).step
    assert isinstance(emergency, Dial)
    assert emergency.longest == 0


def test_s27_less_than_a_second_is_no_call() -> None:
    """With a bridge as without one, and it is told."""
    exchange, events = called(site(person_day=Cap(100, 1, 100)), 1, seconds=59.9)
    assert decide(Call(NUMBER, phone=ANNA), exchange, DAY).why is Why.OUTGOING_CAPPED
    assert passed(events) == [(ANNA, True)]
    assert dict(left(exchange, DAY))["pbx-left", ANNA].endswith("-99-0")
    exchange, _ = called(site(person_day=Cap(100, 1, 100)), 1, seconds=58.9)
    assert decide(Call(NUMBER, phone=ANNA), exchange, DAY).why is Why.OUTGOING


def test_s27_too_many_at_once_are_told() -> None:
    exchange = site()
    found = list(way(Call(NUMBER, phone=ANNA), exchange, DAY, {"dial:": "ATONCE"}))
    assert [one.why for one in found[:2]] == [Why.OUTGOING, Why.OUTGOING_CAPPED]
    assert spoken(found[1], DAY).startswith("För många utgående samtal pågår")


def test_s27_asterisk_knows_what_is_left() -> None:
    exchange, _ = called(site(person_day=Cap(5, 10, 100)), 2, seconds=60)
    end = int(limits.period(PLAN, ANNA, DAY)[1].timestamp())
    assert dict(left(exchange, DAY))["pbx-left", ANNA] == f"{end}-3-480"
    keys = {key for _, key in dict(left(exchange, DAY))}
    assert keys == {ANNA, "all"}
    assert dict(left(exchange, DAY + timedelta(days=1))) == {}


def test_s27_switchboard_and_foreman_are_told() -> None:
    before, _ = called(site(person_day=Cap(10, 1000, 1000)), 9)
    after, events = called(before, 10)
    found = [one.notice for one in due(events, before, after, DAY) if isinstance(one, NoticeDue)]
    foreman = PLAN.people[ANNA].foreman
    assert {"", foreman} <= {one.to for one in found}
    text = next(told(found[0], after))
    assert getattr(text, "key", "") == "notice-cap-reached"


def test_s27_a_caller_whom_a_phone_sends_on_counts_as_its_call() -> None:
    sent = DAY + timedelta(seconds=30)
    made = Journey(
        *("1.1", "0457000199", "from-trunk", "018000101", DAY, DAY, ANNA),
        DAY + timedelta(seconds=90),
        Outcome.ANSWERED,
        (Mark(DAY, "ring", "person-rings", ANNA), Mark(sent, "dial", SENT_ON, NUMBER)),
        (),
        talks=(Talk(ANNA, DAY, sent), Talk("operator", sent, sent + timedelta(seconds=60))),
    )
    assert limits.noted(made, PLAN) == NoteOutgoing("1.1", ANNA, NUMBER, sent, 60)
    assert limits.noted(replace(made, steps=made.steps[:1]), PLAN) is None
