from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from core.plans import ROOT

from pbx_bridge.bootstrap import secure
from pbx_bridge.config.deployment import Deployment, Mode
from pbx_bridge.config.site import read_deployment


@pytest.fixture(autouse=True)
def same_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def deployment(tmp_path: Path) -> Deployment:
    return read_deployment(ROOT / "config.yaml", tmp_path / "state")


def open_to_others(folder: Path) -> list[str]:
    return [one.name for one in (folder, *folder.rglob("*")) if one.stat().st_mode & 0o007]


def test_what_was_there_before_and_what_comes_is_closed_to_others(tmp_path: Path) -> None:
    """`mkdir -m 755 s; up --state s`: sentences with names, their manifest and the log."""
    where, said = deployment(tmp_path), list[str]()
    where.sounds.mkdir(parents=True)
    secure(where, said.append)
    (where.state / "bridge.log").write_text("written by a child")
    (where.sounds / "manifest.jsonl").write_text("Anna Berg")
    assert open_to_others(where.state) == []
    assert len(said) == 1
    assert str(where.state) in said[0]


def test_sounds_elsewhere_are_closed_too(tmp_path: Path) -> None:
    sounds = tmp_path / "elsewhere"
    sounds.mkdir(mode=0o755)
    where, said = replace(deployment(tmp_path), sounds=sounds), list[str]()
    secure(where, said.append)
    assert sounds.stat().st_mode & 0o777 == 0o750  # the group is the site's own affair
    assert len(said) == 1
    assert str(sounds) in said[0]


def test_an_asterisk_of_another_user_may_be_let_in_by_its_group(tmp_path: Path) -> None:
    where = replace(deployment(tmp_path), mode=Mode.EXTERNAL, sounds=tmp_path / "sounds")
    secure(where, lambda _: None)
    (where.sounds / "one.wav").write_bytes(b"")
    assert where.sounds.stat().st_mode & 0o777 == 0o750
    assert (where.sounds / "one.wav").stat().st_mode & 0o777 == 0o640
