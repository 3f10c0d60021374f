"""Callers and their channels in memory, held to the same contract as ARI."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pbx_bridge.core.devices import extension_of
from pbx_bridge.ports import Done, NoticeDelayed, Offer, PbxUnavailable


@dataclass
class FakeCaller:
    """A channel: where it is, and what it was told."""

    ours: bool = False
    taken: bool = False
    variables: dict[str, str] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)


class FakeTelephony:
    """`ports.Telephony` without Asterisk. Set `down` to have it unreachable."""

    def __init__(self) -> None:
        self.callers: dict[str, FakeCaller] = {}
        self.down = False
        self.started = datetime(2026, 11, 24, 10, 19, 43, 123000, tzinfo=UTC)
        self.unregistered: set[str] = set()
        self.asked = 0
        """How often a phone was to be reached."""
        self.messages: list[tuple[str, str]] = []
        """Extension and text of what was shown."""
        self.rung: list[tuple[str, dict[str, str]]] = []
        """Extension and variables of whom we rang up."""
        self._offers: asyncio.Queue[Offer] = asyncio.Queue()
        self._went: asyncio.Queue[str] = asyncio.Queue()

    async def started_at(self) -> datetime:
        if self.down:
            raise PbxUnavailable("down")
        return self.started

    async def offers(self) -> AsyncIterator[Offer]:
        while True:
            yield await self._offers.get()

    async def claim(self, offer: Offer) -> Done:
        caller = self._reach(offer.channel)
        if caller is None:
            return Done.GONE
        if caller.taken or caller.ours:
            return Done.LOST
        caller.ours = True
        return Done.DONE

    async def proceed(self, channel: str, step: str, variables: Mapping[str, str]) -> Done:
        caller = self._reach(channel)
        if caller is None:
            return Done.GONE
        if not caller.ours:
            return Done.LOST
        caller.variables.update(variables)
        caller.steps.append(step)
        caller.ours = False
        self._went.put_nowait(channel)
        return Done.DONE

    async def message(self, endpoints: Sequence[str], text: str) -> None:
        """Raises `NoticeDelayed` for people among `unregistered`."""
        self.messages.append((self._expect(endpoints), text))

    async def ring_up(
        self,
        endpoints: Sequence[str],
        variables: Mapping[str, str],
        seconds: int,
        shown: tuple[str, str],
    ) -> None:
        """Remember who was rung up."""
        del seconds, shown
        self.rung.append((self._expect(endpoints), dict(variables)))

    def _expect(self, endpoints: Sequence[str]) -> str:
        self.asked += 1
        extension = extension_of(endpoints[0])
        if self.down:
            raise PbxUnavailable("the fake telephony is down")
        if extension in self.unregistered:
            raise NoticeDelayed(f"no phone of {extension} is registered")
        return extension

    def _reach(self, channel: str) -> FakeCaller | None:
        if self.down:
            raise PbxUnavailable("the fake telephony is down")
        return self.callers.get(channel)

    async def call(self, channel: str, caller: str = "", **variables: str) -> None:
        """A caller waits to be claimed."""
        self._arrive(channel, caller, variables, ours=False)

    async def enter(self, channel: str, caller: str = "", **variables: str) -> None:
        """A caller is ours from the beginning (plain Stasis)."""
        self._arrive(channel, caller, variables, ours=True)

    def _arrive(self, channel: str, caller: str, shown: Mapping[str, str], *, ours: bool) -> None:
        self.callers.setdefault(channel, FakeCaller()).ours = ours
        self._offers.put_nowait(Offer(channel, channel, caller, shown, ours))

    def hang_up(self, channel: str) -> None:
        """The caller has gone."""
        self.callers.pop(channel, None)

    def take(self, channel: str) -> None:
        """Another bridge was first."""
        self.callers[channel].taken = True

    def went(self, channel: str) -> tuple[list[str], Mapping[str, str]]:
        """The steps that the channel was sent to, and its variables."""
        return self.callers[channel].steps, self.callers[channel].variables

    async def next_step(self, channel: str) -> tuple[str, Mapping[str, str]]:
        """Wait until `channel`, and no other, is sent on; its step and variables."""
        async with asyncio.timeout(5):
            assert await self._went.get() == channel
        steps, variables = self.went(channel)
        return steps[-1], variables
