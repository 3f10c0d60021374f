"""Requests that Asterisk has refused: counted by kind, journaled in intervals, told when they are
very many.

Nothing is kept of where they came from: addresses and accounts of a flood are made up, and a
number for each would let whoever floods fill the disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from pbx_bridge.core.commands import NoteRefused
from pbx_bridge.core.events import Event, FloodBegan, FloodEnded, RequestsRefused
from pbx_bridge.core.state import Exchange

KINDS: Mapping[str, str] = {
    "InvalidPassword": "wrong-password",
    "ChallengeResponseFailed": "wrong-password",
    "InvalidAccountID": "unknown-account",
    "FailedACL": "wrong-address",
    "UnexpectedAddress": "wrong-address",
    "InvalidTransport": "wrong-address",
    "RequestBadFormat": "malformed",
    "RequestNotAllowed": "not-allowed",
    "RequestNotSupported": "not-allowed",
    "AuthMethodNotAllowed": "not-allowed",
    "SessionLimit": "too-many",
    "MemoryLimit": "too-many",
    "LoadAverageLimit": "too-many",
}
"""Our word for each of Asterisk's security events that tells of a refusal."""
FLOOD = 100
"""Refused requests in one minute: phones with a wrong password make some few."""
INTERVAL = timedelta(minutes=10)
"""Between two entries in the journal, however many requests there are."""


def is_due(exchange: Exchange, since: datetime, now: datetime, *, waits: bool, worst: int) -> bool:
    """Whether what was refused since `since` has to be noted now.

    `waits`: whether there is anything; `worst`: how many in the busiest minute.
    """
    begins = worst >= FLOOD and exchange.flood_since is None
    over = now.astimezone(UTC) - since.astimezone(UTC) >= INTERVAL
    return begins or (over and (waits or exchange.flood_since is not None))


def note(command: NoteRefused, exchange: Exchange) -> tuple[Event, ...]:
    """The entry, and the beginning or the end of a flood: it ends with an interval without a
    minute of it."""
    found: list[Event] = []
    if command.counts:
        found.append(RequestsRefused(command.since, command.until, command.counts, command.worst))
    if command.worst >= FLOOD and exchange.flood_since is None:
        found.append(FloodBegan(command.until))
    elif command.worst < FLOOD and exchange.flood_since is not None:
        found.append(FloodEnded(command.until))
    return tuple(found)
