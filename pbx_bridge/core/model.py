"""The plan: what technicians wrote, as typed values.

Everything here is immutable. A `Plan` is made by `pbx_bridge.config`, which has already
checked that every name it refers to exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from functools import cached_property
from zoneinfo import ZoneInfo


class Language(StrEnum):
    """Languages that callers and staff are spoken to in."""

    SV = "sv"
    FI = "fi"
    EN = "en"


Text = Mapping[Language, str]
"""One wording per language; a plan always has all three."""


class Returns(StrEnum):
    """What four digits after a referral code mean for a reason: `1430` or `0803`."""

    TIME = "time"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class ReferralReason:
    """A reason of absence that a device can choose by one digit (S8, S11–S13)."""

    digit: str
    name: str
    """Key in configuration, journal and reports, e.g. `lunch`."""
    public: Text
    """The predicate told to callers after the person's name: "är på lunch".
    Never health data: for a sick person it says only that they are away."""
    returns: Returns = Returns.TIME
    reachable: bool = False
    """True for remote work: the phone stays open (S11)."""
    note_required: bool = False
    """True for *frånvarande* and *upptagen*, which must say why (S12)."""
    next_day: bool = False
    """A clock time that has passed means tomorrow; otherwise it is refused."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of wall-clock time within one day, `start` included, `end` not."""

    start: time
    end: time


@dataclass(frozen=True, slots=True)
class Schedule:
    """A named weekly timetable. `week[0]` is Monday; holidays and closed days override it."""

    name: str
    week: tuple[tuple[Span, ...], ...]
    on_holidays: bool = False
    """True when the schedule holds on holidays too (on-call duty)."""
    days: Mapping[date, tuple[Span, ...]] = field(default_factory=dict)
    """Deviating days: the spans that hold on that date instead."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of the organisation, with opening hours (S17)."""

    name: str
    title: Text
    hours: str
    """Name of a `Schedule`."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an extension of their own."""

    extension: str
    name: str
    title: str
    unit: str
    language: Language = Language.SV
    deputies: tuple[str, ...] = ()
    """Extensions of colleagues who have agreed to take the calls, in order (S14)."""
    mailbox: bool = True
    operator: bool = False
    """May act for others (the switchboard's staff)."""
    mail: str = ""
    foreman: str = ""
    """Extension of the foreman, "" at the top."""
    ring_seconds: int = 20


@dataclass(frozen=True, slots=True)
class Line:
    """A number answered by whoever attends it: switchboard, service line, on-call phone."""

    name: str
    title: Text
    code: str
    """The digits that name the line in a sign-in code."""
    hours: str
    """Name of a `Schedule`."""
    members: tuple[str, ...]
    """Extensions that may attend the line."""
    signed_in: tuple[str, ...] = ()
    """Members who attend it until they sign out (the state of a new exchange)."""
    attended: bool = True
    """Never to be left by its last attendant while open (S18)."""
    wait_seconds: int = 120
    ring_seconds: int = 15
    backup: str = ""
    """Extension that is rung when nobody in the queue answers, "" for none."""
    mailbox: str = ""
    """Mailbox for callers outside the hours, "" for none."""


class TargetKind(StrEnum):
    """What a number leads to."""

    PERSON = "person"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class Number:
    """A number that callers dial, in national form (digits only, leading 0)."""

    digits: str
    kind: TargetKind
    target: str
    """Extension of a person, or name of a line."""
    language: Language = Language.SV


@dataclass(frozen=True, slots=True)
class Codes:
    """Feature codes, up to their variable part."""

    set_referral: str = "*23*"
    cancel_referral: str = "#23#"
    ask_referral: str = "*#23#"
    sign_in: str = "*28*"
    sign_out: str = "#28*"


@dataclass(frozen=True, slots=True)
class Trunk:
    """The way to the public network."""

    name: str
    host: str
    """Address (never a name that needs DNS) and port of the operator's SIP server."""
    username: str = ""
    """User name for outgoing authentication, "" where the address is trusted."""
    caller_id: str = ""
    """Number shown when a phone has none of its own."""


@dataclass(frozen=True, slots=True)
class Dialling:
    """What may be dialled out, in national form."""

    country_code: str
    """Without `+`, e.g. `358`."""
    emergency: tuple[str, ...]
    """Always carried, in any state, by Asterisk alone."""
    international_prefixes: tuple[str, ...]
    barred_prefixes: tuple[str, ...]
    """National prefixes that cost extra and are barred (S27)."""


@dataclass(frozen=True, slots=True)
class Organisation:
    """The municipality."""

    name: str
    title: Text
    switchboard: str
    """Name of the `Line` where unanswered and unknown calls end."""
    zone: ZoneInfo
    language: Language = Language.SV


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything technicians wrote. Two plans are the same when their `version` is."""

    version: str
    """Hash of the files it was read from."""
    organisation: Organisation
    units: Mapping[str, Unit]
    people: Mapping[str, Person]
    """By extension."""
    lines: Mapping[str, Line]
    schedules: Mapping[str, Schedule]
    numbers: Mapping[str, Number]
    """By national digits."""
    reasons: Mapping[str, ReferralReason]
    """By digit."""
    codes: Codes
    trunk: Trunk
    dialling: Dialling
    holidays: Mapping[date, str]
    """Public holidays and the site's closed days, with their names."""

    @property
    def switchboard(self) -> Line:
        """The line where calls that reach nobody else end."""
        return self.lines[self.organisation.switchboard]

    @cached_property
    def reasons_by_name(self) -> Mapping[str, ReferralReason]:
        """Reasons by their key in configuration."""
        return {reason.name: reason for reason in self.reasons.values()}

    def lines_of(self, extension: str) -> tuple[Line, ...]:
        """Lines that the person with `extension` may attend."""
        return tuple(line for line in self.lines.values() if extension in line.members)


@dataclass(frozen=True, slots=True)
class Referral:
    """An absence with its end (S8)."""

    person: str
    """Extension."""
    reason: str
    """Name of a `ReferralReason`."""
    since: datetime
    until: datetime
    """Aware; the moment the person is back."""
    note: str = ""
    by: str = ""
    """Extension of who set it."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """The live state: the plan, and the fold of the journal over it."""

    plan: Plan
    referrals: Mapping[str, Referral] = field(default_factory=dict)
    """By extension; may hold referrals whose end has passed."""
    signed_in: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Extensions signed in, by line name."""
