"""One WebSocket to ARI, from its opening to its end: requests, answers and events."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import aiohttp

from pbx_bridge.ports import PbxRejected, PbxUnavailable
from pbx_bridge.wire import ari

CONNECT_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 0.5
"""For a peer's farewell; one that has fallen silent says none, and callers wait for the next
connection meanwhile."""


class Silent(PbxUnavailable):
    """Asterisk gave no answer. It may only hang, and take up later what it was sent: a connection
    that was given up is then served, and takes over our application's name."""


@dataclass(frozen=True, slots=True)
class AriAddress:
    """Where Asterisk's HTTP server is, and who we are there."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    app: str = "pbx-bridge"

    @property
    def http(self) -> str:
        """The root of ARI's resources."""
        return f"http://{self.host}:{self.port}/ari"


class AriSocket:
    """A connected socket. Use as a context manager; `read` runs until the socket ends."""

    def __init__(
        self, address: AriAddress, *, over_websocket: bool, timeout_s: float, heartbeat_s: float
    ) -> None:
        self._address = address
        self._over_websocket = over_websocket
        self._timeout_s = timeout_s
        self._heartbeat_s = heartbeat_s
        self._ids = itertools.count(1)
        self._pending: dict[str, asyncio.Future[ari.Response]] = {}
        authorization = aiohttp.encode_basic_auth(address.user, address.password)
        self._session = aiohttp.ClientSession(headers={"Authorization": authorization})
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    async def __aenter__(self) -> Self:
        """Connect. Raises `PbxUnavailable`, or `PbxRejected` for wrong credentials."""
        address = self._address
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                self._socket = await self._session.ws_connect(
                    f"{address.http}/events",
                    params={"app": address.app, "subscribeAll": "false"},
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
                    heartbeat=self._heartbeat_s,
                )
        except aiohttp.WSServerHandshakeError as error:
            await self._session.close()
            if error.status in (401, 403):
                raise PbxRejected(
                    f"ARI at {address.host}:{address.port} refuses user {address.user!r}: "
                    "compare ari.conf with the bridge's credentials"
                ) from None
            raise PbxUnavailable(f"ARI answered {error.status}") from error
        except BaseException as error:
            await self._session.close()
            if isinstance(error, aiohttp.ClientError | OSError | TimeoutError):
                why = str(error) or type(error).__name__
                kind = Silent if isinstance(error, TimeoutError) else PbxUnavailable
                raise kind(
                    f"ARI at {address.host}:{address.port} can't be reached: {why}"
                ) from error
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close, and fail every request that waits; none is ever sent again."""
        for future in list(self._pending.values()):
            _fail(future, "the ARI socket was lost")
        if self._socket is not None:
            await self._socket.close()
        await self._session.close()

    async def read(self, heard: Callable[[ari.Message], None]) -> None:
        """Give every event to `heard`, in order. Raises `PbxUnavailable` when the socket ends."""
        assert self._socket is not None
        async for message in self._socket:
            if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                continue
            match ari.read(message.data):
                case ari.Response(request_id) as response:
                    waiting = self._pending.get(request_id)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(response)
                case event:
                    heard(event)
        if isinstance(self._socket.exception(), TimeoutError):
            raise Silent("Asterisk didn't answer the ARI socket's ping")
        raise PbxUnavailable("Asterisk closed the ARI socket")

    def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: object = None,
    ) -> asyncio.Future[ari.Response]:
        """Put a request on the wire and return its answer's future.

        Nothing is awaited, so requests leave in the order of the calls.
        """
        future: asyncio.Future[ari.Response] = asyncio.get_running_loop().create_future()
        if self._socket is None or self._socket.closed:
            _fail(future, "ARI is not connected")
            return future
        request_id = str(next(self._ids))
        self._pending[request_id] = future
        future.add_done_callback(lambda _: self._pending.pop(request_id, None))
        message = ari.request(request_id, method, path, query, body)
        write = asyncio.ensure_future(self._socket.send_str(message.decode()))
        write.add_done_callback(lambda done: _fail_with(future, done))
        return future

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: object = None,
    ) -> ari.Response:
        """One request and its answer, whatever its status. Raises `PbxUnavailable`."""
        if not self._over_websocket:
            return await self._over_http(method, path, query, body)
        return await self.answer(self.send(method, path, query, body))

    async def answer(self, future: asyncio.Future[ari.Response]) -> ari.Response:
        """The answer of a sent request. Raises `PbxUnavailable` when none comes in time."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await future
        except TimeoutError:
            raise Silent(f"ARI gave no answer in {self._timeout_s} s") from None

    async def _over_http(
        self, method: str, path: str, query: Mapping[str, str] | None, body: object
    ) -> ari.Response:
        timeout = aiohttp.ClientTimeout(total=self._timeout_s)
        try:
            async with self._session.request(
                method, f"{self._address.http}/{path}", params=query, json=body, timeout=timeout
            ) as answer:
                found = ari.decoded(await answer.read())
                return ari.Response("", answer.status, answer.reason or "", found)
        except (aiohttp.ClientError, TimeoutError) as error:
            kind = Silent if isinstance(error, TimeoutError) else PbxUnavailable
            raise kind(f"ARI gave no answer: {error!r}") from error


def _fail(future: asyncio.Future[ari.Response], why: str) -> None:
    if not future.done():
        future.set_exception(PbxUnavailable(why))
        future.exception()


def _fail_with(future: asyncio.Future[ari.Response], write: asyncio.Future[None]) -> None:
    """A request that could not be written is answered with the reason."""
    if not write.cancelled() and (error := write.exception()) is not None:
        _fail(future, f"the ARI socket was lost: {error}")
