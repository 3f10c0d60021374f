"""Files that are either as they were or as they shall be, never half written; and folders that
are their owner's alone."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

PRIVATE = 0o600
"""Readable by its owner only."""
PRIVATE_FOLDER = 0o700
FULL_BYTES = 1024 * 1024
"""With less free a disk is full: what is written there may fail."""
MOST_ASIDE = 5
"""Damaged ones of one file that are kept to be looked at; older ones are deleted."""
_ASIDE = ".damaged-"


class FolderRefused(Exception):
    """A folder for private data isn't its user's alone; the message says what to do."""


def replace_file(path: Path, text: str, mode: int = PRIVATE) -> None:
    """Write `text` to `path` at once, with the permissions `mode`, durable on return.

    A reader sees the old file or the new one. Raises `OSError`, and then leaves the old one.
    """
    replace_files({path: text}, mode)


def replace_files(texts: Mapping[Path, str], mode: int = PRIVATE) -> None:
    """As `replace_file`, for several: none takes its place before all are on the disk."""
    written: dict[Path, str] = {}
    try:
        for path, text in texts.items():
            handle, written[path] = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                os.fchmod(handle, mode)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        for path in texts:
            Path(written.pop(path)).replace(path)
    except BaseException:
        for name in written.values():
            with contextlib.suppress(OSError):
                Path(name).unlink()
        raise


def full_disk(folder: Path) -> str:
    """What to say and do where there is no room left for a folder's files, "" where there is."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return ""
    if free >= FULL_BYTES:
        return ""
    return (
        f"the disk of {folder} is full ({free // 1024} KiB free): delete something there "
        f"(`df -h {folder}` shows which disk it is); the exchange stores again by itself then"
    )


def put_aside(path: Path) -> Path:
    """Give a damaged file (a folder, a link) another name beside its own, so that it can be made
    anew and looked at later. Returns where it lies. The `MOST_ASIDE` youngest of a name are kept.
    Nothing is copied, so it works on a full disk. Raises `OSError`."""
    stamp = f"{path.name}{_ASIDE}{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    names = itertools.chain([stamp], (f"{stamp}-{number}" for number in itertools.count(2)))
    aside = next(one for name in names if not os.path.lexists(one := path.with_name(name)))
    path.rename(aside)
    kept = sorted(path.parent.glob(f"{path.name}{_ASIDE}*"), key=lambda one: one.lstat().st_ctime)
    for old in kept[:-MOST_ASIDE]:
        with contextlib.suppress(OSError):
            _delete(old)
    return aside


def own_folder(folder: Path, say: Callable[[str], None]) -> None:
    """Make `folder` (for its owner alone), or close one that is there to all others; what was
    done to one that was open is said.

    Raises `FolderRefused` for somebody else's folder, or what is none; `OSError` when it can be
    neither made nor closed.
    """
    try:
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise FolderRefused(f"{folder}: is no folder; move it away or name another one") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise FolderRefused(f"{folder}: is a link to itself; remove it") from None
        raise
    held = folder.stat()
    if held.st_uid != os.geteuid():
        raise FolderRefused(
            f"{folder}: belongs to {user_name(held.st_uid)}, and this runs as "
            f"{user_name(os.geteuid())}. "
            "Passwords and callers' numbers are kept there: start as its owner, give it to this "
            "user (chown -R), or name another folder with --state"
        )
    mode = stat.S_IMODE(held.st_mode)
    if mode & 0o077:
        folder.chmod(PRIVATE_FOLDER)
        say(f"{folder}: others could look into it (mode {mode:04o}); it is closed to them now")


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


NOBODY_LOGGED_IN = 2**32 - 1


def logged_in(pid: int, uid: int) -> int:
    """Who has logged in, where the machine keeps that through `sudo` (pam_loginuid(8)); else the
    user of the process, `uid`."""
    try:
        login = int(Path(f"/proc/{pid}/loginuid").read_text())
    except (OSError, ValueError):
        return uid
    return uid if login == NOBODY_LOGGED_IN else login


def user_name(uid: int) -> str:
    """The name of a user of this machine, whatever the environment says."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
