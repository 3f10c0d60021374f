"""Who is away, until when, and who may take their calls."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from pbx_bridge.core.model import Exchange, Person, Referral


def current(exchange: Exchange, extension: str, now: datetime) -> Referral | None:
    """The referral that holds at `now`, whatever its reason; None when there is none."""
    referral = exchange.referrals.get(extension)
    if referral is None:
        return None
    instant = now.astimezone(UTC)
    if referral.since.astimezone(UTC) <= instant < referral.until.astimezone(UTC):
        return referral
    return None


def absence(exchange: Exchange, extension: str, now: datetime) -> Referral | None:
    """The referral that keeps calls from the phone: remote work does not (S11)."""
    referral = current(exchange, extension, now)
    if referral is None or exchange.plan.reasons_by_name[referral.reason].reachable:
        return None
    return referral


def deputies(exchange: Exchange, person: Person, now: datetime) -> Iterator[Person]:
    """Yield the colleagues who have agreed to take the calls and are not away (S14)."""
    for extension in person.deputies:
        if absence(exchange, extension, now) is None:
            yield exchange.plan.people[extension]
