"""How texts become files: once, at most two at a time, and never half."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import sys
import time
import wave
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from fakes.espeak import VOICES, espeak

from pbx_bridge.adapters import speech
from pbx_bridge.adapters.speech import MANIFEST, EspeakSpeech, read_manifest, recordings_by_text
from pbx_bridge.core.model import Language
from pbx_bridge.ports import SpeechFailed
from pbx_bridge.wire import wav

SV = Language.SV
PROGRAM = """
import os, pathlib, sys, time
here = pathlib.Path(os.environ["HERE"])
text = sys.stdin.read()
mark = here / "running" / str(os.getpid())
mark.write_text(repr(sys.argv[1:]))
with (here / "runs").open("a") as runs:
    runs.write(f"{len(list((here / 'running').iterdir()))} {os.getpid()} {text}\\n")
while (here / "hang").exists():
    time.sleep(0.01)
time.sleep(0.03)
mark.rename(here / "last")
if (here / "break").exists():
    sys.exit("no voice today")
sys.stdout.buffer.write((here / "sound.wav").read_bytes())
"""


class Program:
    """A stand-in for espeak-ng that can hang and break, and keeps count of its runs."""

    def __init__(self, here: Path) -> None:
        self.here = here
        (here / "running").mkdir(parents=True)
        (here / "sound.wav").write_bytes(wav.tone(440, 0.2))
        (here / "program.py").write_text(PROGRAM)

    def speech(self, recordings: speech.Recordings | None = None) -> EspeakSpeech:
        command = [sys.executable, "-I", "-S", str(self.here / "program.py")]
        environment = {"HERE": str(self.here)}
        return EspeakSpeech(command, environment, self.here / "sounds", VOICES, recordings)

    def with_spare(self, spare: Path) -> EspeakSpeech:
        made = self.speech()
        return EspeakSpeech(made.program, made.environment, made.folder, VOICES, spare=spare)

    def let(self, what: str, yes: bool = True) -> None:
        flag = self.here / what
        flag.touch() if yes else flag.unlink()

    @property
    def runs(self) -> list[tuple[int, int, str]]:
        """Programs running then, process id and text of each run."""
        path = self.here / "runs"
        lines = path.read_text().splitlines() if path.exists() else []
        parts = (line.split(" ", 2) for line in lines)
        return [(int(running), int(pid), text) for running, pid, text in parts]

    async def has_run(self, times: int) -> None:
        async with asyncio.timeout(5):
            while len(self.runs) < times:
                await asyncio.sleep(0.005)


@pytest.fixture
async def program(tmp_path: Path) -> AsyncIterator[Program]:
    program = Program(tmp_path / "program")
    yield program
    for _, pid, _ in program.runs:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert not list((program.here / "sounds").glob(".*"))


async def test_a_text_that_many_ask_for_is_spoken_once(program: Program) -> None:
    voice = program.speech()
    paths = await asyncio.gather(*(voice.file("Hej.", SV) for _ in range(20)))
    assert len(set(paths)) == 1
    assert [text for _, _, text in program.runs] == ["Hej."]


async def test_no_more_than_two_programs_run_at_once(program: Program) -> None:
    voice = program.speech()
    program.let("hang")
    async with asyncio.TaskGroup() as texts:
        for number in range(6):
            texts.create_task(voice.file(f"text {number}", SV))
        await program.has_run(2)
        program.let("hang", False)
    assert max(running for running, _, _ in program.runs) == 2


async def test_a_kept_text_is_answered_without_waiting(program: Program) -> None:
    path = await program.speech().file("Hej.", SV)
    restarted = program.speech()
    answer = restarted.file("Hej.", SV)
    with pytest.raises(StopIteration) as done:
        answer.send(None)
    assert done.value.value == path
    assert restarted.said(path) == "Hej."
    assert len(program.runs) == 1


async def test_text_is_never_on_the_command_line(program: Program) -> None:
    await program.speech().file("Anna Berg är åter.", SV)
    assert "Anna" not in (program.here / "last").read_text()


async def test_a_program_that_hangs_is_ended_and_the_next_try_succeeds(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = program.speech()
    program.let("hang")
    with monkeypatch.context() as patch:
        patch.setattr(speech, "RENDER_TIMEOUT_S", 0.3)
        both = await asyncio.gather(
            voice.file("Hej.", SV), voice.file("Hej.", SV), return_exceptions=True
        )
    assert [str(failure) for failure in both] == ["program.py did not finish in 0.3 s"] * 2
    program.let("hang", False)
    assert voice.said(await voice.file("Hej.", SV)) == "Hej."


async def test_one_who_stops_waiting_disturbs_nobody(program: Program) -> None:
    voice = program.speech()
    program.let("hang")
    first = asyncio.create_task(voice.file("Hej.", SV))
    await program.has_run(1)
    others = [asyncio.create_task(voice.file("Hej.", SV)) for _ in range(3)]
    await asyncio.sleep(0)
    first.cancel()
    others[0].cancel()
    await asyncio.wait({first, others[0]})
    assert first.cancelled()
    assert others[0].cancelled()
    program.let("hang", False)
    assert len(set(await asyncio.gather(*others[1:]))) == 1
    assert len(program.runs) == 1


async def test_what_nobody_waits_for_any_more_is_made_before_the_end(program: Program) -> None:
    voice = program.speech()
    asked = asyncio.create_task(voice.file("Hej.", SV))
    await program.has_run(1)
    asked.cancel()
    await voice.close()
    assert program.speech().said(await program.speech().file("Hej.", SV)) == "Hej."
    assert len(program.runs) == 1


async def test_a_failure_says_why_and_keeps_nothing(program: Program) -> None:
    voice = program.speech()
    program.let("break")
    with pytest.raises(SpeechFailed, match=r"program.py with voice 'sv' ended with 1: no voice"):
        await voice.file("Hej.", SV)
    assert not list((program.here / "sounds").glob("*.wav"))
    program.let("break", False)
    assert (await voice.file("Hej.", SV)).with_suffix(".wav").is_file()


async def test_silence_and_a_text_that_is_too_long_are_failures(program: Program) -> None:
    voice = program.speech()
    (program.here / "sound.wav").write_bytes(wav.encode(np.zeros(800)))
    with pytest.raises(SpeechFailed, match="made no speech: the sound is silent"):
        await voice.file("Hej.", SV)
    with pytest.raises(SpeechFailed, match="2001 letters; 2000 is the most"):
        await voice.file("a" * 2001, SV)


async def test_a_program_that_is_missing_is_named(tmp_path: Path) -> None:
    voice = EspeakSpeech(["/nowhere/espeak-ng"], {}, tmp_path, VOICES)
    with pytest.raises(SpeechFailed, match=r"espeak-ng can't be started .* is it installed"):
        await voice.file("Hej.", SV)


async def test_f33_a_folder_that_cannot_be_written_fails_until_it_can(program: Program) -> None:
    voice = program.speech()
    sounds = program.here / "sounds"
    sounds.rmdir()
    with pytest.raises(SpeechFailed, match="speech can't be kept"):
        await voice.file("Hej.", SV)
    sounds.mkdir()
    assert (await voice.file("Hej.", SV)).with_suffix(".wav").is_file()


async def test_a_manifest_that_was_cut_off_loses_only_its_last_line(program: Program) -> None:
    path = await program.speech().file("Hej.", SV)
    manifest = program.here / "sounds" / speech.MANIFEST
    with manifest.open("ab") as file:
        file.write(b'{"file":"abc')
    voice = program.speech()
    other = await voice.file("Adjö.", SV)
    again = program.speech()
    assert (again.said(path), again.said(other), again.said("abc")) == ("Hej.", "Adjö.", None)
    assert json.loads(manifest.read_text().splitlines()[-1]) == {
        "file": other.name,
        "language": "sv",
        "text": "Adjö.",
    }


def _record(path: Path, height_hz: float) -> None:
    """A stereo recording at 44.1 kHz, as a recorder makes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    at = np.arange(22050) / 44100
    both = np.repeat(np.sin(2 * np.pi * height_hz * at) * 9000, 2).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44100)
        file.writeframes(both.tobytes())


async def _height_hz(sound: Path) -> float:
    content = await asyncio.to_thread(sound.with_suffix(".wav").read_bytes)
    samples, rate = wav.decode(content)
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * rate / samples.size)


async def test_a_recording_takes_the_synthetic_voices_place(
    program: Program, tmp_path: Path
) -> None:
    prompts = {SV: {"goodbye": "Hej då.", "busy": "{name} talar."}}
    recordings = tmp_path / "recordings"
    _record(recordings / "sv" / "goodbye.wav", 600)
    for stray in ("sv/busy.wav", "sv/nothing.wav", "de/goodbye.wav"):
        (recordings / stray).parent.mkdir(exist_ok=True)
        (recordings / stray).touch()
    found = recordings_by_text(recordings, prompts)
    assert set(found) == {(SV, "Hej då.")}
    voice = program.speech(found)
    first = await voice.file("Hej då.", SV)
    assert await _height_hz(first) == pytest.approx(600, abs=3)
    assert voice.said(first) == "Hej då."
    assert program.runs == []

    _record(recordings / "sv" / "goodbye.wav", 900)
    voice.recordings = recordings_by_text(recordings, prompts)
    assert await _height_hz(await voice.file("Hej då.", SV)) == pytest.approx(900, abs=3)

    (recordings / "sv" / "goodbye.wav").write_bytes(b"RIFF, but not much of it")
    voice.recordings = recordings_by_text(recordings, prompts)
    assert await _height_hz(await voice.file("Hej då.", SV)) == pytest.approx(440, abs=3)
    assert len(program.runs) == 1


async def test_espeak_speaks_three_languages_at_the_same_level(tmp_path: Path) -> None:
    voice = espeak(tmp_path)
    assert voice is not None, "the set-up brings espeak-ng"
    for language in Language:
        path = await voice.file("Anna Berg är på lunch och är åter i dag klockan tre.", language)
        content = await asyncio.to_thread(path.with_suffix(".wav").read_bytes)
        samples, rate = wav.decode(content)
        assert rate == 8000
        assert 2 < samples.size / rate < 8
        assert 20 * np.log10(np.max(np.abs(samples))) == pytest.approx(-3, abs=0.05)
    await voice.close()


async def test_a_clearing_keeps_what_was_used_and_the_manifest_knows_no_more_than_the_folder(
    tmp_path: Path,
) -> None:
    """Also across a restart: a file's time says when it was used last."""
    speech = espeak(tmp_path)
    assert speech is not None
    kept, dropped = [await speech.file(text, Language.SV) for text in ("Tack.", "Hej då.")]
    day_s = 86400
    for path in (kept, dropped):
        os.utime(f"{path}.wav", (time.time() - 40 * day_s,) * 2)
    await speech.close()
    again = espeak(tmp_path)
    assert again is not None
    await again.file("Tack.", Language.SV)
    assert await again.clear(timedelta(days=30)) == 1
    assert [path.stem for path in tmp_path.glob("*.wav")] == [kept.name]
    assert read_manifest(tmp_path / MANIFEST) == {kept.name: "Tack."}
    assert "Hej" not in (tmp_path / MANIFEST).read_text(encoding="utf-8")
    assert await again.clear(timedelta(days=30)) == 0, "it was used a moment ago"
    await again.close()


async def test_f33_what_a_full_disk_has_no_room_for_is_spoken_from_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, full, write = Program(tmp_path / "p"), True, speech._write_whole

    def written(path: Path, content: bytes) -> None:
        if full and path.parent == said.folder:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, content)

    monkeypatch.setattr(speech, "_write_whole", written)
    monkeypatch.setattr(speech, "MOST_SPARE", 2)
    spare = tmp_path / "spare"
    said = program.with_spare(spare)
    sounds = [await said.file(text, SV) for text in ("a", "b", "c")]
    assert [one.parent for one in sounds] == [spare] * 3
    assert len(list(spare.glob("*.wav"))) == 2, "the youngest ones"
    assert sounds[-1].with_suffix(".wav").exists()
    assert said.said(sounds[-1]) == "c"
    assert spare.stat().st_mode & 0o777 == 0o700
    full = False
    assert (await said.file("c", SV)).parent == said.folder, "once there is room it is kept"
    await said.close()
    assert not spare.exists()
