"""Where commands are obeyed: the one writer of the exchange's state."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from pbx_bridge.core import limits, retention
from pbx_bridge.core.call import Why
from pbx_bridge.core.commands import FACTS, Command, Refusal
from pbx_bridge.core.confirming import confirmation
from pbx_bridge.core.events import CalledOut, Event
from pbx_bridge.core.folding import fold, under
from pbx_bridge.core.handling import handle, refused
from pbx_bridge.core.model import Plan
from pbx_bridge.core.notices import due
from pbx_bridge.core.sentences import Sentence, sentence
from pbx_bridge.core.state import AFTER_CALLS, LOOKED_UP, OF_CALLS, Exchange, changed
from pbx_bridge.ports import Clock, Journal, JournalUnavailable

MOST_KEPT = 10_000
"""Facts that wait in memory to be stored, some MiB of them; later ones fail as commands do."""
LONGEST_CALL = timedelta(days=1)
"""Calls out that began before that are counted no more: the day that they are of is over."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command went, and what is spoken about it."""

    why: Why
    """COMMAND_DONE, COMMAND_REFUSED or COMMAND_FAILED."""
    spoken: tuple[Sentence, ...]
    refusal: Refusal | None = None

    @property
    def result(self) -> str:
        """How it went, as the result of the call's step: done, refused or failed."""
        return self.why.removeprefix("command-")


@dataclass(frozen=True, slots=True, eq=False)
class _Listener:
    event: asyncio.Event
    aside: frozenset[str]
    """Parts of the state that don't concern it."""


async def _as_it_is(command: Command) -> Command:
    return command


class Office:
    """Holds the live state; every change waits for the one before, also `use` and `forget`."""

    def __init__(
        self, exchange: Exchange, journal: Journal, clock: Clock, *, has_mail: bool = True
    ) -> None:
        """`has_mail`: whether there is a server for notices by mail."""
        self.exchange = exchange
        self.changed = asyncio.Event()
        """Set whenever what callers meet has changed; the mirror waits for it and clears it."""
        self.complete: Callable[[Command], Awaitable[Command]] = _as_it_is
        """Adds what the shell knows and who commands doesn't say, before it is judged."""
        self._going: dict[str, CalledOut] = {}
        """Calls out that have begun and aren't settled, by linkedid."""
        self._listeners: list[_Listener] = [_Listener(self.changed, AFTER_CALLS)]
        self._journal = journal
        self._clock = clock
        self._has_mail = has_mail
        self._one_at_a_time = asyncio.Lock()
        self._not_stored: set[str] = set()
        """Kinds of commands that could not be stored of late."""
        self._kept: list[tuple[datetime, Sequence[Event]]] = []
        """What has happened while nothing could be stored, oldest first."""

    @property
    def counted(self) -> Exchange:
        """The state, with the calls out counted that go on (S27)."""
        return limits.with_going(self.exchange, self._going.values())

    def call_begins(self, call: CalledOut) -> None:
        """A call out was let through: who asks next knows it, in whatever moment that is."""
        known = self._going.values()
        self._going = {one.call: one for one in known if call.at - one.at < LONGEST_CALL}
        self._going[call.call] = call
        self._wake(frozenset({"spent"}))

    def call_over(self, linkedid: str) -> None:
        """What is to be counted of that call stands in the state."""
        if self._going.pop(linkedid, None) is not None:
            self._wake(frozenset({"spent"}))

    async def obey(self, command: Command) -> Outcome:
        """Carry out `command`. It is done when its events are durable, not before; those that
        change nothing but what each call changes are durable soon, and what has happened
        (`FACTS`) as soon as anything can be stored: people are told of it without waiting."""
        async with self._one_at_a_time:
            command = await self.complete(command)
            now = self._clock.now()
            answer = handle(command, self.exchange, now)
            try:
                if isinstance(answer, Refusal):
                    event = refused(command, answer, now)
                    after = fold(self.exchange, (event,))
                    told = due((event,), self.exchange, after, now, has_mail=self._has_mail)
                    await self._store(now, (event, *told))
                    self._set(fold(after, told))
                    log.info("command_refused", command=type(command).__name__, why=answer.why)
                    return Outcome(Why.COMMAND_REFUSED, (answer.spoken,), answer)
                after = fold(self.exchange, answer)
                told = due(answer, self.exchange, after, now, has_mail=self._has_mail)
                events, after = (*answer, *told), fold(after, told)
                parts = changed(self.exchange, after)
                if parts and parts <= OF_CALLS:
                    self._journal.note(now, events)  # each answered call; no commit of its own
                elif events:
                    await self._store(now, events, is_fact=isinstance(command, FACTS))
                    log.info("command_done", command=type(command).__name__)
            except JournalUnavailable as error:
                self._say_not_stored(type(command).__name__, error)
                return Outcome(Why.COMMAND_FAILED, (sentence("refused-failed"),))
            if events:
                self._not_stored.clear()
            self._set(after)
            return Outcome(Why.COMMAND_DONE, confirmation(command, self.exchange, now))

    async def _store(
        self, now: datetime, events: Sequence[Event], *, is_fact: bool = False
    ) -> None:
        """Return when they are durable, after all that is kept; a fact is kept where that can't
        be. Raises `JournalUnavailable`."""
        try:
            await self._store_kept()
            await self._journal.append(now, events)
        except JournalUnavailable as error:
            if not is_fact or len(self._kept) >= MOST_KEPT:
                raise
            if not self._kept:
                log.error("facts_kept_in_memory", why=str(error))
            self._kept.append((now, events))

    async def store_kept(self) -> None:
        """Store what has happened while nothing could be. Raises `JournalUnavailable`."""
        if self._kept:
            async with self._one_at_a_time:
                await self._store_kept()

    async def _store_kept(self) -> None:
        if not self._kept:
            return
        await self._journal.append(*self._kept[0])
        log.info("kept_facts_stored", count=len(self._kept))
        _, *rest = self._kept
        self._kept = rest
        # In one queue, so in their order, and with few commits.
        stored = await asyncio.gather(
            *(self._journal.append(*one) for one in rest), return_exceptions=True
        )
        self._kept = [one for one, why in zip(rest, stored, strict=True) if why is not None]
        for why in stored:
            if why is not None:
                raise why

    def _say_not_stored(self, command: str, why: Exception) -> None:
        """Once for each kind, until something can be stored: some are tried again each second."""
        if command not in self._not_stored:
            self._not_stored.add(command)
            log.error("command_not_stored", command=command, why=str(why))

    async def use(self, plan: Plan) -> None:
        """Go on with another plan, after the command under way: that was judged by the old."""
        async with self._one_at_a_time:
            self._set(under(plan, self.exchange))

    async def forget(self, is_theirs: retention.IsTheirs) -> int:
        """Delete what journal and state hold of somebody outside, whose numbers are known.

        The command under way is waited for, and what it has just learnt is deleted too. Returns
        how many entries; raises `JournalUnavailable`, and asked again it goes on.
        """
        # A long journal is read while commands go on; only what has come since is read alone.
        last, count = await self._erased(is_theirs, after=0)
        async with self._one_at_a_time:
            await self._store_kept()
            _, late = await self._erased(is_theirs, after=last)
            self._set(retention.forgotten(self.exchange, is_theirs))
        return count + late

    async def _erased(self, is_theirs: retention.IsTheirs, after: int) -> tuple[int, int]:
        """Erase the entries after a row that tell of somebody: the last row that was looked at,
        and how many were erased."""
        entries = await self._journal.select(retention.WITH_NUMBERS, after=after)
        rows = list(retention.tells_of(((one.seq, one.event) for one in entries), is_theirs))
        if rows:
            await self._journal.erase(rows)
        return max((one.seq for one in entries), default=after), len(rows)

    @contextmanager
    def listening(self, aside: frozenset[str] = LOOKED_UP) -> Iterator[asyncio.Event]:
        """An event of one's own that is set whenever the state has changed, and at first.

        A change of nothing but parts that are `aside` wakes nobody up: each call that is
        answered changes some.
        """
        listener = _Listener(asyncio.Event(), aside)
        listener.event.set()
        self._listeners.append(listener)
        try:
            yield listener.event
        finally:
            self._listeners.remove(listener)

    def _set(self, exchange: Exchange) -> None:
        parts = changed(self.exchange, exchange)
        self.exchange = exchange
        self._wake(parts)

    def _wake(self, parts: frozenset[str]) -> None:
        for listener in self._listeners:
            if not parts <= listener.aside:
                listener.event.set()

    def note(self, *events: Event) -> None:
        """Journal what needs no waiting for, such as decisions."""
        self._journal.note(self._clock.now(), events)
