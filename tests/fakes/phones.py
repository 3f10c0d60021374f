"""Phones that come, go and ring as a test says (`ports.Phones`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping

from pbx_bridge.core.waiting import Waiters
from pbx_bridge.ports import PbxUnavailable, PhoneEvent, Rewired, Sounded


class FakePhones:
    """Set `down` to have Asterisk out of reach."""

    def __init__(self, there: Iterable[str] = ()) -> None:
        self.there = set(there)
        """Endpoints."""
        self.talking: dict[str, str] = {}
        """Endpoint by channel."""
        self.stopped: list[str] = []
        self.waiters = Waiters((), 0.0)
        self.down = False
        self.sounds: asyncio.Queue[Sounded] = asyncio.Queue()
        self._events: asyncio.Queue[PhoneEvent] = asyncio.Queue()

    def tell(self, event: PhoneEvent = Rewired.REWIRED) -> None:
        """Have something happen."""
        self._events.put_nowait(event)

    async def phone_events(self) -> AsyncIterator[PhoneEvent]:
        while True:
            yield await self._events.get()

    async def sound_events(self) -> AsyncIterator[Sounded]:
        while True:
            yield await self.sounds.get()

    async def reachable(self) -> frozenset[str]:
        self._reach()
        return frozenset(self.there)

    async def calls(self) -> Mapping[str, str]:
        self._reach()
        return dict(self.talking)

    async def waiting(self, queue: str) -> Waiters:
        self._reach()
        return self.waiters

    async def stop_ringing(self, extension: str) -> None:
        self._reach()
        self.stopped.append(extension)

    def _reach(self) -> None:
        if self.down:
            raise PbxUnavailable("the fake phones are down")
