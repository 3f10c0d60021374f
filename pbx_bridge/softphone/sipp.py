"""One SIPp process that makes calls or answers them, steered while it runs.

SIPp's third-party call control gives it a line to a "twin" over TCP: a scenario tells its
twin what happens (`sendCmd`) and does what the twin says (`recvCmd`). The twin is ours, so
events arrive as they happen and a call can be steered without log files being followed.
"""

from __future__ import annotations

import asyncio
import re
import socket
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import jinja2

from pbx_bridge.softphone.twin import Gone, Told, Twin

EXIT_TIMEOUT_S = 1.0
"""How long SIPp may take to leave by itself, and then again after SIGTERM."""
START_TIMEOUT_S = 10.0
"""How long SIPp may take to start and connect."""

Transport = Literal["udp", "tcp"]
Address = tuple[str, int]

_SAFE = re.compile(r"[^\x00-\x1f\x7f\[\]\"\\]*")
_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FunctionLoader(
        lambda name: (files(__package__) / "scenarios" / name).read_text("utf-8")
    ),
    undefined=jinja2.StrictUndefined,
    autoescape=False,  # noqa: S701 (SIP, not HTML; `render` refuses what SIPp would interpret)
    trim_blocks=True,
    lstrip_blocks=True,
)


class SoftphoneFailed(Exception):
    """SIPp could not do its part; the message holds its own last words."""


def _free_port(address: str, transport: Transport) -> int:
    """A port that is free now; SIPp left to itself would take 5060 first."""
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def local_address(server: Address) -> str:
    """The address of this machine from which `server` is reached."""
    family, kind, _, _, where = socket.getaddrinfo(*server, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as probe:
        probe.connect(where)
        return str(probe.getsockname()[0])


def render(scenario: str, values: Mapping[str, object]) -> str:
    """Fill in a scenario. Raises `ValueError` for values that SIPp would take for its own."""
    for name, value in values.items():
        if isinstance(value, str) and not _SAFE.fullmatch(value):
            raise ValueError(
                f"{name}: quotes, brackets, backslashes and control characters can't be signalled"
            )
    return _ENVIRONMENT.get_template(scenario).render(values)


class Sipp:
    """A running SIPp with its twin: an async context manager.

    `hear` is called for every event, from the event loop, in order. Leaving the context
    waits for SIPp to finish what it does (`EXIT_TIMEOUT_S`), then ends it.
    """

    def __init__(
        self,
        command: Sequence[str],
        server: Address,
        hear: Callable[[Told | Gone], None],
        *,
        makes: str,
        answers: str | None = None,
        transport: Transport = "udp",
        port: int = 0,
    ) -> None:
        """Run the rendered scenario `makes` once, and `answers` for each incoming call.

        `port` is our SIP port; 0 takes a free one.
        """
        self._command, self._server, self._transport = list(command), server, transport
        self._makes, self._answers, self._port = makes, answers, port
        self._hear = hear
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._twin: Twin | None = None
        self._listener: asyncio.Server | None = None
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Sipp:
        """Return when SIPp runs and is connected. Raises `SoftphoneFailed`."""
        try:
            await self._start()
        except BaseException:
            await self._stop(patience_s=0.0)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave nothing behind: process, sockets, files."""
        await self._stop(patience_s=EXIT_TIMEOUT_S)

    async def kill(self) -> None:
        """End SIPp at once; nobody is told."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    def tell(self, call_id: str, do: str, **fields: str | int) -> None:
        """Say what to do next in a call; one that has ended ignores it."""
        assert self._twin is not None
        lines = [f"Call-ID: {call_id}", f"Do: {do}"]
        lines += [f"{name.capitalize()}: {value}" for name, value in fields.items()]
        self._twin.send("".join(f"{line}\r\n" for line in lines))

    def look_after(self, call_id: str) -> None:
        """Have a call that SIPp dropped told as `Gone`.

        It does so without a word where its scenario doesn't listen to what it's told, as when that
        meets the other side's BYE.
        """
        assert self._folder is not None
        said = Path(self._folder.name, "messages.log").read_text("utf-8", "replace")
        _, *dropped = said.split("Unexpected control message received")
        if any(f"Call-ID: {call_id}\n" in one.replace("\r", "")[:400] for one in dropped):
            self._hear(
                Gone(call_id, "SIPp dropped the call, told something when it did not listen")
            )

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        connected: asyncio.Future[None] = loop.create_future()
        self._twin = Twin(self._told, self._lost, connected)
        twin = self._twin
        self._listener = await loop.create_server(lambda: twin, "127.0.0.1", 0)
        port = self._listener.sockets[0].getsockname()[1]
        self._folder = tempfile.TemporaryDirectory(prefix="softphone-")
        folder = Path(self._folder.name)
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            *self._arguments(folder, port),
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        ended = loop.create_task(self._process.wait(), name="softphone-sipp-starts")
        waits: set[asyncio.Future[Any]] = {connected, ended}
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise SoftphoneFailed(f"SIPp did not connect in {START_TIMEOUT_S} s") from None
        finally:
            ended.cancel()
            with suppress(asyncio.CancelledError):
                await ended
        if not connected.done():
            raise SoftphoneFailed(f"SIPp did not start: {self._last_words()}")

    def _arguments(self, folder: Path, twin_port: int) -> list[str]:
        (folder / "makes.xml").write_text(self._makes, "utf-8")
        arguments = ["{}:{}".format(*self._server), "-sf", "makes.xml", "-m", "1", "-r", "100"]
        if self._answers is not None:
            (folder / "answers.xml").write_text(self._answers, "utf-8")
            arguments += ["-rxsf", "answers.xml"]
        arguments += ["-t", "u1" if self._transport == "udp" else "t1"]
        address = local_address(self._server)
        port = self._port or _free_port(address, self._transport)
        arguments += ["-i", address, "-p", str(port)]
        arguments += ["-bind_local", "-ci", "127.0.0.1"]
        arguments += ["-3pcc", f"127.0.0.1:{twin_port}", "-aa", "-nostdin", "-skip_rlimit"]
        # What crosses what we have just sent, such as the answer to our BYE behind the other side's
        # own, is passed over and ends no call.
        arguments += ["-default_behaviors", "all,-abortunexp"]
        arguments += ["-watchdog_interval", "0", "-trace_err", "-error_file", "errors.log"]
        arguments += ["-trace_msg", "-message_file", "messages.log"]
        return arguments

    def _told(self, told: Told | Gone) -> None:
        if isinstance(told, Gone):
            told = Gone(told.call_id, self._last_words())
        self._hear(told)

    def _lost(self) -> None:
        self._hear(Gone(None, self._last_words()))

    def _last_words(self) -> str:
        assert self._folder is not None
        try:
            said = Path(self._folder.name, "errors.log").read_text("utf-8", "replace")
        except OSError:
            return "SIPp gave it up and said nothing"
        return said.strip()[-2000:]

    async def _stop(self, *, patience_s: float) -> None:
        try:
            await self._end_process(patience_s)
        finally:
            if self._listener is not None:
                self._listener.close()
            if self._twin is not None:
                await self._twin.close()
            if self._folder is not None:
                self._folder.cleanup()

    async def _end_process(self, patience_s: float) -> None:
        process = self._process
        if process is None:
            return
        try:
            for patience, end in ((patience_s, process.terminate), (EXIT_TIMEOUT_S, process.kill)):
                with suppress(TimeoutError):
                    async with asyncio.timeout(patience):
                        await process.wait()
                if process.returncode is not None:
                    return
                end()
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
