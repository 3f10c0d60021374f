"""A caller: one real SIP call into the exchange, by SIPp, with sound.

Milestones are told by SIPp as they happen. `heard` begins with the first packet of sound,
which may come before the answer (early media).
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pbx_bridge.softphone.audio import save
from pbx_bridge.softphone.behaviour import How, Press
from pbx_bridge.softphone.line import Line
from pbx_bridge.softphone.sipp import (
    Address,
    Sipp,
    SoftphoneFailed,
    Transport,
    local_address,
    render,
)
from pbx_bridge.softphone.sound import Sound, open_sound
from pbx_bridge.softphone.station import CODECS
from pbx_bridge.softphone.twin import Gone, Moment, Told
from pbx_bridge.wire import sip
from pbx_bridge.wire.rtp import Codec, Samples

INVITE_TIMEOUT_S = 5.0
"""How long SIPp may take to send the INVITE once it runs."""
HANG_UP_TIMEOUT_S = 5.0
"""How long the exchange may take to confirm BYE or CANCEL."""
TRYING_TIMEOUT_S = 1.0
"""How long the exchange may take to say anything at all once the caller wants to give up."""
CALL_LIMIT_S = 60.0
"""`place_call` hangs up after this long when nothing else is said."""


@dataclass(frozen=True, slots=True, eq=False)
class CallResult:
    """How a call went."""

    status: int
    """The final SIP status: 200 answered, 487 given up by the caller, else a refusal."""
    invited_at: Moment
    ringing_at: Moment | None
    """The first 180 or 183; None when there was none."""
    answered_at: Moment | None
    ended_at: Moment
    ended_by: Literal["caller", "exchange"]
    heard: Samples
    """What the caller heard, 8 kHz, from the first packet to the end."""
    heard_from_s: float | None
    """`time.monotonic()` of its first sample; None when nothing came."""


class Caller:
    """One call under live control: an async context manager.

    Entering it sends the INVITE; leaving it hangs up. With `user` and `secret` the call comes
    from a phone, which answers the exchange's challenge and is From that user; without, from
    a trunk, From `from_number` (withheld when that is empty too).
    """

    def __init__(
        self,
        sipp: Sequence[str],
        server: Address,
        *,
        to: str,
        from_number: str = "",
        from_name: str = "",
        user: str = "",
        secret: str = "",
        plays: Samples | None = None,
        codecs: Sequence[Codec] = CODECS,
        transport: Transport = "udp",
    ) -> None:
        """`sipp` is the command that starts SIPp, `server` the exchange's SIP address."""
        number = sip.user_part(user or from_number)
        self._sipp_command, self._server, self._transport = sipp, server, transport
        self._port = 0
        self._plays = plays
        self._values: dict[str, str | int] = {
            "to": sip.user_part(to),
            "from_number": number,
            "from_name": from_name,
            "contact_user": number or "anonymous",
            "user": user,
            "secret": secret,
            "codecs": " ".join(str(int(codec)) for codec in codecs),
            "token": secrets.token_hex(6),
        }
        self._stack = AsyncExitStack()
        self._sound: Sound
        self._line: Line
        self._failure: str | None = None
        self._invited, self._trying, self._ringing = _Milestone(), _Milestone(), _Milestone()
        self._answered, self._ended = _Milestone(), _Milestone()
        self._status = 0
        self._ended_by: Literal["caller", "exchange"] = "exchange"
        self._dead = False

    async def __aenter__(self) -> Caller:
        """Return when the INVITE has been sent. Raises `SoftphoneFailed`."""
        async with AsyncExitStack() as stack:
            address = local_address(self._server)
            self._sound = await stack.enter_async_context(open_sound(address, self._plays))
            text = render("call.xml", self._values | {"rtp_port": self._sound.port})
            sipp = Sipp(
                self._sipp_command, self._server, self._hear, makes=text, transport=self._transport
            )
            self._line, self._sipp = Line(sipp), sipp
            await stack.enter_async_context(sipp)
            async with asyncio.timeout(INVITE_TIMEOUT_S):
                await self._invited.passed.wait()
            self._check()
            stack.push_async_exit(self._leave)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exception: Any) -> bool | None:
        """Hang up and leave nothing behind."""
        return await self._stack.__aexit__(*exception)

    @property
    def heard(self) -> Samples:
        """What has been heard so far."""
        return self._sound.hearing.samples()

    async def ringing(self, timeout_s: float = CALL_LIMIT_S) -> Moment | None:
        """Wait for ringing; None when the call was answered or ended without."""
        await self._first(timeout_s, self._ringing, self._answered, self._ended)
        return self._ringing.at

    async def answered(self, timeout_s: float = CALL_LIMIT_S) -> Moment | None:
        """Wait for the answer; None when the call ended without one."""
        await self._first(timeout_s, self._answered, self._ended)
        return self._answered.at

    async def ended(self, timeout_s: float = CALL_LIMIT_S) -> CallResult:
        """Wait for the end, whoever makes it."""
        await self._first(timeout_s, self._ended)
        return self.result()

    async def press(self, digits: str, how: How = How.RTP) -> None:
        """Press keys; returns when they are sent (RTP) or confirmed (INFO)."""
        await self._line.press(self._sound, digits, how)

    async def quiet(self, for_s: float) -> None:
        """Wait for something to be heard and then for that much silence."""
        await self._sound.quiet(for_s)

    async def hang_up(self) -> None:
        """Hang up, or give up before the answer; nothing when the call has ended.

        An exchange that has said nothing yet can't be sent a CANCEL (RFC 3261, section 9.1):
        it gets `TRYING_TIMEOUT_S` to say something, else the status is 408.
        """
        self._line.hang_up()
        try:
            await self.ended(
                HANG_UP_TIMEOUT_S if self._trying.passed.is_set() else TRYING_TIMEOUT_S
            )
        except TimeoutError:
            if self._trying.passed.is_set():
                raise
            self._cancel()
            self._status, self._ended_by = 408, "caller"
            self._ended.pass_at(self._now())

    async def die(self) -> None:
        """Be gone without a word, as by a cut cable."""
        self._dead = True
        await self._sipp.kill()

    async def follow(self, press: Sequence[Press] = (), hold_s: float | None = None) -> None:
        """Once answered, press keys in order, hold for `hold_s`, hang up; return at the end.

        With `hold_s` None the caller waits until the exchange hangs up.
        """
        if await self.answered() is None:
            return
        async with asyncio.TaskGroup() as group:
            steering = group.create_task(
                self._line.follow(self._sound, press, hold_s), name="softphone-steer"
            )
            await self._ended.passed.wait()
            steering.cancel()
        self._check()

    def result(self) -> CallResult:
        """How the call went; only once it has ended."""
        assert self._invited.at is not None
        assert self._ended.at is not None
        return CallResult(
            self._status,
            self._invited.at,
            self._ringing.at,
            self._answered.at,
            self._ended.at,
            self._ended_by,
            self.heard,
            self._sound.hearing.began_s,
        )

    async def _leave(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._dead or self._failure is not None:
            return
        if kind is None:
            await self.hang_up()
            return
        with suppress(TimeoutError, SoftphoneFailed):  # the body's own exception matters more
            await self.hang_up()

    def _now(self) -> Moment:
        assert self._invited.at is not None
        return self._invited.at.until_now()

    async def _first(self, timeout_s: float, *milestones: _Milestone) -> None:
        async with asyncio.timeout(timeout_s), asyncio.TaskGroup() as group:
            waits = [group.create_task(milestone.passed.wait()) for milestone in milestones]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
        self._check()

    def _check(self) -> None:
        if self._failure is not None:
            raise SoftphoneFailed(self._failure)

    def _hear(self, told: Told | Gone) -> None:
        if isinstance(told, Gone):
            self._gone(told)
            return
        match told.event:
            case "invited":
                self._line.call_id, self._port = told.call_id, int(told.fields["port"])
                self._invited.pass_at(told.at)
                return
            case "trying" | "settled" | "pressed":
                pass
            case "ringing":
                self._ringing.pass_at(told.at)
                self._connect(told)
            case "answered":
                self._status = 200
                self._connect(told)
                self._answered.pass_at(told.at)
            case "changed":
                self._line.busy()
                self._connect(told)
                return
            case _:
                self._end(told)
                return
        self._trying.pass_at(told.at)
        self._line.listen()

    def _gone(self, gone: Gone) -> None:
        self._line.end()
        if self._ended.at is not None:
            return
        if self._line.told_to_hang_up:
            # Something came just as it was told, and it left without a word.
            if self._answered.at is None:
                self._cancel()
            self._status, self._ended_by = self._status or 487, "caller"
            self._ended.pass_at(self._now())
            return
        self._failure = f"SIPp gave the call up: {gone.said}"
        for milestone in (self._invited, self._ended):
            milestone.passed.set()

    def _cancel(self) -> None:
        """Send the CANCEL (RFC 3261, section 9.1) that SIPp doesn't: the exchange knows it by its
        branch. Of a challenged call there are two INVITEs, and the first one is over; nobody waits
        for answers. Only by UDP."""
        if self._transport != "udp":
            return
        values = self._values
        family, kind, _, _, where = socket.getaddrinfo(*self._server, type=socket.SOCK_DGRAM)[0]
        ours, theirs = sip.in_uri(local_address(self._server)), sip.in_uri(self._server[0])
        via = f"Via: SIP/2.0/UDP {ours}:{self._port};rport"
        with socket.socket(family, kind) as wire:
            for count in (1, 2) if values["secret"] else (1,):
                request = (
                    f"CANCEL sip:{values['to']}@{theirs}:{self._server[1]} SIP/2.0",
                    f"{via};branch=z9hG4bK{values['token']}i{count}",
                    "Max-Forwards: 70",
                    f"From: <sip:{values['contact_user']}@{ours}>;tag={values['token']}",
                    f"To: <sip:{values['to']}@{theirs}:{self._server[1]}>",
                    f"Call-ID: {self._line.call_id}",
                    f"CSeq: {count} CANCEL",
                    "Content-Length: 0",
                )
                wire.sendto("\r\n".join([*request, "", ""]).encode(), where)

    def _end(self, told: Told) -> None:
        self._line.end()
        if told.event in {"refused", "cancelled"} and told.message is not None:
            self._status = told.message.status or 0
        self._ended_by = "caller" if told.event in {"cancelled", "we_hung_up"} else "exchange"
        self._ended.pass_at(told.at)

    def _connect(self, told: Told) -> None:
        if told.message is not None and told.message.body.strip():
            media = sip.media(told.message.body)
            self._sound.connect(media.host, media.port, media.codec)


class _Milestone:
    """Something that happens once; the first moment counts."""

    def __init__(self) -> None:
        self.passed = asyncio.Event()
        self.at: Moment | None = None

    def pass_at(self, at: Moment) -> None:
        if self.at is None:
            self.at = at
        self.passed.set()


async def place_call(
    sipp: Sequence[str],
    server: Address,
    *,
    to: str,
    from_number: str = "",
    from_name: str = "",
    user: str = "",
    secret: str = "",
    plays: Samples | None = None,
    press: Sequence[Press] = (),
    hold_s: float | None = None,
    max_s: float = CALL_LIMIT_S,
    record: Path | None = None,
    transport: Transport = "udp",
) -> CallResult:
    """Call, press keys, hold, hang up, and say how it went (see `Caller`, `Caller.follow`).

    The caller gives up or hangs up `max_s` after the INVITE. `record` gets what was heard as
    a WAV file. Raises `SoftphoneFailed`.
    """
    caller = Caller(
        sipp,
        server,
        to=to,
        from_number=from_number,
        from_name=from_name,
        user=user,
        secret=secret,
        plays=plays,
        transport=transport,
    )
    async with caller:
        try:
            async with asyncio.timeout(max_s):
                await caller.follow(press, hold_s)
        except TimeoutError:
            await caller.hang_up()
        result = caller.result()
    if record is not None:
        save(record, result.heard)
    return result
