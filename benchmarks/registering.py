"""Telephones that come back: 500 that register at once, one that rings after a restart."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import cast

from benchmarks.stand import CONFIG, sample_in, working_hours
from pbx_bridge.asterisk import secrets as held
from pbx_bridge.bootstrap import SECRETS
from pbx_bridge.supervisor.exchange import exchange
from pbx_bridge.wire import sip

DEVICES, RESTARTS = 500, 30
FIRST = 2000
"""Extension of the first one."""
LIMIT_S = 60.0
REPEAT_S = 0.5
"""A request without an answer is sent again after so long, and then ever later (RFC 3261, T1)."""
PERSON = """
{extension}:
  name: Person {extension}
  title: tjänsteman
  unit: kommunkansliet
  shielded: false
"""


@dataclass(frozen=True, slots=True)
class Registering:
    """What it took."""

    devices: int
    all_s: float
    """From the first request until every one was registered."""
    median_ms: float
    """Of one of them, its challenge included."""
    rings_ms: float
    """From a restarted phone's registration to the call that rings there, in the middle."""
    slowest_rings_ms: float


class Telephone(asyncio.DatagramProtocol):
    """Registers, calls, and rings."""

    def __init__(self, server: tuple[str, int], user: str, password: str) -> None:
        self.rang = asyncio.Event()
        self._server, self._user, self._password = server, user, password
        self._answers: asyncio.Queue[sip.Message] = asyncio.Queue()
        self._wire: asyncio.DatagramTransport | None = None
        self._call_id, self._tag, self._cseq = secrets.token_hex(8), secrets.token_hex(4), 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 - asyncio's
        message = sip.parse(data.decode())
        if message.status is not None:
            self._answers.put_nowait(message)
            return
        if message.start.startswith("INVITE"):
            self.rang.set()
        head, status = message.headers, "486 Busy Here" if self.rang.is_set() else "200 OK"
        self._send(
            f"SIP/2.0 {status}\r\nVia: {head['via']}\r\nFrom: {head['from']}\r\n"
            f"To: {head['to']};tag={self._tag}\r\nCall-ID: {head['call-id']}\r\n"
            f"CSeq: {head['cseq']}\r\nContact: {self._contact}\r\nContent-Length: 0\r\n\r\n"
        )

    async def register(self) -> None:
        """Returns when it is registered."""
        host, port = self._server
        answer = await self._ask("REGISTER", f"sip:{host}:{port}", self._user)
        assert answer.status == 200, answer.start

    async def call(self, number: str) -> None:
        """Returns with the final answer, whatever it is."""
        await self._ask("INVITE", f"sip:{number}@{self._server[0]}", number)

    @property
    def _contact(self) -> str:
        assert self._wire is not None
        host, port = self._wire.get_extra_info("sockname")
        return f"<sip:{self._user}@{host}:{port}>"

    async def _ask(self, method: str, uri: str, to: str) -> sip.Message:
        answer = await self._transact(method, uri, to, "")
        if answer.status == 401:
            challenge = answer.headers["www-authenticate"]
            proof = sip.authorization(self._user, self._password, method, uri, challenge)
            answer = await self._transact(method, uri, to, f"Authorization: {proof}\r\n")
        return answer

    async def _transact(self, method: str, uri: str, to: str, proof: str) -> sip.Message:
        self._cseq += 1
        branch = f"z9hG4bK{secrets.token_hex(6)}"
        sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        sdp += "m=audio 9 RTP/AVP 8\r\n"
        body = sdp if method == "INVITE" else ""
        request = self._request(method, uri, to, branch, proof, body)
        repeat = REPEAT_S
        self._send(request)
        while True:
            try:
                async with asyncio.timeout(repeat):
                    answer = await self._answers.get()
            except TimeoutError:
                self._send(request)
                repeat *= 2
                continue
            ours = answer.headers["cseq"] == f"{self._cseq} {method}"
            if ours and answer.status is not None and answer.status < 200:
                repeat = LIMIT_S
            elif ours:
                if method == "INVITE":
                    self._send(self._request("ACK", uri, to, branch, "", ""))
                return answer

    def _request(self, method: str, uri: str, to: str, branch: str, proof: str, body: str) -> str:
        host, port = self._server
        via = self._contact.partition("@")[2].rstrip(">")
        typed = "Content-Type: application/sdp\r\n" if body else "Expires: 300\r\n"
        return (
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {via};rport;branch={branch}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{self._user}@{host}>;tag={self._tag}\r\n"
            f"To: <sip:{to}@{host}:{port}>\r\nCall-ID: {self._call_id}\r\n"
            f"CSeq: {self._cseq} {method}\r\nContact: {self._contact}\r\n{proof}{typed}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def _send(self, text: str) -> None:
        assert self._wire is not None
        self._wire.sendto(text.encode(), self._server)


@asynccontextmanager
async def telephone(server: tuple[str, int], user: str, password: str) -> AsyncIterator[Telephone]:
    """Not registered yet."""
    loop = asyncio.get_running_loop()
    wire, phone = await loop.create_datagram_endpoint(
        lambda: Telephone(server, user, password), local_addr=("127.0.0.1", 0)
    )
    try:
        yield phone
    finally:
        wire.close()


async def measured(devices: int = DEVICES, restarts: int = RESTARTS) -> Registering:
    """An exchange of its own, with so many people more."""
    with tempfile.TemporaryDirectory(prefix="pbx-bench-") as folder:
        town = Path(folder)
        for part in ("dialplan", "voicemail"):
            shutil.copytree(CONFIG.parent / part, town / part)
        config = Path(shutil.copy(CONFIG, town))
        extensions = [str(FIRST + at) for at in range(devices)]
        people = town / "dialplan" / "people.yaml"
        more = "".join(PERSON.format(extension=one) for one in extensions)
        people.write_text(people.read_text(encoding="utf-8") + more, encoding="utf-8")
        site = sample_in(config, town / "state")
        async with (
            exchange(config, site, print, working_hours(site)) as up,
            asyncio.timeout(LIMIT_S),
        ):
            passwords = held.load(site.deployment.state / SECRETS, site.plan).phones
            server = up.running.sip
            all_s, each = await _at_once(server, {one: passwords[one] for one in extensions})
            rings = [
                await _restarted(server, extensions[0], passwords, extensions[1])
                for _ in range(restarts)
            ]
    return Registering(devices, all_s, median(each) * 1e3, median(rings) * 1e3, max(rings) * 1e3)


async def _at_once(
    server: tuple[str, int], passwords: Mapping[str, str]
) -> tuple[float, list[float]]:
    began = time.perf_counter()

    async def one(user: str, password: str) -> float:
        async with telephone(server, user, password) as phone:
            await phone.register()
            return time.perf_counter() - began

    took = await asyncio.gather(*(one(*pair) for pair in passwords.items()))
    return max(took), took


async def _restarted(
    server: tuple[str, int], user: str, passwords: Mapping[str, str], caller: str
) -> float:
    async with (
        telephone(server, user, passwords[user]) as phone,
        telephone(server, caller, passwords[caller]) as other,
    ):
        await phone.register()
        began = time.perf_counter()
        calling = asyncio.create_task(other.call(user))
        await phone.rang.wait()
        took = time.perf_counter() - began
        calling.cancel()
        return took
