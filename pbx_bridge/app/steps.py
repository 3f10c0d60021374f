"""A step as the variables and the extension that Asterisk carries it out with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import assert_never

from pbx_bridge.core.call import (
    Ask,
    Decision,
    Dial,
    Hangup,
    Obey,
    Queue,
    Ring,
    Say,
    Voicemail,
)
from pbx_bridge.core.decide import kind

STEP_CONTEXT = "pbx-bridge-step"
DECIDE_CONTEXT = "pbx-bridge-decide"


def variables(decision: Decision, audio: Sequence[Path]) -> Mapping[str, str]:
    """What extension `kind(step)` of the step context needs; `audio` is for spoken steps."""
    step = decision.step
    files = "&".join(str(path) for path in audio)
    detail = ""
    found: dict[str, str]
    match step:
        case Ring(extensions, seconds):
            detail = "&".join(extensions)
            targets = "&".join(f"PJSIP/{extension}" for extension in extensions)
            found = {"PBX_TARGET": targets, "PBX_SECONDS": str(seconds)}
        case Dial(number, trunk, seconds):
            found = {"PBX_TARGET": f"PJSIP/{number}@{trunk}", "PBX_SECONDS": str(seconds)}
        case Say():
            detail = "&".join(path.name for path in audio)
            found = {"PBX_AUDIO": files}
        case Ask(_, seconds):
            detail = "&".join(path.name for path in audio)
            found = {"PBX_AUDIO": files, "PBX_SECONDS": str(seconds)}
        case Queue(line, seconds):
            detail = line
            found = {"PBX_TARGET": line, "PBX_SECONDS": str(seconds)}
        case Voicemail(mailbox):
            detail = mailbox
            found = {"PBX_TARGET": mailbox}
        case Hangup(cause):
            found = {"PBX_CAUSE": str(cause)}
        case Obey():
            raise TypeError("a command is obeyed by the bridge, not by Asterisk")
        case _:
            assert_never(step)
    found["PBX_NOTE"] = f"{kind(step)}|{decision.why}|{detail}"
    return found
