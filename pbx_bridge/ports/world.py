"""Time, voice, mail, and what everybody may read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from pbx_bridge.core.model import Language
from pbx_bridge.core.public import Timetable


class Clock(Protocol):
    """The one source of time."""

    def now(self) -> datetime:
        """The present moment, aware, in the plan's time zone."""
        ...

    @property
    def offset_s(self) -> int:
        """Seconds by which this clock is ahead of the machine's (0 in service)."""
        ...


class Speech(Protocol):
    """Text to sound."""

    async def file(self, text: str, language: Language) -> Path:
        """The sound file that speaks `text`, made when it isn't cached.

        8 kHz mono 16-bit WAV. The path has no suffix added by Asterisk's rules: pass it
        to Playback without `.wav`. Raises `SpeechFailed`.
        """
        ...

    def said(self, sound: Path | str) -> str | None:
        """What a file made by `file` says, by its name or path, with or without suffix."""
        ...

    async def clear(self, unused: timedelta) -> int:
        """Delete what nobody has asked for during so long. Returns how many sentences; raises
        `OSError`."""
        ...


@dataclass(frozen=True, slots=True)
class Letter:
    """A notice by mail."""

    id: str
    """Becomes the Message-ID, so that a letter delivered twice is known as one."""
    to: str
    subject: str
    text: str
    sound: bytes | None = None
    """A WAV file that goes with it, None for none."""


class Mail(Protocol):
    """Letters to people."""

    async def send(self, letter: Letter) -> None:
        """Return when a server has taken it. Raises `NoticeDelayed`, `NoticeRefused`."""
        ...


class Public(Protocol):
    """What everybody may read."""

    async def publish(self, told: Timetable) -> None:
        """Return when the timetable can be read. Raises `OSError`."""
        ...
