"""Asterisk's ARI on loopback: channels that wait, and a server that can misbehave.

It keeps the semantics that the bridge leans on: an event filter also takes away answers
that it does not name, a claim is won once and brings `StasisStart`, a channel that is gone
is 404 and one that is not ours 409, and requests come over the WebSocket or over HTTP.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from aiohttp import WSMsgType, encode_basic_auth, web
from pydantic_core import from_json, to_json

from pbx_bridge.adapters.ari import Ari, AriAddress, Dialect
from pbx_bridge.adapters.ari.telephony import NEWEST
from pbx_bridge.ports import Offer

TIMEOUT_S = 5.0
USER, PASSWORD = "bridge", "secret"
APP = "pbx-bridge"
STEPS, DECIDE = "pbx-bridge-step", "pbx-bridge-decide"

Query = dict[str, str]


@dataclass
class FakeChannel:
    """A caller in Asterisk."""

    id: str
    caller: str = ""
    shown: dict[str, str] = field(default_factory=dict)
    """The variables that come with every event."""
    in_stasis: bool = False
    variables: dict[str, str] = field(default_factory=dict)
    sent_to: list[tuple[str, str]] = field(default_factory=list)
    """(context, extension) of each `continue`."""


class FakeAri:
    """The server. Set what is asked of it; look at what came."""

    def __init__(self) -> None:
        self.port = 0
        self.login = encode_basic_auth(USER, PASSWORD)
        self.channels: dict[str, FakeChannel] = {}
        self.requests: list[tuple[str, str, Query]] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.arrived: asyncio.Queue[web.WebSocketResponse] = asyncio.Queue()
        self.connections: list[float] = []
        """When each socket was opened (monotonic seconds)."""
        self.silent = False
        """The whole server hangs: neither requests, pings nor farewells are answered."""
        self.dead_socket = False
        """Only the WebSocket does; HTTP is answered."""
        self.status: dict[str, int] = {}
        """The status of requests whose path contains the key."""
        self.garbage = False
        """Bodies are no JSON."""
        self.refuses = 0
        """HTTP status of the WebSocket's opening, 0 to accept."""
        self.on_connected: Callable[[web.WebSocketResponse], Awaitable[Any]] | None = None
        self.on_sent_on: Callable[[FakeChannel], Awaitable[Any]] | None = None
        """What Asterisk does with a channel that was sent into the dialplan."""
        self.allowed: set[str] | None = None
        self.registered: set[str] = set()
        """Endpoints that are."""

    @property
    def socket(self) -> web.WebSocketResponse:
        """The present socket."""
        return self.sockets[-1]

    async def websocket(self, request: web.Request) -> web.StreamResponse:
        self.connections.append(time.monotonic())
        if self.refuses or request.headers.get("Authorization") != self.login:
            return web.Response(status=self.refuses or 401)
        socket = web.WebSocketResponse(autoping=False, autoclose=False, timeout=0.1)
        await socket.prepare(request)
        self.sockets.append(socket)
        self.allowed = None
        self.arrived.put_nowait(socket)
        if self.on_connected is not None:
            await self.on_connected(socket)
        async for message in socket:
            if self.silent or self.dead_socket:
                continue
            if message.type is WSMsgType.PING:
                await socket.pong(message.data)
            elif message.type is WSMsgType.TEXT:
                await self._rest(socket, from_json(message.data))
        while self.silent or self.dead_socket:  # a hung server, which must end
            await asyncio.sleep(0.01)
        return socket

    async def http(self, request: web.Request) -> web.Response:
        """One request as Asterisk's HTTP server takes it."""
        if request.headers.get("Authorization") != self.login:
            return web.Response(status=401)
        body = await request.read()
        path = request.raw_path.removeprefix("/ari/").partition("?")[0]
        while self.silent:
            await asyncio.sleep(0.01)
        status, answer = await self._answer(request.method, path, dict(request.query), body)
        text = b"<html>" if self.garbage else b"" if answer is None else to_json(answer)
        return web.Response(status=status, body=text, content_type="application/json")

    async def _rest(self, socket: web.WebSocketResponse, asked: Mapping[str, Any]) -> None:
        query = {one["name"]: one["value"] for one in asked.get("query_strings", [])}
        body = asked.get("message_body", "").encode()
        status, answer = await self._answer(asked["method"], asked["uri"], query, body)
        text = "<html>" if self.garbage else None if answer is None else to_json(answer).decode()
        if self.allowed is None or "RESTResponse" in self.allowed:
            response = {
                "type": "RESTResponse",
                "request_id": asked["request_id"],
                "status_code": status,
                "reason_phrase": "as the test says",
                "message_body": text,
            }
            with suppress(ConnectionError):
                await socket.send_str(to_json(response).decode())

    async def _answer(
        self, method: str, path: str, query: Query, body: bytes
    ) -> tuple[int, object]:
        self.requests.append((method, path, query))
        if (status := next((to for part, to in self.status.items() if part in path), 0)) != 0:
            return status, {"message": "as the test says"}
        match [unquote(part) for part in path.split("/")]:
            case ["applications", _, "eventFilter"]:
                self.allowed = {one["type"] for one in from_json(body)["allowed"]}
                return 200, {}
            case ["applications", name]:
                held = [one.id for one in self.channels.values() if one.in_stasis]
                return 200, {"name": name, "channel_ids": held}
            case ["asterisk", "info"]:
                return 200, {"status": {"startup_time": "2026-11-24T10:19:43.123+0000"}}
            case ["asterisk", "ping"]:
                return 200, {"ping": "pong"}
            case ["events", "claim"]:
                return await self._claimed(query["channelId"]), None
            case ["endpoints", "PJSIP", name]:
                return 200, {"state": "online" if name in self.registered else "offline"}
            case ["endpoints", "PJSIP", name, "sendMessage"]:
                return 202, None
            case ["channels"]:
                return 200, {}
            case ["channels", channel]:
                return (200, {}) if channel in self.channels else (404, None)
            case ["channels", channel, what]:
                status = self._commanded(channel, what, query, body)
                if what == "continue" and status == 204 and self.on_sent_on is not None:
                    await self.on_sent_on(self.channels[channel])
                return status, None
        return 404, {"message": "no such resource"}

    async def _claimed(self, name: str) -> int:
        channel = self.channels.get(name)
        if channel is None:
            return 404
        if channel.in_stasis:
            return 409
        await self.enter(channel)
        return 204

    def _commanded(self, name: str, what: str, query: Query, body: bytes) -> int:
        channel = self.channels.get(name)
        if channel is None:
            return 404
        if not channel.in_stasis:
            return 409
        match what:
            case "variable":
                channel.variables[query["variable"]] = query["value"]
            case "variables":
                channel.variables.update(from_json(body)["variables"])
            case "continue":
                channel.in_stasis = False
                channel.sent_to.append((query["context"], query["extension"]))
        return 204

    async def send(self, event: Mapping[str, object]) -> None:
        """An event, unless the filter takes it away."""
        if self.allowed is None or event["type"] in self.allowed:
            await self.socket.send_str(to_json(event).decode())

    async def call(self, channel: FakeChannel) -> FakeChannel:
        """A caller waits to be claimed."""
        self.channels[channel.id] = channel
        await self.send({"type": "CallBroadcast", "channel": _told(channel)})
        return channel

    async def enter(self, channel: FakeChannel) -> FakeChannel:
        """A caller is under our control."""
        channel.in_stasis = True
        self.channels[channel.id] = channel
        await self.send({"type": "StasisStart", "channel": _told(channel)})
        return channel

    def reset(self) -> None:
        """The socket is cut off without a farewell."""
        assert self.socket._req is not None
        transport = self.socket._req.transport
        assert transport is not None
        transport.abort()

    def paths(self) -> list[str]:
        """What was asked, without pings."""
        return [path for _, path, _ in self.requests if path != "asterisk/ping"]


def _told(channel: FakeChannel) -> Mapping[str, object]:
    return {
        "id": channel.id,
        "caller": {"name": "", "number": channel.caller},
        "channelvars": channel.shown,
        "newer": {"than": "we are"},
    }


@asynccontextmanager
async def serving() -> AsyncIterator[FakeAri]:
    """A server on a free port."""
    fake = FakeAri()
    app = web.Application(client_max_size=8 * 1024 * 1024)
    app.router.add_get("/ari/events", fake.websocket)
    app.router.add_route("*", "/ari/{rest:.*}", fake.http)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.port = runner.addresses[0][1]
    try:
        yield fake
    finally:
        fake.silent = fake.dead_socket = False
        for socket in fake.sockets:
            await socket.close()
        await runner.cleanup()


def ari_of(fake: FakeAri, *, dialect: Dialect = NEWEST, **times: float) -> Ari:
    """An adapter for `fake`, not yet running."""
    address = AriAddress("127.0.0.1", fake.port, USER, PASSWORD, APP)
    return Ari(
        address,
        step_context=STEPS,
        decide_context=DECIDE,
        dialect=dialect,
        ping_interval_s=times.get("ping_interval_s", 2.0),
        request_timeout_s=times.get("request_timeout_s", 2.0),
    )


@asynccontextmanager
async def running(ari: Ari) -> AsyncIterator[asyncio.Task[None]]:
    """`ari.run()` in a task that is cancelled and awaited in the end."""
    task = asyncio.create_task(ari.run(), name="ari")
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def linked(
    *, dialect: Dialect = NEWEST, **times: float
) -> AsyncIterator[tuple[FakeAri, Ari]]:
    """A server and a connected adapter."""
    async with serving() as fake:
        ari = ari_of(fake, dialect=dialect, **times)
        async with running(ari):
            await until(ari.connected.is_set)
            yield fake, ari


async def until(true: Callable[[], object], within_s: float = TIMEOUT_S) -> None:
    """Return when `true()`; for states that nobody announces."""
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.002)


async def next_offer(ari: Ari) -> Offer:
    """The next channel that asks."""
    async with asyncio.timeout(TIMEOUT_S):
        return await anext(ari.offers())
