"""Watches what technicians have to put right at the doors: devices that can't talk, and the
certificate that phones are shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from pbx_bridge.app.office import Office
from pbx_bridge.core.commands import EXCHANGE, NoteCertificate, NoteSound
from pbx_bridge.ports import Ill, Phones

LOOK_S = 300.0

log = structlog.get_logger(__name__)


class Doors:
    """Notes both; what follows is told by `core.notices`."""

    def __init__(
        self, phones: Phones, certificate: Callable[[], datetime | None], office: Office
    ) -> None:
        """`certificate`: until when the one of the TLS door lasts, None where there is none."""
        self._phones = phones
        self._certificate = certificate
        self._office = office

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(), name="sounds")
            tasks.create_task(self._watch(), name="certificate")

    async def _listen(self) -> None:
        async for event in self._phones.sound_events():
            known = event.endpoint in self._office.exchange.without_sound
            if known is event.agreed:  # else nothing has changed
                if not event.agreed:
                    log.warning("device_without_sound", endpoint=event.endpoint)
                await self._office.obey(NoteSound(event.endpoint, event.agreed, EXCHANGE))

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
