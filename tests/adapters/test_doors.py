"""Doors among guests who say nothing, say too much, come too fast, or take the last descriptor."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from pbx_bridge.adapters import doors
from pbx_bridge.adapters.doors import Door, HttpDoor, Limits

TEST_TIMEOUT_S = 10
USUAL = Limits()
HALF = b"GET /he"
WHOLE = b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def live(_: web.Request) -> web.Response:
    return web.Response(text="running\n")


@asynccontextmanager
async def opened(limits: Limits = USUAL) -> AsyncIterator[tuple[Door, int]]:
    """A door for HTTP with its port."""
    app = web.Application()
    over = asyncio.Event()

    async def endless(_: web.Request) -> web.Response:
        await over.wait()
        return web.Response()

    app.router.add_get("/live", live)
    app.router.add_get("/endless", endless)
    http = HttpDoor("test", app, limits, close_timeout_s=0.1)
    listener = socket.create_server(("127.0.0.1", 0))
    await http.open(listener)
    assert http.door is not None
    try:
        yield http.door, listener.getsockname()[1]
    finally:
        over.set()
        await http.close()
        assert http.door.guests == 0


class Guests:
    """Sockets of those who knock."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.sockets: list[socket.socket] = []

    async def knock(self, said: bytes = b"") -> socket.socket:
        one = socket.socket()
        one.setblocking(False)
        self.sockets.append(one)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(one, ("127.0.0.1", self.port))
        if said:
            with suppress(ConnectionError):
                await loop.sock_sendall(one, said)
        return one

    async def heard(self, one: socket.socket) -> bytes:
        """What the door says until it closes."""
        loop = asyncio.get_running_loop()
        found = b""
        async with asyncio.timeout(TEST_TIMEOUT_S):
            with suppress(ConnectionError):
                while data := await loop.sock_recv(one, 4096):
                    found += data
        return found

    def leave(self) -> None:
        for one in self.sockets:
            one.close()


@contextmanager
def guests(port: int) -> Iterator[Guests]:
    found = Guests(port)
    try:
        yield found
    finally:
        found.leave()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TEST_TIMEOUT_S):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """The test is both sides of more connections than a process usually may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_descriptors")
async def test_eleven_hundred_who_say_half_a_request_keep_nobody_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    most = 0
    with capture_logs() as logs:
        async with opened(replace(USUAL, per_s=5000.0)) as (door, port):
            with guests(port) as crowd:
                for _ in range(1100):
                    await crowd.knock(HALF)
                    most = max(most, door.guests)
                for _ in range(20):
                    answer = await crowd.heard(await crowd.knock(WHOLE))
                    assert answer.endswith(b"running\n")
                    most = max(most, door.guests)
            await until(lambda: door.guests == 0)
            with guests(port) as later:
                assert (await later.heard(await later.knock(WHOLE))).endswith(b"running\n")
    assert most <= USUAL.connections
    assert [one["event"] for one in logs] == ["door_is_full"]
    assert caplog.records == []


async def test_when_all_have_asked_the_next_one_is_told_that_it_is_full() -> None:
    async with opened(replace(USUAL, connections=2)) as (door, port):
        with guests(port) as crowd:
            for _ in range(2):
                await crowd.knock(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await until(lambda: door.guests == 2 and all(one.has_asked for one in door._guests))
            assert (await crowd.heard(await crowd.knock())).startswith(b"HTTP/1.1 503 ")
            assert door.guests == 2


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (replace(USUAL, ask_s=0.05), b""),
        (replace(USUAL, ask_s=0.05), HALF),
        (replace(USUAL, stay_s=0.05), b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        (USUAL, b"GET /live HTTP/1.1\r\nX: " + b"y" * 100_000),
        (USUAL, b"GET /live HTTP/1.1\r\n" + b"X: y\r\n" * 20_000),
    ],
    ids=["nothing", "half", "endless", "a long header", "many headers"],
)
async def test_who_takes_too_long_or_says_too_much_is_shown_out(
    limits: Limits, said: bytes
) -> None:
    async with opened(limits) as (door, port):
        with guests(port) as crowd:
            answer = await crowd.heard(await crowd.knock(said))
            assert not answer.startswith(b"HTTP/1.1 200")
            await until(lambda: door.guests == 0)
            assert (await crowd.heard(await crowd.knock(WHOLE))).endswith(b"running\n")


async def test_the_head_is_known_however_it_is_cut() -> None:
    async with opened(replace(USUAL, ask_s=0.5)) as (door, port):
        for cut in range(len(WHOLE) - 5, len(WHOLE)):
            with guests(port) as crowd:
                one = await crowd.knock(WHOLE[:cut])
                await until(lambda: any(guest._heard for guest in door._guests))
                await asyncio.get_running_loop().sock_sendall(one, WHOLE[cut:])
                assert (await crowd.heard(one)).endswith(b"running\n")


async def test_more_than_so_many_a_second_are_not_admitted() -> None:
    began = time.monotonic()
    async with opened(replace(USUAL, connections=5, per_s=50.0)) as (_, port):
        with guests(port) as crowd:
            asking = [crowd.heard(await crowd.knock(WHOLE)) for _ in range(30)]
            answers = await asyncio.gather(*asking)
    admitted = sum(b"200 OK" in one for one in answers)
    assert admitted == 30
    assert time.monotonic() - began >= (30 - 5 - 1) / 50


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """The process may open nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(one.name) for one in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 2, hard))
    taken = []
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(0))
        yield
    finally:
        for one in taken:
            os.close(one)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_without_a_descriptor_it_is_said_once_and_those_who_knock_wait(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "ACCEPT_RETRY_S", 0.01)
    refused = 0

    async def counted(listener: socket.socket) -> tuple[socket.socket, object]:
        nonlocal refused
        try:
            return await accept(listener)
        except OSError as error:
            refused += error.errno == errno.EMFILE
            raise

    loop = asyncio.get_running_loop()
    accept = loop.sock_accept
    monkeypatch.setattr(loop, "sock_accept", counted)
    with capture_logs() as logs:
        async with opened() as (_, port):
            with guests(port) as crowd:
                waiting = [socket.socket() for _ in range(20)]
                crowd.sockets += waiting
                with no_descriptor_left():
                    for one in waiting:
                        one.setblocking(False)
                        await loop.sock_connect(one, ("127.0.0.1", port))
                        await loop.sock_sendall(one, WHOLE)
                    await until(lambda: refused >= 5)
                answers = await asyncio.gather(*(crowd.heard(one) for one in waiting))
                assert all(one.endswith(b"running\n") for one in answers)
    assert [one["event"] for one in logs] == ["door_admits_nobody"]
    assert logs[0]["why"] == os.strerror(errno.EMFILE)
    assert caplog.records == [], "asyncio writes no traceback for each"


async def test_a_trouble_is_said_when_it_begins_and_counted_when_it_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doors, "CALM_S", 0.05)
    trouble = doors.Trouble("garbled", door="test")

    def said(logs: Sequence[object]) -> Callable[[], bool]:
        return lambda: len(logs) == 2

    for count in (3, 1):
        with capture_logs() as logs:
            for number in range(count):
                trouble.note(why=str(number))
            await until(said(logs))
        first, last = logs
        assert (first["event"], first["door"], first["why"]) == ("garbled", "test", "0")
        assert (last["event"], last["times"]) == ("garbled_no_more", count)


async def test_one_connection_that_can_t_be_served_keeps_no_other_out() -> None:
    answered = asyncio.Event()

    class Greets(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.WriteTransport)
            transport.write(b"good day")
            transport.close()
            answered.set()

    tries = iter([RuntimeError("a defect of ours"), None])

    def protocol() -> asyncio.Protocol:
        if (error := next(tries)) is not None:
            raise error
        return Greets()

    door = Door("test", USUAL, protocol, asked=b"\n")
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    await door.open(listener)
    try:
        with capture_logs() as logs, guests(port) as crowd:
            assert await crowd.heard(await crowd.knock()) == b""
            assert await crowd.heard(await crowd.knock()) == b"good day"
            assert [one["event"] for one in logs] == ["door_admits_nobody"]
            await until(lambda: door.guests == 0)
    finally:
        await door.close()
