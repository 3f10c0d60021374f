"""The end of a registration by a REGISTER of our own (RFC 3261, section 10.2.2)."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress

from pbx_bridge.ports import PbxUnavailable
from pbx_bridge.wire import sip

TIMEOUT_S = 2.0
AGAIN_S = 0.5
"""A datagram may be lost: T1 of RFC 3261."""


class SipRegistrar:
    """Ends registrations of an account whose password is known."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port

    async def unregister(self, user: str, password: str) -> None:
        """Have Asterisk forget every phone of `user`. Raises `PbxUnavailable` where it doesn't."""
        loop = asyncio.get_running_loop()
        try:
            wire, heard = await loop.create_datagram_endpoint(
                _Answers, remote_addr=(self._host, self._port)
            )
        except OSError as error:
            raise PbxUnavailable(f"SIP can't be asked: {error}") from error
        uri = f"sip:{self._host}:{self._port}"
        call = secrets.token_hex(8)
        own = wire.get_extra_info("sockname")
        try:
            asked = _register(user, uri, own, call, 1, "")
            first = await self._answered(wire, heard, asked, 1)
            challenge = first.headers.get("www-authenticate", "")
            proof = sip.authorization(user, password, "REGISTER", uri, challenge)
            asked = _register(user, uri, own, call, 2, proof)
            answer = await self._answered(wire, heard, asked, 2)
            if answer.status != 200:
                raise PbxUnavailable(f"Asterisk keeps the phone of {user}: {answer.start}")
        except (TimeoutError, sip.BadMessage) as error:
            raise PbxUnavailable(f"Asterisk keeps the phone of {user}: {error}") from error
        finally:
            wire.close()

    async def _answered(
        self, wire: asyncio.DatagramTransport, heard: _Answers, asked: bytes, count: int
    ) -> sip.Message:
        """The final answer to a request, which is sent again until there is one."""
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                wire.sendto(asked)
                with suppress(TimeoutError):
                    async with asyncio.timeout(AGAIN_S):
                        return await heard.final(count)


class _Answers(asyncio.DatagramProtocol):
    """Keeps the responses."""

    def __init__(self) -> None:
        self._heard: asyncio.Queue[sip.Message] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 - connected
        with suppress(sip.BadMessage):
            self._heard.put_nowait(sip.parse(data.decode(errors="replace")))

    def error_received(self, exc: Exception) -> None:  # noqa: ARG002 - asked again until it is late
        return

    async def final(self, count: int) -> sip.Message:
        """The final response to the REGISTER with that number."""
        while True:
            answer = await self._heard.get()
            status, asked = answer.status or 0, answer.headers.get("cseq")
            if status >= 200 and asked == f"{count} REGISTER":
                return answer


def _register(
    user: str, uri: str, own: tuple[str, int], call: str, count: int, proof: str
) -> bytes:
    here = f"{own[0]}:{own[1]}"
    account = f"sip:{sip.user_part(user)}@{uri.removeprefix('sip:')}"
    shown = f"Authorization: {proof}\r\n" if proof else ""
    return (
        f"REGISTER {uri} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {here};rport;branch=z9hG4bK{secrets.token_hex(6)}\r\n"
        f"Max-Forwards: 1\r\n"
        f"From: <{account}>;tag={secrets.token_hex(4)}\r\nTo: <{account}>\r\n"
        f"Call-ID: {call}\r\nCSeq: {count} REGISTER\r\n"
        f"Contact: *\r\nExpires: 0\r\n{shown}Content-Length: 0\r\n\r\n"
    ).encode()
