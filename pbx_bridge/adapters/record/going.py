"""Events of calls that go on, so that they needn't be read back when the calls end.

Only a memory of what is stored: whoever doubts it forgets it, and the database is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pbx_bridge.core.record import CelEvent

MOST_EVENTS = 50_000
"""Of all calls together, some 15 MB: a call that never ends in the log may not stay for ever."""


class GoingCalls:
    """The calls whose every event was seen, from the first one on."""

    def __init__(self) -> None:
        self._events: dict[str, list[CelEvent]] = {}
        self._count = 0

    def see(self, calls: Mapping[str, Sequence[CelEvent]]) -> None:
        """Take the events that were just stored, of each call in the order of the log."""
        for linkedid, events in calls.items():
            first, held = events[0], self._events.get(linkedid)
            if held is not None:
                held += events
            elif first.begins_call:
                self._events[linkedid] = list(events)
            else:
                continue
            self._count += len(events)
        if self._count > MOST_EVENTS:
            self.forget()

    def take(self, linkedid: str) -> Sequence[CelEvent] | None:
        """All events of a call by their times, and no longer from now on; None where it isn't
        known."""
        held = self._events.pop(linkedid, None)
        if held is None:
            return None
        self._count -= len(held)
        return sorted(held, key=lambda event: event.time)

    def forget(self) -> None:
        """Know of no call any more."""
        self._events.clear()
        self._count = 0
