"""The bridge as a process: start, adoption, signs of life, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import sys
import time
from pathlib import Path
from subprocess import DEVNULL

import structlog

from pbx_bridge.adapters import control
from pbx_bridge.bootstrap import BRIDGE_LOCK, control_socket
from pbx_bridge.files import full_disk
from pbx_bridge.locks import holder
from pbx_bridge.ports import PbxRejected, PbxUnavailable
from pbx_bridge.processes import Process

READY_TIMEOUT_S = 90.0
LIFE_TIMEOUT_S = 2.0
"""For one answer to whether it lives."""
DEAF_AFTER_S = 10.0
"""One that has not said for so long that it lives is ended."""
POLL_S = 0.05
STOP_TIMEOUT_S = 10.0
LAST_BYTES = 4096
MOST_DATA_BYTES = 2 * 1024**3
"""Of a bridge's memory (RLIMIT_DATA); it needs a tenth. More is a fault, not the machine's end."""
SACRIFICED = "500"
"""Out of memory, the kernel ends the bridge before Asterisk (oom_score_adj, proc(5))."""

log = structlog.get_logger(__name__)


class BridgeProcess:
    """The bridge beside an Asterisk that is up."""

    def __init__(self, config: Path, state: Path) -> None:
        self.log_file = state / "bridge.log"
        self._command = [
            *(sys.executable, "-m", "pbx_bridge", "serve"),
            *("--config", str(config), "--state", str(state)),
        ]
        self._state = state
        self._process: Process | None = None
        self._logged = 0
        """Bytes that were in the log before it was started."""

    @property
    def pid(self) -> int:
        """Process id. Raises `PbxUnavailable` when it isn't running."""
        if self._process is None or not self._process.running:
            raise PbxUnavailable("the bridge is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it was started or adopted, and has not ended."""
        return self._process is not None and self._process.running

    async def start(self) -> None:
        """Return when the bridge answers callers.

        Raises `PbxUnavailable` with its last words, `OSError` when the machine can't start it.
        """
        self._process = self._spawn()
        _bounded(self._process.pid)
        await self.ready()

    def adopt(self) -> bool:
        """Take up the bridge that runs with this state folder already; False where none does.

        Raises `OSError`.
        """
        pid = holder(self._state / BRIDGE_LOCK)
        if pid is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            self._process = Process(pid)
            return True
        return False

    async def ready(self) -> None:
        """Return when it answers callers. Raises `PbxUnavailable`; it is ended then.

        It may be silent while it reads its journal, but not any more once it has answered.
        """
        began, heard = time.monotonic(), float("inf")
        while self.running and (life := await self.lives()) is not True:
            now = time.monotonic()
            heard = heard if life is None else now
            if now - heard > DEAF_AFTER_S or now - began > READY_TIMEOUT_S:
                await self.stop()
            await self.ended(POLL_S)
        if not self.running:
            raise PbxUnavailable(f"the bridge did not start: {self._last_words()}")

    async def lives(self) -> bool | None:
        """Whether it answers callers, by its own word; None when it doesn't say.

        Raises `OSError` where it can't be asked from here.
        """
        try:
            async with asyncio.timeout(LIFE_TIMEOUT_S):
                told = await control.ask(control_socket(self._state), "live")
        except (PbxUnavailable, PbxRejected, TimeoutError):
            return None
        return bool(told["ready"]) if self.running and told["pid"] == self.pid else None

    async def ended(self, within_s: float | None = None) -> bool:
        """Whether it has ended within that time, for whatever reason; None waits for ever."""
        return self._process is None or await self._process.ended(within_s)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; one that is gone gets none."""
        if self._process is not None:
            self._process.signal(number)

    async def stop(self) -> None:
        """End it: SIGTERM, then SIGKILL."""
        if not self.running:
            return
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        if not await self.ended(STOP_TIMEOUT_S):
            await self.kill()

    async def kill(self) -> None:
        """End it at once."""
        self.signal(signal.SIGKILL)
        await self.ended()

    def let_go(self) -> None:
        """Leave it running, for another supervisor to adopt."""
        if self._process is not None:
            self._process.let_go()
            self._process = None

    def _last_words(self) -> str:
        """The last line of the log since it was started: what the command says as it ends,
        without the frame that usage errors have."""
        lines: list[str] = []
        with contextlib.suppress(OSError), self.log_file.open("rb") as log_file:
            end = log_file.seek(0, os.SEEK_END)
            log_file.seek(max(self._logged if self._logged <= end else 0, end - LAST_BYTES))
            lines = log_file.read().decode(errors="replace").splitlines()
        told = [words for line in lines if (words := line.strip("│╭╮╰╯─ "))]
        if told:
            return told[-1]
        why = full_disk(self._state)
        return f"it said nothing, for {why}" if why else "it said nothing"

    def _spawn(self) -> Process:
        environment = {key: value for key, value in os.environ.items() if key != "NOTIFY_SOCKET"}
        with contextlib.ExitStack() as opened:
            try:
                output = opened.enter_context(self.log_file.open("ab"))
                self._logged = output.tell()
            except OSError as error:
                log.error("bridge_without_log", why=str(error))
                return Process.start(self._command, output=DEVNULL, environment=environment)
            return Process.start(self._command, output=output, environment=environment)


def _bounded(pid: int) -> None:
    """Limit what a bridge can do to the machine; where that is refused it goes without."""
    with contextlib.suppress(OSError, ValueError):
        resource.prlimit(pid, resource.RLIMIT_DATA, (MOST_DATA_BYTES, MOST_DATA_BYTES))
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text(SACRIFICED)
