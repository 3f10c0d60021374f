"""The sample municipality, and its command line."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from cli.command import Run, Said
from core.plans import ROOT

from pbx_bridge.cli.app import main


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sample in a folder of its own, which is the working folder."""
    for part in ("dialplan", "voicemail"):
        shutil.copytree(ROOT / part, tmp_path / part)
    shutil.copy(ROOT / "config.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(town: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    def pbx_bridge(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["pbx-bridge", *arguments])
        code = 0
        try:
            main()
        except SystemExit as end:
            assert isinstance(end.code, int)  # noqa: PT017 - some commands end without it
            code = end.code
        said = capfd.readouterr()
        assert "Traceback" not in said.err
        return Said(code, said.out, said.err)

    return pbx_bridge
