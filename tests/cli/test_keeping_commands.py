"""The journal as a whole: verified, exported, backed up and restored."""

from __future__ import annotations

import asyncio
import fcntl
import io
import json
import shutil
import socket
import sqlite3
import subprocess
import sys
import syslog
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyrage
import pytest
from core.plans import ROOT
from structlog.testing import capture_logs

from pbx_bridge.adapters import backup as backups
from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.journal import (
    Anchors,
    Head,
    Intact,
    RowUnreadable,
    SqliteJournal,
    anchors,
    verify_file,
)
from pbx_bridge.adapters.journal.chain import head_file, seal, write_head
from pbx_bridge.adapters.journal.store import read_entries
from pbx_bridge.bootstrap import BRIDGE_LOCK, DATABASE, control_socket, database_file
from pbx_bridge.cli import keeping
from pbx_bridge.cli.app import main
from pbx_bridge.cli.options import reading
from pbx_bridge.core.events import Decided, Event, ReferralSet

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
Run = Callable[..., tuple[int, str]]


def event(number: int) -> Event:
    return Decided(f"17.{number}", "018000101", "ring:101", "person-rings")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def anchor(tmp_path: Path) -> Path:
    return tmp_path / "elsewhere"


@pytest.fixture
def said_to_system() -> list[str]:
    return []


@pytest.fixture
def written(state: Path, anchor: Path, said_to_system: list[str]) -> Path:
    """Nine rows on two days, with anchors after the fourth and the ninth."""
    state.mkdir()
    (state / "secrets.json").write_text("{}")
    database = Database(database_file(state))
    for days, numbers in ((0, range(4)), (1, range(4, 9))):
        journal = SqliteJournal(database, Anchors(anchor, said_to_system.append))
        for number in numbers:
            asyncio.run(journal.append(NOON + timedelta(days=days), [event(number)]))
        asyncio.run(journal.close())
    database.close()
    return database.path


@pytest.fixture
def run(
    tmp_path: Path,
    anchor: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Run:
    config = tmp_path / "config.yaml"
    sample = (ROOT / "config.yaml").read_text()
    config.write_text(sample.replace("  anchor:\n", f"  anchor: {anchor}\n"))
    for part in ("dialplan", "voicemail"):
        (tmp_path / part).symlink_to(ROOT / part)

    def said(command: str, *options: object, state: Path = tmp_path / "state") -> tuple[int, str]:
        where = ["--config", str(config), "--state", str(state)]
        monkeypatch.setattr(sys, "argv", ["pbx-bridge", command, *map(str, options), *where])
        with pytest.raises(SystemExit) as end:
            main()
        code = int(end.value.code or 0)
        told = capfd.readouterr()
        return code, told.out + told.err

    return said


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_f34_heads_are_noted_outside(
    written: Path, anchor: Path, said_to_system: list[str], run: Run
) -> None:
    rows = [line.split()[1:] for line in anchor.read_text().splitlines()]
    assert [seq for seq, _ in rows] == ["1", "4", "4", "9"], "at the start, the first, the end"
    assert said_to_system == [f"journal head {seq}:{chain}" for seq, chain in rows]
    code, said = run("verify")
    assert (code, said) == (0, "intact: 9 rows, 4 heads from outside\n")
    assert run("verify", "--head", said_to_system[1].removeprefix("journal head "))[0] == 0


def test_f34_a_cut_off_end_is_found_though_the_head_file_was_written_anew(
    written: Path, run: Run
) -> None:
    change(written, "DELETE FROM journal WHERE seq > 6")
    with closing(sqlite3.connect(written)) as connection:
        row = connection.execute("SELECT seq, chain FROM journal ORDER BY seq DESC").fetchone()
    write_head(head_file(written), Head(*row))
    assert isinstance(verify_file(written), Intact), "without anchors nobody sees it"
    assert run("verify") == (1, "BROKEN at row 7: missing: the journal reached row 9\n")


def test_f34_a_history_written_anew_is_found_from_the_first_anchor_that_differs(
    written: Path, run: Run, said_to_system: list[str], anchor: Path
) -> None:
    with closing(sqlite3.connect(written, isolation_level=None)) as connection:
        (chain,) = connection.execute("SELECT chain FROM journal WHERE seq = 6").fetchone()
        head = Head(6, chain)
        for seq in (7, 8, 9):
            kept = connection.execute(
                "SELECT at, kind, body FROM journal WHERE seq = ?", (seq,)
            ).fetchone()
            body = kept[2].replace("018000101", "018000999")
            made = seal(head, kept[0], kept[1], body)
            head = made.head
            values = (body, made.salt, made.commitment, head.chain, seq)
            connection.execute(
                "UPDATE journal SET body=?, salt=?, commitment=?, chain=? WHERE seq=?", values
            )
    write_head(head_file(written), head)
    assert isinstance(verify_file(written), Intact)
    code, said = run("verify")
    assert code == 1
    assert said.startswith("BROKEN at row 5: another history")
    anchor.unlink()
    paper = said_to_system[-1].removeprefix("journal head ")
    assert run("verify", "--head", paper)[1].startswith("BROKEN at row 1: another history")


def test_f34_a_journal_that_is_gone_as_a_whole_is_missed(
    written: Path, run: Run, anchor: Path
) -> None:
    change(written, "DROP TABLE journal")
    gone = (1, "BROKEN at row 1: missing: the journal reached row 9\n")
    assert run("verify") == gone
    written.unlink()
    assert run("verify") == gone
    head_file(written).unlink()
    assert run("verify") == gone, "the file outside still knows"
    anchor.unlink()
    assert "there is no journal yet" in run("verify")[1]


def test_an_anchor_file_that_somebody_took_away_is_told(
    written: Path, run: Run, anchor: Path
) -> None:
    anchor.unlink()
    code, said = run("verify")
    assert code == 0
    assert f"{anchor}: isn't there" in said


NO_TEXT = "CAST(x'7b223034303132333435ff227d' AS TEXT)"


@pytest.mark.parametrize("column", ["at", "kind", "body"])
@pytest.mark.parametrize("value", [NO_TEXT, "x'00ff'"])
def test_f34_a_row_that_is_no_text_is_named_and_never_shown(
    written: Path, run: Run, tmp_path: Path, column: str, value: str
) -> None:
    change(written, f"UPDATE journal SET {column} = {value} WHERE seq = 4")
    code, said = run("verify")
    assert code == 1
    assert said.startswith("BROKEN at row 4: ")
    code, said = run("export", tmp_path / "all.jsonl")
    assert code == 4
    assert "journal row 4: isn't what the bridge writes" in said
    assert "04012345" not in said
    assert not (tmp_path / "all.jsonl").exists()


@pytest.mark.parametrize("text", ["", "9", "9:xyz", "x:00", "0:" + "00" * 32])
def test_what_is_no_head_is_refused(written: Path, run: Run, text: str) -> None:
    assert run("verify", "--head", text)[0] == 1


def test_an_anchor_that_can_not_be_noted_says_why_until_it_can(tmp_path: Path) -> None:
    """As when the other disk is away; health asks for it."""
    file = tmp_path / "elsewhere" / "heads"
    noting = Anchors(file, lambda _: None)
    noting.note(Head(1, bytes(32)), at_once=True)
    noting.close()
    assert "No such file or directory" in noting.trouble
    file.parent.mkdir()
    noting.note(Head(2, bytes(32)), at_once=True)
    noting.close()
    assert noting.trouble == ""
    assert file.read_text().split()[1] == "2"


def test_an_anchor_file_that_was_damaged_is_reported(written: Path, run: Run, anchor: Path) -> None:
    anchor.write_text(anchor.read_text() + "x\n")
    code, said = run("verify")
    assert code == 1
    assert f"{anchor}:5" in said


def test_half_a_line_of_a_crash_is_passed_over_and_the_file_goes_on(
    written: Path, run: Run, anchor: Path
) -> None:
    with anchor.open("a") as opened:
        opened.write("2026-03-03T12:00:00+00:00 9 ab")
    assert run("verify")[1] == "intact: 9 rows, 4 heads from outside\n"
    database = Database(written)
    journal = SqliteJournal(database, Anchors(anchor, lambda _: None))
    asyncio.run(journal.append(NOON, [event(9)]))
    asyncio.run(journal.close())
    database.close()
    before, _, after = anchor.read_text().partition(" 9 ab torn\n")
    assert (before.count("\n"), after.count("\n")) == (4, 2), "nothing was taken away"
    assert run("verify")[1] == "intact: 10 rows, 6 heads from outside\n"


async def test_a_system_log_that_gives_no_answer_keeps_nobody_waiting(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anchors, "CLOSE_TIMEOUT_S", 0.05)
    monkeypatch.setattr(anchors, "INTERVAL_S", 0.0)
    state.mkdir()
    answered = threading.Event()

    def say(_: str) -> None:
        answered.wait(10)

    database = Database(database_file(state))
    journal = SqliteJournal(database, Anchors(None, say))
    async with asyncio.timeout(5):
        for number in range(anchors.WAITING + 9):
            await journal.append(NOON, [event(number)])
        with capture_logs() as logs:
            await journal.close()
    assert {"event": "journal_anchor_not_noted", "log_level": "error"}.items() <= logs[-1].items()
    answered.set()
    database.close()
    assert isinstance(verify_file(database.path), Intact)


def test_the_system_log_is_told_the_row_and_the_hash_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[tuple[object, ...]] = []
    for name in ("openlog", "syslog", "closelog"):
        monkeypatch.setattr(syslog, name, lambda *values, name=name: told.append((name, *values)))
    noting = Anchors()
    noting.note(Head(7, bytes(32)))
    noting.close()
    facility, priority = syslog.LOG_AUTHPRIV, syslog.LOG_NOTICE
    assert told == [
        ("openlog", "pbx-bridge", 0, facility),
        ("syslog", priority, f"journal head 7:{'00' * 32}"),
        ("closelog",),
    ]


def test_an_anchor_that_cannot_be_written_stops_nothing(state: Path, tmp_path: Path) -> None:
    state.mkdir()
    database = Database(database_file(state))
    journal = SqliteJournal(database, Anchors(tmp_path / "no" / "folder", lambda _: None))
    asyncio.run(journal.append(NOON, [event(1)]))
    asyncio.run(journal.close())
    assert len(list(journal.entries())) == 1
    database.close()


# An export, verified as README says, with nothing of ours


def check(lines: list[str]) -> str:
    """ "" when an export is intact, else the first row that isn't."""
    heading, *rows = [json.loads(line) for line in lines]
    chain, due = bytes.fromhex(heading["before"]), heading["first"]
    for row in rows:
        if row["seq"] != due:
            return f"row {due} is missing"
        commitment = bytes.fromhex(row["commitment"])
        if row["body"] is not None:
            salted = bytes.fromhex(row["salt"]) + row["body"].encode()
            if sha256(salted).digest() != commitment:
                return f"row {due} was changed"
        place = f"{row['seq']}\n{row['at']}\n{row['kind']}\n".encode()
        chain = sha256(chain + place + commitment).digest()
        if chain.hex() != row["chain"]:
            return f"row {due} was changed or moved"
        due += 1
    ends = due == heading["last"] + 1 and chain.hex() == heading["head"]
    return "" if ends else f"row {due} is missing"


def exported(run: Run, file: Path, *options: str) -> list[str]:
    code, said = run("export", file, *options)
    assert code == 0
    assert "It tells of people" in said
    assert file.stat().st_mode & 0o777 == 0o600
    return file.read_text(encoding="utf-8").splitlines()


def test_an_export_is_verified_by_the_words_of_the_readme(
    written: Path, run: Run, tmp_path: Path
) -> None:
    lines = exported(run, tmp_path / "all.jsonl")
    assert json.loads(lines[0])["format"] == "pbx-bridge journal 1"
    assert len(lines) == 1 + 9 + 1, "and the note that it was exported"
    assert check(lines) == ""
    day = exported(run, tmp_path / "day.jsonl", "--from", f"{NOON + timedelta(days=1):%Y-%m-%d}")
    assert [json.loads(line)["seq"] for line in day[1:]] == [5, 6, 7, 8, 9]
    assert check(day) == ""


def test_an_export_with_deleted_entries_verifies(written: Path, run: Run, tmp_path: Path) -> None:
    change(written, "UPDATE journal SET body = NULL, salt = NULL WHERE seq = 3")
    lines = exported(run, tmp_path / "all.jsonl")
    assert json.loads(lines[3])["body"] is None
    assert check(lines) == ""


def test_f34_what_was_done_to_an_export_is_found(written: Path, run: Run, tmp_path: Path) -> None:
    lines = exported(run, tmp_path / "all.jsonl")
    assert check([*lines[:4], *lines[5:]]) == "row 4 is missing"
    assert check(lines[:-1]) == "row 10 is missing"
    assert check([*lines[:4], lines[5], lines[4], *lines[6:]]) == "row 4 is missing"
    edited = lines[4].replace("018000101", "018000999")
    assert check([*lines[:4], edited, *lines[5:]]) == "row 4 was changed"
    moved = lines[4].replace("Decided", "Counted")
    assert check([*lines[:4], moved, *lines[5:]]) == "row 4 was changed or moved"


def test_an_export_takes_no_other_file_s_place(written: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    for command in ("export", "backup"):
        assert run(command, tmp_path / "there")[0] == 1
    assert (tmp_path / "there").read_text() == "mine"


# Backups


def entries(state: Path) -> Iterator[Any]:
    with reading(state) as connection:
        assert connection is not None
        yield from (one.event for one in read_entries(connection))


def test_f35_a_backup_under_load_restores_and_verifies(
    written: Path, state: Path, run: Run, tmp_path: Path
) -> None:
    """Everything that was acknowledged before it began is in it."""
    database = Database(written)
    journal = SqliteJournal(database)
    acknowledged: list[int] = []
    stop = threading.Event()

    async def load() -> None:
        number = 100
        while not stop.is_set():
            await journal.append(NOON, [event(number)])
            acknowledged.append(number)
            number += 1

    writer = threading.Thread(target=lambda: asyncio.run(load()))
    writer.start()
    try:
        while len(acknowledged) < 50:
            stop.wait(0.01)
        before = set(acknowledged)
        code, said = run("backup", tmp_path / "backup.tar")
        assert code == 0
        assert "verified" in said
        while len(acknowledged) < len(before) + 10:
            stop.wait(0.01)
    finally:
        stop.set()
        writer.join()
        database.close()
    there = tmp_path / "there"
    code, said = run("restore", tmp_path / "backup.tar", state=there)
    assert code == 0
    assert f"{there}: restored and verified\n" in said
    found = {int(one.call.removeprefix("17.")) for one in entries(there)}
    assert before | set(range(9)) <= found
    assert isinstance(verify_file(database_file(there)), Intact)
    assert (there / "secrets.json").stat().st_mode & 0o777 == 0o600
    again = Database(database_file(there))
    asyncio.run(SqliteJournal(again).append(NOON, [event(7)]))
    again.close()
    assert isinstance(verify_file(database_file(there)), Intact), "and it goes on from there"


def test_a_backup_of_a_broken_journal_is_none(written: Path, run: Run, tmp_path: Path) -> None:
    change(written, "UPDATE journal SET kind = 'x' WHERE seq = 4")
    code, said = run("backup", tmp_path / "backup.tar")
    assert code == 1
    assert "broken at row 4" in said
    assert not (tmp_path / "backup.tar").exists()
    assert not list(tmp_path.glob("pbx-backup-*"))


@contextmanager
def holding(lock: Path) -> Iterator[None]:
    """Another process holds a lock; of its own one a process sees nothing."""
    program = (
        f"from pathlib import Path; from pbx_bridge.locks import Lock\nLock(Path({str(lock)!r}))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", f"{program}; print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        yield
        process.communicate(b"\n")


def test_a_folder_that_is_in_use_or_full_is_not_restored_into(
    written: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("backup", tmp_path / "backup.tar")[0] == 0
    code, said = run("restore", tmp_path / "backup.tar")
    assert code == 1
    assert "is not empty" in said
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(control_socket(written.parent)))
        door.listen()
        code, said = run("restore", tmp_path / "backup.tar", "--force")
        assert code == 1
        assert "a bridge works with it" in said
    (written.parent / "asterisk/run").mkdir(parents=True)
    with (written.parent / "asterisk/run/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert run("restore", tmp_path / "backup.tar")[0] == 1
        code, said = run("restore", tmp_path / "backup.tar", "--force")
        assert code == 0
        assert "messages and spoken notes stay as they are" in said
        assert (written.parent / "asterisk/run/lock").exists()
    (aside,) = written.parent.glob("before-restore-*")
    assert {one.name for one in aside.iterdir()} >= {DATABASE, "secrets.json"}
    with holding(written.parent / BRIDGE_LOCK):
        monkeypatch.setattr(keeping, "LOCK_WAIT_S", 0.0)
        code, said = run("restore", tmp_path / "backup.tar", "--force")
        assert code == 1
        assert "a bridge works with it" in said
    with tarfile.open(tmp_path / "other.tar", "w") as tar:
        tar.add(tmp_path / "config.yaml", "config.yaml")
    code, said = run("restore", tmp_path / "other.tar", state=tmp_path / "there")
    assert code == 1
    assert "'config.yaml' is no file of a backup" in said
    packed(tmp_path / "empty.tar", [("secrets.json", b"{}")])
    code, said = run("restore", tmp_path / "empty.tar", state=tmp_path / "there")
    assert code == 1
    assert f"{DATABASE} isn't in it" in said
    (tmp_path / "text").write_text("no tar")
    assert run("restore", tmp_path / "text", state=tmp_path / "there")[0] == 1


MESSAGE = "asterisk/spool/voicemail/default/101/INBOX/msg0000.wav"
SPOKEN = b"RIFF" + b"\x07" * 5_000


@pytest.fixture
def tar(written: Path, run: Run, tmp_path: Path) -> Path:
    """A backup of nine rows, the secrets and a message."""
    message = written.parent / MESSAGE
    message.parent.mkdir(parents=True)
    message.write_bytes(SPOKEN)
    assert run("backup", tmp_path / "backup.tar")[0] == 0
    return tmp_path / "backup.tar"


def test_a_backup_has_all_that_is_kept_and_sums_that_others_can_check(
    tar: Path, run: Run, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    assert run("restore", tar, state=there)[0] == 0
    kept = {DATABASE, "pbx-bridge.head", "secrets.json", MESSAGE}
    files = [one for one in there.rglob("*") if one.is_file()]
    assert {str(one.relative_to(there)) for one in files} >= kept
    assert (there / MESSAGE).read_bytes() == SPOKEN
    assert all(one.stat().st_mode & 0o077 == 0 for one in [there, *files])
    assert not list(there.glob(".restoring-*"))
    with tarfile.open(tar) as opened:
        opened.extractall(tmp_path / "by hand")
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", backups.SUMS],
        cwd=tmp_path / "by hand",
        check=False,
    )
    assert done.returncode == 0


def damaged(tar: Path, how: str) -> bytearray:
    """The backup after something has happened to it."""
    held = bytearray(tar.read_bytes())
    with tarfile.open(tar) as opened:
        at = {member.name: member.offset for member in opened}
    match how:
        case "end missing":
            return held[: at[backups.SUMS]]
        case "secrets missing":
            return held[: at["secrets.json"]]
        case "message":
            held[held.index(SPOKEN) + 100] ^= 1
        case "row":
            held[held.index(b"018000101")] ^= 1
    return held


@pytest.mark.parametrize("how", ["end missing", "secrets missing", "message", "row"])
@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_damaged_backup_is_refused_and_what_is_there_stays(
    tar: Path, run: Run, tmp_path: Path, how: str, force: tuple[str, ...]
) -> None:
    (tmp_path / "damaged.tar").write_bytes(damaged(tar, how))
    there = tmp_path / "there"
    there.mkdir()
    if force:
        (there / "mine").write_text("mine")
    code, said = run("restore", tmp_path / "damaged.tar", *force, state=there)
    assert code == 1
    assert "use another backup" in said
    kept = [one.name for one in there.iterdir() if one.suffix != ".lock"]
    assert kept == ["mine"] * bool(force)


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "a/../../outside", "link"])
def test_a_tar_that_is_no_backup_writes_nothing_elsewhere(
    tar: Path, run: Run, tmp_path: Path, name: str
) -> None:
    with tarfile.open(tar, "a") as opened:
        member = tarfile.TarInfo(name)
        if name == "link":
            member.type, member.linkname = tarfile.SYMTYPE, "/etc"
        opened.addfile(member)
    code, said = run("restore", tar, state=tmp_path / "there")
    assert code == 1
    assert "is no file of a backup" in said
    assert not list((tmp_path / "there").iterdir())
    assert not (tmp_path / "outside").exists()


def packed(file: Path, members: list[tuple[str, bytes]], sums: str | None = None) -> Path:
    """A tar of these members with the sums that belong to it, or others."""
    lines = [f"{sha256(held).hexdigest()}  {name}\n" for name, held in members]
    with tarfile.open(file, "w") as opened:
        for name, held in [*members, (backups.SUMS, (sums or "".join(lines)).encode())]:
            member = tarfile.TarInfo(name)
            member.size = len(held)
            opened.addfile(member, io.BytesIO(held))
    return file


def members(tar: Path) -> list[tuple[str, bytes]]:
    with tarfile.open(tar) as opened:
        found = []
        for one in opened:
            content = opened.extractfile(one)
            assert content is not None
            found.append((one.name, content.read()))
    assert found[-1][0] == backups.SUMS
    return found[:-1]


@pytest.mark.parametrize(
    "name",
    [
        "asterisk/etc/extensions_local.conf",
        "asterisk/etc/pjsip.conf",
        "exchange.json",
        "bridge.sock",
        "pbx-bridge.sqlite-wal",
        "sounds/manifest.jsonl",
        "other.sqlite",
        "asterisk/spool/voicemail/default/101/INBOX/msg0000.sh",
        "asterisk/spool/voicemail/default/101/INBOX/../../../../etc/x.wav",
        "asterisk/spool/voicemail/default/101/INBOX/a/b.wav",
        "asterisk/spool/notes/.hidden.wav",
        "asterisk/spool/notes/a/b.wav",
        "asterisk/spool/outgoing/call.txt",
        "./secrets.json",
        "secrets.json/",
        "secrets.json\n",
    ],
)
def test_what_no_backup_holds_is_restored_from_none(
    tar: Path, run: Run, tmp_path: Path, name: str
) -> None:
    """A backup that somebody handled, with its sums put right: their dialplan would be read."""
    handled = packed(tmp_path / "handled.tar", [*members(tar), (name, b"[from-trunk]")])
    code, said = run("restore", handled, state=tmp_path / "there")
    assert code == 1
    assert "is no file of a backup" in said
    assert not list((tmp_path / "there").iterdir())


@pytest.mark.parametrize("how", ["twice", "no line", "line too many", "line twice", "large"])
def test_each_member_has_one_line_and_its_size(
    tar: Path, run: Run, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = members(tar)
    lines = [f"{sha256(one).hexdigest()}  {name}\n" for name, one in held]
    match how:
        case "twice":
            held.append(held[-1])
        case "no line":
            lines.pop()
        case "line too many":
            lines.append(f"{'0' * 64}  asterisk/etc/pjsip.conf\n")
        case "line twice":
            lines.append(lines[-1])
        case "large":
            monkeypatch.setattr(backups, "LARGEST_SPOKEN", len(SPOKEN) - 1)
    handled = packed(tmp_path / "handled.tar", held, "".join(lines))
    code, said = run("restore", handled, state=tmp_path / "there")
    assert code == 1
    assert str(handled) in said
    assert not list((tmp_path / "there").iterdir())


def test_a_backup_that_does_not_fit_is_refused_before_it_fills_the_disk(
    tar: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10_000))
    code, said = run("restore", tar, state=tmp_path / "there")
    assert code == 1
    assert "make room" in said
    assert not list((tmp_path / "there").iterdir())


def test_a_database_with_a_trigger_is_none_of_ours(tar: Path, run: Run, tmp_path: Path) -> None:
    held = dict(members(tar))
    database = tmp_path / "handled.sqlite"
    database.write_bytes(held[DATABASE])
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TRIGGER t AFTER INSERT ON journal BEGIN DELETE FROM calls; END")
        connection.commit()
    held[DATABASE] = database.read_bytes()
    code, said = run(
        "restore", packed(tmp_path / "h.tar", [*held.items()]), state=tmp_path / "there"
    )
    assert code == 1
    assert "trigger" in said


def test_what_a_backup_leaves_out_is_said(written: Path, run: Run, tmp_path: Path) -> None:
    strange = written.parent / "asterisk/spool/voicemail/default/101/INBOX/strange.exe"
    strange.parent.mkdir(parents=True)
    strange.write_text("x")
    code, said = run("backup", tmp_path / "b.tar")
    assert code == 0
    assert f"{strange}: left out" in said
    assert run("restore", tmp_path / "b.tar", state=tmp_path / "there")[0] == 0


WORDS = "korrekt häst batteri"


def test_a_backup_is_encrypted_for_a_key_and_opened_by_it(
    tar: Path, run: Run, tmp_path: Path
) -> None:
    mine, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    for name, key in (("mine", mine), ("other", other)):
        (tmp_path / name).write_text(f"# created: today\n{key}\n")
    sealed = tmp_path / "sealed.tar.age"
    assert run("backup", sealed, "--to", str(mine.to_public()))[0] == 0
    held = sealed.read_bytes()
    assert held.startswith(b"age-encryption.org/v1\n")
    assert b"018000101" not in held
    assert SPOKEN[:64] not in held
    assert sealed.stat().st_mode & 0o077 == 0
    there = ["--identity", tmp_path / "other"]
    code, said = run("restore", sealed, *there, state=tmp_path / "there")
    assert (code, "the key is another one" in said) == (1, True)
    code, said = run("restore", sealed, state=tmp_path / "there")
    assert (code, "--identity" in said) == (1, True)
    (tmp_path / "cut").write_bytes(held[:-100])
    by_mine = ("--identity", tmp_path / "mine")
    assert run("restore", tmp_path / "cut", *by_mine, state=tmp_path / "there")[0] == 1
    assert not list((tmp_path / "there").iterdir())
    assert run("restore", sealed, *by_mine, state=tmp_path / "there")[0] == 0
    assert (tmp_path / "there" / MESSAGE).read_bytes() == SPOKEN
    with tarfile.open(fileobj=io.BytesIO(pyrage.decrypt(held, [mine]))) as by_hand:
        assert DATABASE in by_hand.getnames()


def test_a_backup_is_encrypted_by_a_passphrase_that_no_argument_shows(
    tar: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed, file = tmp_path / "sealed", tmp_path / "words"
    code, said = run("backup", sealed, "--passphrase")
    assert (code, "PBX_BRIDGE_PASSPHRASE" in said) == (1, True), "nobody sits at a terminal"
    file.write_text("short\n")
    code, said = run("backup", sealed, "--passphrase-file", file)
    assert (code, "12 letters or more" in said) == (1, True)
    assert not sealed.exists()
    file.write_text(f"{WORDS}\n")
    assert run("backup", sealed, "--passphrase-file", file)[0] == 0
    assert SPOKEN[:64] not in sealed.read_bytes()
    monkeypatch.setenv("PBX_BRIDGE_PASSPHRASE", "another passphrase")
    code, said = run("restore", sealed, state=tmp_path / "there")
    assert (code, "the passphrase is another one" in said) == (1, True)
    assert not list((tmp_path / "there").iterdir())
    monkeypatch.setenv("PBX_BRIDGE_PASSPHRASE", WORDS)
    assert run("restore", sealed, state=tmp_path / "there")[0] == 0
    assert (tmp_path / "there" / MESSAGE).read_bytes() == SPOKEN
    assert not list(tmp_path.glob("**/pbx-backup-*")), "nothing in clear is left"


@pytest.mark.parametrize("key", ["hej", "AGE-SECRET-KEY-1QQ", "age1qqqq"])
def test_what_is_no_public_key_is_refused(
    written: Path, run: Run, tmp_path: Path, key: str
) -> None:
    code, said = run("backup", tmp_path / "b", "--to", key)
    assert (code, "is no public key of age" in said) == (1, True)
    (tmp_path / "key").write_text(key)
    sealed = tmp_path / "sealed"
    assert run("backup", sealed, "--to", str(pyrage.x25519.Identity.generate().to_public()))[0] == 0
    code, said = run("restore", sealed, "--identity", tmp_path / "key", state=tmp_path / "there")
    assert (code, "holds no private key" in said) == (1, True)
    assert key not in said.partition("holds no")[0].rpartition(": ")[2]


def test_a_restore_by_force_moves_aside_what_was_there(
    tar: Path, written: Path, run: Run, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(control_socket(written.parent)))  # left by a bridge that was killed
    (written.parent / "secrets.json").write_text('{"newer": 1}')
    assert run("restore", tar, "--force")[0] == 0
    (aside,) = written.parent.glob("before-restore-*")
    assert (aside / "secrets.json").read_text() == '{"newer": 1}'
    assert (written.parent / "secrets.json").read_text() == "{}"
    assert isinstance(verify_file(written), Intact)
    assert isinstance(verify_file(aside / DATABASE), Intact)


def test_a_backup_takes_a_file_s_place_by_force_alone(tar: Path, run: Run) -> None:
    before = tar.stat().st_ino
    assert run("backup", tar)[0] == 1
    assert tar.stat().st_ino == before
    assert run("backup", tar, "--force")[0] == 0
    assert tar.stat().st_ino != before


def test_a_restore_tells_what_was_lost_after_the_backup(
    tar: Path, written: Path, run: Run, anchor: Path, tmp_path: Path
) -> None:
    database = Database(written)
    journal = SqliteJournal(database, Anchors(anchor, lambda _: None))
    asyncio.run(journal.append(NOON, [event(9)] * 3))
    asyncio.run(journal.close())
    database.close()
    code, said = run("restore", tar, state=tmp_path / "there")
    assert code == 0
    assert f"It ends with row 9, and {anchor} knows of row 12" in said


def test_f34_a_backup_of_another_history_is_refused(
    tar: Path, run: Run, anchor: Path, tmp_path: Path
) -> None:
    lines = anchor.read_text().splitlines()
    anchor.write_text("\n".join([*lines[:-1], f"{lines[-1][:-64]}{'ab' * 32}\n"]))
    code, said = run("restore", tar, state=tmp_path / "there")
    assert code == 1
    assert "another history" in said
    assert not list((tmp_path / "there").iterdir())


def test_one_unreadable_row_does_not_stop_those_who_look(written: Path, run: Run) -> None:
    change(written, "UPDATE journal SET kind = 'Unheard' WHERE seq = 4")
    code, said = run("report")
    assert code == 0
    assert "left out: journal row 4: kind 'Unheard' is unknown" in said


@pytest.mark.parametrize(
    "change_", ["body = " + NO_TEXT, "at = 'noon'", "at = '2026-03-02'", "at = x'00ff'", "body = 7"]
)
@pytest.mark.parametrize("command", ["report", "hours skola", "cover", "explain 101"])
def test_no_damage_of_rows_stops_those_who_look_and_it_is_told_once(
    written: Path, run: Run, command: str, change_: str
) -> None:
    database = Database(written)
    away = ReferralSet("101", "lunch", NOON, NOON, "", "101")
    asyncio.run(SqliteJournal(database).append(NOON, [away] * 3))
    database.close()
    change(written, f"UPDATE journal SET {change_} WHERE seq > 9")
    code, said = run(*command.split())
    assert code == 0
    assert said.count("left out: journal row 10") == 1
    assert said.count("left out: other rows too") == 1
    assert "04012345" not in said


def test_a_start_refuses_a_row_whose_time_is_none(written: Path) -> None:
    change(written, "UPDATE journal SET at = 'noon' WHERE seq = 4")
    database = Database(written)
    try:
        with pytest.raises(RowUnreadable, match="row 4: its time is none; run `pbx-bridge verify`"):
            list(SqliteJournal(database).entries())
    finally:
        database.close()
