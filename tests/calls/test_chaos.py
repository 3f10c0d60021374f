"""Everything that can happen to an exchange happens, at moments that a seed chooses, with callers
on the way all the while. What then has to hold is what the product promises."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from calls.product import TELEPHONES, Product, alive, product

from pbx_bridge.bootstrap import BRIDGE_LOCK, database_file
from pbx_bridge.locks import holder
from pbx_bridge.softphone.audio import SILENCE_LEVEL
from pbx_bridge.softphone.behaviour import Answers
from pbx_bridge.softphone.caller import CallResult
from pbx_bridge.softphone.sipp import SoftphoneFailed
from pbx_bridge.wire.rtp import RATE_HZ

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

SEED = int(os.environ.get("PBX_CHAOS_SEED", "16"))
FAULTS = 15
CALL_EVERY_S = 1.2
LONGEST_CALL_S = 25.0
TOLD_S = 1.0
"""Sound in a call that was told something."""
GARBAGE = b"\x00\xff nothing that anybody wrote \r\n" * 30
CLOSED, PERSON = "018000131", "018000103"
SOON = Answers(after_s=0.2, talks_s=1.0)


@dataclass
class Span:
    """From when until when something was so, in `time.monotonic`."""

    since: float
    until: float = float("inf")


@dataclass
class Made:
    """A caller, and how it went."""

    number: str
    dialled: str
    span: Span
    result: CallResult | None = None

    def meets(self, spans: list[Span]) -> bool:
        """Whether any of it was in one of these."""
        return any(one.since < self.span.until and self.span.since < one.until for one in spans)

    @property
    def was_helped(self) -> bool:
        """Somebody answered, or something was said."""
        if self.result is None or self.result.status != 200:
            return False
        loud = np.abs(self.result.heard.astype(np.int32)) > SILENCE_LEVEL
        return int(np.count_nonzero(loud)) / RATE_HZ > TOLD_S / 4


@dataclass
class Chaos:
    """One exchange, its callers, and what is done to it."""

    kept: Product
    rng: random.Random
    disk: Path | None
    calls: list[Made] = field(default_factory=list)
    deaths: list[Span] = field(default_factory=list)
    """Of Asterisk: until phones reached it again."""
    full: list[Span] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def faults(self) -> list[Callable[[], Awaitable[None]]]:
        """Each at least once, in the seed's order; those that Asterisk survives more often."""
        survived = [
            self.bridge_dies,
            self.bridge_hangs,
            self.supervisor_dies,
            self.head_is_damaged,
            self.start_is_forgotten,
            self.secrets_are_damaged,
        ]
        if self.disk is not None:
            survived.append(self.disk_is_full)
        deaths = [self.asterisk_dies, self.astdb_is_damaged, self.all_die]
        more = [self.rng.choice(survived) for _ in range(FAULTS - len(survived) - len(deaths))]
        chosen: list[Callable[[], Awaitable[None]]] = [*survived, *more, *deaths]
        self.rng.shuffle(chosen)
        return chosen

    async def pause(self, least_s: float = 0.5, most_s: float = 4.0) -> None:
        await asyncio.sleep(self.rng.uniform(least_s, most_s))

    async def bridge_dies(self) -> None:
        self.end(self.bridge_pid())

    async def bridge_hangs(self) -> None:
        pid = self.bridge_pid()
        if pid is not None:
            os.kill(pid, signal.SIGSTOP)
            await self.pause()
            if self.rng.random() < 0.5 and alive(pid):
                os.kill(pid, signal.SIGCONT)

    async def supervisor_dies(self) -> None:
        """Whatever started it starts it again, as systemd does."""
        self.kept.kill()
        assert self.kept.up is not None
        await self.kept.up.wait()
        await self.pause(0.0, 1.5)
        await self.kept.start(TELEPHONES)

    async def asterisk_dies(self) -> None:
        death = Span(time.monotonic() - 0.2)
        self.deaths.append(death)
        self.end(self.asterisk_pid())
        death.until = time.monotonic() + await self.kept.reached(40) + 0.5

    async def all_die(self) -> None:
        self.kept.kill()
        assert self.kept.up is not None
        await self.kept.up.wait()
        death = Span(time.monotonic() - 0.2)
        self.deaths.append(death)
        self.end(self.bridge_pid())
        self.end(self.asterisk_pid())
        await self.kept.start(TELEPHONES)
        await self.kept.reached(40)
        death.until = time.monotonic() + 0.5

    async def head_is_damaged(self) -> None:
        (self.kept.state / "pbx-bridge.head").write_bytes(GARBAGE)
        await self.bridge_dies()

    async def astdb_is_damaged(self) -> None:
        death = Span(time.monotonic() - 0.2)
        self.deaths.append(death)
        self.end(self.asterisk_pid())
        (self.kept.state / "asterisk/astdb/astdb.sqlite3").write_bytes(GARBAGE)
        death.until = time.monotonic() + await self.kept.reached(40) + 0.5

    async def start_is_forgotten(self) -> None:
        (self.kept.state / "asterisk/etc/started.json").write_bytes(GARBAGE)
        (self.kept.state / "exchange.json").write_bytes(GARBAGE)
        await self.bridge_dies()

    async def secrets_are_damaged(self) -> None:
        file = self.kept.state / "secrets.json"
        whole = file.read_bytes()
        file.write_bytes(GARBAGE)
        await self.bridge_dies()
        await self.pause()
        file.write_bytes(whole)

    async def disk_is_full(self) -> None:
        assert self.disk is not None
        span = Span(time.monotonic())
        self.full.append(span)
        filler = self.disk / "filler"
        with filler.open("wb", buffering=0) as filling, contextlib.suppress(OSError):
            while True:
                filling.write(b"x" * 65536)
        await self.pause(1.0, 3.0)
        if self.rng.random() < 0.5:
            await self.bridge_dies()
        await self.pause(1.0, 3.0)
        filler.unlink()
        span.until = time.monotonic() + 1.0

    def bridge_pid(self) -> int | None:
        return holder(self.kept.state / BRIDGE_LOCK)

    def asterisk_pid(self) -> int | None:
        with contextlib.suppress(OSError, ValueError):
            return int((self.kept.state / "asterisk/run/asterisk.pid").read_text())
        return None

    def end(self, pid: int | None) -> None:
        if pid is not None and alive(pid):
            os.kill(pid, signal.SIGKILL)

    def all_of(self, made: Made) -> str:
        """A call from both sides, for whoever has to find out what became of it."""
        logs = (self.kept.state / "asterisk/log/cel-custom").glob("events.csv*")
        lines = [line for log in logs for line in log.read_text(errors="replace").splitlines()]
        of_it = {line.split(",")[2] for line in lines if made.number in line}
        told = [line for line in lines if any(one and one in line for one in of_it)]
        result, span = made.result, f"{made.span.since:.2f} to {made.span.until:.2f}"
        said = result and (result.status, result.ended_by, result.heard.size / RATE_HZ)
        return f"{made.number} to {made.dialled}, {span}: {said}\n" + "\n".join(told)

    async def ring(self) -> None:
        """Callers, one after the other, until cancelled; those on the way come to their end."""
        async with asyncio.TaskGroup() as callers:
            with contextlib.suppress(asyncio.CancelledError):
                for number in range(1000):
                    dialled = self.rng.choice([CLOSED, CLOSED, PERSON])
                    made = Made(f"0407{number:06}", dialled, Span(time.monotonic()))
                    self.calls.append(made)
                    callers.create_task(self.call(made))
                    await asyncio.sleep(CALL_EVERY_S)

    async def call(self, made: Made) -> None:
        caller = self.kept.caller(made.dialled, from_number=made.number)
        try:
            async with caller:
                with contextlib.suppress(TimeoutError):
                    await caller.ended(LONGEST_CALL_S)
                await caller.hang_up()
                made.result = caller.result()
        except (SoftphoneFailed, TimeoutError, ExceptionGroup) as error:
            self.done.append(f"{made.number} {error!r}")
        made.span.until = time.monotonic()


@contextmanager
def own_disk(folder: Path) -> Iterator[Path | None]:
    """A small file system; None where this user may not mount one, and then no disk gets full."""
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    try:
        yield folder if made.returncode == 0 else None
    finally:
        if made.returncode == 0:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def test_whatever_happens_nobody_is_lost_and_all_is_well_again_without_a_hand(
    town: Path, tmp_path: Path
) -> None:
    with own_disk(tmp_path / "d") as disk:
        async with product(town, tmp_path / "d/s") as kept:
            await kept.start()
            chaos = Chaos(kept, random.Random(SEED), disk)
            ringing = asyncio.create_task(chaos.ring())
            for fault in chaos.faults():
                await chaos.pause()
                chaos.done.append(fault.__name__)
                await fault()
            await chaos.pause()
            ringing.cancel()
            await asyncio.wait_for(ringing, 60)
            await kept.decides(90)
            until = time.monotonic() + 60
            while (ill := await kept.trouble()) and time.monotonic() < until:
                await asyncio.sleep(0.2)
            assert ill == {}, "\n".join([*chaos.done, *kept.said])
            async with kept.phone("103", SOON), kept.caller(PERSON) as caller:
                assert await caller.answered() is not None
            told = f"seed {SEED}: {chaos.done}"
            helped = [one for one in chaos.calls if not one.meets(chaos.deaths)]
            assert len(helped) >= 5, told
            lost = [chaos.all_of(one) for one in helped if not one.was_helped]
            assert lost == [], told
            stored = [one.number for one in helped if not one.meets(chaos.full)]
            await kept.until(lambda: set(stored) <= set(recorded(kept)), 60)
            assert len(recorded(kept)) == len(set(recorded(kept))), "each call once"
            code, said = await kept.run("verify")
            assert code == 0, f"{said}\n{told}"
            print(told, f"\n{len(chaos.calls)} callers, {len(helped)} not in an Asterisk that died")


def recorded(kept: Product) -> list[str]:
    """Numbers of the callers in the record."""
    with closing(sqlite3.connect(database_file(kept.state))) as connection:
        rows = connection.execute("SELECT number FROM calls WHERE number LIKE '0407%'")
        return [number for (number,) in rows]
