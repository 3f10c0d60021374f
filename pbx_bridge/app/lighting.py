"""Keeps the lamps of telephones as the state says: who is away, which line is open or short."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from pbx_bridge.app.office import Office
from pbx_bridge.app.waking import rest_s, woken
from pbx_bridge.core.lamps import Lamp, lamps
from pbx_bridge.core.state import AFTER_CALLS
from pbx_bridge.ports import Clock, Lamps, PbxRejected, PbxUnavailable, ProtocolError

RETRY_S = 1.0

log = structlog.get_logger(__name__)


class Lighting:
    """Compares the lamps that Asterisk holds with what they shall be, and sets those that differ.

    Without a bridge they stay as they were; what rings and who talks Asterisk knows by itself.
    """

    def __init__(self, lamps_: Lamps, office: Office, clock: Clock) -> None:
        self._lamps = lamps_
        self._office = office
        self._clock = clock
        self._held: dict[str, str] | None = None
        """What Asterisk was seen to hold, and was given since; None where it isn't known."""
        self._woken: asyncio.Event | None = None

    async def run(self) -> None:
        """Keep them until cancelled; a lost Asterisk is tried again."""
        with self._office.listening(AFTER_CALLS) as changed:
            self._woken = changed
            said = False
            while True:
                changed.clear()
                begun = self._clock.now()
                try:
                    await self.keep()
                    rest, said = rest_s(self._office.exchange, begun, self._clock.now()), False
                except (PbxUnavailable, PbxRejected, ProtocolError) as error:
                    self._held = None
                    if not said:
                        log.info("lamps_wait", why=str(error)[:200])
                    rest, said = RETRY_S, True
                await woken(changed, rest)

    async def asterisk_back(self) -> None:
        """Asterisk is reached again, and may have forgotten."""
        self._held = None
        if self._woken is not None:
            self._woken.set()

    async def keep(self) -> int:
        """Set what differs; how many. Raises `PbxUnavailable`, `PbxRejected`, `ProtocolError`."""
        if self._held is None:
            self._held = dict(await self._lamps.lit())
        held = self._held
        wrong = self._wrong(held)
        for name, lamp in wrong.items():
            await self._lamps.light(name, lamp)
            held[name] = lamp
        return len(wrong)

    def _wrong(self, held: Mapping[str, str]) -> Mapping[str, Lamp]:
        wanted = lamps(self._office.exchange, self._clock.now())
        return {name: lamp for name, lamp in wanted.items() if held.get(name) != lamp}
