"""Text to sound files with espeak-ng, each made once and kept under the hash of its words.

Text reaches the program by its standard input, never on a command line that others on the
machine could read. A sentence of five seconds takes some 30 ms; a kept one takes microseconds
and no I/O, since the names in the folder are read once, at start.

The program runs in worker threads and not as an asyncio subprocess: in Python 3.11 one that
is cancelled while it starts can leave the loop waiting for ever for its pipes.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from threading import Lock

import structlog
from pydantic_core import from_json, to_json

from pbx_bridge.core.model import Language
from pbx_bridge.files import FolderRefused, own_folder, put_aside
from pbx_bridge.ports import SpeechFailed
from pbx_bridge.wire import wav

RENDER_TIMEOUT_S = 10
PROGRAMS_AT_ONCE = 2
WORDS_A_MINUTE = 150
LONGEST_TEXT = 2000
"""Letters; about two minutes of speech."""
MANIFEST = "manifest.jsonl"
MOST_SPARE = 200
"""Sentences in memory while there is no room, some 10 MB of them."""

_UNSPOKEN = re.compile(r"[\x00-\x1f\x7f\[\]]+")
"""Control characters, and the brackets by which espeak-ng marks phonemes."""

log = structlog.get_logger(__name__)
_DRAFTS = count()


@dataclass(frozen=True, slots=True)
class Recording:
    """A human voice that is played instead of the synthetic one."""

    path: Path
    stamp: str
    """Changes when the file does, so that a new recording is not taken for the old one."""


Recordings = Mapping[tuple[Language, str], Recording]
"""By language and text."""


def recordings_by_text(
    folder: Path, prompts: Mapping[Language, Mapping[str, str]]
) -> dict[tuple[Language, str], Recording]:
    """Recordings `LANGUAGE/KEY.wav` in `folder`, by the text of the prompt that they speak.

    Only prompts without slots can be recorded; other files are named in the log and left.
    """
    found: dict[tuple[Language, str], Recording] = {}
    for path in sorted(folder.glob("*/*.wav")):
        language = Language(path.parent.name) if path.parent.name in set(Language) else None
        text = prompts[language].get(path.stem) if language else None
        if language is None or text is None or "{" in text:
            log.warning("recording_without_prompt", file=f"{path.parent.name}/{path.name}")
        else:
            status = path.stat()
            found[language, text] = Recording(path, f"{status.st_mtime_ns} {status.st_size}")
    return found


class EspeakSpeech:
    """`ports.Speech` by an espeak-ng program. One event loop; several bridges may share a folder.

    `environment` is the program's whole environment; a private copy needs `ESPEAK_DATA_PATH`,
    the folder that holds `espeak-ng-data`.
    """

    def __init__(
        self,
        program: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        voices: Mapping[Language, str],
        recordings: Recordings | None = None,
        spare: Path | None = None,
    ) -> None:
        """`spare`: a folder in memory for what `folder` has no room for; each such text is made
        anew whenever it is asked for, so that it is kept once there is room."""
        self._spare = spare
        self.program = tuple(program)
        self.environment = dict(environment)
        self.folder = folder
        self.voices = dict(voices)
        self.recordings: Recordings = recordings or {}
        """May be replaced when prompts are read again."""
        for path, is_sound in ((folder, folder.is_dir()), (folder / MANIFEST, _is_file(folder))):
            if os.path.lexists(path) and not is_sound:
                log.error("sounds_made_anew", path=str(path), damaged=str(put_aside(path)))
        folder.mkdir(parents=True, exist_ok=True)
        self._known = {path.stem for path in folder.glob("*.wav") if _is_whole(path)}
        self._said = read_manifest(folder / MANIFEST)
        self._used: set[str] = set()
        """Asked for since the last clearing; a file's time says when it was before."""
        self._manifest = Lock()
        self._making: dict[str, asyncio.Future[Path]] = {}
        self._workers = ThreadPoolExecutor(PROGRAMS_AT_ONCE, "speech")

    async def file(self, text: str, language: Language) -> Path:
        """The path, without suffix, of the file that speaks `text`.

        Whoever asks for a text that is being made waits for that. A text is made to its end
        even when nobody waits any more.
        """
        name = self._name(text, language)
        self._used.add(name)
        if name in self._known:
            return self.folder / name
        making = self._making.get(name) or self._begin(name, text, language)
        return await asyncio.shield(making) / name

    async def clear(self, unused: timedelta) -> int:
        """Delete what nobody has asked for during so long: names, and why somebody was away.

        Returns how many sentences; raises `OSError`. Bridges that share a folder keep each other's
        sentences alive if each of them clears more often than that.
        """
        used, self._used = self._used, set()
        before = time.time() - unused.total_seconds()
        loop = asyncio.get_running_loop()
        dropped = await loop.run_in_executor(self._workers, self._drop, used, before)
        self._known -= dropped
        for name in dropped:
            self._said.pop(name, None)
        return len(dropped)

    async def close(self) -> None:
        """Return when nothing is being made; each text ends within `RENDER_TIMEOUT_S`."""
        if self._making:
            await asyncio.wait(self._making.values())
        self._workers.shutdown(wait=False)
        if self._spare is not None:
            await asyncio.to_thread(shutil.rmtree, self._spare, ignore_errors=True)

    def said(self, sound: Path | str) -> str | None:
        """What a file of ours says, by its name or path, with or without suffix."""
        return self._said.get(Path(sound).name.removesuffix(".wav"))

    def _name(self, text: str, language: Language) -> str:
        recording = self.recordings.get((language, text))
        voice = self.voices[language] if recording is None else f"recorded {recording.stamp}"
        return hashlib.sha256(f"{voice}\0{text}".encode()).hexdigest()[:24]

    def _begin(self, name: str, text: str, language: Language) -> asyncio.Future[Path]:
        job = partial(self._make, name, text, language, self.recordings.get((language, text)))
        making = asyncio.get_running_loop().run_in_executor(self._workers, job)
        self._making[name] = making
        making.add_done_callback(partial(self._made, name, text))
        return making

    def _made(self, name: str, text: str, making: asyncio.Future[Path]) -> None:
        del self._making[name]
        if not making.cancelled() and making.exception() is None:
            self._said[name] = text
            if making.result() == self.folder:
                self._known.add(name)

    # What follows runs in a worker thread and touches nothing but files.

    def _drop(self, used: Collection[str], before: float) -> set[str]:
        """What is asked for while this works is made anew, or was used a moment ago."""
        dropped = set()
        for file in self.folder.glob("*.wav"):
            if file.stem in used:
                os.utime(file)
            elif file.stat().st_mtime < before and file.stem not in self._used:
                file.unlink(missing_ok=True)
                dropped.add(file.stem)
        manifest = self.folder / MANIFEST
        if dropped and manifest.exists():
            with self._manifest:
                kept = [
                    line
                    for line in manifest.read_bytes().splitlines(keepends=True)
                    if not any(name.encode() in line for name in dropped)
                ]
                _write_whole(manifest, b"".join(kept))
        return dropped

    def _make(self, name: str, text: str, language: Language, recording: Recording | None) -> Path:
        """Returns the folder in which it lies."""
        sound = _recorded(recording.path) if recording is not None else None
        if sound is None:
            try:
                sound = wav.telephone(self._speak(text, self.voices[language]))
            except ValueError as error:
                raise SpeechFailed(f"{self._program_name} made no speech: {error}") from None
        try:
            self._keep(name, text, language, sound)
        except OSError as error:
            if self._spare is not None and self._lent(self._spare, name, sound):
                return self._spare
            raise SpeechFailed(f"{self.folder}: speech can't be kept ({error.strerror})") from None
        return self.folder

    def _lent(self, spare: Path, name: str, sound: bytes) -> bool:
        """Keep a sound in memory, with the youngest others; whether there it can be."""
        try:
            own_folder(spare, lambda said: log.warning("spare_closed", said=said))
            held = sorted(spare.glob("*.wav"), key=lambda one: one.stat().st_mtime)
            for old in held[: max(0, len(held) - MOST_SPARE + 1)]:
                old.unlink(missing_ok=True)
            _write_whole(spare / f"{name}.wav", sound)
        except (OSError, FolderRefused):
            return False
        return True

    def _speak(self, text: str, voice: str) -> bytes:
        """What the program writes for `text`. The program never outlives this call."""
        if len(text) > LONGEST_TEXT:
            raise SpeechFailed(f"a text of {len(text)} letters; {LONGEST_TEXT} is the most")
        options = ("-v", voice, "-s", str(WORDS_A_MINUTE), "-b", "1", "--stdin", "--stdout")
        program = self._program_name
        try:
            done = subprocess.run(
                [*self.program, *options],
                env=self.environment,
                input=_UNSPOKEN.sub(" ", text).encode(errors="replace"),
                capture_output=True,
                timeout=RENDER_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise SpeechFailed(f"{program} did not finish in {RENDER_TIMEOUT_S} s") from None
        except OSError as error:
            problem = f"{program} can't be started ({error.strerror}); is it installed?"
            raise SpeechFailed(problem) from None
        if done.returncode != 0:
            why = done.stderr.decode(errors="replace").strip().partition("\n")[0]
            raise SpeechFailed(
                f"{program} with voice {voice!r} ended with {done.returncode}: {why}"
            )
        return done.stdout

    @property
    def _program_name(self) -> str:
        return Path(self.program[-1]).name

    def _keep(self, name: str, text: str, language: Language, sound: bytes) -> None:
        """Write the manifest's line, then the file: no file is without its words."""
        line = to_json({"file": name, "language": language.value, "text": text})
        with self._manifest, (self.folder / MANIFEST).open("ab") as manifest:
            manifest.write(line + b"\n")
        _write_whole(self.folder / f"{name}.wav", sound)


def _is_file(folder: Path) -> bool:
    manifest = folder / MANIFEST
    return manifest.is_file() and not manifest.is_symlink()


def _is_whole(path: Path) -> bool:
    """Whether there is a sound, and not what a crash or somebody has left in its place."""
    return path.is_file() and path.stat().st_size > wav.HEADER_BYTES


def _recorded(path: Path) -> bytes | None:
    """The recording as a telephone plays it, None (and a line in the log) when it can't be."""
    try:
        return wav.telephone(path.read_bytes())
    except (OSError, ValueError) as error:
        file = f"{path.parent.name}/{path.name}"
        log.warning("recording_not_usable", file=file, problem=str(error))
        return None


def _write_whole(path: Path, content: bytes) -> None:
    """Write so that a reader sees the whole file or none, whatever happens meanwhile."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{next(_DRAFTS)}")
    try:
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def read_manifest(path: Path) -> dict[str, str]:
    """Texts by name without suffix. A last line that was cut off is closed, and left out."""
    said: dict[str, str] = {}
    if not path.exists():
        return said
    content = path.read_bytes()
    if content and not content.endswith(b"\n"):
        with path.open("ab") as manifest:
            manifest.write(b"\n")
    for line in content.splitlines():
        try:
            entry = from_json(line)
            said[str(entry["file"])] = str(entry["text"])
        except (ValueError, KeyError, TypeError):
            continue
    return said
