"""Who may call what: by the plan, by the line they attend, and by a permit with an end (S27)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from pbx_bridge.core import callingcodes
from pbx_bridge.core.classes import CLASSES, classify, country, is_known
from pbx_bridge.core.commands import GrantPermit, Refusal, RevokePermits
from pbx_bridge.core.countries import Class
from pbx_bridge.core.events import Event, PermitGranted, PermitsRevoked
from pbx_bridge.core.model import Dialling, Permit, Person, Plan
from pbx_bridge.core.sentences import Digits, Sentence, sentence
from pbx_bridge.core.state import Exchange

Answer = tuple[PermitGranted | PermitsRevoked, ...] | Refusal

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


@dataclass(frozen=True, slots=True)
class Given:
    """A permit, and whether it was taken back before its end."""

    permit: Permit
    revoked: PermitsRevoked | None = None

    @property
    def ends(self) -> datetime:
        """From when on it holds no more."""
        return self.permit.until if self.revoked is None else self.revoked.at


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


def of_event(event: PermitGranted) -> Permit:
    """The permit that was given."""
    told = (event.person, event.calls, event.until, event.approved_by)
    return Permit(*told, since=event.since, by=event.by)


def given(
    plan: Plan, events: Iterable[Event], since: datetime, until: datetime
) -> tuple[Given, ...]:
    """The permits that held at some time of a period: the plan's, and those that `events` (all of
    them, up to the end of the period) tell of."""
    found = [Given(one) for person in plan.people.values() for one in person.permits]
    for event in events:
        match event:
            case PermitGranted():
                found.append(Given(of_event(event)))
            case PermitsRevoked(person, at):
                found = [
                    replace(one, revoked=event)
                    if one.permit.by and one.permit.person == person and not is_over(one.ends, at)
                    else one
                    for one in found
                ]
            case _:
                pass
    begins = [one.permit.since or since for one in found]
    return tuple(
        one
        for one, begun in zip(found, begins, strict=True)
        if not is_over(one.ends, since) and begun.astimezone(UTC) < until.astimezone(UTC)
    )


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


def end_of(day: date, zone: tzinfo) -> datetime:
    """When a permit ends that holds until a day, which is included."""
    return datetime.combine(day + timedelta(days=1), time(), zone)


def is_over(until: datetime, now: datetime) -> bool:
    """Whether a permit with that end holds no more."""
    return until.astimezone(UTC) <= now.astimezone(UTC)


def is_too_long(until: datetime, now: datetime) -> bool:
    """Whether it ends later than the same day in a year (of `now`'s zone): an end has to be one
    that somebody remembers."""
    return until.astimezone(UTC) > end_of(last_day(now), now.tzinfo or UTC).astimezone(UTC)


def last_day(now: datetime) -> date:
    """The last day of a permit that is given at `now`."""
    leap_day = (now.month, now.day) == (2, 29)
    return now.date().replace(year=now.year + 1, day=28 if leap_day else now.day)


def is_own_country(what: str, dialling: Dialling) -> bool:
    """Whether it is a country that nothing we call abroad is in."""
    codes = [code for code, country in callingcodes.BY_CODE.items() if country == what]
    return bool(codes) and all(code.startswith(dialling.country_code) for code in codes)


def needs_none(what: str, may_call: frozenset[str]) -> bool:
    """Whether somebody who `may_call` so much needs no permit for it."""
    return what in may_call or (Class.ABROAD in may_call and what not in CLASSES)


def grant(command: GrantPermit, exchange: Exchange, now: datetime) -> Answer:
    """A permit names what, until when, and who has agreed."""
    if not command.calls or not all(map(is_known, command.calls)):
        return Refusal("S27", "unknown-class", sentence("unknown-number"))
    now = now.astimezone(exchange.plan.organisation.zone)
    if is_over(command.until, now):
        return Refusal("S27", "time-passed", sentence("refused-time-passed"))
    if is_too_long(command.until, now):
        return Refusal("S27", "too-late", sentence("refused-permit-too-long"))
    person = exchange.plan.people[command.person]
    if any(is_own_country(one, exchange.plan.dialling) for one in command.calls):
        return Refusal("S27", "own-country", sentence("refused-permit-own-country"))
    if any(needs_none(one, person.may_call) for one in command.calls):
        return Refusal("S27", "needs-none", sentence("refused-permit-needless"))
    actor = exchange.plan.people.get(command.by)
    approved_by = command.approved_by or (actor.name if actor is not None else "")
    if not approved_by:
        return Refusal("S27", "not-approved", sentence("refused-not-allowed"))
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
