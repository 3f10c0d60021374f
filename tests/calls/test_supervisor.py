"""Telephones first: what the product does by itself when its parts die, hang or are damaged."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from calls.product import TELEPHONES, Product, alive, product
from ports import free_port

from pbx_bridge.bootstrap import database_file
from pbx_bridge.cli.calling import sipp_program
from pbx_bridge.softphone.audio import tone
from pbx_bridge.softphone.behaviour import Answers
from pbx_bridge.softphone.trunk import Operator
from pbx_bridge.supervisor import started

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

BACK_WITHIN_S = 10.0
"""From Asterisk's death to a telephone that can call again: half a second on a quiet machine, where
three are promised; here others run beside it."""
TALKS = Answers(after_s=0.2, plays=tone(1500, 0.5))
STOPPED = "Telefonväxeln stannade"
SOON = Answers(after_s=0.2, talks_s=0.5)


@pytest_asyncio.fixture(loop_scope="session")
async def kept(town: Path, tmp_path: Path) -> AsyncIterator[Product]:
    async with product(town, tmp_path / "s") as one:
        yield one


def name_of(pid: int) -> str:
    """As `ps` and `top` show it."""
    return Path(f"/proc/{pid}/comm").read_text().strip()


async def test_f07_asterisk_comes_back_by_itself_and_the_switchboard_is_told(
    kept: Product,
) -> None:
    await kept.start()
    before = kept.pids()
    names = [name_of(pid) for pid in (kept.up_pid, *before.values())]
    assert names == ["pbx-supervisor", "asterisk", "pbx-bridge"]
    async with kept.phone("103", TALKS), kept.caller("018000103") as caller:
        await caller.answered()
        os.kill(before["asterisk"], signal.SIGKILL)
        assert await kept.reached() < BACK_WITHIN_S
        await caller.die()
    assert await kept.decides() == before["bridge"], "the bridge stayed, and found it again"
    async with kept.phone("111", SOON) as board, kept.phone("103", SOON):
        async with asyncio.timeout(30):
            while not any(one.text.startswith(STOPPED) for one in board.messages):
                print((await board.told(30)).text)
        async with kept.caller("018000103") as caller:
            await caller.answered()
    (gone,) = kept.journal("PartGone")
    assert gone["part"] == "asterisk"
    assert "SIGKILL" in gone["why"]
    assert await kept.trouble() == {}


async def test_a_bridge_that_is_killed_or_deaf_comes_back_and_calls_go_on(kept: Product) -> None:
    await kept.start()
    before = kept.pids()
    os.kill(before["bridge"], signal.SIGKILL)
    await kept.until(lambda: not alive(before["bridge"]))
    second = await kept.decides()
    assert second != before["bridge"]
    await kept.until(lambda: "bridge_back" in str(kept.said))
    os.kill(second, signal.SIGSTOP)
    async with kept.phone("103", SOON):
        async with kept.caller("018000103") as caller:
            await caller.answered()
        began = time.monotonic()
        await kept.until(lambda: not alive(second), 30)
        assert time.monotonic() - began > 5, "a short silence is no death"
        assert await kept.decides() != second
    await kept.until(lambda: len(kept.journal("PartGone")) == 2)
    assert "sign of life" in kept.journal("PartGone")[1]["why"]
    assert kept.pids()["asterisk"] == before["asterisk"]
    assert alive(before["asterisk"])


async def test_a_supervisor_that_is_killed_leaves_both_and_the_next_one_adopts_them(
    kept: Product,
) -> None:
    await kept.start()
    before, config = kept.pids(), (kept.started.settings.etc / "pjsip.conf").read_text()
    async with kept.phone("103", TALKS) as phone, kept.caller("018000103") as caller:
        await caller.answered()
        assert kept.up is not None
        kept.kill()
        await kept.up.wait()
        status, ill = await kept.health()
        assert (status, list(ill)) == (503, ["supervisor"])
        await kept.start()
        assert kept.pids() == before, "neither was started anew"
        assert (kept.started.settings.etc / "pjsip.conf").read_text() == config
        assert not phone.received, "the talk went on"
        await asyncio.sleep(0.2)
        await caller.hang_up()
    code, said = await kept.run("up", "--sip-port", "0")
    assert (code, "runs already" in said) == (1, True)
    assert (kept.started.settings.etc / "pjsip.conf").read_text() == config
    os.kill(before["asterisk"], signal.SIGKILL)
    assert await kept.reached() < BACK_WITHIN_S, "what was adopted is kept as one's own"
    code, said = await kept.run("stop")
    assert code == 0, said
    assert not alive(before["bridge"])
    assert (await kept.run("stop"))[0] == 3, "nothing runs any more"


@pytest.mark.parametrize("after_s", [0.0, 0.4, 1.0])
async def test_a_bridge_that_was_only_just_started_is_met_by_the_next_supervisor(
    kept: Product, after_s: float
) -> None:
    """Before it has its lock, and before it is ready."""
    await kept.start(TELEPHONES)
    await asyncio.sleep(after_s)
    kept.kill()
    assert kept.up is not None
    await kept.up.wait()
    await kept.start()
    assert await kept.decides() == kept.pids()["bridge"]
    assert await kept.trouble() == {}


async def test_what_a_killed_supervisor_left_is_stopped_without_one(kept: Product) -> None:
    await kept.start()
    before = kept.pids()
    kept.kill()
    assert kept.up is not None
    await kept.up.wait()
    assert (await kept.run("stop"))[0] == 0
    assert not any(map(alive, before.values()))


GARBAGE = b"\x00\xff garbage \r\n" * 40
HEAD, ASTDB = "pbx-bridge.head", "asterisk/astdb/astdb.sqlite3"
DATABASE, SECRETS_FILE = "pbx-bridge.sqlite", "secrets.json"


@pytest.fixture
def others_town(town: Path, tmp_path: Path) -> Path:
    """A town whose files may be spoiled."""
    return shutil.copytree(town, tmp_path / "town")


def asterisk_pid(state: Path) -> int:
    return int((state / "asterisk/run/asterisk.pid").read_text())


async def test_telephones_come_up_whatever_is_damaged_and_the_bridge_once_it_is_mended(
    others_town: Path, tmp_path: Path, operator_port: int
) -> None:
    async with product(others_town, tmp_path / "s") as kept:
        await kept.start()
        backup = tmp_path / "backup.tar"
        assert (await kept.run("backup", str(backup)))[0] == 0
        code, said = await kept.run("restore", str(backup), "--force")
        assert (code, "a bridge works with it" in said) == (1, True)
        await kept.run("stop")
        before_the_operator(others_town, free_port())
        state, people = kept.state, others_town / "dialplan/people.yaml"
        half = (state / DATABASE).read_bytes()[:20_000]
        for damaged, mended in (
            ({state / DATABASE: half, state / SECRETS_FILE: GARBAGE}, False),
            ({people: GARBAGE, state / DATABASE: GARBAGE}, False),
            ({state / DATABASE: half, state / SECRETS_FILE: GARBAGE}, True),
            ({kept.config: GARBAGE, state / SECRETS_FILE: b""}, False),
        ):
            whole = {file: file.read_bytes() for file in damaged}
            for file, bytes_ in damaged.items():
                file.write_bytes(bytes_)
            await kept.start(TELEPHONES)
            async with asyncio.timeout(30):
                while set(await kept.trouble()) != {"bridge", "configuration"}:
                    await asyncio.sleep(0.1)
            status, ill = await kept.health()
            assert (status, set(ill)) == (503, {"bridge", "configuration"})
            code, said = await kept.run("status")
            if kept.config not in damaged:
                assert (code, said.splitlines()[0][:27]) == (3, "CALLERS HAVE THE FALLBACK: ")
            async with Operator(sipp_program(), operator_port, {"112": SOON}):
                for file, bytes_ in whole.items():
                    if file.name == SECRETS_FILE:  # a phone has its password
                        file.write_bytes(bytes_)
                async with kept.caller("112", phone="104") as caller:
                    assert await caller.answered() is not None
            asterisk = asterisk_pid(kept.state)
            if mended:
                code, said = await kept.run("restore", str(backup), "--force")
                assert (code, "messages and spoken notes stay" in said) == (0, True), said
            else:
                for file, bytes_ in whole.items():
                    file.write_bytes(bytes_)
            await kept.decides()
            assert asterisk_pid(kept.state) == asterisk, "and its calls go on"
            await kept.until(lambda: all(one in str(kept.said) for one in ("trouble_over",)))
            assert (await kept.run("stop"))[0] == 0


async def test_a_state_folder_that_was_moved_brings_telephones_up_there_without_the_plan(
    others_town: Path, tmp_path: Path, operator_port: int
) -> None:
    async with product(others_town, tmp_path / "s") as kept:
        await kept.start()
        assert (await kept.run("stop"))[0] == 0
        kept.phone("104", SOON)  # its password is known from now on
        passwords = kept.passwords
    people = others_town / "dialplan/people.yaml"
    whole = people.read_bytes()
    async with product(others_town, (tmp_path / "s").rename(tmp_path / "moved")) as kept:
        kept.passwords |= passwords
        people.write_bytes(GARBAGE)
        await kept.start(TELEPHONES)
        assert [line for line in kept.said if line.startswith(f"{kept.state} was {tmp_path}/s")]
        assert kept.started.settings.folder == kept.state / "asterisk"
        async with (
            Operator(sipp_program(), operator_port, {"112": SOON}),
            kept.caller("112", phone="104") as caller,
        ):
            assert await caller.answered() is not None
        people.write_bytes(whole)
        await kept.decides()
        assert not (tmp_path / "s").exists()


def before_the_operator(town: Path, port: int) -> None:
    """Another trunk comes first; nobody is there."""
    trunks = town / "dialplan/trunks.yaml"
    keys = (f"host: 127.0.0.1:{port}", "caller_id: 018 000 100", "watch: false")
    silent = "\n    ".join(("  silent:", *keys)) + "\n"
    trunks.write_text(trunks.read_text().replace("\n  operator:\n", f"\n{silent}  operator:\n"))


async def test_what_can_be_made_anew_is_put_aside_and_made_anew(kept: Product) -> None:
    await kept.start()
    assert (await kept.run("stop"))[0] == 0
    damaged = [kept.state / HEAD, kept.state / ASTDB, kept.state / "asterisk" / started.FILE]
    for file in damaged:
        file.write_bytes(GARBAGE)
    await kept.start()
    for file in damaged:
        assert file.read_bytes() != GARBAGE
        (aside,) = file.parent.glob(f"{file.name}.damaged-*")
        assert aside.read_bytes() == GARBAGE
    async with kept.phone("103", SOON), kept.caller("018000103") as caller:
        await caller.answered()


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A file system of its own."""
    folder.mkdir()
    size = f"size={megabytes}m"
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("this user may not mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@asynccontextmanager
async def nothing_left(kept: Product, filler: Path) -> AsyncIterator[None]:
    """Not a byte on the disk, though programs delete files there: in the last block of the log
    neither, nor in SQLite's write-ahead file, whose beginning takes new lines once the database
    has the old ones."""
    with contextlib.closing(sqlite3.connect(database_file(kept.state))) as database:
        busy = True
        while busy:
            (busy, _, _) = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    async def filling() -> None:
        while True:
            fill(filler, b"x" * 65536)
            fill(filler, b"x")
            fill(kept.state / "bridge.log", b"\n")
            await asyncio.sleep(0.02)

    task = asyncio.create_task(filling())
    await asyncio.sleep(0)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def registered(kept: Product) -> set[str]:
    """Whose telephones AstDB holds for good: Asterisk takes back a registration of the last second
    where its disk is full by then."""
    with contextlib.closing(sqlite3.connect(kept.started.settings.astdb_file)) as astdb:
        rows = astdb.execute("SELECT key FROM astdb WHERE key LIKE '/registrar/contact/%'")
        return {key.split("/")[3].partition(";")[0] for (key,) in rows}


def fill(file: Path, with_: bytes) -> None:
    """Write into a file until there is no room for one more."""
    with file.open("ab", buffering=0) as filling, contextlib.suppress(OSError):
        while True:
            filling.write(with_)


ROOM_TO_BEGIN = 65536
"""Bytes: SQLite's shared memory (32 KiB) and some lines of the log."""
EMERGENCY, NOTHING_STORED = "112", "Telefonväxeln kan inte spara"
PERMIT = ("permit", "105", "NO", "--until", "2026-11-25T10:00", "--approved-by", "Eva Sund")


@pytest.mark.may_skip
async def test_f33_an_emergency_call_on_a_full_disk_is_told_at_once_and_stored_later(
    town: Path, tmp_path: Path, operator_port: int
) -> None:
    with small_disk(tmp_path / "d", 110):
        async with (
            product(town, tmp_path / "d/s") as kept,
            Operator(sipp_program(), operator_port, {"112": SOON}),
        ):
            await kept.start()
            bridge, filler = kept.pids()["bridge"], tmp_path / "d/filler"
            async with kept.phone("111", SOON) as board, kept.phone("103", SOON):

                def times(words: str) -> int:
                    return sum(words in message.text for message in board.messages)

                async def told(*words: str) -> None:
                    async with asyncio.timeout(60):
                        while not any(all(one in m.text for one in words) for m in board.messages):
                            await board.told(60)

                await told("bemannad igen")
                await kept.until(lambda: registered(kept) >= {"111", "103"})
                async with nothing_left(kept, filler):
                    async with kept.caller(EMERGENCY, phone="104") as caller:
                        assert await caller.answered() is not None
                    await told(EMERGENCY)
                    await told(NOTHING_STORED)
                    async with kept.caller("018000103") as caller:
                        assert await caller.answered() is not None
                    # Known though it registers only now.
                    async with kept.phone("102", SOON), kept.caller("018000102") as caller:
                        assert await caller.answered() is not None
                for words, code in ((("status",), 0), (PERMIT, 1)):
                    found, said = await kept.run(*words)
                    assert found == code, said
                    assert f"the disk of {kept.state} is full" in said
                    assert words == PERMIT or " 0 left to the fallback" in said, "words from memory"
                assert alive(bridge), "and it says so itself"
                os.kill(bridge, signal.SIGKILL)
                await kept.until(lambda: not alive(bridge))
                # What the next one needs to begin, and what it takes at once.
                os.truncate(filler, filler.stat().st_size - ROOM_TO_BEGIN)
                second = await kept.decides(60)
                async with nothing_left(kept, filler):
                    async with kept.caller(EMERGENCY, phone="104") as caller:
                        assert await caller.answered() is not None
                    await kept.until(lambda: times(EMERGENCY) == 2)
                    await kept.until(lambda: times(NOTHING_STORED) == 2)
                filler.unlink()
                await kept.until(lambda: kept.journal("EmergencyCalled"), 30)
                await kept.until(lambda: kept.journal("RecordGap"), 30)
                assert await kept.decides() == second
                assert (await kept.run(*PERMIT))[0] == 0


@pytest.mark.may_skip
async def test_f33_a_full_disk_ends_nothing_and_all_is_well_once_there_is_room(
    others_town: Path, tmp_path: Path, operator_port: int
) -> None:
    """The plan is saved, the bridge dies and Asterisk dies, all on a disk without a byte left."""
    with small_disk(tmp_path / "d", 110):
        async with product(others_town, tmp_path / "d/s") as kept:
            await kept.start()
            people = others_town / "dialplan/people.yaml"
            filler = tmp_path / "d/filler"
            async with nothing_left(kept, filler):
                people.write_text(people.read_text().replace("Anna Berg", "Anna Bergh"))
                await kept.until(lambda: "Asterisk keeps the configuration" in str(kept.said))
            os.kill(kept.pids()["bridge"], signal.SIGKILL)
            os.kill(kept.pids()["asterisk"], signal.SIGKILL)
            await kept.until(lambda: not alive(kept.pids()["asterisk"]))
            assert await kept.reached() < BACK_WITHIN_S
            async with kept.phone("103", SOON), kept.caller("018000103") as caller:
                assert await caller.answered() is not None
            async with (
                Operator(sipp_program(), operator_port, {"112": SOON}),
                kept.caller("0112", phone="104") as caller,
            ):
                assert await caller.answered() is not None
            assert alive(kept.up_pid)
            filler.unlink()
            await kept.decides(90)
            await kept.until(
                lambda: "Anna Bergh" in (kept.started.settings.etc / "pjsip.conf").read_text(), 30
            )


async def test_a_supervisor_without_descriptors_waits_until_there_are_some(kept: Product) -> None:
    await kept.start()
    held = resource.prlimit(kept.up_pid, resource.RLIMIT_NOFILE)
    resource.prlimit(kept.up_pid, resource.RLIMIT_NOFILE, (9, held[1]))
    os.kill(kept.pids()["bridge"], signal.SIGKILL)
    await kept.until(lambda: "Too many open files" in str(kept.said))
    await kept.reached()
    resource.prlimit(kept.up_pid, resource.RLIMIT_NOFILE, held)
    await kept.decides()


async def test_ports_that_others_have_are_named_before_anything_starts(
    kept: Product, town: Path, tmp_path: Path
) -> None:
    await kept.start()
    has = kept.started.settings
    ports = {
        "--sip-port": has.sip_port,
        "--ari-port": has.http_port,
        "--ami-port": has.ami_port,
        "--agi-port": has.fastagi_port,
        "--operations-port": kept.started.operations_port,
    }
    async with product(town, tmp_path / "other") as other:
        words = [str(word) for pair in ports.items() for word in pair]
        code, said = await other.run("up", *words)
        assert code == 1
        for (option, port), name in zip(
            ports.items(), ("SIP", "ARI", "AMI", "FastAGI", "operations"), strict=True
        ):
            (line,) = [line for line in said.splitlines() if line.startswith(f"{name} port {port}")]
            assert f"of the exchange in {kept.state}" in line
            assert f"use {option} 0" in line
        assert not (other.state / "asterisk/run/asterisk.pid").exists()
