"""The checks of every test are seen to fire: what is left behind, and what is skipped."""

from __future__ import annotations

import os
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


SKIPS = {
    "test": """
        import pytest
        def test_it():
            pytest.skip("no Asterisk")
    """,
    "fixture": """
        import pytest
        @pytest.fixture(scope="module")
        def asterisk():
            pytest.skip("no Asterisk")
        def test_it(asterisk):
            pass
    """,
    "mark": """
        import pytest
        @pytest.mark.skipif(True, reason="no Asterisk")
        def test_it():
            pass
    """,
    "module": """
        import pytest
        pytest.importorskip("asterisk_of_nobody", reason="no Asterisk")
        def test_it():
            pass
    """,
}


def run(folder: Path, source: str, gate: str = "") -> subprocess.CompletedProcess[str]:
    shutil.copy(CONFTEST, folder)
    (folder / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
        "markers =\n  calls\n  may_skip\n"
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
        env={**os.environ, "CI": gate},
    )


@pytest.mark.parametrize("kind", LEAKS)
def test_the_check_fires(kind: str, tmp_path: Path) -> None:
    done = run(tmp_path, LEAKS[kind])
    assert done.returncode != 0
    assert f"left behind: {kind}" in done.stdout or f"{kind} left behind" in done.stdout


def test_the_check_is_quiet_where_nothing_is_left(tmp_path: Path) -> None:
    done = run(tmp_path, "async def test_it():\n    assert True\n")
    assert done.returncode == 0


@pytest.mark.parametrize("kind", SKIPS)
def test_a_skip_fails_in_the_gate_and_nowhere_else(kind: str, tmp_path: Path) -> None:
    at_home = run(tmp_path, SKIPS[kind])
    assert "1 skipped" in at_home.stdout
    assert "failed" not in at_home.stdout
    gate = run(tmp_path, SKIPS[kind], gate="true")
    assert gate.returncode not in (0, 5), gate.stdout
    assert "no Asterisk" in gate.stdout
    assert "skipped where CI is set" in gate.stdout


def test_what_is_marked_for_a_right_that_few_machines_give_may_skip(tmp_path: Path) -> None:
    marked = SKIPS["test"].replace("def test_it", "@pytest.mark.may_skip\n        def test_it")
    assert run(tmp_path, marked, gate="true").returncode == 0


def test_make_test_is_the_gate() -> None:
    makefile = (CONFTEST.parent.parent / "Makefile").read_text()
    assert "\ntest: export CI = true\n" in makefile
