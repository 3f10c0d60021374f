"""Notes that people have spoken about their absence: WAV files in one folder."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from pathlib import Path

YOUNG_S = 3600.0
"""A note this young may belong to a referral that is just being set."""


class SpokenNotes:
    """`ports.Notes` in a folder that Asterisk records into."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def clear(self, kept: Collection[str]) -> int:
        """Delete all but `kept`. Returns how many; raises `OSError`."""
        return await asyncio.to_thread(self._clear, kept)

    def _clear(self, kept: Collection[str]) -> int:
        before = time.time() - YOUNG_S
        old = [
            file
            for file in self._folder.glob("*.wav")
            if file.stem not in kept and file.stat().st_mtime < before
        ]
        for file in old:
            file.unlink(missing_ok=True)
        return len(old)
