"""Asterisk's doors for telephones, in memory (`ports.Barrier`)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from pbx_bridge.core.blocks import OpenChannel
from pbx_bridge.core.state import Sighting
from pbx_bridge.ports import PbxUnavailable


class FakeBarrier:
    """Set `down` to have Asterisk out of reach."""

    def __init__(self) -> None:
        self.contacts: list[Sighting] = []
        self.kept: dict[str, Sighting] = {}
        self.held: dict[str, str] = {}
        self.mobiles: set[str] = set()
        self.open: list[OpenChannel] = []
        self.done: list[str] = []
        """What was done, in order."""
        self.down = False
        self._rewired = asyncio.Event()

    def rewire(self) -> None:
        """Telephones have come or gone."""
        self._rewired.set()

    async def wait_rewired(self) -> None:
        await self._rewired.wait()
        self._rewired.clear()

    async def seen(self) -> Sequence[Sighting]:
        self._reach()
        return tuple(self.contacts)

    async def remembered(self) -> Sequence[Sighting]:
        self._reach()
        return tuple(self.kept.values())

    async def remember(self, sighting: Sighting) -> None:
        self._reach()
        self.kept[sighting.endpoint] = sighting

    async def passwords(self) -> Mapping[str, str]:
        self._reach()
        return dict(self.held)

    async def set_password(self, endpoint: str, password: str) -> None:
        self._reach()
        self.held[endpoint] = password
        self.done.append(f"password {endpoint}")

    async def clear_password(self, endpoint: str) -> None:
        self._reach()
        del self.held[endpoint]

    async def barred_mobiles(self) -> frozenset[str]:
        self._reach()
        return frozenset(self.mobiles)

    async def bar_mobile(self, number: str, *, barred: bool) -> None:
        self._reach()
        (self.mobiles.add if barred else self.mobiles.discard)(number)
        self.done.append(f"mobile {number}")

    async def unregister(self, endpoint: str, password: str) -> None:
        self._reach()
        assert self.held[endpoint] == password, "Asterisk takes no other one"
        self.contacts = [one for one in self.contacts if one.endpoint != endpoint]
        self.done.append(f"unregister {endpoint}")

    async def channels(self) -> Sequence[OpenChannel]:
        self._reach()
        return tuple(self.open)

    async def hang_up(self, channel: str) -> None:
        self._reach()
        self.open = [one for one in self.open if one.name != channel]
        self.done.append(f"hang up {channel}")

    def _reach(self) -> None:
        if self.down:
            raise PbxUnavailable("the fake barrier is down")
