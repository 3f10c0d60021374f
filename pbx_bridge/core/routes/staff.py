"""Feature codes from a phone of the house."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from pbx_bridge.core import blocks, codes, consent, covering, reach, referring, typed
from pbx_bridge.core.call import Ask, Call, Decision, Record, Ring, Say, Why
from pbx_bridge.core.commands import (
    AskCover,
    LiftShield,
    OfferForward,
    Refusal,
    SetReferral,
    SettleNotices,
    SignOut,
)
from pbx_bridge.core.confirming import status_of
from pbx_bridge.core.delivery import to_be_heard
from pbx_bridge.core.model import Guard, Person, ReferralReason
from pbx_bridge.core.room import NOTE, Room
from pbx_bridge.core.routes import REFUSED, Route, drafts, obey, obeyed, result_of, say
from pbx_bridge.core.routes.messages import messages_route
from pbx_bridge.core.routes.returns import returns_route
from pbx_bridge.core.sentences import Named, Sentence, sentence
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.stepid import StepId
from pbx_bridge.core.telling import spoken

RECORD_KEY = "0"
NOTE_SECONDS = 8
COVER_SECONDS = 8
RECORDED = ("DTMF", "SILENCE", "TIMEOUT")
"""RECORD_STATUS of a note that was spoken."""
_NOTE = StepId("ask", "note")
_RECORD, _SET = StepId("record", "note"), StepId("obey", "set")
_UNRECORDED = StepId("say", "no-room")


def code_route(call: Call, exchange: Exchange, person: Person, now: datetime) -> Route:
    """What a code asks. It is read once: a moment later its digits may mean another day."""
    draft = drafts.found(call, exchange, call.phone, _NOTE, _SET)
    if draft is not None:
        yield from set_route(call, exchange, draft, now)
        return
    if (left := _left(call, exchange, person, now)) is not None:
        yield from _leave(call, exchange, left, now)
        return
    if call.result(StepId("say", "code")) is not None:
        return
    match codes.read(call.dialled, person, exchange, now):
        case codes.Ask():
            yield say("code", Why.CODE_ASKED, *status_of(person, exchange, now))
        case codes.Returns():
            yield from returns_route(call, exchange, person, now)
        case codes.Hear():
            yield from _hear(call, exchange, person, now)
        case codes.HearMessages(mailbox):
            yield from messages_route(call, exchange, mailbox, person.extension, now)
        case codes.PickUp():  # Asterisk would have connected it
            yield say("code", Why.CODE_ASKED, sentence("pick-up-nothing"))
        case Sentence() as problem:
            yield say("code", Why.CODE_NOT_UNDERSTOOD, problem)
        case SetReferral() as wanted:
            yield from set_route(call, exchange, wanted, now)
        case LiftShield() as wanted:
            yield from _override(call, exchange, wanted)
        case command:
            yield from obey("code", command)


def set_route(call: Call, exchange: Exchange, wanted: SetReferral, now: datetime) -> Route:
    """A note where the site has a list for the reason (S12), the referral, and who takes over
    where nobody does (S20)."""
    reason = exchange.plan.reasons_by_name[wanted.reason]
    tail = drafts.tail(wanted, exchange)
    if reason.notes and not wanted.note:
        asked = StepId("ask", "note", tail)
        has_room = call.room_for(NOTE) is Room.FREE
        ask = Ask(tuple(_note_choices(reason, has_room=has_room)), NOTE_SECONDS)
        yield Decision(asked, ask, Why.NOTE_ASKED, records=NOTE)
        key = call.result(asked) or ""
        filled = not has_room and call.result(_RECORD) is None
        if key == RECORD_KEY and (filled or call.result(_UNRECORDED) is not None):
            yield Decision(_UNRECORDED, Say((sentence("nothing-recorded"),)), Why.NO_ROOM)
        elif key == RECORD_KEY:
            yield Decision(_RECORD, Record(), Why.NOTE_ASKED, records=NOTE)
            if call.result(_RECORD) in RECORDED:
                wanted = replace(wanted, recording=call.linkedid)
        else:
            wanted = replace(wanted, note=codes.note_of(key, reason, exchange.plan) or "")
    yield from obey("set", wanted, args=tail)
    done = obeyed(call, "set", tail)
    refused = result_of(call, "set", tail) == REFUSED
    if done or (refused and _leaves_too_few(wanted, exchange, now)):
        yield from _stand_in(call, exchange, wanted, now)
    if done and reason.unplanned:
        yield from _cover(call, exchange, wanted, now)


def _leaves_too_few(wanted: SetReferral, exchange: Exchange, now: datetime) -> bool:
    """Whether it was for a line that the absence was refused."""
    answer = referring.set_referral(wanted, exchange, now)
    return isinstance(answer, Refusal) and answer.why in referring.FOR_COVER


def _left(call: Call, exchange: Exchange, person: Person, now: datetime) -> SignOut | None:
    """The line that the code signs out of; it reads the same at any moment."""
    if not call.dialled.startswith(exchange.plan.codes.sign_out):
        return None
    wanted = codes.read(call.dialled, person, exchange, now)
    return wanted if isinstance(wanted, SignOut) else None


def _leave(call: Call, exchange: Exchange, wanted: SignOut, now: datetime) -> Route:
    """Out of a line; whoever would leave it with too few names a colleague (S18)."""
    yield from obey("leave", wanted)
    if result_of(call, "leave") == REFUSED:
        yield from _stand_in(call, exchange, wanted, now)


def _stand_in(
    call: Call, exchange: Exchange, wanted: SetReferral | SignOut, now: datetime
) -> Route:
    """Who attends the line in their place; the colleague is asked (S17, S18)."""
    lines = [
        line
        for line in covering.left_short(wanted, exchange, now)
        if line.guard is not Guard.WARN or isinstance(wanted, SignOut)
    ]
    if call.result(typed.STAND_IN_ASKED) is None and not lines:
        return
    titles = [Named(line.title) for line in lines[:1]] or [Named(exchange.plan.switchboard.title)]
    ask = Ask((sentence("ask-stand-in", line=titles[0]),), COVER_SECONDS, codes.EXTENSION_DIGITS)
    yield Decision(typed.STAND_IN_ASKED, ask, Why.COVER_ASKED)
    colleague = call.result(typed.STAND_IN_ASKED) or ""
    if colleague.isdecimal() or colleague == typed.UNREAD:
        yield from obey("stand-in", AskCover(wanted, colleague, by=wanted.by))


def _note_choices(reason: ReferralReason, *, has_room: bool) -> Iterator[Sentence]:
    for digit, note in enumerate(reason.notes, 1):
        yield sentence("offer-note", digit=digit, note=Named(note))
    yield sentence("offer-note-recorded" if has_room else "nothing-recorded")


def _cover(call: Call, exchange: Exchange, wanted: SetReferral, now: datetime) -> Route:
    """Who takes over, unless somebody does or is being asked already."""
    person = exchange.plan.people[wanted.person]
    asked = any(one.person == person.extension for one in consent.unanswered(exchange, now))
    nobody = next(reach.takers(exchange, person, now), None) is None and not asked
    if not nobody and call.result(typed.COVER_ASKED) is None:
        return
    ask = Ask((sentence("ask-cover"),), COVER_SECONDS, codes.EXTENSION_DIGITS)
    yield Decision(typed.COVER_ASKED, ask, Why.COVER_ASKED)
    colleague = call.result(typed.COVER_ASKED) or ""
    if colleague.isdecimal() or colleague == typed.UNREAD:
        yield from obey("cover", OfferForward(wanted.person, colleague, by=wanted.by))


def _hear(call: Call, exchange: Exchange, person: Person, now: datetime) -> Route:
    """The notices on the switchboard's list; they are heard when all were spoken."""
    if not person.operator:
        yield say("code", Why.COMMAND_REFUSED, sentence("refused-not-allowed"))
        return
    heard = next((one.args for one in call.tried_of(StepId("say", "notices"))), ())
    if not heard:
        fresh = to_be_heard(exchange, now)
        if not fresh:
            yield say("code", Why.CODE_ASKED, sentence("notices-none"))
            return
        heard = (str(int(fresh[-1].at.timestamp())),)
        told = tuple(one for notice in fresh for one in spoken(notice, exchange))
        yield say("notices", Why.CODE_ASKED, *told, args=heard)
        return
    last = int(heard[-1])
    ids = tuple(
        one.id for one in exchange.outbox.values() if not one.to and int(one.at.timestamp()) <= last
    )
    yield say("notices", Why.CODE_ASKED, args=heard)
    yield from obey("heard", SettleNotices(ids, by=person.extension))


def _override(call: Call, exchange: Exchange, wanted: LiftShield) -> Route:
    """The switchboard reaches somebody in an emergency, whatever keeps calls away (S19)."""
    yield from obey("override", wanted)
    if obeyed(call, "override"):
        person = exchange.plan.people[wanted.person]
        if blocks.is_blocked(exchange, person.extension):
            told = sentence("unreachable", name=person.name)
            yield say("override-failed", Why.PERSON_BLOCKED, told)
            return
        mobiles = blocks.mobiles_of(exchange, person)
        ring = Ring((person.extension,), person.ring_seconds, mobiles)
        yield Decision(StepId("ring", person.extension), ring, Why.SHIELD_LIFTED)
        yield say("override-failed", Why.PERSON_NO_ANSWER, sentence("no-answer", name=person.name))
