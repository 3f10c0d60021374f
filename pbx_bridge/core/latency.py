"""How long callers wait for a human voice, from Asterisk's own record (S21).

The clock runs from the caller's first moment in the exchange to the moment when the caller
and somebody who answered are together, through every forward, queue and message between.
An `ANSWER` of the caller's own channel is only a message being played, and is no answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pbx_bridge.core.call import Why
from pbx_bridge.core.record import CelEvent
from pbx_bridge.core.trace import Leg, Mark, Trace


class Outcome(StrEnum):
    """How a call ended."""

    ANSWERED = "answered"
    """By a human; the call may still be going on."""
    TOLD = "told"
    """The last thing the exchange did was to tell the caller something. Whether the caller
    listened to its end isn't in the record."""
    MESSAGE = "message"
    """The caller chose to leave a message, and the tone was reached."""
    CLOSED = "closed"
    """Told that the line is closed."""
    ABANDONED = "abandoned"
    """The call ended while a telephone rang or the caller waited."""
    CODE = "code"
    """A feature code."""
    OUTGOING = "outgoing"
    """From a telephone of the house to a number outside."""
    OPEN = "open"
    """Not ended, and not answered yet."""


@dataclass(frozen=True, slots=True)
class Journey:
    """One caller's way through the exchange."""

    linkedid: str
    caller: str
    """Caller's number as signalled, "" when withheld. Chosen by the caller."""
    origin: str
    """Context of arrival: `from-trunk` or `from-phone`."""
    dialled: str
    """As dialled; chosen by the caller."""
    started: datetime
    answered_at: datetime | None
    answered_by: str
    """Endpoint, "" when nobody answered."""
    ended_at: datetime | None
    outcome: Outcome
    steps: tuple[Mark, ...]
    legs: tuple[Leg, ...]

    @property
    def wait_s(self) -> float | None:
        """Seconds until the answer, or until the end without one; None while it is open."""
        until = self.answered_at or self.ended_at
        return None if until is None else (until - self.started).total_seconds()


def fold(events: Iterable[CelEvent]) -> list[Journey]:
    """The journeys in `events`, in order of their start.

    Events may come in any order and more than once. A call of whose caller there is no
    event is left out.
    """
    traces: dict[str, Trace] = {}
    # Asterisk stamps several events with one time; sorting keeps their order in the file.
    for event in sorted(dict.fromkeys(events), key=lambda event: event.time):
        traces.setdefault(event.linkedid, Trace(event.linkedid)).see(event)
    journeys = [found for trace in traces.values() if (found := _journey(trace))]
    return sorted(journeys, key=lambda journey: journey.started)


def _journey(trace: Trace) -> Journey | None:
    first = trace.first
    if first is None:
        return None
    return Journey(
        linkedid=trace.linkedid,
        caller=trace.caller,
        origin=first.context,
        dialled=first.exten,
        started=first.time,
        answered_at=trace.answered_at,
        answered_by=trace.answered_by,
        ended_at=trace.ended_at,
        outcome=_outcome(trace, first),
        steps=tuple(trace.marks),
        legs=tuple(trace.legs.values()),
    )


def _outcome(trace: Trace, first: CelEvent) -> Outcome:
    if first.exten.startswith(("*", "#")):
        return Outcome.CODE
    rules = [mark.rule for mark in trace.marks]
    if any(rule == Why.EMERGENCY or rule.startswith(Why.OUTGOING) for rule in rules):
        return Outcome.OUTGOING
    if trace.answered_at is not None:
        return Outcome.ANSWERED
    return Outcome.OPEN if trace.ended_at is None else _unanswered(trace.marks)


def _unanswered(marks: Sequence[Mark]) -> Outcome:
    steps = [mark.step for mark in marks if mark.step != "hangup"]
    if "voicemail" in steps:
        return Outcome.MESSAGE
    if any(mark.rule == Why.LINE_CLOSED for mark in marks):
        return Outcome.CLOSED
    return Outcome.TOLD if steps and steps[-1] in {"say", "ask"} else Outcome.ABANDONED
