"""The live state: what people have asked for, as the fold of the journal over the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import StrEnum

from pbx_bridge.core.changes import Summary
from pbx_bridge.core.model import Permit, Plan


@dataclass(frozen=True, slots=True)
class Referral:
    """An absence with its end (S8)."""

    person: str
    """Extension."""
    reason: str
    """Name of a `ReferralReason`."""
    since: datetime
    """Aware; in the future for a planned one. No two referrals of a person share it."""
    until: datetime
    """Aware; the moment the person is back."""
    note: str = ""
    recording: str = ""
    """Name of a recorded note, "" for none."""
    by: str = ""
    """Extension of who set it."""


class Consent(StrEnum):
    """What a colleague has said to an offered forward."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    LAPSED = "lapsed"
    """They didn't answer in time."""


@dataclass(frozen=True, slots=True)
class Forward:
    """Calls of an absent person offered to a colleague, for one referral (S14).

    It goes with the referral: when that is cancelled or replaced, so is the forward.
    """

    person: str
    to: str
    since: datetime
    """The referral's."""
    until: datetime
    asked_at: datetime
    consent: Consent = Consent.ASKED


class Lost(StrEnum):
    """Why somebody's phone can't be counted on."""

    UNREACHABLE = "unreachable"
    """No phone of theirs is registered, or none answers to Asterisk."""
    NO_ANSWER = "no-answer"
    """They have left too many calls of a line in a row ringing."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Somebody who attends a line and whose phone can't be counted on (S18)."""

    cause: Lost
    since: datetime


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where a telephone was seen last."""

    endpoint: str
    address: str
    """Address and port that it has registered from."""
    program: str
    """What it calls itself, "" for nothing. Not to be trusted."""
    at: datetime
    """When; while it is registered the moment of asking."""
    registered: bool
    """Whether it was registered then."""


@dataclass(frozen=True, slots=True)
class Block:
    """A lost telephone, from which nothing works and which nothing reaches (S26)."""

    device: str
    """Its endpoint, `mobile`, or "" for all that the person has."""
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Cover:
    """A colleague who attends a line in somebody's place, or is asked to (S17, S18)."""

    line: str
    person: str
    """Whom they cover for."""
    to: str
    since: datetime
    until: datetime
    asked_at: datetime
    consent: Consent = Consent.ASKED
    absence: Referral | None = None
    """What begins when they accept."""
    signs_out: bool = False
    """Whether `person` signs out of the line when they accept."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """An open line that fewer attend than have to: the alarm until it is over (S18)."""

    line: str
    since: datetime
    cause: str
    """A `pbx_bridge.core.attendance.Missing`."""
    missing: tuple[str, ...]
    """Extensions that are to attend it and don't."""


class Channel(StrEnum):
    """How a notice reaches somebody."""

    MAIL = "mail"
    MESSAGE = "message"
    """Shown on the phone (SIP MESSAGE)."""
    LIST = "list"
    """Spoken to the switchboard when it asks."""


OUTSIDE = (Channel.MESSAGE, Channel.MAIL)
"""Ways to one person: on their phone and by mail."""


class Opened(StrEnum):
    """Why a caller has to be reached."""

    MISSED = "missed"
    MESSAGE = "message"
    ASKED = "asked"
    """They have asked to be called back."""
    PROMISED = "promised"
    """Somebody has said by when (S23)."""


class Closed(StrEnum):
    """How a caller was reached."""

    CALLED = "called"
    """By an outgoing call that was answered."""
    ANSWERED = "answered"
    """They called again, and somebody answered."""
    CONTACT = "contact"
    """In another way, which somebody has recorded."""


class Stage(StrEnum):
    """Who is told that a caller still waits, one after the other (S16)."""

    SOUGHT = "sought"
    UNIT = "unit"
    FOREMAN = "foreman"

    @property
    def rank(self) -> int:
        """1, 2, 3 in the order in which they are told."""
        return list(Stage).index(self) + 1


@dataclass(frozen=True, slots=True)
class Return:
    """A caller whom somebody has to reach (S16, S23)."""

    target: str
    """Extension of the one sought, or name of the line."""
    number: str
    """The caller's in its one form (`numbers.number`), else the id of a message without one."""
    since: datetime
    last: datetime
    """When they called last."""
    due: datetime
    calls: tuple[str, ...]
    """Asterisk's linkedids of the calls, ids of the messages."""
    how: tuple[Opened, ...]
    """Why, once each."""
    promised_by: str = ""
    """Extension of who has promised, "" for none."""
    told: int = 0
    """Rank of the last stage that was told."""

    @property
    def withheld(self) -> bool:
        """The number isn't known: there is a message, and nothing to dial."""
        return self.number in self.calls


@dataclass(frozen=True, slots=True)
class Break:
    """Phone hours that an emergency breaks, with its end (S24)."""

    line: str
    since: datetime
    until: datetime
    """Aware, of the same day; the moment when the line is answered again."""
    note: str
    """What callers are told, one of the plan's wordings in its language."""
    by: str

    def ended(self, at: datetime) -> Break:
        """The same after its hours were resumed at `at`. One that lies ahead is off: it had begun,
        and the clock was set back since (F30)."""
        if self.until.astimezone(UTC) <= at.astimezone(UTC):
            return self
        return replace(self, until=max(self.since, at, key=lambda one: one.astimezone(UTC)))


class Part(StrEnum):
    """What an exchange is made of, as its supervisor keeps it."""

    ASTERISK = "asterisk"
    BRIDGE = "bridge"
    CONFIGURATION = "configuration"


class About(StrEnum):
    """What a notice tells."""

    ABSENCE = "absence"
    LATE_START = "late-start"
    EARLY_END = "early-end"
    IN_PHONE_HOURS = "in-phone-hours"
    REMOTE = "remote"
    UNPLANNED = "unplanned"
    """To the foreman: who takes over?"""
    BACK = "back"
    DEPUTY = "deputy"
    """To a colleague with a standing consent: the calls come to you."""
    OFFER = "offer"
    """To a colleague: will you take the calls?"""
    OFFER_ACCEPTED = "offer-accepted"
    OFFER_DECLINED = "offer-declined"
    """Nobody has agreed yet."""
    FORWARD_ENDED = "forward-ended"
    HOURS_BROKEN = "hours-broken"
    """Phone hours were broken: why, until when, and until when they are repaid."""
    LINE_SHORT = "line-short"
    """Too few attend an open line; who stands in."""
    LINE_STAFFED = "line-staffed"
    COVER_ASKED = "cover-asked"
    """To a colleague: will you attend a line in somebody's place?"""
    COVER_ACCEPTED = "cover-accepted"
    COVER_DECLINED = "cover-declined"
    GAP = "gap"
    """An absence leaves too few in a line or a unit."""
    CHANGE = "change"
    """The plan has changed (S4)."""
    CALL_BACK = "call-back"
    """A caller asks to be called back."""
    RETURNS = "returns"
    """Callers whom somebody sought has to reach before the day ends."""
    RETURNS_LEFT = "returns-left"
    """To the unit: somebody's callers still wait."""
    RETURNS_OVERDUE = "returns-overdue"
    """To the foreman: they weren't reached in time."""
    MESSAGE = "message"
    """A caller has left a message in a mailbox."""
    CAP_NEAR = "cap-near"
    """Somebody, or the exchange, has nearly called as much as may be (S27)."""
    CAP_REACHED = "cap-reached"
    """They have; calls out are refused until the day, or the hour, is over."""
    PIN_LOCKED = "pin-locked"
    """Wrong PINs have locked somebody's voice menu."""
    OUTAGE = "outage"
    """To the switchboard: Asterisk or the bridge was not there for a while."""
    HISTORY_LOST = "history-lost"
    """To the switchboard: rows of the journal are missing."""
    PHONE_BLOCKED = "phone-blocked"
    """A telephone is lost and blocked, with what the police asks for."""
    EMERGENCY = "emergency"
    """Somebody has called an emergency number: who, and where they are."""
    TRUNK = "trunk"
    """Something is wrong with a trunk."""
    TRUNK_WELL = "trunk-well"
    NO_SOUND = "no-sound"
    """A device is registered and can't talk."""
    CERTIFICATE = "certificate"
    """The certificate of the TLS door is over soon."""
    FLOOD = "flood"
    """Very many requests are refused: somebody tries to get in."""
    UNDELIVERED = "undelivered"
    """To the switchboard: somebody could not be told."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that somebody has to be told; kept until it was delivered (S20)."""

    id: str
    """Unique; a notice that is delivered twice has the same."""
    channel: Channel
    about: About
    to: str
    """Extension, "" for the switchboard's list."""
    person: str
    """Whom it is about."""
    at: datetime
    reason: str = ""
    since: datetime | None = None
    until: datetime | None = None
    note: str = ""
    recording: str = ""
    other: str = ""
    """The colleague who takes the calls, or the caller's number."""
    line: str = ""
    """Name of the line or unit that has too few."""
    joined: str = ""
    """Extension of the backup that attends the line meanwhile."""
    cause: str = ""
    """A `pbx_bridge.core.attendance.Missing`."""
    message: str = ""
    """Asterisk's id of the message that was left, in the mailbox of `person`."""
    seconds: int = 0
    """How long it is."""
    device: str = ""
    """Of a lost telephone, as `Block.device`."""
    seen: tuple[Sighting, ...] = ()
    """Where it was seen last."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a certificate, and when it was told."""

    until: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class Hole:
    """Rows of the journal that are missing, or aren't what was written there."""

    first: int
    last: int
    why: str
    """As in `events.HistoryLost`."""
    chain: str = ""
    told: bool = False
    """The switchboard knows of it."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What was called out in a day by one person, or in an hour by all (S27)."""

    since: datetime
    """When the day or the hour began."""
    calls: frozenset[str] = frozenset()
    """Asterisk's linkedids."""
    seconds: float = 0
    numbers: frozenset[str] = frozenset()
    """Those that were called, each in its one form (`numbers.number`)."""
    reached: bool = False
    """It was told that nothing more is carried."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """The live state: the plan, and the fold of the journal over it."""

    plan: Plan
    referrals: Mapping[str, tuple[Referral, ...]] = field(default_factory=dict)
    """By extension, in order of their beginning; may hold some whose end has passed."""
    signed_in: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Extensions signed in, by line name."""
    forwards: Mapping[str, tuple[Forward, ...]] = field(default_factory=dict)
    """By extension of the absent person, in the order in which colleagues were asked."""
    outbox: Mapping[str, Notice] = field(default_factory=dict)
    """Notices that have not been delivered, by id, oldest first."""
    undelivered: Mapping[str, str] = field(default_factory=dict)
    """Why notices of the outbox can't be delivered, by id; they aren't tried any more."""
    failures: Mapping[str, tuple[datetime, ...]] = field(default_factory=dict)
    """When commands were refused lately, by extension."""
    wrong_pins: Mapping[str, tuple[datetime, ...]] = field(default_factory=dict)
    """When wrong PINs were typed, by `locks.counted_by`."""
    breaks: Mapping[str, tuple[Break, ...]] = field(default_factory=dict)
    """By line, in order of their beginning; those of past days too."""
    losses: Mapping[str, Loss] = field(default_factory=dict)
    """By extension of those who attend or back up a line."""
    blocks: Mapping[str, tuple[Block, ...]] = field(default_factory=dict)
    """By extension, also of people who have left the plan: their passwords are kept too."""
    covers: Mapping[str, tuple[Cover, ...]] = field(default_factory=dict)
    """By line, in the order in which they were asked."""
    shortages: Mapping[str, Shortage] = field(default_factory=dict)
    """By line: the alarms of now."""
    returns: Mapping[tuple[str, str], Return] = field(default_factory=dict)
    """By the one sought and the caller's number: who has to be reached, oldest first."""
    last_talks: Mapping[str, tuple[str, datetime]] = field(default_factory=dict)
    """By extension: the number outside that they talked to last, and when it began."""
    known: Summary = field(default_factory=Summary)
    """The plan that the switchboard knows of."""
    flood_since: datetime | None = None
    """Since when very many requests are refused, None while they aren't."""
    without_sound: Mapping[str, datetime] = field(default_factory=dict)
    """Since when devices that are registered can't talk, by endpoint."""
    certificate: Ending | None = None
    """Of the TLS door, once its end was told."""
    messages: Mapping[str, datetime] = field(default_factory=dict)
    """When the messages of the last days were left, by `mailboxes.key`: those that were told."""
    plan_files: Mapping[str, str] = field(default_factory=dict)
    """Hashes of the files that made the plan which was noted last, by their place."""
    permits: Mapping[str, tuple[Permit, ...]] = field(default_factory=dict)
    """By extension: those beside the plan's; may hold some whose end has passed (S27)."""
    spent: Mapping[str, Spent] = field(default_factory=dict)
    """By extension, and of the whole exchange under ""; may be of a day or an hour that is over."""
    holes: tuple[Hole, ...] = ()
    """What is missing of the journal, until a technician has accepted it."""
    outages: Mapping[Part, datetime] = field(default_factory=dict)
    """When each part began to be gone, the last time."""
    emergencies: tuple[str, ...] = ()
    """Linkedids of the last emergency calls, which were told."""
    trunk_troubles: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    """Since when something is wrong with a trunk, by its name and what it is."""


OF_CALLS = frozenset({"last_talks", "spent"})
"""Parts that each call changes: they may be durable some moments later."""
LOOKED_UP = OF_CALLS | {"outages", "emergencies", "trunk_troubles"}
"""Parts of the state that are only asked for: nobody acts on their change, but for `spent`
(`Mirror.run_spent`)."""
AFTER_CALLS = frozenset(
    {
        *("outbox", "undelivered", "failures", "wrong_pins", "returns", "last_talks", "known"),
        *("messages", "holes", "flood_since", "plan_files", "outages", "emergencies"),
        *("trunk_troubles", "spent", "without_sound", "certificate"),
    }
)
"""Parts that change nothing of how a caller's call goes: what is told, returned and looked up."""


def all_but(*parts: str) -> frozenset[str]:
    """Names of the other parts, which somebody who follows these alone passes over."""
    return frozenset(one.name for one in fields(Exchange)) - {*parts}


def changed(before: Exchange, after: Exchange) -> frozenset[str]:
    """Names of the parts that are others, which is quick: nobody changes a part in its place."""
    names = (one.name for one in fields(Exchange))
    return frozenset(one for one in names if getattr(before, one) is not getattr(after, one))
