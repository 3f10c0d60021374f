"""What Asterisk must know to help callers while no bridge decides.

A picture of the state as AstDB entries, sounds and queue members. It is computed whole from
the exchange, so whoever keeps it only has to compare and correct.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from pbx_bridge.core import absence, attendance, display, limits, permits, reach
from pbx_bridge.core.closed import told_before
from pbx_bridge.core.hours import Opening, openings
from pbx_bridge.core.model import Language, Line
from pbx_bridge.core.sentences import Digits, Sentence, sentence
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.timetable import line_openings

FAMILIES = ("pbx-referral", "pbx-person", "pbx-line", "pbx-sound", "pbx-may", "pbx-left")
FOR_GOOD = "9999999999"
"""The end of what has none."""
SOUNDS = {
    "sorry": "fallback-sorry",
    "closed": "fallback-closed",
    "code": "fallback-code",
    "broken-off": "fallback-broken-off",
    "take": "press-one-to-take",
    "back": "call-back-begins",
    "pick-up-nothing": "pick-up-nothing",
    "pick-up-refused": "refused-pick-up",
    "barred": "not-allowed",
    "capped": "outgoing-capped",
    "at-once": "outgoing-at-once",
}
"""Sentences that Asterisk speaks by itself, by their key in AstDB."""
OPENINGS_AHEAD = 30
"""Openings mirrored per line: a month of weekdays; 21 bytes each of AMI's 1,024 a line."""
SPOKEN_OPENINGS = 3
"""Of those, the ones whose closed message is spoken with day and time."""
LONG_BEFORE = timedelta(days=30)
"""Mirrored sentences name the date: "today" would be wrong when they are heard."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A sound whose path is to be stored."""

    sentence: Sentence
    language: Language
    as_of: datetime
    """The moment that relative dates are spoken from."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The state as Asterisk keeps it."""

    values: Mapping[tuple[str, str], str | Spoken]
    """By (family, key)."""
    members: Mapping[tuple[str, str], int]
    """The penalty by line name and extension of everybody in its queue: 0 for whoever attends
    it, more for backups."""


def picture(exchange: Exchange, now: datetime) -> Picture:
    """What AstDB and the queues shall hold at `now`, but for what is `left` of the caps, which each
    call changes."""
    values: dict[tuple[str, str], str | Spoken] = {}
    values.update(_referrals(exchange, now))
    for line in exchange.plan.lines.values():
        values.update(_hours(exchange, line, now))
    values.update(_working_hours(exchange, now))
    values.update(_may_call(exchange, now))
    for language in Language:
        for name, key in SOUNDS.items():
            values["pbx-sound", f"{name}-{language}"] = Spoken(sentence(key), language, now)
        for number in exchange.plan.dialling.emergency:
            failed = sentence("emergency-failed", number=Digits(number))
            values["pbx-sound", f"emergency-{number}-{language}"] = Spoken(failed, language, now)
    members = {
        (line.name, extension): penalty
        for line in exchange.plan.lines.values()
        for extension, penalty in attendance.queue(exchange, line, now).items()
    }
    return Picture(values, members)


def _referrals(exchange: Exchange, now: datetime) -> Iterator[tuple[tuple[str, str], str | Spoken]]:
    for extension, person in exchange.plan.people.items():
        referral = absence.absence(exchange, extension, now)
        if referral is None:
            continue
        yield ("pbx-referral", f"{extension}/until"), str(int(referral.until.timestamp()))
        yield ("pbx-referral", f"{extension}/shown"), display.sought(exchange, person, now)
        agreed = "-".join(one.extension for one in reach.consenting(exchange, person, now))
        if agreed:
            yield ("pbx-referral", f"{extension}/to"), agreed
        told = absence.told_absence("person-absent", person, referral, exchange)
        as_of = referral.until - LONG_BEFORE
        for language in Language:
            key = f"{extension}/audio-{language}"
            yield ("pbx-referral", key), Spoken(told, language, as_of)


def _hours(
    exchange: Exchange, line: Line, now: datetime
) -> Iterator[tuple[tuple[str, str], str | Spoken]]:
    ahead = list(islice(line_openings(exchange, line, now), OPENINGS_AHEAD))
    yield ("pbx-line", f"{line.name}/spans"), _spans(ahead)
    for opening in ahead[:SPOKEN_OPENINGS]:
        told = told_before(exchange, line, opening)
        yield from _closed("pbx-line", line.name, opening, told)


def _working_hours(
    exchange: Exchange, now: datetime
) -> Iterator[tuple[tuple[str, str], str | Spoken]]:
    """When shielded people may be rung, and what callers are told outside (S19)."""
    plan = exchange.plan
    shielded = [person for person in plan.people.values() if person.shielded]
    # Many people share few schedules.
    hours = {person.extension: absence.working_hours(person, plan) for person in shielded}
    ahead = {
        one.name: tuple(islice(openings(one, plan, now), OPENINGS_AHEAD))
        for one in {one.name: one for one in hours.values()}.values()
    }
    spans = {name: _spans(found) for name, found in ahead.items()}
    on_lines = frozenset().union(*exchange.signed_in.values())
    for person in shielded:
        name = hours[person.extension].name
        found, written = ahead[name], spans[name]
        if person.extension in on_lines:
            found = tuple(islice(absence.duty(exchange, person, now), OPENINGS_AHEAD))
            written = _spans(found)
        yield ("pbx-person", f"{person.extension}/spans"), written
        for opening in found[:SPOKEN_OPENINGS]:
            told = sentence("off-duty", name=person.name, until=opening.start)
            yield from _closed("pbx-person", person.extension, opening, told)


def _may_call(exchange: Exchange, now: datetime) -> Iterator[tuple[tuple[str, str], str]]:
    """What people may call beside their own, and until when (S27)."""
    for extension, person in exchange.plan.people.items():
        for what, until in permits.beside(exchange, person, now).items():
            end = FOR_GOOD if until is None else str(int(until.timestamp()))
            yield ("pbx-may", f"{extension}/{what}"), end


def left(exchange: Exchange, now: datetime) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield how many calls and seconds are left to those who have called out, and until when
    (S27)."""
    for who in exchange.spent:
        if limits.spent(exchange, who, now).calls:
            calls, seconds = limits.left(exchange, who, now)
            until = int(limits.period(exchange.plan, who, now)[1].timestamp())
            yield ("pbx-left", who or "all"), f"{until}-{calls}-{seconds}"


def _spans(ahead: Sequence[Opening]) -> str:
    spans = (f"{int(one.start.timestamp())}-{int(one.end.timestamp())}" for one in ahead)
    return ":".join(spans) or "0-0"


def _closed(
    family: str, name: str, opening: Opening, told: Sentence
) -> Iterator[tuple[tuple[str, str], str | Spoken]]:
    """Yield what is told in each language before `opening`."""
    for language in Language:
        key = f"{name}/closed-{int(opening.start.timestamp())}-{language}"
        yield (family, key), Spoken(told, language, opening.start - LONG_BEFORE)
