"""A soak: an exchange under steady traffic, and what of it grows (F42).

`make soak` runs it for eight hours, and a test for some minutes. No call may fail, be left to the
fallback or be missing in the record; what bridge and Asterisk hold may not grow, and what they
write has a bound per thousand calls.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from calls.conftest import command, opened, sample_town
from calls.recorded import journeys
from calls.traffic import Kind, Made, answering, traffic

from pbx_bridge.stage import Stage

NINE = datetime(2026, 11, 24, 9)  # noqa: DTZ001 - given the plan's zone by `opened`
MIX = (
    Kind("person", "018000103", 50),
    Kind("withheld", "018000103", 10, withheld=True),
    Kind("queue", "018000100", 10),
    Kind("line", "018000130", 10),
    Kind("closed", "018000140", 5),
    Kind("unknown", "018999999", 5),
    Kind("asked", "*#23#", 5, phone="104"),
    Kind("set", "*23*2*1500#", 3, phone="105"),
    Kind("back", "#23#", 2, phone="105"),
)
PHONES = ("103", "111", "113", "101")
MB = 1_000_000
WARM_UP_S = 60.0
"""Asterisk takes its memory in the first minute."""
LOOK_S = 5.0
SEED = 42


@dataclass(frozen=True, slots=True)
class Bound:
    """How much something may grow: at all, and per thousand calls."""

    at_all: float
    per_1000: float = 0.0

    def allowed(self, calls: int) -> float:
        return self.at_all + self.per_1000 * calls / 1000


BOUNDS: Mapping[str, Bound] = {
    "bridge: memory, MB": Bound(3.0, 0.3),
    "bridge: descriptors": Bound(6),
    "bridge: tasks": Bound(15),
    "bridge: threads": Bound(3),
    "Asterisk: memory, MB": Bound(10.0, 2.0),
    "Asterisk: descriptors": Bound(40),
    "Asterisk: threads": Bound(30),
    "Asterisk: channels": Bound(25),
    "written: database, MB": Bound(0.5, 8.0),
    "written: WAL, MB": Bound(4.5),
    "written: log of calls, MB": Bound(0.2, 5.0),
    "written: bridge.log, MB": Bound(0.02, 0.1),
    "written: Asterisk's log, MB": Bound(0.01, 0.02),
    "written: AstDB, MB": Bound(0.1),
    "written: messages, MB": Bound(0.0),
    "written: sounds, MB": Bound(1.0),
}
"""What is held goes up and down with the calls under way; what is written goes up with their
number."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was held and written at a moment."""

    after_s: float
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Soak:
    """A soak that is over."""

    made: Made
    looks: tuple[Look, ...]
    """The first one is of the end of the warm-up."""
    decided: int
    left_to_fallback: int
    recorded: int
    """Calls in the record."""
    calls: int
    """Made since the warm-up."""

    def growth(self, name: str) -> float:
        """Between the first and the last third of the looks, which calls under way move less than
        single ones; of what is written, from first to last."""
        values = [one.values[name] for one in self.looks]
        if name.startswith("written"):
            return values[-1] - values[0]
        third = max(1, len(values) // 3)
        return median(values[-third:]) - median(values[:third])

    def complaints(self, bounds: Mapping[str, Bound] = BOUNDS) -> list[str]:
        """What is not as it should be."""
        found = [
            f"{name} grew by {grew:.2f}; {bound.allowed(self.calls):.2f} are allowed"
            for name, bound in bounds.items()
            if (grew := self.growth(name)) > bound.allowed(self.calls)
        ]
        if self.made.failed:
            found.append(f"{self.made.failed} calls failed: {self.made.said}")
        if self.left_to_fallback:
            found.append(f"{self.left_to_fallback} decisions were left to the fallback")
        if self.recorded != len(self.made.calls):
            found.append(f"{len(self.made.calls)} calls made, {self.recorded} in the record")
        return found

    def table(self, bounds: Mapping[str, Bound] = BOUNDS) -> str:
        """Everything that was measured."""
        kinds = ", ".join(f"{name} {count}" for name, count in sorted(self.made.by_kind.items()))
        done = f"{self.made.failed} failed, {self.decided} decisions"
        columns = ("first", "most", "last", "grew", "allowed")
        rows = [
            f"{len(self.made.calls)} calls ({kinds}); {done}, {self.left_to_fallback} not taken",
            f"{self.calls} of them after the warm-up of {WARM_UP_S:.0f} s",
            f"{'':<28}" + "".join(f"{one:>10}" for one in columns) + f"{'per 1,000 calls':>17}",
        ]
        for name, bound in bounds.items():
            values = [one.values[name] for one in self.looks]
            grew = self.growth(name)
            shown = (values[0], max(values), values[-1], grew, bound.allowed(self.calls))
            per_1000 = 1000 * grew / max(1, self.calls)
            rows.append(
                f"{name:<28}" + "".join(f"{one:10.2f}" for one in shown) + f"{per_1000:17.2f}"
            )
        return "\n".join(rows)


async def soak(stage: Stage, folder: Path, *, rate: float, seconds: float) -> Soak:
    """Traffic for so long after the warm-up; `stage` has seen no call before."""
    await command(stage, "SignIn", line="vaxel", person="113")
    looks: list[Look] = []
    began = time.monotonic()
    before = (await stage.ask("status"))["bridge"]
    async with answering(stage, folder, *PHONES):
        warm = await traffic(stage, folder, MIX, rate=rate, seconds=WARM_UP_S, seed=SEED)
        async with asyncio.TaskGroup() as tasks:
            calling = tasks.create_task(
                traffic(stage, folder, MIX, rate=rate, seconds=seconds, seed=SEED + 1)
            )
            while not calling.done():
                looks.append(Look(time.monotonic() - began, await _look(stage)))
                await asyncio.wait({calling}, timeout=max(LOOK_S, seconds / 1000))
        made = calling.result()
    looks.append(Look(time.monotonic() - began, await _look(stage)))
    after = (await stage.ask("status"))["bridge"]
    whole = Made((*warm.calls, *made.calls), warm.failed + made.failed, warm.said + made.said)
    return Soak(
        whole,
        tuple(looks),
        after["decided"] - before["decided"],
        after["left_to_fallback"] - before["left_to_fallback"],
        await _recorded(stage, len(whole.calls)),
        len(made.calls),
    )


async def _recorded(stage: Stage, expected: int) -> int:
    """How many calls the record has; waits a while for the last."""
    found = 0
    for _ in range(100):
        found = len(await asyncio.to_thread(journeys, stage))
        if found >= expected:
            break
        await asyncio.sleep(0.2)
    return found


async def _look(stage: Stage) -> Mapping[str, float]:
    bridge = (await stage.ask("status"))["bridge"]
    asterisk = stage.up.asterisk.pid
    channels = await stage.up.asterisk.console("core show channels count")
    state, folder = stage.up.site.deployment.state, stage.up.settings
    return {
        "bridge: memory, MB": _memory_mb(bridge["pid"]),
        "bridge: descriptors": bridge["descriptors"],
        "bridge: tasks": bridge["tasks"],
        "bridge: threads": _count(bridge["pid"], "task"),
        "Asterisk: memory, MB": _memory_mb(asterisk),
        "Asterisk: descriptors": _count(asterisk, "fd"),
        "Asterisk: threads": _count(asterisk, "task"),
        "Asterisk: channels": int(channels.split()[0]),
        "written: database, MB": _size_mb(state, "pbx-bridge.sqlite"),
        "written: WAL, MB": _size_mb(state, "pbx-bridge.sqlite-wal"),
        "written: log of calls, MB": _size_mb(folder.cel, "**/*"),
        "written: bridge.log, MB": _size_mb(state, "bridge.log*"),
        "written: Asterisk's log, MB": _size_mb(folder.log, "*.log*"),
        "written: AstDB, MB": _size_mb(folder.astdb, "**/*"),
        "written: messages, MB": _size_mb(folder.spool, "**/*"),
        "written: sounds, MB": _size_mb(stage.up.site.deployment.sounds, "**/*"),
    }


def _memory_mb(pid: int) -> float:
    """Resident, of proc(5)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MB


def _count(pid: int, what: str) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/{what}").iterdir())


def _size_mb(folder: Path, pattern: str) -> float:
    return sum(one.stat().st_size for one in folder.glob(pattern) if one.is_file()) / MB


def main(
    hours: Annotated[float, typer.Option(help="How long, after a minute of warming up.")] = 8.0,
    rate: Annotated[float, typer.Option(help="Calls a second.")] = 5.0,
) -> None:
    """Run a soak, print what grew, and end with 1 where something is not as it should be."""
    found = asyncio.run(_alone(hours, rate))
    print(found.table())
    complaints: Sequence[str] = found.complaints()
    print("\n".join(complaints) or "all is as it should be")
    sys.exit(1 if complaints else 0)


async def _alone(hours: float, rate: float) -> Soak:
    with tempfile.TemporaryDirectory(prefix="pbx-soak-") as name:
        folder = Path(name)
        town = sample_town(folder / "town")
        async with opened(town, folder / "s", NINE, watched=False) as stage:
            return await soak(stage, folder, rate=rate, seconds=hours * 3600)


if __name__ == "__main__":
    typer.run(main)
