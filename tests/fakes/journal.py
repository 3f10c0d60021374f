"""A journal in memory, which can be told to fail as a full disk does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from pbx_bridge.core.events import Event
from pbx_bridge.ports import Entry, JournalUnavailable


class FakeJournal:
    """Entries in a list. While `broken`, appends are refused and notes lost and counted."""

    def __init__(self) -> None:
        self.rows: list[Entry] = []
        self.broken = False
        self.lost = 0
        self.erased: set[int] = set()

    @property
    def events(self) -> list[Event]:
        """What was recorded, without its times."""
        return [entry.event for entry in self.rows]

    async def append(self, at: datetime, events: Sequence[Event]) -> None:
        moment = _utc(at)
        if self.broken:
            raise JournalUnavailable("the fake disk is full")
        self._add(moment, events)

    def note(self, at: datetime, events: Sequence[Event]) -> None:
        moment = _utc(at)
        if self.broken:
            self.lost += len(events)
        else:
            self._add(moment, events)

    def entries(self, without: Sequence[type[Event]] = ()) -> Iterable[Entry]:
        yield from [row for row in self.rows if not isinstance(row.event, tuple(without))]

    async def select(
        self, kinds: Sequence[type[Event]], before: datetime | None = None, after: int = 0
    ) -> Sequence[Entry]:
        rows = [row for row in self.rows if isinstance(row.event, tuple(kinds)) and row.seq > after]
        return [row for row in rows if before is None or row.at < before]

    async def erase(self, seqs: Sequence[int]) -> None:
        if self.broken:
            raise JournalUnavailable("the fake disk is full")
        self.erased |= set(seqs)
        self.rows = [row for row in self.rows if row.seq not in self.erased]

    def _add(self, at: datetime, events: Sequence[Event]) -> None:
        for event in events:
            self.rows.append(Entry(len(self.rows) + len(self.erased) + 1, at, event))


def _utc(at: datetime) -> datetime:
    if at.utcoffset() is None:
        raise ValueError(f"{at} has no time zone")
    return at.astimezone(UTC)
