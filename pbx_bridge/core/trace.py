"""One call as Asterisk's event log shows it: its channels, who is with whom, our marks.

`Trace` takes the events of one call as they come. What is missing, doubled or in disorder
costs knowledge, never an exception: the log is written by another program, may begin in
the middle of a call, and holds text that callers chose.

Sources: Asterisk's main/cel.c (BRIDGE_ENTER carries `bridge_id` in `extra` and the others'
channel names in `peer`; HANGUP carries `hangupcause` and `hangupsource`) and
apps/app_celgenuserevent.c (what the dialplan says comes as `{"extra": "…"}`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from pbx_bridge.core.devices import LOCAL, TECHNOLOGY, endpoint_of, extension_of, person_of
from pbx_bridge.core.record import CelEvent

MARK = "PBX_STEP"
"""Name of the user event that the dialplan makes when a step begins,
`step|why|detail|when|after`; the last two are empty or absent unless the step tells when, and
unless Asterisk had a word for how the step before went."""
WITHHELD = "PBX_WITHHELD"
"""Name of the user event by which the dialplan says that the caller's number is to be kept by
nobody, whatever the operator has signalled."""
WHEN = "when"
ONE_TALK = timedelta(milliseconds=50)
"""Two are still in one talk if they were apart for less: Asterisk takes `Local` channels out of
their way."""
FALLBACK = "fallback-"
"""Before the rule's name where the dialplan followed it without a bridge."""
MOBILE_CONTEXT = "pbx-bridge-mobile"
"""Where a `Local` channel rings a mobile over the trunk: `Local/0457000102@pbx-bridge-mobile/n`.
It is answered only once the mobile's owner has pressed 1; what the mobile's voicemail answers
is the trunk's channel behind it, which then is never together with the caller."""
ANNOUNCE_CONTEXT = "pbx-bridge-announce"
HELD_CONTEXT = "pbx-bridge-held"
"""Where a place in a queue is held for somebody who is called back."""
DIAL_STEP = "dial"
"""Step that carries a call to a number outside."""
CALLED_STEP = "called"
"""No step: its detail is what was dialled, where it stood in another place than usual."""
HELD_STEP = "held"
"""Step of the mark with which such a call begins; its detail is the linkedid of the caller's
first call."""
BACK_STEP = "back"
"""Step of the mark before the caller is called; whoever has answered the line makes it."""
ORIGINATED = "s"
"""Extension of a channel that the exchange has made; no caller can dial it."""
"""Where the first channel of an announcement begins: the exchange originates
`Local/102@pbx-bridge-announce`. Originated as `PJSIP/102` it would begin in the telephone's own
context, as if the telephone had called."""
_ENDS = ("HANGUP", "CHAN_END")
_JSON = json.JSONDecoder()
_TOGETHER = frozenset({"ANSWER", "BRIDGE_ENTER", "BRIDGE_EXIT", *_ENDS})
"""Events that change who is with whom."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A step that Asterisk began on behalf of the caller, and the rule that chose it."""

    time: datetime
    step: str
    """Extension of the step context: `ring`, `say`, `queue`, …"""
    why: str
    detail: str = ""
    """What the step was given, without `|`; for `say` and `ask` the sound files, joined by `&`."""
    tells: bool = False
    """It tells the caller the next moment when somebody can be reached (S7). Whether the caller
    listened isn't in the record."""
    after: str = ""
    """How the step before it went, in Asterisk's word (`NOANSWER`, `JOINEMPTY`), where known."""

    @property
    def rule(self) -> str:
        """The rule's name, whoever followed it."""
        return self.why.removeprefix(FALLBACK)


@dataclass(frozen=True, slots=True)
class Leg:
    """A telephone that was called for the caller.

    The log doesn't tell when a telephone begins to ring; `started` is when it was called.
    """

    channel: str
    endpoint: str
    """Its name in Asterisk: of one of somebody's devices (`core.devices`), or of a trunk."""
    started: datetime
    answered: datetime | None = None
    """When something picked up: of a mobile perhaps its voicemail, never with the caller."""
    ended: datetime | None = None
    cause: int = 0
    """ITU-T Q.850 cause of its end, 0 when unknown."""


@dataclass(frozen=True, slots=True)
class Talk:
    """A stretch in which the caller and somebody who answered were together.

    A transfer or a pick-up ends one and begins the next.
    """

    by: str
    """Extension, of a mobile its number as dialled, of somebody outside the trunk's endpoint."""
    since: datetime
    until: datetime | None = None


def mark_of(event: CelEvent) -> Mark | None:
    """The mark that `event` is, if it is one.

    Asterisk shows the user's event name as the type or keeps it apart behind
    `USER_DEFINED`, by configuration; the application's arguments show it then.
    """
    if event.type == "USER_DEFINED":
        if not event.data.startswith(f"{MARK},"):
            return None
    elif event.type != MARK:
        return None
    text = value(event.extra, "extra") or event.data.removeprefix(f"{MARK},")
    step, why, detail, when, after, *_ = [*text.split("|"), "", "", "", ""]
    return Mark(event.time, step, why, detail, when.strip() == WHEN, after.strip())


def withholds(type_: str, data: str) -> bool:
    """Whether an event of that type and data says that the caller withholds their number."""
    return (data.partition(",")[0] if type_ == "USER_DEFINED" else type_) == WITHHELD


def mobile_of(channel: str) -> str:
    """`0457000102` of `Local/0457000102@pbx-bridge-mobile-0000001a;1`, "" for other channels."""
    if not channel.startswith(LOCAL):
        return ""
    number, _, place = channel.removeprefix(LOCAL).partition("@")
    return number if place.startswith(f"{MOBILE_CONTEXT}-") else ""


def value(extra: str, key: str) -> str:
    """One value of an event's extra data; the whole text where it isn't a JSON object."""
    if not extra.startswith("{"):
        return extra if key == "extra" else ""
    try:
        found, _ = _JSON.raw_decode(extra)
    except (ValueError, RecursionError):
        return ""
    inner = found.get(key, "") if isinstance(found, dict) else ""
    return inner if isinstance(inner, str) else str(inner)


class Trace:
    """What is known of one call so far."""

    def __init__(self, linkedid: str) -> None:
        self.linkedid = linkedid
        self.first: CelEvent | None = None
        """The caller's first event; of a call that holds a place, the first of that place."""
        self.caller_channel = ""
        """Channel of the one who calls, or whom the exchange calls; "" while their place is held
        and nobody has called them."""
        self._is_place = False
        self._calls_back = False
        """The telephones that are called are that caller's, until one has answered."""
        self.called = ""
        """What was dialled, where the call itself had something else: an operator with which we
        register calls the name that we gave it."""
        self.caller = ""
        """The caller's number, "" where it is withheld; Asterisk may know it only after the first
        event."""
        self._is_withheld = False
        self.legs: dict[str, Leg] = {}
        """By channel name, in the order in which they were called."""
        self.marks: list[Mark] = []
        self.talks: list[Talk] = []
        """With whom the caller was together, in order; never two at once."""
        self.diversions = 0
        """Times that a phone sent the call elsewhere by itself (SIP 302): nobody has agreed to
        it. Where Asterisk doesn't follow (option i of Dial and Queue) it isn't one."""
        self._elsewhere = ""
        """Channel that would be next, where a phone has asked for that."""
        self.sent_to = ""
        """What the last blind transfer dialled for the caller."""
        self.ended_at: datetime | None = None
        self.ended_by = ""
        """Channel that hung up, "" when the exchange did or it isn't known."""
        self._last: datetime | None = None
        self._bridges: dict[str, str] = {}
        self._from_elsewhere: set[str] = set()
        """Legs that began in another call and came into this one by a transfer or a pick-up:
        their answer stands there."""

    @property
    def answered_at(self) -> datetime | None:
        """When the caller heard the first human voice."""
        return self.talks[0].since if self.talks else None

    @property
    def answered_by(self) -> str:
        """Extension of the first human voice, "" for none; of a mobile the number dialled, of
        others outside the trunk's endpoint."""
        return self.talks[0].by if self.talks else ""

    @property
    def last(self) -> datetime | None:
        """The time of the last event."""
        return self._last

    @property
    def announces(self) -> bool:
        """The exchange has made the call itself, to ask or tell somebody something."""
        first = self.first
        return first is not None and (
            first.context in (ANNOUNCE_CONTEXT, HELD_CONTEXT) or first.exten == ORIGINATED
        )

    @property
    def holds(self) -> str:
        """The linkedid of the call whose caller's place in a queue is held, "" for others."""
        if not self._is_place:
            return ""
        return next((mark.detail for mark in self.marks if mark.step == HELD_STEP), "")

    def see(self, event: CelEvent) -> None:
        """Take the next event of this call."""
        if event.uniqueid == self.linkedid:
            self._see_caller(event)
        elif event.channel.startswith(TECHNOLOGY):
            self._see_leg(event)
            if self._is_place:
                self._see_called_back(event)
        elif (mark := mark_of(event)) and person_of(event.channel):
            self._see_mark_of_half(mark)
        self._last = event.time
        if event.type in _TOGETHER:
            self._see_bridge(event)
            self._see_talk(event.time)
        elif event.type == "LINKEDID_END" and self.first is not None:
            self.ended_at = self.ended_at or event.time
        elif event.type == "BLINDTRANSFER":
            whom = value(event.extra, "transferee_channel_name")
            if whom == self.caller_channel or person_of(whom):
                self.sent_to = value(event.extra, "extension")
        elif event.type == "FORWARD":
            to = value(event.extra, "forward")
            self._elsewhere = to if "/" in to else f"{LOCAL}{to}@"
        elif event.type == "CHAN_START" and self._is_elsewhere(event):
            self.diversions, self._elsewhere = self.diversions + 1, ""

    def _is_elsewhere(self, event: CelEvent) -> bool:
        return bool(self._elsewhere) and event.channel.startswith(self._elsewhere)

    def _see_talk(self, time: datetime) -> None:
        who = self._with_the_caller()
        before = self.talks[-1] if self.talks and self.talks[-1].until is None else None
        if before is not None and before.by != who:
            self.talks[-1] = Talk(before.by, before.since, time)
        if who is not None and (before is None or before.by != who):
            self._begin_talk(who, time)

    def _begin_talk(self, who: str, time: datetime) -> None:
        last = self.talks[-1] if self.talks else None
        if last and last.by == who and last.until is not None and time - last.until < ONE_TALK:
            self.talks[-1] = Talk(who, last.since)
        else:
            self.talks.append(Talk(who, time))

    def _see_caller(self, event: CelEvent) -> None:
        if self.first is None:
            self.first = event
            self._is_place = event.context == HELD_CONTEXT
            self.caller_channel = "" if self._is_place else event.channel
        self._is_withheld = self._is_withheld or withholds(event.type, event.data)
        self.caller = "" if self._is_withheld else self.caller or event.caller
        if mark := mark_of(event):
            if mark.step == CALLED_STEP:
                self.called = mark.detail
            else:
                self.marks.append(mark)
        elif event.type in _ENDS and not (self._is_place and self.caller_channel):
            self._see_end(event)

    def _see_called_back(self, event: CelEvent) -> None:
        """From when they are called the one whose place was held is the caller, and once they have
        answered the call ends with them.

        Several servers or devices may be called for them, one beside the other: they are where one
        answers."""
        if self._calls_back and event.type in ("CHAN_START", "ANSWER"):
            self.caller_channel = event.channel
            self._calls_back = event.type != "ANSWER"
        elif event.channel == self.caller_channel and event.type in _ENDS:
            if self.legs[event.channel].answered:
                self._see_end(event)
            else:
                self.caller_channel = ""
        elif (mark := mark_of(event)) and mark.step == BACK_STEP:
            self._calls_back = True  # a member that is a telephone itself, as they were once

    def _see_mark_of_half(self, mark: Mark) -> None:
        """A queue rings people by `Local` channels. Of one the half towards the caller begins the
        call back, and the half towards the phone is who is sent on by a transfer: it goes the
        caller's further way."""
        if self._is_place and mark.step == BACK_STEP:
            self._calls_back = True
        elif mark.step not in (BACK_STEP, CALLED_STEP):
            self.marks.append(mark)

    def _see_end(self, event: CelEvent) -> None:
        # In any order: Asterisk stamps the last events of a channel with one time.
        self.ended_at = self.ended_at or event.time
        self.ended_by = self.ended_by or value(event.extra, "hangupsource")

    def _see_leg(self, event: CelEvent) -> None:
        leg = self.legs.get(event.channel)
        if leg is None:
            leg = Leg(event.channel, endpoint_of(event.channel), event.time)
            if event.type != "CHAN_START":
                self._from_elsewhere.add(event.channel)
        joins = event.type == "BRIDGE_ENTER" and event.channel in self._from_elsewhere
        if (event.type == "ANSWER" or joins) and leg.answered is None:
            leg = Leg(leg.channel, leg.endpoint, leg.started, event.time, leg.ended, leg.cause)
        elif event.type in _ENDS and leg.ended is None:
            cause = value(event.extra, "hangupcause")
            number = int(cause) if cause.isdecimal() and len(cause) < 4 else 0
            leg = Leg(leg.channel, leg.endpoint, leg.started, leg.answered, event.time, number)
        self.legs[event.channel] = leg

    def _see_bridge(self, event: CelEvent) -> None:
        if event.type == "BRIDGE_ENTER":
            # Without the bridge's id its members still name each other.
            known = [self._bridges[peer] for peer in event.peer.split(",") if peer in self._bridges]
            bridge = value(event.extra, "bridge_id") or (known[0] if known else event.channel)
            self._bridges[event.channel] = bridge
            for peer in event.peer.split(","):
                self._see_peer(peer, bridge, event.time)
        elif event.type == "BRIDGE_EXIT" or event.type in _ENDS:
            self._bridges.pop(event.channel, None)

    def _see_peer(self, peer: str, bridge: str, time: datetime) -> None:
        """Somebody who is in the bridge; who came there in another call is only seen so."""
        if peer in self._bridges or peer in self.legs or not peer.startswith(TECHNOLOGY):
            return
        self._bridges[peer] = bridge
        if self.first is None or peer != self.first.channel:
            self._from_elsewhere.add(peer)
            self.legs[peer] = Leg(peer, endpoint_of(peer), time, answered=time)

    def _with_the_caller(self) -> str | None:
        """Who has answered and can talk to the caller, over `Local` channels too."""
        if self.caller_channel not in self._bridges or not self.caller_channel:
            return None
        reached = self._reached(self._bridges[self.caller_channel])
        for channel, leg in self.legs.items():
            place = self._bridges.get(channel)
            answered = leg.answered and not leg.ended and channel != self.caller_channel
            if answered and place in reached:
                return reached[place] or extension_of(leg.endpoint)
        return None

    def _reached(self, bridge: str) -> dict[str, str]:
        """`bridge` and those joined to it by `Local` channels; of those behind a mobile's, its
        number."""
        reached, fresh = {bridge: ""}, [bridge]
        halves = [one for one in self._bridges.items() if one[0].startswith(LOCAL)]
        while fresh and halves:
            here = fresh.pop()
            for channel, place in halves:
                if place != here:
                    continue
                half = channel[:-1] + ("2" if channel.endswith(";1") else "1")
                there = self._bridges.get(half)
                if there is not None and there not in reached:
                    reached[there] = mobile_of(channel) or reached[here]
                    fresh.append(there)
        return reached
