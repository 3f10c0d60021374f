"""A copy of the sample plan that a test may spoil, and what is then told of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

from pbx_bridge.config.plan import check

ROOT = Path(__file__).resolve().parents[2]
TODAY = date(2026, 3, 2)
Change = Callable[[str, str, str], None]
"""Replaces a text that stands exactly once in a file of the copy."""


def place_of(folder: Path, file: str) -> Path:
    return folder.parent / "voicemail" / file if file == "mailboxes.yaml" else folder / file


def line_of(folder: Path, file: str, text: str) -> int:
    """The first line that holds `text`, from 1."""
    lines = place_of(folder, file).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def told(folder: Path) -> list[str]:
    return [str(problem) for problem in check(folder, TODAY)]


def at(folder: Path, file: str, text: str, problem: str) -> str:
    """`problem` as it is told of the first line of `file` that holds `text`."""
    return f"dialplan/{file}:{line_of(folder, file, text)}: {problem}"
