"""How long callers wait for a human voice, from Asterisk's own record (S21).

The clock runs from the caller's first moment in the exchange to the moment when the caller
and somebody who answered are together, through every forward, queue and message between.
An `ANSWER` of the caller's own channel is only a message being played, and is no answer.

Of a call that has ended, exactly one holds: it isn't counted, it was answered, the caller was
told when somebody can be reached (S7), or `untold` says by which rule it ended untold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from pbx_bridge.core.call import Why
from pbx_bridge.core.record import CelEvent
from pbx_bridge.core.trace import Leg, Mark, Talk, Trace, endpoint_of


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
    """The call ended while a telephone rang, or while the caller waited, was told how long that
    would take, or was asked for a language."""
    LOST = "lost"
    """Asterisk died before anybody had answered."""
    CODE = "code"
    """A feature code, or the voice menu."""
    OUTGOING = "outgoing"
    """From a telephone of the house to a number outside."""
    ANNOUNCEMENT = "announcement"
    """Made by the exchange itself, to ask or tell somebody something."""
    OPEN = "open"
    """Not ended, and not answered yet."""


FROM_PHONE = "from-phone"
"""Context in which the calls of our own phones begin."""
NO_STEP = "no-step"
"""In place of a rule's name: nothing was begun for the caller."""
UNCOUNTED = frozenset({Outcome.CODE, Outcome.OUTGOING, Outcome.ANNOUNCEMENT, Outcome.OPEN})
"""Outcomes of what is no call to a person or line of the house, or none yet."""
NOBODY_THERE = frozenset({"JOINEMPTY", "LEAVEEMPTY", "JOINUNAVAIL", "LEAVEUNAVAIL"})
"""Asterisk's words for a queue that nobody attends (app_queue, QUEUESTATUS)."""
QUEUE_FULL = "FULL"
ON_THE_WAY = frozenset({Why.LANGUAGE_ASKED, Why.WAIT_TOLD})
"""Rules by which the exchange speaks to callers before and while they wait."""


@dataclass(frozen=True, slots=True)
class Journey:
    """One caller's way through the exchange."""

    linkedid: str
    caller: str
    """Caller's number as signalled, "" when withheld. Chosen by the caller."""
    origin: str
    """Context of arrival: `from-trunk` or `from-phone`; of an announcement its own."""
    dialled: str
    """As dialled; chosen by the caller."""
    started: datetime
    answered_at: datetime | None
    answered_by: str
    """Endpoint, of a mobile its number as dialled; "" when nobody answered."""
    ended_at: datetime | None
    outcome: Outcome
    steps: tuple[Mark, ...]
    legs: tuple[Leg, ...]
    ended_by_caller: bool = True
    """False when the record doesn't name the caller as the one who hung up."""
    talks: tuple[Talk, ...] = ()
    """With whom the caller talked, in order; more than one after transfers."""
    diversions: int = 0
    """Phones that sent the call elsewhere by themselves."""
    phone: str = ""
    """Extension whose phone calls, "" from outside and for announcements."""
    cut: bool = False
    """Asterisk died in the midst of it; it ended with the last that is known of it."""

    @property
    def wait_s(self) -> float | None:
        """Seconds until the answer, or until the end without one; None while it is open."""
        until = self.answered_at or self.ended_at
        return None if until is None else (until - self.started).total_seconds()

    @property
    def other_end(self) -> str:
        """The number outside the house: the caller's, or of an outgoing call the one called; ""
        when it is withheld or there is none."""
        if self.outcome is Outcome.OUTGOING:  # dialled, or called by a code or a key
            called = (step.detail for step in self.steps if step.step == "dial" and step.detail)
            return next(called, self.dialled)
        return "" if self.phone or self.outcome is Outcome.ANNOUNCEMENT else self.caller

    @property
    def counted(self) -> bool:
        """A call to a person or line of the house that was answered or has ended."""
        return self.outcome not in UNCOUNTED

    @property
    def told_when(self) -> bool:
        """Nobody answered, but some step told when somebody can be reached (S7).

        Such a step counts wherever it stood, and whatever came after it. A message that was
        left, or a wish to be called back, tells the caller nothing by itself.
        """
        return self._unreached and any(step.tells for step in self.steps)

    @property
    def untold(self) -> str:
        """The rule in force when the call ended without a human and without the caller being
        told when; "" for all other calls.

        That the exchange hung up because nothing was left to do isn't such a rule: the one
        before it should have told.
        """
        if not self._unreached or self.told_when:
            return ""
        rules = [step.rule for step in self.steps if step.rule]
        telling = [rule for rule in rules if rule != Why.NOTHING_LEFT]
        return (telling or rules or [NO_STEP])[-1]

    @property
    def blocked(self) -> bool:
        """Nobody answered, and nobody attended the line."""
        return self._unreached and any(step.after in NOBODY_THERE for step in self.steps)

    @property
    def saturated(self) -> bool:
        """Nobody answered, and the line took no more callers."""
        return self._unreached and any(step.after == QUEUE_FULL for step in self.steps)

    @property
    def _unreached(self) -> bool:
        return self.counted and self.outcome is not Outcome.ANSWERED


def fold(events: Iterable[CelEvent], starts: Sequence[datetime] = ()) -> list[Journey]:
    """The journeys in `events`, in order of their start.

    Events may come in any order and more than once. A call of whose caller there is no
    event is left out. `starts` are the moments at which Asterisk was started: what has not
    ended before one of them was cut off by its death (F07).
    """
    calls: dict[str, list[CelEvent]] = {}
    # Asterisk stamps several events with one time; sorting keeps their order in the file.
    for event in sorted(dict.fromkeys(events), key=lambda event: event.time):
        calls.setdefault(event.linkedid, []).append(event)
    journeys = [found for id_, own in calls.items() if (found := fold_call(id_, own, starts))]
    return sorted(journeys, key=lambda journey: journey.started)


def fold_call(
    linkedid: str, events: Iterable[CelEvent], starts: Sequence[datetime] = ()
) -> Journey | None:
    """As `fold`, of one call's events, which come by their times, each once."""
    trace = Trace(linkedid)
    for event in events:
        trace.see(event)
    return _journey(trace, starts)


def _journey(trace: Trace, starts: Sequence[datetime]) -> Journey | None:
    first, last = trace.first, trace.last
    if first is None or last is None:
        return None
    cut = trace.ended_at is None and any(last < start for start in starts)
    if cut:
        trace.ended_at = last
    talks = [
        replace(talk, until=trace.ended_at) if talk.until is None else talk for talk in trace.talks
    ]
    return Journey(
        linkedid=trace.linkedid,
        caller=trace.caller,
        origin=first.context,
        dialled=first.exten,
        started=first.time,
        answered_at=trace.answered_at,
        answered_by=trace.answered_by,
        ended_at=trace.ended_at,
        outcome=_outcome(trace, first, cut=cut),
        steps=tuple(trace.marks),
        legs=tuple(trace.legs.values()),
        ended_by_caller=trace.ended_by == first.channel,
        talks=tuple(talks),
        diversions=trace.diversions,
        phone=endpoint_of(first.channel) if first.context == FROM_PHONE else "",
        cut=cut,
    )


def _outcome(trace: Trace, first: CelEvent, *, cut: bool) -> Outcome:
    if trace.announces:
        return Outcome.ANNOUNCEMENT
    rules = [mark.rule for mark in trace.marks]
    if any(rule == Why.EMERGENCY or rule.startswith(Why.OUTGOING) for rule in rules):
        return Outcome.OUTGOING
    if first.exten.startswith(("*", "#")):
        return Outcome.CODE
    if any(rule in {Why.MENU, Why.PIN_ASKED} for rule in rules):
        return Outcome.CODE
    if trace.answered_at is not None:
        return Outcome.ANSWERED
    if trace.ended_at is None:
        return Outcome.OPEN
    return Outcome.LOST if cut else _unanswered(trace.marks)


def _unanswered(marks: Sequence[Mark]) -> Outcome:
    begun = [mark for mark in marks if mark.step != "hangup"]
    failed = any(mark.rule == Why.MESSAGE_NOT_TAKEN for mark in marks)
    if any(mark.step == "voicemail" for mark in begun) and not failed:
        return Outcome.MESSAGE
    if any(mark.rule == Why.LINE_CLOSED for mark in marks):
        return Outcome.CLOSED
    told = begun and begun[-1].step in {"say", "ask"} and begun[-1].rule not in ON_THE_WAY
    return Outcome.TOLD if told else Outcome.ABANDONED
