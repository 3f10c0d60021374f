"""Where one Asterisk lives and which ports it has: what the plan doesn't say."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from pathlib import Path

SOCKET_PATH_BYTES = 107
"""Longest path of a Unix socket on Linux, without its closing NUL."""
PORTS_PER_CALL = 4
"""Two for each of its ends."""


@dataclass(frozen=True)
class Settings:
    """The run folder and the ports of one Asterisk. Raises `ValueError` when they can't work."""

    folder: Path
    """The run folder: everything that Asterisk reads and writes of its own is below it."""
    sip_port: int
    http_port: int
    ami_port: int
    fastagi_port: int
    rtp_first: int = 10000
    rtp_last: int = 10999
    sip_host: str = "127.0.0.1"
    """IPv4 address that phones and trunk reach; also told to them as the address of sound."""
    sip_tcp_port: int | None = None
    """SIP over TCP; None: that door is closed."""
    sip_tls_port: int | None = None
    sip_host6: str = ""
    """IPv6 address with the same doors as `sip_host`; "": none."""
    opus: str = ""
    """The module that transcodes Opus; "" where this Asterisk has none."""
    control_host: str = "127.0.0.1"
    """Loopback address of ARI, AMI and FastAGI."""
    modules: Path | None = None
    """Asterisk's modules, `None` for the folder that the program was built with."""
    data: Path | None = None
    """Asterisk's data (XML documentation, sounds), `None` as above."""
    moh: Path | None = None
    """Folder of music for callers who wait; `None`: none is played."""
    ari_app: str = "pbx-bridge"
    claim_timeout_ms: int = 300
    """How long a call waits for a bridge to claim it before it goes to the fallback."""
    guard_seconds: int = 5
    """How long a claimed call waits for its step before it goes to the fallback."""
    clock_offset_s: int = 0
    """Seconds by which the bridge's clock is ahead of the machine's; 0 in service."""
    most_calls: int = 200
    """Callers from outside at once; further ones are refused, and phones can still call."""
    security_log: bool = False
    """Whether refused requests are written to `security.log`, with their addresses."""
    has_broadcast: bool = True
    """Whether this Asterisk has StasisBroadcast (see `version.has_broadcast`)."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """Further values for templates, by name."""

    def __post_init__(self) -> None:
        address = _ipv4("sip_host", self.sip_host)
        if address.is_unspecified:
            raise ValueError(
                f"sip_host {self.sip_host}: give the one address that phones reach; "
                "it is also told to them as the address of sound"
            )
        if self.sip_host6:
            IPv6Address(self.sip_host6)
        if not _ipv4("control_host", self.control_host).is_loopback:
            raise ValueError(f"control_host {self.control_host}: must be a loopback address")
        if self.rtp_last - self.rtp_first < 3:
            raise ValueError(
                f"rtp {self.rtp_first}-{self.rtp_last}: a call takes two ports a phone; widen it"
            )
        if self.rtp_last - self.rtp_first < PORTS_PER_CALL * self.most_calls:
            raise ValueError(
                f"most_calls {self.most_calls}: the sound of a call takes {PORTS_PER_CALL} ports, "
                f"and there are {self.rtp_last - self.rtp_first + 1}; allow fewer"
            )
        if not self.folder.is_absolute():
            raise ValueError(f"{self.folder}: the run folder must be an absolute path")
        if len(os.fsencode(self.control_socket)) > SOCKET_PATH_BYTES:
            raise ValueError(
                f"{self.folder}: too long for Asterisk's control socket "
                f"({SOCKET_PATH_BYTES} bytes with run/asterisk.ctl); choose a shorter state folder"
            )

    @property
    def instance(self) -> str:
        """What this exchange calls itself towards SIP."""
        return instance_of(self.folder)

    @property
    def etc(self) -> Path:
        """The rendered configuration."""
        return self.folder / "etc"

    @property
    def config(self) -> Path:
        """The file that `asterisk -C` is started with."""
        return self.etc / "asterisk.conf"

    @property
    def log(self) -> Path:
        """Asterisk's logs and, below it, the record."""
        return self.folder / "log"

    @property
    def log_file(self) -> Path:
        """Notices, warnings and errors of Asterisk."""
        return self.log / "messages.log"

    @property
    def certificate(self) -> Path:
        """What phones are shown by the TLS door."""
        return self.etc / "certificate.pem"

    @property
    def certificate_key(self) -> Path:
        """Of that certificate."""
        return self.etc / "certificate.key"

    @property
    def sip_doors(self) -> tuple[tuple[str, str, str], ...]:
        """The doors of SIP: a name, the protocol, and the address with its port."""
        hosts = [("", self.sip_host)]
        if self.sip_host6:
            hosts.append(("6", f"[{self.sip_host6}]"))
        ports = {"udp": self.sip_port, "tcp": self.sip_tcp_port, "tls": self.sip_tls_port}
        return tuple(
            (f"{protocol}{family}", protocol, f"{host}:{port}")
            for family, host in hosts
            for protocol, port in ports.items()
            if port is not None
        )

    @property
    def console_file(self) -> Path:
        """What Asterisk prints before its log is open, and when it can't start."""
        return self.log / "console.log"

    @property
    def cel(self) -> Path:
        """Folder of the record. Asterisk chooses its name and writes nothing without it."""
        return self.log / "cel-custom"

    @property
    def cel_file(self) -> Path:
        """The record: one line an event."""
        return self.cel / "events.csv"

    @property
    def spool(self) -> Path:
        """Voicemail and recordings."""
        return self.folder / "spool"

    @property
    def notes(self) -> Path:
        """Notes that people have spoken about their absence, as WAV files."""
        return self.spool / "notes"

    @property
    def run(self) -> Path:
        """Control socket and PID file."""
        return self.folder / "run"

    @property
    def control_socket(self) -> Path:
        """The socket of `asterisk -r`."""
        return self.run / "asterisk.ctl"

    @property
    def astdb(self) -> Path:
        """Folder of AstDB: the mirror, queue members, registrations."""
        return self.folder / "astdb"

    @property
    def astdb_file(self) -> Path:
        """AstDB itself."""
        return self.astdb / "astdb.sqlite3"

    @property
    def astdb_copy(self) -> Path:
        """As AstDB was a few seconds ago, for when it is damaged."""
        return self.astdb / "copy.sqlite3"

    @property
    def sounds(self) -> Path:
        """Sentences spoken by the bridge, as WAV files."""
        return self.folder / "sounds"

    @property
    def quiet(self) -> Path:
        """Silent sounds, as a folder of a language (see `quiet`)."""
        return self.folder / "quiet"

    @property
    def fastagi_host(self) -> str:
        """Where dialplans find FastAGI."""
        return self.control_host

    def make_folders(self) -> None:
        """Make the run folder, for its owner only; what is there already is left alone."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        parts = (self.etc, self.log, self.cel, self.spool, self.notes, self.run, self.astdb)
        for part in (*parts, self.sounds):
            part.mkdir(mode=0o700, exist_ok=True)


def instance_of(folder: Path) -> str:
    """A name for the exchange of a run folder, by which it isn't taken for another one."""
    return sha256(os.fsencode(folder)).hexdigest()[:8]


def _ipv4(name: str, text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except AddressValueError:
        raise ValueError(
            f"{name} {text!r}: must be an IPv4 address; a host name that does not resolve "
            "blocks every SIP request for seconds"
        ) from None
