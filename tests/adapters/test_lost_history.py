"""A journal that has lost rows says so at once, and until a technician has accepted it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.journal import (
    Anchors,
    Broken,
    Head,
    Intact,
    SqliteJournal,
    head_file,
    read_anchors,
    read_head,
    verify_file,
)
from pbx_bridge.adapters.journal.anchors import read_last_anchor
from pbx_bridge.core.events import BridgeStarted, HistoryLost, LossAccepted
from pbx_bridge.core.state import Hole

AT = datetime(2026, 3, 3, 10, tzinfo=UTC)


@contextmanager
def opened(path: Path, anchor: Path | None = None) -> Iterator[SqliteJournal]:
    with closing(Database(path)) as database:
        journal = SqliteJournal(database, Anchors(anchor, say=lambda _: None))
        yield journal
        asyncio.run(journal.close())


def write(journal: SqliteJournal, count: int) -> None:
    for _ in range(count):
        asyncio.run(journal.append(AT, [BridgeStarted("plan", "0.1.0")]))


def kept(path: Path, anchor: Path | None = None) -> None:
    with opened(path, anchor) as journal:
        write(journal, 9)


def cut(path: Path, condition: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"DELETE FROM journal WHERE {condition}")
        connection.commit()


def removed(path: Path) -> None:
    for one in path.parent.glob(f"{path.name}*"):
        one.unlink()


LOSSES: dict[str, tuple[Callable[[Path], None], tuple[int, int]]] = {
    "all of it": (removed, (1, 9)),
    "its tail": (lambda path: cut(path, "seq > 6"), (7, 9)),
    "rows in between": (lambda path: cut(path, "seq IN (4, 5)"), (4, 5)),
    "its beginning": (lambda path: cut(path, "seq = 1"), (1, 1)),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_what_is_lost_is_found_noted_once_and_accepted(tmp_path: Path, loss: str) -> None:
    path = tmp_path / "pbx-bridge.sqlite"
    lose, (first, last) = LOSSES[loss]
    kept(path)
    lose(path)
    with opened(path) as journal:
        (hole,) = journal.not_noted
        assert (hole.first, hole.last, hole.why) == (first, last, "missing")
        write(journal, 2)
        assert journal.not_noted == ()
        (noted,) = [one.event for one in journal.entries() if isinstance(one.event, HistoryLost)]
        assert (noted.first, noted.last) == (first, last)
    assert verify_file(path) == Broken(first, f"missing: row {last + 1} stands in its place")
    with opened(path) as journal:
        assert journal.not_noted == (), "noted once"
        asyncio.run(journal.append(AT, [LossAccepted("technician:anna", "disken gick sönder", AT)]))
        write(journal, 1)
    verdict = verify_file(path)
    assert isinstance(verdict, Intact)
    assert [(one.first, one.last) for one in verdict.accepted] == [(first, last)]
    cut(path, "seq = 3" if first != 1 or last == 1 else "seq = 11")
    assert isinstance(verify_file(path), Broken), "only what was accepted"


def test_a_row_that_was_accepted_as_lost_vouches_for_what_comes_after_it(tmp_path: Path) -> None:
    """The chain goes on from the head, so nothing can be put into the hole."""
    path = tmp_path / "pbx-bridge.sqlite"
    kept(path)
    cut(path, "seq > 6")
    with opened(path) as journal:
        write(journal, 1)
        asyncio.run(journal.append(AT, [LossAccepted("technician:anna", "x", AT)]))
    assert isinstance(verify_file(path), Intact)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE journal SET at = '2020' WHERE seq = 11")
        connection.commit()
    assert isinstance(verify_file(path), Broken)


def test_a_history_that_is_another_one_is_found(tmp_path: Path) -> None:
    path, other = tmp_path / "pbx-bridge.sqlite", tmp_path / "other.sqlite"
    kept(path)
    kept(other)
    removed(path)
    other.rename(path)
    with opened(path) as journal:
        assert journal.not_noted == (Hole(9, 9, "another-history"),)
        write(journal, 1)
        asyncio.run(journal.append(AT, [LossAccepted("technician:anna", "x", AT)]))
    with opened(path) as journal:
        assert journal.not_noted == ()
    assert isinstance(verify_file(path), Intact)


def test_the_anchor_knows_what_went_together_with_its_head(tmp_path: Path) -> None:
    path, anchor = tmp_path / "state" / "pbx-bridge.sqlite", tmp_path / "anchor"
    kept(path, anchor)
    removed(path)
    head_file(path).unlink()
    with opened(path, anchor) as journal:
        assert [(one.first, one.last) for one in journal.not_noted] == [(1, 9)]
        write(journal, 1)
        asyncio.run(journal.append(AT, [LossAccepted("technician:anna", "x", AT)]))
    assert isinstance(verify_file(path, read_anchors(anchor)), Intact)


def test_a_journal_that_is_whole_has_lost_nothing(tmp_path: Path) -> None:
    path, anchor = tmp_path / "pbx-bridge.sqlite", tmp_path / "other" / "anchor"
    anchor.parent.mkdir()
    for _ in range(3):
        with opened(path, anchor) as journal:
            assert journal.not_noted == ()
            write(journal, 3)
    verdict = verify_file(path, read_anchors(anchor))
    assert isinstance(verdict, Intact)
    assert (verdict.rows, verdict.accepted) == (9, ())


@pytest.mark.parametrize(
    "damage",
    ["garbage", "empty", "half", "not ascii", "folder", "dangling link", "negative"],
)
def test_a_damaged_head_is_put_aside_and_made_anew(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "pbx-bridge.sqlite"
    kept(path)
    head = head_file(path)
    before = read_head(head)
    content = head.read_bytes()
    head.unlink()
    match damage:
        case "folder":
            head.mkdir()
        case "dangling link":
            head.symlink_to(tmp_path / "nowhere")
        case _:
            head.write_bytes(
                {
                    "garbage": b"\x7f" * 68,
                    "empty": b"",
                    "half": content[:30],
                    "not ascii": b"\xff" * 68,
                    "negative": b"-1 " + content.split()[1],
                }[damage]
            )
    with opened(path) as journal:
        assert journal.not_noted == ()
    assert read_head(head) == before
    assert len(list(tmp_path.glob("pbx-bridge.head.damaged-*"))) == 1
    assert isinstance(verify_file(path), Intact)


@pytest.mark.parametrize("lines", [0, 1, 200])
def test_the_last_anchor_is_read_from_the_end(tmp_path: Path, lines: int) -> None:
    file = tmp_path / "anchor"
    heads = [Head(number, bytes([number % 256]) * 32) for number in range(1, lines + 1)]
    text = "".join(f"2026-03-03T10:00:00+00:00 {one.seq} {one.chain.hex()}\n" for one in heads)
    file.write_text(text + "2026-03-03T10:00:00+00:00 9")  # a crash
    assert read_last_anchor(file) == (heads[-1] if heads else None)
    assert read_last_anchor(tmp_path / "nowhere") is None
    file.write_bytes(b"\xff\xfe\n")
    with pytest.raises(ValueError, match="was damaged"):
        read_last_anchor(file)
