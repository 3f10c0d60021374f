"""Tables of Asterisk's event log, as calls leave them, and what they are read as.

Columns: seconds, type, channel, extension and context, peer, extra. The caller's channel is
PJSIP/trunk-00000001 with the unique id that is the call's linkedid.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_bridge.core.latency import Journey, Outcome, fold
from pbx_bridge.core.record import CelEvent
from pbx_bridge.core.trace import MARK, endpoint_of, mark_of, value
from pbx_bridge.wire import cel as cel_csv

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
CALLER = "PJSIP/trunk-00000001"
LINKEDID = "1795422600.1"


def cel(at_s: float, kind: str, channel: str = CALLER, **fields: str) -> CelEvent:
    values = {
        "linkedid": LINKEDID,
        "uniqueid": LINKEDID if channel == CALLER else f"of {channel}",
        "caller": "0401234567",
        "exten": "018000101",
        "context": "from-trunk",
        "app": "",
        "data": "",
        "peer": "",
        "extra": "",
    } | fields
    return CelEvent(time=START + timedelta(seconds=at_s), type=kind, channel=channel, **values)


def read_table(table: str, **fields: str) -> list[CelEvent]:
    """One event a line: seconds, type, channel, then what its extra data says."""
    events = []
    for line in table.strip().splitlines():
        at_s, kind, channel, *rest = line.split(maxsplit=3)
        extra = rest[0].strip() if rest else ""
        match kind:
            case "MARK":
                kind, extra = MARK, f'{{"extra":"{extra}"}}'
            case "BRIDGE_ENTER" | "BRIDGE_EXIT":
                extra = f'{{"bridge_id":"{extra}","bridge_technology":"simple_bridge"}}'
            case "HANGUP":
                cause, _, source = extra.partition(" ")
                extra = f'{{"hangupcause":{cause},"hangupsource":"{source}","dialstatus":""}}'
        events.append(cel(float(at_s), kind, channel, extra=extra, **fields))
    return events


PERSON_ANSWERS = """
0.000000  CHAN_START    PJSIP/trunk-00000001
0.004211  MARK          PJSIP/trunk-00000001  ring|person-rings|101
0.006102  CHAN_START    PJSIP/101-00000002
2.310400  ANSWER        PJSIP/101-00000002
2.310950  ANSWER        PJSIP/trunk-00000001
2.312500  BRIDGE_ENTER  PJSIP/101-00000002    b1
2.313000  BRIDGE_ENTER  PJSIP/trunk-00000001  b1
9.100000  BRIDGE_EXIT   PJSIP/trunk-00000001  b1
9.101000  BRIDGE_EXIT   PJSIP/101-00000002    b1
9.102000  HANGUP        PJSIP/101-00000002    16 PJSIP/trunk-00000001
9.102000  CHAN_END      PJSIP/101-00000002
9.103000  HANGUP        PJSIP/trunk-00000001  16 PJSIP/trunk-00000001
9.103000  CHAN_END      PJSIP/trunk-00000001
9.103000  LINKEDID_END  PJSIP/trunk-00000001
"""
MESSAGE_THEN_DEPUTY = """
0.000000  CHAN_START    PJSIP/trunk-00000001
0.010000  MARK          PJSIP/trunk-00000001  say|person-absent|absent-1&passing-2
0.011000  ANSWER        PJSIP/trunk-00000001
6.500000  MARK          PJSIP/trunk-00000001  ring|deputy-rings|102
6.510000  CHAN_START    PJSIP/102-00000002
11.40000  ANSWER        PJSIP/102-00000002
11.40100  BRIDGE_ENTER  PJSIP/102-00000002    b1
11.50000  BRIDGE_ENTER  PJSIP/trunk-00000001  b1
"""
CLOSED_LINE = """
0.000000  CHAN_START    PJSIP/trunk-00000001
0.010000  MARK          PJSIP/trunk-00000001  ask|line-closed|closed-1
0.011000  ANSWER        PJSIP/trunk-00000001
9.000000  MARK          PJSIP/trunk-00000001  say|message-declined|goodbye
11.00000  HANGUP        PJSIP/trunk-00000001  16
"""
MESSAGE_LEFT = """
0.000000  CHAN_START    PJSIP/trunk-00000001
0.010000  MARK          PJSIP/trunk-00000001  ask|line-closed|closed-1
0.011000  ANSWER        PJSIP/trunk-00000001
9.000000  MARK          PJSIP/trunk-00000001  voicemail|message-chosen|100
31.00000  HANGUP        PJSIP/trunk-00000001  16 PJSIP/trunk-00000001
"""
TOLD = """
0.000000  CHAN_START    PJSIP/trunk-00000001
0.010000  MARK          PJSIP/trunk-00000001  ring|person-rings|101
0.011000  CHAN_START    PJSIP/101-00000002
20.01000  HANGUP        PJSIP/101-00000002    16
20.02000  MARK          PJSIP/trunk-00000001  say|person-no-answer|no-answer-1
20.03000  ANSWER        PJSIP/trunk-00000001
26.00000  MARK          PJSIP/trunk-00000001  hangup|nothing-left
26.10000  HANGUP        PJSIP/trunk-00000001  16
"""
GAVE_UP_IN_THE_QUEUE = """
0.000000  CHAN_START    PJSIP/trunk-00000001
0.010000  MARK          PJSIP/trunk-00000001  queue|line-open|vaxeln
0.011000  ANSWER        PJSIP/trunk-00000001
0.020000  CHAN_START    PJSIP/101-00000002
0.021000  CHAN_START    PJSIP/102-00000003
15.02000  HANGUP        PJSIP/101-00000002    16
15.02100  HANGUP        PJSIP/102-00000003    16
17.50000  HANGUP        PJSIP/trunk-00000001  16 PJSIP/trunk-00000001
"""


def journey(table: str, **fields: str) -> Journey:
    (only,) = fold(read_table(table, **fields))
    return only


def test_the_wait_ends_when_caller_and_person_are_together() -> None:
    call = journey(PERSON_ANSWERS)
    assert call.outcome is Outcome.ANSWERED
    assert call.wait_s == pytest.approx(2.313)
    assert call.answered_by == "101"
    assert (call.caller, call.dialled, call.origin) == ("0401234567", "018000101", "from-trunk")
    assert call.ended_at == START + timedelta(seconds=9.103)
    assert [(step.step, step.why, step.detail) for step in call.steps] == [
        ("ring", "person-rings", "101")
    ]
    (leg,) = call.legs
    assert leg.endpoint == "101"
    assert leg.cause == 16


def test_a_message_is_no_answer_and_its_time_is_part_of_the_wait() -> None:
    call = journey(MESSAGE_THEN_DEPUTY)
    assert call.answered_by == "102"
    assert call.wait_s == pytest.approx(11.5)


@pytest.mark.parametrize(
    ("table", "outcome", "wait_s"),
    [
        (CLOSED_LINE, Outcome.CLOSED, 11.0),
        (MESSAGE_LEFT, Outcome.MESSAGE, 31.0),
        (TOLD, Outcome.TOLD, 26.1),
        (GAVE_UP_IN_THE_QUEUE, Outcome.ABANDONED, 17.5),
    ],
)
def test_each_end_without_an_answer_has_its_name(
    table: str, outcome: Outcome, wait_s: float
) -> None:
    call = journey(table)
    assert call.outcome is outcome
    assert call.wait_s == pytest.approx(wait_s)
    assert call.answered_at is None


def test_a_call_without_an_end_is_open_and_has_no_wait_yet() -> None:
    (call,) = fold(read_table(GAVE_UP_IN_THE_QUEUE)[:-1])
    assert call.outcome is Outcome.OPEN
    assert call.wait_s is None


@pytest.mark.parametrize("dialled", ["*23*1*1430#", "#23#"])
def test_a_feature_code_is_no_call(dialled: str) -> None:
    assert journey(TOLD, exten=dialled).outcome is Outcome.CODE


@pytest.mark.parametrize("why", ["outgoing", "outgoing-failed", "emergency"])
def test_a_call_to_the_outside_is_outgoing_even_when_answered(why: str) -> None:
    table = PERSON_ANSWERS.replace("ring|person-rings", f"dial|{why}")
    assert journey(table, context="from-phone").outcome is Outcome.OUTGOING


def test_f27_of_two_phones_that_answer_the_first_to_be_with_the_caller_wins() -> None:
    call = journey(
        """
        0.0  CHAN_START    PJSIP/trunk-00000001
        0.1  CHAN_START    PJSIP/101-00000002
        0.1  CHAN_START    PJSIP/102-00000003
        3.0  ANSWER        PJSIP/101-00000002
        3.0  ANSWER        PJSIP/102-00000003
        3.1  BRIDGE_ENTER  PJSIP/102-00000003    b1
        3.1  HANGUP        PJSIP/101-00000002    26
        3.2  BRIDGE_ENTER  PJSIP/trunk-00000001  b1
        """
    )
    assert call.answered_by == "102"
    assert call.wait_s == pytest.approx(3.2)


def test_an_answer_over_a_local_channel_counts_from_the_moment_of_talk() -> None:
    call = journey(
        """
        0.0  CHAN_START    PJSIP/trunk-00000001
        0.1  CHAN_START    Local/101@phones-00000000;1
        0.1  CHAN_START    Local/101@phones-00000000;2
        0.2  CHAN_START    PJSIP/101-00000002
        4.0  ANSWER        PJSIP/101-00000002
        4.0  ANSWER        Local/101@phones-00000000;1
        4.1  BRIDGE_ENTER  PJSIP/101-00000002             b2
        4.1  BRIDGE_ENTER  Local/101@phones-00000000;2    b2
        4.2  BRIDGE_ENTER  Local/101@phones-00000000;1    b1
        4.3  BRIDGE_ENTER  PJSIP/trunk-00000001           b1
        """
    )
    assert call.answered_by == "101"
    assert call.wait_s == pytest.approx(4.3)
    assert [leg.endpoint for leg in call.legs] == ["101"]


def test_without_bridge_ids_the_names_of_the_peers_tell_who_is_together() -> None:
    events = [
        cel(0, "CHAN_START"),
        cel(1, "CHAN_START", "PJSIP/101-00000002"),
        cel(2, "ANSWER", "PJSIP/101-00000002"),
        cel(2.1, "BRIDGE_ENTER", "PJSIP/101-00000002"),
        cel(2.2, "BRIDGE_ENTER", peer="PJSIP/101-00000002"),
    ]
    (call,) = fold(events)
    assert call.wait_s == pytest.approx(2.2)


def test_a_phone_in_a_bridge_that_never_answered_is_no_answer() -> None:
    without = [event for event in read_table(PERSON_ANSWERS) if event.type != "ANSWER"]
    (call,) = fold(without)
    assert call.outcome is Outcome.ABANDONED


def test_f19_doubled_and_disordered_lines_change_nothing() -> None:
    events = read_table(MESSAGE_THEN_DEPUTY)
    assert fold([*reversed(events), *events]) == fold(events)


def test_a_lost_hangup_is_made_good_by_the_end_of_the_linkedid() -> None:
    events = [
        event
        for event in read_table(PERSON_ANSWERS)
        if event.type not in {"HANGUP", "CHAN_END"} or event.channel != CALLER
    ]
    (call,) = fold(events)
    assert call.ended_at == START + timedelta(seconds=9.103)


def test_a_record_that_begins_in_the_middle_of_a_call_is_read_from_there() -> None:
    (call,) = fold(read_table(PERSON_ANSWERS)[3:])
    assert call.outcome is Outcome.ANSWERED
    assert fold([event for event in read_table(PERSON_ANSWERS) if event.channel != CALLER]) == []


def test_calls_are_told_apart_by_linkedid_and_come_in_order_of_their_start() -> None:
    later = [
        cel(60, "CHAN_START", linkedid="2.1", uniqueid="2.1", exten="018000100"),
        cel(62, "HANGUP", linkedid="2.1", uniqueid="2.1"),
    ]
    first, second = fold([*later, *read_table(PERSON_ANSWERS)])
    assert (first.dialled, second.dialled) == ("018000101", "018000100")


@pytest.mark.parametrize(
    "event",
    [
        cel(0, "PBX_STEP", extra='{"extra":"say|line-closed|a&b"}'),
        cel(0, "PBX_STEP", extra="say|line-closed|a&b"),
        cel(0, "USER_DEFINED", data="PBX_STEP,say|line-closed|a&b"),
        cel(0, "USER_DEFINED", data="PBX_STEP,say|…", extra='{"extra":"say|line-closed|a&b"}'),
    ],
)
def test_a_mark_is_read_however_the_log_is_configured(event: CelEvent) -> None:
    mark = mark_of(event)
    assert mark is not None
    assert (mark.step, mark.why, mark.detail) == ("say", "line-closed", "a&b")


def test_other_events_are_no_marks() -> None:
    assert mark_of(cel(0, "OTHER", extra='{"extra":"say|x"}')) is None
    assert mark_of(cel(0, "USER_DEFINED", data="OTHER,say|x")) is None


def test_endpoints_may_contain_dashes() -> None:
    assert endpoint_of("PJSIP/desk-101-0000001a") == "desk-101"
    assert endpoint_of("Local/101@phones-00000000;1") == ""


@pytest.mark.parametrize("extra", ["", "{", "{]", "[1]", '{"a":1}', '{"extra":null}', "{" * 5000])
def test_f10_extra_data_that_is_no_object_is_no_trouble(extra: str) -> None:
    assert isinstance(value(extra, "extra"), str)


RECORDING = Path(__file__).parents[1] / "recordings" / "cel_three_calls.csv"


def recorded() -> list[CelEvent]:
    """A real Asterisk 22.10.1: an answered call, a phone that is silent for 1 s, a queue."""
    rows = [cel_csv.parse(line) for line in RECORDING.read_bytes().splitlines()]
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return [
        CelEvent(epoch + timedelta(microseconds=row.time_us), *row.values) for row in rows if row
    ]


def test_three_calls_through_a_real_asterisk_are_read_right() -> None:
    person, silent, queue = fold(recorded())
    assert (person.outcome, person.answered_by) == (Outcome.ANSWERED, "101")
    assert person.wait_s == pytest.approx(0.003584)
    assert (silent.outcome, silent.answered_at) == (Outcome.TOLD, None)
    assert silent.wait_s == pytest.approx(1.705807)
    assert [leg.endpoint for leg in silent.legs] == ["102"]
    assert (queue.outcome, queue.answered_by) == (Outcome.ANSWERED, "101")
    assert queue.wait_s == pytest.approx(0.504226)
    assert [leg.cause for leg in queue.legs] == [16, 26]
    assert {call.caller for call in (person, silent, queue)} == {"sipp"}


@pytest.mark.parametrize(
    ("mark", "outcome"),
    [
        ("say|fallback-line-closed|closed", Outcome.CLOSED),
        ("dial|fallback-outgoing|", Outcome.OUTGOING),
        ("say|fallback-sorry|sorry", Outcome.TOLD),
    ],
)
def test_f04_what_the_dialplan_does_without_a_bridge_counts_the_same(
    mark: str, outcome: Outcome
) -> None:
    assert journey(TOLD.replace("say|person-no-answer|no-answer-1", mark)).outcome is outcome


def test_the_callers_number_may_come_after_the_first_event() -> None:
    (call,) = fold([cel(0, "CHAN_START", caller=""), cel(1, "ANSWER"), cel(2, "HANGUP")])
    assert call.caller == "0401234567"


TYPES = [
    "CHAN_START", "ANSWER", "BRIDGE_ENTER", "BRIDGE_EXIT", "HANGUP", "CHAN_END",
    "LINKEDID_END", "PBX_STEP", "USER_DEFINED", "APP_START", "?",
]  # fmt: skip
CHANNELS = [CALLER, "PJSIP/101-2", "PJSIP/102-3", "Local/1@x-0;1", "Local/1@x-0;2", "PJSIP/", ""]
EXTRAS = st.sampled_from(
    ["", "{", '{"bridge_id":"b1"}', '{"bridge_id":"b2"}', '{"extra":"say|line-closed"}']
) | st.text(max_size=9)
EVENTS = st.lists(
    st.builds(
        cel,
        st.integers(0, 9),
        st.sampled_from(TYPES),
        st.sampled_from(CHANNELS),
        linkedid=st.sampled_from([LINKEDID, "2.1", ""]),
        uniqueid=st.sampled_from([LINKEDID, "2.1", "3.1"]),
        exten=st.text(max_size=9),
        data=st.text(max_size=9),
        peer=st.sampled_from([CALLER, "PJSIP/101-2,PJSIP/102-3", ",", ""]),
        extra=EXTRAS,
    ),
    max_size=25,
)


@given(EVENTS)
@settings(max_examples=150, deadline=None)
def test_whatever_the_record_holds_it_is_folded(events: list[CelEvent]) -> None:
    for call in fold(events):
        assert call.outcome is not Outcome.OPEN or call.wait_s is None
        assert call.wait_s is None or call.wait_s >= 0
        assert call.answered_at is None or call.started <= call.answered_at
