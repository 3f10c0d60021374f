"""Another private copy in the place of the one that is used, in one step.

The new one is unpacked and tried beside it. Whoever runs of the old one goes on with it, and
takes up the new one at the next start. What fails half way changes nothing.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pbx_bridge.asterisk.locate import version_of
from pbx_bridge.asterisk.packages import (
    COMPLETE,
    CURRENT,
    FIRST,
    PROGRAMS,
    CopyFailed,
    PrivateCopy,
    Say,
    bring,
    current,
    default_folder,
    fetch,
)
from pbx_bridge.asterisk.version import Version, accepted
from pbx_bridge.files import replace_file
from pbx_bridge.ports import PbxRejected, PbxUnavailable

LOCK = "update.lock"
MODULES = (
    *("app_queue.so", "app_stasis.so", "app_voicemail.so", "cel_custom.so", "chan_pjsip.so"),
    *("res_agi.so", "res_ari.so", "res_ari_channels.so", "res_pjsip.so", "res_http_websocket.so"),
)
"""What the exchange can't do without; the rest is seen at its start."""


def renew(folder: Path, say: Say) -> tuple[Version, Version] | None:
    """Bring the newest copy that the mirror has: the version before and the one now; None where
    there is nothing newer. Raises `CopyFailed`, and leaves what there is as it is.
    """
    with _alone(folder):
        old = current(folder)
        if old is None:
            raise CopyFailed(f"{folder}: no private copy is there yet; the first `up` brings one")
        before = _version(old)
        _clear(folder, old)
        new = PrivateCopy(folder / f"{FIRST}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        if not fetch(folder, new.root, say, unless=old.packages):
            return None
        try:
            now = _tried(new, before)
            replace_file(folder / CURRENT, f"{new.root.name}\n")
        except BaseException:
            shutil.rmtree(new.root, ignore_errors=True)
            raise
        say(f"Asterisk {now} is in {new.root}")
        return before, now


def complete(folder: Path, say: Say) -> None:
    """Bring the private copy, and another one in the place of one that lacks a program.

    Where the mirror can't be reached the old one stays, which carries calls as before. Raises
    `CopyFailed` where there is none.
    """
    if not (lacking := bring(folder, say).lacking):
        return
    say(f"The private copy has no {', '.join(lacking)} yet")
    try:
        renew(folder, say)
    except CopyFailed as error:
        say(f"It stays without, which only tests miss: {error}")


def _tried(copy: PrivateCopy, before: Version) -> Version:
    """The version of a copy that can be used. Raises `CopyFailed`."""
    version = _version(copy)
    if not accepted(version) or version < before:
        raise CopyFailed(
            f"the mirror has Asterisk {version}, which is older than {before} or unsafe"
        )
    try:
        missing = [name for name in MODULES if not (copy.modules / name).is_file()]
    except StopIteration:
        missing = list(MODULES)
    if missing:
        raise CopyFailed(f"Asterisk {version} of the mirror lacks {', '.join(missing)}")
    return version


def _version(copy: PrivateCopy) -> Version:
    try:
        return version_of(tuple(copy.program("asterisk")))
    except (PbxUnavailable, PbxRejected) as error:
        raise CopyFailed(f"{copy.root}: Asterisk doesn't run: {error}") from error


def _clear(folder: Path, used: PrivateCopy) -> None:
    """Delete what was begun and not ended, and copies from before the last that nobody runs.

    The last one before is kept: an exchange that is about to start Asterisk again may need it.
    """
    copies = sorted(
        (one for one in folder.glob(f"{FIRST}*") if one.is_dir() and one != used.root),
        key=lambda one: one.stat().st_mtime,
    )
    whole = [one for one in copies if (one / COMPLETE).is_file()]
    for one in copies:
        if one not in whole or (one != whole[-1] and not _runs(one)):
            shutil.rmtree(one, ignore_errors=True)


def _runs(root: Path) -> bool:
    """Whether a process uses files of the copy; of other users' only the command is seen."""
    mark = os.fsencode(f"{root}{os.sep}")
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "maps"):
            try:
                if mark in (process / name).read_bytes():
                    return True
            except OSError:  # another user's, or it has ended
                break
    return False


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else renews at the same time. Raises `CopyFailed`."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CopyFailed(f"{folder}: is being updated already") from None
        yield


def main() -> None:
    """Bring what the machine lacks: `python -m pbx_bridge.asterisk.renewing`."""
    if all(shutil.which(program) for program in PROGRAMS):
        return
    try:
        complete(default_folder(), lambda words: print(words, flush=True))
    except CopyFailed as error:
        raise SystemExit(f"{error}") from None


if __name__ == "__main__":
    main()
