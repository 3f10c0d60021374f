"""ARI against a server on loopback that behaves, and then does not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog.testing
from aiohttp import WSMsgType, web
from pydantic_core import from_json, to_json

from pbx_bridge.adapters.ari import PING_INTERVAL_S, REQUEST_TIMEOUT_S, Ari
from pbx_bridge.adapters.ari_socket import AriAddress
from pbx_bridge.ports import Done, Offer, PbxRejected

TIMEOUT_S = 5.0


class FakeAri:
    """Asterisk's side: answers requests, filters events, and can be told to misbehave."""

    def __init__(self) -> None:
        self.sockets: list[web.WebSocketResponse] = []
        self.arrived: asyncio.Queue[web.WebSocketResponse] = asyncio.Queue()
        self.connections: list[float] = []
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.silent = False
        self.status: dict[str, int] = {}
        self.stranded: list[str] = []
        self.on_connected: Callable[[web.WebSocketResponse], Any] | None = None
        self._allowed: set[str] | None = None

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if "Authorization" not in request.headers:
            return web.Response(status=401)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.connections.append(time.monotonic())
        self.sockets.append(socket)
        self._allowed = None
        self.arrived.put_nowait(socket)
        if self.on_connected is not None:
            await self.on_connected(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT and not self.silent:
                await self._answer(socket, from_json(message.data))
        return socket

    async def _answer(self, socket: web.WebSocketResponse, asked: dict[str, Any]) -> None:
        query = {pair["name"]: pair["value"] for pair in asked.get("query_strings", [])}
        path = asked["uri"]
        self.requests.append((asked["method"], path, query))
        body: object = None
        if path.endswith("eventFilter"):
            allowed = from_json(asked["message_body"])["allowed"]
            self._allowed = {one["type"] for one in allowed}
        elif path.startswith("applications/"):
            body = {"channel_ids": self.stranded}
        status = next((code for part, code in self.status.items() if part in path), 200)
        answer = {
            "type": "RESTResponse",
            "request_id": asked["request_id"],
            "status_code": status,
            "reason_phrase": "",
            "message_body": to_json(body).decode() if body is not None else None,
        }
        if self._allowed is None or "RESTResponse" in self._allowed:
            await socket.send_str(to_json(answer).decode())
        if path == "events/claim" and status < 300:
            await self.send({"type": "StasisStart", "channel": {"id": query["channelId"]}})

    async def send(self, event: object) -> None:
        await self.sockets[-1].send_str(to_json(event).decode())

    def sent_on(self) -> list[str]:
        return [path for _, path, _ in self.requests if path.endswith("/continue")]


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[FakeAri, int]]:
    fake = FakeAri()
    app = web.Application()
    app.router.add_get("/ari/events", fake.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield fake, runner.addresses[0][1]
    finally:
        for socket in fake.sockets:
            await socket.close()
        await runner.cleanup()


@asynccontextmanager
async def connected(**options: float) -> AsyncIterator[tuple[FakeAri, Ari, asyncio.Task[None]]]:
    async with serving() as (fake, port):
        ari = Ari(
            AriAddress("127.0.0.1", port, "bridge", "secret"),
            step_context="steps",
            decide_context="decide",
            **options,  # type: ignore[arg-type] # only the time-outs, which are floats
        )
        task = asyncio.create_task(ari.run())
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await ari.connected.wait()
            yield fake, ari, task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def broadcast(channel: str, **variables: str) -> dict[str, object]:
    return {
        "type": "CallBroadcast",
        "channel": {"id": channel, "caller": {"number": "040"}, "channelvars": variables},
    }


async def first_offer(ari: Ari) -> Offer:
    async with asyncio.timeout(TIMEOUT_S):
        async for offer in ari.offers():
            return offer
    raise AssertionError


async def test_an_offer_is_claimed_and_sent_on_in_order() -> None:
    async with connected() as (fake, ari, _):
        await fake.send(broadcast("c1", PBX_DIALLED="018"))
        offer = await first_offer(ari)
        assert offer.variables == {"PBX_DIALLED": "018"}
        assert await ari.claim(offer) is Done.DONE
        assert await ari.proceed("c1", "ring", {"PBX_TARGET": "x\r\nOriginate"}) is Done.DONE
        paths = [path for _, path, _ in fake.requests]
        assert paths[-3:] == ["events/claim", "channels/c1/variables", "channels/c1/continue"]
        assert fake.requests[-1][2] == {"context": "steps", "extension": "ring", "priority": "1"}


async def test_f01_a_reset_socket_is_taken_up_again_and_stranded_calls_are_sent_on() -> None:
    async with connected() as (fake, ari, _):
        fake.stranded = ["left-behind"]
        with structlog.testing.capture_logs() as logs:
            transport = fake.sockets[0]._req.transport  # type: ignore[union-attr]
            assert transport is not None
            transport.abort()
            async with asyncio.timeout(TIMEOUT_S):
                await fake.arrived.get()
                await fake.arrived.get()
                while not ari.connected.is_set():
                    await asyncio.sleep(0.01)
        assert "channels/left-behind/continue" in fake.sent_on()
        events = [one["event"] for one in logs]
        assert events.count("ari_lost") == 1
        assert events.count("ari_back") == 1
        await fake.send(broadcast("c2"))
        assert (await first_offer(ari)).channel == "c2"


async def test_f02_a_clean_close_is_a_disconnect_without_a_tight_loop() -> None:
    async with connected() as (fake, _, task):
        fake.on_connected = lambda socket: socket.close()
        await fake.sockets[0].close()
        async with asyncio.timeout(TIMEOUT_S):
            while len(fake.connections) < 4:
                await asyncio.sleep(0.01)
        gaps = [b - a for a, b in zip(fake.connections, fake.connections[1:], strict=False)]
        assert min(gaps) >= 0.1
        assert not task.done()


async def test_f03_a_peer_that_falls_silent_is_noticed_and_met_again() -> None:
    async with connected(ping_interval_s=0.1, request_timeout_s=0.2) as (fake, ari, _):
        fake.silent = True
        async with asyncio.timeout(TIMEOUT_S):
            while ari.connected.is_set():
                await asyncio.sleep(0.01)
            fake.silent = False
            while not ari.connected.is_set():
                await asyncio.sleep(0.01)


async def test_f03_the_limit_in_service_is_five_seconds() -> None:
    assert PING_INTERVAL_S + REQUEST_TIMEOUT_S <= 5


async def test_f08_a_bridge_whose_name_is_taken_over_leaves_loudly() -> None:
    async with connected() as (fake, _, task):
        await fake.send({"type": "ApplicationReplaced"})
        with pytest.raises(PbxRejected, match="another bridge has connected"):
            async with asyncio.timeout(TIMEOUT_S):
                await task


@pytest.mark.parametrize(("status", "outcome"), [(404, Done.GONE), (409, Done.LOST)])
async def test_f09_a_channel_that_is_gone_or_anothers_is_an_outcome(
    status: int, outcome: Done
) -> None:
    async with connected() as (fake, ari, _):
        fake.status = {"claim": status, "channels/": status}
        with structlog.testing.capture_logs() as logs:
            offer = Offer("c1", "c1", "", {}, claimed=False)
            assert await ari.claim(offer) is outcome
            assert await ari.proceed("c1", "say", {"A": "b"}) is outcome
        assert logs == []


async def test_f10_nonsense_is_counted_and_survived() -> None:
    nonsense = [
        "{",
        '{"type": "StasisStart"',
        "[]",
        '{"no": "type"}',
        '{"type": "CallBroadcast"}',
        '{"type": "StasisStart", "channel": 7}',
        '{"type": "SomethingNew", "field": 1}',
        to_json({"type": "Huge", "data": "x" * 1_000_000}).decode(),
    ]
    async with connected() as (fake, ari, task):
        for text in nonsense:
            await fake.sockets[0].send_str(text)
        await fake.send(broadcast("after"))
        assert (await first_offer(ari)).channel == "after"
        assert ari.counters.malformed == 6
        assert ari.counters.ignored == 2
        assert not task.done()
