"""The architecture is a test, and each of its contracts is seen to fire."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
VIOLATIONS = {
    "Who may know whom": ("core/decide.py", "import pbx_bridge.ports"),
    "The rules and the codecs are pure": ("core/hours.py", "import asyncio"),
    "Adapters don't know one another": ("adapters/agi.py", "import pbx_bridge.adapters.clock"),
    "The app knows ports, not adapters": ("app/voice.py", "import pbx_bridge.adapters.clock"),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache", "--config", folder / "pyproject.toml"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_a_contract_fires_when_it_is_broken(contract: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "pbx_bridge", tmp_path / "pbx_bridge")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    name, line = VIOLATIONS[contract]
    file = tmp_path / "pbx_bridge" / name
    before, mark, after = file.read_text().partition("from __future__ import annotations\n")
    file.write_text(f"{before}{mark}{line}\n{after}")
    done = lint(tmp_path)
    assert done.returncode != 0
    assert f"{contract} BROKEN" in done.stdout


def test_a_new_module_must_be_given_its_layer(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "pbx_bridge", tmp_path / "pbx_bridge")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "pbx_bridge" / "stranger.py").write_text("")
    done = lint(tmp_path)
    assert done.returncode != 0
    assert "stranger" in done.stdout
