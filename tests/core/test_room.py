"""Nobody outside can fill a mailbox or the disk, and who can't leave a message is told so (S7)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core.plans import DAY, EXCHANGE, NIGHT, PLAN, shown, steps, then, way
from hypothesis import given
from hypothesis import strategies as st

from pbx_bridge.core.call import Call
from pbx_bridge.core.mailboxes import Message
from pbx_bridge.core.room import AGAIN, NOTE, Quota, Room, may_record, room

CALLER = "0401234567"
QUOTA = Quota(mailbox=6, mailbox_s=600, caller=3, caller_s=120)


def message(
    number: int, caller: str = CALLER, seconds: int = 10, *, heard: bool = False
) -> Message:
    return Message("105", f"id{number}", caller, DAY, seconds, "", heard)


def left(*callers: str, seconds: int = 10, heard: bool = False) -> list[Message]:
    return [message(n, one, seconds, heard=heard) for n, one in enumerate(callers)]


@pytest.mark.parametrize(
    ("held", "caller", "found"),
    [
        ([], CALLER, Room.FREE),
        (left(CALLER, CALLER), CALLER, Room.FREE),
        (left(CALLER, CALLER, CALLER), CALLER, Room.CALLER),
        (left(CALLER, "+358401234567", "00358401234567"), CALLER, Room.CALLER),
        (left(CALLER, CALLER, CALLER), "+358401234567", Room.CALLER),
        (left(CALLER, CALLER, CALLER), "0409876543", Room.FREE),
        (left(CALLER, CALLER, CALLER, heard=True), CALLER, Room.FREE),
        (left("", "", ""), "", Room.CALLER),
        (left("", "", ""), CALLER, Room.FREE),
        (left("101", "101", "101"), "101", Room.CALLER),
        (left(CALLER, seconds=120), CALLER, Room.CALLER),
        (left(CALLER, seconds=119), CALLER, Room.FREE),
        (left(*(f"040123456{n}" for n in range(6))), CALLER, Room.MAILBOX),
        (left(*(f"040123456{n}" for n in range(6)), heard=True), CALLER, Room.MAILBOX),
        (left("0409876543", seconds=600, heard=True), CALLER, Room.MAILBOX),
        (None, CALLER, Room.FREE),
    ],
)
def test_how_much_may_be_left(held: list[Message] | None, caller: str, found: Room) -> None:
    assert room(held, caller, QUOTA, PLAN.dialling) is found


@given(st.lists(st.sampled_from([CALLER, "", "0409876543", "101"]), max_size=40))
def test_whoever_calls_in_whatever_order_no_mailbox_holds_more(callers: list[str]) -> None:
    held: list[Message] = []
    for number, caller in enumerate(callers):
        if room(held, caller, QUOTA, PLAN.dialling) is Room.FREE:
            held.append(message(number, caller))
    assert len(held) <= QUOTA.mailbox
    assert all(sum(one.caller == who for one in held) <= QUOTA.caller for who in callers)


def test_below_five_per_cent_nothing_is_recorded_until_there_is_clearly_room_again() -> None:
    total, least = 1000, 0.05
    assert may_record(50, total, least, before=True)
    assert not may_record(49, total, least, before=True)
    assert not may_record(50, total, least, before=False)
    assert may_record(int(50 * AGAIN), total, least, before=False)


OUTSIDE = Call("018000105", CALLER)
CHOICES = {
    Room.MAILBOX: "mailbox-full",
    Room.CALLER: "caller-has-left-enough",
    Room.DISK: "nothing-recorded",
}


@pytest.mark.parametrize("why", CHOICES)
def test_s7_who_can_t_leave_a_message_is_told_so_and_whom_else_to_reach(why: Room) -> None:
    call = replace(OUTSIDE, room=("105", why))
    first = next(way(call, EXCHANGE, NIGHT))
    assert first.records == "105"
    told = shown(first).partition(": ")[2].split()
    free = shown(next(way(OUTSIDE, EXCHANGE, NIGHT))).partition(": ")[2].split()
    assert told == [CHOICES[why] if key == "offer-message" else key for key in free]
    pressed = steps(call, EXCHANGE, NIGHT, ask_choice="1")
    assert not any(step.startswith(("voicemail:", "say:message")) for step in pressed)
    assert pressed[-1].startswith("hangup:")


def test_room_in_another_mailbox_says_nothing_of_this_one() -> None:
    call = replace(OUTSIDE, room=("106", Room.MAILBOX))
    assert "offer-message" in shown(next(way(call, EXCHANGE, NIGHT)))


def test_what_was_filled_since_it_was_offered_is_not_recorded_into() -> None:
    chosen = then(OUTSIDE, ("ask:choice", "1"))
    assert steps(chosen, EXCHANGE, NIGHT)[:2] == (
        "say:message message-chosen: leave-message",
        "voicemail:105 message-chosen",
    )
    filled = replace(chosen, room=("105", Room.CALLER))
    assert steps(filled, EXCHANGE, NIGHT) == (
        "say:no-room no-room: caller-has-left-enough",
        "say:goodbye no-room: goodbye",
        "hangup: nothing-left",
    )
    told = then(OUTSIDE, ("ask:choice", "1"), ("say:no-room", "SUCCESS"))
    assert steps(told, EXCHANGE, NIGHT)[0] == "say:goodbye no-room: goodbye"


def test_ones_own_message_may_fill_the_mailbox_and_is_said_to_be_saved() -> None:
    after = then(
        OUTSIDE, ("ask:choice", "1"), ("say:message", "SUCCESS"), ("voicemail:105", "SUCCESS")
    )
    filled = replace(after, room=("105", Room.MAILBOX))
    for call in (after, filled):
        assert steps(call, EXCHANGE, NIGHT)[0] == "say:saved message-taken: message-saved"


def test_s12_without_room_no_note_is_spoken_and_the_site_s_own_notes_remain() -> None:
    call = Call("*23*9*1430#", phone="105")
    asked = next(way(call, EXCHANGE, DAY))
    assert asked.records == NOTE
    assert "offer-note-recorded" in shown(asked)
    full = replace(call, room=(NOTE, Room.DISK))
    asked = next(way(full, EXCHANGE, DAY))
    assert shown(asked).endswith("nothing-recorded")
    assert "offer-note-recorded" not in shown(asked)
    pressed = then(call, (asked.mark, "0"))
    assert steps(pressed, EXCHANGE, DAY)[0].startswith("record:note")
    filled = replace(pressed, room=(NOTE, Room.DISK))
    assert steps(filled, EXCHANGE, DAY)[0] == "say:no-room no-room: nothing-recorded"
    spoken = then(call, (asked.mark, "0"), ("record:note", "DTMF"))
    for one in (spoken, replace(spoken, room=(NOTE, Room.DISK))):
        assert steps(one, EXCHANGE, DAY)[0].startswith("obey:set")
