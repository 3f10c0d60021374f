"""What each file of the plan may hold: the shapes that technicians write.

Catalogues (`people.yaml`, `lines.yaml` …) are maps from a name to one entry of these;
records (`organisation.yaml`, `codes.yaml` …) are one of these. Every value arrives as text.
"""

from __future__ import annotations

from datetime import time
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from pbx_bridge.config.shape import Shape
from pbx_bridge.config.trunks_schema import TrunksShape, WayShape
from pbx_bridge.config.values import (
    Blank,
    Calls,
    Clock,
    Code,
    Day,
    DeviceName,
    Ends,
    Extension,
    Label,
    LineCode,
    Listed,
    Mail,
    Mapped,
    Name,
    Notes,
    OfferSeconds,
    RingSeconds,
    Spans,
    Staff,
    Texts,
    WaitSeconds,
    Zone,
)
from pbx_bridge.core.media import Codec
from pbx_bridge.core.model import (
    AtClosing,
    Guard,
    Language,
    Returns,
    Span,
    Week,
)


class HolidaysShape(Shape):
    """Where the public holidays are taken from."""

    country: str
    subdivision: Annotated[str | None, Blank] = None


class ReferralsShape(Shape):
    """How absences are set and colleagues asked."""

    pin_for_known_mobiles: bool = True
    offer_seconds: OfferSeconds = 60


class PhoneHoursShape(Shape):
    """The municipality's phone hours, and how they may be broken (S24)."""

    hours: Name
    approved_by: Label
    repaid_until: Clock = time(16)
    emergencies: Notes = []


class OrganisationShape(Shape):
    """organisation.yaml."""

    name: Label
    title: Texts
    switchboard: Name
    zone: Zone
    language: Language = Language.SV
    holidays: HolidaysShape
    closed_days: Annotated[dict[str, Label], Mapped] = {}
    """By `12-31` (every year) or `2026-05-15`."""
    referrals: Annotated[ReferralsShape, Mapped] = ReferralsShape()
    phone_hours: Annotated[PhoneHoursShape | None, Blank] = None
    head_of_office: Annotated[Extension | None, Blank] = None


class RaisedShape(Shape):
    """Days on which more have to be there (S5)."""

    first: Day
    last: Day
    minimum: Staff


class UnitShape(Shape):
    """An entry of units.yaml."""

    title: Texts
    hours: Name
    working_hours: Annotated[Name | None, Blank] = None
    """Of its people who have none of their own; None: they work while the unit is open."""
    line: Annotated[Name | None, Blank] = None
    minimum: Staff = 1
    raised: Annotated[dict[str, RaisedShape], Mapped] = {}
    guard: Guard = Guard.WARN
    may_call: Annotated[Calls | None, Blank] = None
    """None: usual numbers, without premium ones and abroad."""


class DeputyShape(Shape):
    """A colleague who may take the calls, and when they said yes once and for all (S14)."""

    extension: Extension
    agreed: Annotated[Day | None, Blank] = None


class DeviceShape(WayShape):
    """A telephone of somebody's, by its name."""

    secrets: ClassVar[str] = "each telephone has one of its own, which pbx-bridge phone shows"
    place: Annotated[Label | None, Blank] = None
    codecs: Annotated[list[Codec], Listed] = []
    ice: bool = False
    ipv6: bool = False

    @model_validator(mode="after")
    def _codecs_stand_once(self) -> Self:
        if len(set(self.codecs)) < len(self.codecs):
            raise ValueError("codecs: one of them stands there twice")
        return self


class PermitShape(Shape):
    """Numbers that somebody may call until a day, and who has agreed to it (S27)."""

    calls: Annotated[Calls, Field(min_length=1)]
    until: Day
    """Included."""
    approved_by: Label


class PersonShape(Shape):
    """An entry of people.yaml, by extension."""

    secrets: ClassVar[str] = "passwords and PINs are made, and pbx-bridge phone and pin show them"
    name: Label
    title: Label
    unit: Name
    language: Language = Language.SV
    deputies: Annotated[list[DeputyShape], Listed] = []
    foreman: Annotated[Extension | None, Blank] = None
    operator: bool = False
    mail: Annotated[Mail | None, Blank] = None
    ring_seconds: RingSeconds = 20
    hours: Annotated[Name | None, Blank] = None
    shielded: bool = True
    mobile: Annotated[str | None, Blank] = None
    rings_mobile: bool = False
    vip: Annotated[list[str], Listed] = []
    """Numbers as people write them, and extensions."""
    push_through: bool = False
    always_answers: bool = False
    shows_own_number: bool = True
    may_call: Annotated[Calls | None, Blank] = None
    """None: as their unit says."""
    permits: Annotated[list[PermitShape], Listed] = []
    call_waiting: bool = False
    devices: Annotated[dict[DeviceName, Annotated[DeviceShape, Mapped]], Mapped] = {}


WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WEEKDAYS = 5


class WeekShape(Shape):
    """The days of a week. A single day wins over `weekdays` and `weekend`."""

    weekdays: Spans = ()
    weekend: Spans = ()
    monday: Spans | None = None
    tuesday: Spans | None = None
    wednesday: Spans | None = None
    thursday: Spans | None = None
    friday: Spans | None = None
    saturday: Spans | None = None
    sunday: Spans | None = None

    def week(self) -> Week:
        """The spans of Monday to Sunday."""
        chosen: list[tuple[Span, ...]] = []
        for number, name in enumerate(WEEK):
            own: tuple[Span, ...] | None = getattr(self, name)
            usual = self.weekdays if number < WEEKDAYS else self.weekend
            chosen.append(usual if own is None else own)
        return tuple(chosen)


class ShiftShape(WeekShape):
    """An entry of a line's roster; without any day it lasts as long as the line is open."""

    who: Extension
    first: Annotated[Day | None, Blank] = None
    last: Annotated[Day | None, Blank] = None
    every: Annotated[int, Field(ge=1, le=52)] = 1


class LineShape(Shape):
    """An entry of lines.yaml, by name."""

    title: Texts
    code: LineCode
    hours: Name
    members: Annotated[list[Extension], Listed]
    signed_in: Annotated[list[Extension], Listed] = []
    attended: bool = True
    wait_seconds: WaitSeconds = 120
    ring_seconds: RingSeconds = 15
    backup: Annotated[list[Extension], Listed] = []
    overflow_seconds: WaitSeconds = 60
    minimum: Staff = 1
    raised: Annotated[dict[str, RaisedShape], Mapped] = {}
    static: Annotated[list[Extension], Listed] = []
    roster: Annotated[list[ShiftShape], Listed] = []
    misses: Annotated[int, Field(ge=1, le=20)] = 3
    told_seconds: WaitSeconds = 32
    at_closing: AtClosing = AtClosing.SERVE
    guard: Guard = Guard.REFUSE
    phone_hours: bool = False
    approved_by: Annotated[Label | None, Blank] = None
    may_call: Calls = []
    """What those who attend it may call besides."""


class SeasonShape(WeekShape):
    """Another week, from a day on: to its `last` day, or for good."""

    first: str
    """`06-15` (every year, with a `last` like it) or `2027-01-01`."""
    last: Annotated[str | None, Blank] = None


class HoursShape(WeekShape):
    """An entry of hours.yaml, by name."""

    like: Annotated[Name | None, Blank] = None
    """Hours that hold in all that isn't written here."""
    on_holidays: bool = False
    holidays: Spans = ()
    """Hours of every public holiday and closed day."""
    eves: Spans | None = None
    """Hours of a working day before a public holiday."""
    lunch: Spans = ()
    seasons: Annotated[dict[str, SeasonShape], Mapped] = {}
    days: Annotated[dict[str, Spans], Mapped] = {}
    """By `12-30` (every year) or `2026-04-30`."""


class NumberShape(Shape):
    """An entry of numbers.yaml: leads to a person, to a line or to the menu, to one of them."""

    person: Extension | None = None
    line: Name | None = None
    menu: bool = False
    language: Language | None = None
    ask_language: bool = False


class ReasonShape(Shape):
    """An entry of reasons.yaml, by digit."""

    name: Name
    public: Texts
    title: Annotated[Texts | None, Blank] = None
    returns: Returns = Returns.TIME
    reachable: bool = False
    note_required: bool = False
    next_day: bool = False
    internal: Annotated[Texts | None, Blank] = None
    ends: Annotated[Ends | None, Blank] = None
    notes: Notes = []
    unplanned: bool = False
    meeting: bool = False
    private: bool = False


class CodesShape(Shape):
    """codes.yaml."""

    set_referral: Code = "*23*"
    cancel_referral: Code = "#23#"
    ask_referral: Code = "*#23#"
    sign_in: Code = "*28*"
    sign_out: Code = "#28*"
    set_for_other: Code = "*230*"
    cancel_for_other: Code = "#230*"
    offer_forward: Code = "*21*"
    withdraw_forward: Code = "#21#"
    accept_forward: Code = "*22#"
    decline_forward: Code = "#22#"
    hear_notices: Code = "*27#"
    hear_messages: Code = "*97"
    override: Code = "*29*"
    lost_phone: Code = "*26*"
    pick_up: Code = "*8"
    break_hours: Code = "*24*"
    resume_hours: Code = "#24*"
    hear_returns: Code = "*96#"
    promise: Code = "*95*"
    hide_number: Code = "#31#"
    show_number: Code = "*31#"
    permit: Code = "*25*"
    revoke_permits: Code = "#25*"


class MailboxesShape(Shape):
    """voicemail/mailboxes.yaml."""

    people: Annotated[list[Extension], Listed]
    lines: Annotated[dict[Name, Extension], Mapped] = {}
    """Number of the mailbox, by line."""


CATALOGUES: dict[str, type[Shape]] = {
    "units": UnitShape,
    "people": PersonShape,
    "lines": LineShape,
    "hours": HoursShape,
    "numbers": NumberShape,
    "reasons": ReasonShape,
}
RECORDS: dict[str, type[Shape]] = {
    "organisation": OrganisationShape,
    "codes": CodesShape,
    "trunks": TrunksShape,
    "mailboxes": MailboxesShape,
}
