"""Whether the ports of an exchange are free, and who holds those that aren't (proc(5))."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import chain
from pathlib import Path

from pbx_bridge.asterisk.settings import Settings

ANYWHERE = ("0" * 8, "0" * 32)
"""Of IPv4, and of IPv6, which may be IPv4 as well."""


@dataclass(frozen=True, slots=True)
class Door:
    """A port that an exchange listens on."""

    name: str
    host: str
    port: int
    kind: socket.SocketKind
    option: str
    """Of the command line; 0 takes any free port."""
    key: str
    """In config.yaml."""
    by_asterisk: bool = True
    """Whether Asterisk opens it."""

    @property
    def family(self) -> socket.AddressFamily:
        """Of its address."""
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET


def doors(settings: Settings, operations_port: int) -> tuple[Door, ...]:
    """Every port that is taken by one exchange, but for those of sound, which Asterisk tries."""
    tcp, control = socket.SOCK_STREAM, settings.control_host
    return (
        *_of_sip(settings),
        Door("ARI", control, settings.http_port, tcp, "--ari-port", "asterisk: ari_port"),
        Door("AMI", control, settings.ami_port, tcp, "--ami-port", "asterisk: ami_port"),
        Door("FastAGI", control, settings.fastagi_port, tcp, "--agi-port", "agi_port", False),
        Door(
            *("operations", control, operations_port, tcp),
            *("--operations-port", "operations: port", False),
        ),
    )


def _of_sip(settings: Settings) -> Iterator[Door]:
    ways = (
        ("SIP", settings.sip_port, socket.SOCK_DGRAM, "sip_port"),
        ("SIP over TCP", settings.sip_tcp_port, socket.SOCK_STREAM, "tcp_port"),
        ("SIP over TLS", settings.sip_tls_port, socket.SOCK_STREAM, "tls_port"),
    )
    for host in filter(None, (settings.sip_host, settings.sip_host6)):
        for name, port, kind, key in ways:
            if port is not None:
                yield Door(name, host, port, kind, "--sip-port", f"asterisk: {key}")


def clashes(wanted: Iterable[Door]) -> list[str]:
    """A sentence for each port that can't be opened: which, who holds it, and what helps."""
    return [found for door in wanted if (found := _clash(door)) is not None]


def not_held(wanted: Iterable[Door], pid: int) -> list[str]:
    """A sentence for each port that a process should listen on and doesn't: who has it instead."""
    own = set(_opened(Path(f"/proc/{pid}")))
    found: list[str] = []
    for door in wanted:
        sockets = [f"socket:[{inode}]" for inode in _inodes(door)]
        if not sockets:
            found.append(f"{_where(door)}: Asterisk does not listen there; see its log")
        elif own.isdisjoint(sockets):
            found.append(_taken(door))
    return found


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of loopback that nobody has at this moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _clash(door: Door) -> str | None:
    where = _where(door)
    try:
        with socket.socket(door.family, door.kind) as probe:
            if door.kind is socket.SOCK_STREAM:
                # Connections that ended a moment ago are no clash, for Asterisk neither.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((door.host, door.port))
            if door.kind is socket.SOCK_STREAM:
                probe.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return _taken(door)
        if error.errno == errno.EADDRNOTAVAIL:
            key = "host" if door.family is socket.AF_INET else "host_ipv6"
            return f"{where}: this machine has no such address; see asterisk: {key} in config.yaml"
        if error.errno == errno.EACCES:
            return f"{where} is below 1024, which needs root; use {door.option} with another one"
        raise
    return None


def _where(door: Door) -> str:
    return f"{door.name} port {door.port} of {door.host}"


def _taken(door: Door) -> str:
    held = _who(door) or "a process that is not ours to see"
    return (
        f"{_where(door)} is taken by {held}; use {door.option} 0 for any free one, or write "
        f"another one in config.yaml under {door.key}"
    )


def _who(door: Door) -> str | None:
    """The holder of a port, where we may see it."""
    sockets = {f"socket:[{inode}]" for inode in _inodes(door)}
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and sockets & set(_opened(process)):
            return _named(process)
    return None


def _inodes(door: Door) -> Iterator[str]:
    table = "udp" if door.kind is socket.SOCK_DGRAM else "tcp"
    tables = [Path(f"/proc/net/{table}"), Path(f"/proc/net/{table}6")]
    address = _as_in_proc(door.host)
    for line in chain.from_iterable(_lines(one) for one in tables):
        fields = line.split()
        host, _, port = fields[1].partition(":")
        listens = door.kind is socket.SOCK_DGRAM or fields[3] == "0A"
        if listens and int(port, 16) == door.port and host in (address, *ANYWHERE):
            yield fields[9]


def _lines(table: Path) -> list[str]:
    """Of a table of sockets; none where the machine has no IPv6."""
    with contextlib.suppress(FileNotFoundError):
        return table.read_text().splitlines()[1:]
    return []


def _as_in_proc(address: str) -> str:
    """An address in words of 32 bits, each with its bytes turned round."""
    packed = ip_address(address).packed
    words = (packed[at : at + 4][::-1] for at in range(0, len(packed), 4))
    return b"".join(words).hex().upper()


def _opened(process: Path) -> Iterator[str]:
    with contextlib.suppress(OSError):  # it has ended, or is another user's
        for one in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                yield str(one.readlink())


def _named(process: Path) -> str:
    """Name and number of a process, and which exchange it is of."""
    try:
        name = (process / "comm").read_text().strip()
        words = [os.fsdecode(one) for one in (process / "cmdline").read_bytes().split(b"\0")]
    except OSError:
        return f"process {process.name}"
    told = f"{name} (pid {process.name})"
    for option, following in itertools.pairwise(words):
        if option == "-C" and following.endswith("/asterisk/etc/asterisk.conf"):
            return f"{told}, of the exchange in {Path(following).parents[2]}"
        if option == "--state" and "pbx_bridge" in words:
            return f"{told}, of the exchange in {following}"
    return told
