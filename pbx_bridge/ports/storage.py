"""Journal and record, and how they are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pbx_bridge.core.events import Event
from pbx_bridge.core.latency import Journey


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the journal."""

    seq: int
    at: datetime
    event: Event


class Journal(Protocol):
    """The append-only, hash-chained record of what was asked and decided."""

    async def append(self, at: datetime, events: Sequence[Event]) -> None:
        """Return when `events` are durable (fsync done). Raises `JournalUnavailable`."""
        ...

    def note(self, at: datetime, events: Sequence[Event]) -> None:
        """Append without waiting; order with `append` is kept."""
        ...

    def entries(self, without: Sequence[type[Event]] = ()) -> Iterable[Entry]:
        """All entries from the first but those of some kinds; used once, at start."""
        ...

    async def select(
        self, kinds: Sequence[type[Event]], before: datetime | None = None, after: int = 0
    ) -> Sequence[Entry]:
        """The entries of some kinds, `before` a moment or all, and those `after` a row; erased
        ones left out.

        Raises `JournalUnavailable`.
        """
        ...

    async def erase(self, seqs: Sequence[int]) -> None:
        """Delete what these entries say; that there were such entries stays provable.

        Raises `JournalUnavailable`.
        """
        ...


class Record(Protocol):
    """What Asterisk recorded of calls, as calls that are over."""

    changed: asyncio.Event
    """Set when calls have ended; whoever waits for it clears it."""

    async def asterisk_started(self, at: datetime) -> None:
        """Asterisk says that it was started at `at`, by its own clock: what was open then is
        lost (F07). Raises `JournalUnavailable`, `OSError`."""
        ...

    async def erase_old(
        self, numbers_before: datetime, calls_before: datetime
    ) -> Mapping[str, int]:
        """Delete callers' numbers, and calls, that are older. Returns rows by kind.

        Raises `JournalUnavailable`.
        """
        ...

    async def forget(self, number: str) -> Mapping[str, int]:
        """Delete what is known of one number. Returns rows by kind; raises `JournalUnavailable`."""
        ...

    async def unsettled(self) -> Sequence[Journey]:
        """Calls that have ended and are not settled, oldest first; some of them, if many.

        Raises `JournalUnavailable`.
        """
        ...

    async def settle(self, calls: Sequence[Journey]) -> None:
        """Whatever follows from the calls was done. Raises `JournalUnavailable`."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """How one part is."""

    part: str
    well: bool
    what: str
    ms: float


class Storage(Protocol):
    """Where journal and record are kept."""

    lost: int
    """Writes that nobody waited for and that were not stored."""

    async def beat(self, at: datetime) -> None:
        """Store a sign of life. Raises `JournalUnavailable`."""
        ...
