"""Asterisk's voicemail folders: written by halves, renumbered, moved, and gone."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fakes.spool import SOUND, Spool
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbx_bridge.adapters import messages as adapter
from pbx_bridge.adapters.messages import SpoolMessages


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "default")


@pytest.fixture
def messages(spool: Spool) -> SpoolMessages:
    return SpoolMessages(spool.folder)


def ids(messages: SpoolMessages) -> list[str]:
    return [f"{one.mailbox}/{one.id}" for one in messages.look()]


def test_an_exchange_without_a_message_has_no_folder(messages: SpoolMessages) -> None:
    assert ids(messages) == []


def test_every_message_is_seen_once_the_oldest_first(spool: Spool, messages: SpoolMessages) -> None:
    spool.leave("180", "3-3", origtime=30)
    spool.leave("101", "2-2", origtime=20)
    spool.leave("101", "1-1", origtime=10, inbox="Old")
    assert ids(messages) == ["101/1-1", "101/2-2", "180/3-3"]
    assert ids(messages) == []
    spool.leave("101", "4-4", origtime=40)
    assert ids(messages) == ["101/4-4"]


def test_the_moment_is_by_our_clock(spool: Spool) -> None:
    spool.leave("101", "1-1", origtime=1000)
    (found,) = SpoolMessages(spool.folder, offset_s=3600).look()
    assert found.at == datetime.fromtimestamp(4600, UTC)


def test_what_is_moved_or_renumbered_is_no_new_message(
    spool: Spool, messages: SpoolMessages
) -> None:
    first, second, _ = (spool.leave("101", f"{n}-{n}") for n in (1, 2, 3))
    assert len(ids(messages)) == 3
    spool.delete(first)
    assert ids(messages) == []
    moved = spool.move(second.with_name("msg0000.txt"), spool.folder / "101/Old")
    assert ids(messages) == []
    spool.move(moved, spool.folder / "101/INBOX")
    assert ids(messages) == []


@pytest.mark.parametrize("cut", [0, 1, 100, 200, -1])
def test_a_half_written_file_is_a_message_once_it_is_whole(
    spool: Spool, messages: SpoolMessages, cut: int
) -> None:
    """As when somebody forwards a message to a colleague: that file is written in its place."""
    folder = spool.folder / "101/INBOX"
    folder.mkdir(parents=True)
    text = spool.text("101", "1-1", 10, "101", 12)
    file = folder / "msg0000.txt"
    file.write_text(text[:cut])
    spool.age(folder, 10)
    assert ids(messages) == []
    file.write_text(text)  # the folder's time stays
    assert ids(messages) == ["101/1-1"]


def test_a_file_that_never_makes_sense_is_given_up_and_told_once_without_its_content(
    spool: Spool, messages: SpoolMessages, capsys: pytest.CaptureFixture[str]
) -> None:
    file = spool.leave("101", "1-1")
    good = spool.leave("101", "2-2")
    file.write_text("callerid=0401234567")
    spool.age(file, adapter.GIVEN_UP_S + 1)
    assert ids(messages) == ["101/2-2"]
    spool.age(file.parent, 10)
    assert ids(messages) == []
    told = capsys.readouterr().out
    assert told.count("message_not_readable") == 1
    assert "0401234567" not in told
    spool.delete(good)
    spool.leave("101", "3-3")
    assert ids(messages) == ["101/3-3"]
    assert "message_not_readable" not in capsys.readouterr().out


def test_files_are_read_only_where_a_folder_has_changed(
    spool: Spool, messages: SpoolMessages, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = spool.leave("101", "1-1")
    assert ids(messages) == ["101/1-1"]
    spool.age(file.parent, 10)
    assert ids(messages) == []
    monkeypatch.setattr(adapter, "read", lambda _: pytest.fail("was read again"))
    assert ids(messages) == []


def test_two_changes_within_one_tick_of_the_file_system_are_both_seen(
    spool: Spool, messages: SpoolMessages
) -> None:
    file = spool.leave("101", "1-1")
    stamp = file.parent.stat()
    assert ids(messages) == ["101/1-1"]
    spool.leave("101", "2-2")
    spool.age(file.parent, file.parent.stat().st_mtime - stamp.st_mtime)
    assert ids(messages) == ["101/2-2"]


def test_what_is_no_mailbox_is_passed_over(spool: Spool, messages: SpoolMessages) -> None:
    spool.leave("101", "1-1")
    spool.leave("x101", "2-2")
    (spool.folder / "102").write_text("a file")
    (spool.folder / "103").mkdir()
    (spool.folder / "103/INBOX").write_text("a file")
    (spool.folder / "104/INBOX/msg0000.txt").mkdir(parents=True)
    assert ids(messages) == ["101/1-1"]


def test_f33_a_folder_that_can_not_be_read_keeps_nobody_from_the_others(
    spool: Spool,
    messages: SpoolMessages,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for box in ("101", "102"):
        spool.leave(box, "1-1")
    plain = Path.stat

    def stat(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if "101" in path.parts:
            raise PermissionError(13, "Permission denied")
        return plain(path, follow_symlinks=follow_symlinks)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "stat", stat)
        assert ids(messages) == ["102/1-1"]
        assert ids(messages) == []
        assert capsys.readouterr().out.count("messages_not_readable") == 1
    assert ids(messages) == ["101/1-1"]


def test_what_has_been_gone_for_long_is_forgotten(
    spool: Spool, messages: SpoolMessages, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = spool.leave("101", "1-1")
    spool.leave("101", "2-2")
    assert len(ids(messages)) == 2
    spool.delete(first)
    monkeypatch.setattr(adapter, "FORGOTTEN_S", 0.0)
    messages.look()
    monkeypatch.setattr(adapter, "FORGOTTEN_S", 3600.0)
    spool.leave("101", "1-1", inbox="Old")
    assert "101/1-1" in ids(messages), "it would else be remembered for ever"


async def test_the_sound_goes_with_its_message_wherever_that_is(
    spool: Spool, messages: SpoolMessages
) -> None:
    first, second = spool.leave("101", "1-1"), spool.leave("101", "2-2")
    spool.delete(first)
    assert await messages.sound("101", "2-2") == SOUND + b"2-2"
    spool.move(second.with_name("msg0000.txt"), spool.folder / "101/Family")
    assert await messages.sound("101", "2-2") == SOUND + b"2-2"
    assert await messages.sound("101", "1-1") is None


async def test_a_sound_whose_file_is_gone_is_none(spool: Spool, messages: SpoolMessages) -> None:
    spool.leave("101", "1-1").with_suffix(".wav").unlink()
    assert await messages.sound("101", "1-1") is None


async def test_nobody_gets_the_sound_of_a_message_that_took_the_number_meanwhile(
    spool: Spool, messages: SpoolMessages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of two is deleted just as its sound is read."""
    first = spool.leave("101", "1-1")
    spool.leave("101", "2-2")
    plain = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        if path.suffix == ".wav" and plain(path) == SOUND + b"1-1":
            spool.delete(first)
        return plain(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert await messages.sound("101", "1-1") is None
    assert await messages.sound("101", "2-2") == SOUND + b"2-2"


steps = st.lists(st.tuples(st.sampled_from(["leave", "delete", "move", "look"]), st.integers(0, 9)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps)
def test_whatever_happens_to_a_mailbox_no_message_is_missed_or_doubled(
    tmp_path_factory: pytest.TempPathFactory, done: list[tuple[str, int]]
) -> None:
    spool = Spool(tmp_path_factory.mktemp("spool"))
    messages = SpoolMessages(spool.folder)
    seen: list[str] = []
    left: list[str] = []
    unseen_and_gone: set[str] = set()
    for number, (what, which) in enumerate(done):
        held = sorted(spool.folder.glob("101/*/msg*.txt"))
        match what:
            case "leave":
                spool.leave("101", f"{number}-0", origtime=number)
                left.append(f"101/{number}-0")
            case "delete" if held:
                gone = held[which % len(held)]
                key = next(one for one in left if f"msg_id={one[4:]}\n" in gone.read_text())
                unseen_and_gone |= {key} - set(seen)
                spool.delete(gone)
            case "move" if held:
                moved = held[which % len(held)]
                other = "Old" if moved.parent.name == "INBOX" else "INBOX"
                target = spool.move(moved, moved.parent.parent / other)
                _close_gap(spool, moved, target)
            case "look":
                seen += ids(messages)
    seen += ids(messages)
    assert len(seen) == len(set(seen))
    assert set(seen) == set(left) - unseen_and_gone


def _close_gap(spool: Spool, moved: Path, target: Path) -> None:
    """As Asterisk renumbers the folder that a message was taken from."""
    for suffix in (".txt", ".wav"):
        moved.with_suffix(suffix).write_bytes(b"")
    spool.delete(moved)
    assert target.exists()


async def test_a_new_message_is_found_by_itself(spool: Spool) -> None:
    arrivals = aiter(SpoolMessages(spool.folder, interval_s=0.01).arrivals())
    following = asyncio.ensure_future(anext(arrivals))
    spool.leave("101", "1-1")
    async with asyncio.timeout(3):
        assert (await following).id == "1-1"
