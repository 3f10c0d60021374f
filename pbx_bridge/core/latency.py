"""How long callers wait for a human voice, from Asterisk's own record (S21).

The clock runs from the caller's first moment in the exchange to the moment when the caller
and somebody who answered are together, through every forward, queue and message between.
An `ANSWER` of the caller's own channel is only a message being played, and is no answer.

Of a call that has ended, exactly one holds: it isn't counted, it ended with a human, the caller
was told when somebody can be reached (S7), or `untold` says by which rule it ended untold. Who was
answered, sent on by a blind transfer, and reached nobody there didn't end with a human.

A caller who keeps their place in a queue hangs up, and is called when it is their turn. That is
one journey: the clock runs from the first ring of their own call, until a human and they hear
each other in the other one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from pbx_bridge.core.call import PLACE_HELD, Why
from pbx_bridge.core.devices import endpoint_of, extension_of
from pbx_bridge.core.record import CelEvent
from pbx_bridge.core.trace import DIAL_STEP, Leg, Mark, Talk, Trace


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
    would take, or was asked for a language; or the caller hung up on a sentence that didn't tell
    when somebody can be reached."""
    LOST = "lost"
    """Asterisk died before anybody had answered."""
    CODE = "code"
    """A feature code, or the voice menu."""
    OUTGOING = "outgoing"
    """From a telephone of the house to a number outside."""
    REFUSED = "refused"
    """From a telephone of the house to a number that doesn't exist, or that it may not call."""
    ANNOUNCEMENT = "announcement"
    """Made by the exchange itself, to ask or tell somebody something."""
    OPEN = "open"
    """Not ended, and not answered yet."""
    DOUBLE = "double"
    """A copy of a call that has come already, on another way through the operator's network or
    back from a mobile that is rung for it: it was let go."""
    HELD = "held"
    """The caller has hung up, and their place in a queue is held: not over yet."""


FROM_PHONE = "from-phone"
"""Context in which the calls of our own phones begin."""
SENT_ON = "outgoing-sent-on"
"""Rule of the dialplan for a caller whom a phone sends on to a number outside."""
NO_STEP = "no-step"
"""In place of a rule's name: nothing was begun for the caller."""
ELSEWHERE = frozenset(
    {Outcome.CODE, Outcome.OUTGOING, Outcome.REFUSED, Outcome.ANNOUNCEMENT, Outcome.DOUBLE}
)
"""Outcomes of what is no call to a person or line of the house."""
UNCOUNTED = ELSEWHERE | {Outcome.OPEN, Outcome.HELD}
"""Those, and the outcomes of what isn't over."""
AGAIN = frozenset({"same-call", "came-back"})
"""Rules of the dialplan for a call that has come already."""
SORRY = "sorry"
"""Rule of the dialplan where nothing can be done without a bridge."""
NOWHERE = frozenset({Why.UNKNOWN_NUMBER, Why.OUTGOING_BARRED, SORRY})
"""Rules that begin a call from inside to a number that doesn't exist or may not be called."""
NOBODY_THERE = frozenset({"JOINEMPTY", "LEAVEEMPTY", "JOINUNAVAIL", "LEAVEUNAVAIL"})
"""Asterisk's words for a queue that nobody attends (app_queue, QUEUESTATUS)."""
QUEUE_FULL = "FULL"
HOLD_STEP = "hold"
ON_THE_WAY = frozenset({Why.LANGUAGE_ASKED, Why.WAIT_TOLD})
"""Rules by which the exchange speaks to callers before and while they wait."""
AFTERWARDS = frozenset(
    {
        Why.MESSAGE_CHOSEN,
        Why.MESSAGE_DECLINED,
        Why.MESSAGE_TAKEN,
        Why.MESSAGE_NOT_TAKEN,
        Why.CALL_BACK_CHOSEN,
    }
)
"""Rules by which it speaks to callers whom it has told all that there is."""


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
    """Extension, of a mobile its number as dialled, of others outside the trunk's endpoint; "" when
    nobody answered."""
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
    channel: str = ""
    """The caller's channel, which names their device or the trunk."""
    phone: str = ""
    """Extension whose phone calls, "" from outside and for announcements."""
    cut: bool = False
    """Asterisk died in the midst of it; it ended with the last that is known of it."""
    sent_to: str = ""
    """What was dialled for the caller by the last blind transfer, "" where there was none."""
    holds: str = ""
    """Of the exchange's own call that holds somebody's place: linkedid of that caller's call."""

    @property
    def wait_s(self) -> float | None:
        """Seconds until the answer, or until the end without one; None while it is open."""
        until = self.answered_at or self.ended_at
        return None if until is None else (until - self.started).total_seconds()

    @property
    def other_end(self) -> str:
        """The number outside the house: the caller's, or the one that was called from inside; ""
        when it is withheld or there is none."""
        called_out = self.outcome in {Outcome.OUTGOING, Outcome.REFUSED}
        if not (called_out or self.phone):
            return "" if self.outcome is Outcome.ANNOUNCEMENT else self.caller
        called = (step.detail for step in self.steps if step.step == DIAL_STEP and step.detail)
        return next(called, self.dialled if called_out else "")

    @property
    def counted(self) -> bool:
        """A call to a person or line of the house that was answered or has ended."""
        return self.outcome not in UNCOUNTED

    @property
    def outgoing(self) -> tuple[Talk, ...]:
        """The talks with the number outside that was called."""
        since = _went_out(self.steps)
        if since is None:
            return ()
        return tuple(talk for talk in self.talks if talk.since >= since)

    @property
    def calls_out(self) -> str:
        """Extension of the one whose call to a number outside it is: who calls from their phone, or
        has sent the caller on by a blind transfer; "" for other calls from outside."""
        sent = next((step for step in self.steps if step.rule == SENT_ON), None)
        if sent is None:
            return self.phone
        return next((talk.by for talk in reversed(self.talks) if talk.since < sent.time), "")

    @property
    def told_when(self) -> bool:
        """Nobody answered, but some step told when somebody can be reached (S7).

        Such a step counts wherever it stood, and whatever came after it. A message that was
        left, or a wish to be called back, tells the caller nothing by itself.
        """
        return self._unreached and any(step.tells for step in self._in_vain)

    @property
    def untold(self) -> str:
        """The rule in force when the call ended without a human and without the caller being
        told when; "" for all other calls.

        That the exchange hung up because nothing was left to do isn't such a rule: the one
        before it should have told.
        """
        if not self._unreached or self.told_when:
            return ""
        rules = [step.rule for step in self._in_vain if step.rule]
        telling = [rule for rule in rules if rule != Why.NOTHING_LEFT]
        return (telling or rules or [NO_STEP])[-1]

    @property
    def blocked(self) -> bool:
        """Nobody answered, and nobody attended the line."""
        return self._unreached and any(step.after in NOBODY_THERE for step in self._in_vain)

    @property
    def saturated(self) -> bool:
        """Nobody answered, and the line took no more callers."""
        return self._unreached and any(step.after == QUEUE_FULL for step in self._in_vain)

    @property
    def stranded(self) -> bool:
        """Answered, sent on by a blind transfer, and ended there without a human."""
        return self.outcome is Outcome.ANSWERED and bool(self.sent_to and self._in_vain)

    @property
    def _unreached(self) -> bool:
        return self.counted and (self.outcome is not Outcome.ANSWERED or self.stranded)

    @property
    def _in_vain(self) -> Sequence[Mark]:
        """The steps after the last talk."""
        if not self.talks:
            return self.steps
        over = self.talks[-1].until
        return [step for step in self.steps if over is not None and step.time >= over]


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
    found = {id_: one for id_, own in calls.items() if (one := fold_call(id_, own, starts))}
    for id_, place in tuple(found.items()):
        first = found.get(place.holds)
        if first is not None and first.outcome is Outcome.HELD and place.ended_at is not None:
            found[place.holds] = with_place(first, place)
            del found[id_]
    return sorted(found.values(), key=lambda journey: journey.started)


def fold_call(
    linkedid: str, events: Iterable[CelEvent], starts: Sequence[datetime] = ()
) -> Journey | None:
    """As `fold`, of one call's events, which come by their times, each once."""
    trace = Trace(linkedid)
    for event in events:
        trace.see(event)
    return _journey(trace, starts)


def with_place(first: Journey, place: Journey) -> Journey:
    """One journey of a call whose caller kept their place, and of the exchange's that held it.

    Both have ended. Who wasn't reached then has waited in vain, also where they didn't take the
    call.
    """
    outcome = Outcome.LOST if place.cut else Outcome.ABANDONED
    return replace(
        first,
        answered_at=place.answered_at,
        answered_by=place.answered_by,
        ended_at=place.ended_at,
        outcome=Outcome.ANSWERED if place.talks else outcome,
        steps=(*first.steps, *place.steps),
        legs=(*first.legs, *place.legs),
        ended_by_caller=place.ended_by_caller,
        talks=(*first.talks, *place.talks),
        diversions=first.diversions + place.diversions,
        cut=place.cut,
        sent_to=place.sent_to,
    )


def place_lost(first: Journey) -> Journey:
    """The journey of a caller whose place was held when Asterisk died."""
    return replace(first, outcome=Outcome.LOST, cut=True, ended_by_caller=False)


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
        dialled=trace.called or first.exten,
        started=first.time,
        answered_at=trace.answered_at,
        answered_by=trace.answered_by,
        ended_at=trace.ended_at,
        outcome=_outcome(trace, first, cut=cut),
        steps=tuple(trace.marks),
        legs=tuple(trace.legs.values()),
        ended_by_caller=_by_caller(trace),
        talks=tuple(talks),
        diversions=trace.diversions,
        channel=first.channel,
        phone=extension_of(endpoint_of(first.channel)) if first.context == FROM_PHONE else "",
        cut=cut,
        sent_to=trace.sent_to,
        holds=trace.holds,
    )


def _outcome(trace: Trace, first: CelEvent, *, cut: bool) -> Outcome:
    if trace.announces:
        return Outcome.ANNOUNCEMENT
    rules = [mark.rule for mark in trace.marks]
    if AGAIN.intersection(rules[:1]):
        return Outcome.DOUBLE
    out = _went_out(trace.marks)
    if out is not None and (trace.answered_at is None or trace.answered_at >= out):
        return Outcome.OUTGOING
    if (trace.called or first.exten).startswith(("*", "#")):
        return Outcome.CODE
    if any(rule in {Why.MENU, Why.PIN_ASKED} for rule in rules):
        return Outcome.CODE
    if trace.answered_at is not None:
        return Outcome.ANSWERED
    if rules and rules[0] in NOWHERE and first.context == FROM_PHONE:
        return Outcome.REFUSED
    if rules and rules[0] == SORRY:  # the voice menu, without a bridge
        return Outcome.CODE
    if trace.ended_at is None:
        return Outcome.OPEN
    if cut:
        return Outcome.LOST
    if _keeps_place(trace.marks):
        return Outcome.HELD
    return _unanswered(trace.marks, by_caller=_by_caller(trace))


def _by_caller(trace: Trace) -> bool:
    return trace.ended_by != "" and trace.ended_by == trace.caller_channel


def _keeps_place(marks: Sequence[Mark]) -> bool:
    """Whether the last that was done was to hold the caller's place; how that went stands in the
    mark after it, if there is one."""
    after = None
    for mark in reversed(marks):
        if mark.step == HOLD_STEP:
            return after is None or after.after == PLACE_HELD
        after = mark
    return False


def _unanswered(marks: Sequence[Mark], *, by_caller: bool) -> Outcome:
    begun = [mark for mark in marks if mark.step != "hangup"]
    failed = any(mark.rule == Why.MESSAGE_NOT_TAKEN for mark in marks)
    if any(mark.step == "voicemail" for mark in begun) and not failed:
        return Outcome.MESSAGE
    if any(mark.rule == Why.LINE_CLOSED for mark in marks):
        return Outcome.CLOSED
    if not begun or begun[-1].step not in {"say", "ask"}:
        return Outcome.ABANDONED
    last = begun[-1]
    hangs_up = by_caller and not last.tells and last.rule not in AFTERWARDS
    return Outcome.ABANDONED if hangs_up or last.rule in ON_THE_WAY else Outcome.TOLD


def _went_out(marks: Sequence[Mark]) -> datetime | None:
    """When a number outside was called, None where none was."""
    for mark in marks:
        if mark.step == DIAL_STEP and mark.rule.startswith((Why.EMERGENCY, Why.OUTGOING)):
            return mark.time
    return None
