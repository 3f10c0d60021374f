"""Commands to events: who may do what, and what comes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import assert_never

from pbx_bridge.core import (
    alarms,
    attendance,
    blocking,
    blocks,
    breaking,
    certificates,
    consent,
    covering,
    differences,
    history,
    limits,
    locks,
    mailboxes,
    numbers,
    outside,
    permits,
    referring,
    returning,
    security,
    sound,
)
from pbx_bridge.core.changes import summary
from pbx_bridge.core.commands import (
    CALLER,
    EXCHANGE,
    MOST_REFUSALS,
    REFUSALS_WINDOW,
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
    Refusal,
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
    is_technician,
)
from pbx_bridge.core.events import (
    CallBackAsked,
    CommandRefused,
    Event,
    MessageLeft,
    NoticeDelivered,
    NoticeUndeliverable,
    PartGone,
    PinProved,
    PinRefused,
    PlanInForce,
    ShieldLifted,
    SignedIn,
    SignedOut,
)
from pbx_bridge.core.folding import apply, fold
from pbx_bridge.core.locks import Lock
from pbx_bridge.core.model import Person
from pbx_bridge.core.sentences import Named, sentence
from pbx_bridge.core.state import Exchange

Answer = tuple[Event, ...] | Refusal
UNKNOWN_PERSON = "unknown-person"
PHONE_BLOCKED = "phone-blocked"


def handle(  # noqa: PLR0912, PLR0915 - one case a command
    command: Command, exchange: Exchange, now: datetime
) -> Answer:
    """The events that `command` leads to, or why it is refused."""
    refusal = _too_many(command, exchange, now) or _not_entitled(command, exchange)
    if refusal is not None:
        return refusal
    match command:
        case SetReferral():
            return referring.set_referral(command, exchange, now)
        case CancelReferral():
            return _with_back(
                referring.cancel_referral(command, exchange, now), command.person, exchange, now
            )
        case OfferForward():
            return consent.offer(command, exchange, now)
        case WithdrawForward():
            return consent.withdraw(command, exchange, now)
        case AnswerForward():
            return consent.answer(command, exchange, now)
        case LapseForward():
            return consent.lapse(command, exchange, now)
        case SignIn():
            return _with_back(_sign_in(command, exchange), command.person, exchange, now)
        case SignOut():
            return _sign_out(command, exchange, now)
        case SeePhone():
            return alarms.see_phone(command, exchange, now)
        case BlockPhone():
            return blocking.block(command, exchange, now)
        case UnblockPhone():
            return blocking.unblock(command, exchange, now)
        case CountAttendants():
            return alarms.count_attendants(command, exchange, now)
        case ReportOutage(part, since, until, why):
            # One that was told, and whose answer was lost, is told again.
            told = exchange.outages.get(part) == since
            return () if told else (PartGone(part, since, until, why),)
        case TakeUpPlan():
            known = summary(exchange.plan)
            news = () if known == exchange.known else (PlanInForce(known, now),)
            return (*news, *limits.lowered(exchange, now))
        case NotePlan():
            return differences.note(command, exchange, now)
        case NoteLoss():
            return history.note(command, exchange, now)
        case AcceptLoss():
            return history.accept(command, exchange, now)
        case AskCover():
            return covering.ask(command, exchange, now)
        case AnswerCover():
            found = alarms.back(exchange, command.to, now)
            answer = covering.answer(command, fold(exchange, found), now)
            return answer if isinstance(answer, Refusal) else (*found, *answer)
        case LapseCover():
            return covering.lapse(command, exchange)
        case BreakPhoneHours():
            return breaking.break_hours(command, exchange, now)
        case ResumePhoneHours():
            return breaking.resume_hours(command, exchange, now)
        case NoteRefused():
            return security.note(command, exchange)
        case NoteEmergency():
            return outside.note_emergency(command, exchange)
        case SeeTrunk():
            return outside.see_trunk(command, exchange, now)
        case NoteSound():
            return sound.note(command, exchange, now)
        case NoteCertificate():
            return certificates.note(command, exchange, now)
        case ProvePin():
            return _prove_pin(command, exchange, now)
        case LiftShield(person, by):
            return (ShieldLifted(person, by),)
        case SettleNotices(ids, by, why):
            held = [one for one in ids if one in exchange.outbox]
            if why:
                return tuple(NoticeUndeliverable(one, why) for one in held)
            return tuple(NoticeDelivered(one, by) for one in held)
        case AskCallBack(call, target, number):
            due = returning.asked(exchange, call, target, number, now)
            return (CallBackAsked(call, target, number, now), *due)
        case GrantPermit():
            return permits.grant(command, exchange, now)
        case RevokePermits():
            return permits.revoke(command, exchange, now)
        case NoteOutgoing():
            return limits.note(command, exchange, now)
        case NoteCall():
            return returning.note_call(command, exchange, now)
        case Promise():
            return returning.promise(command, exchange, now)
        case RecordContact():
            return returning.record_contact(command, exchange, now)
        case RemindOfReturns():
            return returning.remind(command, exchange, now)
        case TakeMessage():
            return _take_message(command, exchange, now)
        case _:
            assert_never(command)


def refused(command: Command, refusal: Refusal, now: datetime) -> Event:
    """The journal's entry for a refusal; somebody unknown may be a PIN that was typed (S29)."""
    if isinstance(command, ProvePin) and refusal.why != PHONE_BLOCKED:
        return PinRefused(command.person, command.source, now, command.own)
    name, person = type(command).__name__, getattr(command, "person", "")
    if refusal.why == UNKNOWN_PERSON:
        person = ""
    return CommandRefused(name, person, refusal.clause, refusal.why, command.by, now)


def pin_locked(command: ProvePin, exchange: Exchange, now: datetime) -> Lock | None:
    """The lock that wrong PINs led to, of the account or the number that they came from (F38)."""
    counted = locks.counted_by(command.person, command.source, exchange.plan, own=command.own)
    return locks.held(exchange.wrong_pins, counted, now)


def _not_entitled(  # noqa: PLR0912 - one case a kind of command
    command: Command, exchange: Exchange
) -> Refusal | None:
    """Everybody may command for themselves; operators, foremen and technicians for others."""
    match command:
        case (
            SettleNotices(by=by)
            | LapseForward(by=by)
            | LapseCover(by=by)
            | SeePhone(by=by)
            | CountAttendants(by=by)
            | ReportOutage(by=by)
            | TakeUpPlan(by=by)
            | NoteLoss(by=by)
            | NoteCall(by=by)
            | NoteOutgoing(by=by)
            | NoteRefused(by=by)
            | NoteSound(by=by)
            | NoteCertificate(by=by)
            | NoteEmergency(by=by)
            | SeeTrunk(by=by)
            | RemindOfReturns(by=by)
            | TakeMessage(by=by)
        ):
            actor = exchange.plan.people.get(by)
            if by == EXCHANGE or (actor is not None and actor.operator):
                return None
            if isinstance(command, SettleNotices) and is_technician(by):
                return None
            return _not_allowed()
        case ProvePin() | NotePlan():
            return None
        case AcceptLoss(by=by):
            return None if is_technician(by) else _not_allowed()
        case BreakPhoneHours(line=line, by=by) | ResumePhoneHours(line=line, by=by):
            return _not_of_the_line(line, by, exchange)
        case RecordContact(target=target, by=by):
            return _not_of_the_target(target, by, exchange)
        case AskCallBack(target=target):
            known = target in exchange.plan.people or target in exchange.plan.lines
            return None if known else _unknown_person()
        case AnswerForward(person, to, _, by) | AnswerCover(person, to, _, by):
            unknown = {to, person or to} - exchange.plan.people.keys()
            whom = to
        case LiftShield(person, by) | BlockPhone(person, by) | RevokePermits(person, by):
            unknown, whom = {person} - exchange.plan.people.keys(), ""
        case GrantPermit(person=person, by=by):
            if by == person:
                return Refusal("S27", "own-permit", sentence("refused-own-permit"))
            unknown, whom = {person} - exchange.plan.people.keys(), ""
        case UnblockPhone(person, by):
            if person not in exchange.plan.people:
                return _unknown_person()
            return None if is_technician(by) else _not_allowed()
        case _:
            unknown, whom, by = (
                {command.person} - exchange.plan.people.keys(),
                command.person,
                command.by,
            )
    if unknown:
        return _unknown_person()
    if is_technician(by) or (whom and by == whom):
        return None
    actor = exchange.plan.people.get(by)
    answers = isinstance(
        command, AnswerForward | AnswerCover
    )  # a consent is the colleague's, not the absent's
    led = whom if answers else command.person
    leads = actor is not None and exchange.plan.people[led].foreman == by
    operators = isinstance(command, LiftShield | BlockPhone)
    if actor is not None and (actor.operator or (leads and not operators)):
        return None
    own = isinstance(command, SetReferral | CancelReferral)
    return _not_allowed("refused-not-for-others" if own else "refused-not-allowed")


def _not_of_the_line(name: str, by: str, exchange: Exchange) -> Refusal | None:
    """Who attends a line may break its hours; so may operators and technicians."""
    actor, line = exchange.plan.people.get(by), exchange.plan.lines.get(name)
    members = line.members if line is not None else ()
    if is_technician(by) or (actor is not None and (actor.operator or by in members)):
        return None
    return _not_allowed()


def _not_of_the_target(target: str, by: str, exchange: Exchange) -> Refusal | None:
    """A person's returns: themselves, their unit, their foreman; a line's: its members."""
    person = exchange.plan.people.get(target)
    if person is None:
        return _not_of_the_line(target, by, exchange)
    actor = exchange.plan.people.get(by)
    allowed = by in (target, person.foreman) or is_technician(by)
    if allowed or (actor is not None and (actor.operator or actor.unit == person.unit)):
        return None
    return _not_allowed()


def _unknown_person() -> Refusal:
    return Refusal("", UNKNOWN_PERSON, sentence("refused-no-such-colleague"))


def _not_allowed(told: str = "refused-not-allowed") -> Refusal:
    return Refusal("S29", "not-allowed-for-others", sentence(told))


def _too_many(command: Command, exchange: Exchange, now: datetime) -> Refusal | None:
    """Somebody whose commands keep being refused is trying them out (F38)."""
    if command.by in (EXCHANGE, CALLER) or is_technician(command.by):
        return None
    if len(_recent(exchange, command.by, now, REFUSALS_WINDOW)) < MOST_REFUSALS:
        return None
    return Refusal("S29", "too-many-refusals", sentence("refused-too-many"))


def _recent(
    exchange: Exchange, source: str, now: datetime, window: timedelta
) -> tuple[datetime, ...]:
    """Those that lie ahead, after the clock was set back, hold nobody (F30)."""
    until = now.astimezone(UTC)
    held = exchange.failures.get(source, ())
    return tuple(at for at in held if until - window < at.astimezone(UTC) <= until)


def _prove_pin(command: ProvePin, exchange: Exchange, now: datetime) -> Answer:
    """A locked account refuses the right PIN too, or guessing would go on; so does one whose
    telephone is lost, as the PIN may be lost with it."""
    if blocks.block_of(exchange, command.person) is not None:
        return Refusal("S26", PHONE_BLOCKED, sentence("refused-phone-blocked"))
    if (lock := pin_locked(command, exchange, now)) is not None:
        return _locked(lock)
    if not command.right or command.person not in exchange.plan.people:
        wrong = PinRefused(command.person, command.source, now, command.own)
        lock = pin_locked(command, apply(exchange, wrong), now)
        return _locked(lock) if lock else Refusal("S29", "pin-wrong", sentence("refused-pin"))
    counted = locks.counted_by(command.person, command.source, exchange.plan, own=command.own)
    if exchange.wrong_pins.keys().isdisjoint(counted):
        return ()
    return (PinProved(command.person, command.source, now, command.own),)


def _locked(lock: Lock) -> Refusal:
    """Told by the minute, never too early."""
    until = (lock.until + timedelta(minutes=1, microseconds=-1)).replace(second=0, microsecond=0)
    return Refusal("S29", "pin-locked", sentence("refused-pin-locked", until=until))


def _take_message(command: TakeMessage, exchange: Exchange, now: datetime) -> Answer:
    """Once; of mailboxes that nobody has any more there is nobody to tell."""
    mailbox, message, at = (
        command.mailbox,
        command.message,
        min(command.at, now, key=lambda one: one.astimezone(UTC)),
    )
    owner = mailboxes.owner(exchange.plan, mailbox)
    if owner is None or not mailboxes.is_new(exchange, mailbox, message, at, now):
        return ()
    left = MessageLeft(mailbox, message, command.caller, command.seconds, at, command.channel)
    sought = owner.extension if isinstance(owner, Person) else owner.name
    number = numbers.number(command.caller, exchange.plan.dialling)
    return (left, *returning.message_left(exchange, sought, number, message, at, now))


def _with_back(answer: Answer, person: str, exchange: Exchange, now: datetime) -> Answer:
    """Who signs in or comes back is there again, whatever was left ringing before."""
    return answer if isinstance(answer, Refusal) else (*answer, *alarms.back(exchange, person, now))


def _sign_in(command: SignIn, exchange: Exchange) -> Answer:
    line = exchange.plan.lines.get(command.line)
    if line is None:
        return Refusal("", "unknown-line", sentence("refused-unknown-code"))
    if command.person not in line.members:
        title = Named(line.title)
        return Refusal("S18", "not-a-member", sentence("refused-not-member", line=title))
    return (SignedIn(line.name, command.person, command.by),)


def _sign_out(command: SignOut, exchange: Exchange, now: datetime) -> Answer:
    line = exchange.plan.lines.get(command.line)
    if line is None:
        return Refusal("", "unknown-line", sentence("refused-unknown-code"))
    title = Named(line.title)
    if command.person in line.static:
        return Refusal("S18", "static", sentence("refused-static", line=title))
    signed_in = command.person in exchange.signed_in.get(line.name, frozenset())
    covers = tuple(covering.ended(exchange, line, command.person, command.by, now))
    if not signed_in and not covers:
        return Refusal("", "not-signed-in", sentence("refused-not-signed-in", line=title))
    if line in attendance.lines_left_empty(exchange, command.person, now):
        return referring.last_attendant(line, exchange, command.person, now)
    return (*covers, *(SignedOut(line.name, command.person, command.by),) * signed_in)
