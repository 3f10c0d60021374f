"""SIP over TCP and TLS: whole messages, by whatever connections (RFC 3261, 18.3)."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from contextlib import suppress
from pathlib import Path

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


class Secure:
    """The same over TLS: it shows a certificate, and takes any where it calls itself."""

    def __init__(self, host: str, port: int, certificate: Path) -> None:
        """`certificate` and its key are in one file."""
        self._host = host
        self._shows = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._shows.load_cert_chain(certificate)
        self._socket = socket.create_server((host, port))
        self.port = int(self._socket.getsockname()[1])
        self.taken = 0
        """Connections whose other end has taken the certificate, and sent something."""
        self._peers: dict[Address, asyncio.StreamWriter] = {}
        self._received: asyncio.Queue[tuple[bytes, Address]] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._keep(asyncio.get_running_loop().create_task(self._serve(), name="secure-serves"))

    async def receive(self) -> tuple[bytes, Address]:
        """The next message, and from whom."""
        return await self._received.get()

    async def connect(self, to: Address) -> None:
        """A connection of our own, by which `send` goes there from now on."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection(*to, ssl=context, local_addr=(self._host, 0))
        self._peers[to] = writer
        self._keep(asyncio.get_running_loop().create_task(self._read(to, reader)))

    def send(self, data: bytes, to: Address) -> None:
        """By the connection that there is."""
        self._peers[to].write(data)

    async def close(self) -> None:
        """Close the port and all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for one in self._peers.values():
            one.transport.abort()
        self._socket.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accepted, sock=self._socket, ssl=self._shows)
        try:
            await asyncio.Event().wait()
        finally:
            server.close()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        self._peers[peer] = writer
        await self._read(peer, reader)

    async def _read(self, peer: Address, reader: asyncio.StreamReader) -> None:
        held, first = b"", True
        with suppress(ConnectionError, ssl.SSLError):
            while data := await reader.read(65536):
                self.taken += first
                first = False
                found, held = messages(held + data)
                for one in found:
                    self._received.put_nowait((one, peer))

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
