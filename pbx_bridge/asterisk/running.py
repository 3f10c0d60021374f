"""Where the running exchange is: written when Asterisk is up, read by everybody else."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from pbx_bridge.asterisk.settings import instance_of
from pbx_bridge.files import replace_file
from pbx_bridge.ports import PbxUnavailable

FILE = "exchange.json"
MOST_PORT = 65535
Door = tuple[str, str, int]
"""A way in by SIP: udp, tcp or tls, the address, and the port."""


@dataclass(frozen=True, slots=True)
class Running:
    """The addresses of one exchange; holds no secret."""

    sip_host: str
    sip_port: int
    control_host: str
    http_port: int
    ami_port: int
    fastagi_port: int
    folder: Path
    """Asterisk's run folder."""
    program: tuple[str, ...]
    """The argument list that starts this Asterisk, empty for an external one."""
    version: str
    has_broadcast: bool
    clock_offset_s: int
    sip_tcp_port: int | None = None
    """None, here and below: that door is closed."""
    sip_tls_port: int | None = None
    sip_host6: str = ""
    operations_port: int = 0
    """Of the bridge's metrics and health, 0 for any free one."""

    @property
    def cel_file(self) -> Path:
        """Asterisk's record."""
        return self.folder / "log/cel-custom/events.csv"

    @property
    def notes(self) -> Path:
        """Spoken notes (see `Settings.notes`)."""
        return self.folder / "spool/notes"

    @property
    def logs(self) -> Path:
        """Asterisk's logs (see `Settings.log`)."""
        return self.folder / "log"

    @property
    def messages(self) -> Path:
        """Voicemail, a folder a mailbox."""
        return self.folder / "spool/voicemail/default"

    @property
    def certificate(self) -> Path:
        """What phones are shown by the TLS door."""
        return self.folder / "etc/certificate.pem"

    @property
    def instance(self) -> str:
        """What this exchange calls itself towards SIP."""
        return instance_of(self.folder)

    @property
    def sip_doors(self) -> tuple[Door, ...]:
        """Every way to it."""
        hosts = (self.sip_host, self.sip_host6)
        return doors(hosts, self.sip_port, self.sip_tcp_port, self.sip_tls_port)

    @property
    def sip(self) -> tuple[str, int]:
        """Where phones and trunk find Asterisk."""
        return self.sip_host, self.sip_port


def doors(
    hosts: Iterable[str | None], udp: int, tcp: int | None, tls: int | None
) -> tuple[Door, ...]:
    """The doors of an exchange at its addresses; None is none of that kind."""
    ports = {"udp": udp, "tcp": tcp, "tls": tls}
    return tuple(
        (way, host, port)
        for host in hosts
        if host
        for way, port in ports.items()
        if port is not None
    )


_RUNNING = TypeAdapter(Running)


def save(running: Running, state: Path) -> None:
    """Write it into the state folder."""
    held: dict[str, Any] = asdict(running) | {"folder": str(running.folder)}
    replace_file(state / FILE, json.dumps(held, indent=1))


def load(state: Path) -> Running:
    """Read it from the state folder. Raises `PbxUnavailable`."""
    try:
        held = json.loads((state / FILE).read_text(encoding="utf-8"))
        found = _RUNNING.validate_python(held)
        extra = (found.sip_tcp_port or 0, found.sip_tls_port or 0)
        ports = (*extra, found.sip_port, found.http_port, found.ami_port, found.fastagi_port)
        if any(not 0 <= one <= MOST_PORT for one in (*ports, found.operations_port)):
            raise ValueError(ports)
        return found
    except (OSError, ValueError, RecursionError):
        raise PbxUnavailable(
            f"no exchange runs with the state folder {state}; start one with `pbx-bridge up`"
        ) from None
