"""The check for what is left behind is seen to fire, for each kind of thing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parent / "conftest.py"
LEAKS = {
    "thread": """
        import threading
        def test_it():
            threading.Thread(target=threading.Event().wait, daemon=True, name="stray").start()
    """,
    "child process": """
        import subprocess
        def test_it():
            global held
            held = subprocess.Popen(["sleep", "20"])
    """,
    "descriptor": """
        def test_it(tmp_path):
            global held
            held = (tmp_path / "x").open("w")
    """,
    "tasks": """
        import asyncio
        async def test_it():
            global held
            held = asyncio.create_task(asyncio.sleep(20), name="stray")
    """,
}


def run(folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(CONFTEST, folder)
    (folder / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
        "markers = calls\n"
    )
    lines = source.strip("\n").splitlines()
    indent = len(lines[0]) - len(lines[0].lstrip())
    (folder / "test_inner.py").write_text("\n".join(line[indent:] for line in lines) + "\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=folder,
    )


@pytest.mark.parametrize("kind", LEAKS)
def test_the_check_fires(kind: str, tmp_path: Path) -> None:
    done = run(tmp_path, LEAKS[kind])
    assert done.returncode != 0
    assert f"left behind: {kind}" in done.stdout or f"{kind} left behind" in done.stdout


def test_the_check_is_quiet_where_nothing_is_left(tmp_path: Path) -> None:
    done = run(tmp_path, "async def test_it():\n    assert True\n")
    assert done.returncode == 0
