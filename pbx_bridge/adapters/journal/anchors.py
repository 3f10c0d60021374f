"""The journal's head, noted where whoever can write the journal can't write: the system log, and
a file that may lie on another machine's disk.

A chain alone doesn't show that its end was cut off, or that all of it was written anew. Each
anchor that somebody kept does: the row with that number has to have that hash.
"""

from __future__ import annotations

import os
import syslog
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from queue import Full, Queue

import structlog

from pbx_bridge.adapters.journal.chain import Head

log = structlog.get_logger(__name__)

INTERVAL_S = 60.0
"""Between two anchors, while the journal grows."""
WAITING = 60
"""Anchors that may wait for a place that gives no answer; later ones are logged and left out."""
CLOSE_TIMEOUT_S = 5.0
END_BYTES = 4096
"""Of an anchor file, in which its last lines are."""
TORN = "torn"
"""Ends a line that a crash has cut off in the middle: the file is only ever appended to."""


def to_system_log(words: str) -> None:
    """One line in the system log; where there is none it goes nowhere."""
    syslog.openlog("pbx-bridge", 0, syslog.LOG_AUTHPRIV)
    syslog.syslog(syslog.LOG_NOTICE, words)
    syslog.closelog()


class Anchors:
    """Notes heads in the system log, and in `file` where one is named.

    Trouble with either is logged and never stops the journal: a thread of its own does it, since
    a system log or another machine's disk may give no answer. `close` must be called.
    """

    def __init__(
        self, file: Path | None = None, say: Callable[[str], None] = to_system_log
    ) -> None:
        self.trouble = ""
        """Why the last head could not be noted, "" when it was."""
        self.file = file
        self._say = say
        self._noted = 0
        self._noted_at = -INTERVAL_S
        self._due: Queue[Head | None] = Queue(WAITING)
        self._given_up = threading.Event()
        self._thread: threading.Thread | None = None

    def note(self, head: Head, *, at_once: bool = False) -> None:
        """Have a head noted that is further than the last one, at most one a minute.

        Doesn't wait. For one thread at a time.
        """
        due = at_once or time.monotonic() - self._noted_at >= INTERVAL_S
        if not due or head.seq <= self._noted:
            return
        self._noted, self._noted_at = head.seq, time.monotonic()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="journal anchors", daemon=True)
            self._thread.start()
        try:
            self._due.put_nowait(head)
        except Full:
            self._is_ill("the system log or the file gives no answer")

    def close(self) -> None:
        """Return when all heads are noted, or after some seconds. Idempotent."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        try:
            self._due.put(None, timeout=CLOSE_TIMEOUT_S)
        except Full:
            pass
        else:
            thread.join(CLOSE_TIMEOUT_S)
        if thread.is_alive():
            self._given_up.set()
            log.error("journal_anchor_not_noted", row=self._noted, why="no answer")

    def _work(self) -> None:
        while not self._given_up.is_set() and (head := self._due.get()) is not None:
            self._say(f"journal head {head.seq}:{head.chain.hex()}")
            if self.file is not None:
                self._write(self.file, head)

    def _write(self, file: Path, head: Head) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        try:
            with file.open("ab+") as opened:
                if end := opened.seek(0, os.SEEK_END):
                    opened.seek(end - 1)
                    if opened.read(1) != b"\n":
                        opened.write(f" {TORN}\n".encode())
                opened.write(f"{now} {head.seq} {head.chain.hex()}\n".encode())
                opened.flush()
                os.fsync(opened.fileno())
        except OSError as error:
            self._is_ill(str(error))
        else:
            self.trouble = ""

    def _is_ill(self, why: str) -> None:
        """Said once, until it is well or something else is wrong."""
        if self.trouble != why:
            self.trouble = why
            log.error("journal_anchor_not_noted", path=str(self.file or ""), why=why)


def read_last_anchor(file: Path) -> Head | None:
    """The head that was noted last, None where there is none; without reading a file of years.

    Raises `ValueError` when its end isn't what the bridge writes, `OSError`.
    """
    try:
        with file.open("rb") as opened:
            opened.seek(max(0, opened.seek(0, os.SEEK_END) - END_BYTES))
            lines = opened.read().split(b"\n")[:-1]
    except FileNotFoundError:
        return None
    whole = [line for line in lines if not line.endswith(f" {TORN}".encode())]
    if not whole:
        return None
    try:
        _, seq, chain = whole[-1].decode("ascii").split()
        return read_anchor(f"{seq}:{chain}")
    except ValueError:
        raise ValueError(f"{file} was damaged: it doesn't end with an anchor") from None


def read_anchors(file: Path) -> Iterator[Head]:
    """The heads in an anchor file, none where there is no such file.

    Raises `ValueError` for a line that is none; half a line (of a crash) is passed over: the
    last one, and those that were marked when the file went on.
    """
    try:
        text = file.read_text("ascii")
    except FileNotFoundError:
        return
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file} was damaged: it should hold lines of letters and digits"
        ) from error
    for number, line in enumerate(text.split("\n")[:-1], 1):
        if line.endswith(f" {TORN}"):
            continue
        try:
            _, seq, chain = line.split()
            yield read_anchor(f"{seq}:{chain}")
        except ValueError as error:
            raise ValueError(f"{file}:{number}: is no anchor: {line[:60]!r}") from error


def read_anchor(text: str) -> Head:
    """`12:hash`, as the system log has it. Raises `ValueError`."""
    seq, _, chain = text.partition(":")
    head = Head(int(seq), bytes.fromhex(chain))
    if head.seq < 1 or len(head.chain) != 32:
        raise ValueError(f"{text[:80]!r} is no head; write NUMBER:HASH, as in the system log")
    return head
