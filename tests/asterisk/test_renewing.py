"""The private Asterisk is renewed in one step, and nothing is broken when that fails."""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from pbx_bridge.asterisk import packages, renewing
from pbx_bridge.asterisk.packages import (
    COMPLETE,
    CURRENT,
    PROGRAMS,
    CopyFailed,
    PrivateCopy,
    bring,
    current,
)
from pbx_bridge.asterisk.renewing import LOCK, MODULES, complete, renew
from pbx_bridge.asterisk.version import Version, open_advisories


class Mirror:
    """apt-get and dpkg-deb, with one version of Asterisk that can be changed; no network."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.version = "22.10.1"
        self.modules: tuple[str, ...] = MODULES
        self.fails_at = ""
        self.asked: list[str] = []

    def run(self, command: Sequence[str], _: int) -> str:
        what = "unpack" if command[0] == "dpkg-deb" else "update"
        if "install" in command:
            what = "look" if "--print-uris" in command else "download"
        self.asked.append(what)
        if what == self.fails_at:
            raise CopyFailed(f"{command[0]} failed (exit 100): no network")
        deb = f"asterisk_{self.version}_amd64.deb"
        match what:
            case "look":
                return f"Reading package lists...\n'http://mirror/{deb}' {deb} 17 SHA256:ab\n"
            case "download":
                (work,) = self.folder.glob("*apt")
                (work / "cache/archives").mkdir(parents=True)
                (work / "cache/archives" / deb).touch()
            case "unpack":
                self.unpack(Path(command[-1]))
        return ""

    def unpack(self, root: Path) -> None:
        lib = root / "usr/lib/x86_64-linux-gnu"
        (lib / "asterisk/modules").mkdir(parents=True)
        for name in self.modules:
            (lib / "asterisk/modules" / name).touch()
        (root / "usr/bin").mkdir(parents=True)
        for program in PROGRAMS:
            (root / "usr/bin" / program).touch()
        loader = lib / "ld-linux-x86-64.so.2"
        loader.write_text(f"#!/bin/sh\necho 'Asterisk {self.version}+dfsg'\n")
        loader.chmod(0o700)


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mirror:
    found = Mirror(tmp_path)
    monkeypatch.setattr(packages, "_run", found.run)

    def state(work: Path) -> list[str]:
        work.mkdir(parents=True)
        return []

    monkeypatch.setattr(packages, "_apt_state", state)
    bring(tmp_path, lambda _: None)
    found.asked.clear()
    return found


def used(folder: Path) -> PrivateCopy:
    copy = current(folder)
    assert copy is not None
    return copy


def snapshot(folder: Path) -> dict[str, bytes]:
    files = (one for one in folder.rglob("*") if one.is_file() and one.name != LOCK)
    return {str(one.relative_to(folder)): one.read_bytes() for one in files}


def test_a_newer_one_takes_the_place_and_the_old_one_stays(mirror: Mirror) -> None:
    old = used(mirror.folder)
    before = snapshot(old.root)
    mirror.version = "22.11.0"
    assert renew(mirror.folder, lambda _: None) == (Version(22, 10, 1), Version(22, 11, 0))
    new = used(mirror.folder)
    assert new.root != old.root
    assert new.packages == {"asterisk_22.11.0_amd64.deb"}
    assert snapshot(old.root) == before, "whoever runs of it goes on with it"
    assert bring(mirror.folder, lambda _: None) == new
    assert sorted(one.name for one in mirror.folder.iterdir()) == sorted(
        [old.root.name, new.root.name, CURRENT, LOCK]
    )


def test_a_copy_from_before_a_program_came_into_use_is_renewed(mirror: Mirror) -> None:
    old = used(mirror.folder)
    (old.root / "usr/bin/baresip").unlink()
    mirror.version = "22.11.0"
    complete(mirror.folder, lambda _: None)
    assert used(mirror.folder).root != old.root
    assert not used(mirror.folder).lacking
    mirror.asked.clear()
    complete(mirror.folder, lambda _: None)
    assert mirror.asked == [], "a whole one is not looked for anew"


def test_without_a_network_a_copy_that_lacks_a_program_stays(mirror: Mirror) -> None:
    old = used(mirror.folder)
    (old.root / "usr/bin/baresip").unlink()
    mirror.fails_at = "update"
    told: list[str] = []
    complete(mirror.folder, told.append)
    assert used(mirror.folder) == old
    assert "no network" in told[-1]


def test_what_is_the_newest_is_not_downloaded_again(mirror: Mirror) -> None:
    before = snapshot(mirror.folder)
    assert renew(mirror.folder, lambda _: None) is None
    assert "download" not in mirror.asked
    assert snapshot(mirror.folder) == before


@pytest.mark.parametrize("step", ["update", "look", "download", "unpack"])
def test_what_fails_half_way_changes_nothing(mirror: Mirror, step: str) -> None:
    before, copy = snapshot(mirror.folder), used(mirror.folder)
    mirror.version, mirror.fails_at = "22.11.0", step
    with pytest.raises(CopyFailed, match="no network"):
        renew(mirror.folder, lambda _: None)
    assert snapshot(mirror.folder) == before
    assert used(mirror.folder) == copy


@pytest.mark.parametrize(
    ("version", "modules", "why"),
    [
        ("22.9.0", MODULES, "older than 22.10.1 or unsafe"),
        ("20.20.1", MODULES, "older than 22.10.1"),
        ("22.11.0", MODULES[1:], f"lacks {MODULES[0]}"),
        ("22.11.0", (), "lacks"),
        ("nonsense", MODULES, "doesn't run"),
    ],
)
def test_one_that_can_not_be_used_is_not_taken(
    mirror: Mirror, version: str, modules: tuple[str, ...], why: str
) -> None:
    before, copy = snapshot(mirror.folder), used(mirror.folder)
    mirror.version, mirror.modules = version, modules
    with pytest.raises(CopyFailed, match=why):
        renew(mirror.folder, lambda _: None)
    assert snapshot(mirror.folder) == before
    assert used(mirror.folder) == copy


def test_copies_that_nobody_runs_are_deleted_and_one_that_is_run_stays(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = used(mirror.folder)
    program = first.root / "usr/bin/asterisk"
    program.write_text("#!/bin/sh\nread line\n")
    program.chmod(0o700)
    roots = [first.root]
    with subprocess.Popen([str(program)], stdin=subprocess.PIPE) as child:
        for number in range(1, 5):
            mirror.version = f"22.1{number}.0"
            monkeypatch.setattr(renewing, "datetime", Stepping(number))
            renew(mirror.folder, lambda _: None)
            roots.append(used(mirror.folder).root)
        assert [one.is_dir() for one in roots] == [True, False, True, True, True]
        assert child.stdin is not None
        child.stdin.close()
        child.wait()
    mirror.version = "22.19.0"
    monkeypatch.setattr(renewing, "datetime", Stepping(9))
    renew(mirror.folder, lambda _: None)
    assert [one.is_dir() for one in roots] == [False, False, False, True, True]


class Stepping:
    """A clock for names: renewals of one second would have the same."""

    def __init__(self, number: int) -> None:
        self._number = number

    def now(self, _: object) -> Stamp:
        return Stamp(f"2026-12-0{self._number}")


class Stamp(str):
    def __format__(self, _: str) -> str:
        return str(self)


def test_what_a_kill_has_left_is_cleared(mirror: Mirror) -> None:
    begun = mirror.folder / "asterisk-20260101T000000Z"
    (begun / "usr").mkdir(parents=True)
    (mirror.folder / "asterisk-20260101T000000Z.apt").mkdir()
    renew(mirror.folder, lambda _: None)
    assert not list(mirror.folder.glob("asterisk-*"))


def test_two_do_not_renew_at_once(mirror: Mirror) -> None:
    with (mirror.folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CopyFailed, match="is being updated already"):
            renew(mirror.folder, lambda _: None)


@pytest.mark.parametrize("name", ["", "../../etc", "/etc", "gone", ".", "\xff"])
def test_a_damaged_name_leaves_the_first_copy(mirror: Mirror, name: str) -> None:
    (mirror.folder / CURRENT).write_bytes(name.encode("latin-1"))
    assert used(mirror.folder).root == mirror.folder / "asterisk"


def test_without_a_copy_there_is_nothing_to_renew(tmp_path: Path) -> None:
    with pytest.raises(CopyFailed, match="no private copy"):
        renew(tmp_path, lambda _: None)


def test_an_old_copy_is_as_old_as_it_was_unpacked(mirror: Mirror) -> None:
    copy = used(mirror.folder)
    then = time.time() - 90 * 86400
    os.utime(copy.root / COMPLETE, (then, then))
    assert copy.made.timestamp() == pytest.approx(then)


def test_known_holes_are_open_below_the_release_that_closes_them() -> None:
    assert {one.name for one in open_advisories(Version(22, 10, 0))} == {"GHSA-wcvv", "GHSA-vrfp"}
    for safe in (Version(22, 10, 1), Version(20, 20, 1), Version(24, 0, 0)):
        assert open_advisories(safe) == ()
