"""Phone hours broken for an emergency, and taken up again (S24)."""

from __future__ import annotations

from datetime import UTC, datetime

from pbx_bridge.core.commands import BreakPhoneHours, Refusal, ResumePhoneHours
from pbx_bridge.core.events import DayHours, Event, PhoneHoursBroken, PhoneHoursResumed
from pbx_bridge.core.model import Line
from pbx_bridge.core.sentences import Named, sentence
from pbx_bridge.core.state import Break, Exchange
from pbx_bridge.core.timetable import latest_end, line_openings, planned_on

Answer = tuple[Event, ...] | Refusal


def break_hours(command: BreakPhoneHours, exchange: Exchange, now: datetime) -> Answer:
    """The line isn't answered from now on; another break of the same line is replaced."""
    plan = exchange.plan
    line = plan.lines.get(command.line)
    if line is None or not line.phone_hours:
        return Refusal("S24", "no-phone-hours", sentence("refused-no-phone-hours"))
    language = plan.organisation.language
    if command.note not in [text[language] for text in plan.organisation.phone_hours.emergencies]:
        return Refusal("S24", "unknown-emergency", sentence("refused-unknown-note"))
    until = command.until.astimezone(plan.organisation.zone)
    if until.astimezone(UTC) <= now.astimezone(UTC):
        return Refusal("S24", "end-has-passed", sentence("refused-time-passed"))
    if until.date() != now.astimezone(plan.organisation.zone).date():
        return Refusal("S24", "break-ends-today", sentence("refused-break-ends-today"))
    planned = next(line_openings(exchange, line, now), None)
    if planned is None or planned.start.astimezone(UTC) >= until.astimezone(UTC):
        closed = sentence("refused-nothing-to-break", line=Named(line.title))
        return Refusal("S24", "nothing-to-break", closed)
    since = now.astimezone(UTC)
    resumed = PhoneHoursResumed(line.name, since, command.by)
    before = (resumed,) if break_of(exchange, line, now) is not None else ()
    day = until.date()
    hours = DayHours(
        tuple((one.start, one.end) for one in planned_on(plan, line, day)), latest_end(plan, day)
    )
    broken = PhoneHoursBroken(line.name, since, command.until, command.note, command.by, hours)
    return (*before, broken)


def resume_hours(command: ResumePhoneHours, exchange: Exchange, now: datetime) -> Answer:
    """The line is answered again; what was lost until now is repaid."""
    line = exchange.plan.lines.get(command.line)
    held = exchange.breaks.get(command.line, ())
    if line is None or not any(one.ended(now) != one for one in held):
        return Refusal("S24", "not-broken", sentence("refused-not-broken"))
    return (PhoneHoursResumed(line.name, now.astimezone(UTC), command.by),)


def break_of(exchange: Exchange, line: Line, now: datetime) -> Break | None:
    """The break that keeps `line` closed at `now`."""
    instant = now.astimezone(UTC)
    held = (
        one
        for one in exchange.breaks.get(line.name, ())
        if one.since.astimezone(UTC) <= instant < one.until.astimezone(UTC)
    )
    return next(held, None)
