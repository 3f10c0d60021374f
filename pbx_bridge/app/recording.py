"""What follows from calls that are over: the return ledger, and reminders of it (S16).

The record keeps which calls were settled, so that a bridge that was dead does it later, and
nothing twice.
"""

from __future__ import annotations

import asyncio
from datetime import UTC

import structlog

from pbx_bridge.app.office import Office
from pbx_bridge.app.waking import woken
from pbx_bridge.core import limits, outside, returning
from pbx_bridge.core.call import Why
from pbx_bridge.core.commands import RemindOfReturns
from pbx_bridge.core.latency import Outcome
from pbx_bridge.core.meters import Meters
from pbx_bridge.ports import (
    Clock,
    JournalUnavailable,
    PbxUnavailable,
    ProtocolError,
    Record,
    Telephony,
)

RETRY_S = 1.0
LONGEST_REST_S = 60.0
"""A machine's clock may be set anew (F30)."""

log = structlog.get_logger(__name__)


class Recording:
    """Settles calls, tells the record of Asterisk's starts, and reminds."""

    def __init__(
        self, telephony: Telephony, record: Record, office: Office, clock: Clock, meters: Meters
    ) -> None:
        self.connected = asyncio.Event()
        """To be set whenever Asterisk is reached (again): it may have been started anew."""
        self._telephony = telephony
        self._record = record
        self._office = office
        self._clock = clock
        self._meters = meters

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_starts(), name="asterisk-starts")
            tasks.create_task(self._settle(), name="ended-calls")
            tasks.create_task(self._remind(), name="returns")

    async def _follow_starts(self) -> None:
        while True:
            await self.connected.wait()
            self.connected.clear()
            try:
                await self._record.asterisk_started(await self._telephony.started_at())
            except (PbxUnavailable, ProtocolError) as error:
                log.warning("asterisk_start_not_known", why=str(error))  # the next link tells
            except (JournalUnavailable, OSError):
                self.connected.set()
                await asyncio.sleep(RETRY_S)

    async def _settle(self) -> None:
        while True:
            await self._record.changed.wait()
            self._record.changed.clear()
            try:
                done = await self._settled()
            except JournalUnavailable:
                done = False
            if not done:
                self._record.changed.set()
                await asyncio.sleep(RETRY_S)

    async def _settled(self) -> bool:
        """Take up what has ended; False when something could not be stored."""
        while ended := await self._record.unsettled():
            for journey in ended:
                if journey.outcome is not Outcome.HELD:
                    self._meters.ended[journey.outcome] += 1
                plan = self._office.exchange.plan
                for one in (
                    limits.noted(journey, plan),
                    returning.noted(journey, plan),
                    outside.noted(journey),
                ):
                    if one is None:
                        continue
                    outcome = await self._office.obey(one)
                    if outcome.why is Why.COMMAND_FAILED:
                        return False
                self._office.call_over(journey.linkedid)
            await self._record.settle(ended)
        return True

    async def _remind(self) -> None:
        with self._office.listening() as changed:
            while True:
                changed.clear()
                now = self._clock.now()
                due = returning.next_reminder(self._office.exchange)
                rest_s = LONGEST_REST_S
                if due is not None:
                    left_s = (due.astimezone(UTC) - now.astimezone(UTC)).total_seconds()
                    rest_s = min(rest_s, left_s)
                if rest_s <= 0:
                    outcome = await self._office.obey(RemindOfReturns())
                    rest_s = RETRY_S if outcome.why is Why.COMMAND_FAILED else 0.0
                await woken(changed, rest_s)
