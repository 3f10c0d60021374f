"""Phones that are told something, and phones that press keys in a call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
from softphone.small_exchange import FIRST, SECOND, Exchange

from pbx_bridge.softphone.audio import correlation
from pbx_bridge.softphone.behaviour import Answers, Behaviour, Busy, How, Press, Refuses
from pbx_bridge.softphone.incoming import Received
from pbx_bridge.softphone.line import Line
from pbx_bridge.softphone.phone import Phone
from pbx_bridge.softphone.trunk import Operator
from pbx_bridge.wire.sip import Party, parse

pytestmark = pytest.mark.calls


def phone(exchange: Exchange, behaviour: Behaviour, user: str = "101") -> Phone:
    return Phone(exchange.sipp, exchange.server, user, exchange.secret, behaviour)


async def test_a_phone_takes_a_text_from_the_exchange_and_says_who_sent_it(
    exchange: Exchange,
) -> None:
    async with phone(exchange, Busy()) as ours:
        exchange.console("channel originate Local/tell@calls application Wait 1")
        message = await ours.told()
        with pytest.raises(TimeoutError):
            await ours.told(0.0)
        assert ours.messages == [message]
    assert message.text == "Anna Berg är tillbaka i morgon, klockan åtta."
    assert message.sender == Party("Växeln · Norrskär", "100")
    assert message.at.wall.tzinfo is not None


class Sender(asyncio.DatagramProtocol):
    """Sends one text a time and hears the status with which it is answered."""

    def __init__(self) -> None:
        self.statuses = asyncio.Queue[int | None]()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.statuses.put_nowait(parse(data.decode()).status)

    async def send(self, call_id: str, text: str) -> int | None:
        host, port = self.transport.get_extra_info("sockname")
        head = (
            "MESSAGE sip:101@127.0.0.1 SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{call_id}",
            "Max-Forwards: 70",
            "From: <sip:018000150@127.0.0.1>;tag=1",
            "To: <sip:101@127.0.0.1>",
            f"Call-ID: {call_id}",
            "CSeq: 1 MESSAGE",
            "Content-Type: text/plain;charset=UTF-8",
            f"Content-Length: {len(text.encode())}",
        )
        self.transport.sendto("\r\n".join([*head, "", text]).encode())
        async with asyncio.timeout(2.0):
            return await self.statuses.get()


async def test_a_phone_that_takes_no_texts_refuses_them_and_then_takes_the_next(
    exchange: Exchange,
) -> None:
    async with phone(exchange, Busy()) as ours:
        transport, sender = await asyncio.get_running_loop().create_datagram_endpoint(
            Sender, remote_addr=("127.0.0.1", ours.port)
        )
        ours.takes_messages = False
        assert await sender.send("first", "Möte") == 480
        ours.takes_messages = True
        assert await sender.send("second", "Möte\r\n\r\nEvent: rang\r\nÅter 13.00") == 200
        transport.close()
    assert [one.text for one in ours.messages] == ["Möte\n\nEvent: rang\nÅter 13.00"]
    assert not ours.rings


async def pressed(exchange: Exchange, user: str, how: How) -> Received:
    five = Press("5", after_silence_s=0.3, how=how)
    async with phone(exchange, Answers(after_s=0.0, press=[five]), user) as ours:
        exchange.ring(user, "ask")
        return await ours.ended()


async def test_a_phone_answers_a_question_by_a_key_both_ways(exchange: Exchange) -> None:
    both = await asyncio.gather(
        pressed(exchange, "101", How.RTP), pressed(exchange, "103", How.INFO)
    )
    for received in both:
        assert received.ended_by == "exchange"
        first, second = correlation(received.heard, FIRST), correlation(received.heard, SECOND)
        assert first.score > 0.9
        assert second.score > 0.9
        assert second.at_s > first.at_s + first.length_s


async def test_a_phone_that_has_pressed_its_keys_hangs_up_by_itself(exchange: Exchange) -> None:
    keys = (Press("12", how=How.INFO), Press("3#"))
    async with phone(exchange, Answers(after_s=0.0, talks_s=0.1, press=keys)) as ours:
        exchange.ring("101", "echo")
        received = await ours.ended()
    assert received.answered_at is not None
    assert received.ended_by == "phone"
    assert exchange.channels == 0


async def test_a_phone_that_leaves_while_it_waits_for_a_prompt_hangs_up(
    exchange: Exchange,
) -> None:
    waits = Press("1", after_silence_s=5.0)
    async with phone(exchange, Answers(after_s=0.0, press=[waits])) as ours:
        exchange.ring("101", "echo")
        await ours.rang()
        async with asyncio.timeout(2.0):
            while not ours.answered:
                await asyncio.sleep(0.02)
    assert ours.received[0].ended_by == "phone"
    assert exchange.channels == 0


def test_a_wrong_key_or_status_is_refused_before_there_is_a_call() -> None:
    with pytest.raises(ValueError, match="'x'"):
        Press("1x")
    with pytest.raises(ValueError, match="no such refusal: 200"):
        Refuses(200)


class Peer(asyncio.DatagramProtocol):
    """Calls a station, does one thing more with the call, and confirms late what that led to:
    at the second time that it is told."""

    def __init__(self, then: str) -> None:
        """`then`: INVITE, to change the call once it was answered, or BYE, to end it; or CANCEL,
        while it rings."""
        self.then = then
        self.told = asyncio.Event()
        """For the first time."""
        self.hung_up = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)
        self.send("INVITE", 1)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = parse(data.decode())
        if message.start.startswith("BYE"):
            self.hung_up.set()
            _, head = data.split(b"\r\n", 1)
            self.transport.sendto(b"SIP/2.0 200 OK\r\n" + head)
        match message.status, message.headers["cseq"]:
            case 180, _ if self.then == "CANCEL":
                self.send("CANCEL", 1)
            case 200, "1 INVITE":
                to = message.headers["to"]
                self.send("ACK", 1, to)
                self.send(self.then, 2, to)
                if self.then == "BYE":  # SIPp may have dropped the call, and answers it never
                    self.told.set()
            case (200, "2 INVITE") | (487, _):
                if self.told.is_set():
                    number = int(message.headers["cseq"].split()[0])
                    self.send("ACK", number, message.headers["to"])
                self.told.set()

    def send(self, method: str, number: int, to: str = "<sip:100@127.0.0.1>") -> None:
        host, port = self.transport.get_extra_info("sockname")
        head = (
            f"{method} sip:100@127.0.0.1 SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{method}{number}",
            "Max-Forwards: 70",
            "From: <sip:018000150@127.0.0.1>;tag=1",
            f"To: {to}",
            "Call-ID: changed",
            f"CSeq: {number} {method}",
            f"Contact: <sip:peer@{host}:{port}>",
            "Content-Length: 0",
        )
        self.transport.sendto("\r\n".join([*head, "", ""]).encode())


@asynccontextmanager
async def called_by(ours: Operator, then: str) -> AsyncIterator[Peer]:
    """A peer to whom the station has answered what came second, and not confirmed it yet."""
    transport, peer = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Peer(then), remote_addr=("127.0.0.1", ours.port)
    )
    try:
        async with asyncio.timeout(5.0):
            await peer.told.wait()
        yield peer
    finally:
        transport.close()


async def test_a_station_that_hangs_up_just_as_its_call_is_changed_does_so(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Line, "busy", lambda _: None)  # word of the change comes too late
    async with (
        Operator(exchange.sipp, 0, {"100": Answers(after_s=0.0, talks_s=0.2)}) as ours,
        called_by(ours, "INVITE") as peer,
    ):
        received = await ours.ended()
        assert peer.hung_up.is_set()
    assert received.ended_by == "phone"


async def test_a_station_that_answers_just_as_its_caller_gives_up_has_a_missed_call(
    exchange: Exchange,
) -> None:
    async with (
        Operator(exchange.sipp, 0, {"100": Answers(after_s=0.2)}) as ours,
        called_by(ours, "CANCEL"),
    ):
        received = await ours.ended()
    assert (received.answered_at, received.ended_by) == (None, "exchange")


@pytest.mark.parametrize("talks_s", [0.0, 0.0005, 0.001, 0.002])
async def test_a_station_and_its_caller_hang_up_in_the_same_moment(
    exchange: Exchange, talks_s: float
) -> None:
    async with (
        Operator(exchange.sipp, 0, {"100": Answers(after_s=0.0, talks_s=talks_s)}) as ours,
        called_by(ours, "BYE"),
    ):
        assert (await ours.ended()).answered_at is not None
