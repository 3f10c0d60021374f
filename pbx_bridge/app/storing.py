"""Watches over storage: while nothing can be stored calls go on, somebody is told, and the gap is
recorded when it is over (F33)."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

import structlog

from pbx_bridge.app.office import Office
from pbx_bridge.app.voice import Voice
from pbx_bridge.core import attendance
from pbx_bridge.core.devices import endpoints
from pbx_bridge.core.events import RecordGap
from pbx_bridge.core.sentences import sentence
from pbx_bridge.ports import (
    Clock,
    Journal,
    JournalUnavailable,
    NoticeDelayed,
    NoticeRefused,
    PbxUnavailable,
    Storage,
    Telephony,
)

BEAT_S = 5.0
"""Between two proofs that something can be stored: each is a write of its own."""

log = structlog.get_logger(__name__)


class Storing:
    """Writes a heartbeat; what fails in between is one gap."""

    def __init__(
        self,
        storage: Storage,
        journal: Journal,
        telephony: Telephony,
        office: Office,
        voice: Voice,
        clock: Clock,
    ) -> None:
        self.gap_since: datetime | None = None
        """Since when nothing can be stored, None while all is well."""
        self._is_told = False
        """Of this gap."""
        self._stored_at = time.monotonic()
        self._storage = storage
        self._journal = journal
        self._telephony = telephony
        self._office = office
        self._voice = voice
        self._clock = clock
        self._lost_before = storage.lost

    @property
    def silent_s(self) -> float:
        """Seconds since something was stored."""
        return time.monotonic() - self._stored_at

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(BEAT_S)

    async def look(self) -> None:
        """Write a heartbeat; raise the alarm, or record the gap when it is over."""
        now = self._clock.now()
        try:
            await self._storage.beat(now)
            self._stored_at = time.monotonic()
            await self._office.store_kept()
            if self.gap_since is not None or self._storage.lost != self._lost_before:
                lost = self._storage.lost
                gap = RecordGap(self.gap_since or now, now, lost - self._lost_before)
                await self._journal.append(now, (gap,))
                log.warning("record_gap", since=str(gap.since), lost=gap.lost)
                self.gap_since, self._lost_before = None, lost
        except JournalUnavailable as error:
            if self.gap_since is None:
                self.gap_since, self._is_told = now, False
                log.error("nothing_is_stored", why=str(error))
            if not self._is_told:
                self._is_told = await self._tell(now)

    async def _tell(self, now: datetime) -> bool:
        """Show it on the switchboard's phones: a notice can't be kept until it arrives. Whether
        any of them has it."""
        exchange = self._office.exchange
        plan = exchange.plan
        told, shown = sentence("notice-not-stored"), False
        for extension in attendance.rung(exchange, plan.switchboard, now):
            person = plan.people[extension]
            text = self._voice.letter(told, person.language, plan.organisation.zone)
            try:
                await self._telephony.message(endpoints(person), text)
                shown = True
            except (NoticeDelayed, NoticeRefused, PbxUnavailable) as error:
                log.info("storage_alarm_not_shown", to=extension, why=type(error).__name__)
        return shown
