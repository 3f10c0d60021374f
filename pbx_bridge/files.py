"""Files that are either as they were or as they shall be, never half written."""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

PRIVATE = 0o600
"""Readable by its owner only."""


def replace_file(path: Path, text: str, mode: int = PRIVATE) -> None:
    """Write `text` to `path` at once, with the permissions `mode`, durable on return.

    A reader sees the old file or the new one. Raises `OSError`, and then leaves the old one.
    """
    replace_files({path: text}, mode)


def replace_files(texts: Mapping[Path, str], mode: int = PRIVATE) -> None:
    """As `replace_file`, for several: none takes its place before all are on the disk."""
    written: dict[Path, str] = {}
    try:
        for path, text in texts.items():
            handle, written[path] = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                os.fchmod(handle, mode)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        for path in texts:
            Path(written.pop(path)).replace(path)
    except BaseException:
        for name in written.values():
            with contextlib.suppress(OSError):
                Path(name).unlink()
        raise


def put_aside(path: Path) -> Path:
    """Give a damaged file (a folder, a link) another name beside its own, so that it can be made
    anew and looked at later. Returns where it lies. Raises `OSError`."""
    stamp = f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    names = itertools.chain([stamp], (f"{stamp}-{number}" for number in itertools.count(2)))
    aside = next(one for name in names if not os.path.lexists(one := path.with_name(name)))
    path.rename(aside)
    return aside
