"""Calls to a line, and what is left for a number that is nobody's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from math import ceil

from pbx_bridge.core import devices, display, numbers
from pbx_bridge.core.call import (
    PLACE_HELD,
    PLACE_HELD_ALREADY,
    Ask,
    Call,
    Decision,
    Hangup,
    Hold,
    Queue,
    Why,
)
from pbx_bridge.core.classes import CALLED_BACK, classify
from pbx_bridge.core.closed import told_closed
from pbx_bridge.core.commands import AskCallBack
from pbx_bridge.core.model import AtClosing, Line
from pbx_bridge.core.routes import Route, obey, say
from pbx_bridge.core.routes.ending import ending
from pbx_bridge.core.sentences import Named, Sentence, sentence
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.stepid import StepId
from pbx_bridge.core.timetable import line_open, line_opens, opening_of
from pbx_bridge.core.trunks import OUT_CONTEXT

EMPTY = ("JOINEMPTY", "LEAVEEMPTY", "JOINUNAVAIL", "LEAVEUNAVAIL")
"""Asterisk's words for a queue in which nobody can be rung (QUEUESTATUS)."""
QUEUE = "queue"
"""The kind of a wait, named for its line; the later ones of a call are numbered."""
WAIT_SECONDS = 2
"""For a key, after what those who wait are told."""
KEEP_KEY = "4"
PLACE = "place/"
"""Before line and number of a place that was held in vain, as what is "dialled"; no caller can
dial it."""
LONGEST_WAIT_TOLD = 60
"""Minutes."""
_HOLD = StepId("hold", "place")


def line_route(call: Call, exchange: Exchange, line: Line, now: datetime) -> Route:
    """Open: the queue, then the backups. Closed: the message with the next opening."""
    waited = call.result(StepId(QUEUE, line.name)) is not None
    if not line_open(exchange, line, now) and not waited:
        told = told_closed(exchange, line, now)
        yield from ending(call, exchange, now, line, line.mailbox, Why.LINE_CLOSED, (told,))
        return
    yield from attended(call, exchange, line, now)
    if has_closed(exchange, line, now):
        told = told_closed(exchange, line, now)
        yield from ending(call, exchange, now, line, line.mailbox, Why.LINE_CLOSED, (told,))
        return
    why, told = unanswered(line)
    told_when = (told, *_when(exchange, line, now))
    yield from ending(call, exchange, now, line, line.mailbox, why, told_when)


def attended(
    call: Call, exchange: Exchange, line: Line, now: datetime, shown: str = "", sought: str = ""
) -> Route:
    """Whoever attends the line, and its backups as the wait grows or nobody else is there; who
    waits long is told how long it will take.

    Attending and standing by for an open line is duty: working hours don't shield from it.
    `shown`: what the phones display of a caller who `sought` somebody (an extension)."""
    shown = display.titled(exchange, line, shown)
    rounds = list(_rounds(line))
    at = backups = 0
    for count in range(2 * len(rounds)):
        seconds, overflow, tells = rounds[at]
        backups = max(backups, overflow)
        numbered = (str(count),) if count else ()
        waits = StepId(QUEUE, line.name, numbered)
        left = _until_closing(exchange, line, now, seconds)
        queue = Queue(line.name, left, shown, backups, overflow, sought)
        yield Decision(waits, queue, Why.BACKUP_RINGS if backups else Why.LINE_OPEN)
        result = call.result(waits)
        if result in EMPTY and backups < len(line.backups):
            backups = len(line.backups)
            continue
        at += 1
        if result is None or result in EMPTY or at == len(rounds):
            return
        if has_closed(exchange, line, now):
            return
        if not tells:
            continue
        asked = StepId("ask", "wait", (line.name, *numbered))
        yield from _told(call, exchange, line, asked)
        if call.result(asked) == KEEP_KEY and _way_back(call, exchange):
            yield from _keep_place(call, exchange, line, now)
            return


def has_closed(exchange: Exchange, line: Line, now: datetime) -> bool:
    """Whether those who wait are to be told that the line has closed."""
    return line.at_closing is AtClosing.TELL and not line_open(exchange, line, now)


def unknown_route(call: Call, exchange: Exchange, now: datetime) -> Route:
    """A number that is nobody's: told, and passed to the switchboard."""
    line = exchange.plan.switchboard
    told = sentence("unknown-number")
    if line_open(exchange, line, now):
        passing = sentence("passing-to-line", line=Named(line.title))
        yield say("unknown", Why.UNKNOWN_NUMBER, told, passing)
    else:
        yield say("unknown", Why.UNKNOWN_NUMBER, told)
    yield from line_route(call, exchange, line, now)


def unanswered(line: Line) -> tuple[Why, Sentence]:
    """Nobody of those who attend `line` has answered."""
    return Why.LINE_NO_ANSWER, sentence("line-no-answer", line=Named(line.title))


def _rounds(line: Line) -> Iterator[tuple[int, int, bool]]:
    """Yield the parts of the wait: seconds, the backups rung in it, and whether something is
    told after it."""
    told = set[int]()
    after, step = line.told_seconds, line.told_seconds
    while after < line.wait_seconds:
        told.add(after)
        step *= 2
        after += step
    overflows = {
        line.overflow_seconds * count
        for count in range(1, len(line.backups) + 1)
        if line.overflow_seconds * count < line.wait_seconds
    }
    ends = sorted(told | overflows | {line.wait_seconds})
    begins = 0
    for end in ends:
        backups = min(begins // line.overflow_seconds, len(line.backups))
        yield end - begins, backups, end in told
        begins = end


def _until_closing(exchange: Exchange, line: Line, now: datetime, seconds: int) -> int:
    """Not past the closing time where that ends the wait."""
    opening = opening_of(exchange, line, now)
    if line.at_closing is AtClosing.SERVE or opening is None:
        return seconds
    left = ceil(opening.end.timestamp() - now.timestamp())
    return max(1, min(seconds, left))


def _told(call: Call, exchange: Exchange, line: Line, about: StepId) -> Route:
    """The place in the queue and the wait, as far as they are known (S21)."""
    told = [sentence("wait-on")]
    waiting = call.waiting
    if waiting is not None and waiting.line == line.name:
        place = waiting.ahead + 1
        told.append(sentence("wait-first") if place == 1 else sentence("wait-place", place=place))
        minutes = min(round(waiting.expected / timedelta(minutes=1)), LONGEST_WAIT_TOLD)
        if minutes == 1:
            told.append(sentence("wait-minute"))
        elif minutes:
            told.append(sentence("wait-minutes", minutes=minutes))
    if _way_back(call, exchange):
        told.append(sentence("offer-keep-place"))
    yield Decision(about, Ask(tuple(told), WAIT_SECONDS), Why.WAIT_TOLD)


def _way_back(call: Call, exchange: Exchange) -> str:
    """Where the caller is called back, as Asterisk dials it; "" where that isn't possible: the
    number is withheld, or of a kind that the exchange doesn't call by itself (S27)."""
    plan = exchange.plan
    if call.phone in plan.people:
        return devices.dialled(plan.people[call.phone])
    number = call.caller
    if classify(number, plan.dialling) not in CALLED_BACK:
        return ""
    inside = numbers.target(number, plan) is not None
    return "" if inside else f"Local/{number}@{OUT_CONTEXT}/n"


def _keep_place(call: Call, exchange: Exchange, line: Line, now: datetime) -> Route:
    """The place is held, and the caller is called when it is their turn; where it can't be
    held, whoever attends the line is asked to call back (S7)."""
    shown = line.title[exchange.plan.organisation.language]
    number = call.phone or call.caller
    hold = Hold(line.name, number, _way_back(call, exchange), shown, len(line.backups))
    yield Decision(_HOLD, hold, Why.PLACE_KEPT)
    if call.result(_HOLD) in (PLACE_HELD, PLACE_HELD_ALREADY):
        until = _when(exchange, line, now)[-1]
        yield say("place-kept", Why.PLACE_KEPT, sentence("place-kept"), until, tells_when=True)
    else:
        wanted = AskCallBack(call.linkedid, line.name, number)
        yield from obey("call-back", wanted, Why.CALL_BACK_CHOSEN)
        yield say("when", Why.PLACE_KEPT, _when(exchange, line, now)[-1], tells_when=True)
    yield Decision(StepId("hangup"), Hangup(), Why.PLACE_KEPT)


def place_route(call: Call, exchange: Exchange) -> Route:
    """A place that was held in vain: whoever attends the line is asked to call back."""
    name, _, number = call.dialled.removeprefix(PLACE).partition("/")
    if name in exchange.plan.lines and number.isdecimal():
        wanted = AskCallBack(call.linkedid, name, number)
        yield from obey("call-back", wanted, Why.CALL_BACK_CHOSEN)


def _when(exchange: Exchange, line: Line, now: datetime) -> tuple[Sentence, ...]:
    """Until when it is open today, or when it opens if it closed meanwhile (S7)."""
    opening = opening_of(exchange, line, now)
    if opening is not None:
        return (sentence("try-again-soon"), sentence("closes", until=opening.end))
    opens = line_opens(exchange, line, now)
    if opens is None:
        return (sentence("try-again-soon"),)
    return (sentence("line-next", line=Named(line.title), opens=opens),)
