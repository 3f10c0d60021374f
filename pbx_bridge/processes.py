"""Processes by their number: those that were started here, and those that were met running.

Linux gives a descriptor for a process (pidfd_open(2)), which becomes readable when it ends and
through which no other process of the same number can be signalled. So a process can be waited
for and ended that is no child of ours.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO


class Process:
    """One process. To be made in a running event loop; `let_go` of one that is left running."""

    def __init__(self, pid: int, child: subprocess.Popen[bytes] | None = None) -> None:
        """Raises `ProcessLookupError` when there is none of that number, `OSError` when it can't
        be watched."""
        self.pid = pid
        self.returncode: int | None = None
        """Exit status, -N after signal N; None while it runs and for one that was no child."""
        self._child = child
        self._descriptor = os.pidfd_open(pid)
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self._loop.add_reader(self._descriptor, self._end)

    @classmethod
    def start(
        cls,
        command: Sequence[str],
        *,
        output: IO[bytes] | int,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        inherited: Sequence[int] = (),
    ) -> Process:
        """Start a program in a session of its own, without input. Raises `OSError`."""
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=folder,
            pass_fds=inherited,
            start_new_session=True,
        )
        try:
            return cls(child.pid, child)
        except BaseException:  # out of descriptors: nobody would ever hear of its end
            child.kill()
            child.wait()
            raise

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return not self._over.is_set()

    async def ended(self, within_s: float | None = None) -> bool:
        """Whether it ended in that time; None waits for ever."""
        try:
            async with asyncio.timeout(within_s):
                await self._over.wait()
        except TimeoutError:
            return False
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; one that is gone gets none."""
        if self.running:
            try:
                signal.pidfd_send_signal(self._descriptor, number)
            except ProcessLookupError:
                return  # its end is about to be noticed

    def let_go(self) -> None:
        """Watch it no longer; it goes on."""
        if self.running:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._over.set()

    def _end(self) -> None:
        self.let_go()
        if self._child is not None:
            self.returncode = self._child.wait()  # it has ended, so this takes no time


def how_it_ended(process: Process) -> str:
    """Its end in words."""
    code = process.returncode
    if code is None:
        return "ended"
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


def call_this_process(name: str) -> None:
    """Give this process a name of at most 15 letters for `ps` and `top` (proc(5), comm)."""
    try:
        Path("/proc/self/comm").write_text(name[:15])
    except OSError:
        return
