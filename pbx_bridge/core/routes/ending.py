"""The end of a way that has reached nobody: when somebody can be reached, and choices (S7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from pbx_bridge.core import display, numbers, reach, typed
from pbx_bridge.core.call import (
    CHOICES,
    LANGUAGE_KEYS,
    Ask,
    Call,
    Decision,
    Queue,
    Ring,
    Say,
    Voicemail,
    Why,
)
from pbx_bridge.core.commands import AskCallBack
from pbx_bridge.core.model import Language, Line, Person
from pbx_bridge.core.room import Room
from pbx_bridge.core.routes import Route, obey, say
from pbx_bridge.core.sentences import Named, Sentence, sentence
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.stepid import StepId
from pbx_bridge.core.timetable import line_open

MESSAGE_KEY = "1"
COLLEAGUE_KEY = "2"
LINE_KEY = "3"
CALL_BACK_KEY = "4"
NO_ROOM = {
    Room.MAILBOX: "mailbox-full",
    Room.CALLER: "caller-has-left-enough",
    Room.DISK: "nothing-recorded",
}
NUMBER_DIGITS = 15
"""Of a telephone number at most (E.164)."""


def ending(
    call: Call,
    exchange: Exchange,
    now: datetime,
    sought: Person | Line,
    mailbox: str,
    why: Why,
    told: tuple[Sentence, ...],
) -> Route:
    """Tell when, and let the caller choose; a second time after a choice that reached nobody.

    Everything that was told is told again when the caller changes the language.
    """
    chosen: str | None = None
    for round_ in CHOICES:
        offered = tuple(_offers(call, exchange, sought, mailbox, now))
        keys = {key for key, _ in offered}
        languages = _languages(call) if round_ is not CHOICES[-1] else ()
        sentences = (*told, *_no_room(call, mailbox), *(text for _, text in offered), *languages)
        rule = why if round_ is CHOICES[0] else Why.CHOICES_OFFERED
        yield Decision(round_, Ask(sentences), rule, tells_when=True, records=mailbox)
        chosen = call.result(round_)
        if chosen in LANGUAGE_KEYS:
            continue
        if chosen not in keys or chosen in (MESSAGE_KEY, CALL_BACK_KEY):
            break
        yield from _try_again(call, exchange, sought, chosen, round_, now)
    if chosen == MESSAGE_KEY and mailbox:
        yield from _message(call, mailbox)
        return
    if chosen == CALL_BACK_KEY:
        yield from _call_back(call, exchange, sought)
    yield say("goodbye", Why.MESSAGE_DECLINED, sentence("goodbye"))


def _offers(
    call: Call, exchange: Exchange, sought: Person | Line, mailbox: str, now: datetime
) -> Iterator[tuple[str, Sentence]]:
    """Yield the keys that a caller may press, each with what is said of it."""
    has_room = mailbox and call.room_for(mailbox) is Room.FREE
    if has_room and isinstance(sought, Person):
        yield MESSAGE_KEY, sentence("offer-message", name=sought.name)
    elif has_room:
        yield MESSAGE_KEY, sentence("offer-message-line")
    if (colleague := _colleague(call, exchange, sought, now)) is not None:
        yield COLLEAGUE_KEY, sentence("offer-colleague", name=colleague.name)
    if (line := _line(exchange, sought, now)) is not None:
        yield LINE_KEY, sentence("offer-line", line=Named(line.title))
    yield CALL_BACK_KEY, sentence("offer-call-back")


def _no_room(call: Call, mailbox: str) -> Iterator[Sentence]:
    """Yield why no message can be left; whom else the caller may reach is told after it."""
    room = call.room_for(mailbox)
    if mailbox and room is not Room.FREE:
        yield sentence(NO_ROOM[room])


def _colleague(
    call: Call, exchange: Exchange, sought: Person | Line, now: datetime
) -> Person | None:
    if isinstance(sought, Line):
        return None
    found = (one for one in reach.takers(exchange, sought, now) if one.extension != call.phone)
    return next(found, None)


def _line(exchange: Exchange, sought: Person | Line, now: datetime) -> Line | None:
    """The switchboard, or the line itself, while it is open."""
    line = exchange.plan.switchboard
    return line if isinstance(sought, Person) and line_open(exchange, line, now) else None


def _try_again(
    call: Call, exchange: Exchange, sought: Person | Line, key: str, round_: StepId, now: datetime
) -> Route:
    colleague = _colleague(call, exchange, sought, now)
    line = _line(exchange, sought, now)
    if key == COLLEAGUE_KEY and colleague is not None:
        ring = Ring((colleague.extension,), colleague.ring_seconds)
        yield Decision(_again(colleague.extension, round_), ring, Why.COLLEAGUE_CHOSEN)
    elif key == LINE_KEY and line is not None:
        person = sought if isinstance(sought, Person) else None
        shown = display.sought(exchange, person, now) if person is not None else ""
        queue = Queue(
            line.name,
            line.wait_seconds,
            display.titled(exchange, line, shown),
            len(line.backups),
            sought=person.extension if person is not None else "",
        )
        yield Decision(_again(line.name, round_), queue, Why.LINE_CHOSEN)


def _again(whom: str, round_: StepId) -> StepId:
    return StepId("again", whom + round_.name.removeprefix("choice"))


def _languages(call: Call) -> Iterator[Sentence]:
    """Yield the offers of the other languages, each in its own."""
    others = (one for one in Language if one is not call.language)
    for key, language in zip(LANGUAGE_KEYS, others, strict=True):
        yield Sentence("offer-language", {"digit": int(key)}, language)


def _message(call: Call, mailbox: str) -> Route:
    begins = say("message", Why.MESSAGE_CHOSEN, sentence("leave-message"))
    refused = StepId("say", "no-room")
    filled = call.room_for(mailbox) is not Room.FREE and call.result(begins.about) is None
    if filled or call.result(refused) is not None:  # since it was offered
        yield Decision(refused, Say(tuple(_no_room(call, mailbox))), Why.NO_ROOM)
        yield say("goodbye", Why.NO_ROOM, sentence("goodbye"))
        return
    yield replace(begins, records=mailbox)
    left = StepId("voicemail", mailbox)
    yield Decision(left, Voicemail(mailbox), Why.MESSAGE_CHOSEN)
    if call.result(left) == "FAILED":  # VMSTATUS: too short, or not stored
        yield say("not-saved", Why.MESSAGE_NOT_TAKEN, sentence("refused-failed"))
    else:
        yield say("saved", Why.MESSAGE_TAKEN, sentence("message-saved"))


def _call_back(call: Call, exchange: Exchange, sought: Person | Line) -> Route:
    """The caller's number, or the one they type where theirs is withheld."""
    number = call.phone or call.caller
    if not _is_number(number, call):
        asked = (sentence("ask-number"),)
        yield Decision(typed.NUMBER_ASKED, Ask(asked, digits=NUMBER_DIGITS), Why.CALL_BACK_CHOSEN)
        typed_in = call.result(typed.NUMBER_ASKED) or ""
        if not _is_number(typed_in, call):
            return
        number = numbers.known_as(typed_in, exchange.plan.dialling)
    target = sought.extension if isinstance(sought, Person) else sought.name
    yield from obey("call-back", AskCallBack(call.linkedid, target, number), Why.CALL_BACK_CHOSEN)


def _is_number(text: str, call: Call) -> bool:
    digits = text.isascii() and text.isdecimal()
    return digits and (text == call.phone or numbers.SHORTEST <= len(text) <= NUMBER_DIGITS)
