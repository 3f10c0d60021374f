"""Asterisk's log of notices and errors, in which callers' numbers may stand.

Asterisk itself gives the file another name (`messages.log.0`, older ones move on by one; in
logger.conf `rotatestrategy = rotate`). Needs `write = system` in manager.conf.
"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from pathlib import Path

from pbx_bridge.adapters.ami.connection import Ami


class AmiLogs:
    """`ports.Logs` in the folder of a real Asterisk's logs."""

    def __init__(self, ami: Ami, folder: Path) -> None:
        self._ami = ami
        self._folder = folder

    async def clear(self, kept: timedelta) -> int:
        """Begin a new file and delete those that are older. Returns how many.

        Raises `PbxUnavailable`, `PbxRejected`, `OSError`.
        """
        await self._ami.action("LoggerRotate")
        return await asyncio.to_thread(self._delete, time.time() - kept.total_seconds())

    def _delete(self, before: float) -> int:
        files = [one for one in self._folder.glob("*.log.*") if one.stat().st_mtime < before]
        for file in files:
            file.unlink(missing_ok=True)
        return len(files)
