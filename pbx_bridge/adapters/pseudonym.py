"""What a caller is known by where numbers aren't kept: a keyed hash of the number.

Whoever has the key can tell whether a number is the one behind a pseudonym; without it nobody
can, however few numbers there are. The key is a file of its own, so that it may lie apart from
the record. A new key ends that: who called before can't be told from who calls now.
"""

from __future__ import annotations

import hmac
import os
import secrets
from hashlib import sha256
from pathlib import Path

from pbx_bridge.files import replace_file

KEY_BYTES = 32
DIGITS = 20
"""Of the hash, 80 bits: no two numbers of a country share them."""


class KeyUnreadable(Exception):
    """The file of the key is there but holds none; the message says what to do."""


class Pseudonyms:
    """Numbers to pseudonyms, by the key in `file`, which is made when there is none.

    Raises `KeyUnreadable` and `OSError`.
    """

    def __init__(self, file: Path) -> None:
        try:
            there = os.path.lexists(file)  # a link to nowhere is a key that was moved
            key = bytes.fromhex(file.read_text("ascii")) if there else rotate(file)
        except (ValueError, FileNotFoundError, IsADirectoryError):
            key = b""
        if len(key) != KEY_BYTES:
            raise KeyUnreadable(
                f"{file}: holds no key of {KEY_BYTES} bytes in hexadecimal. Restore it from a "
                "backup, or move it away: callers are then known by new pseudonyms"
            )
        self._key = key

    def __call__(self, number: str) -> str:
        """The pseudonym of a number in its one form."""
        return hmac.new(self._key, number.encode(), sha256).hexdigest()[:DIGITS]


def rotate(file: Path) -> bytes:
    """Put a new key in the place of the old one, which is gone then."""
    key = secrets.token_bytes(KEY_BYTES)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_file(file, key.hex())
    return key
