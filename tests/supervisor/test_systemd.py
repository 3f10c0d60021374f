"""What systemd is told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pbx_bridge.supervisor import systemd


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.bind(path)
        door.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        yield door


def test_lines_arrive_as_one_datagram(listener: socket.socket) -> None:
    assert systemd.under_systemd()
    systemd.tell("READY=1", "STATUS=telephones are up")
    assert listener.recv(1000) == b"READY=1\nSTATUS=telephones are up"


def test_an_abstract_socket_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.bind("\0pbx-bridge-test")
        door.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", "@pbx-bridge-test")
        systemd.tell("READY=1")
        assert door.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "/nowhere/at/all"])
def test_nobody_who_listens_is_no_error(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    systemd.tell("READY=1")


async def test_the_watchdog_hears_twice_within_its_time(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    listener.settimeout(0)
    signs = asyncio.create_task(systemd.stay_alive())
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(5):
        heard = [await loop.sock_recv(listener, 100) for _ in range(3)]
    signs.cancel()
    assert heard == [b"WATCHDOG=1"] * 3
