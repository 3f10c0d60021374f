"""A caller's place in a line's queue, and how long it may take (S21)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pbx_bridge.core import attendance
from pbx_bridge.core.call import Call, Waiting
from pbx_bridge.core.routes.lines import QUEUE
from pbx_bridge.core.state import Exchange

LATEST = 2_147_483_647
"""Asterisk's largest priority: the dialplan gives a caller this less the second of their first
coming, so that who has waited longer goes first."""


def queue_of(call: Call) -> str:
    """The line in whose queue the caller has just waited in vain, "" for none."""
    if not call.tried or call.tried[-1].result != "TIMEOUT":
        return ""
    mark = call.tried[-1].mark
    return mark.removeprefix(QUEUE).partition(".")[0] if mark.startswith(QUEUE) else ""


def waiting(
    exchange: Exchange,
    line: str,
    joined: str,
    priorities: Sequence[int],
    talk_s: float,
    now: datetime,
) -> Waiting | None:
    """The place of somebody who first came at `joined` (a second since 1970) among the others,
    by their priorities; None where nothing is known of it.

    The wait is as long as the talks of those before, shared among whoever attends.
    """
    if not joined.isdecimal() or line not in exchange.plan.lines:
        return None
    own = LATEST - int(joined)
    ahead = sum(one > own for one in priorities)
    ready = attendance.staffing(exchange, exchange.plan.lines[line], now)
    answering = max(1, len(ready.ready) + len(ready.joined))
    return Waiting(line, ahead, timedelta(seconds=talk_s * (ahead + 1) / answering))
