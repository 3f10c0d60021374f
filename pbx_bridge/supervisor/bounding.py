"""Logs that stay short while they are written."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

LONGEST_BRIDGE_LOG_BYTES = 10_000_000
LONGEST_ASTERISK_LOG_BYTES = 20_000_000
LEAST_FREE_BYTES = 100_000_000
"""With less free the log is emptied without a copy."""


def bounds(bridge_log: Path, asterisk_logs: Path) -> Mapping[Path, int]:
    """The logs of an exchange, and how many bytes each may have."""
    return {
        bridge_log: LONGEST_BRIDGE_LOG_BYTES,
        asterisk_logs / "messages.log": LONGEST_ASTERISK_LOG_BYTES,
        asterisk_logs / "console.log": LONGEST_ASTERISK_LOG_BYTES,
        asterisk_logs / "security.log": LONGEST_ASTERISK_LOG_BYTES,
    }


def keep_short(logs: Mapping[Path, int]) -> None:
    """Begin anew what has become too long; the one before stays beside it as `.1`.

    Its writer goes on with the same file, which it only appends to (open(2), O_APPEND): what it
    writes between copy and cut is lost. Raises `OSError`.
    """
    for file, most in logs.items():
        with contextlib.suppress(FileNotFoundError):
            if file.stat().st_size > most:
                _begin_anew(file)


def _begin_anew(file: Path) -> None:
    before = file.with_name(f"{file.name}.1")
    if shutil.disk_usage(file.parent).free > LEAST_FREE_BYTES:
        shutil.copy2(file, before)
    else:
        before.unlink(missing_ok=True)
    with file.open("r+b") as opened:
        opened.truncate(0)
    log.info("log_begun_anew", file=file.name)
