"""Who is away, until when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from heapq import merge

from pbx_bridge.core.hours import Opening, openings
from pbx_bridge.core.model import Person, Plan, Schedule
from pbx_bridge.core.sentences import Named, Sentence, sentence
from pbx_bridge.core.state import Exchange, Referral
from pbx_bridge.core.timetable import line_openings


def working_hours(person: Person, plan: Plan) -> Schedule:
    """When the person may be rung (S19): their own hours, else their unit's."""
    return plan.schedules[person.hours or plan.units[person.unit].hours]


def holding(exchange: Exchange, extension: str, now: datetime) -> tuple[Referral, ...]:
    """The referrals that hold at `now`, whatever their reasons, the one that began last first."""
    held = exchange.referrals.get(extension)
    if not held:
        return ()
    instant = now.astimezone(UTC)
    return tuple(one for one in reversed(held) if _holds(one, instant))


def current(exchange: Exchange, extension: str, now: datetime) -> Referral | None:
    """The referral that is told at `now`; remote work only when nothing else holds (S11)."""
    held = holding(exchange, extension, now)
    return next((one for one in held if keeps_calls_away(exchange, one)), next(iter(held), None))


def absence(exchange: Exchange, extension: str, now: datetime) -> Referral | None:
    """The referral that keeps calls from the phone: remote work does not (S11)."""
    return next(iter(absences(exchange, extension, now)), None)


def absences(exchange: Exchange, extension: str, now: datetime) -> tuple[Referral, ...]:
    """All referrals that keep calls from the phone at `now`, the one that began last first."""
    held = holding(exchange, extension, now)
    return tuple(one for one in held if keeps_calls_away(exchange, one))


def planned(exchange: Exchange, extension: str, now: datetime) -> tuple[Referral, ...]:
    """The referrals that begin after `now`, the next one first."""
    instant = now.astimezone(UTC)
    held = exchange.referrals.get(extension, ())
    return tuple(one for one in held if one.since.astimezone(UTC) > instant)


def keeps_calls_away(exchange: Exchange, referral: Referral) -> bool:
    """Whether the phone stays silent during `referral`."""
    return not exchange.plan.reasons_by_name[referral.reason].reachable


def duty(exchange: Exchange, person: Person, now: datetime) -> Iterator[Opening]:
    """Yield when a shielded person is rung but for absences, in order: the working hours, and the
    openings of lines that they are signed in to (S19); those that end after `now`."""
    plan, extension = exchange.plan, person.extension
    lines = [
        line_openings(exchange, line, now)
        for line in plan.lines_of(extension)
        if extension in exchange.signed_in.get(line.name, ())
    ]
    hours = openings(working_hours(person, plan), plan, now)
    held: Opening | None = None
    for one in merge(hours, *lines, key=lambda one: _instant(one.start)):
        if held is None or _instant(one.start) > _instant(held.end):
            if held is not None:
                yield held
            held = one
        elif _instant(one.end) > _instant(held.end):
            held = replace(held, end=one.end, closes=one.closes)
    if held is not None:
        yield held


def back_at(exchange: Exchange, person: Person, now: datetime) -> datetime:
    """When the person can be reached again, on duty on a line too; `now` if they can be.

    Absences that follow each other are one (S9): also those with nothing but time between
    them in which the person doesn't work. Where the hours never open again it is the last end.
    """
    if not person.shielded:
        return at_work(exchange, person, now)
    return _back(exchange, person, now, duty(exchange, person, now))


def at_work(exchange: Exchange, person: Person, now: datetime) -> datetime:
    """When the person works again and isn't away, `now` if they do."""
    plan = exchange.plan
    return _back(exchange, person, now, openings(working_hours(person, plan), plan, now))


def _back(exchange: Exchange, person: Person, now: datetime, ahead: Iterable[Opening]) -> datetime:
    moment = now
    for opening in ahead:
        moment = max(now, opening.start, key=_instant)
        while (held := absence(exchange, person.extension, moment)) is not None:
            moment = held.until
        if _instant(moment) < _instant(opening.end):
            return moment.astimezone(exchange.plan.organisation.zone)
    while (held := absence(exchange, person.extension, moment)) is not None:
        moment = held.until
    return moment.astimezone(exchange.plan.organisation.zone)


def end_told(exchange: Exchange, person: Person, referral: Referral) -> datetime:
    """The end that callers are told: that of the absences that follow `referral` too (S9).

    An end outside the person's working hours is told as the beginning of the next ones: nobody
    would answer before, unless they aren't shielded and their phone rings.
    """
    back = back_at(exchange, person, referral.until)
    if person.shielded:
        return back
    end = referral.until
    while (held := absence(exchange, person.extension, end)) is not None:
        end = held.until
    first = next(openings(working_hours(person, exchange.plan), exchange.plan, end), None)
    at_once = first is None or _instant(back) == max(_instant(end), _instant(first.start))
    return end.astimezone(exchange.plan.organisation.zone) if at_once else back


def told_absence(key: str, person: Person, referral: Referral, exchange: Exchange) -> Sentence:
    """The sentence `key` about an absence, with the reason's public wording only (S13)."""
    reason = exchange.plan.reasons_by_name[referral.reason]
    until = end_told(exchange, person, referral)
    return sentence(key, name=person.name, reason=Named(reason.public), until=until)


def away_in(
    exchange: Exchange, extension: str, since: datetime, until: datetime
) -> Iterator[Referral]:
    """Yield the referrals that keep calls away at any time from `since` to `until`."""
    first, last = since.astimezone(UTC), until.astimezone(UTC)
    for one in exchange.referrals.get(extension, ()):
        overlaps = one.since.astimezone(UTC) < last and one.until.astimezone(UTC) > first
        if overlaps and keeps_calls_away(exchange, one):
            yield one


def _holds(referral: Referral, instant: datetime) -> bool:
    return referral.since.astimezone(UTC) <= instant < referral.until.astimezone(UTC)


def _instant(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
