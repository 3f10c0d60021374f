"""Doors at which anybody on this machine may knock: how many at once, how fast, and how long
they may take to say what they want.

asyncio's own servers admit whatever comes until no descriptor is left, and then write a traceback
for each connection that can't be accepted: a user without any rights could fill the disk, and keep
the bridge from its calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from aiohttp import web

log = structlog.get_logger(__name__)

BACKLOG = 128
ACCEPT_RETRY_S = 0.5
"""After the system could not give a descriptor."""
CALM_S = 60.0
"""Without any more of it, and a trouble is over."""
HTTP_HEAD_BYTES = 8 * 1024
HTTP_FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one door admits."""

    connections: int = 50
    """At once. Where there are more, those that have asked nothing yet go first."""
    per_s: float = 200.0
    """New ones; further ones wait in the system's own queue."""
    ask_s: float = 5.0
    """Until all is said that is wanted: the head of a request."""
    ask_bytes: int = HTTP_HEAD_BYTES
    """Of that head."""
    stay_s: float = 30.0
    """Until the answer has been taken."""


class Trouble:
    """Something that happens again and again: said when it begins, and counted when it is over."""

    def __init__(self, event: str, **details: object) -> None:
        self._event = event
        self._details = details
        self._count = 0
        self._last = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def note(self, **details: object) -> None:
        """It has happened; `details` are said of the first time."""
        loop = asyncio.get_running_loop()
        self._count += 1
        self._last = loop.time()
        if self._timer is None:
            log.warning(self._event, **self._details, **details)
            self._timer = loop.call_later(CALM_S, self._look)

    def close(self) -> None:
        """Say nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        left_s = self._last + CALM_S - loop.time()
        if left_s > 0:
            self._timer = loop.call_later(left_s, self._look)
            return
        log.info(f"{self._event}_no_more", **self._details, times=self._count)
        self._count, self._timer = 0, None


class Door:
    """Accepts connections on one socket, within limits."""

    def __init__(
        self,
        name: str,
        limits: Limits,
        protocol: Callable[[], asyncio.Protocol],
        *,
        asked: bytes,
        full: bytes = b"",
    ) -> None:
        """`protocol` serves one connection. `asked` is how the head of a question ends; `full`
        is said to whoever isn't admitted."""
        self.limits = limits
        self._protocol = protocol
        self._asked = asked
        self._full = full
        self._guests: dict[_Guest, None] = {}
        """In the order in which they came."""
        self._accepting: asyncio.Task[None] | None = None
        self._listener: socket.socket | None = None
        self._earliest = 0.0
        self._is_full = Trouble("door_is_full", door=name, most=limits.connections)
        self._is_shut = Trouble("door_admits_nobody", door=name)

    @property
    def guests(self) -> int:
        """How many are admitted now."""
        return len(self._guests)

    async def open(self, listener: socket.socket) -> None:
        """Listen on a bound socket, which is closed with the door. Raises `OSError`."""
        listener.listen(BACKLOG)
        listener.setblocking(False)
        self._listener = listener
        self._accepting = asyncio.create_task(self._accept(listener), name="door")

    async def close(self) -> None:
        """Admit nobody any more. Who was admitted is the protocols' concern; idempotent."""
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()
        self._is_full.close()
        self._is_shut.close()
        self._accepting = self._listener = None

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._pace(loop)
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError as error:  # EMFILE, ENFILE, ENOBUFS: those who knock wait
                self._is_shut.note(why=error.strerror)
                await asyncio.sleep(ACCEPT_RETRY_S)
                continue
            try:
                await self._admit(loop, connection)
            except Exception as error:  # whatever one connection brings, the next ones are admitted
                self._is_shut.note(why=str(error) or type(error).__name__)
                connection.close()

    async def _pace(self, loop: asyncio.AbstractEventLoop) -> None:
        """Not more than so many a second, after as many at once as may be admitted."""
        now, each = loop.time(), 1 / self.limits.per_s
        self._earliest = max(self._earliest, now - self.limits.connections * each) + each
        if self._earliest > now:
            await asyncio.sleep(self._earliest - now)

    async def _admit(self, loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
        if len(self._guests) >= self.limits.connections:
            self._is_full.note()
            silent = next((one for one in self._guests if not one.has_asked), None)
            if silent is None:
                with contextlib.suppress(OSError):
                    connection.send(self._full)
                connection.close()
                return
            silent.end()
        guest = _Guest(self._protocol(), self.limits, self._asked, self._left)
        self._guests[guest] = None
        try:
            await loop.connect_accepted_socket(lambda: guest, connection)
        except BaseException:
            self._left(guest)
            raise

    def _left(self, guest: _Guest) -> None:
        self._guests.pop(guest, None)


class _Guest(asyncio.Protocol):
    """One connection: hands everything on to the protocol that serves it, and keeps its time."""

    def __init__(
        self,
        protocol: asyncio.Protocol,
        limits: Limits,
        asked: bytes,
        left: Callable[[_Guest], None],
    ) -> None:
        self.has_asked = False
        self._protocol = protocol
        self._limits = limits
        self._asked = asked
        self._left = left
        self._heard = 0
        self._tail = b""
        self._transport: asyncio.BaseTransport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def end(self) -> None:
        """Close it at once."""
        self._left(self)
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._time(self._limits.ask_s)
        self._protocol.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if not self.has_asked:
            self._heard += len(data)
            self.has_asked = self._asked in self._tail + data
            self._tail = (self._tail + data)[1 - len(self._asked) :]
            if self.has_asked:
                self._time(self._limits.stay_s)
            elif self._heard > self._limits.ask_bytes:
                self.end()
                return
        self._protocol.data_received(data)

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received()

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._left(self)
        self._protocol.connection_lost(exc)

    def _time(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.end)


class HttpDoor:
    """A door for HTTP: one request a connection."""

    def __init__(
        self, name: str, app: web.Application, limits: Limits, close_timeout_s: float
    ) -> None:
        """`close_timeout_s`: for answers under way when the door closes."""
        app.on_response_prepare.append(_last)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=close_timeout_s,
            max_line_size=limits.ask_bytes,
            max_field_size=limits.ask_bytes,
        )
        self._name = name
        self._limits = limits
        self.door: Door | None = None

    async def open(self, listener: socket.socket) -> None:
        """Serve on a bound socket, which is closed with the door. Raises `OSError`."""
        await self._runner.setup()
        server = self._runner.server
        assert server is not None
        self.door = Door(self._name, self._limits, server, asked=b"\r\n\r\n", full=HTTP_FULL)
        await self.door.open(listener)

    async def close(self) -> None:
        """Admit nobody any more, and end what is under way. Idempotent."""
        if self.door is not None:
            await self.door.close()
        await self._runner.cleanup()


async def _last(_: web.Request, response: web.StreamResponse) -> None:
    """Whoever asks again connects again: nobody keeps a place by saying nothing."""
    response.force_close()
