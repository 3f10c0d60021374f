"""Messages are no longer recorded before calls suffer, and are again when there is room (F33)."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest
from core.plans import EXCHANGE, NIGHT, PROMPTS
from fakes.clock import FakeClock
from fakes.journal import FakeJournal
from fakes.messages import FakeMessages
from fakes.speech import FakeSpeech
from fakes.telephony import FakeTelephony
from structlog.testing import capture_logs

from pbx_bridge.app.calls import Calls
from pbx_bridge.app.inbox import Inbox
from pbx_bridge.app.office import Office
from pbx_bridge.app.space import Space
from pbx_bridge.app.voice import Voice
from pbx_bridge.core.mailboxes import Message
from pbx_bridge.core.model import Language
from pbx_bridge.core.room import Quota

CALLER = "0401234567"


class Disk:
    def __init__(self) -> None:
        self.free = 500
        self.broken = False

    def __call__(self) -> tuple[int, int]:
        if self.broken:
            raise OSError("gone")
        return self.free, 1000


async def test_each_change_is_said_once() -> None:
    disk = Disk()
    space = Space(disk, least=0.05)
    with capture_logs() as logs:
        for free, recorded in ((500, True), (49, False), (40, False), (55, False), (60, True)):
            disk.free = free
            for _ in range(3):
                await space.look()
                assert space.may_record is recorded
        disk.broken = True
        await space.look()
        assert space.may_record
    assert [one["event"] for one in logs] == [
        "messages_no_longer_recorded",
        "messages_recorded_again",
    ]
    assert logs[0]["free_percent"] == 4.9


def message(number: int, at: datetime) -> Message:
    return Message("105", f"id{number}", CALLER, at, 10, "", heard=False)


@pytest.mark.parametrize("why", ["free", "caller", "disk"])
async def test_a_caller_is_offered_what_there_is_room_for(why: str) -> None:
    telephony, messages, speech = FakeTelephony(), FakeMessages(), FakeSpeech()
    clock = FakeClock(NIGHT)
    office = Office(EXCHANGE, FakeJournal(), clock)
    disk = Disk()
    space = Space(disk, least=0.05)
    quota = Quota(caller=2)
    inbox = Inbox(messages, messages, office, quota, lambda: space.may_record)
    calls = Calls(telephony, office, Voice(speech, PROMPTS), clock, inbox=inbox)
    if why == "caller":
        for number in range(quota.caller):
            messages.leave(message(number, NIGHT), b"RIFF")
    if why == "disk":
        disk.free = 10
    await space.look()
    task = asyncio.create_task(calls.run())
    await telephony.call("17.1", CALLER, PBX_DIALLED="018000105")
    step, variables = await telephony.next_step("17.1")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert step == "ask"
    told = " ".join(speech.said(name) or "" for name in variables["PBX_AUDIO"].split("&"))
    refused = {
        "caller": PROMPTS[Language.SV]["caller-has-left-enough"],
        "disk": PROMPTS[Language.SV]["nothing-recorded"],
    }
    assert ("lämna ett meddelande" in told) is (why == "free")
    assert [key for key, text in refused.items() if text in told] == [why] * (why != "free")
