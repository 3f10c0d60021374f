"""A call and its next step, as values.

A call carries its own state: what has been tried and how it went travels in one channel
variable, so that any bridge can take the next step and none has to remember a call.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from pbx_bridge.core.commands import Command
from pbx_bridge.core.mailboxes import Message
from pbx_bridge.core.model import Language
from pbx_bridge.core.room import Room
from pbx_bridge.core.sentences import Spoken
from pbx_bridge.core.stepid import StepId

VERSION = "v1"
LONGEST_STATE = 4096
"""Characters of a call's state: more than any way through the exchange needs."""
LONGEST_RESULT = 32
PLACE_HELD = "SUCCESS"
"""Asterisk's word for a place that is held (ORIGINATE_STATUS)."""
PLACE_HELD_ALREADY = "HELD"
"""The dialplan's word for a number that has a place in that line by an earlier call."""
LANGUAGE_ASKED = StepId("ask", "language")
CHOICES = tuple(StepId("ask", name) for name in ("choice", "choice-again", "choice-last"))
"""Where whoever has reached nobody may choose, each time in a call."""
LANGUAGE_KEYS = ("8", "9")
"""Keys for the two other languages, in the order of `Language`, where choices are offered."""
_ATTEMPT = re.compile(r"([^=]*)=([\w*#]*)", re.ASCII)


class Why(StrEnum):
    """The rule that decided. `explain`, the journal and the call's record show this name."""

    PERSON_RINGS = "person-rings"
    PERSON_ABSENT = "person-absent"
    PERSON_BLOCKED = "person-blocked"
    """Their telephone is lost."""
    PERSON_OFF_DUTY = "person-off-duty"
    PERSON_INSISTED = "person-insisted"
    PERSON_VIP = "person-vip"
    PERSON_BUSY = "person-busy"
    PERSON_NO_ANSWER = "person-no-answer"
    PERSON_UNREACHABLE = "person-unreachable"
    DEPUTY_RINGS = "deputy-rings"
    DEPUTY_NO_ANSWER = "deputy-no-answer"
    LINE_OPEN = "line-open"
    LINE_CLOSED = "line-closed"
    LINE_NO_ANSWER = "line-no-answer"
    BACKUP_RINGS = "backup-rings"
    WAIT_TOLD = "wait-told"
    PLACE_KEPT = "place-kept"
    LANGUAGE_ASKED = "language-asked"
    CHOICES_OFFERED = "choices-offered"
    CALL_BACK_CHOSEN = "call-back-chosen"
    COLLEAGUE_CHOSEN = "colleague-chosen"
    LINE_CHOSEN = "line-chosen"
    MESSAGE_CHOSEN = "message-chosen"
    MESSAGE_DECLINED = "message-declined"
    MESSAGE_TAKEN = "message-taken"
    MESSAGE_NOT_TAKEN = "message-not-taken"
    NO_ROOM = "no-room"
    MAILBOX_OPENED = "mailbox-opened"
    MAILBOX_CLOSED = "mailbox-closed"
    MESSAGE_PLAYED = "message-played"
    MESSAGE_HEARD = "message-heard"
    MESSAGE_DELETED = "message-deleted"
    UNKNOWN_NUMBER = "unknown-number"
    CODE_OBEYED = "code-obeyed"
    CODE_ASKED = "code-asked"
    CODE_NOT_UNDERSTOOD = "code-not-understood"
    NOTE_ASKED = "note-asked"
    COVER_ASKED = "cover-asked"
    OFFER_MADE = "offer-made"
    SHIELD_LIFTED = "shield-lifted"
    PHONE_BLOCKED = "phone-blocked"
    """Who calls uses a telephone that is lost."""
    MENU = "menu"
    PIN_ASKED = "pin-asked"
    COMMAND_DONE = "command-done"
    COMMAND_REFUSED = "command-refused"
    COMMAND_FAILED = "command-failed"
    EMERGENCY = "emergency"
    """Carried by Asterisk alone (`pbx-bridge-emergency`); the bridge only tells of it."""
    EMERGENCY_FAILED = "emergency-failed"
    OUTGOING = "outgoing"
    OUTGOING_PERMITTED = "outgoing-permitted"
    OUTGOING_CAPPED = "outgoing-capped"
    OUTGOING_BARRED = "outgoing-barred"
    OUTGOING_BUSY = "outgoing-busy"
    OUTGOING_FAILED = "outgoing-failed"
    NOTHING_LEFT = "nothing-left"
    TOO_MANY_STEPS = "too-many-steps"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A step that was taken, and its result."""

    about: StepId
    """Unique within a call."""
    result: str = ""
    """Asterisk's word for how it went (`NOANSWER`, `JOINEMPTY`, a pressed digit), "" before."""

    @property
    def mark(self) -> str:
        """Its text, e.g. `ring:101`."""
        return str(self.about)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is known of a caller's place in a line's queue."""

    line: str
    ahead: int
    """Callers who have waited longer."""
    expected: timedelta
    """What is left of the wait, by the talks of late; zero where there were none."""


@dataclass(frozen=True, slots=True)
class Call:
    """One caller's way through the exchange, up to now."""

    dialled: str
    """Digits, `*` and `#` as dialled; in its one form (`numbers.number`) where it is a number."""
    caller: str = ""
    """Caller's number in its one form (`numbers.number`), "" when withheld. Never trusted."""
    phone: str = ""
    """Extension whose phone calls (authenticated by Asterisk), "" from a trunk."""
    language: Language = Language.SV
    tried: tuple[Attempt, ...] = ()
    linkedid: str = ""
    """Asterisk's id of the call; names what is recorded in it."""
    waiting: Waiting | None = None
    """The queue that the caller waits in, None where it isn't known."""
    inbox: tuple[Message, ...] | None = None
    """What is in the mailbox that is being heard, the oldest first; None where it isn't known."""

    room: tuple[str, Room] | None = None
    """Of what is to be recorded (`Decision.records`), and whether there is room for it; None where
    that isn't known."""

    def room_for(self, records: str) -> Room:
        """Whether something may be recorded into a mailbox; what isn't known is no hindrance."""
        return self.room[1] if self.room is not None and self.room[0] == records else Room.FREE

    def result(self, about: StepId) -> str | None:
        """How a step went; None when it wasn't tried."""
        return next((one.result for one in self.tried if one.about == about), None)

    def tried_of(self, start: StepId) -> tuple[StepId, ...]:
        """The steps that were tried and begin like `start`, in their order."""
        return tuple(one.about for one in self.tried if one.about.begins_with(start))


@dataclass(frozen=True, slots=True)
class Ring:
    """Ring the phones of people (`extensions`) for at most `seconds`."""

    extensions: tuple[str, ...]
    seconds: int
    mobiles: tuple[str, ...] = ()
    """Mobile numbers that ring too; who answers one must press 1 to take the call, so that
    its voicemail never counts as an answer."""
    shown: str = ""
    """What the phones display instead of the caller's name, "" to leave it (S22)."""
    sought: str = ""
    """Extension of the person on whose behalf they ring, "" when it is their own call."""


@dataclass(frozen=True, slots=True)
class Dial:
    """Carry the call to a number outside, over the trunks that its kind of number takes."""

    number: str
    seconds: int = 60
    longest: int = 0
    """Seconds after which it ends, by a cap (S27); 0 for calls without one."""


@dataclass(frozen=True, slots=True)
class Say:
    """Speak to the caller."""

    sentences: tuple[Spoken, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """Speak, and take at most `digits` keys, ended by `#`; speech is cut by the first.

    The result is the keys, "#" where that was the only one, "" where none was pressed."""

    sentences: tuple[Spoken, ...]
    seconds: int = 5
    digits: int = 1


@dataclass(frozen=True, slots=True)
class Record:
    """Record a spoken note after a tone; it is kept under the call's own id.

    The result is Asterisk's RECORD_STATUS; `DTMF`, `SILENCE` and `TIMEOUT` are a note."""

    seconds: int = 30


@dataclass(frozen=True, slots=True)
class Queue:
    """Wait for whoever attends `line`, at most `seconds`."""

    line: str
    seconds: int
    shown: str = ""
    """What the phones display instead of the caller's name, "" to leave it (S22)."""
    backups: int = 0
    """How many of the line's backups may be rung where nobody else can be."""
    together: int = 0
    """How many of them ring at the same time as those who attend, also where these are rung."""
    sought: str = ""
    """Extension of the person whom the caller sought, "" when it was the line."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Hold the caller's place in the queue of `line` after they have hung up, and call them back
    when it is their turn. The result is Asterisk's ORIGINATE_STATUS, `PLACE_HELD` when it is held.
    """

    line: str
    number: str
    """The caller's, in its one form (`numbers.number`), or their extension."""
    dials: str
    """How Asterisk calls them."""
    shown: str
    """What the phones display."""
    backups: int
    seconds: int = 3600


@dataclass(frozen=True, slots=True)
class Voicemail:
    """Take a message after the tone."""

    mailbox: str


@dataclass(frozen=True, slots=True)
class Listen:
    """Hear the messages of a mailbox, whose owner is known, by Asterisk's own menu.

    Only where the bridge can't read the mailbox; else the call gets its `inbox` in place of this
    step. The result is Asterisk's TRYSTATUS, `SUCCESS` unless the mailbox can't be opened."""

    mailbox: str


@dataclass(frozen=True, slots=True)
class Hangup:
    """End the call with a cause of ITU-T Q.850 (16: normal clearing, 17: busy)."""

    cause: int = 16


@dataclass(frozen=True, slots=True)
class Obey:
    """Carry out a command and tell how it went: the bridge's own step."""

    command: Command


@dataclass(frozen=True, slots=True)
class Sort:
    """Put a message with those that were heard, or delete it: the bridge's own step.

    The result is `done`, or `failed` when it lies where it was."""

    message: Message
    deleted: bool
    by: str
    """Extension of whoever hears it."""


Step = Ring | Dial | Say | Ask | Record | Queue | Hold | Voicemail | Listen | Hangup | Obey | Sort


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens next to a call, and the rule that says so."""

    about: StepId
    step: Step
    why: Why
    tells_when: bool = False
    """The caller is told the next moment when somebody can be reached (S7)."""
    records: str = ""
    """The mailbox that is offered or recorded into, `room.NOTE` for a note, "" for none: whether
    there is room is to be known before."""

    @property
    def mark(self) -> str:
        """The text of its id, e.g. `ring:101`."""
        return str(self.about)


def encode(call: Call) -> str:
    """The call's state as the text of a channel variable (ASCII, no comma or quote)."""
    words = [VERSION, call.language, *(f"{one.mark}={one.result}" for one in call.tried)]
    return " ".join(words)


def decode(text: str, call: Call) -> Call:
    """`call` with the state that `text` carries; a call that has none yet is returned as is.

    Raises `ValueError` for anything that `encode` did not make.
    """
    if not text:
        return call
    if len(text) > LONGEST_STATE:
        raise ValueError(f"not a call's state: {len(text)} characters")
    version, language, *attempts = text.split(" ")
    found = [_ATTEMPT.fullmatch(attempt) for attempt in attempts]
    if version != VERSION or None in found:
        raise ValueError(f"not a call's state: {text!r}")
    tried = tuple(Attempt(StepId.parse(one[1]), one[2]) for one in found if one is not None)
    return replace(call, language=Language(language), tried=tried)


def with_result(call: Call, result: str) -> Call:
    """`call` with the last attempt's result filled in; unknown characters, and more than
    Asterisk's own words need, are dropped."""
    if not call.tried:
        return call
    kept = re.sub(r"[^\w*#]", "", result, flags=re.ASCII)[:LONGEST_RESULT]
    *before, last = call.tried
    language = _language_chosen(call.language, last.about, kept)
    return replace(call, language=language, tried=(*before, Attempt(last.about, kept)))


def _language_chosen(language: Language, asked: StepId, key: str) -> Language:
    """The language after `key` was pressed: 1, 2, 3 where it is asked for first, and
    `LANGUAGE_KEYS` where choices are offered."""
    if asked == LANGUAGE_ASKED and key in ("1", "2", "3"):
        return tuple(Language)[int(key) - 1]
    if asked in CHOICES and key in LANGUAGE_KEYS:
        others = [one for one in Language if one is not language]
        return others[LANGUAGE_KEYS.index(key)]
    return language


def with_attempt(call: Call, about: StepId) -> Call:
    """`call` with one more step under way."""
    return replace(call, tried=(*call.tried, Attempt(about)))
