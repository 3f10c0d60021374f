"""What a phone does when it is called, and what a caller presses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from pbx_bridge.wire.rtp import Samples


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Answers after a while, and hangs up by itself if told to."""

    after_s: float = 0.2
    talks_s: float | None = None
    """None: until the exchange hangs up."""
    plays: Samples | None = None
    """Repeated for as long as the call lasts; None is silence."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Says 486 at once."""


@dataclass(frozen=True, slots=True)
class Declines:
    """Says 603 at once: somebody pressed the red button."""


@dataclass(frozen=True, slots=True)
class NeverAnswers:
    """Rings until the exchange gives up."""


Behaviour: TypeAlias = Answers | Busy | Declines | NeverAnswers


class How(Enum):
    """How a key is signalled."""

    RTP = "rtp"
    """RFC 4733 telephone event, in the sound."""
    INFO = "info"
    """SIP INFO, application/dtmf-relay."""


@dataclass(frozen=True, slots=True)
class Press:
    """Keys to press in a call, `after_s` from the answer or from the press before.

    With `after_silence_s` the press waits, from then on, for something to be heard and then
    for that much silence: a prompt that has been spoken.
    """

    digits: str
    after_s: float = 0.0
    after_silence_s: float | None = None
    how: How = How.RTP
