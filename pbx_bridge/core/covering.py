"""Colleagues who attend a line so that somebody can leave it (S17, S18).

Whoever would leave a line with too few names a colleague; the colleague has to agree, and then
the leaving is done.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from pbx_bridge.core import absence, attendance, guard, referring
from pbx_bridge.core.commands import (
    AnswerCover,
    AskCover,
    LapseCover,
    Refusal,
    SetReferral,
    SignOut,
)
from pbx_bridge.core.events import CoverAnswered, CoverAsked, Event, SignedOut
from pbx_bridge.core.folding import fold
from pbx_bridge.core.model import Line
from pbx_bridge.core.sentences import Named, sentence
from pbx_bridge.core.state import Consent, Cover, Exchange, Referral
from pbx_bridge.core.timetable import opening_of

Answer = tuple[Event, ...] | Refusal


def ask(command: AskCover, exchange: Exchange, now: datetime) -> Answer:
    """The colleague is asked for every line that would be left with too few."""
    wanted, to = command.wanted, command.to
    colleague = exchange.plan.people.get(to)
    if colleague is None or to == wanted.person:
        return Refusal("S18", "no-such-colleague", sentence("refused-no-such-colleague"))
    lines = tuple(left_short(wanted, exchange, now))
    if not lines:
        return Refusal("S18", "no-cover-needed", sentence("refused-no-cover-needed"))
    for line in lines:
        if to not in (*line.members, *line.backups):
            title = Named(line.title)
            return Refusal("S18", "not-a-member", sentence("refused-not-member", line=title))
    since = begins(wanted, now)
    away = absence.absence(exchange, to, since)
    if away is not None:
        until = absence.end_told(exchange, colleague, away)
        spoken = sentence("refused-colleague-away", name=colleague.name, until=until)
        return Refusal("S18", "colleague-away", spoken)
    begun = None
    if isinstance(wanted, SetReferral) and not _is_held(wanted, since, exchange):
        begun = _referral(wanted, since)
    return tuple(
        CoverAsked(
            line.name,
            wanted.person,
            to,
            _uncovered(exchange, line, to, since),
            _ends(wanted, line, exchange, now).astimezone(UTC),
            now.astimezone(UTC),
            command.by,
            begun,
            signs_out=isinstance(wanted, SignOut),
        )
        for line in lines
    )


def answer(command: AnswerCover, exchange: Exchange, now: datetime) -> Answer:
    """Yes: they attend, and whoever asked may leave. No: somebody else has to be named."""
    asked = tuple(asked_of(exchange, command.to, now, command.person))
    if not asked:
        return Refusal("S18", "no-offer", sentence("offer-gone"))
    said = Consent.ACCEPTED if command.accepts else Consent.DECLINED
    answered = tuple(_answered(one, said, command.by) for one in asked)
    if said is Consent.DECLINED:
        return answered
    return (*answered, *_left(asked[0], fold(exchange, answered), now))


def lapse(command: LapseCover, exchange: Exchange) -> Answer:
    """Nobody has said yes in time."""
    meant = (command.person, command.to, Consent.ASKED)
    lapsed = tuple(
        _answered(one, Consent.LAPSED, command.by)
        for covers in exchange.covers.values()
        for one in covers
        if (one.person, one.to, one.consent) == meant
    )
    return lapsed or Refusal("S18", "no-offer", sentence("offer-gone"))


def ended(exchange: Exchange, line: Line, person: str, by: str, now: datetime) -> Iterator[Event]:
    """Yield the end of every cover by which `person` attends the line now."""
    instant = now.astimezone(UTC)
    for one in exchange.covers.get(line.name, ()):
        holds = one.since.astimezone(UTC) <= instant < one.until.astimezone(UTC)
        if one.to == person and one.consent is Consent.ACCEPTED and holds:
            yield _answered(one, Consent.DECLINED, by)


def asked_of(
    exchange: Exchange, colleague: str, now: datetime, person: str = ""
) -> Iterator[Cover]:
    """Yield what one person asks of `colleague`, a line each; the last who asked where none is
    named. A late yes counts."""
    held = [
        one
        for covers in exchange.covers.values()
        for one in covers
        if one.to == colleague
        and person in ("", one.person)
        and one.consent in (Consent.ASKED, Consent.LAPSED)
        and one.until.astimezone(UTC) > now.astimezone(UTC)
    ]
    last = max(held, key=lambda one: one.asked_at, default=None)
    if last is not None:
        yield from (one for one in held if one.asked_at == last.asked_at)


def unanswered(exchange: Exchange, now: datetime) -> Iterator[Cover]:
    """Yield the covers whose colleague has yet to answer."""
    for covers in exchange.covers.values():
        for one in covers:
            if one.consent is Consent.ASKED and one.until.astimezone(UTC) > now.astimezone(UTC):
                yield one


def left_short(wanted: SetReferral | SignOut, exchange: Exchange, now: datetime) -> Iterator[Line]:
    """Yield the lines that `wanted` would leave with too few."""
    plan = exchange.plan
    if isinstance(wanted, SignOut):
        left = attendance.lines_left_empty(exchange, wanted.person, now)
        signed_in = exchange.signed_in.get(wanted.line, frozenset())
        yield from (one for one in left if one.name == wanted.line and wanted.person in signed_in)
        return
    names = {gap.name for gap in referring.gaps(wanted, exchange, now) if gap.of is guard.Of.LINE}
    yield from (plan.lines[name] for name in sorted(names))


def begins(wanted: SetReferral | SignOut, now: datetime) -> datetime:
    """When the leaving begins."""
    planned = wanted.since if isinstance(wanted, SetReferral) else None
    return max(now, planned or now, key=lambda one: one.astimezone(UTC)).astimezone(UTC)


def _uncovered(exchange: Exchange, line: Line, to: str, since: datetime) -> datetime:
    """The end of what `to` has agreed to from `since` on: what is asked anew begins there, so that
    a no takes nothing back."""
    for one in sorted(exchange.covers.get(line.name, ()), key=lambda one: one.since):
        holds = one.since.astimezone(UTC) <= since < one.until.astimezone(UTC)
        if one.to == to and one.consent is Consent.ACCEPTED and holds:
            since = one.until.astimezone(UTC)
    return since


def _ends(wanted: SetReferral | SignOut, line: Line, exchange: Exchange, now: datetime) -> datetime:
    """Until when somebody has to cover: to the absence's end, or until the line closes."""
    if isinstance(wanted, SetReferral):
        return wanted.until
    opening = opening_of(exchange, line, now)
    return now if opening is None else opening.end


def _left(cover: Cover, exchange: Exchange, now: datetime) -> tuple[Event, ...]:
    """What whoever asked wanted; nothing where it has become impossible meanwhile."""
    there = cover.person in exchange.signed_in.get(cover.line, frozenset())
    if cover.signs_out and there:
        left = attendance.lines_left_empty(exchange, cover.person, now)
        if exchange.plan.lines[cover.line] in left:
            return ()
        return (SignedOut(cover.line, cover.person, cover.person),)
    held = cover.absence
    if held is None:
        return ()
    since = held.since if held.since.astimezone(UTC) > now.astimezone(UTC) else None
    wanted = SetReferral(
        held.person, held.reason, held.until, held.by, held.note, since, held.recording
    )
    set_ = referring.set_referral(wanted, exchange, now)
    return () if isinstance(set_, Refusal) else set_


def _is_held(wanted: SetReferral, since: datetime, exchange: Exchange) -> bool:
    """Whether the absence has begun, or is planned, without waiting for a colleague."""
    return any(
        one.reason == wanted.reason
        and one.until.astimezone(UTC) == wanted.until.astimezone(UTC)
        and one.since.astimezone(UTC) <= since
        for one in exchange.referrals.get(wanted.person, ())
    )


def _referral(wanted: SetReferral, since: datetime) -> Referral:
    return Referral(
        *(wanted.person, wanted.reason, since, wanted.until, wanted.note),
        wanted.recording,
        wanted.by,
    )


def _answered(cover: Cover, said: Consent, by: str) -> CoverAnswered:
    return CoverAnswered(cover.line, cover.person, cover.to, cover.since, said, by)
