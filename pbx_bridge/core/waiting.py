"""A caller's place in a line's queue, and how long it may take (S21)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pbx_bridge.core import attendance
from pbx_bridge.core.call import Call, Waiting
from pbx_bridge.core.routes.lines import QUEUE
from pbx_bridge.core.state import Exchange

LATEST = 2_147_483_647
"""Asterisk's largest priority: the dialplan gives a caller this less the second of their first
coming, so that who has waited longer goes first."""


@dataclass(frozen=True, slots=True)
class Waiters:
    """Who waits in a line's queue."""

    since: tuple[int, ...]
    """Asterisk's priority of each, higher for whoever came earlier."""
    talk_s: float
    """How long the talks of late were, 0 where there were none."""


def queue_of(call: Call) -> str:
    """The line in whose queue the caller has just waited in vain, "" for none."""
    if not call.tried or call.tried[-1].result != "TIMEOUT":
        return ""
    last = call.tried[-1].about
    return last.name if last.kind == QUEUE else ""


def waiting(
    exchange: Exchange,
    line: str,
    joined: str,
    waiters: Waiters,
    hearing: int,
    now: datetime,
) -> Waiting | None:
    """The place of somebody who first came at `joined` (a second since 1970) behind those in the
    queue who came before, and `hearing` others who are told theirs; None where it isn't known.

    The wait is as long as the talks of those before, shared among whoever attends.
    """
    if not joined.isdecimal() or line not in exchange.plan.lines:
        return None
    own = LATEST - int(joined)
    ahead = hearing + sum(one > own for one in waiters.since)
    ready = attendance.staffing(exchange, exchange.plan.lines[line], now)
    answering = max(1, len(ready.ready) + len(ready.joined))
    return Waiting(line, ahead, timedelta(seconds=waiters.talk_s * (ahead + 1) / answering))
