"""Whether phones reach this exchange, and not another one (OPTIONS)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from ports import free_port

from pbx_bridge.adapters import sip as module
from pbx_bridge.adapters.sip import SipDoor, SipProbe
from pbx_bridge.ports import PbxUnavailable
from pbx_bridge.wire import sip, x509

Answer = Callable[[sip.Message, int], bytes | None]


class Exchange(asyncio.DatagramProtocol):
    """Answers requests as it is told to."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.asked: list[sip.Message] = []
        self._wire: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked.append(sip.parse(data.decode()))
        answer = self._answer(self.asked[-1], len(self.asked))
        if answer is not None and self._wire is not None:
            self._wire.sendto(answer, addr)


@asynccontextmanager
async def exchange(answer: Answer) -> AsyncIterator[tuple[Exchange, SipProbe]]:
    loop = asyncio.get_running_loop()
    wire, one = await loop.create_datagram_endpoint(
        lambda: Exchange(answer), local_addr=("127.0.0.1", 0)
    )
    try:
        port = wire.get_extra_info("sockname")[1]
        yield one, SipProbe([SipDoor("udp", "127.0.0.1", port)], "0123abcd")
    finally:
        wire.close()


def named(name: str, status: str = "404 Not Found") -> bytes:
    return f"SIP/2.0 {status}\r\nServer: {name}\r\nContent-Length: 0\r\n\r\n".encode()


async def test_its_own_exchange_is_known_whatever_it_answers() -> None:
    async with exchange(lambda *_: named("pbx-bridge/0123abcd")) as (one, probe):
        assert "answers at 127.0.0.1:" in await probe.ping()
    (asked,) = one.asked
    assert asked.start.startswith("OPTIONS sip:pbx-bridge-probe@127.0.0.1")


async def test_a_datagram_that_was_lost_is_sent_again_and_noise_is_passed_over() -> None:
    def late(_: sip.Message, count: int) -> bytes | None:
        return {1: None, 2: b"\xff noise"}.get(count, named("pbx-bridge/0123abcd"))

    async with exchange(late) as (one, probe):
        await probe.ping()
    assert len(one.asked) == 3


@pytest.mark.parametrize("name", ["pbx-bridge/ffffffff", "Asterisk PBX 22.10.1", ""])
async def test_another_program_at_the_port_is_named(name: str) -> None:
    async with exchange(lambda *_: named(name)) as (_, probe):
        with pytest.raises(PbxUnavailable, match="which is not this exchange") as told:
            await probe.ping()
    assert name in str(told.value)


async def test_silence_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT_S", 0.2)
    monkeypatch.setattr(module, "AGAIN_S", 0.05)
    async with exchange(lambda *_: None) as (one, probe):
        with pytest.raises(PbxUnavailable, match="does not answer: no phone can reach"):
            await probe.ping()
    assert len(one.asked) > 1


async def answers_streams(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes
) -> None:
    asked = sip.parse((await reader.readuntil(b"\r\n\r\n")).decode())
    assert "SIP/2.0/TCP" in asked.headers["via"] or "SIP/2.0/TLS" in asked.headers["via"]
    writer.write(answer)
    await writer.drain()
    writer.close()


def tls(folder: Path) -> ssl.SSLContext:
    certificate, key = x509.make(["127.0.0.1"], datetime.now(UTC))
    (folder / "c").write_bytes(certificate)
    (folder / "k").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "c", folder / "k")
    return context


@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_the_doors_of_tcp_and_tls_are_asked_too(transport: str, tmp_path: Path) -> None:
    server = await asyncio.start_server(
        partial(answers_streams, answer=named("pbx-bridge/0123abcd")),
        *("127.0.0.1", 0),
        ssl=tls(tmp_path) if transport == "tls" else None,
    )
    async with server, exchange(lambda *_: named("pbx-bridge/0123abcd")) as (one, _):
        assert one._wire is not None
        udp = SipDoor("udp", *one._wire.get_extra_info("sockname"))
        door = SipDoor(transport, *server.sockets[0].getsockname())
        told = await SipProbe([udp, door], "0123abcd").ping()
        assert told == f"answers at {udp}, {door} ({transport})"
        with pytest.raises(PbxUnavailable, match="is not this exchange"):
            await SipProbe([door], "ffffffff").ping()
    with pytest.raises(PbxUnavailable, match=f"{door.port} .{transport}. can't be asked"):
        await SipProbe([door], "0123abcd").ping()


async def test_an_address_of_ipv6_is_asked_and_written_in_brackets() -> None:
    door = SipDoor("tcp", "::1", free_port("::1"))
    with pytest.raises(PbxUnavailable, match=rf"SIP at \[::1\]:{door.port} "):
        await SipProbe([door], "0123abcd").ping()
