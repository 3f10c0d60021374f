"""Asterisk as a process: start, adoption, readiness, console, stop, and the end nobody asked for.

It has a session of its own, so Ctrl-C in a terminal reaches the supervisor alone, which stops
Asterisk in good order; and when the supervisor is killed, calls in progress go on, and the next
one adopts it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import signal
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog

from pbx_bridge.asterisk import astdb
from pbx_bridge.asterisk.settings import Settings
from pbx_bridge.ports import PbxRejected, PbxUnavailable
from pbx_bridge.processes import Process, how_it_ended

BOOT_TIMEOUT_S = 60.0
"""From the start of the program to "fully booted"; about a second on an idle machine."""
CONSOLE_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 10.0
"""After `core stop now`; then SIGTERM."""
TERM_TIMEOUT_S = 5.0
"""After SIGTERM; then SIGKILL."""
SOCKET_POLL_S = 0.02
LAST_LINES = 12
LAST_BYTES = 8192
BANNER = " built by "
_ORDER = re.compile(r"^endpoint_identifier_order = (\S+)$", re.MULTILINE)
_SHOW_ORDER = "pjsip show identifiers"
_PHONES_BY, _TRUNKS_BY = "username", "ip"
KEPT_ENVIRONMENT = ("HOME", "LANG", "LC_ALL", "PATH", "TZ")
"""The rest may hold secrets, which dialplans could read and a core dump would show."""

log = structlog.get_logger(__name__)


class AsteriskProcess:
    """One Asterisk in one run folder. The folder's configuration is written beforehand.

    A file lock, inherited by Asterisk, is held for as long as it lives: so a second start is
    refused also when the supervisor that started the first one was killed.
    """

    def __init__(self, program: Sequence[str], settings: Settings) -> None:
        """`program` is the argument list that starts Asterisk, before its options."""
        self._command = [*program, "-C", str(settings.config)]
        self._settings = settings
        self._process: Process | None = None
        self._stopping = False

    @property
    def pid(self) -> int:
        """Process id. Raises `PbxUnavailable` before the start."""
        return self._known().pid

    @property
    def running(self) -> bool:
        """Whether it was started or adopted, and has not ended."""
        return self._process is not None and self._process.running

    async def start(self) -> None:
        """Return when Asterisk has fully booted.

        Raises `PbxRejected` when one runs in this folder already or it ends while it starts
        (with its last words), `PbxUnavailable` when it isn't ready in `BOOT_TIMEOUT_S`,
        `OSError` when the machine can't start it.
        """
        self._settings.make_folders()
        with _locked(self._settings) as lock:
            astdb.mend(self._settings.astdb_file, self._settings.astdb_copy)
            self._process = self._spawn(lock)
        self._stopping = False
        await self.ready()
        log.info("asterisk_started", pid=self.pid, folder=str(self._settings.folder))

    async def ready(self) -> None:
        """Return when it has fully booted; raises as `start`, and ends it then."""
        ready = asyncio.create_task(self._ready())
        ended = asyncio.create_task(self._known().ended())
        try:
            async with asyncio.timeout(BOOT_TIMEOUT_S):
                await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                raise PbxRejected(f"Asterisk did not start: {self._end()}")
            await ready
        except BaseException as error:
            await self.stop()
            if isinstance(error, TimeoutError):
                raise PbxUnavailable(
                    f"Asterisk was not ready in {BOOT_TIMEOUT_S:.0f} s. {self._last_words()}"
                ) from None
            raise
        finally:
            ready.cancel()
            ended.cancel()
            await asyncio.gather(ready, ended, return_exceptions=True)

    def adopt(self) -> bool:
        """Take up the Asterisk that runs in this folder already; False where none does.

        Raises `PbxUnavailable` when one runs whose process is not found, `OSError` when it can't
        be watched.
        """
        if not runs_in(self._settings.folder):
            return False
        pid = _pid(self._settings)
        if pid is None:
            raise PbxUnavailable(
                f"something holds the lock of {self._settings.folder}, and no process is seen "
                "that is its Asterisk; end it by hand (fuser shows who has the file run/lock)"
            )
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            self._process = Process(pid)
            self._stopping = False
        return self.running

    def let_go(self) -> None:
        """Leave it running, for another supervisor to adopt."""
        if self._process is not None:
            self._process.let_go()
            self._process = None

    async def reload(self) -> None:
        """Have it read its configuration anew; calls go on. Raises `PbxUnavailable`.

        What says who calls is put in its order when its module is loaded, and stays there: so the
        one that knows phones is loaded anew where that has changed.
        """
        await self.console("core reload")
        rendered = (self._settings.etc / "pjsip.conf").read_text(encoding="utf-8")
        wanted = _ORDER.search(rendered)
        found = [line.strip() for line in (await self.console(_SHOW_ORDER)).splitlines()]
        if wanted is None or not {_PHONES_BY, _TRUNKS_BY} <= set(found):
            return
        names = wanted[1].split(",")
        phones_first = names.index(_PHONES_BY) < names.index(_TRUNKS_BY)
        if phones_first is not (found.index(_PHONES_BY) < found.index(_TRUNKS_BY)):
            await self.console("module refresh res_pjsip_endpoint_identifier_user.so")

    async def console(self, command: str, timeout_s: float = CONSOLE_TIMEOUT_S) -> str:
        """What `asterisk -rx command` prints. Raises `PbxUnavailable`."""
        asked = await asyncio.create_subprocess_exec(
            *self._command,
            "-rx",
            command,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            env=_environment(),
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(timeout_s):
                printed, complaint = await asked.communicate()
        except TimeoutError:
            raise PbxUnavailable(
                f"Asterisk's console did not answer {command!r} in {timeout_s:.0f} s"
            ) from None
        finally:
            if asked.returncode is None:
                asked.kill()
                await asked.wait()
        if asked.returncode != 0:
            said = complaint.decode(errors="replace").strip() or f"exit {asked.returncode}"
            raise PbxUnavailable(f"Asterisk's console refused {command!r}: {said}")
        return printed.decode(errors="replace")

    async def exited(self) -> None:
        """Return when Asterisk has been stopped by `stop`.

        Raises `PbxUnavailable`, with its last log lines, when it ended in any other way.
        """
        await self._known().ended()
        if not self._stopping:
            raise PbxUnavailable(f"Asterisk is gone: {self._end()}")

    async def stop(self) -> None:
        """End Asterisk: by its console, then SIGTERM, then SIGKILL. Twice is no error."""
        process = self._process
        if process is None:
            return
        self._stopping = True
        if process.running and self._settings.control_socket.exists():
            with contextlib.suppress(PbxUnavailable, OSError):
                await self.console("core stop now")
            if await process.ended(STOP_TIMEOUT_S):
                return
        for number, timeout_s in ((signal.SIGTERM, TERM_TIMEOUT_S), (signal.SIGKILL, None)):
            if process.running:
                log.warning("asterisk_does_not_stop", pid=process.pid, signal=number.name)
                process.signal(number)
            if await process.ended(timeout_s):
                return

    def _spawn(self, lock: int) -> Process:
        with self._settings.console_file.open("wb") as output:
            try:
                return Process.start(
                    [*self._command, "-f"],
                    output=output,
                    environment=_environment(),
                    folder=self._settings.folder,
                    inherited=(lock,),
                )
            except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
                raise PbxRejected(f"{self._command[0]}: can't be started: {error}") from error

    async def _ready(self) -> None:
        """The control socket is there before the modules are; it tells when they are too."""
        while True:
            if self._settings.control_socket.exists():
                with contextlib.suppress(PbxUnavailable):
                    await self.console("core waitfullybooted", BOOT_TIMEOUT_S)
                    return
            await asyncio.sleep(SOCKET_POLL_S)

    def _known(self) -> Process:
        if self._process is None:
            raise PbxUnavailable("Asterisk has not been started")
        return self._process

    def _end(self) -> str:
        return f"{how_it_ended(self._known())}. {self._last_words()}"

    def _last_words(self) -> str:
        files = (self._settings.log_file, self._settings.console_file)
        told = [f"{file}:\n{last}" for file in files if (last := last_lines(file))]
        return "\n".join(["Its last words are in", *told]) if told else "It said nothing."


def last_lines(file: Path) -> str:
    """The last lines of a log, "" when there is none."""
    try:
        with file.open("rb") as log_file:
            log_file.seek(max(0, log_file.seek(0, os.SEEK_END) - LAST_BYTES))
            text = log_file.read().decode(errors="replace")
    except OSError:
        return ""
    # The banner with which each log begins says nothing of an end.
    lines = [line for line in text.splitlines() if BANNER not in line]
    return "\n".join(lines[-LAST_LINES:])


@contextlib.contextmanager
def _locked(settings: Settings) -> Iterator[int]:
    """A descriptor with the run folder's lock, for a child to inherit.

    Closed here afterwards: the child's copy goes on holding the lock.
    """
    lock = os.open(settings.run / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Left by one that was killed; its presence would be taken for readiness.
        settings.control_socket.unlink(missing_ok=True)
        yield lock
    except BlockingIOError:
        raise PbxRejected(
            f"an Asterisk runs already in {settings.folder} (pid {_pid(settings)}). "
            "`pbx-bridge up` takes it up, `pbx-bridge stop` ends it"
        ) from None
    finally:
        os.close(lock)


def runs_in(folder: Path) -> bool:
    """Whether an Asterisk has the lock of a run folder."""
    try:
        lock = os.open(folder / "run/lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _pid(settings: Settings) -> int | None:
    """The Asterisk of a run folder, by its command line: a file of its number may be damaged, or
    tell that of another process by now."""
    served = [b"-C", os.fsencode(settings.config), b"-f"]
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            if process.name.isdecimal():
                words = (process / "cmdline").read_bytes().split(b"\0")
                if words[-4:-1] == served:
                    return int(process.name)
    return None


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
