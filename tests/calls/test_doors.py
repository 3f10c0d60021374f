"""Calls while somebody on the same machine knocks at the bridge's doors."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from pbx_bridge.stage import Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

MANY = 1100
LONGEST_LOG_BYTES = 5_000
"""By which the bridge's log may grow meanwhile; it was 110 MB."""


@asynccontextmanager
async def crowd(port: int) -> AsyncIterator[None]:
    """So many who say half a request and stay."""
    loop = asyncio.get_running_loop()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    there: list[socket.socket] = []
    try:
        for _ in range(MANY):
            there.append(one := socket.socket())
            one.setblocking(False)
            await loop.sock_connect(one, ("127.0.0.1", port))
            await loop.sock_sendall(one, b"GET /he")
        yield
    finally:
        for one in there:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def live(port: int) -> int:
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"http://127.0.0.1:{port}/live") as answer,
    ):
        return answer.status


async def test_those_who_say_half_a_request_keep_no_call_from_its_decision(stage: Stage) -> None:
    port = stage.up.running.operations_port
    log = stage.up.site.deployment.state / "bridge.log"
    before = log.stat().st_size
    for door in (port, stage.up.running.fastagi_port):
        async with crowd(door):
            asked = await stage.call("*#23#", phone="104")
            assert "code-asked" in asked.whys
            outside = await stage.call("018000199")
            assert outside.whys[0] == "unknown-number"
            assert await live(port) == 200
    assert await live(port) == 200
    assert log.stat().st_size - before < LONGEST_LOG_BYTES
