"""What callers of a line that isn't open are told (S7, S24)."""

from __future__ import annotations

from datetime import datetime

from pbx_bridge.core.breaking import break_of
from pbx_bridge.core.hours import Cause, Opening
from pbx_bridge.core.model import Language, Line, Plan
from pbx_bridge.core.sentences import Named, Sentence, sentence
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.timetable import closed_because, line_openings


def told_closed(exchange: Exchange, line: Line, now: datetime) -> Sentence:
    """Why `line` is closed at `now`, and when it opens."""
    opening = next(line_openings(exchange, line, now), None)
    broken = break_of(exchange, line, now)
    if broken is not None:
        return _busy(line, exchange.plan, broken.note, opening)
    if opening is None:
        return sentence("line-closed-unknown", line=Named(line.title))
    if closed_because(exchange, line, now).cause is Cause.LUNCH:
        return sentence("line-at-lunch", line=Named(line.title), opens=opening.start)
    return sentence("line-closed", line=Named(line.title), opens=opening.start)


def told_before(exchange: Exchange, line: Line, opening: Opening) -> Sentence:
    """What is told in the closed time that ends with `opening`."""
    title = Named(line.title)
    match opening.opens.cause:
        case Cause.BROKEN:
            return _busy(line, exchange.plan, opening.opens.name, opening)
        case Cause.LUNCH:
            return sentence("line-at-lunch", line=title, opens=opening.start)
        case _:
            return sentence("line-closed", line=title, opens=opening.start)


def _busy(line: Line, plan: Plan, note: str, opening: Opening | None) -> Sentence:
    told = Named(emergency(plan, note))
    title = Named(line.title)
    if opening is None:
        return sentence("line-broken-today", line=title, note=told)
    return sentence("line-broken", line=title, note=told, opens=opening.start)


def emergency(plan: Plan, note: str) -> dict[Language, str]:
    """The wording in each language; of one that left the plan, its own for all."""
    language = plan.organisation.language
    for text in plan.organisation.phone_hours.emergencies:
        if text[language] == note:
            return dict(text)
    return dict.fromkeys(Language, note)
