"""Telephones whose own calls Asterisk refuses for their sound, by a line of its log.

A call that offers another encryption than the plan has is refused (488) before there is a channel,
so no event tells of it: Asterisk writes an error that names the endpoint. Nothing else of the line
is read, and no key ever stands in it. A call without a codec in common leaves no line.
"""

from __future__ import annotations

import re
from pathlib import Path

MOST_BYTES = 256 * 1024
"""Of what was written since the last look; what is before that is passed over."""
_REFUSED = re.compile(
    rb"^.{0,60} res_pjsip_session\.c: +([\w-]{1,80}): Couldn't negotiate stream \d+:audio",
    re.MULTILINE,
)


class RefusedOffers:
    """What was written since the last look. A file that isn't there has nothing."""

    def __init__(self, file: Path) -> None:
        """`file`: Asterisk's errors; what stands in it already was there before us."""
        self._file = file
        self._inode, self._read = self._now()

    def look(self) -> frozenset[str]:
        """The endpoints that were refused meanwhile. Blocks for as long as the disk takes."""
        inode, size = self._now()
        begins = self._read if inode == self._inode and size >= self._read else 0
        self._inode, self._read = inode, size
        if size == begins:
            return frozenset()
        try:
            with self._file.open("rb") as opened:
                opened.seek(max(begins, size - MOST_BYTES))
                fresh = opened.read(MOST_BYTES)
        except OSError:
            return frozenset()
        return frozenset(name.decode() for name in _REFUSED.findall(fresh))

    def _now(self) -> tuple[int, int]:
        try:
            found = self._file.stat()
        except OSError:
            return 0, 0
        return found.st_ino, found.st_size
