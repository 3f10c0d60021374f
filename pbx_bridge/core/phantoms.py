"""Calls whose telephone has vanished: after a cut of power or network both sides may be gone, and
the call stands until the telephone is asked for it in vain (session timers, RFC 4028)."""

from __future__ import annotations

from collections.abc import Mapping

ENDS_AFTER_S = 60.0
"""A call that still stands so long after the loss has been asked for, and its telephone has
answered: see `timers` in pjsip.conf."""


def suspects(
    known: Mapping[str, float], calls: Mapping[str, str], there: frozenset[str], now_s: float
) -> dict[str, float]:
    """Calls that may have no telephone any more, by channel, and since when.

    `calls` are the endpoints of answered calls by channel, `there` the endpoints that can be
    reached; `known` is what was returned before, in seconds of the same clock as `now_s`. The call
    of a device that can't be reached is one, and stays one when the device is back, as a telephone
    that has restarted knows nothing of it; until it ends, or the telephone must have answered.
    """
    found: dict[str, float] = {}
    for channel, endpoint in calls.items():
        since = known.get(channel)
        if endpoint not in there:
            found[channel] = now_s if since is None else since
        elif since is not None and now_s - since < ENDS_AFTER_S:
            found[channel] = since
    return found
