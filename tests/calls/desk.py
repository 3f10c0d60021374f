"""A desk phone that holds several calls and transfers them (RFC 3515, RFC 3891), without sound.

SIPp's scenarios know one dialog each; a transfer with a consultation needs two of them.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from pbx_bridge.softphone.sipp import Address
from pbx_bridge.softphone.sound import Sound
from pbx_bridge.wire import sip

PATIENCE_S = 5.0


@dataclass
class Dialog:
    """One call of the phone."""

    call_id: str
    own: str
    """From or To of this side, with its tag."""
    other: str
    target: str
    """Contact of the other side."""
    cseq: int = 1
    over: asyncio.Event = field(default_factory=asyncio.Event)


ACCEPTED = {"dialog": "application/dialog-info+xml", "presence": "application/pidf+xml"}


@dataclass
class Lamp:
    """A lamp of the phone."""

    call_id: str
    status: int = 0
    """Asterisk's answer to the subscription."""
    shows: str = ""
    """The state of the dialog, or the note of the presence."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, notify: sip.Message) -> None:
        """Show what a NOTIFY tells."""
        found = re.search(r"<state>(\w+)</state>", notify.body)
        noted = re.search(r"<note>([^<]*)</note>", notify.body)
        self.shows = found[1] if found else noted[1] if noted else ""
        self.changed.set()

    async def is_(self, shown: str, limit_s: float = PATIENCE_S) -> None:
        """Wait until it shows this."""
        try:
            async with asyncio.timeout(limit_s):
                while self.shows != shown:
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            raise AssertionError(f"it shows {self.shows!r}, not {shown!r}") from None


class Desk(asyncio.DatagramProtocol):
    """The phone of one extension; an async context manager by `desk`."""

    def __init__(self, server: Address, user: str, secret: str) -> None:
        self._host, self._server_port = server
        self._user, self._secret = user, secret
        self.why_cancelled = asyncio.Queue[str]()
        """Header Reason of each call that was taken back before it was answered, "" for none."""
        self.is_far = False
        """Whether what asks if it is there (OPTIONS) is still on its way."""
        self._branch = ""
        self._port = 0
        self._wire: asyncio.DatagramTransport | None = None
        self._responses = asyncio.Queue[sip.Message]()
        self._rings = asyncio.Queue[sip.Message]()
        self._rung: dict[str, tuple[sip.Message, str]] = {}
        """Calls that ring, by their Call-ID: what asked, and this side's To."""
        self.lamps: dict[str, Lamp] = {}
        """What it has subscribed to, by event and name, as in `dialog 101`."""
        self._dialogs: dict[str, Dialog] = {}
        self.notified: list[str] = []
        """What was told of calls sent on: status lines, in order (RFC 3515, 2.4.5)."""
        self._notified = asyncio.Event()
        self.shown: list[str] = []
        """Who it was told to talk with: each number in P-Asserted-Identity."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = cast(asyncio.DatagramTransport, transport)
        self._port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: object) -> None:
        if not data.strip() or data[0] >= 0x80:  # a keep-alive, or sound: we have no ear for it
            return
        message = sip.parse(data.decode())
        if told := message.headers.get("p-asserted-identity"):
            self.shown.append(sip.party(told).number)
            self._notified.set()
        if message.status is not None:
            self._responses.put_nowait(message)
            return
        method = message.start.split()[0]
        call_id = message.headers["call-id"]
        if method == "INVITE" and call_id not in self._dialogs:
            self._rings.put_nowait(message)
        elif method == "INVITE":
            self._reply(message, "200 OK", self._dialogs[call_id].own, sdp=True)
        elif method == "OPTIONS" and self.is_far:
            return
        elif method != "ACK":
            self._reply(message, "200 OK", message.headers["to"])
        if method == "CANCEL" and call_id in self._rung:
            ringing, own = self._rung.pop(call_id)
            self._reply(ringing, "487 Request Terminated", own)
            self.why_cancelled.put_nowait(message.headers.get("reason", ""))
        if method == "NOTIFY":
            for lamp in self.lamps.values():
                if lamp.call_id == call_id:
                    lamp.take(message)
            if message.headers.get("event", "").startswith("refer"):
                self.notified.append(message.body.strip())
                self._notified.set()
        if method == "BYE" and call_id in self._dialogs:
            self._dialogs[call_id].over.set()

    async def register(self, expires_s: int = 300) -> None:
        """Be there, or with 0 be gone."""
        assert await self.registers(expires_s) == 200

    async def registers(self, expires_s: int = 300) -> int:
        """Try to, and return Asterisk's answer."""
        uri = f"sip:{self._host}:{self._server_port}"
        own = f"<sip:{self._user}@{self._host}>"
        dialog = Dialog(secrets.token_hex(8), f"{own};tag={secrets.token_hex(4)}", own, uri)
        answer = await self._ask("REGISTER", dialog, f"Expires: {expires_s}\r\n")
        assert answer.status is not None
        return answer.status

    async def answer(
        self,
        sound: Sound | None = None,
        after_s: float = 0.0,
        together: asyncio.Barrier | None = None,
    ) -> Dialog:
        """Take the next call that rings, after a while, or a while after all who answer `together`
        ring; `sound` is heard by who calls then."""
        async with asyncio.timeout(PATIENCE_S):
            ringing = await self._rings.get()
            if together is not None:
                await together.wait()
        await asyncio.sleep(after_s)
        own = f"{ringing.headers['to']};tag={secrets.token_hex(4)}"
        self._reply(ringing, "180 Ringing", own)
        return self._take(ringing, own, sound)

    async def rang(self) -> Callable[[], Dialog]:
        """Ring; what is returned takes the call."""
        async with asyncio.timeout(PATIENCE_S):
            ringing = await self._rings.get()
        own = f"{ringing.headers['to']};tag={secrets.token_hex(4)}"
        self._reply(ringing, "180 Ringing", own)
        self._rung[ringing.headers["call-id"]] = ringing, own
        return lambda: self._take(ringing, own)

    async def declines(self) -> None:
        """Say "busy" to the next call that comes."""
        async with asyncio.timeout(PATIENCE_S):
            ringing = await self._rings.get()
        own = f"{ringing.headers['to']};tag={secrets.token_hex(4)}"
        self._reply(ringing, "486 Busy Here", own)

    @property
    def calls(self) -> int:
        """How many ring and were not looked at."""
        return self._rings.qsize()

    def vanish(self) -> None:
        """Be gone without a word, as by a cut of power; a new `desk` is the phone after it."""
        assert self._wire is not None
        self._wire.close()

    def _take(self, ringing: sip.Message, own: str, sound: Sound | None = None) -> Dialog:
        target = _address(ringing.headers["contact"])
        dialog = Dialog(ringing.headers["call-id"], own, ringing.headers["from"], target)
        self._dialogs[dialog.call_id] = dialog
        self._reply(ringing, "200 OK", own, sdp=True, port=sound.port if sound else 0)
        if sound is not None:
            media = sip.media(ringing.body)
            sound.connect(media.host, media.port, media.codec)
        return dialog

    async def subscribe(self, event: str, name: str) -> Lamp:
        """Have a lamp show a person or a line: event `dialog` (RFC 4235) or `presence`."""
        target = f"sip:{name}@{self._host}:{self._server_port}"
        own, other = f"<sip:{self._user}@{self._host}>", f"<{target}>"
        dialog = Dialog(secrets.token_hex(8), f"{own};tag={secrets.token_hex(4)}", other, target)
        lamp = self.lamps[f"{event} {name}"] = Lamp(dialog.call_id)
        headers = f"Event: {event}\r\nAccept: {ACCEPTED[event]}\r\nExpires: 600\r\n"
        answer = await self._ask("SUBSCRIBE", dialog, headers)
        assert answer.status is not None
        lamp.status = answer.status
        return lamp

    async def dial(self, number: str) -> Dialog:
        """Call `number`, and return when it has answered."""
        dialog, status = await self.dials(number)
        assert status == 200
        return dialog

    async def dials(self, number: str) -> tuple[Dialog, int]:
        """Call `number`, and return what came of it."""
        host = f"{self._host}:{self._server_port}"
        own = f"<sip:{self._user}@{self._host}>;tag={secrets.token_hex(4)}"
        to = f"<sip:{sip.user_part(number)}@{host}>"
        dialog = Dialog(secrets.token_hex(8), own, to, to[1:-1])
        self._dialogs[dialog.call_id] = dialog
        answer = await self._ask("INVITE", dialog, body=self._sdp())
        assert answer.status is not None
        return dialog, answer.status

    async def refer(self, dialog: Dialog, to: str, consulted: Dialog | None = None) -> None:
        """Send the other side of `dialog` to `to`; in the place of our side of `consulted`."""
        target = f"sip:{sip.user_part(to)}@{self._host}:{self._server_port}"
        if consulted is not None:
            tags = f"{_tag(consulted.other)}%3Bfrom-tag%3D{_tag(consulted.own)}"
            target += f"?Replaces={consulted.call_id}%3Bto-tag%3D{tags}"
        own = re.sub(r";tag=.*", "", dialog.own)
        headers = f"Refer-To: <{target}>\r\nReferred-By: {own}\r\n"
        answer = await self._ask("REFER", dialog, headers)
        assert answer.status == 202, answer.start

    @property
    def told(self) -> list[int]:
        """The statuses that were told of calls sent on."""
        return [int(one.split()[1]) for one in self.notified]

    async def is_told(self, status: int) -> None:
        """Wait until it is told this of a call sent on."""
        await self._until(lambda: status in self.told)

    async def is_shown(self, number: str) -> None:
        """Wait until it is told to talk with that number."""
        await self._until(lambda: number in self.shown)

    async def _until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                self._notified.clear()
                await self._notified.wait()

    async def hang_up(self, dialog: Dialog) -> None:
        """End one call; one that is over already stays so."""
        if not dialog.over.is_set():
            await self._ask("BYE", dialog)

    async def _ask(
        self, method: str, dialog: Dialog, headers: str = "", body: str = ""
    ) -> sip.Message:
        answer = await self._send(method, dialog, headers, body)
        if answer.status == 401:
            if method == "INVITE":
                self._write(self._request("ACK", dialog, "", "", self._branch))
            challenge = answer.headers["www-authenticate"]
            proof = sip.authorization(self._user, self._secret, method, dialog.target, challenge)
            answer = await self._send(method, dialog, f"{headers}Authorization: {proof}\r\n", body)
        if method == "INVITE" and answer.status == 200:
            dialog.other, dialog.target = answer.headers["to"], _address(answer.headers["contact"])
            self._write(self._request("ACK", dialog, "", "", "z9hG4bK" + secrets.token_hex(6)))
        return answer

    async def _send(self, method: str, dialog: Dialog, headers: str, body: str) -> sip.Message:
        dialog.cseq += 1
        self._branch = "z9hG4bK" + secrets.token_hex(6)
        self._write(self._request(method, dialog, headers, body, self._branch))
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = await self._responses.get()
                ours = answer.headers["cseq"] == f"{dialog.cseq} {method}"
                if ours and answer.status is not None and answer.status >= 200:
                    return answer

    def _request(self, method: str, dialog: Dialog, headers: str, body: str, branch: str) -> str:
        typed = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} {dialog.target} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self._port};rport;branch={branch}\r\n"
            f"Max-Forwards: 70\r\nFrom: {dialog.own}\r\nTo: {dialog.other}\r\n"
            f"Call-ID: {dialog.call_id}\r\nCSeq: {dialog.cseq} {method}\r\n"
            f"Contact: <sip:{self._user}@127.0.0.1:{self._port}>\r\n"
            f"{headers}{typed}Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def _reply(
        self, request: sip.Message, status: str, to: str, *, sdp: bool = False, port: int = 0
    ) -> None:
        body = self._sdp(port) if sdp else ""
        typed = "Content-Type: application/sdp\r\n" if body else ""
        head = request.headers
        self._write(
            f"SIP/2.0 {status}\r\nVia: {head['via']}\r\nFrom: {head['from']}\r\nTo: {to}\r\n"
            f"Call-ID: {head['call-id']}\r\nCSeq: {head['cseq']}\r\n"
            f"Contact: <sip:{self._user}@127.0.0.1:{self._port}>\r\n"
            f"{typed}Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def _sdp(self, port: int = 0) -> str:
        return (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {port or self._port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
        )

    def _write(self, text: str) -> None:
        assert self._wire is not None
        self._wire.sendto(text.encode(), (self._host, self._server_port))


@asynccontextmanager
async def desk(server: Address, user: str, secret: str) -> AsyncIterator[Desk]:
    """A registered phone."""
    loop = asyncio.get_running_loop()
    wire, phone = await loop.create_datagram_endpoint(
        lambda: Desk(server, user, secret), local_addr=("127.0.0.1", 0)
    )
    try:
        await phone.register()
        yield phone
        if not wire.is_closing():
            await phone.registers(0)
    finally:
        wire.close()


def _address(contact: str) -> str:
    found = re.search(r"<([^>]+)>", contact)
    return found[1] if found else contact


def _tag(party: str) -> str:
    found = re.search(r"tag=([^;]+)", party)
    assert found is not None
    return found[1]
