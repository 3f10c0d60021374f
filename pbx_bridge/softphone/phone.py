"""A phone: registered at the exchange, answering or not as it is told to.

It answers OPTIONS whenever it is registered, and takes any number of calls, also at the same
time. One SIPp process registers it and takes its calls on the same port.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Literal, assert_never

from pbx_bridge.softphone.audio import silence
from pbx_bridge.softphone.behaviour import Answers, Behaviour, Busy, Declines, NeverAnswers
from pbx_bridge.softphone.caller import CODECS
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

REGISTER_TIMEOUT_S = 5.0
"""How long the exchange may take to confirm that the phone is there, or gone."""
WAIT_S = 10.0
"""How long `rang` and `ended` wait when nothing else is said."""
HANG_UP_TIMEOUT_S = 5.0
"""How long the exchange may take to confirm that a call has ended."""
EXPIRES_S = 3600
"""How long the registration would last; no test and no demonstration is longer."""


BUSY_HERE, DECLINE = 486, 603


@dataclass(frozen=True, slots=True)
class Ringing:
    """A call that the phone shows."""

    display_name: str
    number: str
    headers: Mapping[str, str]
    """All headers of the INVITE, by name in lower case."""
    at: Moment


@dataclass(frozen=True, slots=True, eq=False)
class Received:
    """A call to the phone that is over."""

    ringing: Ringing
    answered_at: Moment | None
    ended_at: Moment
    ended_by: Literal["phone", "exchange"]
    heard: Samples


class Phone:
    """A registered phone: an async context manager."""

    def __init__(
        self,
        sipp: Sequence[str],
        server: Address,
        user: str,
        secret: str,
        behaviour: Behaviour,
        transport: Transport = "udp",
        codecs: Sequence[Codec] = CODECS,
    ) -> None:
        """`behaviour` may be changed at any time; it holds for the next call."""
        self.behaviour = behaviour
        self.answered: list[Moment] = []
        self.received: list[Received] = []
        """Calls that are over, oldest first."""
        self.port = 0
        """The phone's SIP port."""
        self._values: dict[str, str | int] = {
            "user": user,
            "secret": secret,
            "contact_user": sip.user_part(user),
            "codecs": " ".join(str(int(codec)) for codec in codecs),
            "token": secrets.token_hex(6),
            "expires_s": EXPIRES_S,
        }
        self._address = local_address(server)
        self._sipp = Sipp(
            sipp,
            server,
            self._hear,
            makes=render("register.xml", self._values),
            answers=render("phone.xml", self._values),
            transport=transport,
        )
        self._stack = AsyncExitStack()
        self._tasks: set[asyncio.Task[None]] = set()
        self._registration_id = ""
        self._calls: dict[str, _Call] = {}
        self._rang = asyncio.Queue[Ringing]()
        self._over = asyncio.Queue[Received]()
        self._registration = asyncio.Queue[Told | Gone]()

    async def __aenter__(self) -> Phone:
        """Return when the exchange has the phone. Raises `SoftphoneFailed` if it won't."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._finish)
            await stack.enter_async_context(self._sipp)
            told = await self._registered()
            self.port = int(told.fields["port"])
            stack.push_async_exit(self._leave)
            self._registration_id = told.call_id
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exception: Any) -> bool | None:
        """End the calls, unregister and leave nothing behind."""
        return await self._stack.__aexit__(*exception)

    @property
    def heard(self) -> Samples:
        """What was heard in the last call that ended."""
        return self.received[-1].heard if self.received else silence(0)

    async def rang(self, timeout_s: float = WAIT_S) -> Ringing:
        """Wait for the next call that rings (each is returned once)."""
        async with asyncio.timeout(timeout_s):
            return await self._rang.get()

    async def ended(self, timeout_s: float = WAIT_S) -> Received:
        """Wait for the end of the next call (each is returned once)."""
        async with asyncio.timeout(timeout_s):
            return await self._over.get()

    async def _registered(self) -> Told:
        async with asyncio.timeout(REGISTER_TIMEOUT_S):
            told = await self._registration.get()
        if isinstance(told, Gone):
            raise SoftphoneFailed(f"the phone could not register: {told.said}")
        if told.message is None or told.message.status != 200:
            said = told.message.start if told.message else "nothing"
            raise SoftphoneFailed(f"the exchange refused the phone: {said}")
        return told

    async def _leave(self, kind: type[BaseException] | None, *_: object) -> None:
        for call in self._calls.values():
            call.leaving.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=HANG_UP_TIMEOUT_S)
        self._sipp.tell(self._registration_id, "unregister")
        try:
            await self._registered()
        except (SoftphoneFailed, TimeoutError):
            if kind is None:  # else the body's own exception matters more
                raise

    async def _finish(self) -> None:
        """Wait for what is left of the calls; SIPp has gone, so they are over."""
        for call in self._calls.values():
            call.over.set()
        for outcome in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    def _hear(self, told: Told | Gone) -> None:
        if isinstance(told, Gone):
            self._gone(told)
            return
        match told.event:
            case "registered" | "unregistered":
                self._registration.put_nowait(told)
            case "rang":
                call = _incoming(told)
                self._calls[told.call_id] = call
                self._rang.put_nowait(call.ringing)
                self._tasks.add(asyncio.create_task(self._take(call), name="softphone-call"))
            case "answered":
                call = self._calls[told.call_id]
                call.answered_at = told.at
                self.answered.append(told.at)
                call.talking.set()
            case "changed" | "settled":
                pass  # the sound goes on where it went; our exchange never moves it
            case _:
                call = self._calls[told.call_id]
                call.ended_at = told.at
                call.by_phone = told.event in {"refused", "we_hung_up"}
                call.over.set()

    def _gone(self, gone: Gone) -> None:
        if gone.call_id not in self._calls:
            self._registration.put_nowait(gone)
        for call in list(self._calls.values()):
            if gone.call_id in {None, call.call_id} and not call.over.is_set():
                call.failure = gone.said
                call.over.set()

    async def _take(self, call: _Call) -> None:
        heard = silence(0)
        match self.behaviour:
            case Answers() as answers:
                if await _any(call.over, call.leaving, within_s=answers.after_s):
                    self._refuse(call, BUSY_HERE)
                else:
                    heard = await self._talk(call, answers)
            case Busy():
                self._refuse(call, BUSY_HERE)
            case Declines():
                self._refuse(call, DECLINE)
            case NeverAnswers():
                await _any(call.over, call.leaving)
                self._refuse(call, BUSY_HERE)
            case _:
                assert_never(self.behaviour)
        await call.over.wait()
        del self._calls[call.call_id]
        if call.ended_at is None:
            raise SoftphoneFailed(f"SIPp gave the call up: {call.failure}")
        by: Literal["phone", "exchange"] = "phone" if call.by_phone else "exchange"
        received = Received(call.ringing, call.answered_at, call.ended_at, by, heard)
        self.received.append(received)
        self._over.put_nowait(received)

    def _refuse(self, call: _Call, status: int) -> None:
        if not call.over.is_set():
            self._sipp.tell(call.call_id, "refuse", status=status)

    async def _talk(self, call: _Call, answers: Answers) -> Samples:
        async with open_sound(self._address, answers.plays) as sound:
            if call.media is not None:
                sound.connect(call.media.host, call.media.port, call.media.codec)
            self._sipp.tell(call.call_id, "answer", port=sound.port)
            await _any(call.talking, call.over)
            await _any(call.over, call.leaving, within_s=answers.talks_s)
            if not call.over.is_set():
                self._sipp.tell(call.call_id, "hangup")
            await call.over.wait()
            return sound.hearing.samples()


class _Call:
    """A call while it lasts."""

    def __init__(self, ringing: Ringing, call_id: str, media: sip.Media | None) -> None:
        self.ringing, self.call_id, self.media = ringing, call_id, media
        self.talking, self.over, self.leaving = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.by_phone = False
        self.answered_at: Moment | None = None
        self.ended_at: Moment | None = None
        self.failure = ""


def _incoming(told: Told) -> _Call:
    assert told.message is not None
    headers, body = told.message.headers, told.message.body
    party = sip.party(headers.get("from", ""))
    ringing = Ringing(party.name, party.number, headers, told.at)
    return _Call(ringing, told.call_id, sip.media(body) if body.strip() else None)


async def _any(*events: asyncio.Event, within_s: float | None = None) -> bool:
    """Wait until one of `events` is set, for so long at most; say whether one is."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        done, _ = await asyncio.wait(waits, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    return bool(done)
