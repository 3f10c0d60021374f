"""How long whoever keeps something in line may rest, and what wakes them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from pbx_bridge.core.attendance import next_change
from pbx_bridge.core.state import Exchange

LONGEST_REST_S = 60.0
"""The days go on when nothing happens, and a machine's clock may be set anew (F30)."""


def rest_s(exchange: Exchange, begun: datetime, now: datetime) -> float:
    """Seconds from `now` to the first change after `begun`, when the state was looked at; it may
    have passed."""
    change = next_change(exchange, begun)
    if change is None:
        return LONGEST_REST_S
    left = (change.astimezone(UTC) - now.astimezone(UTC)).total_seconds()
    return min(LONGEST_REST_S, max(0.0, left))


async def woken(event: asyncio.Event, seconds: float) -> bool:
    """Return when `event` is set, or after `seconds`; whether it was set."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
