"""Referrals that a call is about, before they are set.

Digits are read once, for a moment later they may mean another day; what they meant travels in
the steps after them.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pbx_bridge.core.call import Call
from pbx_bridge.core.commands import SetReferral
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.stepid import StepId

NOW = "0"
"""In place of a beginning."""


def tail(wanted: SetReferral, exchange: Exchange) -> tuple[str, str, str, str]:
    """The last arguments of a step that carries `wanted`, without its note."""
    digit = exchange.plan.reasons_by_name[wanted.reason].digit
    since = NOW if wanted.since is None else str(int(wanted.since.timestamp()))
    return wanted.person, digit, since, str(int(wanted.until.timestamp()))


def found(call: Call, exchange: Exchange, by: str, *starts: StepId) -> SetReferral | None:
    """The referral in the first step that begins like one of `starts`, None where there is none
    or the plan knows it no more."""
    for attempt in call.tried:
        for start in starts:
            if attempt.about.begins_with(start):
                return _read(attempt.about.args[len(start.args) :], exchange, by)
    return None


def moment(epoch: str, exchange: Exchange) -> datetime:
    """The moment that stands in a step, in the plan's zone."""
    return datetime.fromtimestamp(int(epoch), UTC).astimezone(exchange.plan.organisation.zone)


def _read(args: tuple[str, ...], exchange: Exchange, by: str) -> SetReferral | None:
    person, digit, since, until = args
    reason = exchange.plan.reasons.get(digit)
    if reason is None or person not in exchange.plan.people:
        return None
    begins = moment(since, exchange) if since != NOW else None
    return SetReferral(person, reason.name, moment(until, exchange), by, since=begins)
