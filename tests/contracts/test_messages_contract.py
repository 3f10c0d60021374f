"""What every `ports.Messages` keeps, Asterisk's spool and the fake."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fakes.messages import FakeMessages
from fakes.spool import SOUND, Spool

from pbx_bridge.adapters.messages import SpoolMessages
from pbx_bridge.core.mailboxes import Message
from pbx_bridge.ports import Messages

LEFT = Message(
    *("101", "1-1", "0401234567", datetime.fromtimestamp(1795518740, UTC), 12),
    channel="PJSIP/operator-00000001",
)


@dataclass
class Mailboxes:
    messages: Messages
    leave: Callable[[], object]
    """One message, `LEFT`."""


@pytest.fixture(params=["spool", "fake"])
def boxes(request: pytest.FixtureRequest, tmp_path: Path) -> Mailboxes:
    if request.param == "fake":
        fake = FakeMessages()
        return Mailboxes(fake, lambda: fake.leave(LEFT, SOUND + b"1-1"))
    spool = Spool(tmp_path / "default")
    messages = SpoolMessages(spool.folder, interval_s=0.01)
    return Mailboxes(messages, lambda: spool.leave("101", "1-1"))


async def test_a_message_comes_once_with_all_that_is_written_on_it(boxes: Mailboxes) -> None:
    arrivals = aiter(boxes.messages.arrivals())
    async with asyncio.timeout(3):
        following = asyncio.ensure_future(anext(arrivals))
        boxes.leave()
        assert await following == LEFT
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await anext(arrivals)


async def test_messages_that_were_there_before_come_too(boxes: Mailboxes) -> None:
    boxes.leave()
    async with asyncio.timeout(3):
        assert await anext(aiter(boxes.messages.arrivals())) == LEFT


async def test_the_sound_is_found_by_mailbox_and_id(boxes: Mailboxes) -> None:
    boxes.leave()
    assert await boxes.messages.sound("101", "1-1") == SOUND + b"1-1"
    for mailbox, message in (("102", "1-1"), ("101", "1-2"), ("../101", "1-1"), ("", "1-1")):
        assert await boxes.messages.sound(mailbox, message) is None


async def test_what_is_in_a_mailbox_is_known_and_where_its_sound_is(boxes: Mailboxes) -> None:
    assert await boxes.messages.held("101") == []
    boxes.leave()
    assert await boxes.messages.held("101") == [LEFT]
    assert await boxes.messages.held("102") == []
    file = await boxes.messages.file("101", "1-1")
    assert file is not None
    assert file.suffix == ""
    assert await boxes.messages.file("101", "1-2") is None
    assert await boxes.messages.file("../101", "1-1") is None
