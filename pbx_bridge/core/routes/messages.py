"""The messages of a mailbox, one after the other, to whoever may hear them (S16)."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from datetime import datetime

from pbx_bridge.core import numbers
from pbx_bridge.core.call import Ask, Call, Decision, Listen, Sort, Why
from pbx_bridge.core.mailboxes import Message
from pbx_bridge.core.routes import DONE, Route, say
from pbx_bridge.core.routes.outgoing import called_back
from pbx_bridge.core.sentences import Digits, Left, Sentence, Slot, Spoken, sentence
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.stepid import StepId

AGAIN_KEY, CALL_KEY, DELETE_KEY = "1", "2", "3"
KEY_SECONDS = 5
ROUNDS = range(1, 4)
"""A message is played three times in one call at most."""
LAST_BEGUN = 40
"""Steps of a call after which no further message is begun."""
CLOSED = ("FAILED", "NOAPP")
"""Result of a `Listen` that could not open the mailbox."""
_MESSAGE = StepId("ask", "message")


def messages_route(call: Call, exchange: Exchange, mailbox: str, by: str, now: datetime) -> Route:
    """How many there are, and each: kept, heard again, deleted, or its caller called by `by`,
    the extension of whoever hears them."""
    if call.inbox is None:
        yield from _by_asterisk(call, mailbox)
        return
    begun = call.tried_of(_MESSAGE)
    if not call.inbox and not begun:
        yield say("no-messages", Why.MAILBOX_OPENED, sentence("inbox-empty"))
        return
    for message in _in_order(call.inbox, begun):
        if _played(message, 1) not in begun and len(call.tried) > LAST_BEGUN:
            yield say("more", Why.MAILBOX_OPENED, sentence("inbox-more"))
            return
        called = yield from _one(message, call, exchange, by, now)
        if called:
            return
    yield say("end", Why.MAILBOX_OPENED, sentence("inbox-end"))


def _by_asterisk(call: Call, mailbox: str) -> Route:
    """Where the bridge can't read the mailbox; where nobody can, that is said."""
    opened = StepId("listen", mailbox)
    yield Decision(opened, Listen(mailbox), Why.MAILBOX_OPENED)
    if call.result(opened) in CLOSED:
        yield say("mailbox", Why.MAILBOX_CLOSED, sentence("mailbox-failed"))


def _one(
    message: Message, call: Call, exchange: Exchange, by: str, now: datetime
) -> Generator[Decision, None, bool]:
    """Play one message; the caller's last key says what becomes of it. Returns whether its
    caller was called."""
    number = numbers.number(message.caller, exchange.plan.dialling)
    dial = called_back(call, exchange, by, number, now) if call.phone else None
    keys = sentence("inbox-keys" if dial is None else "inbox-keys-call")
    told: tuple[Spoken, ...] = (
        *_told(message, exchange),
        Left(message.mailbox, message.id),
        keys,
    )
    if not call.tried_of(_MESSAGE):
        told = (_count(call.inbox or ()), *told)  # a key cuts it short, as everything else
    key: str | None = AGAIN_KEY
    for round_ in ROUNDS:
        if key != AGAIN_KEY:
            break
        played = _played(message, round_)
        yield Decision(played, Ask(told, KEY_SECONDS), Why.MESSAGE_PLAYED)
        key = call.result(played)
        if round_ == 1 and key not in (None, DELETE_KEY) and not message.heard:
            heard = Sort(message, deleted=False, by=by)
            yield Decision(StepId("sort", "heard", (message.id,)), heard, Why.MESSAGE_HEARD)
    if key == DELETE_KEY:
        deleted = StepId("sort", "deleted", (message.id,))
        yield Decision(deleted, Sort(message, deleted=True, by=by), Why.MESSAGE_DELETED)
        done = call.result(deleted) == DONE
        answer = sentence("inbox-deleted" if done else "inbox-not-deleted")
        yield say("deleted", Why.MESSAGE_DELETED, answer, args=(message.id,))
    if key == CALL_KEY and dial is not None:
        yield dial
        yield say("failed", Why.OUTGOING_FAILED, sentence("trunk-failed"))
        return True
    return False


def _count(inbox: Sequence[Message]) -> Sentence:
    new = sum(not one.heard for one in inbox)
    return sentence("inbox-count", new=new, saved=len(inbox) - new)


def _told(message: Message, exchange: Exchange) -> Iterator[Sentence]:
    yield sentence("inbox-saved" if message.heard else "inbox-new")
    number = numbers.number(message.caller, exchange.plan.dialling)
    if not number:
        yield sentence("inbox-from-withheld", since=message.at)
        return
    colleague = exchange.plan.people.get(number)
    caller: Slot = Digits(number) if colleague is None else colleague.name
    yield sentence("inbox-from", caller=caller, since=message.at)


def _in_order(inbox: Sequence[Message], begun: Sequence[StepId]) -> Sequence[Message]:
    """Those of this call as they came, then what is new, then what was heard before. A message
    that was just heard lies with the others, so its folder alone doesn't give the order."""
    place = {one: place for place, one in enumerate(begun)}
    return sorted(
        inbox, key=lambda one: (place.get(_played(one, 1), len(begun)), one.heard, one.at)
    )


def _played(message: Message, round_: int) -> StepId:
    return StepId("ask", "message", (message.id, str(round_)))
