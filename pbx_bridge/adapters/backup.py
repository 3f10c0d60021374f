"""A whole state folder as one tar file, taken while the bridge works, and back again.

In it are the database as it was at one moment, the journal's heads, the secrets, the key of
the pseudonyms, voicemail messages and recorded notes. Sounds and logs are made anew. The last
member, `SHA256SUMS`, has a line for each of the others, as `sha256sum` writes and checks it.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from hashlib import file_digest, sha256
from io import BytesIO
from pathlib import Path

from pbx_bridge.adapters.journal.chain import Broken, Head, head_file, verify_file
from pbx_bridge.files import PRIVATE

Say = Callable[[str], None]
SPOOL = "asterisk/spool/voicemail"
NOTES = "asterisk/spool/notes"
KEPT = ("secrets.json", "pseudonym.key")
"""Files beside the database, where they are."""
SUMS = "SHA256SUMS"


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
            sums = [_add(tar, *one) for one in _members(state, Path(folder), database)]
            _add_bytes(tar, SUMS, "".join(sums).encode())
        packed.chmod(PRIVATE)
        with packed.open("rb") as written:
            os.fsync(written.fileno())
        packed.replace(file)


def restore(
    file: Path,
    state: Path,
    database: str,
    say: Say,
    *,
    anchors: Iterable[Head] = (),
    force: bool = False,
) -> Head:
    """Put a backup into an empty state folder, once all of it is verified; the journal's head.

    With `force`, what is in the folder is moved into one below it first. `anchors` that lie
    beyond the backup's head say nothing against it. Raises `BackupFailed`, and leaves what is
    there untouched then; `OSError`.
    """
    there = list(state.iterdir()) if state.exists() else []
    if there and not force:
        raise BackupFailed(
            f"{state}: is not empty; --force moves what is there aside, --state names another one"
        )
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Within the folder, which may be a disk of its own: so nothing has to be copied twice.
    with tempfile.TemporaryDirectory(prefix=".restoring-", dir=state) as folder:
        new = Path(folder)
        _unpack(file, new, database, say)
        say("verifying …")
        head = _verified(new / database)
        _verified(new / database, [one for one in anchors if one.seq <= head.seq])
        if there:
            aside = state / f"before-restore-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
            aside.mkdir(mode=0o700)
            say(f"what was there is in {aside}")
            for one in there:
                one.replace(aside / one.name)
        # The journal comes last: a folder with a journal has all that belongs to it.
        for one in sorted(new.iterdir(), key=lambda one: one.name == database):
            one.replace(state / one.name)
    return head


def _unpack(file: Path, folder: Path, database: str, say: Say) -> None:
    """Write the files of a backup, and see that all are there and as they were."""
    try:
        with tarfile.open(file, "r:") as tar:
            names = tar.getnames()
            if database not in names:
                raise BackupFailed(f"{file}: is no backup of pbx-bridge, {database} isn't in it")
            say(f"unpacking {len(names)} files …")
            for member in tar:
                _extract(tar, member, folder)
    except tarfile.TarError as error:
        raise BackupFailed(f"{file}: can't be unpacked: {error}") from error
    try:
        expected = set((folder / SUMS).read_text("utf-8").splitlines(keepends=True))
    except FileNotFoundError:
        raise BackupFailed(f"{file}: its end is missing; use another backup") from None
    (folder / SUMS).unlink()
    found = {_sum(one, str(one.relative_to(folder))) for one in folder.rglob("*") if one.is_file()}
    if wrong := sorted(line.rstrip("\n").partition("  ")[2] for line in expected ^ found):
        raise BackupFailed(f"{file}: {wrong[0]} isn't as it was; use another backup")


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Write one file below `folder`; whatever else a tar may hold is in no backup."""
    target = folder / member.name
    content = tar.extractfile(member) if member.isfile() else None
    if content is None or ".." in target.parts or not target.is_relative_to(folder):
        raise BackupFailed(f"{tar.name!s}: {member.name!r} is no file of a backup")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target.touch(PRIVATE, exist_ok=False)
    with target.open("wb") as written:
        shutil.copyfileobj(content, written)


def _copy(source: Path, copy: Path) -> None:
    """One moment of the database; who writes isn't kept waiting (WAL)."""
    reader = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
    with closing(reader), closing(sqlite3.connect(copy)) as written:
        reader.backup(written)
        # A copy is one file: whoever opens it needs no other beside it.
        written.execute("PRAGMA journal_mode=DELETE")


def _verified(database: Path, anchors: Iterable[Head] = ()) -> Head:
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            (sound,) = connection.execute("PRAGMA integrity_check").fetchone()
        verdict = verify_file(database, anchors)
    except sqlite3.Error as error:
        raise BackupFailed(f"{database}: can't be read: {error}; check the disk") from error
    if sound != "ok":
        raise BackupFailed(f"{database}: is damaged: {sound}; check the disk")
    if isinstance(verdict, Broken):
        raise BackupFailed(
            f"{database}: the journal is broken at row {verdict.seq}: {verdict.why}; see `verify`"
        )
    return verdict.head


def _members(state: Path, folder: Path, database: str) -> Iterator[tuple[Path, str]]:
    copy = folder / database
    yield copy, database
    if head_file(copy).exists():
        yield head_file(copy), head_file(copy).name
    for name in (*KEPT, SPOOL, NOTES):
        files = [state / name] if name in KEPT else sorted((state / name).rglob("*"))
        for one in files:
            if one.is_file() and not one.is_symlink():
                yield one, str(one.relative_to(state))


def _add(tar: tarfile.TarFile, file: Path, name: str) -> str:
    """Add a file; its line of `SUMS`, "" for one that was deleted this moment."""
    if file.suffix == ".sqlite":
        tar.add(file, name, filter=_private)
        return _sum(file, name)
    try:
        held = file.read_bytes()
    except FileNotFoundError:
        return ""  # a message that was just listened to
    return _add_bytes(tar, name, held)


def _add_bytes(tar: tarfile.TarFile, name: str, held: bytes) -> str:
    """Add what a file held when it was read: somebody may be speaking a message into it."""
    member = tarfile.TarInfo(name)
    member.size = len(held)
    tar.addfile(_private(member), BytesIO(held))
    return f"{sha256(held).hexdigest()}  {name}\n"


def _sum(file: Path, name: str) -> str:
    with file.open("rb") as opened:
        return f"{file_digest(opened, 'sha256').hexdigest()}  {name}\n"


def _private(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """For its owner alone, and nobody's in particular."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = PRIVATE
    return member
