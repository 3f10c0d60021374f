"""What Asterisk would say by itself to somebody who leaves a message, made silent.

Its "thank you" when a recording ends (main/app.c, `__ast_play_and_record`) has no option, is
English wherever there are no sounds in the caller's language, and comes before our own sentence.
Asterisk looks for a sound in the folder of the channel's language, which may be a folder anywhere.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pbx_bridge.wire.wav import RATE_HZ, encode

SILENT = ("auth-thankyou", "vm-mailboxfull")
"""That it was taken, and that there is no room: both are told by the bridge (VMSTATUS)."""
LENGTH_S = 0.02


def fill(folder: Path) -> None:
    """Put the silent sounds into `folder`, which is made where it isn't there."""
    folder.mkdir(mode=0o700, exist_ok=True)
    silence = encode(np.zeros(round(LENGTH_S * RATE_HZ)))
    for name in SILENT:
        file = folder / f"{name}.wav"
        if not file.exists():
            file.write_bytes(silence)
