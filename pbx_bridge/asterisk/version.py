"""Which Asterisk is good enough."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pbx_bridge.ports import PbxRejected, ProtocolError


@dataclass(frozen=True, order=True, slots=True)
class Version:
    """A release of Asterisk, ordered as they were made."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


FLOORS = (Version(20, 20, 1), Version(22, 10, 1), Version(23, 4, 1))
"""First releases of each branch with GHSA-wcvv (a read-only ARI user could write over the
WebSocket) and GHSA-vrfp fixed."""
BROADCAST = (Version(20, 20, 0), Version(22, 10, 0), Version(23, 4, 0))
"""First releases of each branch with StasisBroadcast."""


@dataclass(frozen=True, slots=True)
class Advisory:
    """A hole that is known, and the first release of each branch in which it is closed."""

    name: str
    what: str
    closed: tuple[Version, ...]


ADVISORIES = (
    Advisory("GHSA-wcvv", "a read-only ARI user could write over the WebSocket", FLOORS),
    Advisory("GHSA-vrfp", "a hole of which no more is noted here", FLOORS),
)
"""Those that this program knows of; newer ones may be known to Asterisk's makers."""


def open_advisories(version: Version) -> tuple[Advisory, ...]:
    """The holes that are known and open in a release."""
    return tuple(one for one in ADVISORIES if not _since(version, one.closed))


_RELEASE = re.compile(r"(?:Asterisk )?(?:certified[/-])?(\d+)\.(\d+)(?:\.(\d+))?(?![\d.])")


def parse(text: str) -> Version:
    """Read `asterisk -V`, AMI's `AsteriskVersion` or ARI's `system.version`.

    They look like `Asterisk 22.10.1+dfsg+~cs6.17.6`, with or without the name. AMI's banner
    (`Asterisk Call Manager/11.0.0`) is the protocol's version and is refused, as is a build
    from source control, which names no release. Raises `ProtocolError`.
    """
    found = _RELEASE.match(text.strip())
    if found is None:
        raise ProtocolError(f"{text.strip()[:80]!r} names no release of Asterisk")
    major, minor, patch = found.groups(default="0")
    return Version(int(major), int(minor), int(patch))


def accepted(version: Version) -> bool:
    """True for a release at or above the floor of its branch, or of a branch after them."""
    return _since(version, FLOORS)


def require(version: Version, *, allow_older: bool = False) -> None:
    """Raise `PbxRejected` when `version` is below the floor, unless that is allowed."""
    if allow_older or accepted(version):
        return
    *others, last = (str(floor) for floor in FLOORS)
    floors = f"{', '.join(others)} or {last}"
    raise PbxRejected(
        f"Asterisk {version} is too old: {floors} is needed, where a hole in ARI (GHSA-wcvv) and "
        "another (GHSA-vrfp) are closed. Upgrade it, start with --asterisk private, or set "
        "allow_older_asterisk in config.yaml if you accept the risk"
    )


def has_broadcast(version: Version) -> bool:
    """Whether calls can be offered to every bridge at once, with a time-out of their own."""
    return _since(version, BROADCAST)


def _since(version: Version, first: tuple[Version, ...]) -> bool:
    same = [one for one in first if one.major == version.major]
    return version >= same[0] if same else version > first[-1]
