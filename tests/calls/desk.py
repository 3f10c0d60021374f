"""A desk phone that holds several calls and transfers them (RFC 3515, RFC 3891), without sound.

SIPp's scenarios know one dialog each; a transfer with a consultation needs two of them.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import AsyncIterator
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


class Desk(asyncio.DatagramProtocol):
    """The phone of one extension; an async context manager by `desk`."""

    def __init__(self, server: Address, user: str, secret: str) -> None:
        self._host, self._server_port = server
        self._user, self._secret = user, secret
        self._branch = ""
        self._port = 0
        self._wire: asyncio.DatagramTransport | None = None
        self._responses = asyncio.Queue[sip.Message]()
        self._rings = asyncio.Queue[sip.Message]()
        self._dialogs: dict[str, Dialog] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = cast(asyncio.DatagramTransport, transport)
        self._port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: object) -> None:
        if not data.strip() or data[0] >= 0x80:  # a keep-alive, or sound: we have no ear for it
            return
        message = sip.parse(data.decode())
        if message.status is not None:
            self._responses.put_nowait(message)
            return
        method = message.start.split()[0]
        call_id = message.headers["call-id"]
        if method == "INVITE" and call_id not in self._dialogs:
            self._rings.put_nowait(message)
        elif method == "INVITE":
            self._reply(message, "200 OK", self._dialogs[call_id].own, sdp=True)
        elif method != "ACK":
            self._reply(message, "200 OK", message.headers["to"])
        if method == "BYE" and call_id in self._dialogs:
            self._dialogs[call_id].over.set()

    async def register(self, expires_s: int = 300) -> None:
        """Be there, or with 0 be gone."""
        uri = f"sip:{self._host}:{self._server_port}"
        own = f"<sip:{self._user}@{self._host}>"
        dialog = Dialog(secrets.token_hex(8), f"{own};tag={secrets.token_hex(4)}", own, uri)
        answer = await self._ask("REGISTER", dialog, f"Expires: {expires_s}\r\n")
        assert answer.status == 200, answer.start

    async def answer(self, sound: Sound | None = None, after_s: float = 0.0) -> Dialog:
        """Take the next call that rings, after a while; `sound` is heard by who calls then."""
        async with asyncio.timeout(PATIENCE_S):
            ringing = await self._rings.get()
        await asyncio.sleep(after_s)
        own = f"{ringing.headers['to']};tag={secrets.token_hex(4)}"
        target = _address(ringing.headers["contact"])
        dialog = Dialog(ringing.headers["call-id"], own, ringing.headers["from"], target)
        self._dialogs[dialog.call_id] = dialog
        self._reply(ringing, "180 Ringing", own)
        self._reply(ringing, "200 OK", own, sdp=True, port=sound.port if sound else 0)
        if sound is not None:
            media = sip.media(ringing.body)
            sound.connect(media.host, media.port, media.codec)
        return dialog

    async def rang(self) -> None:
        """Ring, and take nothing."""
        async with asyncio.timeout(PATIENCE_S):
            ringing = await self._rings.get()
        self._reply(ringing, "180 Ringing", f"{ringing.headers['to']};tag={secrets.token_hex(4)}")

    async def dial(self, number: str) -> Dialog:
        """Call `number`, and return when it has answered."""
        host = f"{self._host}:{self._server_port}"
        own = f"<sip:{self._user}@{self._host}>;tag={secrets.token_hex(4)}"
        to = f"<sip:{sip.user_part(number)}@{host}>"
        dialog = Dialog(secrets.token_hex(8), own, to, to[1:-1])
        self._dialogs[dialog.call_id] = dialog
        answer = await self._ask("INVITE", dialog, body=self._sdp())
        assert answer.status == 200, answer.start
        dialog.other, dialog.target = answer.headers["to"], _address(answer.headers["contact"])
        return dialog

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
            proof = self._proof(method, dialog.target, answer.headers["www-authenticate"])
            answer = await self._send(method, dialog, headers + proof, body)
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

    def _proof(self, method: str, uri: str, challenge: str) -> str:
        """The answer to a digest challenge (RFC 2617, qop auth)."""
        told = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
        nonce, cnonce = told["nonce"], secrets.token_hex(8)
        first = _md5(f"{self._user}:{told['realm']}:{self._secret}")
        proof = _md5(f"{first}:{nonce}:00000001:{cnonce}:auth:{_md5(f'{method}:{uri}')}")
        opaque = f', opaque="{told["opaque"]}"' if "opaque" in told else ""
        return (
            f'Authorization: Digest username="{self._user}", realm="{told["realm"]}", '
            f'nonce="{nonce}", uri="{uri}", response="{proof}", algorithm=MD5, qop=auth, '
            f'nc=00000001, cnonce="{cnonce}"{opaque}\r\n'
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
        await phone.register(0)
    finally:
        wire.close()


def _address(contact: str) -> str:
    found = re.search(r"<([^>]+)>", contact)
    return found[1] if found else contact


def _tag(party: str) -> str:
    found = re.search(r"tag=([^;]+)", party)
    assert found is not None
    return found[1]


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
