"""The journal's head, noted where whoever can write the journal can't write: the system log, and
a file that may lie on another machine's disk.

A chain alone doesn't show that its end was cut off, or that all of it was written anew. Each
anchor that somebody kept does: the row with that number has to have that hash.
"""

from __future__ import annotations

import os
import syslog
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import structlog

from pbx_bridge.adapters.journal.chain import Head

log = structlog.get_logger(__name__)

INTERVAL_S = 60.0
"""Between two anchors, while the journal grows."""


def to_system_log(words: str) -> None:
    """One line in the system log; where there is none it goes nowhere."""
    syslog.openlog("pbx-bridge", 0, syslog.LOG_AUTHPRIV)
    syslog.syslog(syslog.LOG_NOTICE, words)
    syslog.closelog()


class Anchors:
    """Notes heads in the system log, and in `file` where one is named.

    Trouble with either is logged and never stops the journal.
    """

    def __init__(
        self, file: Path | None = None, say: Callable[[str], None] = to_system_log
    ) -> None:
        self._file = file
        self._say = say
        self._noted = 0
        self._noted_at = -INTERVAL_S

    def note(self, head: Head, *, at_once: bool = False) -> None:
        """Note a head that is further than the last one, at most one a minute."""
        due = at_once or time.monotonic() - self._noted_at >= INTERVAL_S
        if not due or head.seq <= self._noted:
            return
        self._noted, self._noted_at = head.seq, time.monotonic()
        self._say(f"journal head {head.seq}:{head.chain.hex()}")
        if self._file is not None:
            self._write(self._file, head)

    def _write(self, file: Path, head: Head) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        try:
            with file.open("a", encoding="ascii") as opened:
                opened.write(f"{now} {head.seq} {head.chain.hex()}\n")
                opened.flush()
                os.fsync(opened.fileno())
        except OSError as error:
            log.error("journal_anchor_not_noted", path=str(file), why=str(error))


def read_anchors(file: Path) -> Iterator[Head]:
    """The heads in an anchor file, none where there is no such file.

    Raises `ValueError` for a line that is none; half a last line (of a crash) is passed over.
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
