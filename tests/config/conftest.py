"""The sample plan, copied for each test that spoils it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from config.copies import ROOT, Change, place_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The `dialplan` of the copy; its mailboxes lie beside it."""
    shutil.copytree(ROOT / "dialplan", tmp_path / "dialplan")
    (tmp_path / "voicemail").mkdir()
    shutil.copy(ROOT / "voicemail/mailboxes.yaml", tmp_path / "voicemail")
    return tmp_path / "dialplan"


@pytest.fixture
def change(folder: Path) -> Change:
    def replace(file: str, old: str, new: str) -> None:
        path = place_of(folder, file)
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    return replace
