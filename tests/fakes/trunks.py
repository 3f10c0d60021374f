"""Operators that answer, fail and call as a test says (`ports.Trunks`, `ports.Certificates`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from pbx_bridge.core.trunks import Trunk
from pbx_bridge.ports import PbxUnavailable, TrunkEvent


class FakeTrunks:
    """Set `down` to have Asterisk out of reach."""

    def __init__(self) -> None:
        self.silent: set[str] = set()
        self.inside: set[str] = set()
        self.untrusted: dict[str, str | None] = {}
        self.down = False
        self._events: asyncio.Queue[TrunkEvent] = asyncio.Queue()

    def tell(self, event: TrunkEvent) -> None:
        """Have something happen."""
        self._events.put_nowait(event)

    async def refused(self, trunk: Trunk) -> str | None:
        """`ports.Certificates`."""
        return self.untrusted.get(trunk.name)

    async def trunk_events(self) -> AsyncIterator[TrunkEvent]:
        while True:
            yield await self._events.get()

    async def unreachable(self) -> frozenset[str]:
        self._reach()
        return frozenset(self.silent)

    async def registered(self) -> frozenset[str]:
        self._reach()
        return frozenset(self.inside)

    def _reach(self) -> None:
        if self.down:
            raise PbxUnavailable("the fake trunks are down")
