"""A call's state in a channel variable."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pbx_bridge.core.call import (
    LONGEST_RESULT,
    LONGEST_STATE,
    Attempt,
    Call,
    decode,
    encode,
    with_attempt,
    with_result,
)
from pbx_bridge.core.decide import MOST_STEPS
from pbx_bridge.core.model import Language
from pbx_bridge.core.stepid import LONGEST_PART, StepId

FRESH = Call("018000101", caller="040123456", phone="101")
RUNG = replace(
    FRESH,
    language=Language.FI,
    tried=(
        Attempt(StepId("ring", "101"), "NOANSWER"),
        Attempt(StepId("say", "to-vaxel")),
        Attempt(StepId("ask", "message"), "*"),
    ),
)

kinds = st.sampled_from(["ring", "say", "ask", "queue", "voicemail", "dial", "hangup"])
steps = st.builds(
    StepId,
    kinds,
    st.text("abcxyzABC0189_-", max_size=20),
    st.lists(st.text("abcxyzABC0189_.-", max_size=10), max_size=2).map(tuple),
)
anything = st.builds(StepId, kinds, st.text(), st.lists(st.text(), max_size=4).map(tuple))
results = st.text("ABCXYZ0189_*#", max_size=LONGEST_RESULT)
attempts = st.lists(st.builds(Attempt, steps, results), max_size=MOST_STEPS).map(tuple)
calls = st.builds(
    Call,
    st.text(max_size=64),
    st.text(max_size=20),
    st.text(max_size=6),
    st.sampled_from(Language),
    attempts,
)


def test_the_state_is_readable_in_asterisks_console() -> None:
    assert encode(RUNG) == "v1 fi ring:101=NOANSWER say:to-vaxel= ask:message=*"
    assert encode(FRESH) == "v1 sv"


@given(calls)
def test_what_is_written_is_read_again(call: Call) -> None:
    blank = replace(call, language=Language.EN, tried=())
    assert decode(encode(call), blank) == call


@given(calls)
def test_the_longest_way_fits_and_disturbs_no_dialplan(call: Call) -> None:
    text = encode(call)
    assert len(text) < LONGEST_STATE
    assert text.isascii()
    assert text.isprintable()
    assert not set(text) & set(",;\"'$&|\\{}")


@given(anything, results)
def test_a_step_about_anything_is_read_as_it_was_written(about: StepId, result: str) -> None:
    """A caller's "number" may be any text."""
    assert StepId.parse(str(about)) == about
    call = with_result(with_attempt(FRESH, about), result)
    assert decode(encode(call), FRESH) == call
    assert encode(call).isascii()
    assert not set(encode(call)) & set(",;\"'$&|\\{}\n")


def test_steps_are_written_so_that_people_can_read_them() -> None:
    assert str(StepId("ring", "101")) == "ring:101"
    assert str(StepId("hangup")) == "hangup:"
    assert str(StepId("ask", "return", ("101", "+46701234567"))) == "ask:return.101.~2B46701234567"
    assert str(StepId("ask", "wait", ("my_line", "2"))) == "ask:wait.my_line.2"


def test_what_is_about_something_long_stays_short_and_is_told_from_others() -> None:
    long = [StepId("ask", "return", (number * 100,)) for number in ("4", "5", "ä")]
    assert len({*map(str, long)}) == len(long)
    assert all(len(str(one)) < LONGEST_PART for one in long)


def test_a_call_without_state_is_fresh() -> None:
    assert decode("", FRESH) is FRESH


@pytest.mark.parametrize(
    "text",
    [
        "v1",
        "v2 sv",
        "v1 de",
        "v1 SV",
        " v1 sv",
        "v1 sv ",
        "v1  sv",
        "v1 sv\n",
        "v1 sv ring:101",
        "v1 sv ring=NOANSWER",
        "v1 sv RING:101=",
        "v1 sv ring:101=NO ANSWER",
        "v1 sv ring:101=a=b",
        "v1 sv ring:101&PJSIP/x=",
        "v1 sv ring:${SHELL(x)}=",
        "v1 sv ring:växel=",
        "v1 sv ring:101=\u0661",
        "v1 sv ring:~41=",  # a letter that needs no escape
        "v1 sv ring:~FF=",
        "v1 sv ring:~2=",
        "v1 sv ring:~2b=",
        "v1 sv ring:" + "1" * (LONGEST_PART + 1) + "=",
        "v1 sv ring:101=\x00",
        "v1\tsv",
        "null",
        '{"v": 1}',
        "v1 sv" + " a:=" * LONGEST_STATE,
    ],
)
def test_f23_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"state|Language|unpack|a step|kind of step|utf-8"):
        decode(text, FRESH)


@given(
    st.one_of(
        st.text(),
        st.text("v1 svfien:=ring-.*#_A0\n", max_size=60),
        st.lists(st.text("abc:=19*", max_size=8)).map(lambda words: " ".join(["v1 sv", *words])),
    )
)
def test_f23_hostile_text_is_a_value_error_or_a_state_that_writes_the_same_text(text: str) -> None:
    with contextlib.suppress(ValueError):
        found = decode(text, FRESH)
        assert text == "" or encode(found) == text
        assert len(found.tried) <= LONGEST_STATE
        assert (found.dialled, found.caller, found.phone) == ("018000101", "040123456", "101")


def test_a_result_belongs_to_the_last_attempt() -> None:
    rings, tells = StepId("ring", "101"), StepId("say", "told")
    call = with_result(with_attempt(with_attempt(FRESH, rings), tells), "SUCCESS")
    assert call.tried == (Attempt(rings), Attempt(tells, "SUCCESS"))
    found = [call.result(one) for one in (rings, tells, StepId("ring", "102"))]
    assert found == ["", "SUCCESS", None]
    assert with_result(FRESH, "SUCCESS") is FRESH


@example("A" * 10_000)
@given(st.text())
def test_f23_any_result_can_be_carried(result: str) -> None:
    call = with_result(with_attempt(FRESH, StepId("ask", "message")), result)
    assert decode(encode(call), FRESH) == call
    assert len(call.tried[-1].result) <= LONGEST_RESULT
