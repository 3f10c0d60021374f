"""Watches what technicians have to put right at the doors: devices that can't talk, and the
certificate that phones are shown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

import structlog

from pbx_bridge.app.office import Office
from pbx_bridge.core.commands import EXCHANGE, NoteCertificate, NoteSound
from pbx_bridge.core.sound import endpoints, silent_by_address
from pbx_bridge.core.state import Sighting
from pbx_bridge.ports import Ill, Phones

LOOK_S = 300.0
OFFERS_S = 2.0
"""Between two looks at whose calls were refused for their sound."""
AGAIN_S = 3600.0
"""A device that talks when it is called, and whose own calls are refused, is noted once in that."""

log = structlog.get_logger(__name__)


class Doors:
    """Notes both; what follows is told by `core.notices`."""

    def __init__(
        self,
        phones: Phones,
        certificate: Callable[[], datetime | None],
        office: Office,
        refused: Callable[[], Collection[str]] = frozenset,
    ) -> None:
        """`certificate`: until when the one of the TLS door lasts, None where there is none.
        `refused`: whose own calls were refused for their sound since it was asked last."""
        self._phones = phones
        self._certificate = certificate
        self._office = office
        self._refused = refused
        self._refused_at: dict[str, float] = {}
        """When the calls of a device were noted last."""
        self._talked = set[str]()
        """Devices that have talked since it was looked last whose calls were refused."""
        self._silent = frozenset[str]()
        """Devices whose address is of the wrong kind, however much they seem to talk."""

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(), name="sounds")
            tasks.create_task(self._watch(), name="certificate")
            tasks.create_task(self._watch_offers(), name="offers")

    async def _listen(self) -> None:
        async for event in self._phones.sound_events():
            if event.agreed:
                self._talked.add(event.endpoint)
            if event.endpoint not in self._silent:
                await self._note(event.endpoint, agreed=event.agreed)

    async def note_addresses(self, seen: Sequence[Sighting]) -> None:
        """Note the devices among those that are there whose calls would be silent."""
        silent = silent_by_address(self._office.exchange.plan, seen)
        well = {one.endpoint for one in seen if one.registered} - silent
        known, self._silent = self._silent, self._silent - well | silent
        for endpoint in sorted(silent):
            await self._note(endpoint, agreed=False)
        for endpoint in sorted(known & well):
            await self._note(endpoint, agreed=True)

    async def _watch_offers(self) -> None:
        while True:
            await self.note_offers()
            await asyncio.sleep(OFFERS_S)

    async def note_offers(self) -> None:
        """Note the devices whose own calls were refused, and that have not talked since."""
        now = time.monotonic()
        talked, self._talked = self._talked, set()
        refused = await asyncio.to_thread(self._refused)
        ours = endpoints(self._office.exchange.plan).intersection(refused)
        for endpoint in sorted(ours - talked - self._talked):
            if now - self._refused_at.get(endpoint, now - AGAIN_S) >= AGAIN_S:
                self._refused_at[endpoint] = now
                await self._note(endpoint, agreed=False)

    async def _note(self, endpoint: str, *, agreed: bool) -> None:
        known = endpoint in self._office.exchange.without_sound
        if known is agreed:  # else nothing has changed
            if not agreed:
                log.warning("device_without_sound", endpoint=endpoint)
            await self._office.obey(NoteSound(endpoint, agreed, EXCHANGE))

    async def _watch(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Note the certificate where something has to be told of it."""
        try:
            until = self._certificate()
        except Ill as ill:
            log.warning("certificate_not_seen", why=str(ill))
            return
        if until is not None:
            await self._office.obey(NoteCertificate(until, EXCHANGE))
