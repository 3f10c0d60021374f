"""SIP over TCP as a raw socket: whole messages, by whatever connections (RFC 3261, 18.3)."""

from __future__ import annotations

import asyncio
import re
import socket
from contextlib import suppress

from pbx_bridge.softphone.sipp import Address

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*(\d+)")


class Stream:
    """A listening port, and its connections, also those that are made from it."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.setblocking(False)
        self._peers: dict[Address, socket.socket] = {}
        self._received: asyncio.Queue[tuple[bytes, Address]] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        try:
            self._listener.bind((host, port))
            self._listener.listen()
        except OSError:
            self._listener.close()
            raise
        self.port = int(self._listener.getsockname()[1])
        self._keep(asyncio.get_running_loop().create_task(self._accept(), name="stream-accepts"))

    async def receive(self) -> tuple[bytes, Address]:
        """The next message, and from whom."""
        return await self._received.get()

    def send(self, data: bytes, to: Address) -> None:
        """By the connection that there is, else by a new one from our address."""
        if to not in self._peers:
            self._add(to, socket.create_connection(to, source_address=(self._host, 0)))
        self._peers[to].sendall(data)

    async def close(self) -> None:
        """Close the port and all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for one in (self._listener, *self._peers.values()):
            one.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, peer = await loop.sock_accept(self._listener)
            self._add(peer, connection)

    def _add(self, peer: Address, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._peers[peer] = connection
        reads = self._read(peer, connection)
        self._keep(asyncio.get_running_loop().create_task(reads, name="stream-reads"))

    async def _read(self, peer: Address, connection: socket.socket) -> None:
        held = b""
        with suppress(ConnectionError):
            while data := await asyncio.get_running_loop().sock_recv(connection, 65536):
                found, held = messages(held + data)
                for one in found:
                    self._received.put_nowait((one, peer))
        del self._peers[peer]
        connection.close()

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def messages(held: bytes) -> tuple[list[bytes], bytes]:
    """The messages that are whole, and what is left; empty lines between them are no message."""
    found: list[bytes] = []
    while True:
        held = held.lstrip(b"\r\n")
        head, end, _ = held.partition(_END)
        length = _LENGTH.search(head)
        size = len(head) + len(_END) + (int(length[1]) if length else 0)
        if not end or len(held) < size:
            return found, held
        found.append(held[:size])
        held = held[size:]


class Datagrams:
    """The same over UDP."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            self._socket.bind((host, port))
        except OSError:
            self._socket.close()
            raise
        self.port = int(self._socket.getsockname()[1])

    async def receive(self) -> tuple[bytes, Address]:
        """The next message, and from whom."""
        while True:
            with suppress(ConnectionError):  # the other end's port was closed
                return await asyncio.get_running_loop().sock_recvfrom(self._socket, 65536)

    def send(self, data: bytes, to: Address) -> None:
        """A message to somebody."""
        self._socket.sendto(data, to)

    async def close(self) -> None:
        """Close the port."""
        self._socket.close()
