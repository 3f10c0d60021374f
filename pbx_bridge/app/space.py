"""Watches how much of the disk is free: messages are no longer recorded before calls suffer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from pbx_bridge.core.room import may_record

LOOK_S = 5.0

log = structlog.get_logger(__name__)


class Space:
    """Knows whether something may be recorded now."""

    def __init__(self, usage: Callable[[], tuple[int, int]], least: float) -> None:
        """`usage`: free and all bytes of the disk; raises `OSError`. `least`: the part of it that
        has to be free."""
        self.may_record = True
        self.free_percent = 100.0
        self._usage = usage
        self._least = least

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """See how much is free; what can't be seen changes nothing."""
        try:
            free, total = await asyncio.to_thread(self._usage)
        except OSError:
            return
        self.free_percent = round(100 * free / total, 1) if total else 0.0
        before, self.may_record = (
            self.may_record,
            may_record(free, total, self._least, self.may_record),
        )
        if self.may_record and not before:
            log.info("messages_recorded_again", free_percent=self.free_percent)
        elif before and not self.may_record:
            log.error("messages_no_longer_recorded", free_percent=self.free_percent)
