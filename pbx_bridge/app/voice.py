"""Sentences to sound files: wording and speech together, and notes that people have spoken."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from pathlib import Path

from pbx_bridge.core.model import Language
from pbx_bridge.core.sentences import Left, Recorded, Sentence, Spoken
from pbx_bridge.core.wording import render, write
from pbx_bridge.ports import Speech

Prompts = Mapping[Language, Mapping[str, str]]

_NOTE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")


class Voice:
    """Speaks the exchange's sentences in a language, as of a moment."""

    def __init__(
        self,
        speech: Speech,
        prompts: Prompts,
        notes: Path | None = None,
        message: Callable[[str, str], Awaitable[Path | None]] | None = None,
    ) -> None:
        """`notes` is the folder of spoken notes (`Running.notes`), `message` finds what callers
        have left (`Messages.file`); None: there are none."""
        self._speech = speech
        self._notes = notes
        self._message = message
        self.prompts = prompts

    def text(self, sentence: Sentence, language: Language, now: datetime) -> str:
        """The sentence in words; in its own language where it has one."""
        return render(sentence, sentence.language or language, now, self.prompts)

    def letter(self, sentence: Sentence, language: Language, zone: tzinfo) -> str:
        """The sentence as it stands in a mail or a text message, which is read later."""
        return write(sentence, language, zone, self.prompts)

    async def files(
        self, spoken: Sequence[Spoken], language: Language, now: datetime
    ) -> tuple[Path, ...]:
        """One sound file for each, without suffix; made at once where not cached. A message that
        is gone has none."""
        files = await asyncio.gather(*(self._file(one, language, now) for one in spoken))
        return tuple(file for file in files if file is not None)

    def note(self, name: str) -> Path:
        """The file of the note `name`, without suffix; it need not be there yet.

        Raises `ValueError` for a name that could lead out of the folder.
        """
        if self._notes is None or not _NOTE.fullmatch(name):
            raise ValueError(f"not the name of a spoken note: {name!r}")
        return self._notes / name

    async def _file(self, spoken: Spoken, language: Language, now: datetime) -> Path | None:
        match spoken:
            case Left(mailbox, message):
                return await self._message(mailbox, message) if self._message else None
            case Recorded(name):
                return self.note(name)
            case Sentence():
                text = self.text(spoken, language, now)
                return await self._speech.file(text, spoken.language or language)
