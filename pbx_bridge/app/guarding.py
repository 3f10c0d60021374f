"""Watches how many requests Asterisk refuses, notes it, and raises the alarm of a flood."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping

from pbx_bridge.app.office import Office
from pbx_bridge.core import security
from pbx_bridge.core.commands import EXCHANGE, NoteRefused
from pbx_bridge.ports import Clock

LOOK_S = 5.0
LOOKS_A_MINUTE = 12


class Guarding:
    """Counts what was refused, by kind."""

    def __init__(
        self, refused: Callable[[], Mapping[str, int]], office: Office, clock: Clock
    ) -> None:
        """`refused`: how many of each kind there were since the start."""
        self._refused = refused
        self._office = office
        self._clock = clock
        self._since = clock.now()
        self._seen: Counter[str] = Counter()
        self._noted: Counter[str] = Counter()
        self._minute: deque[int] = deque(maxlen=LOOKS_A_MINUTE)
        self._worst = 0

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Take up what came since the last look, and note it where it is due."""
        seen = Counter(self._refused())
        self._minute.append(seen.total() - self._seen.total())
        self._seen = seen
        self._worst = max(self._worst, sum(self._minute))
        waiting, now = seen - self._noted, self._clock.now()
        exchange = self._office.exchange
        if security.is_due(exchange, self._since, now, waits=bool(waiting), worst=self._worst):
            counts = tuple(sorted(waiting.items()))
            command = NoteRefused(counts, self._worst, self._since, now, by=EXCHANGE)
            self._since, self._noted, self._worst = now, seen, 0
            await self._office.obey(command)
