"""Exchanges with other lines than the sample's, and waiting for who attends them."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, time
from pathlib import Path

from calls.conftest import opened

from pbx_bridge.softphone.phone import Phone
from pbx_bridge.stage import Stage


def at(clock: str) -> datetime:
    """A moment of a working day, given the plan's zone when it is used."""
    return datetime.combine(datetime(2026, 11, 24), time.fromisoformat(clock))  # noqa: DTZ001 - the zone is set by who asks


@asynccontextmanager
async def town_with(
    town: Path, folder: Path, now: datetime, **lines: dict[str, str]
) -> AsyncIterator[Stage]:
    """The sample at a moment, with other values for keys of its lines."""
    copy = folder / "town"
    shutil.copytree(town, copy)
    path = copy / "dialplan/lines.yaml"
    text = path.read_text()
    for line, keys in lines.items():
        before, start, rest = text.partition(f"\n{line}:\n")
        block, end, after = rest.partition("\n\n")
        for key, value in keys.items():
            block = re.sub(rf"(?m)^  {key}: .*\n", "", block)
            block = f"  {key}: {value}\n{block}"
        text = before + start + block + end + after
    path.write_text(text)
    async with opened(copy, folder / "state", now) as stage:
        yield stage


async def alarm(stage: Stage, line: str) -> dict[str, object] | None:
    """The line's alarm in the bridge's status."""
    found = (await stage.ask("status"))["lines"]
    raised: dict[str, object] | None = next(one["alarm"] for one in found if one["line"] == line)
    return raised


async def attended_by(stage: Stage, name: str, line: int = 0) -> None:
    """Wait until the phone of the line's attendant is known to be there."""
    async with asyncio.timeout(15):
        while (found := (await stage.ask("status"))["lines"][line])["alarm"] is not None:
            await asyncio.sleep(0.05)
    assert name in found["attendants"]


async def in_talk(phone: Phone) -> None:
    async with asyncio.timeout(15):
        while not phone.answered:
            await asyncio.sleep(0.05)
