"""What a phone does when it is called, and what is pressed in a call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from pbx_bridge.wire.rtp import KEYS, Samples

BUSY_HERE, DECLINE, NOT_FOUND = 486, 603, 404

REFUSALS = {
    NOT_FOUND: "Not Found",
    480: "Temporarily Unavailable",
    BUSY_HERE: "Busy Here",
    503: "Service Unavailable",
    DECLINE: "Decline",
}
"""The statuses with which a call can be refused (RFC 3261, section 21)."""


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

    def __post_init__(self) -> None:
        """Raise `ValueError` when one is no key, before there is a call to spoil."""
        if wrong := set(self.digits) - set(KEYS):
            raise ValueError(f"no such keys: {''.join(sorted(wrong))!r}; keys are {KEYS}")


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Answers after a while, and hangs up by itself if told to."""

    after_s: float = 0.2
    talks_s: float | None = None
    """From the answer, or from the last key pressed; None: until the exchange hangs up."""
    plays: Samples | None = None
    """Repeated for as long as the call lasts; None is silence."""
    press: Sequence[Press] = ()
    """Keys pressed once it has answered, in order."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Says 486 at once."""


@dataclass(frozen=True, slots=True)
class Declines:
    """Says 603 at once: somebody pressed the red button."""


@dataclass(frozen=True, slots=True)
class Refuses:
    """Says one of `REFUSALS` at once: 404, nobody has the number; 503, no circuit is free."""

    status: int

    def __post_init__(self) -> None:
        """Raise `ValueError` for a status that no scenario says."""
        if self.status not in REFUSALS:
            raise ValueError(f"no such refusal: {self.status}; there are {sorted(REFUSALS)}")


@dataclass(frozen=True, slots=True)
class Diverts:
    """Says 302 at once: somebody has set the phone itself to send its calls elsewhere."""

    to: str
    """Digits only."""


@dataclass(frozen=True, slots=True)
class NeverAnswers:
    """Rings until the exchange gives up."""


Behaviour: TypeAlias = Answers | Busy | Declines | Diverts | Refuses | NeverAnswers
