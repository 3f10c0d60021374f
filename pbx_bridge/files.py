"""Files that are either as they were or as they shall be, never half written."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

PRIVATE = 0o600
"""Readable by its owner only."""


def replace_file(path: Path, text: str, mode: int = PRIVATE) -> None:
    """Write `text` to `path` at once, with the permissions `mode`, durable on return.

    A reader sees the old file or the new one. Raises `OSError`, and then leaves the old one.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            os.fchmod(handle, mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
