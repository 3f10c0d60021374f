"""Which Asterisk to start: the machine's own, a private copy, or none (one runs elsewhere)."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from pbx_bridge.asterisk.packages import PrivateCopy, bring, default_folder
from pbx_bridge.asterisk.version import Version, accepted, parse, require
from pbx_bridge.config.deployment import Mode
from pbx_bridge.ports import PbxRejected, PbxUnavailable, ProtocolError

VERSION_TIMEOUT_S = 10
ADMIN_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where Asterisk is installed; not on every user's path."""
MODULE_FOLDERS = tuple(
    folder / "asterisk/modules"
    for folder in (*Path("/usr/lib").glob("*-linux-gnu*"), Path("/usr/lib64"), Path("/usr/lib"))
)
OPUS = ("codec_opus.so", "codec_opus_open_source.so")
"""The makers' own, and the one that Debian builds."""
MUSIC_FOLDERS = (Path("/usr/share/asterisk/moh"), Path("/var/lib/asterisk/moh"))

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Located:
    """An Asterisk that can be started, and where its own files are."""

    program: tuple[str, ...]
    """The argument list that starts it; empty for an external one."""
    version: Version | None
    """`None` for an external one: AMI or ARI will tell."""
    modules: Path | None
    """`None`: the folder that the program was built with; so for `data`."""
    data: Path | None
    moh: Path | None
    """Folder of music; `None` when there is none."""
    opus: str = ""
    """The module that transcodes Opus, which not every build has; "" for none."""
    private: PrivateCopy | None = None
    """The copy it is of, with espeak-ng and SIPp beside it."""


def locate(
    mode: Mode,
    say: Say,
    *,
    allow_older: bool = False,
    folder: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Located:
    """Find Asterisk. May download; blocks, so it is called before the event loop.

    `folder` is where private copies are kept (`packages.default_folder`). Raises
    `PbxRejected` (too old), `PbxUnavailable` (absent), `packages.CopyFailed`.
    """
    copies = folder or default_folder(environment)
    match mode:
        case Mode.AUTO:
            return _system_or_private(say, allow_older, copies, environment)
        case Mode.SYSTEM:
            found = _system(environment)
            require(_known(found), allow_older=allow_older)
            return found
        case Mode.PRIVATE:
            return _private(say, allow_older, copies)
        case Mode.EXTERNAL:
            return Located((), None, None, None, _music(MUSIC_FOLDERS))
        case _:
            assert_never(mode)


def _system_or_private(
    say: Say, allow_older: bool, copies: Path, environment: Mapping[str, str]
) -> Located:
    try:
        found = _system(environment)
    except PbxUnavailable:
        return _private(say, allow_older, copies)
    version = _known(found)
    if allow_older or accepted(version):
        return found
    say(f"{found.program[0]} is Asterisk {version}, which is too old; taking a private copy")
    return _private(say, allow_older, copies)


def _system(environment: Mapping[str, str]) -> Located:
    path = os.pathsep.join([environment.get("PATH", os.defpath), *ADMIN_FOLDERS])
    program = shutil.which("asterisk", path=path)
    if program is None:
        raise PbxUnavailable(
            "no Asterisk is installed on this machine; install one or start with --asterisk private"
        )
    version, opus = version_of((program,)), _opus(MODULE_FOLDERS)
    return Located((program,), version, None, None, _music(MUSIC_FOLDERS), opus)


def _private(say: Say, allow_older: bool, copies: Path) -> Located:
    copy = bring(copies, say)
    program = tuple(copy.program("asterisk"))
    version = version_of(program)
    require(version, allow_older=allow_older)
    _name_english(copy.data / "sounds")
    music, opus = _music([copy.data / "moh"]), _opus([copy.modules])
    return Located(program, version, copy.modules, copy.data, music, opus, copy)


def _name_english(sounds: Path) -> None:
    """Make `sounds/en`, which dpkg's alternatives would have made when installing."""
    english = sounds / "en"
    voices = sorted(sounds.glob("en_*"))
    if voices and not english.exists():
        with contextlib.suppress(FileExistsError):
            english.symlink_to(voices[0].name)


def version_of(program: tuple[str, ...]) -> Version:
    """What `asterisk -V` says. Raises `PbxUnavailable`, `PbxRejected`."""
    try:
        said = subprocess.run(
            [*program, "-V"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=VERSION_TIMEOUT_S,
            check=True,
        ).stdout
        return parse(said)
    except (OSError, subprocess.SubprocessError) as error:
        raise PbxUnavailable(f"{program[-1]} -V did not answer: {error}") from error
    except ProtocolError as error:
        raise PbxRejected(f"{program[-1]}: {error}") from error


def _known(found: Located) -> Version:
    assert found.version is not None
    return found.version


def _music(folders: list[Path] | tuple[Path, ...]) -> Path | None:
    return next((folder for folder in folders if any(folder.glob("*.wav"))), None)


def _opus(folders: Iterable[Path]) -> str:
    return next((one for folder in folders for one in OPUS if (folder / one).is_file()), "")
