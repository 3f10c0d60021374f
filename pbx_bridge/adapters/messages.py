"""Voicemail messages, as Asterisk keeps them: a folder a mailbox, two files a message.

`<mailbox>/INBOX/msg0003.txt` says who left the message, `msg0003.wav` is what was said. Asterisk
puts the sound in its place first, then the text, each by renaming. Heard messages move to `Old`,
and when one is deleted those after it are renumbered: a message is known by its id, never by its
number.

Nothing tells us of a new file without further packages, so the folders' times are looked at every
two seconds; files are read where one has changed.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import structlog

from pbx_bridge.core.mailboxes import Message
from pbx_bridge.wire.voicemail import Envelope, Unfinished, read

log = structlog.get_logger(__name__)

INTERVAL_S = 2.0
NEW, HEARD = "INBOX", "Old"
WATCHED = (NEW, HEARD)
"""Folders of a mailbox in which messages can be that came while nobody watched."""
SETTLED_S = 1.0
"""A folder that was changed less than this ago is read again: its time may be the same after
another change."""
GIVEN_UP_S = 60.0
"""A file that makes no sense and was not written to for so long will make none."""
FORGOTTEN_S = 3600.0
"""What has been gone for so long is forgotten: no more is remembered than the mailboxes hold."""
READ_TRIES = 3
"""Of a sound whose message was renumbered while it was read."""
_MAILBOX = re.compile(r"[0-9]{1,20}", re.ASCII)


class SpoolMessages:
    """`ports.Messages` in the folder of a voicemail context."""

    def __init__(self, folder: Path, offset_s: int = 0, interval_s: float = INTERVAL_S) -> None:
        """`offset_s` is added to Asterisk's times (see `Clock.offset_s`)."""
        self._folder = folder
        self._offset = timedelta(seconds=offset_s)
        self._interval_s = interval_s
        self._read: dict[Path, int] = {}
        """Time (ns) of folders that are as they were when they were read."""
        self._held: dict[Path, frozenset[str]] = {}
        self._seen: dict[str, float] = {}
        """When a message was last there (monotonic), by mailbox and id."""
        self._trouble = ""
        """What was wrong with the disk at the last look."""
        self._given_up: set[tuple[Path, int]] = set()

    async def arrivals(self) -> AsyncIterator[Message]:
        """Yield each message once, those that are there already first, the oldest first."""
        while True:
            for message in await asyncio.to_thread(self.look):
                yield message
            await asyncio.sleep(self._interval_s)

    def look(self) -> list[Message]:
        """The messages that weren't there at the last look. What can't be read is tried again."""
        found: list[Message] = []
        trouble = ""
        for folder in (mailbox / name for mailbox in self._mailboxes() for name in WATCHED):
            try:
                found.extend(self._new_in(folder))
            except OSError as error:
                trouble = str(error)
        if trouble and not self._trouble:
            log.warning("messages_not_readable", why=trouble)
        self._trouble = trouble
        now = time.monotonic()
        for held in self._held.values():
            self._seen.update(dict.fromkeys(held, now))
        self._seen = {key: at for key, at in self._seen.items() if at > now - FORGOTTEN_S}
        return sorted(found, key=lambda one: one.at)

    async def mailboxes(self) -> Sequence[str]:
        """Every mailbox in which messages can be, in the plan or not."""
        return [one.name for one in await asyncio.to_thread(self._mailboxes)]

    async def discard(self, message: Message) -> bool:
        """Delete a message of a mailbox that Asterisk knows no more. Returns whether it was
        there; raises `OSError`."""
        return await asyncio.to_thread(self._discard, message)

    def _discard(self, message: Message) -> bool:
        found = self._text_of(message.mailbox, message.id)
        if found is not None:
            for suffix in (".wav", ".txt"):
                found.with_suffix(suffix).unlink(missing_ok=True)
        return found is not None

    async def held(self, mailbox: str) -> Sequence[Message] | None:
        """What is in a mailbox, the oldest first; None where mailboxes can't be read."""
        return await asyncio.to_thread(self._all_of, mailbox)

    async def file(self, mailbox: str, message: str) -> Path | None:
        """The sound file without suffix, where it is at this moment; None when it is gone."""
        found = await asyncio.to_thread(self._text_of, mailbox, message)
        return None if found is None else found.with_suffix("")

    async def sound(self, mailbox: str, message: str) -> bytes | None:
        """What was said, as a WAV file; None when it is in the mailbox no more."""
        return await asyncio.to_thread(self._sound, mailbox, message)

    def _all_of(self, mailbox: str) -> Sequence[Message] | None:
        spool = self._folder.parent.parent
        if not spool.is_dir() or not _MAILBOX.fullmatch(mailbox):
            return None
        found = [
            self._message(mailbox, envelope, heard=folder == HEARD)
            for folder in WATCHED
            for file in (self._folder / mailbox / folder).glob("msg*.txt")
            if (envelope := self._envelope(file)) is not None
        ]
        return sorted(found, key=lambda one: one.at)

    def _text_of(self, mailbox: str, message: str) -> Path | None:
        if not _MAILBOX.fullmatch(mailbox):
            return None
        files = (self._folder / mailbox).glob("*/msg*.txt")
        return next((file for file in sorted(files) if self._is(file, message)), None)

    def _mailboxes(self) -> list[Path]:
        try:
            return sorted(one for one in self._folder.iterdir() if _MAILBOX.fullmatch(one.name))
        except OSError:  # nobody has left one yet
            return []

    def _new_in(self, folder: Path) -> Iterator[Message]:
        try:
            changed = folder.stat().st_mtime_ns
        except (FileNotFoundError, NotADirectoryError):
            self._held.pop(folder, None)
            return
        if self._read.get(folder) == changed:
            return
        keys = set()
        whole = True
        for file in sorted(folder.glob("msg*.txt")):
            envelope = self._envelope(file)
            if envelope is None:
                whole = whole and self._is_given_up(file)
                continue
            key = f"{folder.parent.name}/{envelope.id}"
            keys.add(key)
            if key not in self._seen:
                self._seen[key] = time.monotonic()
                yield self._message(folder.parent.name, envelope, heard=folder.name == HEARD)
        self._held[folder] = frozenset(keys)
        if whole and time.time_ns() - changed > SETTLED_S * 1e9:
            self._read[folder] = changed

    def _message(self, mailbox: str, envelope: Envelope, *, heard: bool) -> Message:
        at = envelope.left_at + self._offset
        return Message(
            mailbox, envelope.id, envelope.caller, at, envelope.seconds, envelope.channel, heard
        )

    def _envelope(self, file: Path) -> Envelope | None:
        """None where the file is gone, or makes no sense yet."""
        try:
            return read(file.read_bytes())
        except (OSError, Unfinished):
            return None

    def _is_given_up(self, file: Path) -> bool:
        """Whether a file that makes no sense is waited for no more; said once."""
        try:
            written = file.stat().st_mtime_ns
        except OSError:
            return False
        if time.time_ns() - written < GIVEN_UP_S * 1e9:
            return False
        if (file, written) not in self._given_up:
            self._given_up.add((file, written))
            log.warning("message_not_readable", file=str(file))
        return True

    def _sound(self, mailbox: str, message: str) -> bytes | None:
        """The number on a file may be another message's a moment later: whose sound was read is
        asked before and after."""
        for _ in range(READ_TRIES):
            file = self._text_of(mailbox, message)
            if file is None:
                return None
            try:
                sound = file.with_suffix(".wav").read_bytes()
            except OSError:
                continue
            if self._is(file, message):
                return sound
        return None

    def _is(self, file: Path, message: str) -> bool:
        envelope = self._envelope(file)
        return envelope is not None and envelope.id == message
