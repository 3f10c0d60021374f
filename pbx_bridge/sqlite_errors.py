"""What SQLite's errors mean for those who keep a file: damage, or only a bad moment.

The lower byte of an extended result code is its kind (sqlite.org, Result Codes).
"""

from __future__ import annotations

import sqlite3

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_OUT_OF_REACH = _DAMAGED | {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
}


def is_damaged(error: Exception) -> bool:
    """Whether what stands in the file can't be read, however often it is tried."""
    if isinstance(error, UnicodeDecodeError):  # Python reads SQLite's own words about it
        return True
    return _kind(error) in _DAMAGED


def is_out_of_reach(error: Exception) -> bool:
    """Whether the file can't be used now, as opposed to a statement that is wrong."""
    return _kind(error) in _OUT_OF_REACH


def _kind(error: Exception) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
