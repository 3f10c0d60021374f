"""A clock that stands still until a test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FakeClock:
    """`ports.Clock` at `moment` (aware)."""

    offset_s = 0

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def pass_(self, seconds: float) -> None:
        """Let real seconds pass, over a change of the clocks too."""
        later = self.moment.astimezone(UTC) + timedelta(seconds=seconds)
        self.moment = later.astimezone(self.moment.tzinfo)

    def step(self, by: timedelta) -> None:
        """Be set to another time, no second having passed."""
        self.pass_(by.total_seconds())
