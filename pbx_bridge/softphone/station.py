"""A station: an end of the network that takes calls and messages.

It answers OPTIONS while it is there, and takes any number of calls, also at the same time.
One SIPp process says that it is there and takes what comes, on the same port.
"""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Literal, Self, assert_never

from pbx_bridge.softphone.audio import silence
from pbx_bridge.softphone.behaviour import (
    BUSY_HERE,
    DECLINE,
    REFUSALS,
    Answers,
    Behaviour,
    Busy,
    Declines,
    Diverts,
    NeverAnswers,
    Refuses,
)
from pbx_bridge.softphone.incoming import Incoming, Lamp, Message, Received, Ringing, any_of
from pbx_bridge.softphone.line import Line
from pbx_bridge.softphone.sipp import (
    Address,
    Sipp,
    SoftphoneFailed,
    Transport,
    local_address,
    render,
)
from pbx_bridge.softphone.sound import open_sound
from pbx_bridge.softphone.twin import Gone, Moment, Told
from pbx_bridge.wire import sip
from pbx_bridge.wire.rtp import Codec, Samples

APPEAR_TIMEOUT_S = 5.0
"""How long the exchange may take to confirm that the station is there, or gone."""
WAIT_S = 10.0
"""How long `rang`, `ended` and `told` wait when nothing else is said."""
HANG_UP_TIMEOUT_S = 5.0
"""How long the exchange may take to confirm that a call has ended."""

CODECS = (Codec.PCMA, Codec.PCMU)

OK = 200
SUMMARY = "simple-message-summary"
"""Content type of a NOTIFY about waiting messages."""


class Station(ABC):
    """An end that takes calls: an async context manager."""

    def __init__(
        self,
        sipp: Sequence[str],
        server: Address,
        values: Mapping[str, object],
        *,
        makes: str,
        transport: Transport = "udp",
        codecs: Sequence[Codec] = CODECS,
        port: int = 0,
    ) -> None:
        """`values` fill in the scenarios; `makes` is the one that tells "there" and "gone"."""
        self.rings: list[Ringing] = []
        """Every call that came, oldest first."""
        self.answered: list[Moment] = []
        self.received: list[Received] = []
        """Calls that are over, oldest first."""
        self.messages: list[Message] = []
        """Texts that were taken, oldest first."""
        self.lamps: list[Lamp] = []
        """What was told of waiting messages, oldest first."""
        self.takes_messages = True
        """Else the next text is refused with 480, and not kept."""
        self.port = 0
        """The SIP port, once it is there."""
        self._dead = False
        self._address = local_address(server)
        filled: dict[str, object] = {
            "codecs": " ".join(str(int(codec)) for codec in codecs),
            "token": secrets.token_hex(6),
            "refusals": REFUSALS,
            **values,
        }
        self._sipp = Sipp(
            sipp,
            server,
            self._hear,
            makes=render(makes, filled),
            answers=render("station.xml", filled),
            transport=transport,
            port=port,
        )
        self._stack = AsyncExitStack()
        self._tasks: set[asyncio.Task[None]] = set()
        self._presence_id = ""
        self._calls: dict[str, Incoming] = {}
        self._rang = asyncio.Queue[Ringing]()
        self._ended = asyncio.Queue[Received]()
        self._told = asyncio.Queue[Message]()
        self._lamp_told = asyncio.Event()
        self._presence = asyncio.Queue[Told | Gone]()

    async def __aenter__(self) -> Self:
        """Return when it can be called. Raises `SoftphoneFailed` if the exchange won't."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._finish)
            await stack.enter_async_context(self._sipp)
            told = await self._confirmed()
            self.port = int(told.fields["port"])
            stack.push_async_exit(self._leave)
            self._presence_id = told.call_id
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exception: Any) -> bool | None:
        """End the calls, say good-bye and leave nothing behind."""
        return await self._stack.__aexit__(*exception)

    @property
    def heard(self) -> Samples:
        """What was heard in the last call that ended."""
        return self.received[-1].heard if self.received else silence(0)

    async def die(self) -> None:
        """Be gone without a word, in the midst of whatever it does, as by a cut cable."""
        self._dead = True
        await self._sipp.kill()

    async def rang(self, timeout_s: float = WAIT_S) -> Ringing:
        """Wait for the next call that rings (each is returned once)."""
        async with asyncio.timeout(timeout_s):
            return await self._rang.get()

    async def ended(self, timeout_s: float = WAIT_S) -> Received:
        """Wait for the end of the next call (each is returned once)."""
        async with asyncio.timeout(timeout_s):
            return await self._ended.get()

    async def lamp(self, *, lit: bool, timeout_s: float = WAIT_S) -> Lamp:
        """Wait until the last that was told of waiting messages is that there are some, or not."""
        async with asyncio.timeout(timeout_s):
            while not self.lamps or self.lamps[-1].told.lit is not lit:
                self._lamp_told.clear()
                await self._lamp_told.wait()
            return self.lamps[-1]

    async def told(self, timeout_s: float = WAIT_S) -> Message:
        """Wait for the next text (each is returned once)."""
        async with asyncio.timeout(timeout_s):
            return await self._told.get()

    @abstractmethod
    def _behaviour_for(self, ringing: Ringing) -> Behaviour:
        """Say what to do with this call."""

    async def _confirmed(self) -> Told:
        async with asyncio.timeout(APPEAR_TIMEOUT_S):
            told = await self._presence.get()
        if isinstance(told, Gone):
            raise SoftphoneFailed(f"the station could not appear or leave: {told.said}")
        if told.message is not None and told.message.status != OK:
            raise SoftphoneFailed(f"the exchange refused the phone: {told.message.start}")
        return told

    async def _leave(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._dead:
            return
        for call in self._calls.values():
            call.leaving.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=HANG_UP_TIMEOUT_S)
        self._sipp.tell(self._presence_id, "leave")
        try:
            await self._confirmed()
        except (SoftphoneFailed, TimeoutError):
            if kind is None:  # else the body's own exception matters more
                raise

    async def _finish(self) -> None:
        """Wait for what is left of the calls; SIPp has gone, so they are over."""
        for call in self._calls.values():
            call.end()
        for outcome in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    def _hear(self, told: Told | Gone) -> None:
        if isinstance(told, Gone):
            self._gone(told)
            return
        match told.event:
            case "there" | "gone":
                self._presence.put_nowait(told)
            case "message":
                self._keep(told)
            case "notified":
                self._light(told)
            case "rang":
                self._ring(told)
            case "answered":
                call = self._calls[told.call_id]
                call.answered_at = told.at
                self.answered.append(told.at)
                call.line.listen()
                call.talking.set()
            case "changed":  # the sound goes on where it went; our exchange never moves it
                self._calls[told.call_id].line.busy()
            case "settled" | "pressed":
                self._calls[told.call_id].line.listen()
            case _:
                call = self._calls[told.call_id]
                call.ended_at = told.at
                call.by_phone = told.event in {"refused", "we_hung_up"}
                call.end()

    def _gone(self, gone: Gone) -> None:
        if gone.call_id not in self._calls:
            self._presence.put_nowait(gone)
        for call in list(self._calls.values()):
            if gone.call_id in {None, call.line.call_id} and not call.over.is_set():
                if gone.call_id is not None and call.line.told_to_hang_up:
                    # What it was told met something: most likely the other side's BYE.
                    call.ended_at, call.by_phone = call.ringing.at.until_now(), True
                call.failure = gone.said
                call.end()

    def _keep(self, told: Told) -> None:
        assert told.message is not None
        if not self.takes_messages:
            self._sipp.tell(told.call_id, "refuse")
            return
        sender = sip.party(told.message.headers.get("from", ""))
        message = Message(told.message.body.strip(), sender, told.at)
        self.messages.append(message)
        self._told.put_nowait(message)
        self._sipp.tell(told.call_id, "keep")

    def _light(self, told: Told) -> None:
        assert told.message is not None
        if SUMMARY in told.message.headers.get("content-type", ""):
            self.lamps.append(Lamp(sip.waiting(told.message.body), told.at))
            self._lamp_told.set()

    def _ring(self, told: Told) -> None:
        assert told.message is not None
        call = Incoming(told.message, Line(self._sipp, told.call_id), told.at)
        self._calls[told.call_id] = call
        self.rings.append(call.ringing)
        self._rang.put_nowait(call.ringing)
        self._tasks.add(asyncio.create_task(self._take(call), name="softphone-call"))

    async def _take(self, call: Incoming) -> None:
        heard = await self._behave(call, self._behaviour_for(call.ringing))
        await call.over.wait()
        del self._calls[call.line.call_id]
        if call.ended_at is None and self._dead:
            return
        if call.ended_at is None:
            raise SoftphoneFailed(f"{call}: {call.failure or 'not ended when the station left'}")
        by: Literal["phone", "exchange"] = "phone" if call.by_phone else "exchange"
        received = Received(call.ringing, call.answered_at, call.ended_at, by, heard)
        self.received.append(received)
        self._ended.put_nowait(received)

    async def _behave(self, call: Incoming, behaviour: Behaviour) -> Samples:
        match behaviour:
            case Answers():
                if not await any_of(call.over, call.leaving, within_s=behaviour.after_s):
                    return await self._talk(call, behaviour)
                self._refuse(call, BUSY_HERE)
            case Busy():
                self._refuse(call, BUSY_HERE)
            case Declines():
                self._refuse(call, DECLINE)
            case Diverts():
                if not call.over.is_set():
                    self._sipp.tell(call.line.call_id, "refuse", elsewhere=behaviour.to)
            case Refuses():
                self._refuse(call, behaviour.status)
            case NeverAnswers():
                await any_of(call.over, call.leaving)
                self._refuse(call, BUSY_HERE)
            case _:
                assert_never(behaviour)
        return silence(0)

    def _refuse(self, call: Incoming, status: int) -> None:
        if not call.over.is_set():
            self._sipp.tell(call.line.call_id, "refuse", status=status)

    async def _talk(self, call: Incoming, answers: Answers) -> Samples:
        async with open_sound(self._address, answers.plays) as sound:
            if call.media is not None:
                sound.connect(call.media.host, call.media.port, call.media.codec)
            self._sipp.tell(call.line.call_id, "answer", port=sound.port)
            await any_of(call.talking, call.over)
            async with asyncio.TaskGroup() as group:
                following = group.create_task(
                    call.line.follow(sound, answers.press, answers.talks_s),
                    name="softphone-steer",
                )
                await any_of(call.over, call.leaving)
                following.cancel()
            call.line.hang_up()
            await call.over.wait()
            return sound.hearing.samples()
