"""The plan: what technicians wrote, as typed values.

Everything here is immutable. A `Plan` is made by `pbx_bridge.config`, which has already
checked that every name it refers to exists.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from zoneinfo import ZoneInfo

from pbx_bridge.core import trunks
from pbx_bridge.core.countries import Class, Country
from pbx_bridge.core.media import Codec, Encryption, Keys, Transport
from pbx_bridge.core.trunks import Trunk


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
    title: Text | None = None
    """What the voice menu calls it; None: the public predicate."""
    internal: Text | None = None
    """The predicate told to colleagues who call; None: the public one."""
    lasts: timedelta | None = None
    """How long it lasts where no end is given."""
    rest_of_day: bool = False
    """Where no end is given it lasts until the person's next working day begins."""
    notes: tuple[Text, ...] = ()
    """The site's list of notes; a device chooses by number, 1 for the first (S12)."""
    unplanned: bool = False
    """The foreman is always told, and the person is asked who takes over (S20)."""
    meeting: bool = False
    """Whoever attends phone hours has none of these in them (S24)."""
    private: bool = False
    """Health data: its name is told to the foreman and the switchboard by mail, and to nobody
    else in any way."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of wall-clock time within one day, `start` included, `end` not."""

    start: time
    end: time


Week = tuple[tuple[Span, ...], ...]
"""The spans of Monday to Sunday."""


@dataclass(frozen=True, slots=True)
class Season:
    """Days from `first` to `last` on which another week holds."""

    name: str
    first: date
    last: date | None
    """Included; None for a change that was planned ahead and stays."""
    week: Week


@dataclass(frozen=True, slots=True)
class Schedule:
    """A named timetable: a usual week, and the days on which it doesn't hold.

    What decides about a day, the first that applies: `days`, a holiday, an eve, a season, the
    week. Lunch is taken out of whatever they say.
    """

    name: str
    week: Week
    on_holidays: bool = False
    """True when holidays are days like any other (on-call duty)."""
    days: Mapping[date, tuple[Span, ...]] = field(default_factory=dict)
    """Deviating days: the spans that hold on that date instead."""
    holidays: tuple[Span, ...] = ()
    """Of every public holiday and closed day."""
    eves: tuple[Span, ...] | None = None
    """Of a working day before a public holiday; None: a day like any other."""
    seasons: tuple[Season, ...] = ()
    """The one that began last holds; one with an end wins over one without."""
    lunch: tuple[Span, ...] = ()
    """Closed, on whatever day."""


class Guard(StrEnum):
    """What happens to an absence that would leave a line or a unit with too few (S17, S18)."""

    REFUSE = "refuse"
    """It is refused until somebody has agreed to cover."""
    ASK = "ask"
    """It holds, and whoever leaves is asked who covers."""
    WARN = "warn"
    """It holds, and those concerned are told."""


class AtClosing(StrEnum):
    """What becomes of callers who wait when their line closes."""

    SERVE = "serve"
    """They are answered as if it were open."""
    TELL = "tell"
    """They are told that it has closed, and when it opens."""


@dataclass(frozen=True, slots=True)
class Raised:
    """Days on which more have to be there than usual (S5)."""

    name: str
    first: date
    last: date
    """Included."""
    minimum: int


@dataclass(frozen=True, slots=True)
class Shift:
    """When somebody is to attend a line."""

    who: str
    """Extension."""
    week: Week | None = None
    """None: as long as the line is open."""
    first: date | None = None
    """None: always."""
    last: date | None = None
    """Included; None: for good."""
    every: int = 1
    """Of so many weeks it is one, counted from the week of `first`."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of the organisation, with opening hours (S17)."""

    name: str
    title: Text
    hours: str
    """Name of a `Schedule`."""
    line: str = ""
    """Name of the `Line` that answers for the unit, "" for none."""
    minimum: int = 1
    """People who have to be there in the opening hours."""
    raised: tuple[Raised, ...] = ()
    guard: Guard = Guard.WARN


@dataclass(frozen=True, slots=True)
class Device:
    """A telephone of somebody's: what it is in Asterisk is said by `core.devices`."""

    name: str = ""
    """As in `desk` or `softphone`, "" for the only one of a person for whom none is written."""
    place: str = ""
    """Where it stands, in words; "" where nobody knows, as of what is carried about."""
    transport: Transport = Transport.UDP
    encryption: Encryption = Encryption.NONE
    codecs: tuple[Codec, ...] = ()
    """In order, the best first; none: all that this Asterisk can transcode."""
    ice: bool = False
    """Whether ways through NAT are tried for its sound (RFC 8445)."""
    ipv6: bool = False
    """Whether it comes by IPv6: its sound goes there too."""
    keys: Keys = Keys.ANY


USUAL: frozenset[str] = frozenset(
    {Class.EMERGENCY, Class.SERVICE, Class.GEOGRAPHIC, Class.MOBILE, Class.FREE}
)
"""What everybody may call where the plan says nothing else (S27)."""


@dataclass(frozen=True, slots=True)
class Permit:
    """Somebody may call what they otherwise may not, until an end (S27)."""

    person: str
    """Extension."""
    calls: tuple[str, ...]
    """Classes of numbers and ISO codes of countries; the class `abroad` is every country."""
    until: datetime
    """Aware; the moment from which it holds no more."""
    approved_by: str
    """Who has agreed to it, in words."""
    since: datetime | None = None
    """Aware; None: for as long as it is known."""
    by: str = ""
    """Who entered it; "" where it stands in the plan."""


@dataclass(frozen=True, slots=True)
class Cap:
    """How much may be called in a time; more isn't usual work, but fraud or a fault."""

    calls: int
    minutes: int
    numbers: int
    """Different ones."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps of calls out, which emergency and service numbers are free of."""

    person_day: Cap = Cap(calls=150, minutes=300, numbers=80)
    exchange_hour: Cap = Cap(calls=400, minutes=1200, numbers=300)
    person_at_once: int = 3
    exchange_at_once: int = 30
    warn_percent: int = 80
    """Of a cap; from there on the switchboard is told."""
    places_per_hour: int = 30
    """Of callers who keep their place in a line and are called back (S21)."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an extension of their own."""

    extension: str
    name: str
    title: str
    unit: str
    language: Language = Language.SV
    deputies: tuple[str, ...] = ()
    """Extensions of colleagues who may take the calls, in order. Those who aren't among
    `agreed` are asked at every referral (S14)."""
    agreed: frozenset[str] = frozenset()
    """Deputies who have agreed once and for all."""
    mailbox: bool = True
    operator: bool = False
    """May act for others (the switchboard's staff)."""
    mail: str = ""
    foreman: str = ""
    """Extension of the foreman, "" at the top."""
    ring_seconds: int = 20
    hours: str = ""
    """Name of the `Schedule` of their working hours, "" for the unit's opening hours (S19)."""
    shielded: bool = True
    """Not rung outside the working hours, unless on call (S19)."""
    mobile: str = ""
    """Number of their mobile phone in national form, "" for none."""
    rings_mobile: bool = False
    """The mobile phone rings too; who answers it must press 1 to take the call."""
    vip: frozenset[str] = frozenset()
    """Callers' numbers (`numbers.number`) and extensions that pass referral and shield."""
    push_through: bool = False
    """Colleagues may press `*` to ring in spite of a referral."""
    always_answers: bool = False
    """The phone of a place that is staffed day and night: it is never referred (S18)."""
    shows_own_number: bool = True
    """Whether calls out show their direct number; else the municipality's."""
    may_call: frozenset[str] = USUAL
    """Classes of numbers and ISO codes of countries (S27); emergency numbers always."""
    permits: tuple[Permit, ...] = ()
    """Those that stand in the plan."""
    devices: tuple[Device, ...] = (Device(),)
    """At least one. They ring together."""
    call_waiting: bool = False
    """Rung during a talk too, by calls to them; their phones say what becomes of a second one."""


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
    backups: tuple[str, ...] = ()
    """Extensions that are rung in this order where too few of the members are there, and for
    callers who have waited long; the last one always answers (S18)."""
    overflow_seconds: int = 60
    """After so long a wait the first backup is rung too, the next ones after as long again."""
    minimum: int = 1
    """Members who have to attend the line while it is open."""
    raised: tuple[Raised, ...] = ()
    static: frozenset[str] = frozenset()
    """Members who always attend; they neither sign in nor out."""
    roster: tuple[Shift, ...] = ()
    """Who is to attend when; whoever doesn't is missed (S18)."""
    misses: int = 3
    """Calls in a row that a member leaves ringing before the line counts as left by them."""
    told_seconds: int = 32
    """Callers who have waited so long are told their place and the wait, again and again, each
    time after twice as long."""
    at_closing: AtClosing = AtClosing.SERVE
    guard: Guard = Guard.REFUSE
    phone_hours: bool = False
    """A phone time of the public's: no meetings in it, and what is broken is repaid (S24)."""
    approved_by: str = ""
    """Who has agreed that its phone hours differ from the municipality's."""
    mailbox: str = ""
    """Mailbox for callers outside the hours, "" for none."""
    may_call: frozenset[str] = frozenset()
    """What those who attend it may call beside their own, as `Person.may_call`."""


class TargetKind(StrEnum):
    """What a number leads to."""

    PERSON = "person"
    LINE = "line"
    MENU = "menu"
    """The voice menu for staff, for phones that can't send codes."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number that callers dial, in national form (digits only, leading 0)."""

    digits: str
    kind: TargetKind
    target: str
    """Extension of a person, or name of a line; "" for the menu."""
    language: Language = Language.SV
    asks_language: bool = False
    """Callers choose the language first; `language` is for those who press nothing."""


@dataclass(frozen=True, slots=True)
class Codes:
    """Feature codes, up to their variable part."""

    set_referral: str = "*23*"
    cancel_referral: str = "#23#"
    ask_referral: str = "*#23#"
    sign_in: str = "*28*"
    sign_out: str = "#28*"
    set_for_other: str = "*230*"
    cancel_for_other: str = "#230*"
    offer_forward: str = "*21*"
    withdraw_forward: str = "#21#"
    accept_forward: str = "*22#"
    decline_forward: str = "#22#"
    hear_notices: str = "*27#"
    hear_messages: str = "*97"
    override: str = "*29*"
    lost_phone: str = "*26*"
    pick_up: str = "*8"
    break_hours: str = "*24*"
    resume_hours: str = "#24*"
    hear_returns: str = "*96#"
    promise: str = "*95*"
    hide_number: str = "#31#"
    """Before a number outside: it is called without ours being shown."""
    show_number: str = "*31#"
    permit: str = "*25*"
    revoke_permits: str = "#25*"


@dataclass(frozen=True, slots=True)
class Dialling:
    """The numbers of the country, and what the site has beside them."""

    country_code: str
    """Without `+`, e.g. `358`."""
    emergency: tuple[str, ...]
    """Always carried, in any state, by Asterisk alone."""
    services: tuple[str, ...]
    """Short numbers of health care, police and helplines."""
    international_prefixes: tuple[str, ...]
    series: Mapping[str, Class]
    """The class of a national number by its first digits; the longest that fits holds."""
    shape: re.Pattern[str]
    """Of a number in national form."""
    trunk_prefix: str = "0"
    """Dialled before a national number: `0`, or nothing."""

    @classmethod
    def of(
        cls,
        country: Country,
        *,
        emergency: Iterable[str] = (),
        services: Iterable[str] = (),
        international: Iterable[str] = (),
        series: Mapping[str, Class] | None = None,
    ) -> Dialling:
        """The numbers of `country`, with what a site has beside them."""
        return cls(
            country.code,
            tuple(dict.fromkeys((*country.emergency, *emergency))),
            tuple(dict.fromkeys((*country.service, *services))),
            tuple(dict.fromkeys((*country.international, *international))),
            {**country.series, **(series or {})},
            country.shape,
            country.trunk_prefix,
        )


@dataclass(frozen=True, slots=True)
class PhoneHours:
    """The one time of the week at which the municipality answers the phone (S24)."""

    hours: str = ""
    """Name of the `Schedule`, "" where there are none."""
    approved_by: str = ""
    """Who has agreed to it."""
    repaid_until: time = time(16)
    """Hours that were broken are added at the end of the same day, not past this time."""
    emergencies: tuple[Text, ...] = ()
    """What callers may be told of why they are broken, by number: 1 is the first."""


@dataclass(frozen=True, slots=True)
class Organisation:
    """The municipality."""

    name: str
    title: Text
    switchboard: str
    """Name of the `Line` where unanswered and unknown calls end."""
    zone: ZoneInfo
    language: Language = Language.SV
    pin_for_known_mobiles: bool = True
    """The voice menu asks for the PIN even when the caller's number is a colleague's mobile:
    a number is easily forged."""
    offer_seconds: int = 60
    """How long a colleague has to answer an offered forward; then the next one is asked."""
    phone_hours: PhoneHours = PhoneHours()
    head_of_office: str = ""
    """Extension of who answers for telephones and subscriptions, "" for nobody (S26, S28)."""


@dataclass(frozen=True, eq=False, repr=False)
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
    trunks: Mapping[str, Trunk]
    """By name, in the order in which they are tried."""
    dialling: Dialling
    holidays: Mapping[date, str]
    """Public holidays and the site's closed days, with their names."""
    limits: Limits = Limits()
    eves: Mapping[date, str] = field(default_factory=dict)
    """Days before a public holiday that are none themselves, with the holiday's name."""
    routes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of the trunks for kinds of numbers that don't take all of them in their order."""

    def __repr__(self) -> str:
        return f"Plan({self.version})"

    @property
    def caller_id(self) -> str:
        """The municipality's own number, shown for calls of the exchange itself."""
        return next(iter(self.trunks.values())).caller_id

    @cached_property
    def own_numbers(self) -> Mapping[str, str]:
        """By extension: the direct number that a person's calls out show, the first of several."""
        numbers = (
            one
            for one in self.numbers.values()
            if one.kind is TargetKind.PERSON and self.people[one.target].shows_own_number
        )
        found: dict[str, str] = {}
        for one in numbers:
            found.setdefault(one.target, one.digits)
        return found

    def carriers(self, kind: str) -> tuple[Trunk, ...]:
        """The trunks that are tried for numbers of a kind, in order."""
        return trunks.order(self.trunks, self.routes, kind)

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
