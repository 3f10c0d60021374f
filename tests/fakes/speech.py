"""Speech without a voice: the file holds a tone, and `said` remembers the words."""

from __future__ import annotations

import hashlib
import time
from datetime import timedelta
from pathlib import Path

from pbx_bridge.core.model import Language
from pbx_bridge.ports import SpeechFailed
from pbx_bridge.wire import wav


class FakeSpeech:
    """`ports.Speech` that speaks in tones; text in `broken` can't be spoken.

    Without a folder nothing is written, and the paths lead nowhere.
    """

    def __init__(self, folder: Path | None = None, broken: frozenset[str] = frozenset()) -> None:
        self.folder = folder
        self.broken = broken
        self.asked: list[tuple[Language, str]] = []
        """Everything that was asked for, in order."""
        self.failure: Exception | None = None
        """Raised for everything that is asked for."""
        self._said: dict[str, str] = {}
        self._used: dict[str, float] = {}

    async def file(self, text: str, language: Language) -> Path:
        self.asked.append((language, text))
        if self.failure is not None:
            raise self.failure
        if text in self.broken or not text.strip():
            raise SpeechFailed(f"can't speak {text!r}")
        name = hashlib.sha256(f"{language}\0{text}".encode()).hexdigest()[:24]
        if self.folder is not None and name not in self._said:
            height_hz = 300 + int(name[:2], 16) * 10
            (self.folder / f"{name}.wav").write_bytes(wav.tone(height_hz, 0.02 * len(text)))
        self._said[name] = text
        self._used[name] = time.monotonic()
        return (self.folder or Path("/sounds")) / name

    def said(self, sound: Path | str) -> str | None:
        return self._said.get(Path(sound).name.removesuffix(".wav"))

    async def clear(self, unused: timedelta) -> int:
        before = time.monotonic() - unused.total_seconds()
        dropped = [name for name, at in self._used.items() if at < before]
        for name in dropped:
            del self._used[name], self._said[name]
            if self.folder is not None:
                (self.folder / f"{name}.wav").unlink(missing_ok=True)
        return len(dropped)
