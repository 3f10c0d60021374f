"""Referrals that a call is about, before they are set.

Digits are read once, for a moment later they may mean another day; what they meant travels in
the marks of the steps after them.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pbx_bridge.core.call import Call
from pbx_bridge.core.commands import SetReferral
from pbx_bridge.core.state import Exchange

NOW = "0"
"""In place of a beginning."""


def tail(wanted: SetReferral, exchange: Exchange) -> str:
    """The end of a mark that carries `wanted`, without its note."""
    digit = exchange.plan.reasons_by_name[wanted.reason].digit
    since = NOW if wanted.since is None else str(int(wanted.since.timestamp()))
    return f"{wanted.person}.{digit}.{since}.{int(wanted.until.timestamp())}"


def found(call: Call, exchange: Exchange, by: str, *starts: str) -> SetReferral | None:
    """The referral in the first mark that begins with one of `starts`, None where there is none
    or the plan knows it no more."""
    for attempt in call.tried:
        for start in starts:
            if attempt.mark.startswith(start):
                return _read(attempt.mark.removeprefix(start), exchange, by)
    return None


def moment(epoch: str, exchange: Exchange) -> datetime:
    """The moment that stands in a mark, in the plan's zone."""
    return datetime.fromtimestamp(int(epoch), UTC).astimezone(exchange.plan.organisation.zone)


def _read(text: str, exchange: Exchange, by: str) -> SetReferral | None:
    person, digit, since, until = text.split(".")
    reason = exchange.plan.reasons.get(digit)
    if reason is None or person not in exchange.plan.people:
        return None
    begins = moment(since, exchange) if since != NOW else None
    return SetReferral(person, reason.name, moment(until, exchange), by, since=begins)
