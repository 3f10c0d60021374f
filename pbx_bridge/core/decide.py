"""What happens next to a call.

`decide` is asked when a call arrives and again after each step with its result. Each kind
of target has a route: the steps in the order in which they would be tried, computed afresh
from the state of the moment. The step after the last one that the call has tried is the
decision, so a call never repeats a step, never goes back (a phone doesn't ring because its
owner returned while a message was being left) and always ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pbx_bridge.core import absence, codes, numbers
from pbx_bridge.core.call import (
    Ask,
    Call,
    Decision,
    Dial,
    Hangup,
    Obey,
    Queue,
    Ring,
    Say,
    Step,
    Voicemail,
    Why,
)
from pbx_bridge.core.commands import status_of, told_absence
from pbx_bridge.core.hours import is_open, next_opening
from pbx_bridge.core.model import Exchange, Line, Person, Schedule, TargetKind
from pbx_bridge.core.sentences import Named, Sentence, sentence

MOST_STEPS = 24
"""More attempts than any route has; a call that gets here is a defect, and is ended."""
BUSY_CAUSE = 17
MESSAGE_KEY = "1"

Route = Iterator[Decision]


def decide(call: Call, exchange: Exchange, now: datetime) -> Decision:
    """The next step of `call`, and why."""
    if len(call.tried) >= MOST_STEPS:
        return Decision("hangup:", Hangup(), Why.TOO_MANY_STEPS)
    tried = {attempt.mark for attempt in call.tried}
    unseen = set(tried)
    following: Decision | None = None
    for decision in route(call, exchange, now):
        if decision.mark in tried:
            unseen.discard(decision.mark)
            following = None
        elif following is None:
            following = decision
        if following is not None and not unseen:
            return following
    return following or Decision("hangup:", Hangup(), Why.NOTHING_LEFT)


def route(call: Call, exchange: Exchange, now: datetime) -> Route:
    """Every step of the call's way, in order, given what is known at `now`."""
    plan = exchange.plan
    if codes.is_code(call.dialled):
        yield from _code(call, exchange, now)
        return
    number = numbers.target(call.dialled, plan)
    if number is not None and number.kind is TargetKind.PERSON:
        yield from _person(call, exchange, plan.people[number.target], now)
    elif number is not None:
        yield from _line(call, exchange, plan.lines[number.target], now)
    elif call.phone:
        yield from _outgoing(call, exchange)
    else:
        yield from _unknown(call, exchange, now)


def _person(call: Call, exchange: Exchange, person: Person, now: datetime) -> Route:
    """Ring, or tell the absence; then whoever has agreed; the switchboard; a message."""
    away = absence.absence(exchange, person.extension, now)
    if away is None:
        mark = f"ring:{person.extension}"
        yield Decision(mark, Ring((person.extension,), person.ring_seconds), Why.PERSON_RINGS)
        why, told = _not_reached(person, call.result(mark))
    else:
        why, told = Why.PERSON_ABSENT, told_absence("person-absent", person, away, exchange)
    for deputy in absence.deputies(exchange, person, now):
        if deputy.extension == call.phone:
            continue
        passing = sentence("passing-to", name=deputy.name)
        yield _say(f"to-{deputy.extension}", why, told, passing)
        mark = f"ring:{deputy.extension}"
        yield Decision(mark, Ring((deputy.extension,), deputy.ring_seconds), Why.DEPUTY_RINGS)
        why, told = Why.DEPUTY_NO_ANSWER, sentence("no-answer", name=deputy.name)
    line = exchange.plan.switchboard
    if _is_open(exchange, line, now):
        passing = sentence("passing-to-line", line=Named(line.title))
        yield _say(f"to-{line.name}", why, told, passing)
        yield from _attended(call, exchange, line, now)
        why, told = Why.LINE_NO_ANSWER, sentence("line-no-answer", line=Named(line.title))
    ending = (told,) if why is Why.PERSON_ABSENT else (told, *_reach_again(exchange, person, now))
    yield from _message(call, person.name, person.extension if person.mailbox else "", why, ending)


def _not_reached(person: Person, result: str | None) -> tuple[Why, Sentence]:
    """Why a ring ended without an answer, by Asterisk's DIALSTATUS."""
    match result:
        case "BUSY":
            return Why.PERSON_BUSY, sentence("busy", name=person.name)
        case "CHANUNAVAIL" | "CONGESTION" | "INVALIDARGS":
            return Why.PERSON_UNREACHABLE, sentence("unreachable", name=person.name)
        case _:
            return Why.PERSON_NO_ANSWER, sentence("no-answer", name=person.name)


def _reach_again(exchange: Exchange, person: Person, now: datetime) -> tuple[Sentence, ...]:
    """When the person can be reached: the referral's end, else the unit's next opening (S7)."""
    away = absence.absence(exchange, person.extension, now)
    if away is not None:
        return (sentence("reach-again", name=person.name, until=away.until),)
    schedule = exchange.plan.schedules[exchange.plan.units[person.unit].hours]
    opens = _next_unless_open(schedule, exchange, now)
    if opens is None:
        return (sentence("try-again-soon"),)
    return (sentence("reach-again", name=person.name, until=opens),)


def _line(call: Call, exchange: Exchange, line: Line, now: datetime) -> Route:
    """Open: the queue and then the backup. Closed: the message with the next opening."""
    title = Named(line.title)
    if not _is_open(exchange, line, now) and call.result(f"queue:{line.name}") is None:
        opens = next_opening(exchange.plan.schedules[line.hours], exchange.plan, now)
        told = (
            sentence("line-closed-unknown", line=title)
            if opens is None
            else sentence("line-closed", line=title, opens=opens)
        )
        yield from _message(call, "", line.mailbox, Why.LINE_CLOSED, (told,))
        return
    yield from _attended(call, exchange, line, now)
    told = sentence("line-no-answer", line=title)
    ending = (told, _line_again(exchange, line, now))
    yield from _message(call, "", line.mailbox, Why.LINE_NO_ANSWER, ending)


def _line_again(exchange: Exchange, line: Line, now: datetime) -> Sentence:
    """When the line can be reached: soon, or at its next opening if it closed meanwhile (S7)."""
    opens = _next_unless_open(exchange.plan.schedules[line.hours], exchange, now)
    if opens is None:
        return sentence("try-again-soon")
    return sentence("line-next", line=Named(line.title), opens=opens)


def _attended(call: Call, exchange: Exchange, line: Line, now: datetime) -> Route:
    """Whoever attends the line, then its backup unless they are away, rung or the caller."""
    yield Decision(f"queue:{line.name}", Queue(line.name, line.wait_seconds), Why.LINE_OPEN)
    if (
        line.backup
        and line.backup != call.phone
        and absence.absence(exchange, line.backup, now) is None
        and call.result(f"ring:{line.backup}") is None
    ):
        ring = Ring((line.backup,), line.ring_seconds)
        yield Decision(f"backup:{line.backup}", ring, Why.BACKUP_RINGS)


def _unknown(call: Call, exchange: Exchange, now: datetime) -> Route:
    """A number that is nobody's: told, and passed to the switchboard."""
    line = exchange.plan.switchboard
    told = sentence("unknown-number")
    if _is_open(exchange, line, now):
        passing = sentence("passing-to-line", line=Named(line.title))
        yield _say("unknown", Why.UNKNOWN_NUMBER, told, passing)
    else:
        yield _say("unknown", Why.UNKNOWN_NUMBER, told)
    yield from _line(call, exchange, line, now)


def _outgoing(call: Call, exchange: Exchange) -> Route:
    """From a phone: national numbers, and 112 always; nothing else (S27)."""
    plan = exchange.plan
    match numbers.classify(call.dialled, plan.dialling):
        case numbers.Class.BARRED:
            yield _say("barred", Why.OUTGOING_BARRED, sentence("not-allowed"))
            return
        case numbers.Class.UNKNOWN:
            yield _say("unknown", Why.UNKNOWN_NUMBER, sentence("unknown-number"))
            return
        case numbers.Class.EMERGENCY:
            yield Decision("dial:", Dial(call.dialled, plan.trunk.name), Why.EMERGENCY)
        case numbers.Class.NATIONAL:
            yield Decision("dial:", Dial(call.dialled, plan.trunk.name), Why.OUTGOING)
    if call.result("dial:") == "BUSY":
        yield Decision("hangup:", Hangup(BUSY_CAUSE), Why.OUTGOING_BUSY)
    yield _say("failed", Why.OUTGOING_FAILED, sentence("trunk-failed"))


def _code(call: Call, exchange: Exchange, now: datetime) -> Route:
    """A feature code from a phone; nobody outside can use one."""
    person = exchange.plan.people.get(call.phone)
    if person is None:
        yield from _unknown(call, exchange, now)
        return
    if call.tried:
        return  # read once: a moment later the same digits may mean another day
    match codes.read(call.dialled, person, exchange.plan, now):
        case codes.Ask():
            told = status_of(person, exchange, now)
            yield Decision("say:code", Say(told), Why.CODE_ASKED)
        case Sentence() as problem:
            yield _say("code", Why.CODE_NOT_UNDERSTOOD, problem)
        case command:
            yield Decision("obey:", Obey(command), Why.CODE_OBEYED)


def _message(call: Call, name: str, mailbox: str, why: Why, told: tuple[Sentence, ...]) -> Route:
    """Tell why nobody answered and when somebody will; take a message where there is a mailbox."""
    if not mailbox:
        yield _say("told", why, *told, sentence("goodbye"))
        return
    offer = sentence("offer-message", name=name) if name else sentence("offer-message-line")
    yield Decision("ask:message", Ask((*told, offer)), why)
    if call.result("ask:message") == MESSAGE_KEY:
        yield _say("message", Why.MESSAGE_CHOSEN, sentence("leave-message"))
        mark = f"voicemail:{mailbox}"
        yield Decision(mark, Voicemail(mailbox), Why.MESSAGE_CHOSEN)
        if call.result(mark) == "FAILED":  # VMSTATUS: too short, or not stored
            yield _say("not-saved", Why.MESSAGE_NOT_TAKEN, sentence("refused-failed"))
        else:
            yield _say("saved", Why.MESSAGE_TAKEN, sentence("message-saved"))
    else:
        yield _say("goodbye", Why.MESSAGE_DECLINED, sentence("goodbye"))


def _is_open(exchange: Exchange, line: Line, now: datetime) -> bool:
    return is_open(exchange.plan.schedules[line.hours], exchange.plan, now)


def _next_unless_open(schedule: Schedule, exchange: Exchange, now: datetime) -> datetime | None:
    if is_open(schedule, exchange.plan, now):
        return None
    return next_opening(schedule, exchange.plan, now)


def _say(mark: str, why: Why, *sentences: Sentence) -> Decision:
    return Decision(f"say:{mark}", Say(sentences), why)


def kind(step: Step) -> str:
    """The step's name: the extension of the step context in the dialplan."""
    return type(step).__name__.lower()
