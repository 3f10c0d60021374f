"""The espeak-ng that this machine has: its own, or the private copy's."""

from __future__ import annotations

import shutil
from pathlib import Path

from pbx_bridge.adapters.speech import EspeakSpeech
from pbx_bridge.asterisk.packages import current, default_folder
from pbx_bridge.core.model import Language

VOICES = {Language.SV: "sv", Language.FI: "fi", Language.EN: "en-gb"}


def espeak(folder: Path) -> EspeakSpeech | None:
    """Speech into `folder` by the real program, None where there is none."""
    if (copy := current(default_folder())) is not None:
        environment = {"ESPEAK_DATA_PATH": str(copy.speech_data)}
        return EspeakSpeech(copy.program("espeak-ng"), environment, folder, VOICES)
    if program := shutil.which("espeak-ng"):
        return EspeakSpeech([program], {}, folder, VOICES)
    return None
