"""What calls that a real Asterisk recorded are read as, from their first event to their end.

Each call was made in the sample municipality: what was done is known, and what Asterisk wrote
about it stands in tests/recordings.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from core.cel_tables import recorded

from pbx_bridge.core.latency import Journey, Outcome, fold

QUEUE, FORK, ABANDONED = "cel_queue_parallel.csv", "cel_fork.csv", "cel_abandoned.csv"
CUT, CALLED_BACK = "cel_cut.csv", "cel_called_back.csv"
STARTS = [
    datetime(2026, 11, 28, 1, 37, 17, tzinfo=UTC),
    datetime(2026, 11, 28, 1, 37, 25, 206000, tzinfo=UTC),
]
"""Of the Asterisk that was killed, and of the one after it."""
CALLER = "0401234567"


def legs(call: Journey) -> list[tuple[str, bool, int]]:
    """Endpoint, whether it picked up, and the cause of its end."""
    return [(leg.endpoint, leg.answered is not None, leg.cause) for leg in call.legs]


def steps(call: Journey) -> list[str]:
    """Each step's rule, after Asterisk's word for how the one before it went."""
    return [f"{step.after} {step.rule}".strip() for step in call.steps]


def talks(call: Journey) -> list[tuple[str, float | None]]:
    """With whom, and how long in seconds."""
    return [
        (one.by, None if one.until is None else round((one.until - one.since).total_seconds(), 3))
        for one in call.talks
    ]


def waited(call: Journey) -> float:
    """To the millisecond."""
    assert call.wait_s is not None
    return round(call.wait_s, 3)


@pytest.mark.parametrize(
    ("place", "winner", "wait_s", "talk_s"), [(0, "113", 0.817, 0.603), (1, "111", 0.516, 0.602)]
)
def test_f27_of_two_phones_that_ring_for_a_line_one_wins_and_the_other_has_not_answered(
    place: int, winner: str, wait_s: float, talk_s: float
) -> None:
    """In the second call both were picked up at the same moment."""
    call = fold(recorded(QUEUE))[place]
    assert (call.outcome, call.answered_by, waited(call)) == (Outcome.ANSWERED, winner, wait_s)
    picked_up = {"111": (False, 26), "113": (False, 26)} | {winner: (True, 16)}
    assert legs(call) == [(phone, *how) for phone, how in picked_up.items()]
    assert steps(call) == ["line-open"]
    assert talks(call) == [(winner, talk_s)]
    assert not call.ended_by_caller, "the attendant hung up first"


def test_a_backup_who_joins_after_attendants_have_let_it_ring_is_the_one_who_answers() -> None:
    """Both attendants are rung in vain, and then again together with the backup."""
    call = fold(recorded(QUEUE))[2]
    assert (call.outcome, call.answered_by, waited(call)) == (Outcome.ANSWERED, "104", 6.317)
    first_round = [("111", False, 0), ("113", False, 0)]
    second_round = [("104", True, 16), ("111", False, 26), ("113", False, 26)]
    assert legs(call) == first_round + second_round
    assert steps(call) == ["line-open"]
    assert talks(call) == [("104", 0.604)]


def test_the_wait_of_who_comes_to_the_backup_counts_from_the_first_moment() -> None:
    """One attendant talks, nobody else attends the line."""
    call = fold(recorded(QUEUE))[3]
    assert (call.outcome, call.answered_by, waited(call)) == (Outcome.ANSWERED, "104", 6.325)
    assert legs(call) == [("104", True, 16)]
    assert steps(call) == ["line-open", "TIMEOUT backup-rings"]
    assert (call.blocked, call.saturated, call.untold) == (False, False, "")


def test_f22_a_desk_phone_wins_over_a_mobile_that_was_picked_up_and_pressed_nothing() -> None:
    call, _ = fold(recorded(FORK))
    assert (call.outcome, call.answered_by, waited(call)) == (Outcome.ANSWERED, "105", 2.014)
    desk, mobile = call.legs
    assert legs(call) == [("105", True, 16), ("operator", True, 16)]
    assert desk.answered is not None
    assert mobile.answered is not None
    assert mobile.answered < desk.answered
    assert talks(call) == [("105", 0.602)]
    assert not call.ended_by_caller


def test_f22_a_mobile_has_answered_when_1_was_pressed_and_the_desk_phone_has_not() -> None:
    _, call = fold(recorded(FORK))
    assert (call.outcome, call.answered_by) == (Outcome.ANSWERED, "0457000105")
    assert waited(call) == 5.658
    assert legs(call) == [("105", False, 26), ("operator", True, 16)]
    assert talks(call) == [("0457000105", 0.805)]
    assert call.ended_by_caller


@pytest.mark.parametrize("place", [0, 1])
def test_a_phone_and_a_mobile_that_ring_together_are_one_step(place: int) -> None:
    call = fold(recorded(FORK))[place]
    assert [(step.step, step.rule, step.detail) for step in call.steps] == [
        ("ring", "person-rings", "105")
    ]


@pytest.mark.parametrize(
    ("dialled", "outcome", "wait_s", "heard"),
    [
        ("018000103", Outcome.ABANDONED, 1.008, ["person-rings"]),
        ("018000105", Outcome.ABANDONED, 1.373, ["person-rings"]),
        ("018000100", Outcome.ABANDONED, 1.513, ["line-open"]),
        ("018000122", Outcome.ABANDONED, 1.034, ["language-asked"]),
        ("018000120", Outcome.ABANDONED, 8.917, ["line-open", "TIMEOUT wait-told"]),
        ("018000101", Outcome.ABANDONED, 1.063, ["person-rings", "BUSY person-busy"]),
        ("018000104", Outcome.TOLD, 1.063, ["person-absent"]),
        ("018000121", Outcome.TOLD, 1.158,
         ["line-open", "JOINEMPTY backup-rings", "JOINEMPTY line-no-answer"]),
        ("018000131", Outcome.CLOSED, 1.065, ["line-closed"]),
        ("018000130", Outcome.MESSAGE, 7.288,
         ["line-closed", "message-chosen", "SUCCESS message-chosen"]),
    ],
)  # fmt: skip
def test_a_caller_who_hangs_up_has_heard_what_was_begun_until_then(
    dialled: str, outcome: Outcome, wait_s: float, heard: list[str]
) -> None:
    """While a phone rings, a mobile asks, the queue plays, languages are offered, or the place in
    the queue is told; in a message before the next phone, and in one about an absence; in the
    choices of a line that nobody attends and of a closed one; and after the tone."""
    call = given_up(dialled)
    assert (call.outcome, waited(call), steps(call)) == (outcome, wait_s, heard)
    assert (call.answered_at, call.answered_by, call.talks) == (None, "", ())
    assert call.ended_by_caller
    assert not call.cut


def given_up(dialled: str) -> Journey:
    (call,) = (one for one in fold(recorded(ABANDONED)) if one.dialled == dialled)
    return call


@pytest.mark.parametrize(
    ("dialled", "rung"),
    [
        ("018000103", [("103", False, 127)]),
        ("018000105", [("105", False, 127), ("operator", True, 16)]),
        ("018000100", [("111", False, 0)]),
        ("018000120", [("111", False, 0)]),
        ("018000101", [("101", False, 17)]),
        ("018000121", []),
        ("018000104", []),
    ],
)
def test_no_phone_has_answered_a_caller_who_gave_up(
    dialled: str, rung: list[tuple[str, bool, int]]
) -> None:
    """A mobile that was picked up and asked for a key hasn't either: nobody was with the caller."""
    call = given_up(dialled)
    assert legs(call) == rung
    assert all(leg.ended for leg in call.legs)


@pytest.mark.parametrize(
    ("dialled", "rule"),
    [
        ("018000103", "person-rings"),
        ("018000105", "person-rings"),
        ("018000100", "line-open"),
        ("018000122", "language-asked"),
        ("018000120", "wait-told"),
        ("018000101", "person-busy"),
    ],
)
def test_s7_who_gives_up_on_the_way_is_untold_by_the_rule_of_that_moment(
    dialled: str, rule: str
) -> None:
    call = given_up(dialled)
    assert (call.told_when, call.untold) == (False, rule)


@pytest.mark.parametrize("dialled", ["018000104", "018000121", "018000130", "018000131"])
def test_s7_who_gives_up_in_or_after_a_sentence_with_a_time_was_told_when(dialled: str) -> None:
    call = given_up(dialled)
    assert (call.told_when, call.untold) == (True, "")


def test_s21_only_the_line_that_nobody_attends_was_blocked() -> None:
    calls = fold(recorded(ABANDONED))
    assert [one.dialled for one in calls if one.blocked] == ["018000121"]
    assert not any(one.saturated for one in calls)


def test_f07_all_that_asterisk_did_when_it_was_killed_is_cut_at_its_last_event() -> None:
    """One talks, one waits for the same line, for one a phone rings, one is told that a line is
    closed; after the start another one is answered."""
    talker, waits, rings, told, after = fold(recorded(CUT), STARTS)
    assert (talker.outcome, talker.answered_by, waited(talker)) == (Outcome.ANSWERED, "111", 0.317)
    assert talks(talker) == [("111", 0.0)], "nothing is known of it after its beginning"
    assert [one.outcome for one in (waits, rings, told)] == [Outcome.LOST] * 3
    assert [waited(one) for one in (waits, rings, told)] == [0.005, 0.005, 0.006]
    assert [one.untold for one in (waits, rings, told)] == ["line-open", "person-rings", ""]
    assert [one.told_when for one in (waits, rings, told)] == [False, False, True]
    assert [legs(one) for one in (talker, waits, rings, told)] == [
        [("111", True, 0)], [], [("103", False, 0)], [],
    ]  # fmt: skip
    for call in (talker, waits, rings, told):
        assert call.cut
        assert not call.ended_by_caller
        assert call.ended_at is not None
        assert call.ended_at < STARTS[1]
        assert (call.blocked, call.saturated) == (False, False)
    assert (after.outcome, after.answered_by, waited(after)) == (Outcome.ANSWERED, "104", 0.513)
    assert (after.cut, talks(after), legs(after)) == (False, [("104", 0.603)], [("104", True, 16)])


def test_f07_before_asterisk_is_known_to_have_started_anew_such_calls_are_open() -> None:
    talker, waits, rings, told, after = fold(recorded(CUT), STARTS[:1])
    assert [one.outcome for one in (waits, rings, told)] == [Outcome.OPEN] * 3
    assert (talker.outcome, talker.ended_at) == (Outcome.ANSWERED, None)
    assert not any(one.cut for one in (talker, waits, rings, told, after))


def test_f07_channels_of_the_next_asterisk_with_the_same_names_belong_to_its_own_calls() -> None:
    events = recorded(CUT)
    first, *_, after = fold(events, STARTS)
    names = {event.channel for event in events if event.linkedid == first.linkedid}
    assert {event.channel for event in events if event.linkedid == after.linkedid} & names
    assert [leg.endpoint for leg in after.legs] == ["104"]


def test_s16_a_caller_who_is_called_back_by_key_2_is_an_outgoing_call_to_their_number() -> None:
    """After a call that rang in vain, and a look at who is to be called that called nobody."""
    missed, looked, called = fold(recorded(CALLED_BACK))
    assert (missed.outcome, missed.untold, waited(missed)) == (
        Outcome.ABANDONED, "person-rings", 0.511,
    )  # fmt: skip
    assert legs(missed) == [("104", False, 127)]
    assert (looked.outcome, looked.phone, steps(looked)) == (Outcome.CODE, "104", ["code-asked"])
    assert (called.outcome, called.phone, called.dialled) == (Outcome.OUTGOING, "104", "*96#")
    assert (called.other_end, looked.other_end, missed.other_end) == (CALLER, "", CALLER)
    assert steps(called) == ["code-asked", "outgoing"]
    assert (called.answered_by, waited(called)) == ("operator", 1.359)
    assert talks(called) == [("operator", 0.605)]
    assert legs(called) == [("operator", True, 16)]
    for call in (looked, called):
        assert (call.counted, call.told_when, call.untold) == (False, False, "")


@pytest.mark.parametrize("name", [QUEUE, FORK, ABANDONED, CUT, CALLED_BACK])
@pytest.mark.parametrize("seed", range(5))
def test_f19_doubled_and_disordered_lines_change_no_recorded_call(name: str, seed: int) -> None:
    """Also those that Asterisk stamped with the same time, as a caller's last two are."""
    events = recorded(name)
    whole = fold(events, STARTS)
    shuffled = random.Random(seed).sample(events * 2, k=2 * len(events))
    assert fold([*events, *events], STARTS) == whole
    assert fold(shuffled, STARTS) == whole
    assert fold(shuffled[::-1], STARTS) == whole


def test_f19_the_recorded_calls_are_each_counted_once() -> None:
    counts = {QUEUE: 4, FORK: 2, ABANDONED: 10, CUT: 5, CALLED_BACK: 3}
    assert {name: len(fold(recorded(name) * 2)) for name in counts} == counts
