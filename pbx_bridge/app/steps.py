"""A step as the variables and the extension that Asterisk carries it out with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import assert_never

from pbx_bridge.core.call import (
    Ask,
    Decision,
    Dial,
    Hangup,
    Hold,
    Listen,
    Obey,
    Queue,
    Record,
    Ring,
    Say,
    Sort,
    Voicemail,
)
from pbx_bridge.core.decide import kind
from pbx_bridge.core.model import Person
from pbx_bridge.core.trace import MOBILE_CONTEXT

STEP_CONTEXT = "pbx-bridge-step"
DECIDE_CONTEXT = "pbx-bridge-decide"
NOBODY: Mapping[str, Person] = MappingProxyType({})


def variables(
    decision: Decision,
    audio: Sequence[Path],
    people: Mapping[str, Person] = NOBODY,
    after: str = "",
) -> Mapping[str, str]:
    """What extension `kind(step)` of the step context needs.

    `audio` is what is spoken, or the one file that a note is recorded into, without suffix;
    `people` are the plan's, by extension. `after` is how the step before went; of that, words of
    Asterisk's stand in its record, and never keys that somebody pressed.
    """
    step = decision.step
    files = "&".join(str(path) for path in audio)
    sounds = "&".join(path.name for path in audio)
    detail = ""
    found: dict[str, str]
    match step:
        case Ring(extensions, seconds):
            detail = "&".join(extensions)
            mobiles = "".join(f"&Local/{one}@{MOBILE_CONTEXT}/n" for one in step.mobiles)
            found = {"PBX_PEOPLE": "-".join(extensions), "PBX_SECONDS": str(seconds)}
            found["PBX_MOBILES"] = mobiles
            found |= _shown(step.shown, step.sought, people)
        case Dial(number, seconds, longest):
            detail = number
            found = {"PBX_TARGET": number, "PBX_SECONDS": str(seconds)}
            found["PBX_LONGEST"] = str(longest or "")
        case Say():
            detail = sounds
            found = {"PBX_AUDIO": files}
        case Ask(_, seconds, digits):
            detail = sounds
            found = {"PBX_AUDIO": files, "PBX_SECONDS": str(seconds)}
            found["PBX_MOST_DIGITS"] = str(digits)
        case Record(seconds):
            detail = sounds
            found = {"PBX_TARGET": files, "PBX_SECONDS": str(seconds)}
        case Queue(line, seconds, shown, backups, together):
            detail = line
            found = {"PBX_TARGET": line, "PBX_SECONDS": str(seconds)}
            found |= _shown(shown, step.sought, people)
            found |= {"PBX_BACKUPS": str(backups), "PBX_TOGETHER": str(together)}
        case Hold(line, number, dials, shown, backups, seconds):
            detail = line
            found = {"PBX_TARGET": line, "PBX_SECONDS": str(seconds), "PBX_DIALS": dials}
            found |= {"PBX_NUMBER": number, "PBX_SHOWN": shown, "PBX_BACKUPS": str(backups)}
        case Voicemail(mailbox) | Listen(mailbox):
            detail = mailbox
            found = {"PBX_TARGET": mailbox}
        case Hangup(cause):
            found = {"PBX_CAUSE": str(cause)}
        case Obey() | Sort():
            raise TypeError(f"{kind(step)} is the bridge's own step, not Asterisk's")
        case _:
            assert_never(step)
    when = "|when" if decision.tells_when else ""
    if after.isalpha() and after.isupper():
        when = f"{when or '|'}|{after}"
    found["PBX_NOTE"] = f"{kind(step)}|{decision.why}|{detail}{when}"
    return found


def _shown(shown: str, sought: str = "", people: Mapping[str, Person] = NOBODY) -> dict[str, str]:
    """What the phones display (S22); empty values too, for those of the step before remain."""
    return {
        "PBX_SHOWN": shown,
        "PBX_SOUGHT": sought,
        "PBX_SOUGHT_NAME": people[sought].name if sought in people else "",
    }
