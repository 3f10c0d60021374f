"""What is missing of the journal: noted where it was found, told to the switchboard once, and
ill until a technician has accepted it knowingly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from pbx_bridge.core import attendance
from pbx_bridge.core.commands import AcceptLoss, NoteLoss
from pbx_bridge.core.events import Event, HistoryLost, LossAccepted, LossTold
from pbx_bridge.core.state import Channel, Exchange, Hole


def note(command: NoteLoss, exchange: Exchange, now: datetime) -> tuple[Event, ...]:
    """Note what was found missing just now; have told what nobody was told yet."""
    found = tuple(
        HistoryLost(one.first, one.last, one.why, now, one.chain) for one in command.holes
    )
    untold = any(not one.told for one in exchange.holes)
    return (*found, LossTold(now)) if found or untold else ()


def accept(command: AcceptLoss, exchange: Exchange, now: datetime) -> tuple[Event, ...]:
    """A technician knows what is missing and goes on without it."""
    return (LossAccepted(command.by, command.why, now),) if exchange.holes else ()


def folded(exchange: Exchange, event: HistoryLost | LossTold | LossAccepted) -> tuple[Hole, ...]:
    """The holes that nobody has accepted, after an event."""
    match event:
        case HistoryLost(first, last, why, _, chain):
            return (*exchange.holes, Hole(first, last, why, chain))
        case LossTold():
            return tuple(replace(one, told=True) for one in exchange.holes)
        case LossAccepted():
            return ()


def listeners(exchange: Exchange, now: datetime) -> Iterator[tuple[str, Channel]]:
    """Whom a loss is told to, and how: the switchboard's list, and the phones that it rings at."""
    yield "", Channel.LIST
    for one in attendance.rung(exchange, exchange.plan.switchboard, now):
        yield one, Channel.MESSAGE
