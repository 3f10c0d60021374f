"""The product as a municipality runs it: `pbx-bridge up` in a process of its own.

The exchange of the other tests is built inside the test and kept by nobody; here what ends is to
be started again by the supervisor itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
from calls.conftest import TUESDAY

from pbx_bridge.adapters import control
from pbx_bridge.adapters.sip import SipDoor, SipProbe
from pbx_bridge.asterisk import secrets
from pbx_bridge.bootstrap import SECRETS, control_socket, database_file, supervisor_socket
from pbx_bridge.cli.calling import CALLER, sipp_program
from pbx_bridge.config.site import read_deployment, read_site
from pbx_bridge.ports import PbxUnavailable
from pbx_bridge.softphone.behaviour import Behaviour
from pbx_bridge.softphone.caller import Caller
from pbx_bridge.softphone.phone import Phone
from pbx_bridge.supervisor import started

START_LIMIT_S = 60.0
READY, TELEPHONES = "READY ", "Telephones are up"
ANY_PORTS = ("--sip-port", "--ari-port", "--ami-port", "--agi-port", "--operations-port")


class Product:
    """One `up` after the other in one state folder."""

    def __init__(self, town: Path, state: Path) -> None:
        self.config = town / "config.yaml"
        self.state = state
        self.said: list[str] = []
        """Lines of the last `up`, its log among them."""
        self.up: Process | None = None
        self._started: started.Started | None = None
        self._heard = asyncio.Condition()
        self._ear: asyncio.Task[None] | None = None
        self.passwords: dict[str, str] = {}
        """Of phones, once one was asked for: the plan may be spoilt later."""

    async def start(self, until: str = READY, ports: Iterable[str] = ANY_PORTS) -> str:
        """Run `up` and return the first line that begins so."""
        self.said.clear()
        given = [word for option in ports for word in (option, "0")]
        self.up = await self._command(
            *("up", "--clock", f"{TUESDAY:%Y-%m-%dT%H:%M:%S}", *given), stderr=STDOUT
        )
        self._ear = asyncio.create_task(self._listen())
        return await self.says(until)

    async def says(self, beginning: str, limit_s: float = START_LIMIT_S) -> str:
        """Wait for a line of `up` that begins so, or has been said already."""
        async with asyncio.timeout(limit_s), self._heard:
            while True:
                if found := [line for line in self.said if line.startswith(beginning)]:
                    return found[0]
                if self.up is None or self.up.returncode is not None:
                    raise AssertionError("up has ended:\n" + "\n".join(self.said))
                await self._heard.wait()

    @property
    def started(self) -> started.Started:
        """What Asterisk was started as; from before, while its file is damaged."""
        with contextlib.suppress(ValueError, OSError):
            file = self.state / "asterisk" / started.FILE
            self._started = started._FORM.validate_json(file.read_bytes())
        assert self._started is not None
        return self._started

    @property
    def up_pid(self) -> int:
        """Of the supervisor."""
        assert self.up is not None
        return self.up.pid

    def pids(self) -> dict[str, int]:
        """Of what was ready last."""
        line = next(line for line in reversed(self.said) if line.startswith(READY))
        fields = dict(pair.split("=", 1) for pair in line.split()[1:])
        return {name: int(fields[name]) for name in ("asterisk", "bridge")}

    async def reached(self, limit_s: float = 20.0) -> float:
        """Wait until phones reach Asterisk; seconds since now."""
        where = self.started.running
        probe = SipProbe([SipDoor(*one) for one in where.sip_doors], where.instance)
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(limit_s):
            while True:
                with contextlib.suppress(PbxUnavailable):
                    await probe.ping()
                    return loop.time() - began

    async def decides(self, limit_s: float = 40.0) -> int:
        """Wait until a bridge answers callers; its process."""
        async with asyncio.timeout(limit_s):
            while True:
                with contextlib.suppress(PbxUnavailable):
                    told = await control.ask(control_socket(self.state), "live")
                    if told["ready"]:
                        return int(told["pid"])
                await asyncio.sleep(0.1)

    async def until(self, true: Callable[[], object], limit_s: float = 20.0) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(limit_s):
            while not await asyncio.to_thread(true):
                await asyncio.sleep(0.1)

    async def trouble(self) -> dict[str, str]:
        """What the supervisor says is ill, by part."""
        try:
            told = await control.ask(supervisor_socket(self.state), "status")
        except PbxUnavailable as error:
            return {"supervisor": str(error)}
        return {one["part"]: one["what"] for one in told["parts"] if not one["well"]}

    async def health(self) -> tuple[int, dict[str, str]]:
        """The operators' door: its status, and what is ill."""
        url = f"http://127.0.0.1:{self.started.operations_port}/health"
        async with aiohttp.ClientSession() as client, client.get(url) as answer:
            parts = (await answer.json())["parts"]
            return answer.status, {one["part"]: one["what"] for one in parts if not one["well"]}

    def journal(self, kind: str) -> list[dict[str, Any]]:
        """The bodies of the events of a kind."""
        with closing(sqlite3.connect(database_file(self.state))) as connection:
            rows = connection.execute("SELECT body FROM journal WHERE kind = ?", (kind,))
            return [json.loads(body) for (body,) in rows]

    def caller(self, number: str, phone: str = "", from_number: str = CALLER) -> Caller:
        """A caller from outside, or from somebody's phone."""
        server = self.started.running.sip
        secret = self._password(phone) if phone else ""
        return Caller(
            *(sipp_program(), server), to=number, from_number=from_number, user=phone, secret=secret
        )

    def phone(self, extension: str, behaviour: Behaviour) -> Phone:
        """Somebody's phone."""
        secret = self._password(extension)
        return Phone(sipp_program(), self.started.running.sip, extension, secret, behaviour)

    async def run(self, *words: str) -> tuple[int, str]:
        """Another command of the command line; its exit code and what it says."""
        process = await self._command(*words, stderr=STDOUT)
        said, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, said.decode()

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Have `up` meet a signal."""
        assert self.up is not None
        self.up.send_signal(number)

    async def end(self) -> None:
        """No process of this state folder is left, whatever became of it."""
        if self.up is not None and self.up.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.up.send_signal(signal.SIGCONT)
        await self.run("stop")
        if self.up is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(20):
                    await self.up.wait()
        if self._ear is not None:
            self._ear.cancel()

    def _password(self, extension: str) -> str:
        if extension not in self.passwords:
            deployment = read_deployment(self.config, self.state)
            plan = read_site(deployment, TUESDAY.date()).plan
            self.passwords = dict(secrets.load(self.state / SECRETS, plan).phones)
        return self.passwords[extension]

    async def _command(self, name: str, *words: str, stderr: int) -> Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pbx_bridge", name),
            *("--config", str(self.config), "--state", str(self.state), *words),
            stdout=PIPE,
            stderr=stderr,
            env={**os.environ, "COLUMNS": "200"},
        )

    async def _listen(self) -> None:
        assert self.up is not None
        assert self.up.stdout is not None
        async for line in self.up.stdout:
            async with self._heard:
                self.said.append(line.decode(errors="replace").rstrip("\n"))
                self._heard.notify_all()
        await self.up.wait()
        async with self._heard:
            self._heard.notify_all()


@asynccontextmanager
async def product(town: Path, state: Path) -> AsyncIterator[Product]:
    """A product that is not started yet; nothing of it is left afterwards."""
    one = Product(town, state)
    try:
        yield one
    finally:
        await one.end()


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie doesn't)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
