"""`python -m benchmarks.sound`: talks with sound at once, what they cost, and what of it is lost.

One operator calls itself through the exchange (`Dial` in the dialplan: no bridge is in the way of
sound). Each end of each talk sends a numbered packet each 20 ms, as phones do, and counts what
comes of the other end's. What hasn't come `LATE_S` after the last one was sent is lost. Three kinds
of talks: G.711 at both ends, the same with SRTP at both, and G.722 at one end, so that Asterisk
translates both ways.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import select
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from benchmarks import srtp
from benchmarks.stand import NATIVE, Stand, stand
from pbx_bridge.cli.logs import log_to_stderr
from pbx_bridge.core.trunks import Trunk
from pbx_bridge.wire import sip

TALKS = (50, 100, 150, 200, 250, 300, 350, 400, 450)
PORTS_PER_TALK = 4
"""Two for each of its legs, in Asterisk."""
MEASURED_S = 10.0
PACKET_S = 0.02
PCMA, G722 = 8, 9
"""Payload types (RFC 3551)."""
MAPS = {PCMA: "PCMA/8000", G722: "G722/8000"}
GROUPS = 10
"""Phones don't send at the same moment: so many parts of `PACKET_S`."""
LATE_S = 1.0
PAYLOAD = bytes(160)
PATIENCE_S = 5.0
CALLED = "0401111111"
STEP_PACKETS = int(MEASURED_S / PACKET_S)


@dataclass(frozen=True)
class Kind:
    """What the sound of the talks is."""

    name: str
    calls_with: int = PCMA
    is_encrypted: bool = False


KINDS = (
    Kind("G.711"),
    Kind("G.711 with SRTP", is_encrypted=True),
    Kind("G.722 to G.711", calls_with=G722),
)


@dataclass
class End:
    """One end of a talk, and where its sound goes."""

    wire: socket.socket
    payload_type: int
    there: tuple[str, int] = ("", 0)
    sent: int = 0
    """Since it began."""
    came: set[bytes] = field(default_factory=set)
    """Times of the packets of the other end."""


class Operator(asyncio.DatagramProtocol):
    """The trunk's other side: calls, and answers the calls that come of it (RFC 3261)."""

    def __init__(self, server: tuple[str, int], port: int, kind: Kind) -> None:
        self._server, self._port, self._kind = server, port, kind
        self._master = srtp.Master.new() if kind.is_encrypted else None
        self._wire: asyncio.DatagramTransport | None = None
        self._answers: dict[str, asyncio.Future[sip.Message]] = {}
        self.ends: list[End] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 - one sends
        message = sip.parse(data.decode())
        if message.status is not None:
            waits = self._answers.get(message.headers["call-id"])
            if message.status >= 200 and waits is not None and not waits.done():
                waits.set_result(message)
        elif message.start.startswith("INVITE") and message.body:
            self._answer(message)
        elif not message.start.startswith("ACK"):
            self._reply(message, "")

    async def call(self) -> None:
        """Bring up one talk; both of its ends are in `ends`."""
        end, call_id = self._end(self._kind.calls_with), secrets.token_hex(8)
        answer = asyncio.get_running_loop().create_future()
        self._answers[call_id] = answer
        own = f"<sip:0401234567@127.0.0.1:{self._port}>;tag={call_id}"
        target = f"sip:{NATIVE}@{self._server[0]}:{self._server[1]}"
        self._request("INVITE", target, own, f"<{target}>", call_id, self._sdp(end))
        async with asyncio.timeout(PATIENCE_S):
            told = await answer
        assert told.status == 200, told.start
        end.there = where(told.body)
        self._request("ACK", target, own, told.headers["to"], call_id, "")

    def _answer(self, invite: sip.Message) -> None:
        end = self._end(PCMA)
        end.there = where(invite.body)
        self._reply(invite, self._sdp(end))

    def packets(self) -> dict[int, list[bytes]]:
        """What all ends send, by payload type."""
        count = STEP_PACKETS * len(TALKS)
        return {kind: srtp.packets(count, kind, PAYLOAD, self._master) for kind in MAPS}

    def _end(self, payload_type: int) -> End:
        wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        wire.bind(("127.0.0.1", 0))
        wire.setblocking(False)
        self.ends.append(End(wire, payload_type))
        return self.ends[-1]

    def _sdp(self, end: End) -> str:
        profile = "RTP/AVP" if self._master is None else "RTP/SAVP"
        return (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {end.wire.getsockname()[1]} {profile} {end.payload_type}\r\n"
            f"a=rtpmap:{end.payload_type} {MAPS[end.payload_type]}\r\n"
            f"{'' if self._master is None else self._master.attribute}"
        )

    def _request(
        self, method: str, target: str, own: str, other: str, call_id: str, body: str
    ) -> None:
        self._send(
            f"{method} {target} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self._port};branch=z9hG4bK{secrets.token_hex(6)}\r\n"
            f"Max-Forwards: 70\r\nFrom: {own}\r\nTo: {other}\r\nCall-ID: {call_id}\r\n"
            f"CSeq: 1 {method}\r\nContact: <sip:op@127.0.0.1:{self._port}>\r\n",
            body,
        )

    def _reply(self, request: sip.Message, body: str) -> None:
        head = request.headers
        to = head["to"] if ";tag=" in head["to"] else f"{head['to']};tag={secrets.token_hex(4)}"
        self._send(
            f"SIP/2.0 200 OK\r\nVia: {head['via']}\r\nFrom: {head['from']}\r\nTo: {to}\r\n"
            f"Call-ID: {head['call-id']}\r\nCSeq: {head['cseq']}\r\n"
            f"Contact: <sip:op@127.0.0.1:{self._port}>\r\n",
            body,
        )

    def _send(self, head: str, body: str) -> None:
        assert self._wire is not None
        typed = "Content-Type: application/sdp\r\n" if body else ""
        text = f"{head}{typed}Content-Length: {len(body)}\r\n\r\n{body}"
        self._wire.sendto(text.encode(), self._server)


def where(description: str) -> tuple[str, int]:
    """Where sound goes, by a session description (RFC 4566)."""
    host = re.search(r"^c=IN IP4 (\S+)", description, re.MULTILINE)
    port = re.search(r"^m=audio (\d+)", description, re.MULTILINE)
    assert host is not None
    assert port is not None
    return host[1], int(port[1])


@dataclass(frozen=True)
class Measured:
    """So many talks for `MEASURED_S`."""

    kind: Kind
    talks: int
    cpu: float
    """Of one core, Asterisk's."""
    sent: int
    lost: int
    latest_ms: float
    """By how much we ourselves were late with a packet at most."""


def exchanged(ends: Sequence[End], packets: dict[int, list[bytes]]) -> tuple[int, int, float]:
    """Send and receive for `MEASURED_S`: packets sent, lost, and how late we were at most (s)."""
    poll, held = select.epoll(), {end.wire.fileno(): end for end in ends}
    for number, end in held.items():
        poll.register(number, select.EPOLLIN)
        end.came.clear()
    began, latest_s = time.monotonic(), 0.0
    for step in range(STEP_PACKETS * GROUPS):
        due = began + step * PACKET_S / GROUPS
        while (left := due - time.monotonic()) > 0:
            take(poll, held, left)
        latest_s = max(latest_s, -left)
        for end in ends[step % GROUPS :: GROUPS]:
            end.wire.sendto(packets[end.payload_type][end.sent], end.there)
            end.sent += 1
    until = time.monotonic() + LATE_S
    while (left := until - time.monotonic()) > 0:
        take(poll, held, left)
    poll.close()
    sent = STEP_PACKETS * len(ends)
    return sent, sent - sum(len(end.came) for end in ends), latest_s


def take(poll: select.epoll, held: dict[int, End], wait_s: float) -> None:
    """What has come meanwhile; the exchange times packets anew, each time once."""
    for number, _ in poll.poll(wait_s):
        end = held[number]
        data = end.wire.recv(400)
        if data[1] & 0x7F == end.payload_type:
            end.came.add(data[4:8])


async def measure(one: Stand, kind: Kind) -> list[Measured]:
    """Each number of talks in turn, until some of the sound is lost."""
    trunk = next(iter(one.up.site.plan.trunks.values()))
    port = _port(trunk)
    await prepared(one, trunk, kind)
    loop = asyncio.get_running_loop()
    wire, operator = await loop.create_datagram_endpoint(
        lambda: Operator(one.up.running.sip, port, kind), local_addr=("127.0.0.1", port)
    )
    packets, found = operator.packets(), list[Measured]()
    try:
        for talks in TALKS:
            while len(operator.ends) < 2 * talks:
                await operator.call()
            before, began = one.cpu().asterisk_s, time.monotonic()
            sent, lost, latest_s = await asyncio.to_thread(exchanged, operator.ends, packets)
            cpu = (one.cpu().asterisk_s - before) / (time.monotonic() - began - LATE_S)
            found.append(Measured(kind, talks, cpu, sent, lost, latest_s * 1000))
            print(row(found[-1]), file=sys.stderr)
            if lost:
                break
    finally:
        wire.close()
        for end in operator.ends:
            end.wire.close()
    return found


async def prepared(one: Stand, trunk: Trunk, kind: Kind) -> None:
    """As many ports of sound as are measured (the sample has a thousand), and keys in the
    signalling where it is encrypted, here also over UDP."""
    settings = one.up.settings
    file = settings.etc / "rtp.conf"
    last = settings.rtp_first + PORTS_PER_TALK * max(TALKS) + 100
    file.write_text(file.read_text().replace(f"rtpend = {settings.rtp_last}", f"rtpend = {last}"))
    await one.up.asterisk.console("module reload res_rtp_asterisk.so")
    if kind.is_encrypted:
        head = f"\n[{trunk.name}](trunk)\n"
        file = settings.etc / "pjsip_trunks.conf"
        written = file.read_text()
        assert head in written
        file.write_text(written.replace(head, f"{head}media_encryption = sdes\n"))
        await one.up.asterisk.console("module reload res_pjsip.so")
        async with asyncio.timeout(PATIENCE_S):  # it goes on behind the command
            while ": sdes" not in await one.up.asterisk.console(
                f"pjsip show endpoint {trunk.name}"
            ):
                pass


def _port(trunk: Trunk) -> int:
    told = re.search(r":(\d+)$", trunk.hosts[0])
    return int(told[1]) if told else 5060


def row(one: Measured) -> str:
    """One line of the table."""
    return (
        f"| {one.kind.name} | {one.talks} | {one.cpu:.0%} | {one.sent:,} | {one.lost} "
        f"({one.lost / one.sent:.3%}) | {one.latest_ms:.0f} |"
    )


async def _main() -> None:
    log_to_stderr("warning")
    dialplan = f"Dial(PJSIP/{CALLED}@{{trunk}},20)"
    print(f"{os.cpu_count()} cores")
    print("| sound | talks | Asterisk, of one core | packets | lost | late by at most, ms |")
    print("| --- | --- | --- | --- | --- | --- |")
    for kind in KINDS:
        async with stand(dialplan) as one:
            found = await measure(one, kind)
        print("\n".join(map(row, found)))


if __name__ == "__main__":
    asyncio.run(_main())
