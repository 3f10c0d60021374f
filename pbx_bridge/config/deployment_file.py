"""config.yaml as it is written: its keys, what each may be, and what stands for one left out."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address
from os.path import normpath
from pathlib import Path, PurePath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pbx_bridge.config.deployment import (
    Deployment,
    Doors,
    External,
    Login,
    MailServer,
    Mode,
    Privacy,
    Security,
)
from pbx_bridge.config.nodes import Document, document, read, shown
from pbx_bridge.config.problems import ConfigError
from pbx_bridge.config.shape import Shape
from pbx_bridge.config.typed import typed
from pbx_bridge.config.values import Mail, Mapped
from pbx_bridge.core.model import Language
from pbx_bridge.core.retention import Periods
from pbx_bridge.core.room import Quota


def _written_out(text: str) -> str:
    if not text or "\0" in text:
        raise ValueError("is empty")
    if text.startswith("~"):
        raise ValueError("~ is not expanded here, write the whole path")
    return text


def _address(text: str) -> str:
    """One IPv4 address: phones are also told it as the address of sound."""
    try:
        address = IPv4Address(text)
    except ValueError:
        raise ValueError(f'"{text}" is no IPv4 address, write one like 127.0.0.1') from None
    if address.is_unspecified:
        raise ValueError("write the one address that phones reach, not 0.0.0.0")
    return str(address)


def _address6(text: str) -> str:
    """One IPv6 address, or none."""
    if not text:
        return ""
    try:
        address = IPv6Address(text)
    except ValueError:
        raise ValueError(f'"{text}" is no IPv6 address, write one like 2001:db8::10') from None
    if address.is_unspecified:
        raise ValueError("write the one address that phones reach, not ::")
    if address.is_link_local or address.scope_id is not None:
        raise ValueError(f'"{text}" is of one link only; write a unique local or global one')
    return str(address)


Port = Annotated[int, Field(ge=0, le=65535)]
Closed = BeforeValidator(lambda value: None if value == "" else value)
"""Nothing written: the door is closed."""
FilePath = Annotated[str, AfterValidator(_written_out)]


class _Login(Shape):
    username: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9_.-]+$")]
    password_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    password_file: FilePath | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.password_env) == bool(self.password_file):
            raise ValueError("write password_env or password_file, one of them")
        return self

    def login(self, base: Path) -> Login:
        file = _path(base, self.password_file) if self.password_file else None
        return Login(self.username, self.password_env or "", file)


class _External(Shape):
    host: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9.:-]+$")]
    ari: _Login
    ami: _Login


class _Mail(Shape):
    host: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9.:-]+$")]
    port: Port = 587
    sender: Mail
    security: Security = Security.STARTTLS
    login: _Login | None = None

    @model_validator(mode="after")
    def _no_password_in_the_open(self) -> Self:
        if self.login is not None and self.security is Security.NONE:
            raise ValueError("a login needs security: starttls or tls, or its password is read")
        return self


class _Asterisk(Shape):
    mode: Mode = Mode.AUTO
    host: Annotated[str, AfterValidator(_address)] = "127.0.0.1"
    sip_port: Port = 5060
    tcp_port: Annotated[Port | None, Closed] = None
    tls_port: Annotated[Port | None, Closed] = None
    host_ipv6: Annotated[str, AfterValidator(_address6)] = ""
    tls_certificate: str = ""
    tls_key: str = ""
    ari_port: Port = 8088
    ami_port: Port = 5038
    allow_older_asterisk: bool = False
    most_calls: Annotated[int, Field(ge=1, le=240)] = 200
    security_log: bool = False
    external: Annotated[
        _External | None, BeforeValidator(lambda value: None if value == "" else value)
    ] = None

    @model_validator(mode="after")
    def _external_is_named(self) -> Self:
        if self.mode is Mode.EXTERNAL and self.external is None:
            raise ValueError("mode external needs the block external: with host, ari and ami")
        if self.mode is Mode.EXTERNAL and not (self.ari_port and self.ami_port):
            raise ValueError("mode external needs the real ari_port and ami_port, not 0")
        return self

    @model_validator(mode="after")
    def _doors_are_sound(self) -> Self:
        if bool(self.tls_certificate) != bool(self.tls_key):
            keys = ("tls_certificate", "tls_key")
            written, other = keys if self.tls_certificate else reversed(keys)
            raise ValueError(f"{written}: of no use alone, write {other} too")
        if self.tls_certificate and self.tls_port is None:
            raise ValueError("tls_certificate: of no use while tls_port is empty")
        return self

    def doors(self, base: Path, file: Document) -> Doors:
        certificate, key = (
            _path(base, one) if one else None for one in (self.tls_certificate, self.tls_key)
        )
        written = file.file, file.line(("asterisk", "tls_certificate"))
        return Doors(self.tcp_port, self.tls_port, self.host_ipv6, certificate, key, written)


class _Folders(Shape):
    state: FilePath = "state"
    sounds: FilePath = "state/sounds"
    public: FilePath = "state/public"
    dialplan: FilePath = "dialplan"
    voicemail: FilePath = "voicemail"


class _Speech(Shape):
    voices: Annotated[
        dict[Language, Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9+_-]*$")]], Mapped
    ] = Field(default_factory=dict)
    espeak: str = ""


class _Guards(Shape):
    claim_timeout_ms: Annotated[int, Field(ge=50, le=5000)] = 300
    guard_seconds: Annotated[int, Field(ge=1, le=30)] = 4


Days = Annotated[int, Field(ge=1, le=3650)]


class _Privacy(Shape):
    numbers_days: Days = 30
    calls_days: Days = 730
    absences_days: Days = 365
    messages_days: Days = 30
    key_file: FilePath = "state/pseudonym.key"
    may_see_people: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]] = Field(
        default_factory=list
    )

    @model_validator(mode="after")
    def _numbers_first(self) -> Self:
        if self.numbers_days > self.calls_days:
            raise ValueError("calls_days can't be less than numbers_days: numbers are in calls")
        return self

    def privacy(self, base: Path) -> Privacy:
        days = (self.numbers_days, self.calls_days, self.absences_days, self.messages_days)
        periods = Periods(*(timedelta(days=one) for one in days))
        return Privacy(periods, _path(base, self.key_file), frozenset(self.may_see_people))


class _Messages(Shape):
    per_mailbox: Annotated[int, Field(ge=1, le=100)] = 50
    minutes_per_mailbox: Annotated[int, Field(ge=1, le=1440)] = 60
    per_caller: Annotated[int, Field(ge=1, le=100)] = 5
    minutes_per_caller: Annotated[int, Field(ge=1, le=1440)] = 10
    least_free_percent: Annotated[int, Field(ge=1, le=50)] = 5

    def quota(self) -> Quota:
        return Quota(
            self.per_mailbox,
            self.minutes_per_mailbox * 60,
            self.per_caller,
            self.minutes_per_caller * 60,
        )


class _Journal(Shape):
    anchor: str = ""


def _within(inner: str, outer: str) -> bool:
    return PurePath(normpath(inner)).is_relative_to(normpath(outer))


class _Operations(Shape):
    port: Port = 9753


class _Config(Shape):
    language: Language = Language.SV
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    agi_port: Port = 4573
    asterisk: Annotated[_Asterisk, Mapped] = _Asterisk()
    folders: Annotated[_Folders, Mapped] = _Folders()
    speech: Annotated[_Speech, Mapped] = _Speech()
    guards: Annotated[_Guards, Mapped] = _Guards()
    privacy: Annotated[_Privacy, Mapped] = _Privacy()
    messages: Annotated[_Messages, Mapped] = _Messages()
    journal: Annotated[_Journal, Mapped] = _Journal()
    operations: Annotated[_Operations, Mapped] = _Operations()
    mail: Annotated[_Mail | None, BeforeValidator(lambda value: value or None)] = None

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        """Each is one of TCP."""
        asterisk = self.asterisk
        ports = {
            "tcp_port": asterisk.tcp_port,
            "tls_port": asterisk.tls_port,
            "ari_port": asterisk.ari_port,
            "ami_port": asterisk.ami_port,
            "agi_port": self.agi_port,
            "port of operations": self.operations.port,
        }
        first: dict[int, str] = {}
        for name, port in ports.items():
            if port and port in first:
                raise ValueError(
                    f"asterisk: {first[port]} and {name} are both {port}, choose others"
                )
            first.setdefault(port or 0, name)
        return self

    @model_validator(mode="after")
    def _anchor_elsewhere(self) -> Self:
        if self.journal.anchor and _within(self.journal.anchor, self.folders.state):
            raise ValueError(
                "journal: anchor lies in the state folder, where whoever can change the journal "
                "can change it too; name a file on another disk"
            )
        return self


DEFAULT_VOICES = {Language.SV: "sv", Language.FI: "fi", Language.EN: "en-gb"}


def load_deployment(path: Path) -> Deployment:
    """Read config.yaml; relative paths in it are relative to its folder.

    Raises `ConfigError` with everything that is wrong.
    """
    content, problems = read(path)
    file, unsound = document(shown(path), content)
    problems += unsound
    config: _Config | None = None
    if file.tree or not problems:
        config, found = typed(_Config, file, file.tree)
        problems += found
    if config is None or problems:
        raise ConfigError(problems)
    return _deployment(config, path.resolve().parent, file)


def _deployment(config: _Config, base: Path, file: Document) -> Deployment:
    asterisk, folders, speech = config.asterisk, config.folders, config.speech
    external = None
    if asterisk.mode is Mode.EXTERNAL and asterisk.external is not None:
        there = asterisk.external
        external = External(there.host, there.ari.login(base), there.ami.login(base))
    return Deployment(
        mode=asterisk.mode,
        host=asterisk.host,
        sip_port=asterisk.sip_port,
        ari_port=asterisk.ari_port,
        ami_port=asterisk.ami_port,
        agi_port=config.agi_port,
        doors=asterisk.doors(base, file),
        allow_older_asterisk=asterisk.allow_older_asterisk,
        most_calls=asterisk.most_calls,
        security_log=asterisk.security_log,
        external=external,
        state=_path(base, folders.state),
        sounds=_path(base, folders.sounds),
        public=_path(base, folders.public),
        dialplan=_path(base, folders.dialplan),
        voicemail=_path(base, folders.voicemail),
        language=config.language,
        voices={**DEFAULT_VOICES, **speech.voices},
        espeak=speech.espeak,
        claim_timeout_ms=config.guards.claim_timeout_ms,
        guard_seconds=config.guards.guard_seconds,
        log_level=config.log_level,
        log_format=config.log_format,
        privacy=config.privacy.privacy(base),
        quota=config.messages.quota(),
        least_free=config.messages.least_free_percent / 100,
        operations_port=config.operations.port,
        anchor=_path(base, config.journal.anchor) if config.journal.anchor else None,
        mail=_mail_server(config.mail, base),
    )


def _mail_server(mail: _Mail | None, base: Path) -> MailServer | None:
    if mail is None:
        return None
    login = mail.login.login(base) if mail.login else None
    return MailServer(mail.host, mail.port, mail.sender, mail.security, login)


def _path(base: Path, text: str) -> Path:
    return base / text
