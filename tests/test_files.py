"""Files that are replaced together, and damaged ones that are put aside."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbx_bridge.files import put_aside, replace_file, replace_files


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
