"""Who may call what: by the plan, by the line they attend, and by a permit with an end (S27)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pbx_bridge.core import callingcodes
from pbx_bridge.core.classes import CLASSES, classify, country, is_known
from pbx_bridge.core.commands import GrantPermit, Refusal, RevokePermits
from pbx_bridge.core.countries import Class
from pbx_bridge.core.events import PermitGranted, PermitsRevoked
from pbx_bridge.core.model import Permit, Person
from pbx_bridge.core.sentences import Digits, Sentence, sentence
from pbx_bridge.core.state import Exchange

Answer = tuple[PermitGranted | PermitsRevoked, ...] | Refusal

LONGEST = timedelta(days=366)
"""A permit has an end that somebody remembers."""
_PREMIUM_DIGITS, _ABROAD_DIGITS = "0", "00"
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether somebody may call a number, and why."""

    kind: Class
    country: str
    """ISO code where it is abroad."""
    allowed: bool
    permit: Permit | None = None
    """What allows it, where nothing else does."""


def verdict(exchange: Exchange, person: Person | None, number: str, now: datetime) -> Verdict:
    """Whether `person` may call `number`; None for a phone that is nobody's, which may call
    emergency numbers alone."""
    dialling = exchange.plan.dialling
    kind, where = classify(number, dialling), country(number, dialling)
    if kind is Class.EMERGENCY or kind is Class.UNKNOWN or person is None:
        return Verdict(kind, where, kind is Class.EMERGENCY)
    if covers(usual(exchange, person), kind, where):
        return Verdict(kind, where, allowed=True)
    held = [one for one in valid(exchange, person, now) if covers(one.calls, kind, where)]
    return Verdict(kind, where, bool(held), held[0] if held else None)


def covers(calls: tuple[str, ...] | frozenset[str], kind: Class, where: str) -> bool:
    """Whether a number of that class, in that country, is among what may be called."""
    return kind in calls or (kind is Class.ABROAD and where in calls)


def usual(exchange: Exchange, person: Person) -> frozenset[str]:
    """What they may call without a permit: their own, and that of the lines they attend."""
    lines = (
        line.may_call
        for line in exchange.plan.lines.values()
        if line.may_call and person.extension in exchange.signed_in.get(line.name, ())
    )
    return person.may_call.union(*lines)


def valid(exchange: Exchange, person: Person, now: datetime) -> Iterator[Permit]:
    """Yield the permits that hold at `now`."""
    at = now.astimezone(UTC)
    for one in known(exchange, person):
        since = _LONG_AGO if one.since is None else one.since.astimezone(UTC)
        if since <= at < one.until.astimezone(UTC):
            yield one


def known(exchange: Exchange, person: Person) -> tuple[Permit, ...]:
    """The plan's, and those that were granted; some may have ended."""
    return (*person.permits, *exchange.permits.get(person.extension, ()))


def beside(exchange: Exchange, person: Person, now: datetime) -> Mapping[str, datetime | None]:
    """What they may call beside their own, and until when; None: while they attend a line."""
    found: dict[str, datetime | None] = {}
    for permit in valid(exchange, person, now):
        for one in permit.calls:
            held = found.get(one)
            if held is None or held.astimezone(UTC) < permit.until.astimezone(UTC):
                found[one] = permit.until
    found |= dict.fromkeys(usual(exchange, person) - person.may_call)
    return found


def grant(command: GrantPermit, exchange: Exchange, now: datetime) -> Answer:
    """A permit names what, until when, and who has agreed."""
    until = command.until.astimezone(UTC)
    if not command.calls or not all(map(is_known, command.calls)):
        return Refusal("S27", "unknown-class", sentence("unknown-number"))
    if not until > now.astimezone(UTC):
        return Refusal("S27", "time-passed", sentence("refused-time-passed"))
    if until > now.astimezone(UTC) + LONGEST:
        return Refusal("S27", "too-late", sentence("refused-bad-time"))
    actor = exchange.plan.people.get(command.by)
    approved_by = command.approved_by or (actor.name if actor is not None else "")
    if not approved_by:
        return Refusal("S27", "not-approved", sentence("refused-not-for-others"))
    calls = tuple(dict.fromkeys(command.calls))
    return (PermitGranted(command.person, calls, now, command.until, approved_by, command.by),)


def revoke(command: RevokePermits, exchange: Exchange, now: datetime) -> Answer:
    """Those of the plan are the technicians' to take out."""
    if not exchange.permits.get(command.person):
        return Refusal("S27", "no-permit", sentence("refused-no-permit"))
    return (PermitsRevoked(command.person, now, command.by),)


def of_digits(digits: str) -> tuple[str, ...]:
    """What a code means: 0 premium numbers, 00 every country, else a country's calling code."""
    if digits == _PREMIUM_DIGITS:
        return (Class.PREMIUM.value,)
    if digits == _ABROAD_DIGITS:
        return (Class.ABROAD.value,)
    found = callingcodes.BY_CODE.get(digits)
    return () if found is None else (found,)


def told(person: Person, calls: tuple[str, ...], until: datetime) -> Iterator[Sentence]:
    """Yield what is spoken of a permit."""
    for one in calls:
        if one in (Class.PREMIUM, Class.ABROAD):
            yield sentence(f"permit-{one}", name=person.name, until=until)
        elif one in CLASSES:
            yield sentence("permit-set", name=person.name, until=until)
        else:
            codes = (code for code, where in callingcodes.BY_CODE.items() if where == one)
            code = Digits(min(codes, key=len))
            yield sentence("permit-country", name=person.name, number=code, until=until)
