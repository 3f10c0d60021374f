"""Watches over the lines: whose phone is there, who answers, and whether enough do (S18)."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping

import structlog

from pbx_bridge.app.office import Office
from pbx_bridge.app.waking import rest_s, woken
from pbx_bridge.core import alarms, phantoms
from pbx_bridge.core.commands import CountAttendants, SeePhone
from pbx_bridge.core.devices import extension_of
from pbx_bridge.core.state import AFTER_CALLS, Lost
from pbx_bridge.ports import Clock, Missed, PbxRejected, PbxUnavailable, Phones, Rewired, Taken

RETRY_S = 1.0
SUSPECT_LOOK_S = 2.0
"""Until it is looked again whether the call of a phone that has vanished has ended."""

log = structlog.get_logger(__name__)


class Attending:
    """Notes losses, and raises and clears the alarm; who stands in follows from the state.

    Calls left ringing are counted here alone: after a restart a member begins anew.
    """

    def __init__(self, phones: Phones, office: Office, clock: Clock) -> None:
        self.on_seen: list[Callable[[frozenset[str]], None]] = []
        """Told whose phones are there, whenever phones have come or gone."""
        self._phones = phones
        self._office = office
        self._clock = clock
        self._missed = Counter[str]()
        self._rewired = True
        """Whether phones may have come or gone since they were looked at."""
        self._watched = frozenset[str]()
        self._suspects: Mapping[str, float] = {}
        """Calls of phones that have vanished, by channel, since when."""

    async def run(self) -> None:
        """Watch until cancelled."""
        with self._office.listening(AFTER_CALLS) as changed:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(changed), name="phones")
                while True:
                    changed.clear()
                    begun = self._clock.now()
                    try:
                        await self._look()
                        await self._count()
                        rest = rest_s(self._office.exchange, begun, self._clock.now())
                        rest = min(rest, SUSPECT_LOOK_S) if self._suspects else rest
                    except (PbxUnavailable, PbxRejected) as error:
                        log.debug("phones_not_seen", why=str(error)[:200])
                        rest = RETRY_S
                    await woken(changed, rest)

    async def _listen(self, changed: asyncio.Event) -> None:
        async for event in self._phones.phone_events():
            match event:
                case Rewired():
                    self._rewired = True
                case Missed(queue, extension):
                    await self._note_missed(queue, extension)
                case Taken(_, extension):
                    self._missed.pop(extension, None)
                    if self._lost(extension) is Lost.NO_ANSWER:
                        await self._office.obey(SeePhone(extension, None))
            changed.set()

    async def _note_missed(self, queue: str, extension: str) -> None:
        line = self._office.exchange.plan.lines.get(queue)
        if line is None or extension not in alarms.watched(self._office.exchange.plan):
            return
        self._missed[extension] += 1
        if self._missed[extension] >= line.misses and self._lost(extension) is None:
            del self._missed[extension]
            await self._office.obey(SeePhone(extension, Lost.NO_ANSWER))

    async def _look(self) -> None:
        """Compare the phones that matter with what is known of them."""
        watched = alarms.watched(self._office.exchange.plan)
        if not (self._rewired or self._suspects) and watched == self._watched:
            return
        self._rewired, self._watched = False, watched
        try:
            devices = await self._phones.reachable()
            calls = {
                channel: endpoint
                for channel, endpoint in (await self._phones.calls()).items()
                if extension_of(endpoint) in watched
            }
            self._suspects = phantoms.suspects(self._suspects, calls, devices, time.monotonic())
            there = frozenset(map(extension_of, devices))
            for hook in self.on_seen:
                hook(there)
            phantom = {extension_of(calls[channel]) for channel in self._suspects}
            for extension in sorted(watched):
                await self._see(extension, extension in there, extension in phantom)
        except PbxUnavailable:
            self._rewired = True
            raise

    async def _see(self, extension: str, is_there: bool, is_phantom: bool) -> None:
        """Whoever seems to talk on a phone that has vanished can't be rung, though another phone of
        theirs is there, or that one again: Asterisk takes them for busy."""
        known = self._lost(extension)
        counts = is_there and not is_phantom
        if not counts and known is not Lost.UNREACHABLE:
            await self._office.obey(SeePhone(extension, Lost.UNREACHABLE))
        elif counts and known is Lost.UNREACHABLE:
            await self._office.obey(SeePhone(extension, None))
        if not is_there and known is not Lost.UNREACHABLE:
            await self._phones.stop_ringing(extension)

    async def _count(self) -> None:
        """Raise and clear alarms; a command is given only where something has changed."""
        now = self._clock.now()
        for line in self._office.exchange.plan.lines.values():
            command = CountAttendants(line.name)
            if line.attended and alarms.count_attendants(command, self._office.exchange, now):
                await self._office.obey(command)

    def _lost(self, extension: str) -> Lost | None:
        known = self._office.exchange.losses.get(extension)
        return None if known is None else known.cause
