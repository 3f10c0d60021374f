"""What every `ports.Mailboxes` keeps: the fake, and Asterisk's own on a real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from contracts.small_asterisk import MAILBOX, START_TIMEOUT_S, started
from contracts.test_messages_contract import LEFT
from fakes.messages import FakeMessages
from fakes.spool import SOUND, Spool

from pbx_bridge.adapters.ami import Ami, AmiMailboxes
from pbx_bridge.adapters.messages import SpoolMessages
from pbx_bridge.core.mailboxes import Message
from pbx_bridge.ports import Mailboxes, Messages, PbxRejected


@dataclass
class Box:
    """Mailbox 101, and the two ways to it."""

    messages: Messages
    mailboxes: Mailboxes
    leave: Callable[[str], object]

    async def held(self) -> list[tuple[str, bool]]:
        return [(one.id, one.heard) for one in await self._held()]

    async def one(self, id_: str) -> Message:
        return next(one for one in await self._held() if one.id == id_)

    async def _held(self) -> Sequence[Message]:
        held = await self.messages.held(MAILBOX)
        assert held is not None
        return held


@pytest.fixture(params=["fake", pytest.param("asterisk", marks=pytest.mark.calls)])
async def box(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Box]:
    if request.param == "fake":
        fake = FakeMessages()
        yield Box(fake, fake, lambda id_: fake.leave(replace(LEFT, id=id_), SOUND))
        return
    with started(tmp_path) as asterisk:
        spool = Spool(asterisk.messages)
        ami = Ami("127.0.0.1", asterisk.port, user="bridge", secret=asterisk.secret)
        run = asyncio.create_task(ami.run())
        await ami.wait_connected(START_TIMEOUT_S)
        messages = SpoolMessages(spool.folder)
        yield Box(messages, AmiMailboxes(ami), lambda id_: spool.leave(MAILBOX, id_))
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run


async def test_a_message_is_put_aside_and_deleted_by_its_id_whatever_its_number(box: Box) -> None:
    for id_ in ("1-1", "2-2", "3-3"):
        box.leave(id_)
    await box.mailboxes.put_aside(await box.one("2-2"))
    assert sorted(await box.held()) == [("1-1", False), ("2-2", True), ("3-3", False)]
    await box.mailboxes.delete(await box.one("1-1"))
    await box.mailboxes.delete(await box.one("2-2"))
    assert await box.held() == [("3-3", False)]
    assert await box.messages.file(MAILBOX, "3-3") is not None
    assert await box.messages.file(MAILBOX, "1-1") is None
    assert await box.messages.sound(MAILBOX, "2-2") is None


async def test_what_is_not_there_any_more_is_refused_and_the_others_stay(box: Box) -> None:
    box.leave("1-1")
    box.leave("2-2")
    gone = await box.one("1-1")
    await box.mailboxes.delete(gone)
    for change in (box.mailboxes.delete, box.mailboxes.put_aside):
        with pytest.raises(PbxRejected):
            await change(gone)
        with pytest.raises(PbxRejected):
            await change(replace(gone, mailbox="999"))
    assert await box.held() == [("2-2", False)]
