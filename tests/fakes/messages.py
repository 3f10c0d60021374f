"""Mailboxes in memory, held to the same contract as Asterisk's spool."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

from pbx_bridge.core.mailboxes import Message
from pbx_bridge.ports import PbxRejected, PbxUnavailable


class FakeMessages:
    """`ports.Messages` and `ports.Mailboxes` without files."""

    def __init__(self) -> None:
        self.sounds: dict[tuple[str, str], bytes] = {}
        self.boxes: dict[str, list[Message]] = {}
        self.unreadable = False
        self.down = False
        self._left: asyncio.Queue[Message] = asyncio.Queue()

    def leave(self, message: Message, sound: bytes) -> None:
        self.sounds[message.mailbox, message.id] = sound
        self.boxes.setdefault(message.mailbox, []).append(message)
        self._left.put_nowait(message)

    async def arrivals(self) -> AsyncIterator[Message]:
        while True:
            yield await self._left.get()

    async def mailboxes(self) -> Sequence[str]:
        return sorted(self.boxes)

    async def discard(self, message: Message) -> bool:
        try:
            await self.delete(message)
        except PbxRejected:
            return False
        return True

    async def held(self, mailbox: str) -> Sequence[Message] | None:
        if self.unreadable:
            return None
        return sorted(self.boxes.get(mailbox, []), key=lambda one: one.at)

    async def file(self, mailbox: str, message: str) -> Path | None:
        return Path("/spool", mailbox, message) if (mailbox, message) in self.sounds else None

    async def sound(self, mailbox: str, message: str) -> bytes | None:
        return self.sounds.get((mailbox, message))

    async def put_aside(self, message: Message) -> None:
        self._take(message)
        self.boxes[message.mailbox].append(replace(message, heard=True))

    async def delete(self, message: Message) -> None:
        self._take(message)
        del self.sounds[message.mailbox, message.id]

    def _take(self, message: Message) -> None:
        if self.down:
            raise PbxUnavailable("down")
        if message not in self.boxes.get(message.mailbox, []):
            raise PbxRejected("no such message")
        self.boxes[message.mailbox].remove(message)
