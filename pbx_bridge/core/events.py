"""What happened: the journal's entries, and their fold into the live state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from pbx_bridge.core.model import Exchange, Plan, Referral


@dataclass(frozen=True, slots=True)
class ReferralSet:
    """Somebody is away, with an end (S8)."""

    person: str
    reason: str
    since: datetime
    until: datetime
    note: str
    by: str


@dataclass(frozen=True, slots=True)
class ReferralCancelled:
    """Somebody came back early (S15)."""

    person: str
    by: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A member attends a line from now on."""

    line: str
    person: str
    by: str


@dataclass(frozen=True, slots=True)
class SignedOut:
    """A member no longer attends a line."""

    line: str
    person: str
    by: str


@dataclass(frozen=True, slots=True)
class CommandRefused:
    """A command was refused; nothing changed."""

    command: str
    person: str
    clause: str
    why: str
    by: str


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision about a call: what Asterisk was told to do, and the rule's name."""

    call: str
    """Asterisk's linkedid."""
    number: str
    step: str
    why: str


@dataclass(frozen=True, slots=True)
class LinkLost:
    """Asterisk could not be reached from `since` on; what happened is in its own record."""

    link: str
    """`ari` or `ami`."""
    since: datetime


@dataclass(frozen=True, slots=True)
class BridgeStarted:
    """A bridge took up its work with a plan."""

    plan: str
    version: str


Event = (
    ReferralSet
    | ReferralCancelled
    | SignedIn
    | SignedOut
    | CommandRefused
    | Decided
    | LinkLost
    | BridgeStarted
)


def fresh(plan: Plan) -> Exchange:
    """The state of an exchange whose journal is empty."""
    signed_in = {line.name: frozenset(line.signed_in) for line in plan.lines.values()}
    return Exchange(plan, {}, signed_in)


def fold(exchange: Exchange, events: Iterable[Event]) -> Exchange:
    """The state after `events`."""
    for event in events:
        exchange = apply(exchange, event)
    return exchange


def under(plan: Plan, exchange: Exchange) -> Exchange:
    """The state under another plan; people, reasons and lines it doesn't have lose theirs."""
    people, reasons = plan.people, plan.reasons_by_name
    referrals = {
        who: one
        for who, one in exchange.referrals.items()
        if who in people and one.reason in reasons
    }
    signed_in = {
        line.name: exchange.signed_in.get(line.name, frozenset(line.signed_in))
        for line in plan.lines.values()
    }
    return replace(exchange, plan=plan, referrals=referrals, signed_in=signed_in)


def apply(exchange: Exchange, event: Event) -> Exchange:
    """The state after one event."""
    match event:
        case ReferralSet(person, reason, since, until, note, by):
            referral = Referral(person, reason, since, until, note, by)
            return replace(exchange, referrals={**exchange.referrals, person: referral})
        case ReferralCancelled(person):
            left = {who: one for who, one in exchange.referrals.items() if who != person}
            return replace(exchange, referrals=left)
        case SignedIn(line, person):
            return _attend(exchange, line, exchange.signed_in.get(line, frozenset()) | {person})
        case SignedOut(line, person):
            return _attend(exchange, line, exchange.signed_in.get(line, frozenset()) - {person})
        case CommandRefused() | Decided() | LinkLost() | BridgeStarted():
            return exchange
        case _:
            assert_never(event)


def _attend(exchange: Exchange, line: str, attendants: frozenset[str]) -> Exchange:
    return replace(exchange, signed_in={**exchange.signed_in, line: attendants})
