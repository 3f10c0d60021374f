"""A private copy of Asterisk, espeak-ng and what tests call with, for machines that have none.

Debian's stable releases carry no Asterisk; the suite named here does. The packages are
downloaded with an apt state of our own and unpacked into a folder: the system is not
touched and root is not needed. The mirror is the one that the machine itself uses, read
from its apt configuration at run time.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

SUITE = "sid"
PACKAGES = (
    "asterisk",
    "asterisk-core-sounds-en-wav",
    "asterisk-moh-opsound-wav",
    "baresip-core",
    "espeak-ng",
    "sip-tester",
)
PROGRAMS = ("asterisk", "baresip", "espeak-ng", "sipp")
"""Of those packages, that are started. baresip is a telephone for tests alone."""
DOWNLOAD = ("--download-only", "--no-install-recommends")
COMPLETE = ".complete"
"""In a copy that is whole; names the files of its packages, one a line (nothing in old ones)."""
FIRST = "asterisk"
"""Name of the copy that was brought first."""
CURRENT = "current"
"""File with the name of the copy that is used; without it that is the first one."""
APT_TIMEOUT_S = 900
UNPACK_TIMEOUT_S = 120

Say = Callable[[str], None]


class CopyFailed(Exception):
    """A private copy could not be made; the message says which step failed and what to do."""


def default_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where private copies are kept: `PBX_BRIDGE_CACHE`, else the user's cache folder."""
    if chosen := environment.get("PBX_BRIDGE_CACHE"):
        return Path(chosen)
    base = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pbx-bridge"


@dataclass(frozen=True)
class PrivateCopy:
    """Programs unpacked under `root`, started through the copy's own loader and libraries."""

    root: Path

    @cached_property
    def libraries(self) -> str:
        """Where the loader finds every shared library of the copy: one folder with a link to each,
        or, where that can't be made any more, their folders joined with colons."""
        folder = self.root / "libraries"
        found = sorted((self.root / "usr/lib").glob("*-linux-gnu*/**/lib*.so*"))
        if not folder.is_dir():
            try:
                self._link(found, folder)
            except OSError:
                return ":".join(dict.fromkeys(str(library.parent) for library in found))
        return str(folder)

    def _link(self, found: Sequence[Path], folder: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="libraries-", dir=self.root) as made:
            links = Path(made) / "links"
            links.mkdir()
            for library in found:
                with contextlib.suppress(FileExistsError):
                    (links / library.name).symlink_to(os.path.relpath(library, folder))
            if not folder.is_dir():  # another process may have been faster
                links.rename(folder)

    @cached_property
    def loader(self) -> Path:
        """The dynamic loader that came with the copy's C library."""
        found = sorted(self.root.glob("usr/lib*/ld-linux*.so*"))
        found += sorted(self.root.glob("usr/lib/*-linux-gnu*/ld-linux*.so*"))
        if not found:
            raise CopyFailed(f"{self.root}: no loader in the copy; delete the folder and try again")
        return found[0]

    def program(self, name: str) -> list[str]:
        """The command (as an argument list) that starts program `name` of the copy.

        The loader is started by a link of the program's name, by which `ps`, `top` and `ss` then
        know the process.
        """
        for folder in ("usr/bin", "usr/sbin"):
            path = self.root / folder / name
            if path.is_file():
                return [str(self._named(name)), "--library-path", self.libraries, str(path)]
        raise CopyFailed(f"{self.root}: the copy has no program {name!r}")

    @property
    def lacking(self) -> tuple[str, ...]:
        """Programs that it doesn't have: those that came into use after it was made."""
        folders = [self.root / folder for folder in ("usr/bin", "usr/sbin")]
        return tuple(
            name for name in PROGRAMS if not any((one / name).is_file() for one in folders)
        )

    def _named(self, name: str) -> Path:
        """The loader under a program's name; under its own where no link can be made."""
        link = self.root / "named" / name
        try:
            if not link.exists():
                link.parent.mkdir(exist_ok=True)
                link.symlink_to(os.path.relpath(self.loader, link.parent))
        except FileExistsError:
            return link
        except OSError:
            return self.loader
        return link

    @property
    def packages(self) -> frozenset[str]:
        """Files of the packages that it is made of, none where that was not noted."""
        return frozenset((self.root / COMPLETE).read_text("utf-8").split())

    @property
    def made(self) -> datetime:
        """When it was unpacked, in UTC."""
        return datetime.fromtimestamp((self.root / COMPLETE).stat().st_mtime, UTC)

    @property
    def modules(self) -> Path:
        """Asterisk's loadable modules."""
        return next(self.root.glob("usr/lib/*-linux-gnu*/asterisk/modules"))

    @property
    def data(self) -> Path:
        """Asterisk's data folder (XML documentation, REST descriptions, sounds)."""
        return self.root / "usr/share/asterisk"

    @property
    def phone_modules(self) -> Path:
        """The modules of baresip."""
        return self.root / "usr/lib/baresip/modules"

    @property
    def speech_data(self) -> Path:
        """The folder that holds espeak-ng-data."""
        return next(self.root.glob("usr/lib/*-linux-gnu*/espeak-ng-data")).parent


def current(folder: Path) -> PrivateCopy | None:
    """The private copy that is used from now on, None where there is none yet.

    A file names it, so that another one takes its place in one step, and whoever runs of the one
    before goes on with that.
    """
    for name in (_named(folder), FIRST):
        if (folder / name / COMPLETE).is_file():
            return PrivateCopy(folder / name)
    return None


def bring(folder: Path, say: Say) -> PrivateCopy:
    """Return the private copy in `folder`, downloading and unpacking it when it isn't there.

    Safe to call at every start: a complete copy is returned at once. A copy that was
    interrupted is begun again. Raises `CopyFailed`.
    """
    if (copy := current(folder)) is not None:
        return copy
    root = folder / FIRST
    fetch(folder, root, say)
    say(f"Asterisk, espeak-ng, SIPp and baresip are in {root}")
    return PrivateCopy(root)


def fetch(folder: Path, root: Path, say: Say, *, unless: Collection[str] = ()) -> bool:
    """Download the packages and unpack them into `root`, complete or not at all.

    `unless` are files of packages (`NAME_VERSION_ARCHITECTURE.deb`): False, and nothing is
    downloaded, where the mirror has just these. Raises `CopyFailed`.
    """
    work = folder / f"{root.name}.apt"
    for leftover in (root, work):
        shutil.rmtree(leftover, ignore_errors=True)
    done = False
    try:
        options = _apt_state(work)
        say(f"Reading the package list of Debian {SUITE} …")
        _run(["apt-get", *options, "-q", "update"], APT_TIMEOUT_S)
        install = ["apt-get", *options, "-qy", "install", *DOWNLOAD, *PACKAGES]
        if unless and set(unless) == _offered(_run([*install, "--print-uris"], APT_TIMEOUT_S)):
            return False
        say("Downloading Asterisk, espeak-ng, SIPp and baresip (about 100 MB) …")
        _run(install, APT_TIMEOUT_S)
        archives = sorted((work / "cache/archives").glob("*.deb"))
        _unpack(archives, root, say)
        for name in PROGRAMS:
            PrivateCopy(root).program(name)  # its links, while the folder can be written
        (root / COMPLETE).write_text("".join(f"{one.name}\n" for one in archives))
        done = True
    except OSError as error:
        raise CopyFailed(f"{root}: {error.strerror or error}; is there room for 400 MB?") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
        if not done:
            shutil.rmtree(root, ignore_errors=True)
    return True


def _offered(printed: str) -> set[str]:
    """The files that `--print-uris` names: a line is 'URI' FILE SIZE HASH."""
    lines = [line.split() for line in printed.splitlines()]
    return {line[1] for line in lines if len(line) == 4 and line[1].endswith(".deb")}


def _named(folder: Path) -> str:
    """The name in the file `current`; the first copy's where it names none below the folder."""
    try:
        name = (folder / CURRENT).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return FIRST
    return name if name == Path(name).name and name not in ("", ".", "..") else FIRST


def _unpack(archives: Sequence[Path], root: Path, say: Say) -> None:
    if not archives:
        raise CopyFailed("apt-get downloaded nothing; see its output above")
    root.mkdir(parents=True)
    for count, archive in enumerate(archives, 1):
        _run(["dpkg-deb", "-x", str(archive), str(root)], UNPACK_TIMEOUT_S)
        if count % 40 == 0 or count == len(archives):
            say(f"Unpacked {count} of {len(archives)} packages")


def _apt_state(work: Path) -> list[str]:
    """Make an empty apt state under `work` and return the options that select it."""
    for name in ("lists/partial", "cache/archives/partial", "etc"):
        (work / name).mkdir(parents=True)
    (work / "status").touch()
    sources = work / "etc/sources.list"
    keyring = _keyring()
    sources.write_text(f"deb [signed-by={keyring}] {_mirror()} {SUITE} main\n")
    settings = {
        "Dir::State::Status": work / "status",
        "Dir::State::Lists": work / "lists",
        "Dir::Cache": work / "cache",
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": "-",
        "Debug::NoLocking": "true",
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
    }
    return [f"-o{key}={value}" for key, value in settings.items()]


def _mirror() -> str:
    """The Debian mirror that this machine's apt is configured with."""
    listed = _run(["apt-get", "indextargets", "--format", "$(SITE)"], UNPACK_TIMEOUT_S)
    for site in dict.fromkeys(listed.split()):
        if "debian" in site and "security" not in site:
            return site
    raise CopyFailed(
        "apt on this machine names no Debian mirror. Install Asterisk 22.10.1 or later "
        "yourself and start with --asterisk system"
    )


def _keyring() -> Path:
    for path in _keyrings():
        if path.is_file():
            return path
    raise CopyFailed("no Debian archive keyring found; install the package debian-archive-keyring")


def _keyrings() -> Iterator[Path]:
    folder = Path("/usr/share/keyrings")
    yield folder / "debian-archive-keyring.gpg"
    yield folder / "debian-archive-keyring.pgp"


def _run(command: Sequence[str], timeout_s: int) -> str:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError:
        raise CopyFailed(f"{command[0]} is not on this machine; it needs a Debian system") from None
    except subprocess.TimeoutExpired:
        raise CopyFailed(f"{command[0]} did not finish in {timeout_s} s; try again") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[-5:]
        raise CopyFailed(f"{command[0]} failed (exit {done.returncode}): " + "; ".join(said))
    return done.stdout
