"""A phone is forgotten by a REGISTER of ours (RFC 3261, 10.2.2)."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from adapters.test_sip_probe import Answer, Exchange

from pbx_bridge.adapters.registrar import SipRegistrar
from pbx_bridge.ports import PbxUnavailable
from pbx_bridge.wire import sip


@asynccontextmanager
async def exchange(answer: Answer) -> AsyncIterator[tuple[Exchange, int]]:
    """One that answers as it is told to, and its port."""
    loop = asyncio.get_running_loop()
    wire, one = await loop.create_datagram_endpoint(
        lambda: Exchange(answer), local_addr=("127.0.0.1", 0)
    )
    try:
        yield one, wire.get_extra_info("sockname")[1]
    finally:
        wire.close()


CHALLENGE = (
    'Digest realm="asterisk",nonce="1764/ab",opaque="5ccc",algorithm={},qop="auth"'  # as Asterisk's
)


def answered(asked: sip.Message, status: str, more: str = "") -> bytes:
    head = asked.headers
    return (
        f"SIP/2.0 {status}\r\nVia: {head['via']}\r\n"
        f"From: {head['from']}\r\nTo: {head['to']};tag=1\r\n"
        f"Call-ID: {head['call-id']}\r\nCSeq: {head['cseq']}\r\n{more}Content-Length: 0\r\n\r\n"
    ).encode()


@pytest.mark.parametrize(("algorithm", "made"), [("MD5", hashlib.md5), ("SHA-256", hashlib.sha256)])
async def test_a_phone_is_forgotten_by_a_register_with_its_password(
    algorithm: str, made: Callable[[bytes], Any]
) -> None:
    def answer(asked: sip.Message, count: int) -> bytes | None:
        if count == 1:
            return None  # a datagram may be lost
        if "authorization" not in asked.headers:
            challenge = CHALLENGE.format(algorithm)
            return answered(asked, "401 Unauthorized", f"WWW-Authenticate: {challenge}\r\n")
        return answered(asked, "200 OK")

    async with exchange(answer) as (one, port):
        await SipRegistrar("127.0.0.1", port).unregister("101-softphone", "secret")
    last = one.asked[-1]
    assert (last.headers["contact"], last.headers["expires"]) == ("*", "0")
    assert last.headers["to"] == f"<sip:101-softphone@127.0.0.1:{port}>"
    told = dict(re.findall(r'(\w+)="?([^",]+)"?', last.headers["authorization"]))

    def hashed(text: str) -> str:
        return str(made(text.encode()).hexdigest())

    first = hashed("101-softphone:asterisk:secret")
    asked = hashed(f"REGISTER:sip:127.0.0.1:{port}")
    rest = f"1764/ab:00000001:{told['cnonce']}:auth"
    assert told["response"] == hashed(f"{first}:{rest}:{asked}")
    assert (told["opaque"], told["algorithm"]) == ("5ccc", algorithm)


@pytest.mark.parametrize("challenge", [CHALLENGE.format("MD5"), "Bearer x", ""])
async def test_a_phone_that_stays_registered_is_told(challenge: str) -> None:
    def answer(asked: sip.Message, _: int) -> bytes:
        return answered(asked, "401 Unauthorized", f"WWW-Authenticate: {challenge}\r\n")

    async with exchange(answer) as (_, port):
        with pytest.raises(PbxUnavailable, match="keeps the phone of 101"):
            await SipRegistrar("127.0.0.1", port).unregister("101", "wrong")
