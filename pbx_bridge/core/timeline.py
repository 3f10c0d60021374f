"""One call, told line by line to somebody who never saw Asterisk.

Each line begins with the seconds since the caller's first ring and, where a rule of the
bridge chose what happens, ends with the rule's name in brackets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from pbx_bridge.core.devices import device_of, endpoint_of, extension_of, person_of
from pbx_bridge.core.inert import shown
from pbx_bridge.core.record import CelEvent
from pbx_bridge.core.trace import CALLED_STEP, DIAL_STEP, Leg, Mark, Talk, Trace, mobile_of

Said = Callable[[str], str | None]
"""The words of a sound file, None when they aren't known."""
NameOf = Callable[[str], str]
"""Whose an endpoint or number is, "" when nobody's."""

TARGET_S = 20
"""Aim for an answer (S21)."""
TRUNK_CONTEXT = "from-trunk"
"""Context of the trunks' channels."""
_QUIET_STEPS = {"ring", "dial", "hangup"}
"""Steps that show by what follows them."""


class Timeline:
    """The lines of the call `linkedid`; events of other calls are passed over."""

    def __init__(self, linkedid: str, said: Said, name_of: NameOf) -> None:
        self._trace = Trace(linkedid)
        self._said = said
        self._name_of = name_of
        self._arrived = False
        self._rang = True
        """False from a mark that rings until a telephone was called."""
        self._given_up: set[str] = set()
        """Legs of which it was told that they ring no more."""
        self._outside: dict[str, str] = {}
        """The number that was called, by the trunk's endpoint."""
        self._mobiles = False
        """A mobile was rung: the trunk's channels are behind it."""
        self._behind: set[str] = set()
        """Legs behind a mobile, which is told of in their place."""

    def add(self, event: CelEvent) -> list[str]:
        """The lines that `event` adds, often none."""
        trace = self._trace
        if event.linkedid != trace.linkedid:
            return []
        was_ended, talks, marks = trace.ended_at, len(trace.talks), len(trace.marks)
        before = trace.legs.get(event.channel)
        trace.see(event)
        told = self._mobile(event, before)
        if event.channel not in self._behind:
            told += self._leg(before, trace.legs.get(event.channel))
        if len(trace.marks) > marks and trace.marks[-1].step != CALLED_STEP:
            told += self._step(trace.marks[-1])
        if len(trace.talks) > talks:
            told.append(self._answer(trace.talks[-1]))
        if was_ended is None and trace.ended_at is not None:
            told += self._end()
        lines = [f"{self._clock(event.time)}  {line}" for line in told]
        return [*self._arrival(event, bool(told)), *lines]

    def _clock(self, time: datetime) -> str:
        return f"{self._elapsed_s(time):.2f} s"

    def _elapsed_s(self, time: datetime) -> float:
        first = self._trace.first
        return (time - first.time).total_seconds() if first else 0.0

    def _arrival(self, event: CelEvent, more: bool) -> list[str]:
        """The first line; it waits for the caller's number, and from outside for whether that is
        withheld, but not for longer than the next."""
        first = self._trace.first
        if self._arrived or first is None:
            return []
        known = bool(self._trace.caller) and first.context != TRUNK_CONTEXT
        if not (more or known or event != first):
            return []
        self._arrived = True
        if self._trace.announces:
            line = f"the exchange rings {_owner(self._caller())} phone, to ask or tell something"
            return [f"{self._clock(first.time)}  {line}"]
        caller = shown(self._trace.caller) or "somebody without a number"
        called = self._who(self._trace.called or first.exten)
        return [f"{self._clock(first.time)}  {caller} rings {called}"]

    def _caller(self) -> str:
        """The one at the first telephone: whoever calls, or is rung up by the exchange."""
        first = self._trace.first
        if first is None or not self._trace.announces:
            return "the caller"
        whose = person_of(first.channel) or extension_of(endpoint_of(first.channel))
        number = whose or self._trace.caller
        return self._name(number) or "somebody"

    def _who(self, number: str) -> str:
        name = self._name_of(number)
        return f"{shown(number)} ({name})" if name and name != number else shown(number)

    def _name(self, endpoint: str) -> str:
        number = self._outside.get(endpoint)
        whose = extension_of(endpoint)
        return self._who(number) if number else self._name_of(whose) or shown(whose)

    def _device(self, endpoint: str) -> str:
        """`Anna Berg's phone`, of her other devices `Anna Berg's softphone`."""
        return f"{_owner(self._name(endpoint))} {device_of(endpoint) or 'phone'}"

    def _mobile(self, event: CelEvent, before: Leg | None) -> list[str]:
        """A mobile rings over the trunk; who picks it up is let in by pressing 1."""
        number = mobile_of(event.channel)
        if event.type == "CHAN_START" and number and event.channel.endswith(";1"):
            self._mobiles = self._rang = True
            return [f"the exchange rings {self._whose(number)}{self._rule()}"]
        leg = self._trace.legs.get(event.channel)
        if before is None and leg and self._mobiles and event.context == TRUNK_CONTEXT:
            self._behind.add(event.channel)
        if event.channel in self._behind and event.type == "ANSWER":
            return [f"{self._whose(event.exten)} is picked up, by a human if 1 is pressed"]
        return []

    def _whose(self, mobile: str) -> str:
        name = self._name_of(mobile)
        return f"{_owner(name)} mobile" if name else f"the mobile {shown(mobile)}"

    def _leg(self, before: Leg | None, leg: Leg | None) -> list[str]:
        if leg is None:
            return []
        told = []
        if before is None:
            self._rang = True
            self._see_outside(leg)
            called = self._outside.get(leg.endpoint)
            whom = self._who(called) if called else self._device(leg.endpoint)
            told.append(f"the exchange rings {whom}{self._rule()}")
        just_ended = leg.ended is not None and (before is None or before.ended is None)
        if just_ended and leg.answered is None and self._trace.ended_at is None:
            told += self._unanswered(leg)
        return told

    def _see_outside(self, leg: Leg) -> None:
        """What is called over a trunk is a number, not the trunk."""
        last = self._trace.marks[-1] if self._trace.marks else None
        if last is not None and last.step == DIAL_STEP:
            first = self._trace.first
            dialled = first.exten if first is not None else ""
            self._outside[leg.endpoint] = last.detail or dialled

    def _unanswered(self, leg: Leg) -> list[str]:
        name = self._name(leg.endpoint)
        match leg.cause:
            case 17:  # Q.850: user busy
                return [f"{name} is busy"]
            case 21:  # call rejected
                return [f"{name} declines"]
            case 26:  # answered elsewhere
                return []
            case _:
                return self._give_up(leg)

    def _give_up(self, leg: Leg) -> list[str]:
        if leg.channel in self._given_up:
            return []
        self._given_up.add(leg.channel)
        return [f"{self._device(leg.endpoint)} stops ringing"]

    def _rule(self) -> str:
        marks = self._trace.marks
        return f"  [{shown(marks[-1].why)}]" if marks and marks[-1].why else ""

    def _step(self, mark: Mark) -> list[str]:
        told = self._rang_nobody(self._trace.marks[:-1])
        for leg in self._trace.legs.values():
            # Asterisk writes down the end of a ringing only after it has gone on.
            quiet = leg.answered or leg.channel in self._behind
            if leg.ended is None and not quiet:
                told += self._give_up(leg)
        self._rang = mark.step not in {"ring", "dial"}
        if mark.step in _QUIET_STEPS:
            return told
        match mark.step:
            case "say":
                line = f"{self._caller()} hears: {self._words(mark)}"
            case "ask":
                line = f"{self._caller()} is asked: {self._words(mark)}"
            case "queue":
                line = "the caller waits in the queue"
            case "hold":
                line = "the caller's place in the queue is held, to call them back"
            case "voicemail":
                line = "the caller may leave a message"
            case "listen":
                line = f"{self._caller()} hears the messages of mailbox {shown(mark.detail)}"
            case _:
                line = f"the exchange goes on with “{shown(mark.step)}”"
        return [*told, line + self._rule()]

    def _rang_nobody(self, before: Sequence[Mark]) -> list[str]:
        if self._rang or not before:
            return []
        return [f"no phone could be rung  [{shown(before[-1].why)}]"]

    def _words(self, mark: Mark) -> str:
        if not mark.detail:
            return "a message"
        words = [self._said(name) or f"({shown(name)})" for name in mark.detail.split("&")]
        return f"“{' '.join(words)}”"

    def _answer(self, talk: Talk) -> str:
        name = self._name(talk.by)
        if len(self._trace.talks) > 1:
            return f"{name} answers: the caller was sent on"
        wait_s = self._elapsed_s(talk.since)
        return f"{name} answers: {wait_s:.1f} s after the first ring (aim {TARGET_S} s)"

    def _end(self) -> list[str]:
        trace = self._trace
        told = self._rang_nobody(trace.marks)
        self._rang = True
        if trace.first is not None and trace.ended_by == trace.first.channel:
            return [*told, f"{self._caller()} hangs up"]
        if trace.answered_at is not None and not trace.ended_by:
            return [*told, "the call ends"]  # by a mobile's owner, the record doesn't say
        if leg := trace.legs.get(trace.ended_by):
            return [*told, f"{self._name(leg.endpoint)} hangs up"]
        by_rule = self._rule() if trace.marks and trace.marks[-1].step == "hangup" else ""
        return [*told, f"the exchange ends the call{by_rule}"]


def _owner(name: str) -> str:
    return f"{name}'" if name.endswith("s") else f"{name}'s"
