"""Whether the clock goes at the machine's own pace, or was set anew (F30)."""

from __future__ import annotations

import time
from collections.abc import Callable

from pbx_bridge.ports import Clock

MOST_DRIFT_S = 60.0
"""Between two looks; what a time server mends bit by bit stays far below."""


class Pace:
    """Compares the clock with seconds that nobody can set, each time that it is asked."""

    def __init__(self, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._ahead_s: float | None = None
        self._set_at_s: float | None = None

    def is_steady(self, for_s: float) -> bool:
        """Whether the clock was not seen to be set anew for so long; true at first, when nothing
        is known of it."""
        passed_s = self._monotonic()
        ahead_s = self._clock.now().timestamp() - passed_s
        if self._ahead_s is not None and abs(ahead_s - self._ahead_s) > MOST_DRIFT_S:
            self._set_at_s = passed_s
        self._ahead_s = ahead_s
        return self._set_at_s is None or passed_s - self._set_at_s >= for_s
