"""A route is run anew for each decision: whatever was answered before, what was tried is met again
in the order in which it was, and the state that the call carries can be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from core.plans import DAY, EXCHANGE, PLAN
from core.states import histories
from core.test_notices import after
from core.test_returning import ANNA, code, missed
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_bridge.core.call import (
    LONGEST_STATE,
    Ask,
    Call,
    Decision,
    Hangup,
    Obey,
    Queue,
    Record,
    Ring,
    Sort,
    decode,
    encode,
    with_attempt,
    with_result,
)
from pbx_bridge.core.commands import RecordContact, Refusal
from pbx_bridge.core.decide import decide, route
from pbx_bridge.core.folding import fold
from pbx_bridge.core.handling import handle
from pbx_bridge.core.mailboxes import Message
from pbx_bridge.core.questions import Kind
from pbx_bridge.core.routes.lines import PLACE
from pbx_bridge.core.routes.returns import DONE_KEY, MOST_HEARD
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.stepid import StepId
from pbx_bridge.core.typed import PIN_RIGHT, PIN_WRONG

RETURN = StepId("ask", "return")
KEYS = ("", "1", "2", "3", "4", "5", "8", "9", "0", "*", "#", "102", "1430")
OUTCOMES = ("NOANSWER", "BUSY", "TIMEOUT", "JOINEMPTY", "SUCCESS", "FAILED", "DTMF")
callers = st.one_of(
    st.sampled_from(("0401234567", "+46701234567", "", "anonymous", "040~1", "+4670 123.45")),
    st.text(max_size=120),
)
lists = st.sampled_from(("*96#", "*97", "*97*1", "*27#", "018000123"))
"""Where one thing follows another for as long as the caller presses keys."""
dialled = lists | st.sampled_from(
    [
        *sorted([*PLAN.numbers, *PLAN.people, "018000199"]),
        *("*96#", "*27#", "*97", "*97*1", "*#23#", "*23*1*1430#", "*23*2*1430#", "*23*5#"),
        *("#28*2#", "*28*1#", "#23#", "*21*102#", "*29*102#", "*24*2*1*1100#"),
        *(f"{Kind.FORWARD}{ANNA}", f"{Kind.COVER}{ANNA}", f"{PLACE}vaxel/0401234567"),
    ]
)
messages = st.builds(
    Message,
    st.sampled_from(("101", "181")),
    st.sampled_from(("1-1", "1.2", "170.15", "ä")),
    callers,
    st.just(DAY),
    st.integers(2, 90),
    st.booleans(),
)


def walked(
    call: Call, exchange: Exchange, results: list[str], outcomes: list[str]
) -> Iterator[tuple[Call, Exchange, Decision]]:
    """Yield each decision with the call and the state before it; commands change the state."""
    for step in range(60):
        decision = decide(call, exchange, DAY)
        yield call, exchange, decision
        if isinstance(decision.step, Hangup):
            return
        call = with_attempt(call, decision.about)
        key = results[step % len(results)]
        match decision.step:
            case Obey(command):
                answer = handle(command, exchange, DAY)
                if not isinstance(answer, Refusal):
                    exchange = fold(exchange, answer)
                result = "refused" if isinstance(answer, Refusal) else "done"
                call = with_attempt(with_result(call, result), decision.about.told)
                result = ""
            case Sort(message, deleted):
                kept = [one for one in call.inbox or () if one.id != message.id]
                rest = [] if deleted else [replace(message, heard=True)]
                call, result = replace(call, inbox=(*kept, *rest)), "done"
            case Ask() if decision.about.name == "pin":
                result = PIN_RIGHT if key == "1" else PIN_WRONG
            case Ask():
                result = key
            case Ring() | Queue() | Record():
                result = outcomes[step % len(outcomes)]
            case _:
                result = outcomes[step % len(outcomes)] if key else ""
        call = with_result(call, result)
    raise AssertionError("the call does not end")


@st.composite
def ways(draw: st.DrawFn) -> list[tuple[Call, Exchange, Decision]]:
    exchange = draw(histories(DAY, most=4)).exchange
    for count, number in enumerate(draw(st.lists(callers, max_size=12))):
        sought = draw(st.sampled_from((ANNA, "102", "bygglov")))
        exchange = after(exchange, missed(sought, number=number, call=f"1.{count}"))
    phone = draw(st.sampled_from(("", ANNA, "111")))
    inbox = draw(st.one_of(st.none(), st.lists(messages, max_size=4, unique_by=lambda one: one.id)))
    call = Call(draw(dialled), draw(callers), phone, inbox=None if inbox is None else tuple(inbox))
    keys = draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=12))
    outcomes = draw(st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=4))
    return list(walked(call, exchange, keys, outcomes))


@settings(max_examples=400, deadline=None)
@given(ways())
def test_every_state_that_a_call_comes_to_can_be_carried(
    way: list[tuple[Call, Exchange, Decision]],
) -> None:
    for call, _, decision in way:
        carried = with_attempt(call, decision.about)
        text = encode(carried)
        assert decode(text, replace(carried, tried=())) == carried
        assert len(text) <= LONGEST_STATE


@settings(max_examples=400, deadline=None)
@given(ways())
def test_what_was_tried_is_met_again_in_its_order(
    way: list[tuple[Call, Exchange, Decision]],
) -> None:
    """A step that lies before one that was tried is never taken, so what follows an answer must
    not be put before steps that came earlier."""
    for call, exchange, _ in way:
        tried = [one.about for one in call.tried]
        met = [one.about for one in route(call, exchange, DAY) if one.about in tried]
        assert met == sorted(met, key=tried.index), call.dialled


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.from_regex(r"0[1-9][0-9]{5,8}", fullmatch=True), max_size=8, unique=True),
    st.lists(st.sampled_from(("1", "#", "", "3")), min_size=1, max_size=8),
)
def test_whoever_is_noted_as_reached_is_recorded_whatever_was_pressed_before(
    numbers: list[str], keys: list[str]
) -> None:
    exchange = EXCHANGE
    for count, number in enumerate(numbers):
        exchange = after(exchange, missed(number=number, call=f"1.{count}"))
    wanted, heard, recorded = [], [], []
    for call, before, decision in walked(code("*96#"), exchange, keys, ["SUCCESS"]):
        if isinstance(decision.step, Obey):
            assert isinstance(decision.step.command, RecordContact)
            recorded.append((decision.step.command.target, decision.step.command.number))
            assert recorded[-1] in before.returns
        heard = [one.args for one in call.tried_of(RETURN)]
        wanted = [
            one.about.args
            for one in call.tried
            if one.about.begins_with(RETURN) and one.result == DONE_KEY
        ]
    assert [StepId("ask", "return", one).args for one in recorded] == wanted
    assert len(heard) == len(set(heard)) == min(len(numbers), MOST_HEARD), "everybody is heard"


def test_a_later_caller_can_be_noted_as_reached_after_an_earlier_one_was_left() -> None:
    exchange = after(EXCHANGE, missed(number="0401", call="1.2"), missed(number="0402", call="1.3"))
    marks = [one.mark for _, _, one in walked(code("*96#"), exchange, ["#", DONE_KEY], [""])]
    assert marks[:3] == ["ask:return.101.0401", "ask:return.101.0402", "obey:returned.101.0402"]


def test_a_caller_from_abroad_in_the_list_can_be_got_past() -> None:
    exchange = after(EXCHANGE, missed(number="+46701234567", call="1.2"))
    way = list(walked(code("*96#"), exchange, ["#"], [""]))
    assert [one.mark for _, _, one in way] == [
        "ask:return.101.~2B46701234567",
        "say:code",
        "hangup:",
    ]
    last = with_attempt(way[-1][0], StepId("hangup"))
    assert decode(encode(last), replace(last, tried=())) == last
