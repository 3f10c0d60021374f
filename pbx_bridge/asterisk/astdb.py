"""AstDB as a file: a copy of it while it is well, and what happens when it is damaged.

It holds the last known state, by which callers are helped without a bridge, the members of the
queues and where phones have registered. Asterisk doesn't start with a damaged one, and starts
with nothing where there is none.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

import structlog

from pbx_bridge.files import put_aside
from pbx_bridge.sqlite_errors import is_damaged

log = structlog.get_logger(__name__)


def keep_copy(astdb: Path, copy: Path) -> None:
    """Copy AstDB as it is at one moment, where it has changed and is well, beside itself.

    Raises `OSError`, `sqlite3.Error`; the copy from before stays then.
    """
    with contextlib.suppress(FileNotFoundError):
        if copy.stat().st_mtime >= astdb.stat().st_mtime:
            return
    if not astdb.exists():
        return
    new = copy.with_name(f"{copy.name}.new")
    new.unlink(missing_ok=True)
    with (
        contextlib.closing(sqlite3.connect(f"{astdb.as_uri()}?mode=ro", uri=True)) as held,
        contextlib.closing(sqlite3.connect(new)) as written,
    ):
        held.backup(written)
    if _damage(new) is None:
        new.replace(copy)


def mend(astdb: Path, copy: Path) -> None:
    """Put an AstDB that SQLite can't read aside, and take its copy instead, if that is well.

    Without one Asterisk begins with an empty one, which the bridge fills; phones register again
    when their time comes. Raises `OSError`.
    """
    if (why := _damage(astdb)) is None:
        return
    aside = put_aside(astdb)
    found = "it is made anew"
    if copy.is_file() and _damage(copy) is None:
        shutil.copyfile(copy, astdb)
        found = "its copy is used"
    log.error("astdb_damaged", why=why, aside=str(aside), what=found)


def _damage(file: Path) -> str | None:
    """What is wrong with a database; None where it is well, or isn't there."""
    if not file.exists() and not file.is_symlink():
        return None
    try:
        with contextlib.closing(sqlite3.connect(file)) as connection:
            (found,) = connection.execute("PRAGMA quick_check").fetchone()
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        if file.is_file() and not is_damaged(error):
            return None  # a full disk or the like is no damage
        return str(error)
    return None if found == "ok" else str(found)
