"""Messages heard on a phone: how many, which, and what becomes of each (S16)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from app.test_calls import CALLER, Town
from core.plans import DAY
from fakes.messages import FakeMessages

from pbx_bridge.app.calls import Calls
from pbx_bridge.app.inbox import Inbox
from pbx_bridge.app.voice import Voice
from pbx_bridge.core.events import MessageSorted
from pbx_bridge.core.mailboxes import Message
from pbx_bridge.core.routes.messages import LAST_BEGUN

FIRST = Message("105", "17-1", CALLER, DAY - timedelta(hours=2), 12, "PJSIP/operator-1")
SECOND = Message("105", "18-2", "", DAY - timedelta(hours=1), 3, "")
THIRD = Message("105", "19-3", "101", DAY - timedelta(minutes=5), 3, "")
OLD = replace(FIRST, id="10-0", at=DAY - timedelta(hours=20), heard=True)
MENU = "018000123"


class Boxes(Town):
    """The app with mailboxes, and somebody who dials and presses keys."""

    def __init__(self) -> None:
        super().__init__()
        self.messages = FakeMessages()
        inbox = Inbox(self.messages, self.messages, self.office)
        voice = Voice(self.speech, self.calls._voice.prompts, message=self.messages.file)
        pins = self.calls._pin_of
        self.calls = Calls(self.telephony, self.office, voice, self.clock, pins, inbox=inbox)
        self._channels = 0

    def leave(self, *messages: Message) -> None:
        for one in messages:
            self.messages.leave(one, b"RIFF")

    @property
    def sorted(self) -> list[tuple[str, bool, str]]:
        events = self.journal.events
        return [
            (one.message, one.deleted, one.by) for one in events if isinstance(one, MessageSorted)
        ]

    @property
    def held(self) -> dict[str, bool]:
        return {one.id: one.heard for one in self.messages.boxes.get("105", [])}

    async def heard(
        self, *keys: str, dialled: str = "*97", phone: str = "105", caller: str = ""
    ) -> list[str]:
        """What is said until the call ends, a message as its id; the last step if it is another."""
        told: list[str] = []
        pressed = iter(keys)
        carried: Mapping[str, str] = {}
        result = ""
        while True:
            self._channels += 1
            channel = f"17.{self._channels}"
            given = {"PBX_DIALLED": dialled, "PBX_PHONE": phone, "PBX_RESULT": result}
            given |= {"PBX_CALL": carried.get("PBX_CALL", "")}
            await self.telephony.call(channel, caller, **given)
            step, carried = await self.telephony.next_step(channel)
            if step not in ("say", "ask"):
                return told if step == "hangup" else [*told, f"{step} {carried['PBX_TARGET']}"]
            files = carried["PBX_AUDIO"].split("&")
            told += [self.speech.said(file) or file.rpartition("/")[2] for file in files]
            result = next(pressed, "") if step == "ask" else "SUCCESS"


@pytest.fixture
async def town() -> AsyncIterator[Boxes]:
    town = Boxes()
    task = asyncio.create_task(town.calls.run())
    yield town
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


KEYS = "Tryck ett för att höra det igen, tre för att radera det, fyrkant för nästa."
KEYS_CALL = (
    "Tryck ett för att höra det igen, två för att ringa upp, tre för att radera det, "
    "fyrkant för nästa."
)
END = "Det var alla meddelanden."


def spelled(told: Sequence[str]) -> str:
    return " ".join(told)


async def test_an_empty_mailbox_is_told_and_the_call_ends(town: Boxes) -> None:
    assert await town.heard() == ["Det finns inga meddelanden."]


async def test_the_new_ones_come_first_and_lie_with_the_others_afterwards(town: Boxes) -> None:
    town.leave(OLD, SECOND, FIRST, THIRD)
    told = await town.heard("#", "", "#")
    assert [one for one in told if one[0].isdigit()] == ["17-1", "18-2", "19-3", "10-0"]
    assert told[0] == "Nya meddelanden: tre. Sparade: ett."
    first, second, third, old = (spelled(told[at : at + 4]) for at in range(1, 17, 4))
    assert "noll fyra noll ett" in first
    assert first.endswith(f"17-1 {KEYS_CALL}")
    assert "från ett hemligt nummer" in second
    assert second.endswith(f"18-2 {KEYS}")
    assert third.startswith("Nytt meddelande. Det kom i dag ")
    assert "från Anna Berg." in third
    assert third.endswith(f"19-3 {KEYS}"), "colleagues are dialled by their extension"
    assert old.startswith("Sparat meddelande.")
    assert told[-1] == END
    assert town.held == {"17-1": True, "18-2": True, "19-3": True, "10-0": True}
    assert town.sorted == [(one, False, "105") for one in ("17-1", "18-2", "19-3")]


async def test_key_1_plays_it_again_three_times_in_all(town: Boxes) -> None:
    town.leave(FIRST)
    told = await town.heard("1", "1", "1", "1")
    assert told.count("17-1") == 3
    assert told[-1] == END
    assert town.sorted == [("17-1", False, "105")]


async def test_key_3_deletes_it_and_those_after_it_are_heard(town: Boxes) -> None:
    town.leave(FIRST, SECOND)
    told = await town.heard("3", "1", "3")
    assert told.count("Meddelandet är raderat.") == 2
    assert [one for one in told if one[0].isdigit()] == ["17-1", "18-2", "18-2"]
    assert told[-1] == END
    assert town.held == {}
    assert [one for one in town.sorted if one[1]] == [("17-1", True, "105"), ("18-2", True, "105")]


async def test_what_asterisk_does_not_delete_is_not_said_to_be(town: Boxes) -> None:
    """Nothing is journaled that wasn't done, and the next call finds it as it was."""
    town.leave(FIRST)
    town.messages.down = True
    told = await town.heard("3")
    assert told[-2:] == ["Meddelandet kunde inte raderas.", END]
    assert town.held == {"17-1": False}
    assert town.sorted == []
    town.messages.down = False
    assert "Meddelandet är raderat." in await town.heard("3")
    assert town.held == {}


async def test_key_2_calls_who_has_left_it_from_a_phone_of_the_house(town: Boxes) -> None:
    town.leave(FIRST, SECOND)
    told = await town.heard("2")
    assert told[-1].startswith(f"dial {CALLER}")
    assert town.held == {"17-1": True, "18-2": False}


async def test_a_key_that_is_not_offered_keeps_the_message(town: Boxes) -> None:
    town.leave(SECOND)
    told = await town.heard("2")
    assert told[-1] == END
    assert town.held == {"18-2": True}


async def test_a_message_whose_sound_is_gone_is_passed_over(town: Boxes) -> None:
    """Somebody deletes it on another phone while its turn comes."""
    town.leave(FIRST)
    town.messages.sounds.clear()
    told = await town.heard("#")
    assert "17-1" not in told
    assert told[-1] == END


async def test_more_than_a_call_holds_are_left_for_the_next_one(town: Boxes) -> None:
    many = [replace(SECOND, id=f"{n}-1", at=DAY - timedelta(minutes=100 - n)) for n in range(30)]
    town.leave(*many)
    told = await town.heard(*["1", "1", "3"] * 30)
    begun = len({one for one in told if one[0].isdigit()})
    assert begun < LAST_BEGUN
    assert told[-1] == "Det finns fler meddelanden. Ring igen för att höra dem."
    told = await town.heard(*["#"] * 30)
    assert next(one for one in told if one[0].isdigit()) == f"{begun}-1", "the next one"


async def test_where_the_bridge_can_not_read_it_asterisk_opens_the_mailbox(town: Boxes) -> None:
    town.messages.unreadable = True
    assert await town.heard() == ["listen 105"]


async def test_the_menu_plays_them_too_without_calls_from_outside(town: Boxes) -> None:
    """Bo's mobile is known to the menu; the exchange's trunk isn't theirs to dial with."""
    mine = replace(FIRST, mailbox="102")
    town.leave(mine)
    mobile = town.office.exchange.plan.people["102"].mobile
    town.calls._pin_of = lambda _: "1234"
    told = await town.heard("1234", "5", "2", dialled=MENU, phone="", caller=mobile)
    assert KEYS in told
    assert KEYS_CALL not in told
    assert town.sorted == [("17-1", False, "102")]
