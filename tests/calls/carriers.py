"""An operator as a raw socket: it says exactly what a test wants it to say, or nothing."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from calls.streams import Datagrams, Secure, Stream

from pbx_bridge.softphone.sipp import Address
from pbx_bridge.wire import sip

SDP = (
    "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
)
REASONS = {
    100: "Trying",
    180: "Ringing",
    200: "OK",
    302: "Moved Temporarily",
    401: "Unauthorized",
    404: "Not Found",
    482: "Loop Detected",
    486: "Busy Here",
    487: "Request Terminated",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class Says:
    """A response to an INVITE, `after_s` from the one before it."""

    status: int
    after_s: float = 0.0
    headers: tuple[str, ...] = ()


@dataclass
class Carrier:
    """An operator's server at an address of the loopback: an async context manager."""

    says: Sequence[Says] = ()
    """What every call hears; nothing is a server that swallows all packets."""
    host: str = "127.0.0.1"
    port: int = 0
    transport: str = "udp"
    """udp, tcp or tls."""
    certificate: Path | None = None
    """What it shows over TLS, and the key, in one file."""
    invited: list[sip.Message] = field(default_factory=list)
    """The INVITEs, each once."""
    invited_at: list[float] = field(default_factory=list)
    """When they came, by the loop's clock."""
    said: list[int] = field(default_factory=list)
    """What they have heard, in order."""
    options: int = 0
    registered: list[sip.Message] = field(default_factory=list)
    """Requests to register."""
    on_register: Callable[[sip.Message], Says] = lambda _: Says(200)
    over: int = 0
    """Calls that the exchange has ended (BYE)."""
    cancelled: list[str] = field(default_factory=list)
    """The numbers whose calls were given up."""
    answers_options: bool = True
    received: asyncio.Queue[sip.Message] = field(default_factory=asyncio.Queue)
    """Responses to what the test has sent."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _invited: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def sound_port(self) -> int:
        """Where it says that it wants to hear."""
        return self.port + 1

    async def __aenter__(self) -> Carrier:
        """Listen."""
        if self.certificate is not None:
            self._wire: Stream | Datagrams | Secure = Secure(self.host, self.port, self.certificate)
        else:
            wire = Stream if self.transport == "tcp" else Datagrams
            self._wire = wire(self.host, self.port)
        self.port = self._wire.port
        self._reader = asyncio.get_running_loop().create_task(self._read(), name="carrier")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the port, as a server that has died."""
        for task in (self._reader, *self._tasks):
            task.cancel()
        await asyncio.gather(self._reader, *self._tasks, return_exceptions=True)
        await self._wire.close()

    @property
    def at(self) -> str:
        """Where it is, as a SIP address has it."""
        way = "" if self.transport == "udp" else f";transport={self.transport}"
        return f"{self.host}:{self.port}{way}"

    @property
    def via(self) -> str:
        """The beginning of its Via."""
        return f"Via: SIP/2.0/{self.transport.upper()} {self.host}:{self.port}"

    @property
    def called(self) -> list[str]:
        """The numbers that were called."""
        return [sip.party(one.start.split()[1]).number for one in self.invited]

    async def is_called(self, times: int) -> None:
        """Wait until so many calls have come."""
        async with asyncio.timeout(10):
            while len(self.invited) < times:
                self._invited.clear()
                await self._invited.wait()

    def called_at(self, number: str) -> float:
        """When that number was called first; calls of before may be sent again meanwhile."""
        return self.invited_at[self.called.index(number)]

    def send(self, text: str, to: Address) -> None:
        """Send a request of the test's own, with CR LF at its lines' ends."""
        self._wire.send(text.encode(), to)

    async def invite(
        self,
        server: Address,
        uri: str,
        *,
        to: str = "",
        caller: str = "0401234567",
        call: str = "",
        branches: Sequence[str] = ("1",),
        cancel_after_s: float = 0.0,
        talks: Callable[[sip.Media], Awaitable[None]] | None = None,
    ) -> dict[str, int]:
        """Call `uri` (a number, or a whole address), once by each of `branches`, and give up after
        a while, or, once it is answered, when `talks` is over (it gets where the exchange wants the
        sound). Returns the final status by branch."""
        call = call or secrets.token_hex(6)
        where = uri if ":" in uri else f"sip:{uri}@{server[0]}"
        common = [
            f"From: <sip:{caller}@{self.host}>;tag=f{call}",
            f"To: <sip:{to or uri}@{server[0]}>",
            f"Call-ID: {call}",
            "Max-Forwards: 70",
        ]
        body = SDP.format(host=self.host, port=self.sound_port)
        told = [f"Contact: <sip:{caller}@{self.at}>", "Content-Type: application/sdp"]
        vias = {one: f"{self.via};branch=z9hG4bK{call}{one}" for one in branches}
        for via in vias.values():
            lines = [f"INVITE {where} SIP/2.0", via, *common, "CSeq: 1 INVITE", *told]
            self.send("\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]), server)
        found: dict[str, int] = {}
        begun: set[str] = set()
        async with asyncio.timeout(20):
            while len(found) < len(vias):
                answer = await self.received.get()
                branch = answer.headers["via"].partition(f"z9hG4bK{call}")[2][:1]
                if not branch or not answer.headers["cseq"].endswith("INVITE"):
                    continue
                end = ["Content-Length: 0", "", ""]
                if answer.status is not None and answer.status >= 200:
                    found[branch] = answer.status
                    lines = [f"ACK {where} SIP/2.0", vias[branch], common[0]]
                    known = [f"To: {answer.headers['to']}", *common[2:]]
                    self.send("\r\n".join([*lines, *known, "CSeq: 1 ACK", *end]), server)
                    if answer.status < 300 and talks is not None:
                        await talks(sip.media(answer.body))
                    if answer.status < 300:
                        lines = [f"BYE {where} SIP/2.0", f"{vias[branch]}bye", common[0], *known]
                        self.send("\r\n".join([*lines, "CSeq: 2 BYE", *end]), server)
                elif branch not in begun and talks is None:
                    # Not before the server has said something (RFC 3261, 9.1).
                    begun.add(branch)
                    await asyncio.sleep(cancel_after_s)
                    lines = [f"CANCEL {where} SIP/2.0", vias[branch], *common, "CSeq: 1 CANCEL"]
                    self.send("\r\n".join([*lines, *end]), server)
        return found

    async def _read(self) -> None:
        while True:
            data, peer = await self._wire.receive()
            message = sip.parse(data.decode())
            if message.status is not None:
                self.received.put_nowait(message)
                continue
            self._take(message, peer)

    def _take(self, message: sip.Message, peer: Address) -> None:
        loop = asyncio.get_running_loop()
        method = message.start.split()[0]
        match method:
            case "INVITE":
                if all(message.headers["via"] != one.headers["via"] for one in self.invited):
                    self.invited.append(message)
                    self.invited_at.append(loop.time())
                    self._invited.set()
                    task = loop.create_task(self._say(message, peer), name="carrier-says")
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
            case "CANCEL":
                self.cancelled.append(sip.party(message.start.split()[1]).number)
                self._respond(message, peer, Says(200))
                invite = next(
                    one for one in self.invited if one.headers["via"] == message.headers["via"]
                )
                self._respond(invite, peer, Says(487))
            case "REGISTER":
                self.registered.append(message)
                self._respond(message, peer, self.on_register(message))
            case "OPTIONS":
                self.options += 1
                if self.answers_options:
                    self._respond(message, peer, Says(200))
            case "BYE":
                self.over += 1
                self._respond(message, peer, Says(200))
            case _:
                return

    async def _say(self, invite: sip.Message, peer: Address) -> None:
        for one in self.says:
            await asyncio.sleep(one.after_s)
            self.said.append(one.status)
            self._respond(invite, peer, one)

    def _respond(self, request: sip.Message, peer: Address, says: Says) -> None:
        headers = request.headers
        to = headers["to"] + (";tag=carrier" if says.status != 100 else "")
        sound = SDP.format(host=self.host, port=self.sound_port) if says.status == 200 else ""
        body = sound if headers["cseq"].endswith("INVITE") else ""
        # Only the first Via is ours to answer; there is one, as Asterisk is no proxy.
        lines = [
            f"SIP/2.0 {says.status} {REASONS[says.status]}",
            f"Via: {re.sub(r';rport(?=;|$)', '', headers['via'])}",
            f"From: {headers['from']}",
            f"To: {to}",
            f"Call-ID: {headers['call-id']}",
            f"CSeq: {headers['cseq']}",
            f"Contact: <sip:carrier@{self.at}>",
            *says.headers,
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        self._wire.send(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), peer)


@dataclass
class Incoming:
    """A call that an operator's server makes to the exchange, written by hand."""

    carrier: Carrier
    server: Address
    lines: Sequence[str]
    """Headers of all its requests."""
    uri: str

    @classmethod
    def begin(
        cls, carrier: Carrier, server: Address, called: str, caller: str, *headers: str
    ) -> Incoming:
        """Send an INVITE to `called`, as it stands in the request's address, with From `caller`."""
        token = secrets.token_hex(6)
        uri = f"sip:{called}@{sip.in_uri(server[0])}:{server[1]}"
        lines = (
            f"{carrier.via};branch=z9hG4bK{token};rport",
            f"From: {caller};tag={token}",
            f"Call-ID: {token}@{carrier.host}",
            f"Contact: <sip:carrier@{carrier.at}>",
            "Max-Forwards: 70",
        )
        made = cls(carrier, server, lines, uri)
        body = SDP.format(host=carrier.host, port=carrier.sound_port)
        made._send("INVITE", f"<{uri}>", 1, ("Content-Type: application/sdp", *headers), body)
        return made

    async def hears(self, *statuses: int) -> sip.Message:
        """Wait for one of these responses to the INVITE; what other calls hear is passed over."""
        async with asyncio.timeout(10):
            while True:
                answer = await self.carrier.received.get()
                mine = f"Call-ID: {answer.headers['call-id']}" in self.lines
                if mine and answer.status in statuses and answer.headers["cseq"].endswith("INVITE"):
                    return answer

    async def gives_up(self) -> None:
        """End the call, whether it rings or has been answered."""
        self._send("CANCEL", f"<{self.uri}>", 1)
        self._ends(await self.hears(200, 487))

    async def begins(self) -> None:
        """Wait for the answer, and take it; the other side is to hang up."""
        answer = await self.hears(200)
        self._send("ACK", answer.headers["to"], 1, branch="a")

    async def is_refused(self, status: int) -> None:
        """Wait until it is, with this."""
        self._ends(await self.hears(status))

    async def talks(self) -> None:
        """Wait for the answer, and hang up."""
        self._ends(await self.hears(200))

    def _ends(self, answer: sip.Message) -> None:
        if answer.status == 200:
            self._send("ACK", answer.headers["to"], 1, branch="a")
            self._send("BYE", answer.headers["to"], 2, branch="b")
        else:
            self._send("ACK", answer.headers["to"], 1)

    def _send(
        self,
        method: str,
        to: str,
        cseq: int,
        headers: Sequence[str] = (),
        body: str = "",
        branch: str = "",
    ) -> None:
        via, *rest = self.lines
        via = via.replace(";rport", f"{branch};rport")
        lines = (
            f"{method} {self.uri} SIP/2.0",
            *(via, *rest, f"To: {to}", f"CSeq: {cseq} {method}", *headers),
            f"Content-Length: {len(body)}",
        )
        self.carrier.send("\r\n".join(lines) + "\r\n\r\n" + body, self.server)
