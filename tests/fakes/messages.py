"""Mailboxes in memory, held to the same contract as Asterisk's spool."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from pbx_bridge.ports import Message


class FakeMessages:
    """`ports.Messages` without files."""

    def __init__(self) -> None:
        self.sounds: dict[tuple[str, str], bytes] = {}
        self._left: asyncio.Queue[Message] = asyncio.Queue()

    def leave(self, message: Message, sound: bytes) -> None:
        self.sounds[message.mailbox, message.id] = sound
        self._left.put_nowait(message)

    async def arrivals(self) -> AsyncIterator[Message]:
        while True:
            yield await self._left.get()

    async def sound(self, mailbox: str, message: str) -> bytes | None:
        return self.sounds.get((mailbox, message))
