"""Who was told when somebody can be reached, and which rule left the others untold (S7)."""

import pytest
from core.cel_tables import (
    CLOSED_LINE,
    EVENTS,
    GAVE_UP_IN_THE_QUEUE,
    MESSAGE_LEFT,
    MESSAGE_THEN_DEPUTY,
    PERSON_ANSWERS,
    TOLD,
    cel,
    journey,
    read_table,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_bridge.core.latency import Outcome, fold
from pbx_bridge.core.record import CelEvent
from pbx_bridge.core.trace import ANNOUNCE_CONTEXT, MARK, mark_of

NOTHING_BEGUN = """
0.000000  CHAN_START    PJSIP/trunk-00000001
0.100000  HANGUP        PJSIP/trunk-00000001  3
"""
QUEUED = "MARK  PJSIP/trunk-00000001  queue|line-open"


@pytest.mark.parametrize(
    ("text", "tells"),
    [
        ("say|line-closed|a&b|when", True),
        ("say|line-closed||when", True),
        ("say|line-closed|a&b| when |more", True),
        ("say|line-closed|a&b|", False),
        ("say|line-closed|a&b", False),
        ("say|line-closed|when", False),
        ("say|line-closed|a&b|whenever", False),
        ("when", False),
        ("|||when", True),
        ("", False),
    ],
)
def test_a_mark_tells_when_by_its_fourth_field_alone(text: str, tells: bool) -> None:
    mark = mark_of(cel(0, MARK, extra=f'{{"extra":"{text}"}}', data=f"{MARK},{text}"))
    assert mark is not None
    assert mark.tells is tells


@pytest.mark.parametrize(
    "table",
    [
        TOLD.replace("no-answer-1", "no-answer-1|when"),
        CLOSED_LINE.replace("closed-1", "closed-1|when"),
        MESSAGE_LEFT.replace("closed-1", "closed-1|when"),
        MESSAGE_LEFT.replace("message-chosen|100", "message-chosen|100|when"),
        TOLD.replace("say|person-no-answer|no-answer-1", "say|fallback-person-absent|/x/y|when"),
        f"{CLOSED_LINE.replace('closed-1', 'closed-1|when')}10 {QUEUED}",
    ],
)
def test_s7_a_caller_is_told_when_by_any_step_whatever_follows(table: str) -> None:
    call = journey(table)
    assert (call.told_when, call.untold) == (True, "")


@pytest.mark.parametrize(
    ("table", "rule"),
    [
        (NOTHING_BEGUN, "no-step"),
        (NOTHING_BEGUN.replace("0.100000", "0.05 MARK PJSIP/trunk-00000001 ring\n0.1"), "no-step"),
        (GAVE_UP_IN_THE_QUEUE, "line-open"),
        (GAVE_UP_IN_THE_QUEUE.replace("line-open", "fallback-line-open"), "line-open"),
        (TOLD, "person-no-answer"),
        (TOLD.replace("say|person-no-answer", "say|fallback-sorry"), "sorry"),
        (TOLD.replace("nothing-left", "too-many-steps"), "too-many-steps"),
        (NOTHING_BEGUN.replace("0.1", "0.1 MARK PJSIP/trunk-00000001 hangup|nothing-left\n0.1", 1),
         "nothing-left"),
        (CLOSED_LINE, "message-declined"),
        (MESSAGE_LEFT, "message-chosen"),
    ],
)  # fmt: skip
def test_s7_an_untold_call_names_the_rule_it_ended_under(table: str, rule: str) -> None:
    call = journey(table)
    assert (call.told_when, call.untold) == (False, rule)


@pytest.mark.parametrize("table", [PERSON_ANSWERS, MESSAGE_THEN_DEPUTY])
def test_s7_a_caller_who_reached_a_human_is_neither_told_nor_untold(table: str) -> None:
    for call in (journey(table), journey(table.replace("passing-2", "passing-2|when"))):
        assert (call.told_when, call.untold) == (False, "")


def test_s7_a_call_that_goes_on_is_not_untold_yet() -> None:
    (call,) = fold(read_table(GAVE_UP_IN_THE_QUEUE)[:-1])
    assert (call.told_when, call.untold) == (False, "")


def test_the_caller_has_left_only_where_the_record_says_so() -> None:
    assert journey(GAVE_UP_IN_THE_QUEUE).ended_by_caller
    assert not journey(TOLD).ended_by_caller


MARKS = st.builds(
    lambda at_s, text: cel(at_s, MARK, extra=f'{{"extra":"{text}"}}'),
    st.floats(0, 20),
    st.sampled_from(
        [
            "say|person-absent|a|when", "ring|deputy-rings|102|", "queue|line-open", "|||when",
            "voicemail|message-chosen|100", "hangup|nothing-left", "dial|outgoing|0", "",
        ]
    ),
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> list[CelEvent]:
    """A call as it was, with events lost and steps added."""
    table = draw(st.sampled_from([PERSON_ANSWERS, MESSAGE_THEN_DEPUTY, TOLD, MESSAGE_LEFT]))
    exten = draw(st.sampled_from([*["018000101"] * 5, "*23*1*1430#"]))
    context = draw(st.sampled_from([*["from-trunk"] * 5, ANNOUNCE_CONTEXT]))
    lost = draw(st.sets(st.integers(0, 16), max_size=3))
    whole = enumerate(read_table(table, exten=exten, context=context))
    return [event for place, event in whole if place not in lost] + draw(
        st.lists(MARKS, max_size=3)
    )


@given(EVENTS | damaged())
@settings(max_examples=300, deadline=None)
def test_s7_every_call_is_one_of_answered_told_when_untold_uncounted_or_open(
    events: list[CelEvent],
) -> None:
    for call in fold(events):
        holds = [
            call.outcome is Outcome.ANSWERED,
            call.told_when,
            call.untold != "",
            call.outcome in {Outcome.CODE, Outcome.OUTGOING, Outcome.ANNOUNCEMENT},
            call.outcome is Outcome.OPEN,
        ]
        assert holds.count(True) == 1
        assert not call.told_when or any(step.tells for step in call.steps)
        assert (call.answered_at is None) or not (call.told_when or call.untold)
