"""Text to sound files with espeak-ng, each made once and kept under the hash of its words.

Text reaches the program by its standard input, never on a command line that others on the
machine could read. A sentence of five seconds takes some 30 ms; a kept one takes microseconds
and no I/O, since the names in the folder are read once, at start.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import orjson
import structlog

from pbx_bridge.core.model import Language
from pbx_bridge.ports import SpeechFailed
from pbx_bridge.wire import wav

RENDER_TIMEOUT_S = 10
PROGRAMS_AT_ONCE = 2
WORDS_A_MINUTE = 150
LONGEST_TEXT = 2000
"""Letters; about two minutes of speech."""
MANIFEST = "manifest.jsonl"
BEEP_HZ = 1000.0
BEEP_S = 0.3

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


def write_beep(path: Path) -> None:
    """Write the tone after which a message is spoken: 1000 Hz, 0.3 s."""
    _write_whole(path, wav.tone(BEEP_HZ, BEEP_S))


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
    ) -> None:
        self.program = tuple(program)
        self.environment = dict(environment)
        self.folder = folder
        self.voices = dict(voices)
        self.recordings: Recordings = recordings or {}
        """May be replaced when prompts are read again."""
        folder.mkdir(parents=True, exist_ok=True)
        self._known = {path.name for path in folder.glob("*.wav")}
        self._said = read_manifest(folder / MANIFEST)
        self._making: dict[str, asyncio.Future[None]] = {}
        self._places = asyncio.Semaphore(PROGRAMS_AT_ONCE)

    async def file(self, text: str, language: Language) -> Path:
        """The path, without suffix, of the file that speaks `text`.

        Whoever asks for a text that is being made waits for that; if its maker is cancelled,
        one of those who wait takes over.
        """
        name = self._name(text, language)
        while name not in self._known:
            making = self._making.get(name)
            if making is None:
                await self._make_for_all(name, text, language)
            else:
                await asyncio.wait({making})
                if not making.cancelled():
                    making.result()
        return self.folder / name.removesuffix(".wav")

    def said(self, sound: Path | str) -> str | None:
        """What a file of ours says, by its name or path, with or without suffix."""
        return self._said.get(Path(sound).name.removesuffix(".wav"))

    def _name(self, text: str, language: Language) -> str:
        recording = self.recordings.get((language, text))
        voice = self.voices[language] if recording is None else f"recorded {recording.stamp}"
        return hashlib.sha256(f"{voice}\0{text}".encode()).hexdigest()[:24] + ".wav"

    async def _make_for_all(self, name: str, text: str, language: Language) -> None:
        done = self._making[name] = asyncio.get_running_loop().create_future()
        try:
            async with self._places:
                sound = await self._sound(text, language)
                await asyncio.to_thread(self._keep, name, text, language, sound)
        except SpeechFailed as failure:
            done.set_exception(failure)
            done.exception()  # read here: there may be nobody else who waits for it
            raise
        except BaseException:
            done.cancel()
            raise
        else:
            self._known.add(name)
            self._said[name.removesuffix(".wav")] = text
            done.set_result(None)
        finally:
            del self._making[name]

    async def _sound(self, text: str, language: Language) -> bytes:
        """The WAV file's content: the recording, or the program's voice where there is none."""
        recording = self.recordings.get((language, text))
        if recording is not None:
            try:
                return await asyncio.to_thread(_recorded, recording.path)
            except (OSError, ValueError) as error:
                file = f"{recording.path.parent.name}/{recording.path.name}"
                log.warning("recording_not_usable", file=file, problem=str(error))
        spoken = await self._speak(text, self.voices[language])
        try:
            return await asyncio.to_thread(wav.telephone, spoken)
        except ValueError as error:
            raise SpeechFailed(f"{self._program_name} made no speech: {error}") from None

    async def _speak(self, text: str, voice: str) -> bytes:
        """What the program writes for `text`. The program never outlives this call."""
        if len(text) > LONGEST_TEXT:
            raise SpeechFailed(f"a text of {len(text)} letters; {LONGEST_TEXT} is the most")
        options = ("-v", voice, "-s", str(WORDS_A_MINUTE), "-b", "1", "--stdin", "--stdout")
        try:
            process = await asyncio.create_subprocess_exec(
                *self.program,
                *options,
                env=self.environment,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            problem = f"{self._program_name} can't be started ({error.strerror}); is it installed?"
            raise SpeechFailed(problem) from None
        try:
            async with asyncio.timeout(RENDER_TIMEOUT_S):
                words = _UNSPOKEN.sub(" ", text).encode(errors="replace")
                sound, complaint = await process.communicate(words)
        except TimeoutError:
            problem = f"{self._program_name} did not finish in {RENDER_TIMEOUT_S} s"
            raise SpeechFailed(problem) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            why = complaint.decode(errors="replace").strip().partition("\n")[0]
            problem = f"{self._program_name} with voice {voice!r} ended with {process.returncode}"
            raise SpeechFailed(f"{problem}: {why}")
        return sound

    @property
    def _program_name(self) -> str:
        return Path(self.program[-1]).name

    def _keep(self, name: str, text: str, language: Language, sound: bytes) -> None:
        """Write the manifest's line, then the file: no file is without its words."""
        line = orjson.dumps({"file": name, "language": language.value, "text": text})
        try:
            with (self.folder / MANIFEST).open("ab") as manifest:
                manifest.write(line + b"\n")
            _write_whole(self.folder / name, sound)
        except OSError as error:
            raise SpeechFailed(f"{self.folder}: speech can't be kept ({error.strerror})") from None


def _recorded(path: Path) -> bytes:
    return wav.telephone(path.read_bytes())


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
            entry = orjson.loads(line)
            said[str(entry["file"]).removesuffix(".wav")] = str(entry["text"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            continue
    return said
