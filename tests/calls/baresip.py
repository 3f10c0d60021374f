"""baresip: a telephone that nobody here wrote, registered at the exchange and told what to do.

It is steered by its own control socket (module ctrl_tcp: JSON in netstrings), plays a file to whom
it talks with, and writes what it hears into another one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import tempfile
import wave
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from ports import free_port

from pbx_bridge.asterisk.packages import current, default_folder
from pbx_bridge.softphone.audio import tone
from pbx_bridge.softphone.sipp import Address
from pbx_bridge.stage import Stage
from pbx_bridge.wire import sip
from pbx_bridge.wire.rtp import RATE_HZ, Samples

PATIENCE_S = 10.0
SYSTEM_MODULES = Path("/usr/lib/baresip/modules")
SOUND = {"G722": (16000, 1), "opus": (48000, 2)}
"""Samples a second and channels of a codec; 8000 and one of all others. baresip plays a file that
has just these."""
MODULES = {
    "PCMA": ("g711",),
    "PCMU": ("g711",),
    "G722": ("g722",),
    "opus": ("opus",),
    "srtp": ("srtp",),
    "srtp-mand": ("srtp",),
    "ice": ("ice",),
}
PLAYED_S = 30.0
_COLOUR = re.compile(r"\x1b\[[\d;]*m")


@dataclass(frozen=True)
class Account:
    """How the phone reaches its exchange, and how it talks."""

    server: Address
    """The address and the port of its transport."""
    user: str
    secret: str
    transport: str = "udp"
    """udp, tcp or tls."""
    encryption: str = ""
    """srtp-mand: with SRTP only (RTP/SAVP); srtp: offered in RTP/AVP; "": none."""
    codecs: Sequence[str] = ("PCMA", "PCMU")
    """In order, as baresip writes them: PCMA, PCMU, G722, opus."""
    ice: bool = False
    trusts: Path | None = None
    """The certificate by which it knows a TLS server; None: it takes any."""
    listens: int = 0
    """Its own port, at the server's address: of UDP and TCP, and the next one of TLS. 0: any."""
    certificate: Path | None = None
    """What it shows to those who call it over TLS, and the key, in one file."""
    any_number: bool = False
    """Whether it takes calls to every number, as an operator does."""
    watches: Sequence[str] = ()
    """Extensions whose presence it asks for (RFC 3856)."""
    plays: Samples | None = None
    """To whoever it talks with, again and again; None: a tone of 440 Hz."""

    @property
    def host(self) -> str:
        """The server as an address of SIP has it."""
        return f"[{self.server[0]}]" if ":" in self.server[0] else self.server[0]


class Baresip:
    """One running phone: an async context manager, registered from its beginning on."""

    def __init__(self, account: Account, *, registers: bool = True) -> None:
        """Not to register is for a test of that."""
        self.account = account
        self.events: list[Mapping[str, Any]] = []
        """All that it has told, oldest first."""
        self._registers = registers
        self._taken: dict[str, int] = {}
        self._news = asyncio.Condition()
        self._answers: dict[str, asyncio.Future[Mapping[str, Any]]] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="baresip-"))
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._asked = 0

    async def __aenter__(self) -> Self:
        """Raises `AssertionError`, with what it printed, when it isn't let in."""
        try:
            await self._start()
            if self._registers:
                await self.registered()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def registered(self) -> None:
        """Return when the exchange has taken it."""
        found = await self.happened("REGISTER_OK", "REGISTER_FAIL")
        assert found["type"] == "REGISTER_OK", f"{found}\n{self.printed()}"

    async def happened(self, *types: str, within_s: float = PATIENCE_S) -> Mapping[str, Any]:
        """The next event of one of these types, each of which is returned once.

        Such as CALL_INCOMING, CALL_RINGING, CALL_ESTABLISHED, CALL_CLOSED (why in `param`).
        """
        key = " ".join(types)

        def found() -> Mapping[str, Any] | None:
            new = enumerate(self.events[self._taken.get(key, 0) :], self._taken.get(key, 0))
            for number, event in new:
                if event["type"] in types:
                    self._taken[key] = number + 1
                    return event
            return None

        try:
            async with asyncio.timeout(within_s), self._news:
                while (event := found()) is None:
                    await self._news.wait()
                return event
        except TimeoutError:
            told = [one["type"] for one in self.events]
            raise AssertionError(f"no {key} but {told}\n{self.printed()}") from None

    async def command(self, name: str, params: str = "") -> str:
        """What one of its commands answers (`/help` lists those of the moment)."""
        assert self._writer is not None
        self._asked += 1
        token = str(self._asked)
        answer = self._answers[token] = asyncio.get_running_loop().create_future()
        text = json.dumps({"command": name, "params": params, "token": token}).encode()
        self._writer.write(b"%d:%s," % (len(text), text))
        async with asyncio.timeout(PATIENCE_S):
            told = await answer
        assert told["ok"], f"{name} {params}: {told['data']}"
        return str(told["data"])

    async def dial(self, number: str) -> None:
        """Begin a call; `happened` tells how it goes."""
        await self.command("dial", self.uri(number))

    async def answer(self) -> Mapping[str, Any]:
        """Take the next call that rings: what it tells of itself."""
        ringing = await self.happened("CALL_INCOMING")
        await self.command("accept")
        await self.happened("CALL_ESTABLISHED")
        return ringing

    async def hang_up(self) -> None:
        await self.command("hangup")

    async def ended(self) -> str:
        """Return when a call is over: why, in the words of the phone."""
        return str((await self.happened("CALL_CLOSED"))["param"])

    async def shows(self, extension: str, state: str, within_s: float = PATIENCE_S) -> None:
        """Return when it shows whom it watches as Online, Busy, Offline or Unknown."""
        line = re.compile(rf"(\w+)\W+<sip:{extension}@")
        found: list[str] = []
        try:
            async with asyncio.timeout(within_s):
                while state not in found:
                    found = line.findall(_COLOUR.sub("", await self.command("contacts")))
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"it shows {found}, not {state}\n{self.printed()}") from None

    def uri(self, number: str) -> str:
        """The address of a number at its exchange."""
        host, port = self.account.host, self.account.server[1]
        way = "" if self.account.transport == "udp" else f";transport={self.account.transport}"
        return f"sip:{sip.user_part(number)}@{host}:{port}{way}"

    def heard(self) -> Samples:
        """What it has heard in its last call, which is over, in 8,000 samples a second."""
        file = max(self._folder.glob("dump*dec*.wav"), key=lambda one: one.stat().st_mtime_ns)
        with wave.open(str(file)) as held:
            sound = np.frombuffer(held.readframes(held.getnframes()), np.int16)
            step = held.getframerate() // RATE_HZ * held.getnchannels()
        whole = sound[: sound.size - sound.size % step].astype(np.float64)
        return np.asarray(whole.reshape(-1, step).mean(axis=1), np.int16)

    def printed(self) -> str:
        """All that it has printed, with each SIP message."""
        return (self._folder / "printed").read_text(errors="replace")

    async def _start(self) -> None:
        port = free_port()
        program, modules = found()
        self._write(port, modules)
        with (self._folder / "printed").open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(*program, "-f", str(self._folder), "-s"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "HOME": str(self._folder)},
            )
        reader, self._writer = await self._connected(port, self._process)
        self._reading = asyncio.create_task(self._read(reader))
        # Only now, so that no event is missed.
        await self.command("uanew", self._account_line())

    async def _connected(
        self, port: int, process: asyncio.subprocess.Process
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(PATIENCE_S):
            while process.returncode is None:
                with contextlib.suppress(OSError):
                    return await asyncio.open_connection("127.0.0.1", port)
                await asyncio.sleep(0.02)
        raise AssertionError(self.printed())

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while length := await reader.readuntil(b":"):
            text = await reader.readexactly(int(length[:-1]) + 1)
            told = json.loads(text[:-1])
            if told.get("response"):
                self._answers.pop(told["token"]).set_result(told)
                continue
            async with self._news:
                self.events.append(told)
                self._news.notify_all()

    async def _end(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._writer is not None:
            text = b'{"command":"quit"}'  # it unregisters, and ends
            self._writer.write(b"%d:%s," % (len(text), text))
            await asyncio.gather(self._writer.drain(), return_exceptions=True)
            self._writer.close()
        if self._process is not None and self._process.returncode is None:
            try:
                async with asyncio.timeout(2.0 if self._writer is not None else 0.0):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _write(self, port: int, modules: Path) -> None:
        account = self.account
        wanted = [*account.codecs, account.encryption, "ice" if account.ice else ""]
        names = dict.fromkeys(name for one in wanted if one for name in MODULES[one])
        watching = ("presence",) if account.watches else ()
        trusts = account.trusts and f"sip_cafile {account.trusts}\nsip_verify_server yes\n"
        shows = account.certificate and f"sip_certificate {account.certificate}\n"
        rate_hz, channels = SOUND.get(account.codecs[0], (RATE_HZ, 1))
        played = tone(440, PLAYED_S) if account.plays is None else account.plays
        times = max(1, int(PLAYED_S * RATE_HZ) // max(1, played.size))
        with wave.open(str(self._folder / "played.wav"), "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(2)
            file.setframerate(rate_hz)
            finer = rate_hz // RATE_HZ * channels
            file.writeframes(np.repeat(np.tile(played, times), finer).tobytes())
        (self._folder / "config").write_text(
            f"sip_listen {account.host}:{account.listens}\n"
            f"net_interface {account.server[0]}\n{trusts or ''}{shows or ''}"
            f"audio_source aufile,{self._folder}/played.wav\n"
            f"audio_player aufile,{self._folder}/player.wav\n"
            f"snd_path {self._folder}\nrtp_ports 30000-39998\nrtp_timeout 0\n"
            f"ctrl_tcp_listen 127.0.0.1:{port}\nmodule_path {modules}\n"
            + "".join(f"module {name}.so\n" for name in ("aufile", "sndfile", *names))
            + "".join(
                f"module_app {name}.so\n"
                for name in ("account", "contact", "menu", "ctrl_tcp", *watching)
            )
        )
        (self._folder / "accounts").write_text("")
        (self._folder / "contacts").write_text(
            "".join(f"<{self.uri(one)}>;presence=p2p\n" for one in account.watches)
        )

    def _account_line(self) -> str:
        account = self.account
        sounds = [(one, *SOUND.get(one, (RATE_HZ, 1))) for one in account.codecs]
        codecs = ",".join(f"{one}/{rate_hz}/{channels}" for one, rate_hz, channels in sounds)
        parts = {
            "auth_user": account.user,
            "auth_pass": account.secret,
            "answermode": "manual",
            "audio_codecs": codecs,
            "regint": "60" if self._registers else "0",
            **({"mediaenc": account.encryption} if account.encryption else {}),
            **({"medianat": "ice"} if account.ice else {}),
            **({"catchall": "yes"} if account.any_number else {}),
        }
        own = self.uri(account.user)
        return f"<{own}>" + "".join(f";{key}={value}" for key, value in parts.items())


def account(stage: Stage, user: str, **how: Any) -> Account:
    """Of somebody's phone at a running exchange; `how` is of `Account`.

    A certificate that the exchange has made is trusted, and looked at.
    """
    where, way = stage.up.running, how.get("transport", "udp")
    host = where.sip_host6 if how.pop("ipv6", False) else where.sip_host
    port = next(port for kind, _, port in where.sip_doors if kind == way)
    how.setdefault("trusts", where.certificate if way == "tls" else None)
    return Account((host, port), user, stage.secrets[user], **how)


def found() -> tuple[list[str], Path]:
    """How baresip is started, and its modules; a test without it is skipped (fails in the gate)."""
    copy = current(default_folder())
    if copy is not None and not copy.lacking:
        return copy.program("baresip"), copy.phone_modules
    if (program := shutil.which("baresip")) is not None:
        return [program], SYSTEM_MODULES
    pytest.skip("baresip is not on this machine; `make setup` brings it")


@asynccontextmanager
async def baresip(stage: Stage, user: str, **how: Any) -> AsyncIterator[Baresip]:
    """A registered phone of somebody (see `account`)."""
    async with Baresip(account(stage, user, **how)) as phone:
        yield phone
