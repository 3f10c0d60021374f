"""Which releases are good enough."""

from __future__ import annotations

import pytest

from pbx_bridge.asterisk.version import Version, accepted, has_broadcast, parse, require
from pbx_bridge.ports import PbxRejected, ProtocolError


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("Asterisk 22.10.1+dfsg+~cs6.17.60671434-1\n", Version(22, 10, 1)),
        ("22.10.1~dfsg+~cs6.15", Version(22, 10, 1)),
        ("Asterisk 20.6.0~dfsg+~cs6.13.40431414-2build5", Version(20, 6, 0)),
        ("23.4.1-rc1", Version(23, 4, 1)),
        ("Asterisk certified/20.7-cert2", Version(20, 7, 0)),
    ],
)
def test_a_release_is_read_from_program_ami_and_ari_alike(said: str, version: Version) -> None:
    assert parse(said) == version


@pytest.mark.parametrize(
    "said", ["", "Asterisk Call Manager/11.0.0", "Asterisk GIT-22-1a2b3c", "7"]
)
def test_what_names_no_release_is_refused(said: str) -> None:
    with pytest.raises(ProtocolError):
        parse(said)


@pytest.mark.parametrize(
    ("text", "good", "broadcast"),
    [
        ("18.26.4", False, False),
        ("20.6.0", False, False),
        ("20.20.0", False, True),
        ("20.20.1", True, True),
        ("21.12.2", False, False),
        ("22.9.0", False, False),
        ("22.10.0", False, True),
        ("22.10.1", True, True),
        ("23.3.0", False, False),
        ("23.4.1", True, True),
        ("24.0.0", True, True),
    ],
)
def test_each_branch_has_a_floor_of_its_own(text: str, good: bool, broadcast: bool) -> None:
    assert accepted(parse(text)) is good
    assert has_broadcast(parse(text)) is broadcast


def test_one_that_is_too_old_is_refused_with_what_to_do_unless_allowed() -> None:
    with pytest.raises(PbxRejected, match=r"20\.6\.0 is too old: .*22\.10\.1.*--asterisk private"):
        require(Version(20, 6, 0))
    require(Version(20, 6, 0), allow_older=True)
    require(Version(22, 10, 1))
