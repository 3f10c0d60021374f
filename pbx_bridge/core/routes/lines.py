"""Calls to a line, and what is left for a number that is nobody's."""

from __future__ import annotations

from datetime import datetime

from pbx_bridge.core import absence
from pbx_bridge.core.call import Call, Decision, Queue, Ring, Why
from pbx_bridge.core.closed import told_closed
from pbx_bridge.core.model import Line
from pbx_bridge.core.routes import Route, say
from pbx_bridge.core.routes.ending import ending
from pbx_bridge.core.sentences import Named, Sentence, sentence
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.timetable import line_open, line_opens, opening_of


def line_route(call: Call, exchange: Exchange, line: Line, now: datetime) -> Route:
    """Open: the queue and then the backup. Closed: the message with the next opening."""
    if not line_open(exchange, line, now) and call.result(f"queue:{line.name}") is None:
        told = told_closed(exchange, line, now)
        yield from ending(call, exchange, now, line, line.mailbox, Why.LINE_CLOSED, (told,))
        return
    yield from attended(call, exchange, line, now)
    why, told = unanswered(line)
    told_when = (told, *_when(exchange, line, now))
    yield from ending(call, exchange, now, line, line.mailbox, why, told_when)


def attended(call: Call, exchange: Exchange, line: Line, now: datetime) -> Route:
    """Whoever attends the line, then its backup unless they are away, rung or the caller.

    Attending and standing by for an open line is duty: working hours don't shield from it."""
    plan = exchange.plan
    shown = line.title[plan.organisation.language]
    yield Decision(f"queue:{line.name}", Queue(line.name, line.wait_seconds, shown), Why.LINE_OPEN)
    if (
        line.backup
        and line.backup != call.phone
        and absence.absence(exchange, line.backup, now) is None
        and call.result(f"ring:{line.backup}") is None
    ):
        backup = plan.people[line.backup]
        mobiles = (backup.mobile,) if backup.rings_mobile and backup.mobile else ()
        ring = Ring((line.backup,), line.ring_seconds, mobiles, shown)
        yield Decision(f"backup:{line.backup}", ring, Why.BACKUP_RINGS)


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


def _when(exchange: Exchange, line: Line, now: datetime) -> tuple[Sentence, ...]:
    """Until when it is open today, or when it opens if it closed meanwhile (S7)."""
    opening = opening_of(exchange, line, now)
    if opening is not None:
        return (sentence("try-again-soon"), sentence("closes", until=opening.end))
    opens = line_opens(exchange, line, now)
    if opens is None:
        return (sentence("try-again-soon"),)
    return (sentence("line-next", line=Named(line.title), opens=opens),)
