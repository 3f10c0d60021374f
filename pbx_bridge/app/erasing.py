"""Deletes each day what may be kept no longer, and notes that it did: the proof of deletion."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

import structlog

from pbx_bridge.app.clearing import Clearing
from pbx_bridge.app.office import Office
from pbx_bridge.app.pace import Pace
from pbx_bridge.core import numbers, retention
from pbx_bridge.core.events import DataErased, Event
from pbx_bridge.ports import Clock, Journal, JournalUnavailable, PbxRejected, PbxUnavailable, Record

LOOK_S = 600.0
"""Between two looks at the date; a machine's clock may be set anew (F30)."""
STEADY_S = 3600.0
"""How long the clock has to go on by itself, after it was set anew, before anything is deleted by
it: a clock that is wrong is mostly right again soon, and what is deleted is gone."""

log = structlog.get_logger(__name__)


class Erasing:
    """Once a day, and when somebody asks."""

    def __init__(
        self,
        journal: Journal,
        record: Record,
        clearing: Clearing,
        office: Office,
        clock: Clock,
        periods: retention.Periods,
        pace: Pace | None = None,
    ) -> None:
        self._pace = pace or Pace(clock)
        self._journal = journal
        self._record = record
        self._clearing = clearing
        self._office = office
        self._clock = clock
        self._periods = periods

    async def run(self) -> None:
        """Work until cancelled; trouble is logged, and tried again."""
        done, trouble = None, ""
        while True:
            today = self._clock.now().date()
            if self._pace.is_steady(STEADY_S) and done != today:
                try:
                    await self.erase()
                    done, trouble = today, ""
                except (JournalUnavailable, PbxUnavailable, PbxRejected, OSError) as error:
                    if trouble != str(error):
                        log.error("erasing_failed", why=str(error))
                    trouble = str(error)
            await asyncio.sleep(LOOK_S)

    async def erase(self) -> Mapping[str, int]:
        """Delete what is too old. Returns how many of each kind.

        Raises `JournalUnavailable`; and `PbxUnavailable`, `PbxRejected` or `OSError` where messages
        and sounds are still there: the rest is deleted then.
        """
        now, periods = self._clock.now().astimezone(UTC), self._periods
        before = {
            "numbers": now - periods.numbers,
            "calls": now - periods.calls,
            "absences": now - periods.absences,
            "messages": now - periods.messages,
            "sentences": now - periods.sentences,
            "notes": now,
        }
        before |= dict.fromkeys(("log", "journal", "logs"), before["numbers"])
        counts = dict(await self._record.erase_old(before["numbers"], before["calls"]))
        for kinds, name, what in (
            (retention.WITH_NUMBERS, "journal", "numbers"),
            (retention.OF_ABSENCES, "absences", "absences"),
        ):
            counts[name] = await self._erase_entries(kinds, before[what], now)
        await self._prove(now, counts, before)
        cleared = await self._clearing.clear(now, periods)
        await self._prove(now, cleared, before)
        return {**counts, **cleared}

    async def _prove(
        self, now: datetime, counts: Mapping[str, int], before: Mapping[str, datetime]
    ) -> None:
        proofs: list[Event] = [
            DataErased(what, before[what], count) for what, count in counts.items() if count
        ]
        if proofs:
            await self._journal.append(now, proofs)
            log.info("erased", **counts)

    async def forget(self, number: str) -> Mapping[str, int]:
        """Delete what is known of somebody outside, the messages that they have left too.

        An open return of theirs is deleted: nobody is to call them. Raises `JournalUnavailable`,
        `PbxUnavailable`, `OSError`; asked again it goes on.
        """
        dialling = self._office.exchange.plan.dialling
        is_theirs = numbers.same_as(number, dialling)
        counts = {"messages": await self._clearing.forget(is_theirs), "log": 0, "numbers": 0}
        for form in numbers.forms(number, dialling):
            for what, count in (await self._record.forget(form)).items():
                counts[what] += count
        counts["journal"] = await self._office.forget(is_theirs)
        now = self._clock.now().astimezone(UTC)
        await self._journal.append(now, [DataErased("number", now, sum(counts.values()))])
        return counts

    async def _erase_entries(
        self, kinds: tuple[type[Event], ...], before: datetime, now: datetime
    ) -> int:
        exchange = self._office.exchange
        entries = await self._journal.select(kinds, before)
        rows = [one.seq for one in entries if not retention.is_needed(one.event, exchange, now)]
        if rows:
            await self._journal.erase(rows)
        return len(rows)
