"""`language` of config.yaml is the one in which the command line names lines."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from core.plans import PLAN, ROOT
from typer.testing import CliRunner

from pbx_bridge.cli.app import app
from pbx_bridge.core.model import Language


@pytest.mark.parametrize("language", list(Language))
def test_the_chart_names_lines_in_the_language_of_the_deployment(
    tmp_path: Path, language: Language
) -> None:
    for name in ("dialplan", "voicemail"):
        shutil.copytree(ROOT / name, tmp_path / name)
    config = tmp_path / "config.yaml"
    config.write_text(f"language: {language}\n", encoding="utf-8")
    state = tmp_path / "state"
    state.mkdir()
    done = CliRunner().invoke(app, ["cover", "--config", str(config), "--state", str(state)])
    assert done.exit_code == 0, done.output
    assert f"{PLAN.switchboard.title[language]}  (" in done.output
