"""What is spoken when a command is done, and about somebody's referral."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import assert_never

from pbx_bridge.core import absence, blocks, consent, guard, permits, referring, timetable
from pbx_bridge.core.commands import (
    AcceptLoss,
    AnswerCover,
    AnswerForward,
    AskCallBack,
    AskCover,
    BlockPhone,
    BreakPhoneHours,
    CancelReferral,
    Command,
    CountAttendants,
    GrantPermit,
    LapseCover,
    LapseForward,
    LiftShield,
    NoteCall,
    NoteCertificate,
    NoteEmergency,
    NoteLoss,
    NoteOutgoing,
    NotePlan,
    NoteRefused,
    NoteSound,
    OfferForward,
    Promise,
    ProvePin,
    RecordContact,
    RemindOfReturns,
    ReportOutage,
    ResumePhoneHours,
    RevokePermits,
    SeePhone,
    SeeTrunk,
    SetReferral,
    SettleNotices,
    SignIn,
    SignOut,
    TakeMessage,
    TakeUpPlan,
    UnblockPhone,
    WithdrawForward,
)
from pbx_bridge.core.destination import destination, told_destination
from pbx_bridge.core.hours import Cause
from pbx_bridge.core.model import Line, Person
from pbx_bridge.core.sentences import Digits, Named, Sentence, sentence
from pbx_bridge.core.state import Consent, Exchange, Referral


def confirmation(  # noqa: PLR0912 - one case a command
    command: Command, exchange: Exchange, now: datetime
) -> tuple[Sentence, ...]:
    """What is spoken when `command` is stored: what, until when, who takes the calls.

    `exchange` is the state after it.
    """
    plan = exchange.plan
    match command:
        case SetReferral(person, since=since):
            begins = max(now, since or now, key=lambda one: one.astimezone(UTC))
            told = _told(plan.people[person], exchange, begins, now, "referral-set")
            return (*told, *_gaps(command, exchange, now))
        case CancelReferral():
            return (sentence("referral-cancelled"),)
        case OfferForward(person, to):
            goes = _calls_go(plan.people[person], exchange, now)
            return (*goes, sentence("forward-asked", name=plan.people[to].name))
        case WithdrawForward(person):
            goes = _calls_go(plan.people[person], exchange, now)
            return (sentence("forward-withdrawn"), *goes)
        case AnswerForward(person, to, accepts=True):
            return _takes(person, plan.people[to], exchange, now)
        case AnswerForward():
            return (sentence("offer-declined"),)
        case SignIn(line):
            return (sentence("signed-in", line=Named(plan.lines[line].title)),)
        case SignOut(line):
            return (sentence("signed-out", line=Named(plan.lines[line].title)),)
        case BlockPhone(person, device=device):
            key = "phone-blocked" if device == blocks.ALL else "phone-blocked-one"
            return (sentence(key, name=plan.people[person].name),)
        case UnblockPhone(person):
            name = plan.people[person].name
            still = (sentence("phone-still-blocked", name=name),) * (person in exchange.blocks)
            return (sentence("phone-unblocked", name=name), *still)
        case BreakPhoneHours(name, _, until):
            return tuple(_broken(plan.lines[name], until, exchange, now))
        case ResumePhoneHours(name):
            ends = timetable.opening_of(exchange, plan.lines[name], now)
            until = now if ends is None else ends.end
            return (sentence("hours-resumed", line=Named(plan.lines[name].title), until=until),)
        case AskCallBack():
            return (sentence("call-back-noted"),)
        case Promise(_, number, due):
            return (sentence("promise-made", number=Digits(number), until=due),)
        case RecordContact():
            return (sentence("return-closed"),)
        case GrantPermit(person, wanted, until):
            return tuple(permits.told(plan.people[person], wanted, until))
        case RevokePermits(person):
            return (sentence("permits-revoked", name=plan.people[person].name),)
        case AskCover(to=to):
            return (sentence("cover-asked", name=plan.people[to].name),)
        case AnswerCover(to=to, accepts=True):
            return tuple(_covers(to, exchange))
        case AnswerCover():
            return (sentence("offer-declined"),)
        case (
            LapseForward()
            | LapseCover()
            | ProvePin()
            | NoteRefused()
            | NoteSound()
            | NoteCertificate()
            | NoteEmergency()
            | SeeTrunk()
            | LiftShield()
            | SettleNotices()
            | SeePhone()
            | CountAttendants()
            | ReportOutage()
            | TakeUpPlan()
            | NotePlan()
            | NoteLoss()
            | AcceptLoss()
            | NoteCall()
            | NoteOutgoing()
            | RemindOfReturns()
            | TakeMessage()
        ):
            return ()
        case _:
            assert_never(command)


def _calls_go(person: Person, exchange: Exchange, now: datetime) -> tuple[Sentence, ...]:
    """Where the calls go in the absence of the moment, else in the next one."""
    referral = consent.absence_of(exchange, person.extension, now)
    if referral is None:
        return ()
    begins = max(now, referral.since, key=lambda one: one.astimezone(UTC))
    return tuple(told_destination(exchange, person, begins))


def _takes(
    absent: str, colleague: Person, exchange: Exchange, now: datetime
) -> tuple[Sentence, ...]:
    """The calls come to a colleague who has said yes; else where they go first, as others have
    said so before or the colleague isn't on duty."""
    held = [
        one
        for forwards in exchange.forwards.values()
        for one in forwards
        if one.to == colleague.extension and one.consent is Consent.ACCEPTED
        if absent in ("", one.person)
    ]
    last = max(held, key=lambda one: one.asked_at)
    begins = max(now, last.since, key=lambda one: one.astimezone(UTC))
    person = exchange.plan.people[last.person]
    if destination(exchange, person, begins) == colleague:
        return (sentence("offer-accepted"),)
    return (sentence("offer-noted"), *told_destination(exchange, person, begins))


def _gaps(command: SetReferral, exchange: Exchange, now: datetime) -> Iterator[Sentence]:
    """Yield what the absence leaves with too few: the first time, and how often."""
    found: dict[tuple[guard.Of, str], list[guard.Gap]] = {}
    for gap in referring.gaps(command, exchange, now):
        found.setdefault((gap.of, gap.name), []).append(gap)
    for first, *others in found.values():
        yield referring.told_gap("gap-left", first, exchange.plan)
        if others:
            yield sentence("gap-count", count=len(others) + 1)


def _covers(to: str, exchange: Exchange) -> Iterator[Sentence]:
    """Yield the lines that were accepted last, each with the end."""
    held = [
        one
        for covers in exchange.covers.values()
        for one in covers
        if one.to == to and one.consent is Consent.ACCEPTED
    ]
    last = max(one.asked_at for one in held)
    for one in held:
        if one.asked_at == last:
            title = Named(exchange.plan.lines[one.line].title)
            yield sentence("cover-accepted", line=title, until=one.until)


def _broken(line: Line, until: datetime, exchange: Exchange, now: datetime) -> Iterator[Sentence]:
    """Yield until when the line isn't answered, until when that is repaid, and the debt."""
    yield sentence("hours-broken", line=Named(line.title), until=until)
    today = now.astimezone(exchange.plan.organisation.zone).date()
    left = timetable.openings_on(exchange, line, today)
    if left and left[-1].closes.cause is Cause.REPAID:
        yield sentence("hours-repaid", until=left[-1].end)
    if owed := timetable.owed(exchange, line, today):
        yield sentence("hours-owed", minutes=ceil(owed / timedelta(minutes=1)))


def status_of(person: Person, exchange: Exchange, now: datetime) -> tuple[Sentence, ...]:
    """The person's referral and who takes their calls, as sentences."""
    if absence.current(exchange, person.extension, now) is None:
        coming = absence.planned(exchange, person.extension, now)
        if not coming:
            return (sentence("referral-none"),)
        return tuple(_told(person, exchange, coming[0].since, now, "referral-is"))
    return tuple(_told(person, exchange, now, now, "referral-is"))


def read_back(wanted: SetReferral, exchange: Exchange, now: datetime) -> tuple[Sentence, ...]:
    """A referral as callers would be told of it, before it is set."""
    referral = Referral(wanted.person, wanted.reason, wanted.since or now, wanted.until)
    away = absence.keeps_calls_away(exchange, referral)
    key = "person-absent" if away else "referral-reachable"
    told = absence.told_absence(key, exchange.plan.people[wanted.person], referral, exchange)
    if wanted.since is None:
        return (told,)
    return told, sentence("referral-begins", since=wanted.since)


def _told(
    person: Person, exchange: Exchange, begins: datetime, now: datetime, key: str
) -> Iterator[Sentence]:
    """Yield the referral that holds at `begins`, its beginning if that lies ahead, and who
    takes the calls."""
    referral = absence.current(exchange, person.extension, begins)
    if referral is None:
        yield sentence("referral-none")
        return
    if not absence.keeps_calls_away(exchange, referral):
        key = "referral-reachable"
    yield absence.told_absence(key, person, referral, exchange)
    if begins.astimezone(UTC) > now.astimezone(UTC):
        yield sentence("referral-begins", since=begins)
    if not absence.keeps_calls_away(exchange, referral):
        return
    yield from told_destination(exchange, person, begins)
    asked = [
        one
        for one in exchange.forwards.get(person.extension, ())
        if one.since == referral.since and one.consent is Consent.ASKED
    ]
    if asked:
        yield sentence("forward-asked", name=exchange.plan.people[asked[-1].to].name)
