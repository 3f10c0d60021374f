"""A whole state folder as one tar file, taken while the bridge works, and back again.

In it are the database as it was at one moment, the journal's heads, the secrets, the key of
the pseudonyms, voicemail messages and recorded notes. Sounds and logs are made anew.
"""

from __future__ import annotations

import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from pbx_bridge.adapters.journal.chain import Broken, head_file, verify_file
from pbx_bridge.files import PRIVATE

Say = Callable[[str], None]
SPOOL = "asterisk/spool/voicemail"
NOTES = "asterisk/spool/notes"
KEPT = ("secrets.json", "pseudonym.key")
"""Files beside the database, where they are."""


class BackupFailed(Exception):
    """No backup was made, or none was restored; the message says why and what to do."""


def take(state: Path, database: str, file: Path, say: Say) -> None:
    """Write the backup of a state folder to `file`, verified. Raises `BackupFailed`, `OSError`."""
    source = state / database
    if not source.exists():
        raise BackupFailed(f"{source}: there is nothing to back up yet")
    with tempfile.TemporaryDirectory(prefix="pbx-backup-", dir=file.absolute().parent) as folder:
        copy = Path(folder) / database
        say(f"copying {source.stat().st_size / 1e6:.1f} MB of journal and record …")
        # First the head, then the rows: rows written in between are no contradiction.
        head = head_file(source)
        if head.exists():
            head_file(copy).write_bytes(head.read_bytes())
        _copy(source, copy)
        say("verifying the copy …")
        _verified(copy)
        packed = Path(folder) / "packed"
        with tarfile.open(packed, "w") as tar:
            for one, name in _members(state, Path(folder), database):
                tar.add(one, name, filter=_private)
        packed.chmod(PRIVATE)
        with packed.open("rb") as written:
            os.fsync(written.fileno())
        packed.replace(file)


def restore(file: Path, state: Path, database: str, say: Say) -> None:
    """Unpack a backup into an empty state folder, and verify it.

    Raises `BackupFailed`, and leaves what is there untouched then; `OSError`.
    """
    if state.exists() and any(state.iterdir()):
        raise BackupFailed(
            f"{state}: is not empty; move it away, or name another folder by --state"
        )
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with tarfile.open(file, "r:") as tar:
            names = tar.getnames()
            if database not in names:
                raise BackupFailed(f"{file}: is no backup of pbx-bridge, {database} isn't in it")
            say(f"unpacking {len(names)} files …")
            tar.extractall(state, filter="data")
    except tarfile.TarError as error:
        raise BackupFailed(f"{file}: can't be unpacked: {error}") from error
    say("verifying …")
    _verified(state / database)


def _copy(source: Path, copy: Path) -> None:
    """One moment of the database; who writes isn't kept waiting (WAL)."""
    reader = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
    with closing(reader), closing(sqlite3.connect(copy)) as written:
        reader.backup(written)
        # A copy is one file: whoever opens it needs no other beside it.
        written.execute("PRAGMA journal_mode=DELETE")


def _verified(database: Path) -> None:
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            (sound,) = connection.execute("PRAGMA integrity_check").fetchone()
        verdict = verify_file(database)
    except sqlite3.Error as error:
        raise BackupFailed(f"{database}: can't be read: {error}; check the disk") from error
    if sound != "ok":
        raise BackupFailed(f"{database}: is damaged: {sound}; check the disk")
    if isinstance(verdict, Broken):
        raise BackupFailed(
            f"{database}: the journal is broken at row {verdict.seq}: {verdict.why}; see `verify`"
        )


def _members(state: Path, folder: Path, database: str) -> Iterator[tuple[Path, str]]:
    copy = folder / database
    yield copy, database
    if head_file(copy).exists():
        yield head_file(copy), head_file(copy).name
    for name in (*KEPT, SPOOL, NOTES):
        if (state / name).exists():
            yield state / name, name


def _private(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """For its owner alone, and nobody's in particular; nothing but files and folders."""
    if not (member.isfile() or member.isdir()):
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o700 if member.isdir() else PRIVATE
    return member
