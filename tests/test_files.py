"""Files that are replaced together, and damaged ones that are put aside."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from pbx_bridge.adapters import control
from pbx_bridge.files import (
    MOST_ASIDE,
    FolderRefused,
    full_disk,
    own_folder,
    put_aside,
    replace_file,
    replace_files,
)
from pbx_bridge.ports import PbxUnavailable


def test_none_takes_its_place_before_all_are_written(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "gone/second"
    replace_file(first, "old")
    with pytest.raises(FileNotFoundError):
        replace_files({first: "new", second: "new"})
    assert first.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["first"], "nothing half written is left"
    second.parent.mkdir()
    replace_files({first: "new", second: "new"})
    assert (first.read_text(), second.read_text()) == ("new", "new")
    assert first.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_put_aside_keeps_what_it_holds_under_a_name_of_its_own(
    tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "astdb.sqlite3"
    names = set()
    for _ in range(3):
        if kind == "folder":
            path.mkdir()
        elif kind == "link":
            path.symlink_to("/nowhere")
        else:
            path.write_text("garbage")
        names.add(put_aside(path))
        assert not path.exists()
        assert not path.is_symlink()
    assert len(names) == 3
    assert all(one.name.startswith("astdb.sqlite3.damaged-") for one in names)


def test_nothing_can_not_be_put_aside(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        put_aside(tmp_path / "nothing")


def test_a_file_that_is_damaged_at_each_start_does_not_fill_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "held"
    made = []
    for number in range(MOST_ASIDE + 3):
        if number % 2:
            path.mkdir()
        else:
            path.write_text(str(number))
        made.append(put_aside(path))
    kept = list(tmp_path.glob("held.damaged-*"))
    assert len(kept) == MOST_ASIDE
    assert made[-1] in kept


def test_a_new_folder_is_its_owners_alone(tmp_path: Path) -> None:
    said: list[str] = []
    own_folder(tmp_path / "a" / "state", said.append)
    assert (tmp_path / "a" / "state").stat().st_mode & 0o777 == 0o700
    assert not said


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701, 0o777])
def test_an_open_folder_is_closed_and_that_is_said(tmp_path: Path, mode: int) -> None:
    folder, said = tmp_path / "state", list[str]()
    folder.mkdir()
    folder.chmod(mode)
    (folder / "inner").write_text("stays")
    own_folder(folder, said.append)
    own_folder(folder, said.append)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert len(said) == 1
    assert f"{mode:04o}" in said[0]
    assert (folder / "inner").read_text() == "stays"


def test_somebody_elses_folder_is_refused_and_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    other = folder.stat().st_uid + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    with pytest.raises(FolderRefused, match=r"belongs to .* runs as .* --state"):
        own_folder(folder, print)
    assert folder.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("kind", ["file", "loop", "below a file"])
def test_what_is_no_folder_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "state"
    if kind == "loop":
        path.symlink_to(path)
    else:
        path.write_text("")
    with pytest.raises(FolderRefused):
        own_folder(path / "below" if kind == "below a file" else path, print)


async def test_a_full_disk_is_named_by_whoever_finds_no_bridge_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert full_disk(tmp_path) == ""
    assert full_disk(tmp_path / "nothing") == ""
    with pytest.raises(PbxUnavailable, match="start one with `pbx-bridge up`"):
        await control.ask(tmp_path / "bridge.sock", "status")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=4096))
    assert full_disk(tmp_path).startswith(f"the disk of {tmp_path} is full (4 KiB free): delete")
    with pytest.raises(PbxUnavailable, match=r"no bridge answers at .*; the disk of .* is full"):
        await control.ask(tmp_path / "bridge.sock", "status")
