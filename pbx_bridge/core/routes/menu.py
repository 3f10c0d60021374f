"""The voice menu: staff set and cancel referrals from phones that can't send codes (S8, S15).

Who calls is known by their desk phone, or proved by a PIN. Then one thing is done: a referral
is put together (reason, then time), read back and confirmed, one is ended, or messages are
heard.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from typing import TypeVar

from pbx_bridge.core import absence, blocks, codes, ends, locks, mailboxes, numbers, typed
from pbx_bridge.core.call import Ask, Call, Decision, Why
from pbx_bridge.core.commands import CancelReferral, ProvePin, SetReferral
from pbx_bridge.core.confirming import read_back, status_of
from pbx_bridge.core.handling import pin_locked
from pbx_bridge.core.model import Person, ReferralReason, Returns
from pbx_bridge.core.routes import Route, drafts, obey, obeyed, say
from pbx_bridge.core.routes.messages import messages_route
from pbx_bridge.core.routes.staff import set_route
from pbx_bridge.core.sentences import Named, Sentence, sentence
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.stepid import StepId

SET_KEY, LATER_KEY, BACK_KEY, PLANNED_KEY = "1", "2", "3", "4"
MESSAGES_KEYS = ("5", "6", "7", "8", "9")
"""One's own messages, then those of one's lines."""
YES_KEY = "1"
ROUNDS = range(1, 4)
"""A question that is not understood is asked three times."""
DRAFTS = range(1, 3)
"""Who says no to what was read back may begin once more."""
KEY_SECONDS = 8
PIN_DIGITS = 10
TIME_DIGITS = 20
_PLANNED = StepId("obey", "planned")

Meant = TypeVar("Meant")


def menu_route(call: Call, exchange: Exchange, now: datetime) -> Route:
    """Find out who calls, and do the one thing that they want. From a mobile that is lost nobody
    can do anything (S26)."""
    owner = None if call.phone else numbers.owner(call.caller, exchange.plan)
    if owner is not None and blocks.block_of(exchange, owner.extension, blocks.MOBILE) is not None:
        yield say("blocked", Why.PHONE_BLOCKED, sentence("refused-phone-blocked"))
        return
    extension = yield from _who(call, exchange, now)
    if extension is not None and blocks.block_of(exchange, extension) is not None:
        # Blocked while somebody was in here with the PIN.
        yield say("blocked", Why.PHONE_BLOCKED, sentence("refused-phone-blocked"))
        return
    if extension is not None and extension in exchange.plan.people:
        yield from _serve(call, exchange, exchange.plan.people[extension], now)
    yield say("goodbye", Why.MENU, sentence("goodbye"))


def _who(call: Call, exchange: Exchange, now: datetime) -> Generator[Decision, None, str | None]:
    """The extension of the caller once it is proved, None when it isn't (S29).

    What was typed for an extension and is none is asked for its PIN like any other. After a wrong
    PIN the PIN alone is asked for again; after none, the extension too.
    """
    plan = exchange.plan
    if call.phone:
        return call.phone  # Asterisk has authenticated it
    owner = numbers.owner(call.caller, plan)
    if owner is not None and not plan.organisation.pin_for_known_mobiles:
        return owner.extension
    extension = owner.extension if owner is not None else None
    for round_ in ROUNDS:
        numbered = (str(round_),)
        if extension is None:
            whose = typed.EXTENSION_ASKED.with_args(*numbered)
            asked = Ask((sentence("ask-extension"),), KEY_SECONDS, codes.EXTENSION_DIGITS)
            yield Decision(whose, asked, Why.MENU)
            answer = call.result(whose) or "#"
            if answer == "#":
                continue
            extension = "" if answer == typed.UNREAD else answer
        pin = typed.PIN_ASKED.with_args(*numbered, extension)
        yield Decision(pin, Ask((sentence("ask-pin"),), KEY_SECONDS, PIN_DIGITS), Why.PIN_ASKED)
        if not (proved := call.result(pin)):
            extension = owner.extension if owner is not None else None
            continue
        right = proved == typed.PIN_RIGHT
        own = locks.is_own(extension, call.caller, plan)
        proving = ProvePin(extension, call.caller, right, own)
        yield from obey("pin", proving, Why.PIN_ASKED, numbered)
        if obeyed(call, "pin", numbered):
            return extension
        if pin_locked(proving, exchange, now) or blocks.block_of(exchange, extension) is not None:
            return None
    return None


def _serve(call: Call, exchange: Exchange, person: Person, now: datetime) -> Route:
    extension = person.extension
    current = absence.current(exchange, extension, now)
    coming = absence.planned(exchange, extension, now)
    boxes = dict(_mailboxes(person, exchange))
    offered = (
        *status_of(person, exchange, now),
        sentence("menu-set"),
        sentence("menu-later"),
        *([sentence("menu-back")] if current is not None else []),
        *([sentence("menu-cancel-planned")] if coming else []),
        *(text for text, _ in boxes.values()),
    )

    def read(key: str) -> str | Sentence:
        known = key in (SET_KEY, LATER_KEY, BACK_KEY, PLANNED_KEY, *boxes)
        return key if known else sentence("refused-unknown-choice")

    key = yield from _understood(call, "menu", Ask(offered, KEY_SECONDS), read)
    match key:
        case "1" | "2":
            yield from _draft(call, exchange, person, now, later=key == LATER_KEY)
        case "3":
            yield from obey("back", CancelReferral(extension, by=extension))
        case "4":
            # Which one it is was decided once: the next one may have begun meanwhile.
            since = coming[0].since if coming else now
            first = StepId("obey", "planned", (str(int(since.timestamp())),))
            args = next(iter(call.tried_of(_PLANNED)), first).args
            at = drafts.moment(args[-1], exchange)
            yield from obey("planned", CancelReferral(extension, by=extension, at=at), args=args)
        case str() if key in boxes:
            yield from messages_route(call, exchange, boxes[key][1], extension, now)


def _mailboxes(person: Person, exchange: Exchange) -> Iterator[tuple[str, tuple[Sentence, str]]]:
    """Yield the keys of the mailboxes that the person may hear, each with what is said of it."""
    if person.mailbox:
        yield MESSAGES_KEYS[0], (sentence("menu-messages"), person.extension)
    lines = mailboxes.lines_heard(exchange.plan, person)
    for key, line in zip(MESSAGES_KEYS[1:], lines, strict=False):
        text = sentence("menu-line-messages", digit=int(key), line=Named(line.title))
        yield key, (text, line.mailbox)


def _draft(call: Call, exchange: Exchange, person: Person, now: datetime, *, later: bool) -> Route:
    """Reason, then time, read back and confirmed; a no begins once more."""
    for turn in DRAFTS:
        wanted = yield from _put_together(call, exchange, person, now, turn, later=later)
        if wanted is None:
            return
        tail = drafts.tail(wanted, exchange)
        confirmed = StepId("ask", "confirm", (str(turn), *tail))
        told = (*read_back(wanted, exchange, now), sentence("confirm-keys"))
        yield Decision(confirmed, Ask(told, KEY_SECONDS), Why.MENU)
        if call.result(confirmed) == YES_KEY:
            yield from set_route(call, exchange, wanted, now)
            return


def _put_together(
    call: Call, exchange: Exchange, person: Person, now: datetime, turn: int, *, later: bool
) -> Generator[Decision, None, SetReferral | None]:
    """What is wanted. Once it was read back it stays: a moment later the same digits may mean
    another day."""
    plan, extension = exchange.plan, person.extension
    drafted = drafts.found(call, exchange, extension, StepId("ask", "confirm", (str(turn),)))

    def read_reason(key: str) -> ReferralReason | Sentence:
        return plan.reasons.get(key) or sentence("refused-unknown-reason")

    asked = (sentence("ask-reason"), *_reasons(exchange))
    reason = yield from _understood(call, "reason", Ask(asked, KEY_SECONDS), read_reason, turn)
    if reason is None:
        return None
    begins = ""
    if later:

        def read_beginning(typed: str) -> str | Sentence:
            span = ends.interval(f"{typed}**".split("*"), reason, person, plan, now)
            needless = isinstance(span, Sentence) and span.key == "refused-end-needed"
            return typed if needless or not isinstance(span, Sentence) or drafted else span

        question = Ask((sentence("ask-beginning"),), KEY_SECONDS, TIME_DIGITS)
        told = yield from _understood(call, "begin", question, read_beginning, turn)
        if told is None:
            return None
        begins = f"{told}**"

    def read_end(typed: str) -> SetReferral | Sentence:
        if drafted is not None:
            return drafted
        text = begins + typed.strip("#")
        span = ends.interval(text.split("*") if text else [], reason, person, plan, now)
        if isinstance(span, Sentence):
            return span
        since, until = span
        return SetReferral(extension, reason.name, until, extension, since=since)

    by_date = reason.returns is Returns.DATE
    questions = [sentence("ask-end-date" if by_date else "ask-end-time")]
    if not begins and (usual := ends.usual_end(reason, person, plan, now)) is not None:
        questions.append(sentence("ask-end-usual", until=usual))
    question = Ask(tuple(questions), KEY_SECONDS, TIME_DIGITS)
    return (yield from _understood(call, "end", question, read_end, turn))


def _reasons(exchange: Exchange) -> Iterator[Sentence]:
    digits = sorted(exchange.plan.reasons, key=lambda digit: (digit == "0", digit))
    for digit in digits:
        reason = exchange.plan.reasons[digit]
        title = Named(reason.title or reason.public)
        yield sentence("offer-reason", digit=int(digit), reason=title)


def _understood(
    call: Call,
    name: str,
    question: Ask,
    read: Callable[[str], Meant | Sentence],
    turn: int | None = None,
) -> Generator[Decision, None, Meant | None]:
    """What the caller means, asked until it is understood; None where it never was.

    `read` returns a `Sentence` that says what is wrong with the keys.
    """
    problem: tuple[Sentence, ...] = ()
    for round_ in ROUNDS:
        this, following = (
            StepId("ask", name, tuple(str(one) for one in (turn, count) if one is not None))
            for count in (round_, round_ + 1)
        )
        asked = Ask((*problem, *question.sentences), question.seconds, question.digits)
        yield Decision(this, asked, Why.MENU)
        typed = call.result(this) or ""
        found = read(typed)
        asked_again = call.result(following) is not None
        if not isinstance(found, Sentence) and not asked_again:
            return found
        problem = (found,) if isinstance(found, Sentence) and typed else ()
    return None
