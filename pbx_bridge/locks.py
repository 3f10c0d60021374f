"""Who runs: a lock that its holder's death frees, and that tells who holds it.

Record locks (fcntl(2)) name their holder without a word in the file, so they also work on a
full disk, and children don't inherit them. A process must not open the file of a lock that it
holds a second time: closing any descriptor of it frees the lock.
"""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path

_WHOLE_FILE = struct.pack("@hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
_FLOCK = struct.Struct("@hhqqi4x")


class LockHeld(Exception):
    """Another process has the lock."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"held by process {pid}")
        self.pid = pid


class Lock:
    """A lock that is held from now on until `release` or this process's end."""

    def __init__(self, file: Path) -> None:
        """Raises `LockHeld` with its holder, `OSError` when the file can't be opened."""
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            pid = _holder(self._descriptor)
            os.close(self._descriptor)
            if pid is None:
                raise
            raise LockHeld(pid) from error

    def release(self) -> None:
        """Let others have it."""
        os.close(self._descriptor)


def holder(file: Path) -> int | None:
    """The process that holds a lock, None where nobody does. Not for one's own lock."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return _holder(descriptor)
    finally:
        os.close(descriptor)


def _holder(descriptor: int) -> int | None:
    told = fcntl.fcntl(descriptor, fcntl.F_GETLK, _WHOLE_FILE)
    kind, _, _, _, pid = _FLOCK.unpack(told)
    return None if kind == fcntl.F_UNLCK else pid
