"""Whether phones reach this exchange: a question by SIP to its own port (RFC 3261, OPTIONS)."""

from __future__ import annotations

import asyncio
import secrets

from pbx_bridge.ports import PbxUnavailable
from pbx_bridge.wire import sip

TIMEOUT_S = 2.0
AGAIN_S = 0.5
"""A datagram may be lost: T1 of RFC 3261."""
PROBE = "pbx-bridge-probe"
"""The endpoint of pjsip.conf that asks; it leads nowhere."""


class SipProbe:
    """Asks the port of one exchange, and knows its answer from another exchange's."""

    def __init__(self, host: str, port: int, instance: str) -> None:
        """`instance`: what the exchange calls itself behind `pbx-bridge/` (`Settings.instance`)."""
        self._host, self._port, self._instance = host, port, instance

    async def ping(self) -> str:
        """Return what answered. Raises `PbxUnavailable` when nothing does, or another does."""
        where = f"{self._host}:{self._port}"
        loop = asyncio.get_running_loop()
        try:
            wire, asked = await loop.create_datagram_endpoint(
                _Question, remote_addr=(self._host, self._port)
            )
        except OSError as error:
            raise PbxUnavailable(f"SIP at {where} can't be asked: {error}") from error
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while not asked.answer.done():
                    wire.sendto(_options(self._host, self._port, wire.get_extra_info("sockname")))
                    await asyncio.wait({asked.answer}, timeout=AGAIN_S)
            name = asked.answer.result()
        except TimeoutError:
            raise PbxUnavailable(
                f"SIP at {where} does not answer: no phone can reach the exchange"
            ) from None
        finally:
            asked.answer.cancel()
            wire.close()
        if name != f"pbx-bridge/{self._instance}":
            raise PbxUnavailable(
                f"SIP at {where} is answered by {name or 'a program without a name'}, which is "
                "not this exchange; end it, or choose another port (--sip-port)"
            )
        return f"answers at {where}"


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
            told = message.headers
            self.answer.set_result(told.get("server", told.get("user-agent", "")))

    def error_received(self, exc: Exception) -> None:  # noqa: ARG002 - asked again until it is late
        return


def _options(host: str, port: int, own: tuple[str, int]) -> bytes:
    here, there = f"{own[0]}:{own[1]}", f"{host}:{port}"
    return (
        f"OPTIONS sip:{PROBE}@{there} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {here};rport;branch=z9hG4bK{secrets.token_hex(6)}\r\n"
        f"Max-Forwards: 1\r\n"
        f"From: <sip:{PROBE}@{here}>;tag={secrets.token_hex(4)}\r\n"
        f"To: <sip:{PROBE}@{there}>\r\n"
        f"Call-ID: {secrets.token_hex(8)}\r\nCSeq: 1 OPTIONS\r\n"
        f"Contact: <sip:{PROBE}@{here}>\r\nContent-Length: 0\r\n\r\n"
    ).encode()
