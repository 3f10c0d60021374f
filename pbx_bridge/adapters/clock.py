"""The one place that asks the machine what time it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


class SystemClock:
    """The machine's clock in the plan's zone, or a clock that is some seconds ahead of it."""

    def __init__(self, zone: ZoneInfo, offset_s: int = 0) -> None:
        self._zone = zone
        self._offset_s = offset_s

    @classmethod
    def set_to(cls, moment: datetime, zone: ZoneInfo) -> SystemClock:
        """A clock that begins at `moment` and goes on at the machine's pace."""
        offset = moment.astimezone(UTC) - datetime.now(UTC)
        return cls(zone, round(offset.total_seconds()))

    def now(self) -> datetime:
        """The present moment in the plan's zone."""
        return (datetime.now(UTC) + timedelta(seconds=self._offset_s)).astimezone(self._zone)

    @property
    def offset_s(self) -> int:
        """Seconds ahead of the machine's clock; negative when behind."""
        return self._offset_s
