"""A manager on loopback that says what a test tells it, and reads actions as Asterisk does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from random import Random
from types import TracebackType
from typing import Any

from pbx_bridge.adapters.ami import Ami
from pbx_bridge.ports import PbxRejected

TIMEOUT_S = 5.0
GREETING = b"Asterisk Call Manager/11.0.0\r\n"

Headers = dict[str, str]


class Session:
    """One connection, seen from Asterisk's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self.answers_pings = True
        self.pings = 0

    async def action(self) -> Headers:
        """The next action that is not a ping."""
        async with asyncio.timeout(TIMEOUT_S):
            while (headers := await self._read())["Action"] == "Ping":
                self.pings += 1
                if self.answers_pings:
                    self.answer(headers, "Success", "Ping: Pong")
        return headers

    async def ended(self) -> None:
        """Return when the other side has closed."""
        async with asyncio.timeout(TIMEOUT_S):
            try:
                while True:
                    await self.action()
            except (asyncio.IncompleteReadError, ConnectionError):
                return

    async def _read(self) -> Headers:
        """As Asterisk: a bare LF ends a line, an empty line ends an action."""
        headers: Headers = {}
        while line := (await self._reader.readuntil(b"\n")).decode().rstrip("\r\n"):
            name, _, value = line.partition(": ")
            headers[name] = value
        return headers

    def say(self, *lines: str) -> None:
        """Send one message."""
        self.writer.write("".join(f"{line}\r\n" for line in (*lines, "")).encode())

    def answer(self, to: Headers, response: str, *lines: str) -> None:
        """Send a response to the action `to`."""
        self.say(f"Response: {response}", f"ActionID: {to['ActionID']}", *lines)

    def item(self, to: Headers, event: str, *lines: str) -> None:
        """Send one event of the list that answers `to`."""
        self.say(f"Event: {event}", f"ActionID: {to['ActionID']}", *lines)

    def begin_list(self, to: Headers) -> None:
        """Send the response with which a list begins."""
        self.answer(to, "Success", "EventList: start", "Message: Result will follow")

    def end_list(self, to: Headers) -> None:
        """Send the event with which a list ends."""
        self.item(to, f"{to['Action']}Complete", "EventList: Complete", "ListItems: 0")

    async def let_in(self) -> Headers:
        """Accept the login, fully booted; return what the login said."""
        login = await self.action()
        self.answer(login, "Success", "Message: Authentication accepted")
        self.say("Event: FullyBooted", "Status: Fully Booted")
        return login

    def hang_up(self) -> None:
        """End the connection."""
        self.writer.close()


class FakeAmi:
    """The listening side; it greets every connection."""

    def __init__(self, greeting: bytes = GREETING) -> None:
        self._greeting = greeting
        self._waiting: asyncio.Queue[Session] = asyncio.Queue()
        self._sessions: list[Session] = []
        self.port = 0

    async def __aenter__(self) -> FakeAmi:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._server.close()
        await self._server.wait_closed()
        for session in self._sessions:
            session.hang_up()
        await until(lambda: all(s.writer.transport.is_closing() for s in self._sessions))

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self._greeting)
        session = Session(reader, writer)
        self._sessions.append(session)
        self._waiting.put_nowait(session)

    async def session(self) -> Session:
        """The next connection that somebody makes."""
        async with asyncio.timeout(TIMEOUT_S):
            return await self._waiting.get()

    @property
    def connections(self) -> int:
        """How many were ever made."""
        return len(self._sessions)


async def until(true: Callable[[], bool]) -> None:
    """Return when `true()`; for states that nobody announces."""
    async with asyncio.timeout(TIMEOUT_S):
        while not true():
            await asyncio.sleep(0.001)


def ami_of(server: FakeAmi, **options: Any) -> Ami:
    """An adapter for `server`, not yet running."""
    options.setdefault("silence_s", 2.0)
    return Ami("127.0.0.1", server.port, user="bridge", secret="made-up", rng=Random(1), **options)


@asynccontextmanager
async def running(ami: Ami) -> AsyncIterator[asyncio.Task[None]]:
    """`ami.run()` in a task that is cancelled and awaited in the end."""
    task = asyncio.create_task(ami.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, PbxRejected):
            await task


@asynccontextmanager
async def linked(**options: Any) -> AsyncIterator[tuple[Ami, FakeAmi, Session]]:
    """A connected adapter, its server, and the server's side of the connection."""
    async with FakeAmi() as server:
        ami = ami_of(server, **options)
        async with running(ami):
            session = await server.session()
            await session.let_in()
            await ami.wait_connected(TIMEOUT_S)
            yield ami, server, session


def asking(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """The coroutine, under way while the test plays Asterisk."""
    return asyncio.create_task(coroutine)
