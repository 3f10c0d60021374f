"""A whole state folder as one tar file, taken while the bridge works, and back again.

In it are the database as it was at one moment, the journal's heads, the secrets, the key of
the pseudonyms, voicemail messages and recorded notes. Sounds and logs are made anew. The last
member, `SHA256SUMS`, has a line for each of the others, as `sha256sum` writes and checks it.
"""

from __future__ import annotations

import os
import re
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
from typing import IO

from pbx_bridge.adapters.journal.chain import Broken, Head, head_file, verify_file
from pbx_bridge.files import PRIVATE

Say = Callable[[str], None]
Sealing = Callable[[Path, Path], None]
"""Writes a file encrypted, or decrypted, to another one."""
SPOOL = "asterisk/spool/voicemail"
NOTES = "asterisk/spool/notes"
KEPT = ("secrets.json", "pseudonym.key")
"""Files beside the database, where they are."""
LOCKS = ".lock"
"""End of the names of files that say who works with the folder."""
SUMS = "SHA256SUMS"
LARGEST_DATABASE = 1 << 40
LARGEST_KEPT = 16 << 20
LARGEST_SUMS = 256 << 20
LARGEST_SPOKEN = 64 << 20
"""Bytes: a message lasts some minutes at 16 kB a second."""
_WORD = r"[A-Za-z0-9][A-Za-z0-9_-]*"
_SPOKEN = re.compile(
    rf"{re.escape(SPOOL)}/{_WORD}/{_WORD}/(?:{_WORD}/)?{_WORD}\.(?:wav|WAV|gsm|txt|conf)"
    rf"|{re.escape(NOTES)}/{_WORD}\.wav"
)
"""A message with its text, a greeting, a mailbox's PIN (secret.conf); a spoken note."""


class BackupFailed(Exception):
    """No backup was made, or none was restored; the message says why and what to do."""


def take(
    state: Path, database: str, file: Path, say: Say, *, sealed: Sealing | None = None
) -> None:
    """Write the backup of a state folder to `file`, verified, and `sealed` where that is asked.

    What isn't sealed yet lies in the state folder, nowhere else. Raises `BackupFailed`, `OSError`.
    """
    source = state / database
    if not source.exists():
        raise BackupFailed(f"{source}: there is nothing to back up yet")
    beside = state if sealed is not None else file.absolute().parent
    with tempfile.TemporaryDirectory(prefix="pbx-backup-", dir=beside) as folder:
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
            sums = [_add(tar, *one) for one in _members(state, Path(folder), database, say)]
            _add_bytes(tar, SUMS, "".join(sums).encode())
        packed.chmod(PRIVATE)
        if sealed is None:
            _put(packed, file)
            return
        say("encrypting …")
        with tempfile.TemporaryDirectory(prefix="pbx-backup-", dir=file.absolute().parent) as there:
            sealed(packed, Path(there) / "sealed")
            _put(Path(there) / "sealed", file)


def _put(written: Path, file: Path) -> None:
    """Give a whole file its name, once it is on the disk."""
    with written.open("rb") as opened:
        os.fsync(opened.fileno())
    written.replace(file)


def restore(
    file: Path,
    state: Path,
    database: str,
    say: Say,
    *,
    anchors: Iterable[Head] = (),
    force: bool = False,
    opened: Sealing | None = None,
    telephones_work: bool = False,
) -> Head:
    """Put a backup into an empty state folder, once all of it is verified; the journal's head.

    With `force`, what is in the folder is moved into one below it first; while `telephones_work`
    only what the bridge alone uses is replaced, and messages stay as they are. `anchors` that lie
    beyond the backup's head say nothing against it; `opened` opens one that is sealed. Raises
    `BackupFailed`, and leaves what is there untouched then; `OSError`.
    """
    there = [one for one in state.iterdir() if one.suffix != LOCKS] if state.exists() else []
    if there and not force:
        raise BackupFailed(
            f"{state}: is not empty; --force moves what is there aside, --state names another one"
        )
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Within the folder, which may be a disk of its own: so nothing has to be copied twice.
    with tempfile.TemporaryDirectory(prefix=".restoring-", dir=state) as folder:
        new = Path(folder) / "new"
        new.mkdir()
        if opened is not None:
            say("decrypting …")
            opened(file, Path(folder) / "opened")
            file = Path(folder) / "opened"
        _unpack(file, new, database, say)
        say("verifying …")
        head = _verified(new / database)
        _verified(new / database, [one for one in anchors if one.seq <= head.seq])
        if telephones_work:
            there = [one for one in there if _is_the_bridges(one.name, database)]
            shutil.rmtree(new / "asterisk", ignore_errors=True)
            say("the telephones work: messages and spoken notes stay as they are")
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


def _is_the_bridges(name: str, database: str) -> bool:
    """Whether no telephone needs a file of the state folder at this moment."""
    return name in (*KEPT, head_file(Path(database)).name) or name.startswith(database)


def _unpack(file: Path, folder: Path, database: str, say: Say) -> None:
    """Write the files of a backup, and see that all are there and as they were, and no others."""
    found: dict[str, str] = {}
    expected: list[str] | None = None
    try:
        with tarfile.open(file, "r:") as tar:
            room = shutil.disk_usage(folder).free
            say("unpacking …")
            for member in tar:
                if expected is not None or member.name in found:
                    raise BackupFailed(f"{file}: {member.name!r} is no file of a backup")
                room -= _looked_at(file, member, database, room)
                content = tar.extractfile(member)
                assert content is not None  # a regular file
                if member.name == SUMS:
                    expected = content.read().decode("utf-8", "replace").splitlines(keepends=True)
                else:
                    found[member.name] = _extract(content, folder / member.name, member.name)
    except tarfile.TarError as error:
        raise BackupFailed(f"{file}: can't be unpacked: {error}; use another backup") from error
    if expected is None:
        raise BackupFailed(f"{file}: its end is missing; use another backup")
    if wrong := sorted(
        line.rstrip("\n").partition("  ")[2] for line in {*expected} ^ {*found.values()}
    ):
        raise BackupFailed(f"{file}: {wrong[0]!r} isn't as it was; use another backup")
    if len(expected) != len(found):
        raise BackupFailed(f"{file}: {SUMS} names a file twice; use another backup")
    if database not in found:
        raise BackupFailed(f"{file}: is no backup of pbx-bridge, {database} isn't in it")


def _looked_at(file: Path, member: tarfile.TarInfo, database: str, room: int) -> int:
    """The size of a member that is one of a backup's. Raises `BackupFailed` for any other."""
    most = _most_bytes(member.name, database)
    if most is None or member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        raise BackupFailed(f"{file}: {member.name!r} is no file of a backup")
    if member.size > most:
        raise BackupFailed(f"{file}: {member.name!r} is larger than any of its kind")
    if member.size > room:
        raise BackupFailed(f"{file}: is larger than what is free on the disk; make room")
    return member.size


def _most_bytes(name: str, database: str) -> int | None:
    """How large a file of this name may be, None for what is in no backup: no other files may
    come into the state folder, where Asterisk reads its configuration."""
    if name == database:
        return LARGEST_DATABASE
    if name in (*KEPT, head_file(Path(database)).name):
        return LARGEST_KEPT
    if name == SUMS:
        return LARGEST_SUMS
    return LARGEST_SPOKEN if _SPOKEN.fullmatch(name) else None


def _extract(content: IO[bytes], target: Path, name: str) -> str:
    """Write one file; its line of `SUMS`."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target.touch(PRIVATE, exist_ok=False)
    with target.open("wb") as written:
        shutil.copyfileobj(content, written)
    return _sum(target, name)


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
            kinds = {kind for (kind,) in connection.execute("SELECT type FROM sqlite_master")}
        verdict = verify_file(database, anchors)
    except sqlite3.Error as error:
        raise BackupFailed(f"{database}: can't be read: {error}; check the disk") from error
    if sound != "ok":
        raise BackupFailed(f"{database}: is damaged: {sound}; check the disk")
    if foreign := kinds - {"table", "index"}:
        raise BackupFailed(f"{database}: holds a {min(foreign)}, which no database of ours does")
    if isinstance(verdict, Broken):
        raise BackupFailed(
            f"{database}: the journal is broken at row {verdict.seq}: {verdict.why}; see `verify`"
        )
    return verdict.head


def _members(state: Path, folder: Path, database: str, say: Say) -> Iterator[tuple[Path, str]]:
    copy = folder / database
    yield copy, database
    if head_file(copy).exists():
        yield head_file(copy), head_file(copy).name
    for name in (*KEPT, SPOOL, NOTES):
        files = [state / name] if name in KEPT else sorted((state / name).rglob("*"))
        for one in files:
            inside = str(one.relative_to(state))
            most = _most_bytes(inside, database)
            if one.is_symlink() or not one.is_file():
                continue
            if most is None or one.stat().st_size > most:
                say(f"{one}: left out, it is none of ours")
            else:
                yield one, inside


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
