"""When the end of a certificate has to be told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pbx_bridge.core.commands import NoteCertificate
from pbx_bridge.core.events import CertificateEnds, CertificateRenewed, Event
from pbx_bridge.core.state import Exchange

TOLD_BEFORE = (timedelta(days=28), timedelta(days=7), timedelta(days=1), timedelta(0))
"""Its end is told at each of these, once."""


def note(command: NoteCertificate, exchange: Exchange, now: datetime) -> tuple[Event, ...]:
    """What has to be told of it now, or that there is nothing to tell any more."""
    until, told = command.until.astimezone(UTC), exchange.certificate
    moment = now.astimezone(UTC)
    found: list[Event] = []
    since = None
    if told is not None:
        if told.until.astimezone(UTC) == until:
            since = told.at.astimezone(UTC)
        else:
            found.append(CertificateRenewed(command.until, now))
    moments = [until - before for before in TOLD_BEFORE]
    if any(one <= moment and (since is None or since < one) for one in moments):
        found.append(CertificateEnds(command.until, now))
    return tuple(found)
