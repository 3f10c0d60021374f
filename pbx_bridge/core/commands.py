"""What people may ask of the exchange, whatever device they ask from.

`handle` is the only way to change anything: it returns the events to be journaled, or a
`Refusal` that names the policy clause and a sentence that can be spoken.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import assert_never

from pbx_bridge.core import absence, attendance
from pbx_bridge.core.events import (
    CommandRefused,
    Event,
    ReferralCancelled,
    ReferralSet,
    SignedIn,
    SignedOut,
)
from pbx_bridge.core.model import Exchange, Line, Person, Referral
from pbx_bridge.core.sentences import Named, Sentence, sentence

TECHNICIAN = "technician"
"""`by` of a command from the command line."""


@dataclass(frozen=True, slots=True)
class SetReferral:
    """Be away until `until` (aware), with the reason named so in the plan (S8)."""

    person: str
    reason: str
    until: datetime
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class CancelReferral:
    """Be back, before the referral's end or not (S15)."""

    person: str
    by: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """Attend a line."""

    line: str
    person: str
    by: str


@dataclass(frozen=True, slots=True)
class SignOut:
    """Leave a line (S18)."""

    line: str
    person: str
    by: str


Command = SetReferral | CancelReferral | SignIn | SignOut


@dataclass(frozen=True, slots=True)
class Refusal:
    """A command that the policy or the plan does not allow; nothing changed."""

    clause: str
    """Policy clause, or "" where the command itself makes no sense."""
    why: str
    """Stable name of the rule."""
    spoken: Sentence


def handle(command: Command, exchange: Exchange, now: datetime) -> tuple[Event, ...] | Refusal:
    """The events that `command` leads to, or why it is refused."""
    if (refusal := _not_entitled(command, exchange)) is not None:
        return refusal
    match command:
        case SetReferral():
            return _set_referral(command, exchange, now)
        case CancelReferral(person, by):
            if absence.current(exchange, person, now) is None:
                return Refusal("S15", "no-referral", sentence("referral-none"))
            return (ReferralCancelled(person, by),)
        case SignIn(line, person, by):
            return _sign_in(line, person, by, exchange)
        case SignOut(line, person, by):
            return _sign_out(line, person, by, exchange, now)
        case _:
            assert_never(command)


def _not_entitled(command: Command, exchange: Exchange) -> Refusal | None:
    """Everybody may command for themselves; operators and technicians for others."""
    if command.person not in exchange.plan.people:
        return Refusal("", "unknown-person", sentence("refused-unknown-code"))
    actor = exchange.plan.people.get(command.by)
    if command.by in (command.person, TECHNICIAN) or (actor is not None and actor.operator):
        return None
    return Refusal("S29", "not-allowed-for-others", sentence("refused-not-for-others"))


def refused(command: Command, refusal: Refusal) -> CommandRefused:
    """The journal's entry for a refusal."""
    name = type(command).__name__
    return CommandRefused(name, command.person, refusal.clause, refusal.why, command.by)


def _set_referral(
    command: SetReferral, exchange: Exchange, now: datetime
) -> tuple[Event, ...] | Refusal:
    reason = exchange.plan.reasons_by_name.get(command.reason)
    if reason is None:
        return Refusal("S8", "unknown-reason", sentence("refused-unknown-reason"))
    if command.until.astimezone(UTC) <= now.astimezone(UTC):
        return Refusal("S8", "end-has-passed", sentence("refused-time-passed"))
    if reason.note_required and not command.note.strip():
        return Refusal("S12", "note-needed", sentence("refused-note-needed"))
    if not reason.reachable:
        empty = attendance.lines_left_empty(exchange, command.person, now)
        if empty:
            return _last_attendant(empty[0])
    set_ = ReferralSet(
        command.person, reason.name, now, command.until, command.note.strip(), command.by
    )
    return (set_,)


def _sign_in(
    line_name: str, person: str, by: str, exchange: Exchange
) -> tuple[Event, ...] | Refusal:
    line = exchange.plan.lines.get(line_name)
    if line is None:
        return Refusal("", "unknown-line", sentence("refused-unknown-code"))
    if person not in line.members:
        spoken = sentence("refused-not-member", line=Named(line.title))
        return Refusal("S18", "not-a-member", spoken)
    return (SignedIn(line.name, person, by),)


def _sign_out(
    line_name: str, person: str, by: str, exchange: Exchange, now: datetime
) -> tuple[Event, ...] | Refusal:
    line = exchange.plan.lines.get(line_name)
    if line is None:
        return Refusal("", "unknown-line", sentence("refused-unknown-code"))
    if person not in exchange.signed_in.get(line.name, frozenset()):
        spoken = sentence("refused-not-signed-in", line=Named(line.title))
        return Refusal("", "not-signed-in", spoken)
    if line in attendance.lines_left_empty(exchange, person, now):
        return _last_attendant(line)
    return (SignedOut(line.name, person, by),)


def _last_attendant(line: Line) -> Refusal:
    spoken = sentence("refused-last-attendant", line=Named(line.title))
    return Refusal("S18", "last-attendant", spoken)


def confirmation(command: Command, exchange: Exchange, now: datetime) -> tuple[Sentence, ...]:
    """What is spoken when `command` is stored: what, until when, who takes the calls.

    `exchange` is the state after it.
    """
    plan = exchange.plan
    match command:
        case SetReferral(person):
            return status_of(plan.people[person], exchange, now, key="referral-set")
        case CancelReferral():
            return (sentence("referral-cancelled"),)
        case SignIn(line):
            return (sentence("signed-in", line=Named(plan.lines[line].title)),)
        case SignOut(line):
            return (sentence("signed-out", line=Named(plan.lines[line].title)),)
        case _:
            assert_never(command)


def status_of(
    person: Person, exchange: Exchange, now: datetime, key: str = "referral-is"
) -> tuple[Sentence, ...]:
    """The person's referral and who takes their calls, as sentences."""
    referral = absence.current(exchange, person.extension, now)
    if referral is None:
        return (sentence("referral-none"),)
    told = told_absence(key, person, referral, exchange)
    if absence.absence(exchange, person.extension, now) is None:
        return (told,)
    deputy = next(absence.deputies(exchange, person, now), None)
    if deputy is not None:
        return (told, sentence("referral-set-calls-to", name=deputy.name))
    title = Named(exchange.plan.switchboard.title)
    return (told, sentence("referral-set-calls-to-line", line=title))


def told_absence(key: str, person: Person, referral: Referral, exchange: Exchange) -> Sentence:
    """The sentence `key` about an absence, with the reason's public wording only (S13)."""
    reason = exchange.plan.reasons_by_name[referral.reason]
    return sentence(key, name=person.name, reason=Named(reason.public), until=referral.until)
