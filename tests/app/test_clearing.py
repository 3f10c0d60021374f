"""Messages, spoken notes and sentences are deleted when they are too old (F34)."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from core.plans import DAY, EXCHANGE, PLAN, away
from fakes.clock import FakeClock
from fakes.journal import FakeJournal
from fakes.logs import FakeLogs
from fakes.messages import FakeMessages
from fakes.speech import FakeSpeech

from pbx_bridge.adapters.notes import SpokenNotes
from pbx_bridge.app.clearing import Clearing
from pbx_bridge.app.office import Office
from pbx_bridge.core.mailboxes import Message
from pbx_bridge.core.model import Language
from pbx_bridge.core.retention import Periods
from pbx_bridge.core.state import Exchange
from pbx_bridge.ports import PbxUnavailable

CALLER = "0401234567"
OLD = Message("101", "1-1", CALLER, DAY - timedelta(days=31), 12, "", heard=True)
YOUNG = replace(OLD, id="2-2", at=DAY - timedelta(days=29), caller="0409876543", heard=False)
LEFT_THE_PLAN = replace(OLD, mailbox="999")


@dataclass
class House:
    messages: FakeMessages
    speech: FakeSpeech
    notes: Path
    clearing: Clearing
    office: Office

    def spoken(self, name: str, age: timedelta) -> None:
        file = self.notes / f"{name}.wav"
        file.write_bytes(b"RIFF")
        os.utime(file, (time.time() - age.total_seconds(),) * 2)

    @property
    def ids(self) -> list[tuple[str, str]]:
        held = self.messages.boxes
        return [(one.mailbox, one.id) for box in held.values() for one in box]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return made(tmp_path, EXCHANGE)


def made(folder: Path, exchange: Exchange) -> House:
    messages, speech = FakeMessages(), FakeSpeech()
    for one in (OLD, YOUNG, LEFT_THE_PLAN):
        messages.leave(one, b"RIFF")
    office = Office(exchange, FakeJournal(), FakeClock(DAY))
    clearing = Clearing(messages, messages, SpokenNotes(folder), speech, FakeLogs(), office)
    return House(messages, speech, folder, clearing, office)


async def test_messages_are_deleted_after_their_days_also_those_of_who_has_left(
    house: House,
) -> None:
    assert "999" not in PLAN.people
    assert await house.clearing.clear(DAY, Periods()) == {
        "messages": 2,
        "notes": 0,
        "sentences": 0,
        "logs": 0,
    }
    assert house.ids == [("101", "2-2")]
    assert (await house.clearing.clear(DAY, Periods()))["messages"] == 0


async def test_without_asterisk_its_messages_stay_and_go_the_next_time(house: House) -> None:
    house.messages.down = True
    with pytest.raises(PbxUnavailable):
        await house.clearing.clear(DAY, Periods())
    assert ("101", "1-1") in house.ids
    house.messages.down = False
    await house.clearing.clear(DAY, Periods())
    assert house.ids == [("101", "2-2")]


async def test_what_a_number_has_left_is_deleted_whatever_its_age(house: House) -> None:
    assert await house.clearing.forget({"0409876543", "+358409876543"}.__contains__) == 1
    assert house.ids == [("101", "1-1"), ("999", "1-1")]


async def test_a_spoken_note_is_kept_while_its_referral_holds(tmp_path: Path) -> None:
    exchange = away("101", "2026-03-03 14:30")
    (referral,) = exchange.referrals["101"]
    spoken = replace(referral, recording="1700000000.12")
    exchange = replace(exchange, referrals={"101": (spoken,)})
    house = made(tmp_path, exchange)
    house.spoken("1700000000.12", timedelta(days=5))
    house.spoken("1600000000.1", timedelta(days=5))
    house.spoken("1800000000.9", timedelta(seconds=5))
    assert (await house.clearing.clear(DAY, Periods()))["notes"] == 1
    left = sorted(path.stem for path in tmp_path.glob("*.wav"))
    assert left == ["1700000000.12", "1800000000.9"]


async def test_sentences_that_nobody_needs_are_deleted(house: House) -> None:
    await house.speech.file("Anna Berg är på lunch.", Language.SV)
    at_once = Periods(sentences=timedelta(seconds=-1))
    assert (await house.clearing.clear(DAY, at_once))["sentences"] == 1
    assert (await house.clearing.clear(DAY, at_once))["sentences"] == 0
