"""Keeps the public timetable as the exchange does: at each change, and as the days go on (S25)."""

from __future__ import annotations

import asyncio

import structlog

from pbx_bridge.app.office import Office
from pbx_bridge.app.waking import woken
from pbx_bridge.core.public import Timetable, timetable
from pbx_bridge.ports import Clock, Public

LOOK_EVERY_S = 60.0
RETRY_S = 30.0

log = structlog.get_logger(__name__)


class Publishing:
    """Writes the timetable when it has become another."""

    def __init__(self, public: Public, office: Office, clock: Clock) -> None:
        self._public = public
        self._office = office
        self._clock = clock
        self.trouble = ""
        """Why the timetable could not be written last, "" when it was."""
        self._told: Timetable | None = None
        self._seen: object = None
        """What the last one was made from: plan, breaks and day."""

    async def run(self) -> None:
        """Publish until cancelled; a folder that can't be written is tried again."""
        with self._office.listening() as changed:
            while True:
                changed.clear()
                rest = LOOK_EVERY_S
                try:
                    await self._keep()
                    self.trouble = ""
                except OSError as error:
                    rest = RETRY_S
                    if not self.trouble:
                        log.warning("timetable_not_published", why=str(error)[:200])
                    self.trouble = str(error)
                await woken(changed, rest)

    async def _keep(self) -> None:
        exchange, now = self._office.exchange, self._clock.now()
        made_from = (exchange.plan.version, exchange.breaks, now.date())
        if made_from == self._seen:
            return
        told = await asyncio.to_thread(timetable, exchange, now)
        if told != self._told:
            await self._public.publish(told)
            log.info("timetable_published", first=told.first.isoformat())
        self._seen, self._told = made_from, told
