"""What the tables of Asterisk's event log are read as."""

from datetime import timedelta

import pytest
from core.cel_tables import (
    CALLER,
    CLOSED_LINE,
    EVENTS,
    GAVE_UP_IN_THE_QUEUE,
    MESSAGE_LEFT,
    MESSAGE_THEN_DEPUTY,
    PERSON_ANSWERS,
    START,
    TOLD,
    cel,
    journey,
    read_table,
    recorded,
)
from hypothesis import given, settings

from pbx_bridge.core.latency import Outcome, fold
from pbx_bridge.core.record import CelEvent
from pbx_bridge.core.trace import mark_of, mobile_of, value


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


def test_only_the_channels_that_ring_a_mobile_name_one() -> None:
    assert mobile_of("Local/0457000102@pbx-bridge-mobile-0000001a;2") == "0457000102"
    assert mobile_of("Local/101@phones-00000000;1") == ""
    assert mobile_of("Local/101@pbx-bridge-mobile2-00000000;1") == ""
    assert mobile_of("PJSIP/operator-0000001a") == ""


@pytest.mark.parametrize("extra", ["", "{", "{]", "[1]", '{"a":1}', '{"extra":null}', "{" * 5000])
def test_f10_extra_data_that_is_no_object_is_no_trouble(extra: str) -> None:
    assert isinstance(value(extra, "extra"), str)


def test_three_calls_through_a_real_asterisk_are_read_right() -> None:
    """An answered call, a phone that is silent for 1 s, a queue."""
    person, silent, queue = fold(recorded("cel_three_calls.csv"))
    assert (person.outcome, person.answered_by) == (Outcome.ANSWERED, "101")
    assert person.wait_s == pytest.approx(0.003584)
    assert (silent.outcome, silent.answered_at) == (Outcome.ABANDONED, None)
    assert silent.wait_s == pytest.approx(1.705807)
    assert [leg.endpoint for leg in silent.legs] == ["102"]
    assert (queue.outcome, queue.answered_by) == (Outcome.ANSWERED, "101")
    assert queue.wait_s == pytest.approx(0.504226)
    assert [leg.cause for leg in queue.legs] == [16, 26]
    assert {call.caller for call in (person, silent, queue)} == {"sipp"}


def test_a_mobile_has_answered_when_its_owner_has_pressed_1_and_not_when_it_picks_up() -> None:
    """Desk phone 102 and mobile 0457000102 ring: the owner presses 1, the mobile's voicemail
    picks up, the same but the desk phone is answered, the same but the caller gives up, and
    the owner presses 1 and hangs up first."""
    pressed, voicemail, desk, gave_up, left = fold(recorded("cel_mobile.csv"))
    assert (pressed.outcome, pressed.answered_by) == (Outcome.ANSWERED, "0457000102")
    assert pressed.wait_s == pytest.approx(1.230407)
    assert (voicemail.outcome, voicemail.answered_at) == (Outcome.TOLD, None)
    assert voicemail.told_when
    assert (desk.outcome, desk.answered_by) == (Outcome.ANSWERED, "102")
    assert desk.wait_s == pytest.approx(1.507108)
    assert (gave_up.outcome, gave_up.untold) == (Outcome.ABANDONED, "person-rings")
    assert left.answered_by == "0457000102"
    for call in (pressed, voicemail, desk, gave_up, left):
        assert [leg.endpoint for leg in call.legs] == ["102", "operator"]
        assert call.legs[1].answered is not None
    assert [call.ended_by_caller for call in (pressed, voicemail, gave_up)] == [True, False, True]


def test_calls_that_the_exchange_makes_are_announcements() -> None:
    """A colleague who answers, one who doesn't, and one whose phone isn't there."""
    for call in fold(recorded("cel_announcements.csv")):
        assert call.outcome is Outcome.ANNOUNCEMENT
        assert (call.told_when, call.untold) == (False, "")


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


CALLED_BACK = """
0.000000  CHAN_START    PJSIP/trunk-00000001
0.010000  MARK          PJSIP/trunk-00000001  ask|code-asked|a
3.010000  MARK          PJSIP/trunk-00000001  dial|outgoing|0457123456
3.020000  CHAN_START    PJSIP/operator-00000002
5.020000  ANSWER        PJSIP/operator-00000002
5.030000  BRIDGE_ENTER  PJSIP/operator-00000002  b1
5.040000  BRIDGE_ENTER  PJSIP/trunk-00000001  b1
9.040000  HANGUP        PJSIP/trunk-00000001  16 PJSIP/trunk-00000001
"""


def test_a_caller_who_is_called_back_by_a_code_is_an_outgoing_call_to_that_number() -> None:
    """It closes their return, and its minutes count (S6, S16)."""
    called = journey(CALLED_BACK, exten="*96#", context="from-phone")
    assert (called.outcome, called.other_end) == (Outcome.OUTGOING, "0457123456")
    assert [one.by for one in called.talks] == ["operator"]
    asked = journey(CALLED_BACK.split("3.01", maxsplit=1)[0], exten="*96#", context="from-phone")
    assert asked.outcome is Outcome.CODE


def test_the_callers_number_may_come_after_the_first_event() -> None:
    (call,) = fold([cel(0, "CHAN_START", caller=""), cel(1, "ANSWER"), cel(2, "HANGUP")])
    assert call.caller == "0401234567"


@given(EVENTS)
@settings(max_examples=150, deadline=None)
def test_whatever_the_record_holds_it_is_folded(events: list[CelEvent]) -> None:
    for call in fold(events):
        assert call.outcome is not Outcome.OPEN or call.wait_s is None
        assert call.wait_s is None or call.wait_s >= 0
        assert call.answered_at is None or call.started <= call.answered_at


TRANSFERRED = """
0.000000  CHAN_START    PJSIP/trunk-00000001
0.004000  MARK          PJSIP/trunk-00000001  ring|person-rings|101
0.006000  CHAN_START    PJSIP/101-00000002
2.310000  ANSWER        PJSIP/101-00000002
2.312000  BRIDGE_ENTER  PJSIP/101-00000002    b1
2.313000  BRIDGE_ENTER  PJSIP/trunk-00000001  b1
8.000000  BRIDGE_ENTER  PJSIP/102-00000004    b1
8.001000  BRIDGE_EXIT   PJSIP/101-00000002    b1
8.002000  HANGUP        PJSIP/101-00000002    16
9.102000  BRIDGE_EXIT   PJSIP/trunk-00000001  b1
9.103000  HANGUP        PJSIP/trunk-00000001  16 PJSIP/trunk-00000001
"""
ASTERISK_DIED = """
0.000000  CHAN_START    PJSIP/trunk-00000001
0.010000  MARK          PJSIP/trunk-00000001  queue|line-open|vaxeln
0.011000  ANSWER        PJSIP/trunk-00000001
0.020000  CHAN_START    PJSIP/101-00000002
"""


def test_a_transfer_begins_another_talk_and_the_first_voice_stays_the_answer() -> None:
    call = journey(TRANSFERRED)
    assert call.answered_by == "101"
    assert call.wait_s == pytest.approx(2.313)
    assert [(one.by, (one.since - START).total_seconds()) for one in call.talks] == [
        ("101", 2.313),
        ("102", 8.001),
    ]
    assert call.talks[0].until == call.talks[1].since
    assert call.talks[1].until == START + timedelta(seconds=9.102)


def test_f07_what_was_open_when_asterisk_died_is_lost() -> None:
    events = read_table(ASTERISK_DIED)
    (open_,) = fold(events, [START])
    assert open_.outcome is Outcome.OPEN, "Asterisk was started before the call"
    (lost,) = fold(events, [START + timedelta(minutes=1)])
    assert (lost.outcome, lost.cut) == (Outcome.LOST, True)
    assert lost.ended_at == START + timedelta(seconds=0.02)
    assert lost.counted
    assert lost.untold == "line-open"


def test_f07_a_talk_that_asterisk_cut_was_answered_and_has_ended() -> None:
    (call,) = fold(read_table(TRANSFERRED)[:6], [START + timedelta(minutes=1)])
    assert (call.outcome, call.cut) == (Outcome.ANSWERED, True)
    assert call.talks[-1].until == call.ended_at


@pytest.mark.parametrize(
    ("word", "blocked", "saturated"),
    [("JOINEMPTY", True, False), ("LEAVEEMPTY", True, False), ("FULL", False, True)],
)
def test_a_line_without_attendants_blocks_and_a_full_one_is_saturated(
    word: str, blocked: bool, saturated: bool
) -> None:
    note = f"0.5 MARK PJSIP/trunk-00000001 say|line-no-answer|sorry||{word}"
    call = journey(GAVE_UP_IN_THE_QUEUE.replace("15.02000", f"{note}\n15.02000"))
    assert (call.blocked, call.saturated) == (blocked, saturated)
    answered = PERSON_ANSWERS.replace("2.310400", f"{note}\n2.310400")
    assert not journey(answered).blocked, "somebody has answered after all"


def test_a_message_that_could_not_be_kept_is_none() -> None:
    failed = MESSAGE_LEFT.replace(
        "31.00000", "30.0 MARK PJSIP/trunk-00000001 say|message-not-taken|sorry||FAILED\n31.00000"
    )
    assert journey(failed).outcome is Outcome.CLOSED


def test_calls_that_a_phone_sends_elsewhere_by_itself_are_counted_where_they_go() -> None:
    asked = f'1.0 FORWARD {CALLER} {{"forward":"107"}}\n'
    refused = PERSON_ANSWERS.replace("2.310400", f"{asked}2.31")
    assert journey(refused).diversions == 0, "Asterisk did not follow"
    followed = f"{asked}1.1 CHAN_START Local/107@from-phone-00000003;1\n2.31"
    assert journey(PERSON_ANSWERS.replace("2.310400", followed)).diversions == 1


def talks(name: str) -> list[tuple[str, float]]:
    call = next(one for one in fold(recorded(name)) if one.origin == "from-trunk")
    return [(one.by, round((one.since - call.started).total_seconds(), 2)) for one in call.talks]


def test_an_attended_transfer_hands_the_caller_to_the_one_who_was_consulted() -> None:
    caller, consultation = fold(recorded("cel_attended_transfer.csv"))
    assert (caller.outcome, caller.answered_by) == (Outcome.ANSWERED, "101")
    assert talks("cel_attended_transfer.csv") == [("101", 0.01), ("102", 1.02)]
    assert caller.talks[-1].until is not None
    assert (caller.talks[-1].until - caller.started).total_seconds() == pytest.approx(
        6.008, abs=0.01
    )
    assert (consultation.origin, consultation.caller) == ("from-phone", "101")
    assert (consultation.answered_by, consultation.outcome) == ("102", Outcome.ANSWERED)
    assert consultation.ended_at is not None


def test_a_blind_transfer_takes_the_caller_through_the_rules_again() -> None:
    (caller,) = fold(recorded("cel_blind_transfer.csv"))
    assert talks("cel_blind_transfer.csv") == [("101", 0.0), ("102", 0.51)]
    assert [step.detail for step in caller.steps] == ["101", "102"]


def test_a_blind_transfer_to_nobody_was_answered_all_the_same() -> None:
    (caller,) = fold(recorded("cel_blind_transfer_unanswered.csv"))
    assert caller.outcome is Outcome.ANSWERED
    assert talks("cel_blind_transfer_unanswered.csv") == [("101", 0.0)]
    assert [step.rule for step in caller.steps][-1] == "line-no-answer"
    words = ["", "", "NOANSWER", "SUCCESS", "JOINEMPTY", "JOINEMPTY"]
    assert [step.after for step in caller.steps] == words


def test_who_is_sent_on_by_the_device_of_a_person_who_attends_a_line_has_two_talks() -> None:
    """The queue rings people by `Local` channels, of which a half goes the caller's further way;
    those that watch over what is dialled are nobody's legs."""
    (caller,) = fold(recorded("cel_sent_on_from_a_line.csv"))
    assert [talk.by for talk in caller.talks] == ["104", "101"]
    assert [leg.endpoint for leg in caller.legs] == ["104-softphone", "101"]
    assert [step.rule for step in caller.steps] == ["line-open", "person-rings"]
    assert (caller.sent_to, caller.stranded, caller.answered_by) == ("101", False, "104")


def test_who_picks_a_call_up_is_the_one_who_answered_it() -> None:
    caller, picker = fold(recorded("cel_pickup.csv"))
    assert (caller.answered_by, caller.outcome) == ("103", Outcome.ANSWERED)
    assert caller.wait_s == pytest.approx(1.667, abs=0.001)
    assert picker.outcome is Outcome.CODE


@pytest.mark.parametrize(
    "said", [{"kind": "PBX_WITHHELD"}, {"kind": "USER_DEFINED", "data": "PBX_WITHHELD,"}]
)
def test_a_withheld_caller_has_no_number_whatever_was_signalled(said: dict[str, str]) -> None:
    """Asterisk writes the first event before the dialplan has read what the operator asks."""
    kind, data = said["kind"], said.get("data", "")
    events = [
        cel(0.0, "CHAN_START"),
        cel(0.1, kind, caller="", data=data),
        cel(1.0, "HANGUP", caller=""),
    ]
    (call,) = fold(events)
    assert (call.caller, call.other_end) == ("", "")
