"""Many callers at a steady rate: what each was is known afterwards from SIPp and from the record.

One SIPp makes all calls from outside, one those from phones of the house, and one is each phone
that answers; so many calls cost little beside those of `softphone`, which are steered one by one.
"""

from __future__ import annotations

import asyncio
import csv
import secrets
import shutil
from asyncio.subprocess import DEVNULL, Process
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random

from calls.conftest import ROOT
from ports import free_port

from pbx_bridge.stage import Stage
from pbx_bridge.wire.sip import user_part

SCENARIOS = Path(__file__).parent / "scenarios"
REGISTERS = ROOT / "benchmarks/scenarios/registers.xml"
QUIET = ("-nostdin", "-skip_rlimit", "-watchdog_interval", "0", "-bind_local")
APPEAR_TIMEOUT_S = 10.0
LONGEST_CALL_S = 160.0
TALK_MS = 400
WITHHELD = "anonymous"


@dataclass(frozen=True, slots=True)
class Kind:
    """Calls of one sort."""

    name: str
    number: str
    share: float
    """Its part of all calls, whatever the sum of the shares is."""
    phone: str = ""
    """The extension that calls; "" is a caller from outside."""
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class Dialled:
    """One call that is to be made."""

    kind: Kind
    caller: str
    """Who calls as the record will have it, like no other caller; "" where they are many."""


@dataclass(frozen=True, slots=True)
class Made:
    """What SIPp says of its calls."""

    calls: tuple[Dialled, ...]
    failed: int
    """No answer, not ended by the exchange, or out of order."""
    said: str
    """SIPp's own last words about those that failed."""

    @property
    def by_kind(self) -> Mapping[str, int]:
        """How many were made of each kind."""
        return Counter(one.kind.name for one in self.calls)


def drawn(kinds: Sequence[Kind], seed: int) -> Iterator[Dialled]:
    """Calls without end, in an order that the seed decides."""
    rng = Random(seed)
    number = 0
    while True:
        (kind,) = rng.choices(kinds, [one.share for one in kinds])
        number += 1
        own = not kind.phone and not kind.withheld
        yield Dialled(kind, f"040{seed % 1000:03}{number:06}" if own else "")


async def traffic(
    stage: Stage, folder: Path, kinds: Sequence[Kind], *, rate: float, seconds: float, seed: int
) -> Made:
    """Call at `rate` a second for so long, and return when the last call is over."""
    calls = tuple(islice(drawn(kinds, seed), round(rate * seconds)))
    outside = [one for one in calls if not one.kind.phone]
    phones = sorted({one.kind.phone for one in calls if one.kind.phone})
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(_made(stage, folder, outside, seconds))]
        running += [
            tasks.create_task(
                _made(stage, folder, [one for one in calls if one.kind.phone == phone], seconds)
            )
            for phone in phones
        ]
    results = [one.result() for one in running]
    return Made(calls, sum(one for one, _ in results), "".join(said for _, said in results))


async def _made(
    stage: Stage, folder: Path, calls: Sequence[Dialled], seconds: float
) -> tuple[int, str]:
    phone = calls[0].kind.phone
    own = folder / f"{phone or 'outside'}-{secrets.token_hex(4)}"
    own.mkdir()
    lines = [f"{user_part(one.kind.number)};{phone or one.caller or WITHHELD}" for one in calls]
    (own / "calls.csv").write_text("SEQUENTIAL\n" + "\n".join(lines) + "\n")
    scenario = SCENARIOS / ("inside.xml" if phone else "outside.xml")
    period_ms = round(1000 * seconds / len(calls))
    proof = ("-au", phone, "-ap", stage.secrets[phone]) if phone else ()
    process = await _sipp(
        *(stage, own, "-sf", str(scenario), "-inf", "calls.csv", *proof),
        *("-r", "1", "-rp", str(period_ms), "-m", str(len(calls)), "-l", str(len(calls))),
        *("-trace_err", "-error_file", "errors.log"),
        *("-trace_stat", "-stf", "stat.csv", "-fd", "3600"),
    )
    try:
        async with asyncio.timeout(seconds + LONGEST_CALL_S):
            await process.wait()
    finally:
        await _end(process)
    with (own / "stat.csv").open(encoding="ascii") as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    failed = len(calls) - int(last["SuccessfulCall(C)"])
    said = ""
    with suppress(FileNotFoundError):
        said = (own / "errors.log").read_text(errors="replace")[:4000]
    shutil.rmtree(own)
    return failed, said if failed else ""


@asynccontextmanager
async def answering(
    stage: Stage, folder: Path, *extensions: str, talk_ms: int = TALK_MS
) -> AsyncIterator[None]:
    """Phones that answer every call at once and hang up after a while."""
    own = folder / f"phones-{secrets.token_hex(4)}"
    own.mkdir()
    text = (SCENARIOS / "talks.xml").read_text().replace("TALK_MS", str(talk_ms))
    (own / "talks.xml").write_text(text)
    phones: list[Process] = []
    try:
        for one in extensions:
            own_proof = ("-s", one, "-au", one, "-ap", stage.secrets[one])
            registers = ("-sf", str(REGISTERS), "-rxsf", "talks.xml", "-m", "1", "-l", "10000")
            phones += [await _sipp(stage, own, *registers, *own_proof)]
        async with asyncio.timeout(APPEAR_TIMEOUT_S):
            while await _there(stage) < len(extensions):
                await asyncio.sleep(0.1)
        yield
    finally:
        for phone in phones:
            await _end(phone)
        for one in extensions:
            await stage.up.asterisk.console(f"database del registrar/contact {one}")
        shutil.rmtree(own)


async def _there(stage: Stage) -> int:
    return (await stage.up.asterisk.console("pjsip show contacts")).count("Avail")


async def _sipp(stage: Stage, folder: Path, *arguments: str) -> Process:
    host, port = stage.up.running.sip
    return await asyncio.create_subprocess_exec(
        *(*stage.sipp, f"{host}:{port}", "-i", host, "-p", str(free_port()), *QUIET, *arguments),
        cwd=folder,
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
    )


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()
