"""Where the exchange runs. What it does stands in the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from pbx_bridge.config.nodes import shown
from pbx_bridge.config.problems import ConfigError, Problem
from pbx_bridge.core.model import Language
from pbx_bridge.core.retention import Periods
from pbx_bridge.core.room import Quota

SECRET_LIMIT_BYTES = 4096


class Mode(StrEnum):
    """Which Asterisk carries the calls."""

    AUTO = "auto"
    """The system's where it is new enough, else a private copy."""
    SYSTEM = "system"
    """The system's program, with our configuration and run folder."""
    PRIVATE = "private"
    """A copy unpacked in the user's cache folder."""
    EXTERNAL = "external"
    """One that runs already, here or on another machine."""


class Security(StrEnum):
    """How the way to a mail server is protected."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


@dataclass(frozen=True, slots=True)
class Login:
    """A user of the external Asterisk, and where its password is found."""

    username: str
    password_env: str = ""
    password_file: Path | None = None

    def password(self, environment: Mapping[str, str]) -> str:
        """The password, read now and never kept here. Raises `ConfigError` when it isn't there."""
        if self.password_file is None:
            if found := environment.get(self.password_env, ""):
                return found
            what = f"the environment variable {self.password_env} is not set"
            raise ConfigError([Problem("config.yaml", 0, what, "set it where the bridge starts")])
        try:
            with self.password_file.open(encoding="utf-8") as file:
                found = file.read(SECRET_LIMIT_BYTES).strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            problem = Problem(shown(self.password_file), 0, f"can't be read ({reason})")
            raise ConfigError([problem]) from None
        if not found:
            problem = Problem(shown(self.password_file), 0, "the file is empty")
            raise ConfigError([problem])
        return found


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where notices by mail go out."""

    host: str
    port: int
    sender: str
    security: Security
    login: Login | None = None


@dataclass(frozen=True, slots=True)
class External:
    """How to reach an Asterisk that runs already."""

    host: str
    ari: Login
    ami: Login


@dataclass(frozen=True, slots=True)
class Privacy:
    """How long what is kept of people, and who may see figures of single ones."""

    periods: Periods
    key: Path
    """File of the key of pseudonyms."""
    may_see_people: frozenset[str]
    """Users of the machine."""


@dataclass(frozen=True, slots=True)
class Doors:
    """Ways of SIP beside UDP, each closed where nothing else is said."""

    tcp_port: int | None = None
    """None: closed; 0 here and below: any free port."""
    tls_port: int | None = None
    ipv6: str = ""
    """An IPv6 address on which the same ports are open; "" for none."""
    certificate: Path | None = None
    """PEM, with those that vouch for it behind; None: one of our own making."""
    key: Path | None = None
    """Of that certificate, PEM without a passphrase."""
    written: tuple[str, int] = field(default=("", 0), compare=False)
    """File and line that name the certificate."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the exchange runs; every path is absolute."""

    mode: Mode
    host: str
    """IPv4 address of SIP and sound. ARI, AMI and FastAGI are on loopback always."""
    sip_port: int
    """0 here and below: any free port."""
    ari_port: int
    ami_port: int
    agi_port: int
    doors: Doors
    allow_older_asterisk: bool
    most_calls: int
    """Callers from outside at once."""
    security_log: bool
    """Whether Asterisk writes refused requests, with their addresses, to a file."""
    external: External | None
    """Set exactly when `mode` is external."""
    state: Path
    """Journal, secrets (0600), recordings and Asterisk's run folder."""
    sounds: Path
    """Spoken sentences, made anew when they are missing."""
    public: Path
    """The public timetable, for a web server."""
    dialplan: Path
    voicemail: Path
    language: Language
    """Language of what the CLI and the log say about the exchange."""
    voices: Mapping[Language, str]
    """espeak-ng's voice by language."""
    espeak: str
    """Program, "" to look for one: the system's, else the private copy's."""
    claim_timeout_ms: int
    """How long Asterisk waits for a bridge to claim a call before the fallback."""
    guard_seconds: int
    """How long a claimed call waits for its decision before Asterisk goes on by itself."""
    log_level: str
    log_format: str
    privacy: Privacy
    quota: Quota
    """What may be left in mailboxes."""
    least_free: float
    """The part of the disk that has to be free for anything to be recorded."""
    operations_port: int
    """Of metrics and health, on loopback; 0: any free port."""
    anchor: Path | None
    """File outside the state folder in which the journal's head is noted, None for none."""
    mail: MailServer | None = None
    """None: nothing is sent by mail."""

    def but(
        self,
        *,
        mode: Mode | None = None,
        sip_port: int | None = None,
        ari_port: int | None = None,
        ami_port: int | None = None,
        agi_port: int | None = None,
        operations_port: int | None = None,
    ) -> Deployment:
        """The deployment with what is given instead of its own; 0 as `sip_port` holds for every
        door of SIP that is open."""
        doors = self.doors
        if sip_port == 0:
            tcp = doors.tcp_port if doors.tcp_port is None else 0
            tls = doors.tls_port if doors.tls_port is None else 0
            doors = replace(doors, tcp_port=tcp, tls_port=tls)
        return replace(
            self,
            doors=doors,
            mode=mode or self.mode,
            sip_port=self.sip_port if sip_port is None else sip_port,
            ari_port=self.ari_port if ari_port is None else ari_port,
            ami_port=self.ami_port if ami_port is None else ami_port,
            agi_port=self.agi_port if agi_port is None else agi_port,
            operations_port=self.operations_port if operations_port is None else operations_port,
        )

    @property
    def mailboxes(self) -> Path:
        """The file of the mailboxes."""
        return self.voicemail / "mailboxes.yaml"

    @property
    def prompts(self) -> Path:
        """The folder of the wording."""
        return self.voicemail / "prompts"

    @property
    def recordings(self) -> Path:
        """The folder of human recordings, which win over synthetic speech."""
        return self.voicemail / "recordings"
