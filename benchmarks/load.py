"""A burst of calls at a steady rate, and what it cost."""

from __future__ import annotations

import asyncio
import csv
import tempfile
import time
from asyncio.subprocess import DEVNULL
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.stand import BRIDGE, QUIET, SCENARIOS, Stand, end

ANSWER_TIMEOUT_MS = 4000
"""A call that gets no answer in this time has failed."""
LATE_S = 1.5
"""How much longer than planned a burst may take: the last calls, and SIPp's own end."""
TAIL_S = 0.3
"""After a burst, until the bridge has copied the last lines of the record."""
END_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Burst:
    """Calls to one number at one rate."""

    calls: int
    failed: int
    """Not answered, or answered by the fallback and not by the bridge."""
    in_time: bool
    """False when the calls could not even be made at the rate."""
    setup_ms: tuple[float, ...]
    """INVITE to 200, one a call, as the caller measured it."""
    asterisk_s: float
    """CPU, of all threads."""
    bridge_s: float

    @property
    def carried(self) -> bool:
        """Whether every call went as it should, at the rate."""
        return self.in_time and not self.failed


def joined(bursts: Sequence[Burst]) -> Burst:
    """Several rounds as one."""
    return Burst(
        calls=sum(one.calls for one in bursts),
        failed=sum(one.failed for one in bursts),
        in_time=all(one.in_time for one in bursts),
        setup_ms=tuple(each for one in bursts for each in one.setup_ms),
        asterisk_s=sum(one.asterisk_s for one in bursts),
        bridge_s=sum(one.bridge_s for one in bursts),
    )


async def burst(stand: Stand, number: str, rate: int, seconds: float) -> Burst:
    """Call `number` `rate` times a second, for `seconds`."""
    calls = round(rate * seconds)
    decided = await stand.decided()
    before, began = stand.cpu(), time.monotonic()
    with tempfile.TemporaryDirectory(dir=stand.folder) as folder:
        await _sipp(stand, number, rate, calls, Path(folder))
        took_s = time.monotonic() - began
        await asyncio.sleep(TAIL_S)
        after = stand.cpu()
        failed, setup_ms = _read(Path(folder), calls)
    if number == BRIDGE:
        failed = max(failed, calls - (await stand.decided() - decided))
    return Burst(
        calls=calls,
        failed=failed,
        in_time=took_s <= seconds + LATE_S,
        setup_ms=setup_ms,
        asterisk_s=after.asterisk_s - before.asterisk_s,
        bridge_s=after.bridge_s - before.bridge_s,
    )


async def _sipp(stand: Stand, number: str, rate: int, calls: int, folder: Path) -> None:
    host, port = stand.up.running.sip
    process = await asyncio.create_subprocess_exec(
        *(*stand.sipp, f"{host}:{port}", "-i", host, "-bind_local", "-s", number),
        *("-sf", str(SCENARIOS / "caller.xml"), "-r", str(rate), "-m", str(calls)),
        *("-l", str(calls), "-recv_timeout", str(ANSWER_TIMEOUT_MS), *QUIET),
        *("-trace_rtt", "-rtt_freq", "1000000", "-trace_stat", "-stf", "stat.csv"),
        cwd=folder,
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    try:
        async with asyncio.timeout(calls / rate + END_TIMEOUT_S):
            await process.wait()
    finally:
        await end(process)


def _read(folder: Path, calls: int) -> tuple[int, tuple[float, ...]]:
    """How many calls failed, and the set-up time of each that was answered."""
    with (folder / "stat.csv").open(encoding="ascii") as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    [times] = folder.glob("*_rtt.csv")
    with times.open(encoding="ascii") as file:
        setup_ms = tuple(
            float(row["response_time_ms"]) for row in csv.DictReader(file, delimiter=";")
        )
    return calls - int(last["SuccessfulCall(C)"]), setup_ms
