"""Messages that were left become events and letters, once, whatever happens meanwhile (S16)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from app.test_outbox import Town, running, until
from core.plans import DAY
from fakes.messages import FakeMessages

from pbx_bridge.app import taking
from pbx_bridge.app.taking import Taking
from pbx_bridge.core.events import MessageLeft
from pbx_bridge.core.folding import fold
from pbx_bridge.core.mailboxes import Message
from pbx_bridge.core.state import Channel

MESSAGE = Message("105", "1-1", "0401234567", DAY - timedelta(minutes=1), 12, "PJSIP/operator-1")
SOUND = b"RIFF what was said"


class Boxes(Town):
    """A town with mailboxes."""

    def __init__(self) -> None:
        super().__init__()
        self.messages = FakeMessages()
        self.outbox._messages = self.messages
        self.taking = Taking(self.messages, self.office, self.clock)

    @property
    def left(self) -> list[str]:
        return [one.message for one in self.journal.events if isinstance(one, MessageLeft)]


async def test_s16_a_message_is_journaled_and_its_sound_goes_by_mail() -> None:
    town = Boxes()
    town.messages.leave(MESSAGE, SOUND)
    async with running(town.taking.run, town.outbox.run):
        await until(lambda: bool(town.mail.letters) and not town.waiting)
    (letter,) = town.mail.letters
    assert town.left == ["1-1"]
    assert (letter.to, letter.sound) == ("elin.strand@norrskar.example", SOUND)
    assert letter.subject == "Röstmeddelande till Elin Strand från 0401234567"
    assert "12 sekunder" in letter.text
    assert "finns inte längre" not in letter.text
    assert town.telephony.messages == []


async def test_a_letter_whose_recording_is_gone_goes_without_and_says_so() -> None:
    town = Boxes()
    town.messages.leave(MESSAGE, SOUND)
    town.messages.sounds.clear()
    async with running(town.taking.run, town.outbox.run):
        await until(lambda: bool(town.mail.letters))
    (letter,) = town.mail.letters
    assert letter.sound is None
    assert letter.text.endswith("Inspelningen finns inte längre i röstbrevlådan.\n")


async def test_the_letters_of_others_hold_no_sound() -> None:
    town = Boxes()
    town.messages.leave(MESSAGE, SOUND)
    town.messages.leave(replace(MESSAGE, mailbox="181", id="2-2"), b"RIFF of the line")
    async with running(town.taking.run, town.outbox.run):
        await until(lambda: len(town.mail.letters) == 2)
    assert {letter.to: letter.sound for letter in town.mail.letters} == {
        "elin.strand@norrskar.example": SOUND,
        "anna.berg@norrskar.example": b"RIFF of the line",
    }


async def test_what_the_journal_knows_is_not_told_again_after_a_restart() -> None:
    before, after = Boxes(), Boxes()
    before.messages.leave(MESSAGE, SOUND)
    async with running(before.taking.run):
        await until(lambda: bool(before.left))
    after.office.exchange = fold(after.office.exchange, before.journal.events)
    after.messages.leave(MESSAGE, SOUND)
    after.messages.leave(replace(MESSAGE, id="2-2"), SOUND)
    async with running(after.taking.run):
        await until(lambda: bool(after.left))
    assert after.left == ["2-2"]


async def test_f33_a_message_that_can_not_be_stored_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(taking, "RETRY_S", 0.01)
    town = Boxes()
    town.journal.broken = True
    town.messages.leave(MESSAGE, SOUND)
    async with running(town.taking.run):
        await asyncio.sleep(0.05)
        assert town.left == []
        assert not any(one.channel is Channel.MAIL for one in town.office.exchange.outbox.values())
        town.journal.broken = False
        await until(lambda: town.left == ["1-1"])
