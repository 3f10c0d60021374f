"""AstDB: copied while it is well, mended when it isn't."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pbx_bridge.asterisk.astdb import keep_copy, mend

GARBAGE = b"\x00\xff garbage" * 500


def write(astdb: Path, value: str) -> None:
    with closing(sqlite3.connect(astdb)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS astdb (key PRIMARY KEY, value)")
        connection.execute(
            "INSERT OR REPLACE INTO astdb VALUES ('/pbx-sound/sorry-sv', ?)", (value,)
        )
        connection.commit()


def read(astdb: Path) -> list[str]:
    with closing(sqlite3.connect(astdb)) as connection:
        return [value for (value,) in connection.execute("SELECT value FROM astdb")]


@pytest.fixture
def astdb(tmp_path: Path) -> Path:
    return tmp_path / "astdb.sqlite3"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copy.sqlite3"


@pytest.mark.parametrize("damage", ["garbage", "empty pages", "half", "folder", "link"])
def test_a_damaged_one_is_put_aside_and_its_copy_used(astdb: Path, copy: Path, damage: str) -> None:
    write(astdb, "first")
    keep_copy(astdb, copy)
    held = astdb.read_bytes()
    astdb.unlink()
    match damage:
        case "folder":
            astdb.mkdir()
        case "link":
            astdb.symlink_to("/nowhere/at/all")
        case _:
            kinds = {
                "garbage": GARBAGE,
                "half": held[:5000],
                "empty pages": held[:100] + bytes(9000),
            }
            astdb.write_bytes(kinds[damage])
    mend(astdb, copy)
    assert read(astdb) == ["first"]
    assert len(list(astdb.parent.glob("astdb.sqlite3.damaged-*"))) == 1


def test_without_a_copy_that_is_well_it_begins_empty(astdb: Path, copy: Path) -> None:
    astdb.write_bytes(GARBAGE)
    copy.write_bytes(GARBAGE)
    mend(astdb, copy)
    assert not astdb.exists()


def test_what_is_well_stays(astdb: Path, copy: Path) -> None:
    mend(astdb, copy)
    keep_copy(astdb, copy)
    assert not copy.exists()
    write(astdb, "first")
    mend(astdb, copy)
    assert read(astdb) == ["first"]


def test_a_copy_is_renewed_when_it_has_changed_and_never_by_a_damaged_one(
    astdb: Path, copy: Path
) -> None:
    write(astdb, "first")
    keep_copy(astdb, copy)
    before = copy.stat()
    keep_copy(astdb, copy)
    assert copy.stat().st_ino == before.st_ino, "nothing had changed"
    write(astdb, "second")
    os.utime(astdb, (before.st_mtime + 5, before.st_mtime + 5))
    keep_copy(astdb, copy)
    assert read(copy) == ["second"]
    astdb.write_bytes(GARBAGE)
    os.utime(astdb, (before.st_mtime + 9, before.st_mtime + 9))
    with pytest.raises(sqlite3.DatabaseError):
        keep_copy(astdb, copy)
    assert read(copy) == ["second"]
