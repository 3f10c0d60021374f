"""Asterisk is told the state of the exchange, again and again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from core.plans import DAY, EXCHANGE, PLAN, PROMPTS, at, away
from fakes.clock import FakeClock
from fakes.journal import FakeJournal
from fakes.speech import FakeSpeech
from fakes.switch import FakeSwitch
from structlog.testing import capture_logs

from pbx_bridge.app import mirror as module
from pbx_bridge.app.mirror import Mirror
from pbx_bridge.app.office import Office
from pbx_bridge.app.voice import Voice
from pbx_bridge.core import devices
from pbx_bridge.core.commands import CancelReferral, SetReferral, SignIn
from pbx_bridge.core.likely import likely
from pbx_bridge.core.model import Language
from pbx_bridge.core.state import Exchange
from pbx_bridge.ports import PbxUnavailable, QueueMember


def member(line: str, extension: str) -> QueueMember:
    return QueueMember(line, devices.member(extension), devices.state(extension))


ATTENDING = {
    member("vaxel", "111"),
    member("bygglov", "101"),
    member("jour", "110"),
    # backups
    member("vaxel", "104"),
    member("vaxel", "120"),
    member("bygglov", "110"),
    member("bygglov", "120"),
    member("jour", "103"),
    member("jour", "120"),
}


class Town:
    """A mirror on fakes."""

    def __init__(self, exchange: Exchange = EXCHANGE) -> None:
        self.switch = FakeSwitch(PLAN.lines)
        self.clock = FakeClock(DAY)
        self.journal = FakeJournal()
        self.speech = FakeSpeech()
        self.office = Office(exchange, self.journal, self.clock)
        self.mirror = Mirror(self.switch, self.office, Voice(self.speech, PROMPTS), self.clock)

    def referred(self) -> set[str]:
        return {key.split("/")[0] for family, key in self.switch.entries if "referral" in family}


@asynccontextmanager
async def running(town: Town) -> AsyncIterator[None]:
    task = asyncio.create_task(town.mirror.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.001)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RETRY_S", "REFUSED_RETRY_S", "SPEECH_RETRY_S"):
        monkeypatch.setattr(module, name, 0.01)


async def test_an_empty_asterisk_is_told_everything_and_then_nothing_more() -> None:
    town = Town(away("101", "2026-03-03 14:30"))
    assert await town.mirror.keep() > 0
    until_ = str(int(at("2026-03-03 14:30").timestamp()))
    assert town.switch.entries["pbx-referral", "101/until"] == until_
    audio = town.switch.entries["pbx-referral", "101/audio-sv"]
    assert (town.speech.said(audio) or "").startswith("Anna Berg är i möte")
    assert set(town.switch.names) == ATTENDING - {member("bygglov", "101")}
    assert town.mirror.kept.is_set()
    assert await town.mirror.keep() == 0


async def test_differences_are_corrected_and_nothing_else_is_touched() -> None:
    town = Town()
    await town.mirror.keep()
    right = dict(town.switch.entries)
    town.switch.entries["pbx-referral", "105/until"] = "9999999999"
    town.switch.entries["pbx-line", "vaxel/spans"] = "0-0"
    del town.switch.entries["pbx-sound", "sorry-sv"]
    town.switch.entries["not-ours", "key"] = "stays"
    await town.switch.join(member("vaxel", "105"), "Elin Strand")
    await town.switch.leave(member("jour", "110"))
    town.mirror.wake()
    assert await town.mirror.keep() == 5
    assert town.switch.entries == {**right, ("not-ours", "key"): "stays"}
    assert set(town.switch.names) == ATTENDING
    assert town.switch.names[member("jour", "110")] == "Johan Öberg"


async def test_a_command_wakes_the_mirror_and_a_cancellation_too() -> None:
    town = Town()
    async with running(town):
        await town.mirror.kept.wait()
        await town.office.obey(SetReferral("104", "lunch", at("2026-03-03 12:00"), by="104"))
        await until(lambda: town.referred() == {"104"})
        await town.office.obey(CancelReferral("104", by="104"))
        await until(lambda: town.referred() == set())
        await town.office.obey(SignIn("vaxel", "113", by="113"))
        await until(lambda: member("vaxel", "113") in town.switch.names)


async def test_a_change_is_told_without_reading_all_that_asterisk_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    town = Town()
    await town.mirror.keep()
    reading = len(town.switch.read)
    await town.office.obey(SetReferral("104", "lunch", at("2026-03-03 12:00"), by="104"))
    assert await town.mirror.keep() > 0
    assert town.referred() == {"104"}
    await town.office.obey(CancelReferral("104", by="104"))
    assert await town.mirror.keep() > 0
    assert town.referred() == set()
    assert len(town.switch.read) == reading > 0
    # Nothing happens for a while, and somebody else has changed an entry.
    monkeypatch.setattr(module, "rest_s", lambda *_: 0.01)
    right = dict(town.switch.entries)
    town.switch.entries["pbx-line", "vaxel/spans"] = "0-0"
    async with running(town):
        await until(lambda: town.switch.entries == right)


async def test_f01_what_could_not_be_read_is_not_taken_for_known() -> None:
    town = Town(away("101", "2026-03-03 14:30"))
    town.switch.entries["pbx-referral", "105/until"] = "9999999999"
    town.switch.loses = "pbx-sound"
    with pytest.raises(PbxUnavailable):
        await town.mirror.keep()
    town.switch.down, town.switch.loses = False, ""
    await town.mirror.keep()
    assert town.referred() == {"101"}
    assert ("pbx-line", "vaxel/spans") in town.switch.entries
    town.mirror.wake()
    assert await town.mirror.keep() == 0


async def test_f07_an_asterisk_that_has_forgotten_is_told_again_when_it_is_back() -> None:
    town = Town(away("101", "2026-03-03 14:30"))
    async with running(town):
        await town.mirror.kept.wait()
        right = dict(town.switch.entries)
        town.switch.entries.clear()
        town.switch.names.clear()
        town.switch.penalties.clear()
        town.mirror.wake()
        await until(lambda: town.switch.entries == right and len(town.switch.names) == 8)


@pytest.mark.usefixtures("quick")
async def test_f01_an_asterisk_out_of_reach_is_tried_until_it_is_back_without_noise() -> None:
    town = Town()
    town.switch.down = True
    with capture_logs() as logs:
        async with running(town):
            with pytest.raises(PbxUnavailable):
                await town.mirror.keep()
            await until(lambda: len(logs) >= 3)
            assert not town.mirror.kept.is_set()
            town.switch.down = False
            await town.mirror.kept.wait()
    assert {one["log_level"] for one in logs} == {"debug"}
    assert set(town.switch.names) == ATTENDING


@pytest.mark.usefixtures("quick")
async def test_f37_a_line_whose_queue_is_not_there_yet_keeps_nothing_else_back() -> None:
    """The plan is in force at once, Asterisk reads its configuration some seconds later."""
    town = Town(away("109", "2026-03-03 12:00"))
    town.switch = FakeSwitch(["vaxel", "jour"])
    town.mirror = Mirror(town.switch, town.office, Voice(town.speech, PROMPTS), town.clock)
    with capture_logs() as logs:
        async with running(town):
            await until(lambda: town.switch.read.count("pbx-line") >= 3)
            there = {one for one in ATTENDING if one.queue != "bygglov"}
            assert set(town.switch.names) == there
            assert town.referred() == {"109"}
            assert not town.mirror.kept.is_set()
            town.switch._queues = frozenset(PLAN.lines)
            await town.mirror.kept.wait()
            assert set(town.switch.names) == ATTENDING
    assert [one["event"] for one in logs] == ["mirror_refused"], "said once, however often tried"


@pytest.mark.usefixtures("quick")
async def test_a_voice_that_fails_is_told_and_tried_again() -> None:
    town = Town()
    town.speech.broken = frozenset({PROMPTS[Language.SV]["fallback-sorry"]})
    with capture_logs() as logs:
        async with running(town):
            await until(lambda: any(one["event"] == "mirror_without_voice" for one in logs))
            assert set(town.switch.names) == ATTENDING  # the queues need no voice
            town.speech.broken = frozenset()
            await town.mirror.kept.wait()


async def test_the_end_of_a_referral_wakes_the_mirror() -> None:
    town = Town(away("101", "2026-03-03 10:00"))
    town.clock.moment = at("2026-03-03 09:59")
    town.clock.pass_(59.8)
    async with running(town):
        await town.mirror.kept.wait()
        assert town.referred() == {"101"}
        town.clock.pass_(0.3)
        await until(lambda: town.referred() == set())
        assert member("bygglov", "101") in town.switch.names


async def test_an_end_that_passes_while_the_mirror_works_is_not_overslept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    town = Town(away("101", "2026-03-03 10:00"))
    town.clock.moment = at("2026-03-03 09:59")
    members = town.switch.members

    async def slow() -> Mapping[QueueMember, int]:
        if town.clock.moment < DAY:
            town.clock.pass_(120)
        return await members()

    monkeypatch.setattr(town.switch, "members", slow)
    async with running(town):
        await until(lambda: bool(town.switch.entries) and town.referred() == set())


async def test_the_sounds_that_callers_will_hear_are_made_before_they_call() -> None:
    town = Town(away("101", "2026-03-03 14:30"))
    async with running(town):
        await town.mirror.kept.wait()
        voice = Voice(FakeSpeech(), PROMPTS)
        wanted = {
            (language, voice.text(sentence, language, DAY))
            for sentence, language in likely(town.office.exchange, DAY)
        }
        assert any(text.startswith("Anna Berg är i möte") for _, text in wanted)
        await until(lambda: wanted <= set(town.speech.asked))


async def test_a_change_cuts_the_warming_short(monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town()
    warmed = 0
    file = town.speech.file

    async def watched(text: str, language: Language) -> Path:
        nonlocal warmed
        if town.mirror.kept.is_set():
            warmed += 1
            town.office.changed.set()
        return await file(text, language)

    await town.mirror.keep()
    monkeypatch.setattr(town.speech, "file", watched)
    await town.mirror._warm()
    assert warmed == 1


async def test_a_state_that_changed_meanwhile_is_not_said_to_be_kept() -> None:
    town = Town()
    town.office.changed.set()
    await town.mirror.keep()
    assert not town.mirror.kept.is_set()


async def test_a_person_who_left_the_plan_leaves_asterisk() -> None:
    town = Town(away("101", "2026-03-03 14:30"))
    await town.mirror.keep()
    people = {who: one for who, one in PLAN.people.items() if who != "101"}
    lines = {
        name: replace(one, members=tuple(who for who in one.members if who != "101"))
        for name, one in PLAN.lines.items()
    }
    numbers = {digits: one for digits, one in PLAN.numbers.items() if one.target != "101"}
    await town.office.use(replace(PLAN, people=people, lines=lines, numbers=numbers))
    await town.mirror.keep()
    assert town.referred() == set()


async def test_members_of_before_there_were_devices_are_replaced_and_no_queue_is_ever_emptier() -> (
    None
):
    town = Town()
    old = QueueMember("vaxel", "PJSIP/111")
    elsewhere = replace(member("bygglov", "101"), state="")
    await town.switch.join(old, "Karin Lund")
    await town.switch.join(elsewhere, "Anna Berg")
    before = len(town.switch.names)
    await town.mirror.keep()
    assert set(town.switch.names) == ATTENDING
    assert town.switch.fewest == before - 1, "only whose state is read elsewhere leaves first"
