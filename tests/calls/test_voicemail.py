"""Voicemail with real calls: lamp, letter, hearing, and all of it without a bridge (S16)."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import sqlite3
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from calls.conftest import command, idle, opened
from calls.hearing import RINGING_HZ, hears_only, sound_of
from fakes.smtp import Box, serving
from fakes.spool import Spool
from ports import free_port

from pbx_bridge.app.inbox import USUAL
from pbx_bridge.bootstrap import database_file
from pbx_bridge.cli.calling import CALLER
from pbx_bridge.core.latency import Outcome
from pbx_bridge.softphone.audio import correlation, is_silent, load, save
from pbx_bridge.softphone.behaviour import Busy, Press
from pbx_bridge.stage import SAME_SOUND, Made, Stage
from pbx_bridge.wire.rtp import RATE_HZ, Samples

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="module")]

NIGHT = datetime(2026, 11, 24, 20, 0)  # noqa: DTZ001 - given the plan's zone by `opened`
BEEP_HZ = 700
"""Asterisk's tone before a message."""
UNTIL = "2026-11-25T14:30:00+02:00"


def sweep(low_hz: float, high_hz: float) -> Samples:
    """A sound that is like no other part of itself, a second of it and a pause."""
    at = np.arange(RATE_HZ) / RATE_HZ
    wave = np.sin(2 * np.pi * (low_hz + (high_hz - low_hz) * at / 2) * at)
    return np.concatenate([wave * 9000, np.zeros(RATE_HZ // 4)]).astype(np.int16)


SAID = sweep(400, 1800)


@dataclass
class Night:
    """The sample town at night, when nobody is there, with a mail server."""

    stage: Stage
    box: Box

    def left(self) -> list[dict[str, Any]]:
        """Every `MessageLeft` of the journal."""
        path = database_file(self.stage.up.site.deployment.state)
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            rows = connection.execute(
                "SELECT body FROM journal WHERE kind = 'MessageLeft' ORDER BY seq"
            )
            return [json.loads(row[0]) for row in rows]

    def letters(self) -> list[EmailMessage]:
        """Those that bring a recording."""
        return [one for one in self.box.letters if list(one.iter_attachments())]

    async def brought(self, count: int) -> list[EmailMessage]:
        async with asyncio.timeout(10):
            while len(self.letters()) < count:
                await asyncio.sleep(0.05)
        return self.letters()

    async def voicemail(self, **values: int) -> None:
        """Other limits for messages, in seconds."""
        conf = self.stage.up.settings.etc / "voicemail.conf"
        text = conf.read_text()
        for key, value in values.items():
            text = re.sub(rf"(?m)^{key} = \d+$", f"{key} = {value}", text)
        conf.write_text(text)
        await self.stage.up.asterisk.console("module reload app_voicemail.so")

    async def speaks(self, number: str, *press: Press, plays: Samples | None = SAID) -> Made:
        """A call that asks for the tone in the midst of the choices, and speaks."""
        keys = [Press("1", after_s=1.0), *press]
        return await self.stage.call(number, press=keys, plays=plays)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town_at_night(
    town: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Night]:
    port = free_port()
    folder = tmp_path_factory.mktemp("night")
    copy = folder / "town"
    shutil.copytree(town, copy)
    block = f"host: 127.0.0.1, port: {port}, sender: vaxeln@norrskar.example, security: none"
    with (copy / "config.yaml").open("a", encoding="utf-8") as config:
        config.write(f"\nmail: {{{block}}}\n")
    box = Box()
    async with serving(box, port), opened(copy, folder / "s", NIGHT) as stage:
        yield Night(stage, box)


@pytest_asyncio.fixture(loop_scope="module")
async def night(town_at_night: Night) -> AsyncIterator[Night]:
    """All mailboxes are empty in the beginning, and no call is left at the end."""
    spool = town_at_night.stage.up.settings.spool / "voicemail/default"
    for file in spool.glob("*/*/msg*"):
        file.unlink()
    town_at_night.box.letters.clear()
    yield town_at_night
    await idle(town_at_night.stage)


def sound_in(letter: EmailMessage, folder: Path) -> Samples:
    (attachment,) = letter.iter_attachments()
    assert attachment.get_content_type() == "audio/wav"
    path = folder / "attached.wav"
    content = attachment.get_content()
    assert isinstance(content, bytes)
    path.write_bytes(content)
    return load(path)


def text_of(letter: EmailMessage) -> str:
    part = letter.get_body()
    assert part is not None
    return str(part.get_content())


async def test_s16_a_message_lights_the_lamp_comes_by_letter_and_is_heard(
    night: Night, tmp_path: Path
) -> None:
    stage = night.stage
    before = len(night.left())
    referred = await command(stage, "SetReferral", person="105", reason="mote", until=UNTIL)
    assert referred == "command-done"
    async with stage.phone("105", Busy()) as elin:
        await elin.lamp(lit=False)
        speak = [Press("1", after_silence_s=1.2), Press("#", after_s=9.0)]
        made = await stage.call("018000105", press=speak, plays=SAID)
        lamp = await elin.lamp(lit=True)
        assert (lamp.told.new, lamp.told.heard) == (1, 0)
        assert not elin.received, "who is away is not rung"
        (letter,) = await night.brought(1)
        heard = await stage.call("*97", phone="105")
        lamp = await elin.lamp(lit=False)
        assert (lamp.told.new, lamp.told.heard) == (0, 1)
    assert await command(stage, "CancelReferral", person="105") == "command-done"

    told = [one.text for one in made.sentences]
    hears_only(stage, made.result.heard, *told, tones=(RINGING_HZ, BEEP_HZ))
    assert made.heard.startswith("Elin Strand är i möte och är åter i morgon klockan halv tre.")
    assert made.heard.endswith(
        "Tala efter tonen och avsluta med fyrkant. Tack. Ditt meddelande är sparat."
    )
    assert made.whys[0] == "person-absent"
    assert made.journey.outcome is Outcome.MESSAGE

    (left,) = night.left()[before:]
    assert (left["mailbox"], left["caller"]) == ("105", CALLER)
    assert left["channel"].startswith("PJSIP/operator-")
    assert 2 <= left["seconds"] <= 8

    assert letter["To"] == "elin.strand@norrskar.example"
    assert letter["Subject"] == f"Röstmeddelande till Elin Strand från {CALLER}"
    assert f"från {CALLER}. Det lämnades tisdag 24.11.2026 kl. 20.0" in text_of(letter)
    assert correlation(sound_in(letter, tmp_path), SAID).score >= SAME_SOUND

    assert heard.whys == ["message-played", "mailbox-opened", "nothing-left"]
    assert heard.result.ended_by == "exchange"
    assert correlation(heard.result.heard, SAID).score >= SAME_SOUND
    assert heard.heard.startswith(
        "Nya meddelanden: ett. Sparade: noll. Nytt meddelande. Det kom i "
    )
    assert heard.heard.endswith("Det var alla meddelanden.")
    assert heard.journey.outcome is Outcome.CODE
    log = stage.up.site.deployment.state / "bridge.log"
    assert CALLER not in log.read_text(encoding="utf-8"), "no number in a log"


async def test_a_lines_message_of_a_caller_who_hung_up_lights_all_its_members_lamps(
    night: Night, tmp_path: Path
) -> None:
    """What was said is kept; it is heard by *97 and the line's code."""
    stage = night.stage
    async with stage.phone("101", Busy()) as anna, stage.phone("102", Busy()) as bo:
        made = await stage.call(
            "018000130", press=[Press("1", after_s=1.0)], plays=SAID, hold_s=9.0, from_number=""
        )
        assert made.result.ended_by == "caller"
        for phone in (anna, bo):
            assert (await phone.lamp(lit=True)).told.new == 1
        (letter,) = await night.brought(1)
        other = await stage.call("*97*2", phone="103")
        assert other.heard == "Du hör inte till dem som bemannar bygglovsrådgivningen."
        heard = await stage.call("*97*2#", phone="102")
        for phone in (anna, bo):
            await phone.lamp(lit=False)
        deleted = await stage.call("*97*2#", phone="101", press=[Press("3", after_s=1.0)])
        empty = await stage.call("*97*2#", phone="101")
    assert letter["To"] == "anna.berg@norrskar.example", "who is signed in"
    assert "från ett dolt nummer" in text_of(letter)
    assert letter["Subject"].endswith("från ett dolt nummer")
    assert "Nytt meddelande. Det kom i dag klockan " in heard.heard
    assert "från ett hemligt nummer." in heard.heard
    assert deleted.heard == "Meddelandet är raderat. Det var alla meddelanden."
    assert empty.heard == "Det finns inga meddelanden."
    assert not list((stage.up.settings.spool / "voicemail/default").glob("*/*/msg*"))
    assert correlation(sound_in(letter, tmp_path), SAID).score >= SAME_SOUND
    assert correlation(heard.result.heard, SAID).score >= SAME_SOUND


async def test_who_says_nothing_leaves_nothing_and_who_talks_on_is_told_it_is_kept(
    night: Night,
) -> None:
    """Neither hears silence, and neither call stays for ever; with limits of some seconds."""
    before = len(night.left())
    await night.voicemail(maxsilence=3, maxsecs=5)
    silent, talker = await asyncio.gather(
        night.speaks("018000101", plays=None), night.speaks("018000105")
    )
    await night.voicemail(maxsilence=20, maxsecs=300)
    assert silent.heard.endswith("Det gick inte att spara. Försök igen.")
    assert talker.heard.endswith("Tack. Ditt meddelande är sparat.")
    for made in (silent, talker):
        assert made.result.ended_by == "exchange"
    await night.brought(1)
    (left,) = night.left()[before:]
    assert left["mailbox"] == "105"
    assert left["seconds"] <= 5


async def test_f05_messages_are_heard_from_phones_while_the_bridge_hangs(night: Night) -> None:
    stage = night.stage
    await night.speaks("018000105", Press("#", after_s=7.0))
    await night.brought(1)
    keys = [Press("1", after_s=2.0)]
    stage.up.bridge.signal(signal.SIGSTOP)
    try:
        async with stage.phone("105", Busy()) as elin:
            await elin.lamp(lit=True)
            own = await stage.call("*97", phone="105", press=keys, hold_s=12.0)
            await elin.lamp(lit=False)
        others = await stage.call("*97*2#", phone="103")
        outside = await stage.call("*97")
    finally:
        stage.up.bridge.signal(signal.SIGCONT)
    assert own.whys == ["fallback-mailbox-opened"]
    assert correlation(own.result.heard, SAID).score >= SAME_SOUND
    for made in (others, outside):
        assert made.whys == ["fallback-sorry"]
        assert made.heard.startswith("Koden kan inte tas emot just nu.")
    async with asyncio.timeout(10):  # the bridge has met the calls that it missed
        while not (await stage.ask("status"))["links"]["ari"]:
            await asyncio.sleep(0.1)


async def test_f04_a_message_left_while_no_bridge_runs_is_taken_up_by_the_next_one(
    night: Night, tmp_path: Path
) -> None:
    """The bridge dies while the caller speaks; nothing is told twice afterwards."""
    stage = night.stage
    before = len(night.left())
    await night.speaks("018000105", Press("#", after_s=7.0))
    await night.brought(1)
    async with stage.caller("018000105", plays=SAID) as caller:
        await caller.answered()
        await caller.quiet(1.2)
        await caller.press("1")
        await caller.quiet(1.5)  # the tone is over
        stage.up.bridge.signal(signal.SIGKILL)
        await stage.up.bridge.ended()
        await asyncio.sleep(3.0)  # what is said, in real time
        await caller.hang_up()
    await idle(stage)
    assert len(night.left()) == before + 1
    await stage.up.bridge.start()
    letters = await night.brought(2)
    assert correlation(sound_in(letters[1], tmp_path), SAID).score >= SAME_SOUND
    left = night.left()[before:]
    assert [one["mailbox"] for one in left] == ["105", "105"]
    assert len({one["message"] for one in left}) == 2
    assert len(letters) == 2


async def test_the_menu_of_the_fallback_ends_the_call_where_nobody_presses_a_key(
    night: Night,
) -> None:
    night.stage.up.bridge.signal(signal.SIGSTOP)
    try:
        made = await night.stage.call("*97", phone="105", hold_s=60.0)
    finally:
        night.stage.up.bridge.signal(signal.SIGCONT)
    assert made.result.ended_by == "exchange"
    assert made.whys[0] == "fallback-mailbox-opened"
    assert not is_silent(made.result.heard)


async def test_s7_our_sentences_are_always_said_whatever_somebody_has_recorded(
    night: Night,
) -> None:
    """A greeting of one's own is not played; Asterisk's temporary one is, behind the sentences."""
    box = night.stage.up.settings.spool / "voicemail/default/105"
    box.mkdir(parents=True, exist_ok=True)
    usual, temporary = sweep(1800, 600), sweep(500, 900)
    for name in ("unavail", "busy", "greet"):
        save(box / f"{name}.wav", usual)
    try:
        plain = await night.speaks("018000105", Press("#", after_s=6.0), plays=None)
        save(box / "temp.wav", temporary)
        both = await night.speaks("018000105", Press("#", after_s=6.0), plays=None)
    finally:
        for file in box.glob("*.wav"):
            file.unlink()
    for made in (plain, both):
        assert "Tala efter tonen och avsluta med fyrkant." in made.heard
        assert made.whys[0] == "person-off-duty"
        assert correlation(made.result.heard, usual).score < SAME_SOUND
    assert correlation(plain.result.heard, temporary).score < SAME_SOUND
    tone_sentence = sound_of(night.stage, "Tala efter tonen och avsluta med fyrkant.")
    before = correlation(both.result.heard, tone_sentence)
    greeting = correlation(both.result.heard, temporary)
    assert greeting.score >= SAME_SOUND
    assert greeting.at_s > before.at_s


async def test_a_caller_who_has_left_enough_hears_so_and_whom_else_to_reach(night: Night) -> None:
    spool = Spool(night.stage.up.settings.spool / "voicemail/default")
    now = int(time.time())
    for number in range(USUAL.caller):
        spool.leave("105", f"{now}-{number}", origtime=now, caller=CALLER)
    told = await night.stage.call("018000105")
    assert told.whys == ["person-off-duty", "message-declined", "nothing-left"]
    assert "Du har redan lämnat flera meddelanden" in told.heard
    assert "lämna ett meddelande" not in told.heard
    assert "bli uppringd" in told.heard
    pressed = await night.speaks("018000105")
    assert pressed.whys == ["person-off-duty", "no-room", "no-room", "nothing-left"]
    assert len(list(spool.folder.glob("105/*/msg*.txt"))) == USUAL.caller
