"""The fold of the journal's entries into the live state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar, assert_never

from pbx_bridge.core import blocking, history, limits, locks, mailboxes, numbers, permits, sound
from pbx_bridge.core.events import (
    BridgeStarted,
    CallBackAsked,
    CalledOut,
    CallTaken,
    CapPassed,
    CertificateEnds,
    CertificateRenewed,
    CommandRefused,
    CoverAnswered,
    CoverAsked,
    DataErased,
    DataRead,
    Decided,
    EmergencyCalled,
    Event,
    FloodBegan,
    FloodEnded,
    ForwardAnswered,
    ForwardOffered,
    ForwardWithdrawn,
    HistoryLost,
    LineShort,
    LineStaffed,
    LinkLost,
    LossAccepted,
    LossTold,
    MessageLeft,
    MessageSorted,
    NoticeDelivered,
    NoticeDropped,
    NoticeDue,
    NoticeUndeliverable,
    PartGone,
    PermitGranted,
    PermitsRevoked,
    PhoneBlocked,
    PhoneFound,
    PhoneHoursBroken,
    PhoneHoursResumed,
    PhoneLost,
    PhoneUnblocked,
    PinProved,
    PinRefused,
    PlanChanged,
    PlanInForce,
    RecordGap,
    ReferralCancelled,
    ReferralSet,
    RequestsRefused,
    ReturnClosed,
    ReturnDue,
    ReturnKept,
    ReturnReminded,
    ShieldLifted,
    SignedIn,
    SignedOut,
    SoundAgreed,
    SoundRefused,
    TrunkTroubled,
    TrunkWell,
)
from pbx_bridge.core.model import Plan
from pbx_bridge.core.state import (
    Break,
    Cover,
    Ending,
    Exchange,
    Forward,
    Loss,
    Opened,
    Part,
    Referral,
    Return,
    Shortage,
)

T = TypeVar("T")
KEPT = timedelta(days=1)
"""Referrals and forwards whose end is further back than this are forgotten by the state."""
KNOWN_EMERGENCIES = 100
"""Emergency calls whose notice is known: a record that is read again tells of none twice."""
FAILURES_WINDOW = timedelta(minutes=15)
"""Refusals older than this don't count against anybody."""

NEUTRAL: tuple[type[Event], ...] = (
    ShieldLifted,
    CallBackAsked,
    ReturnKept,
    Decided,
    LinkLost,
    RecordGap,
    RequestsRefused,
    DataErased,
    DataRead,
    MessageSorted,
    BridgeStarted,
)
"""Kinds that change nothing in the state: most of a journal, and passed over when it is folded."""


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
        who: kept
        for who, held in exchange.referrals.items()
        if who in people and (kept := tuple(one for one in held if one.reason in reasons))
    }
    forwards: Mapping[str, tuple[Forward, ...]] = {
        who: known
        for who, offered in exchange.forwards.items()
        if who in people and (known := tuple(one for one in offered if one.to in people))
    }
    for who in tuple(forwards):
        forwards = _belonging(forwards, who, referrals.get(who, ()))
    about = {"", *people, *plan.lines, *plan.trunks, *Part}
    outbox = {
        id_: one
        for id_, one in exchange.outbox.items()
        if one.to in {"", *people}
        and one.person in about
        and (one.line in {"", *plan.lines, *plan.units})
        and one.reason in {"", *reasons}
    }
    signed_in = {
        line.name: exchange.signed_in.get(line.name, frozenset(line.signed_in))
        for line in plan.lines.values()
    }
    talking = sound.endpoints(plan)
    return replace(
        exchange,
        plan=plan,
        referrals=referrals,
        forwards=forwards,
        outbox=outbox,
        undelivered={id_: why for id_, why in exchange.undelivered.items() if id_ in outbox},
        signed_in=signed_in,
        breaks={name: held for name, held in exchange.breaks.items() if name in plan.lines},
        losses={who: one for who, one in exchange.losses.items() if who in people},
        covers={
            name: known_
            for name, held in exchange.covers.items()
            if name in plan.lines
            and (known_ := tuple(one for one in held if {one.person, one.to} <= people.keys()))
        },
        without_sound={
            one: since for one, since in exchange.without_sound.items() if one in talking
        },
        shortages={one: held for one, held in exchange.shortages.items() if one in plan.lines},
        permits={who: held for who, held in exchange.permits.items() if who in people},
        returns={
            key: one
            for key, one in exchange.returns.items()
            if one.target in people or one.target in plan.lines
        },
    )


def apply(exchange: Exchange, event: Event) -> Exchange:  # noqa: PLR0912 - one case an event
    """The state after one event."""
    match event:
        case ReferralSet() | ReferralCancelled():
            return _referred(exchange, event)
        case ForwardOffered() | ForwardAnswered() | ForwardWithdrawn():
            return _forwarded(exchange, event)
        case HistoryLost() | LossTold() | LossAccepted():
            return replace(exchange, holes=history.folded(exchange, event))
        case NoticeDue(notice):
            return replace(exchange, outbox={**exchange.outbox, notice.id: notice})
        case NoticeDelivered(id_) | NoticeDropped(id_):
            return replace(
                exchange,
                outbox=_without(exchange.outbox, id_),
                undelivered=_without(exchange.undelivered, id_),
            )
        case NoticeUndeliverable(id_, why):
            return replace(exchange, undelivered={**exchange.undelivered, id_: why})
        case PinRefused() | PinProved():
            return _proved(exchange, event)
        case CommandRefused(by=by, at=at):
            return _failed(exchange, by, at)
        case PhoneHoursBroken() | PhoneHoursResumed():
            return _broken(exchange, event)
        case SignedIn(line, person):
            return _attend(exchange, line, exchange.signed_in.get(line, frozenset()) | {person})
        case SignedOut(line, person):
            return _attend(exchange, line, exchange.signed_in.get(line, frozenset()) - {person})
        case PhoneLost(person, cause, at):
            return replace(exchange, losses={**exchange.losses, person: Loss(cause, at)})
        case PhoneFound(person):
            return replace(exchange, losses=_without(exchange.losses, person))
        case PhoneBlocked() | PhoneUnblocked():
            return replace(exchange, blocks=blocking.folded(exchange, event))
        case LineShort(line, cause, missing, _, at):
            raised = exchange.shortages.get(line)
            short = Shortage(line, at if raised is None else raised.since, cause, missing)
            return replace(exchange, shortages={**exchange.shortages, line: short})
        case LineStaffed(line):
            return replace(exchange, shortages=_without(exchange.shortages, line))
        case CoverAsked() | CoverAnswered():
            return _covered(exchange, event)
        case CallTaken(_, person, number, at):
            talks = {**exchange.last_talks, person: (number, at)}
            return replace(exchange, last_talks=talks)
        case ReturnDue() | ReturnClosed() | ReturnReminded():
            return _returned(exchange, event)
        case MessageLeft(at=at):
            messages = {
                key: left
                for key, left in exchange.messages.items()
                if left.astimezone(UTC) > at.astimezone(UTC) - mailboxes.KEPT
            }
            messages[mailboxes.key(event.mailbox, event.message)] = at
            return replace(exchange, messages=messages)
        case PartGone(part, since):
            return replace(exchange, outages={**exchange.outages, part: since})
        case CalledOut():
            return replace(exchange, spent=limits.counted(exchange, event))
        case CapPassed():
            return limits.told(exchange, event)
        case PermitGranted():
            return _permitted(exchange, event)
        case PermitsRevoked(person):
            return replace(exchange, permits=_without(exchange.permits, person))
        case FloodBegan(at):
            return replace(exchange, flood_since=at)
        case FloodEnded():
            return replace(exchange, flood_since=None)
        case EmergencyCalled(call):
            return replace(exchange, emergencies=(*exchange.emergencies, call)[-KNOWN_EMERGENCIES:])
        case TrunkTroubled(trunk, what, at):
            troubles = {**exchange.trunk_troubles, (trunk, what): at}
            return replace(exchange, trunk_troubles=troubles)
        case TrunkWell(trunk, what):
            left = {key: at for key, at in exchange.trunk_troubles.items() if key != (trunk, what)}
            return replace(exchange, trunk_troubles=left)
        case SoundRefused(endpoint, at):
            return replace(exchange, without_sound={**exchange.without_sound, endpoint: at})
        case SoundAgreed(endpoint):
            return replace(exchange, without_sound=_without(exchange.without_sound, endpoint))
        case CertificateEnds(until, at):
            return replace(exchange, certificate=Ending(until, at))
        case CertificateRenewed():
            return replace(exchange, certificate=None)
        case PlanChanged(files=files):
            return replace(exchange, plan_files=files)
        case PlanInForce(known):
            return replace(exchange, known=known)
        case (
            ShieldLifted()
            | CallBackAsked()
            | ReturnKept()
            | Decided()
            | LinkLost()
            | RecordGap()
            | RequestsRefused()
            | DataErased()
            | DataRead()
            | MessageSorted()
            | BridgeStarted()
        ):
            return exchange
        case _:
            assert_never(event)


def _referred(exchange: Exchange, event: ReferralSet | ReferralCancelled) -> Exchange:
    held = [one for one in exchange.referrals.get(event.person, ()) if one.since != event.since]
    if isinstance(event, ReferralSet):
        held = [one for one in held if one.until.astimezone(UTC) > event.at.astimezone(UTC) - KEPT]
        held.append(
            Referral(
                event.person,
                event.reason,
                event.since,
                event.until,
                event.note,
                event.recording,
                event.by,
            )
        )
        held.sort(key=lambda one: one.since)
    return replace(
        exchange,
        referrals=_with(exchange.referrals, event.person, held),
        forwards=_belonging(exchange.forwards, event.person, held),
    )


def _forwarded(
    exchange: Exchange, event: ForwardOffered | ForwardAnswered | ForwardWithdrawn
) -> Exchange:
    held = list(exchange.forwards.get(event.person, ()))
    this = [one for one in held if (one.to, one.since) == (event.to, event.since)]
    others = [one for one in held if one not in this]
    match event:
        case ForwardOffered(person, to, since, until, at):
            recent = [
                one for one in others if one.until.astimezone(UTC) > at.astimezone(UTC) - KEPT
            ]
            held = [*recent, Forward(person, to, since, until, at)]
        case ForwardAnswered(consent=consent):
            held = [replace(one, consent=consent) if one in this else one for one in held]
        case ForwardWithdrawn():
            held = others
        case _:
            assert_never(event)
    return replace(exchange, forwards=_with(exchange.forwards, event.person, held))


def _covered(exchange: Exchange, event: CoverAsked | CoverAnswered) -> Exchange:
    held = list(exchange.covers.get(event.line, ()))
    this = (event.person, event.to, event.since)
    if isinstance(event, CoverAsked):
        held = [
            one
            for one in held
            if one.until.astimezone(UTC) > event.at.astimezone(UTC) - KEPT
            and (one.person, one.to, one.since) != this
        ]
        asked = Cover(
            *(event.line, event.person, event.to, event.since, event.until, event.at),
            absence=event.absence,
            signs_out=event.signs_out,
        )
        held.append(asked)
    else:
        held = [
            replace(one, consent=event.consent) if (one.person, one.to, one.since) == this else one
            for one in held
        ]
    return replace(exchange, covers=_with(exchange.covers, event.line, held))


def _returned(exchange: Exchange, event: ReturnDue | ReturnClosed | ReturnReminded) -> Exchange:
    number = numbers.number(event.number, exchange.plan.dialling)
    key = event.target, number or event.number
    held = exchange.returns.get(key)
    match event:
        case ReturnDue(call=call):
            if not number and event.number != call:  # "anonymous": nobody can call that
                return exchange
            found = _due(replace(event, number=key[1]), held)
        case ReturnReminded(stage=stage) if held is not None:
            found = replace(held, told=stage.rank)
        case _:
            left = {one: kept for one, kept in exchange.returns.items() if one != key}
            return replace(exchange, returns=left)
    return replace(exchange, returns={**exchange.returns, key: found})


def _due(event: ReturnDue, held: Return | None) -> Return:
    """A promise sets the time anew; a caller who calls again keeps the first one."""
    promised = event.how is Opened.PROMISED
    if held is None:
        by = event.by if promised else ""
        return Return(
            *(event.target, event.number, event.at, event.at, event.due, (event.call,)),
            (event.how,),
            by,
        )
    found = replace(
        held,
        last=event.at,
        calls=(*held.calls, event.call),
        how=tuple(dict.fromkeys((*held.how, event.how))),
    )
    return replace(found, due=event.due, promised_by=event.by, told=0) if promised else found


def _broken(exchange: Exchange, event: PhoneHoursBroken | PhoneHoursResumed) -> Exchange:
    held = [*exchange.breaks.get(event.line, ())]
    if isinstance(event, PhoneHoursBroken):
        held = [
            one for one in held if one.until.astimezone(UTC) > event.since.astimezone(UTC) - KEPT
        ]
        held.append(Break(event.line, event.since, event.until, event.note, event.by))
    else:
        held = [one.ended(event.at) for one in held]
    return replace(exchange, breaks=_with(exchange.breaks, event.line, held))


def _belonging(
    forwards: Mapping[str, tuple[Forward, ...]], person: str, held: Iterable[Referral]
) -> Mapping[str, tuple[Forward, ...]]:
    """`forwards` without those of the person whose referral is held no more."""
    if person not in forwards:
        return forwards
    known = {one.since for one in held}
    return _with(forwards, person, [one for one in forwards[person] if one.since in known])


def _failed(exchange: Exchange, source: str, at: datetime) -> Exchange:
    recent = {
        who: kept
        for who, times in exchange.failures.items()
        if (kept := tuple(time for time in times if time > at - FAILURES_WINDOW))
    }
    recent[source] = (*recent.get(source, ()), at)
    return replace(exchange, failures=recent)


def _proved(exchange: Exchange, event: PinRefused | PinProved) -> Exchange:
    """Tries within a lock count nothing; a right PIN ends the count of what it was counted by."""
    at, wrong = event.at, exchange.wrong_pins
    counted = locks.counted_by(event.person, event.source, exchange.plan, own=event.own)
    kept = {who: tries for who, tries in wrong.items() if not locks.is_forgotten(tries, at)}
    if isinstance(event, PinProved):
        kept = {who: tries for who, tries in kept.items() if who not in counted}
    elif locks.held(wrong, counted, at) is None:
        kept |= {one: locks.with_try(kept.get(one, ()), at) for one in counted}
    return replace(exchange, wrong_pins=kept)


def _with(table: Mapping[str, tuple[T, ...]], key: str, held: list[T]) -> dict[str, tuple[T, ...]]:
    """`table` with another row, or without it when nothing is held."""
    others = _without(table, key)
    return {**others, key: tuple(held)} if held else others


def _without(table: Mapping[str, T], key: str) -> dict[str, T]:
    return {one: value for one, value in table.items() if one != key}


def _attend(exchange: Exchange, line: str, attendants: frozenset[str]) -> Exchange:
    return replace(exchange, signed_in={**exchange.signed_in, line: attendants})


def _permitted(exchange: Exchange, event: PermitGranted) -> Exchange:
    """One more permit; those that have ended are forgotten."""
    now = event.since.astimezone(UTC)
    held = [
        one
        for one in exchange.permits.get(event.person, ())
        if one.until.astimezone(UTC) > now - KEPT
    ]
    return replace(
        exchange, permits={**exchange.permits, event.person: (*held, permits.of_event(event))}
    )
