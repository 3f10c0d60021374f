"""What a call counts as: abandoned or told, misdialled, refused, sent on, carried outside."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core.cel_tables import GAVE_UP_IN_THE_QUEUE, PERSON_ANSWERS, journey, read_table, recorded
from core.plans import PLAN

from pbx_bridge.core import returning
from pbx_bridge.core.latency import Journey, Outcome, fold
from pbx_bridge.core.report import summarise
from pbx_bridge.core.trace import Talk

CALLER_GOES = "25.10000  HANGUP  PJSIP/trunk-00000001  16 PJSIP/trunk-00000001"
EXCHANGE_ENDS = "25.10000  HANGUP  PJSIP/trunk-00000001  16 dialplan/builtin"
RANG = """
0.000000  CHAN_START  PJSIP/trunk-00000001
0.010000  MARK        PJSIP/trunk-00000001  ring|person-rings|101
0.011000  CHAN_START  PJSIP/101-00000002
"""
ON_THE_WAY = "20.0 MARK PJSIP/trunk-00000001 say|person-no-answer|no-answer-1&passing-2\n"
AWAY_UNTIL = "20.0 MARK PJSIP/trunk-00000001 say|person-absent|absent-1&passing-2|when\n"
CHOICES = "20.0 MARK PJSIP/trunk-00000001 ask|person-no-answer|x|when\n"
GOODBYE = "24.0 MARK PJSIP/trunk-00000001 say|message-declined|goodbye\n"
LEAVE_ONE = "24.0 MARK PJSIP/trunk-00000001 say|message-chosen|leave-message\n"
DEPUTY_NEITHER = "24.0 MARK PJSIP/trunk-00000001 say|deputy-no-answer|x&passing-2\n"


@pytest.mark.parametrize(
    ("said", "by_caller", "by_exchange"),
    [
        (ON_THE_WAY, Outcome.ABANDONED, Outcome.TOLD),
        (AWAY_UNTIL, Outcome.TOLD, Outcome.TOLD),
        (AWAY_UNTIL + DEPUTY_NEITHER, Outcome.ABANDONED, Outcome.TOLD),
        (CHOICES, Outcome.TOLD, Outcome.TOLD),
        (CHOICES + GOODBYE, Outcome.TOLD, Outcome.TOLD),
        (CHOICES + LEAVE_ONE, Outcome.TOLD, Outcome.TOLD),
    ],
)
def test_s21_who_hangs_up_on_a_sentence_that_told_no_time_has_given_up(
    said: str, by_caller: Outcome, by_exchange: Outcome
) -> None:
    assert journey(RANG + said.strip() + "\n" + CALLER_GOES).outcome is by_caller
    assert journey(RANG + said.strip() + "\n" + EXCHANGE_ENDS).outcome is by_exchange


def test_s21_who_gave_up_on_the_way_to_a_deputy_is_in_the_headline() -> None:
    gave_up = journey(RANG + ON_THE_WAY + CALLER_GOES)
    report = summarise([gave_up, journey(PERSON_ANSWERS)])
    assert (report.abandoned, report.told, report.service_level) == (1, 0, 0.5)


def from_phone(table: str, dialled: str) -> Journey:
    """A call of phone 102."""
    events = read_table(table.strip(), exten=dialled, context="from-phone")
    (call,) = fold(
        one._replace(
            channel=one.channel.replace("trunk", "102"),
            peer=one.peer.replace("trunk", "102"),
            caller="102",
        )
        for one in events
    )
    return call


def said_only(mark: str) -> str:
    return f"""
0.000000  CHAN_START  PJSIP/trunk-00000001
0.010000  MARK        PJSIP/trunk-00000001  {mark}
3.100000  HANGUP      PJSIP/trunk-00000001  16
"""


@pytest.mark.parametrize("dialled", ["199", "1011", "5"])
@pytest.mark.parametrize("mark", ["say|unknown-number|x", "say|fallback-sorry|x"])
def test_s7_a_misdial_of_a_phone_of_the_house_is_nobody_who_seeks_somebody(
    dialled: str, mark: str
) -> None:
    """Nor is it without a bridge."""
    call = from_phone(said_only(mark), dialled)
    assert (call.outcome, call.counted, call.untold) == (Outcome.REFUSED, False, "")
    assert (summarise([call]).offered, summarise([call]).untold) == (0, 0)
    outside = journey(said_only("say|unknown-number|x"))
    assert (outside.counted, outside.untold) == (True, "unknown-number")


def test_s27_a_call_that_the_exchange_refused_was_not_carried() -> None:
    call = from_phone(said_only("say|outgoing-barred|x"), "0046701234567")
    assert (call.outcome, call.counted, call.outgoing) == (Outcome.REFUSED, False, ())
    assert call.other_end == "0046701234567", "to be found where that number is asked for"


def test_the_voice_menu_without_a_bridge_is_no_call_to_somebody_either() -> None:
    assert journey(said_only("say|fallback-sorry|x")).outcome is Outcome.CODE
    waited = GAVE_UP_IN_THE_QUEUE.replace(
        "17.50000", "17.4 MARK PJSIP/trunk-00000001 say|fallback-sorry|x\n17.50000"
    )
    assert journey(waited).counted, "a caller of a line"


SENT_OUT = """
0.000000  CHAN_START    PJSIP/trunk-00000001
0.004000  MARK          PJSIP/trunk-00000001  ring|person-rings|101
0.006000  CHAN_START    PJSIP/101-00000002
2.310000  ANSWER        PJSIP/101-00000002
2.312000  BRIDGE_ENTER  PJSIP/101-00000002       b1
2.313000  BRIDGE_ENTER  PJSIP/trunk-00000001     b1
602.3130  BRIDGE_EXIT   PJSIP/101-00000002       b1
602.3140  BRIDGE_EXIT   PJSIP/trunk-00000001     b1
602.3150  HANGUP        PJSIP/101-00000002       16
602.4000  MARK          PJSIP/trunk-00000001     dial|outgoing|0401234567
602.4100  CHAN_START    PJSIP/operator-00000004
610.0000  ANSWER        PJSIP/operator-00000004
610.0010  BRIDGE_ENTER  PJSIP/operator-00000004  b2
610.0020  BRIDGE_ENTER  PJSIP/trunk-00000001     b2
670.0020  BRIDGE_EXIT   PJSIP/trunk-00000001     b2
670.0030  HANGUP        PJSIP/trunk-00000001     16 PJSIP/trunk-00000001
"""


def seconds(talks: tuple[Talk, ...]) -> list[tuple[str, float]]:
    return [
        (one.by, round((one.until - one.since).total_seconds(), 3))
        for one in talks
        if one.until is not None
    ]


def test_s6_an_internal_call_that_is_sent_out_stays_one_and_its_outgoing_part_is_that_alone() -> (
    None
):
    call = from_phone(SENT_OUT, "101")
    assert (call.outcome, call.counted, call.answered_by) == (Outcome.ANSWERED, True, "101")
    assert call.wait_s == pytest.approx(2.313)
    assert seconds(call.talks) == [("101", 600.0), ("operator", 60.0)]
    assert seconds(call.outgoing) == [("operator", 60.0)]
    command = returning.noted(call, PLAN)
    assert command is not None
    assert (command.number, command.calling, command.at) == (
        "0401234567",
        "102",
        call.outgoing[0].since,
    )


def test_an_outgoing_call_is_outgoing_all_of_it() -> None:
    table = PERSON_ANSWERS.replace("ring|person-rings|101", "dial|outgoing|0401234567")
    call = from_phone(table.replace("PJSIP/101", "PJSIP/operator"), "0401234567")
    assert call.outcome is Outcome.OUTGOING
    assert call.outgoing == call.talks


def test_pieces_of_one_talk_are_one() -> None:
    """Asterisk takes a Local channel out of the way: for 1 ms they are apart."""
    pieces = """
0.000000  CHAN_START    PJSIP/trunk-00000001
0.006000  CHAN_START    PJSIP/101-00000002
2.000000  ANSWER        PJSIP/101-00000002
2.001000  BRIDGE_ENTER  PJSIP/101-00000002    b1
2.002000  BRIDGE_ENTER  PJSIP/trunk-00000001  b1
2.029000  BRIDGE_EXIT   PJSIP/trunk-00000001  b1
2.030000  BRIDGE_ENTER  PJSIP/trunk-00000001  b2
2.030100  BRIDGE_ENTER  PJSIP/101-00000002    b2
2.045000  BRIDGE_EXIT   PJSIP/trunk-00000001  b2
2.046000  BRIDGE_ENTER  PJSIP/trunk-00000001  b2
8.000000  BRIDGE_EXIT   PJSIP/trunk-00000001  b2
8.049000  BRIDGE_ENTER  PJSIP/trunk-00000001  b2
9.000000  BRIDGE_EXIT   PJSIP/trunk-00000001  b2
9.060000  BRIDGE_ENTER  PJSIP/trunk-00000001  b2
9.500000  HANGUP        PJSIP/trunk-00000001  16 PJSIP/trunk-00000001
"""
    call = journey(pieces)
    assert seconds(call.talks) == [("101", 6.998), ("101", 0.44)]
    assert call.wait_s == pytest.approx(2.002)


def test_s7_who_was_sent_on_in_vain_is_told_or_untold_by_what_came_after() -> None:
    """Answered by 101, sent to 102, who doesn't answer, nor do the lines."""
    (call,) = fold(recorded("cel_blind_transfer_unanswered.csv"))
    assert (call.outcome, call.sent_to, call.stranded) == (Outcome.ANSWERED, "102", True)
    assert (call.told_when, call.untold, call.blocked) == (True, "", True)
    events = recorded("cel_blind_transfer_unanswered.csv")
    (untold,) = fold(one._replace(extra=one.extra.replace("|when", "|")) for one in events)
    assert (untold.told_when, untold.untold) == (False, "line-no-answer")
    report = summarise([untold])
    assert (report.offered, report.answered, report.untold) == (1, 1, 1)
    (reached,) = fold(recorded("cel_blind_transfer.csv"))
    assert (reached.sent_to, reached.stranded, reached.untold) == ("102", False, "")


def test_s16_who_was_sent_on_in_vain_is_returned_by_the_last_one_sought() -> None:
    (call,) = fold(recorded("cel_blind_transfer_unanswered.csv"))
    command = returning.noted(call, PLAN)
    assert command is not None
    assert (command.sought, command.reached, command.left) == ("101", "101", "102")
    assert command.left_at == call.ended_at
    nowhere = returning.noted(replace(call, sent_to="199"), PLAN)
    assert nowhere is not None
    assert nowhere.left == "101", "nobody else was sought"


def test_a_call_that_came_twice_is_counted_once_and_whom_an_operator_said_in_to_was_dialled() -> (
    None
):
    twice = """
    0.0  CHAN_START  PJSIP/trunk-00000001
    0.1  MARK        PJSIP/trunk-00000001  hangup|same-call|
    0.2  HANGUP      PJSIP/trunk-00000001  19
    """
    for text in (twice, twice.replace("same-call", "came-back")):
        (call,) = fold(read_table(text))
        assert (call.outcome, call.counted) == (Outcome.DOUBLE, False)
    login = """
    0.0  CHAN_START  PJSIP/trunk-00000001
    0.1  MARK        PJSIP/trunk-00000001  called||018000101
    0.2  MARK        PJSIP/trunk-00000001  ring|person-rings|101
    9.0  HANGUP      PJSIP/trunk-00000001  16 PJSIP/trunk-00000001
    """
    (call,) = fold(read_table(login, exten="login77"))
    assert (call.dialled, call.outcome) == ("018000101", Outcome.ABANDONED)
    assert [one.step for one in call.steps] == ["ring"]
