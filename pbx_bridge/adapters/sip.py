"""Whether phones reach this exchange: a question by SIP to its own doors (RFC 3261, OPTIONS)."""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

from pbx_bridge.ports import PbxUnavailable
from pbx_bridge.wire import sip

TIMEOUT_S = 2.0
AGAIN_S = 0.5
"""A datagram may be lost: T1 of RFC 3261."""
PROBE = "pbx-bridge-probe"
"""The endpoint of pjsip.conf that asks; it leads nowhere."""
HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class SipDoor:
    """One way to the exchange."""

    transport: str
    """udp, tcp or tls."""
    host: str
    port: int

    def __str__(self) -> str:
        return f"{sip.in_uri(self.host)}:{self.port}"


class SipProbe:
    """Asks the doors of one exchange, and knows its answer from another exchange's."""

    def __init__(self, doors: Sequence[SipDoor], instance: str) -> None:
        """`instance`: what the exchange calls itself behind `pbx-bridge/` (`Settings.instance`)."""
        self._doors, self._instance = tuple(doors), instance

    async def ping(self) -> str:
        """Return what answered. Raises `PbxUnavailable` where a door is deaf, or another's."""
        answers = await asyncio.gather(
            *(self._ping(one) for one in self._doors), return_exceptions=True
        )
        told: list[str] = []
        for door, answer in zip(self._doors, answers, strict=True):
            if isinstance(answer, BaseException):
                raise answer
            told.append(str(door) if door.transport == "udp" else f"{door} ({door.transport})")
        return f"answers at {', '.join(told)}"

    async def _ping(self, door: SipDoor) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                ask = _by_datagram if door.transport == "udp" else _by_stream
                name = await ask(door)
        except TimeoutError:
            raise PbxUnavailable(
                f"SIP at {door} ({door.transport}) does not answer: no phone can reach the "
                "exchange there"
            ) from None
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError, sip.BadMessage) as error:
            raise PbxUnavailable(
                f"SIP at {door} ({door.transport}) can't be asked: {error}"
            ) from None
        if name != f"pbx-bridge/{self._instance}":
            raise PbxUnavailable(
                f"SIP at {door} is answered by {name or 'a program without a name'}, which is "
                "not this exchange; end it, or choose another port (--sip-port)"
            )


async def _by_datagram(door: SipDoor) -> str:
    loop = asyncio.get_running_loop()
    wire, asked = await loop.create_datagram_endpoint(_Question, remote_addr=(door.host, door.port))
    try:
        while not asked.answer.done():
            wire.sendto(_options(door, wire.get_extra_info("sockname")))
            await asyncio.wait({asked.answer}, timeout=AGAIN_S)
        return asked.answer.result()
    finally:
        asked.answer.cancel()
        wire.close()


async def _by_stream(door: SipDoor) -> str:
    reader, writer = await asyncio.open_connection(
        door.host, door.port, ssl=_any_certificate() if door.transport == "tls" else None
    )
    try:
        writer.write(_options(door, writer.get_extra_info("sockname")))
        head = await reader.readuntil(HEAD_END)
        return _named(sip.parse(head.decode(errors="replace")))
    finally:
        writer.close()


def _any_certificate() -> ssl.SSLContext:
    """It is our own door: who answers is known by its name, and the certificate looked at
    elsewhere."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _named(answer: sip.Message) -> str:
    return answer.headers.get("server", answer.headers.get("user-agent", ""))


class _Question(asyncio.DatagramProtocol):
    """Waits for the first response, and keeps the name of who gave it."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 - connected
        try:
            message = sip.parse(data.decode(errors="replace"))
        except sip.BadMessage:
            return
        if message.status is not None and not self.answer.done():
            self.answer.set_result(_named(message))

    def error_received(self, exc: Exception) -> None:  # noqa: ARG002 - asked again until it is late
        return


def _options(door: SipDoor, own: Sequence[object]) -> bytes:
    here, there = f"{sip.in_uri(str(own[0]))}:{own[1]}", str(door)
    way = "" if door.transport == "udp" else f";transport={door.transport}"
    return (
        f"OPTIONS sip:{PROBE}@{there}{way} SIP/2.0\r\n"
        f"Via: SIP/2.0/{door.transport.upper()} {here};rport;branch=z9hG4bK{secrets.token_hex(6)}"
        "\r\n"
        f"Max-Forwards: 1\r\n"
        f"From: <sip:{PROBE}@{here}>;tag={secrets.token_hex(4)}\r\n"
        f"To: <sip:{PROBE}@{there}>\r\n"
        f"Call-ID: {secrets.token_hex(8)}\r\nCSeq: 1 OPTIONS\r\n"
        f"Contact: <sip:{PROBE}@{here}{way}>\r\nContent-Length: 0\r\n\r\n"
    ).encode()
