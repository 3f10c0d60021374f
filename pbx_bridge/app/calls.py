"""Callers: each channel that asks gets its next step.

Nothing is remembered between two steps: a call's state comes with its channel and goes back
with it, so a bridge that dies loses none.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import structlog

from pbx_bridge.app.inbox import Inbox
from pbx_bridge.app.office import Office
from pbx_bridge.app.steps import variables
from pbx_bridge.app.voice import Voice
from pbx_bridge.app.waking import woken
from pbx_bridge.core import call as calls
from pbx_bridge.core import limits, numbers, typed
from pbx_bridge.core.call import Ask, Call, Decision, Listen, Obey, Record, Say, Sort, Why
from pbx_bridge.core.commands import Command
from pbx_bridge.core.decide import decide, kind
from pbx_bridge.core.events import Decided
from pbx_bridge.core.inert import shown
from pbx_bridge.core.meters import Meters
from pbx_bridge.core.model import Number, Organisation, Person, Plan, TargetKind
from pbx_bridge.core.stepid import StepId
from pbx_bridge.core.waiting import queue_of, waiting
from pbx_bridge.ports import (
    Clock,
    Done,
    Offer,
    PbxRejected,
    PbxUnavailable,
    Phones,
    ProtocolError,
    SpeechFailed,
    Telephony,
)

log = structlog.get_logger(__name__)

FALLBACK = "fallback"
"""The step of a channel about which nothing could be decided: the dialplan goes on alone."""
_DIALLED = re.compile(r"[+0-9*#]+", re.ASCII)
"""What a dialplan lets through as dialled; anything else can only be told so."""
LAST_TIMINGS = 1000
MOST_AT_ONCE = 300
"""Decisions under way at the same time; who comes then waits, and has the fallback after its
time-out. Asterisk answers within milliseconds, so only a flood comes so far."""
LONGEST_WHY = 200
"""Letters of a reason that are logged; it may quote what a peer sent."""


def no_pin(_: str) -> str:
    """The PIN of people in an exchange without PINs."""
    return ""


@dataclass(slots=True)
class Tally:
    """What was done, for `status`."""

    decided: int = 0
    gone: int = 0
    """Callers who hung up before their step."""
    lost: int = 0
    """Channels that another bridge or the fallback had taken."""
    failed: int = 0
    """Channels left to the fallback because Asterisk or a rule failed."""
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=LAST_TIMINGS))
    """From offer to step, of the last decisions."""


class Hearing:
    """Callers who are told their place at this moment: they aren't in Asterisk's queue then, and
    keep their places before others."""

    LASTS_S = 20.0
    """Longer than what they are told; who has hung up meanwhile is forgotten then."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[str, int, float]] = {}

    def ahead(self, line: str, channel: str, joined: str) -> int:
        """How many of those who hear it now came before `channel`, which hears it from now on."""
        now = time.monotonic()
        self._told = {
            one: held
            for one, held in self._told.items()
            if held[2] > now - self.LASTS_S and one != channel
        }
        if not joined.isdecimal():
            return 0
        came = int(joined)
        ahead = sum(held == line and other <= came for held, other, _ in self._told.values())
        self._told[channel] = (line, came, now)
        return ahead

    def back(self, channel: str) -> None:
        """The caller waits again, or goes another way."""
        self._told.pop(channel, None)


class Calls:
    """Takes offers, decides, and sends channels on; every task of a call is owned here."""

    def __init__(
        self,
        telephony: Telephony,
        office: Office,
        voice: Voice,
        clock: Clock,
        pin_of: Callable[[str], str] = no_pin,
        phones: Phones | None = None,
        meters: Meters | None = None,
        inbox: Inbox | None = None,
    ) -> None:
        """`phones`: where the queues are seen, `inbox`: the mailboxes; None where they can't be."""
        self._inbox = inbox
        self._phones = phones
        self._hearing = Hearing()
        self.tally = Tally()
        self.meters = meters or Meters()
        self._pin_of = pin_of
        self._telephony = telephony
        self._office = office
        self._voice = voice
        self._clock = clock
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._under_way = 0
        self._finishing = False
        self._finished = asyncio.Event()

    async def run(self) -> None:
        """Serve until cancelled; a caller in the midst of a decision then has the fallback."""
        async with asyncio.TaskGroup() as tasks:
            async for offer in self._telephony.offers():
                await self._room.acquire()
                if self._finishing and not offer.claimed:
                    self._room.release()  # the fallback helps this caller
                    continue
                self._under_way += 1
                taking = tasks.create_task(self._take(offer), name=f"call-{offer.channel}")
                taking.add_done_callback(self._over)

    async def finish(self, within_s: float) -> bool:
        """Take no new callers, and return when those in our hands have their step (F12).

        False where some have none within `within_s`; `run` goes on meanwhile.
        """
        self._finishing = True
        if not self._under_way:
            return True
        return await woken(self._finished, within_s)

    def _over(self, _: asyncio.Task[None]) -> None:
        self._room.release()
        self._under_way -= 1
        if self._finishing and not self._under_way:
            self._finished.set()

    async def _take(self, offer: Offer) -> None:
        began = time.perf_counter()
        try:
            done = await self._answer(offer)
        except (PbxUnavailable, ProtocolError, SpeechFailed, ValueError) as error:
            self.tally.failed += 1
            log.warning("call_left_to_fallback", call=offer.channel, why=str(error)[:LONGEST_WHY])
            return
        except Exception:
            # The fallback helps this caller; the others must go on.
            self.tally.failed += 1
            log.exception("call_left_to_fallback", call=offer.channel)
            return
        match done:
            case Done.DONE:
                self.tally.decided += 1
                seconds = time.perf_counter() - began
                self.tally.seconds.append(seconds)
                self.meters.decisions.add(seconds)
            case Done.GONE:
                self.tally.gone += 1
            case Done.LOST:
                self.tally.lost += 1

    async def _answer(self, offer: Offer) -> Done:
        """Claim the channel and send it on; one that is ours and can't be decided about is sent to
        the fallback at once: its caller would hear nothing until the guard time-out of the
        dialplan."""
        ours = offer.claimed
        try:
            call, decision = await self._decided(offer)
            if not ours and (done := await self._telephony.claim(offer)) is not Done.DONE:
                return done
            ours = True
            return await self._sent_on(offer, call, decision)
        except Exception:
            if ours:
                await self._give_back(offer.channel)
            raise

    async def _give_back(self, channel: str) -> None:
        with contextlib.suppress(PbxUnavailable, PbxRejected, ProtocolError):
            await self._telephony.proceed(channel, FALLBACK, {"PBX_RESULT": ""})

    async def _decided(self, offer: Offer) -> tuple[Call, Decision]:
        now = self._clock.now()
        call = arrived(offer, self._office.exchange.plan, self._pin_of)
        call = await self._placed(offer, call, now)
        return call, self._decide(call, now)

    def _decide(self, call: Call, now: datetime) -> Decision:
        """What comes next. A call out counts from here on; one that wasn't tried, as too many go on
        at once, counts no more."""
        decision = decide(call, self._office.counted if call.phone else self._office.exchange, now)
        if (begun := limits.begun(call, decision, now)) is not None:
            self._office.call_begins(begun)
        elif decision.why is Why.OUTGOING_CAPPED:
            self._office.call_over(call.linkedid)
        return decision

    async def _sent_on(self, offer: Offer, call: Call, decision: Decision) -> Done:
        if not isinstance(decision.step, Ask):
            self._hearing.back(offer.channel)
        call, decision = await self._own_steps(offer, call, decision)
        after = call.tried[-1].result if call.tried else ""
        call = calls.with_attempt(call, decision.about)
        audio = await self._audio(decision, call)
        people = self._office.exchange.plan.people
        carried = {"PBX_CALL": calls.encode(call), "PBX_RESULT": ""}
        if who := typed.acts_for(call):
            carried["PBX_ACTS_FOR"] = who
        found = {**carried, **variables(decision, audio, people, after)}
        return await self._telephony.proceed(offer.channel, kind(decision.step), found)

    async def _placed(self, offer: Offer, call: Call, now: datetime) -> Call:
        """The call with its place, where it has just waited and Asterisk can say."""
        line = queue_of(call)
        if not line or self._phones is None:
            return call
        try:
            others = await self._phones.waiting(line)
        except (PbxUnavailable, PbxRejected):
            return call  # they are told what is known without it
        joined = offer.variables.get("PBX_JOINED", "")
        exchange = self._office.exchange
        told = self._hearing.ahead(line, offer.channel, joined)
        found = waiting(exchange, line, joined, others, told, now)
        return replace(call, waiting=found)

    async def _own_steps(
        self, offer: Offer, call: Call, decision: Decision
    ) -> tuple[Call, Decision]:
        """Take the bridge's own steps, until there is one for Asterisk; each is journaled."""
        while True:
            if isinstance(decision.step, Listen) and self._inbox and call.inbox is None:
                call = replace(call, inbox=await self._inbox.held(decision.step.mailbox))
                decision = self._decide(call, self._clock.now())
            if decision.records and self._inbox and call.room is None:
                room = await self._inbox.room(decision.records, call.phone or call.caller)
                call = replace(call, room=(decision.records, room))
                decision = self._decide(call, self._clock.now())
            self._note(offer, call, decision)
            match decision.step:
                case Obey(command):
                    call, decision = await self._obeyed(call, decision.about, command)
                case Sort() if self._inbox is not None:
                    call = await self._inbox.sort(
                        calls.with_attempt(call, decision.about), decision.step
                    )
                    decision = self._decide(call, self._clock.now())
                case _:
                    return call, decision

    async def _obeyed(self, call: Call, about: StepId, command: Command) -> tuple[Call, Decision]:
        """Carry out a command of the caller's: what is told of it, or the step after it."""
        outcome = await self._office.obey(command)
        if outcome.refusal is not None:
            self.meters.refused[outcome.refusal.why] += 1
        call = calls.with_result(calls.with_attempt(call, about), outcome.result)
        if outcome.spoken:
            return call, Decision(about.told, Say(outcome.spoken), outcome.why)
        call = calls.with_attempt(call, about.told)
        return call, self._decide(call, self._clock.now())

    async def _audio(self, decision: Decision, call: Call) -> tuple[Path, ...]:
        match decision.step:
            case Say(sentences) | Ask(sentences):
                return await self._voice.files(sentences, call.language, self._clock.now())
            case Record():
                return (self._voice.note(call.linkedid),)
            case _:
                return ()

    def _note(self, offer: Offer, call: Call, decision: Decision) -> None:
        dialled = typed.dialled(call, self._office.exchange.plan)
        entry = Decided(offer.linkedid, shown(dialled), decision.mark, decision.why)
        self._office.note(entry)
        self.meters.rules[decision.why] += 1


def arrived(offer: Offer, plan: Plan, pin_of: Callable[[str], str] = no_pin) -> Call:
    """The call behind an offer, with what its channel carries.

    Raises `ValueError` when the carried state is not ours.
    """
    dialled = offer.variables.get("PBX_DIALLED", "")
    if _DIALLED.fullmatch(dialled):
        dialled = numbers.known_as(dialled, plan.dialling)
    phone = offer.variables.get("PBX_PHONE", "")
    person = plan.people.get(phone)
    number = numbers.target(dialled, plan)
    speaks: Person | Number | Organisation = person or number or plan.organisation
    if person is None and number is not None and number.kind is TargetKind.MENU:
        speaks = numbers.owner(offer.caller, plan) or number
    own = phone if person is not None else ""
    caller = numbers.number(offer.caller, plan.dialling)
    fresh = Call(dialled, caller, own, speaks.language, linkedid=offer.linkedid)
    call = calls.decode(offer.variables.get("PBX_CALL", ""), fresh)
    result = offer.variables.get("PBX_RESULT", "")
    result = typed.kept(call, result, plan, pin_of)
    proved = typed.pin_asked(call)
    if proved and result == typed.PIN_RIGHT:
        call = replace(call, language=plan.people[proved].language)
    return calls.with_result(call, result)
