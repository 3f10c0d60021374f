"""Which Asterisk is started, with programs that only know their version."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbx_bridge.asterisk import locate as locating
from pbx_bridge.asterisk.locate import locate
from pbx_bridge.asterisk.packages import COMPLETE
from pbx_bridge.asterisk.version import Version
from pbx_bridge.config.deployment import Mode
from pbx_bridge.ports import PbxRejected, PbxUnavailable


def asterisk_that_says(said: str, folder: Path) -> dict[str, str]:
    """An environment whose only Asterisk prints `said`."""
    folder.mkdir(parents=True)
    program = folder / "asterisk"
    program.write_text(f"#!/bin/sh\necho '{said}'\n")
    program.chmod(0o755)
    return {"PATH": str(folder)}


def private_copy(folder: Path) -> Path:
    """A complete private copy of nothing: its loader runs nothing and prints a version."""
    root = folder / "asterisk"
    for part in ("usr/lib64", "usr/sbin", "usr/lib/x86_64-linux-gnu/asterisk/modules"):
        (root / part).mkdir(parents=True)
    asterisk_that_says("Asterisk 22.10.1+dfsg", root / "bin")
    (root / "bin/asterisk").rename(root / "usr/lib64/ld-linux-x86-64.so.2")
    (root / "usr/sbin/asterisk").touch()
    (root / "usr/share/asterisk/sounds/en_US_f_Allison").mkdir(parents=True)
    (root / COMPLETE).touch()
    return root


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locating, "ADMIN_FOLDERS", ())
    monkeypatch.setattr(locating, "MUSIC_FOLDERS", ())


def test_auto_takes_the_machines_own_when_it_is_new_enough(tmp_path: Path) -> None:
    environment = asterisk_that_says("Asterisk 22.10.1", tmp_path / "bin")
    found = locate(Mode.AUTO, print, folder=tmp_path / "none", environment=environment)
    assert found.program == (str(tmp_path / "bin/asterisk"),)
    assert (found.version, found.modules, found.moh) == (Version(22, 10, 1), None, None)


def test_auto_takes_a_private_copy_when_the_machines_own_is_too_old(tmp_path: Path) -> None:
    environment = asterisk_that_says("Asterisk 20.6.0", tmp_path / "bin")
    root = private_copy(tmp_path)
    said: list[str] = []
    found = locate(Mode.AUTO, said.append, folder=tmp_path, environment=environment)
    assert found.private is not None
    assert found.program[-1] == str(root / "usr/sbin/asterisk")
    assert found.data == root / "usr/share/asterisk"
    assert "20.6.0, which is too old" in said[0]
    taken = locate(
        Mode.AUTO, said.append, allow_older=True, folder=tmp_path, environment=environment
    )
    assert taken.version == Version(20, 6, 0)


def test_auto_takes_a_private_copy_when_there_is_no_other(tmp_path: Path) -> None:
    private_copy(tmp_path)
    found = locate(Mode.AUTO, print, folder=tmp_path, environment={"PATH": ""})
    assert found.private is not None


def test_a_private_copy_speaks_english_by_its_usual_name(tmp_path: Path) -> None:
    root = private_copy(tmp_path)
    for _ in range(2):
        locate(Mode.PRIVATE, print, folder=tmp_path, environment={})
        english = root / "usr/share/asterisk/sounds/en"
        assert english.resolve().name == "en_US_f_Allison"


def test_system_refuses_an_old_or_missing_or_silent_asterisk(tmp_path: Path) -> None:
    with pytest.raises(PbxUnavailable, match="--asterisk private"):
        locate(Mode.SYSTEM, print, environment={"PATH": ""})
    with pytest.raises(PbxRejected, match="too old"):
        locate(
            Mode.SYSTEM, print, environment=asterisk_that_says("Asterisk 20.6.0", tmp_path / "a")
        )
    with pytest.raises(PbxRejected, match="names no release"):
        locate(Mode.SYSTEM, print, environment=asterisk_that_says("hello", tmp_path / "b"))


def test_an_external_asterisk_is_not_looked_for() -> None:
    found = locate(Mode.EXTERNAL, print, environment={"PATH": ""})
    assert (found.program, found.version) == ((), None)
