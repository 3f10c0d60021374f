"""How an exchange is, as its supervisor knows: what is ill, since when, and what was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from pbx_bridge.core.state import Part
from pbx_bridge.ports import Finding

MOST_OUTAGES = 100
"""That wait to be told; the oldest are forgotten first."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Outage:
    """A part was not there."""

    part: Part
    since: datetime
    """Aware, by the exchange's clock; so `until`."""
    why: str
    until: datetime | None = None
    """None while it lasts."""


class State:
    """What was noticed, and what is to be told."""

    def __init__(self, clock_offset_s: int) -> None:
        self._offset = timedelta(seconds=clock_offset_s)
        self._troubles: dict[Part, tuple[datetime, str]] = {}
        self.to_tell: list[Outage] = []
        """Over, and not yet in the journal."""

    def now(self) -> datetime:
        """The exchange's time."""
        return datetime.now(UTC) + self._offset

    def lost(self, part: Part, why: str) -> Outage:
        """Part of the exchange is gone since now."""
        self.trouble(part, why)
        return Outage(part, self.now(), why)

    def back(self, outage: Outage) -> None:
        """It is there again."""
        outage.until = self.now()
        self.to_tell = [*self.to_tell, outage][-MOST_OUTAGES:]

    def trouble(self, part: Part, why: str) -> None:
        """Something is ill; a line of the log when it is or becomes so for another reason."""
        since, before = self._troubles.get(part, (self.now(), ""))
        self._troubles[part] = (since, why)
        if why != before:
            log.error("trouble", part=part, why=why)

    def well(self, part: Part) -> None:
        """It is as it should be."""
        if self._troubles.pop(part, None) is not None:
            log.info("trouble_over", part=part)

    def findings(self) -> list[Finding]:
        """Each part, the ill ones with why."""
        return [self._finding(part) for part in Part]

    def _finding(self, part: Part) -> Finding:
        if part not in self._troubles:
            return Finding(part, True, "as it should be", 0.0)
        since, why = self._troubles[part]
        told = f"{why} (since {since.astimezone().isoformat(timespec='seconds')})"
        return Finding(part, False, told, 0.0)
