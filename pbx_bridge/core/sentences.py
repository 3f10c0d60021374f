"""Sentences to be spoken: a key into the prompts and values for its slots.

The rules decide *what* is said; `wording` turns it into words of a language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pbx_bridge.core.model import Language


@dataclass(frozen=True)
class Named:
    """A slot value with one wording per language (a line's or unit's title, a reason)."""

    text: Mapping[Language, str]


@dataclass(frozen=True)
class Digits:
    """A telephone number, spoken digit by digit."""

    text: str


Slot = str | int | datetime | Named | Digits
"""A `datetime` is aware and spoken relative to today: "i dag klockan halv tre".
An `int` is spoken as a number."""


@dataclass(frozen=True)
class Sentence:
    """One prompt of `voicemail/prompts/*.yaml` with its slots filled."""

    key: str
    slots: Mapping[str, Slot]
    language: Language | None = None
    """The language it is always spoken in; None for the call's."""


@dataclass(frozen=True)
class Recorded:
    """A note that somebody has spoken, played as it is."""

    name: str
    """As in `Referral.recording`."""


@dataclass(frozen=True)
class Left:
    """A message that a caller has left, played as it is; one that is gone is passed over."""

    mailbox: str
    message: str


Spoken = Sentence | Recorded | Left


def sentence(key: str, **slots: Slot) -> Sentence:
    """Shorthand that reads like the sentence: `sentence("absent", name=…, until=…)`."""
    return Sentence(key, slots)
