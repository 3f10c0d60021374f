"""What each file of the plan may hold: the shapes that technicians write.

Catalogues (`people.yaml`, `lines.yaml` …) are maps from a name to one entry of these;
records (`organisation.yaml`, `codes.yaml` …) are one of these. Every value arrives as text.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import date
from typing import Annotated, Any, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from pbx_bridge.config import fields
from pbx_bridge.core.model import Language, Returns, Span, Text

NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
"""Names of units, lines, hours and reasons: they become keys in Asterisk's own database."""
EXTENSION = re.compile(r"[1-9][0-9]{1,5}")
DIGIT = re.compile(r"[0-9]")
_CODE = re.compile(r"[*#][*#0-9]{1,9}")
_LINE_CODE = re.compile(r"[0-9]{1,4}")
_MAIL = re.compile(r"[^@\s<>\"',;]{1,64}@[A-Za-z0-9.-]{1,190}")
_UNPRINTED = re.compile(r'[;<>"\\]')
SIP_PORT = 5060


class Shape(BaseModel):
    """A block of keys: unknown ones are refused, nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


def _label(text: str) -> str:
    text = text.strip()
    if not text:
        raise ValueError("is empty")
    if len(text) > 80 or not text.isprintable() or _UNPRINTED.search(text):
        raise ValueError('must be at most 80 letters without ; < > " and \\')
    return text


def _all_languages(texts: Text) -> Text:
    if missing := [language.value for language in Language if language not in texts]:
        raise ValueError(f"lacks the wording in {' and '.join(missing)}")
    return texts


def _matching(pattern: re.Pattern[str], wanted: str) -> AfterValidator:
    def match(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f'"{text}" is not {wanted}')
        return text

    return AfterValidator(match)


def _zone(text: object) -> ZoneInfo:
    try:
        return ZoneInfo(str(text))
    except (KeyError, ValueError, OSError):
        raise ValueError(f'"{text}" is no time zone, write one like Europe/Mariehamn') from None


def _host(text: str) -> str:
    """An address and its port. A name would hang every call when DNS does."""
    match = re.fullmatch(r"\[([^\]]+)\](?::([0-9]{1,5}))?|([^:]+)(?::([0-9]{1,5}))?", text)
    try:
        address = ipaddress.ip_address((match[1] or match[3]) if match else "")
        port = int((match[2] or match[4] or SIP_PORT) if match else 0)
    except ValueError:
        raise ValueError(f'"{text}" is no address, write one like 192.0.2.10:5060') from None
    if not 0 < port < 65536:
        raise ValueError(f"there is no port {port}")
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def _nothing_is_empty(value: object) -> object:
    return value or None


def _listed(value: object) -> object:
    """`members:` with nothing after it is an empty list."""
    return [] if value == "" else value


def _mapped(value: object) -> object:
    return {} if value == "" else value


def _day(value: object) -> object:
    return fields.day(value) if isinstance(value, str) else value


def _spans(value: object) -> object:
    return fields.spans(value) if isinstance(value, str) else value


Label = Annotated[str, AfterValidator(_label)]
Texts = Annotated[dict[Language, Label], AfterValidator(_all_languages)]
Name = Annotated[str, _matching(NAME, "a name of small letters a-z, digits, - and _")]
Extension = Annotated[str, _matching(EXTENSION, "an extension (2 to 6 digits, the first not 0)")]
Code = Annotated[str, _matching(_CODE, "a feature code: * or # first, then digits, * and #")]
LineCode = Annotated[str, _matching(_LINE_CODE, "a line's code (1 to 4 digits)")]
Mail = Annotated[str, _matching(_MAIL, "a mail address")]
Digits = Annotated[str, _matching(re.compile(r"\+|[0-9]{1,15}"), "digits")]
Host = Annotated[str, AfterValidator(_host)]
Zone = Annotated[ZoneInfo, BeforeValidator(_zone)]
Day = Annotated[date, BeforeValidator(_day)]
Spans = Annotated[tuple[Span, ...], BeforeValidator(_spans)]
Listed = BeforeValidator(_listed)
Mapped = BeforeValidator(_mapped)
RingSeconds = Annotated[int, Field(ge=5, le=120)]
WaitSeconds = Annotated[int, Field(ge=5, le=3600)]


class HolidaysShape(Shape):
    """Where the public holidays are taken from."""

    country: str
    subdivision: Annotated[str | None, BeforeValidator(_nothing_is_empty)] = None


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


class UnitShape(Shape):
    """An entry of units.yaml."""

    title: Texts
    hours: Name


class DeputyShape(Shape):
    """A colleague who takes the calls, and when they said yes (S14)."""

    extension: Extension
    agreed: Annotated[Day | None, BeforeValidator(_nothing_is_empty)] = None


class PersonShape(Shape):
    """An entry of people.yaml, by extension."""

    name: Label
    title: Label
    unit: Name
    language: Language = Language.SV
    deputies: Annotated[list[DeputyShape], Listed] = []
    foreman: Annotated[Extension | None, BeforeValidator(_nothing_is_empty)] = None
    operator: bool = False
    mail: Annotated[Mail | None, BeforeValidator(_nothing_is_empty)] = None
    ring_seconds: RingSeconds = 20


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
    backup: Annotated[Extension | None, BeforeValidator(_nothing_is_empty)] = None


WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class HoursShape(Shape):
    """An entry of hours.yaml, by name. A single day wins over `weekdays` and `weekend`."""

    weekdays: Spans = ()
    weekend: Spans = ()
    monday: Spans | None = None
    tuesday: Spans | None = None
    wednesday: Spans | None = None
    thursday: Spans | None = None
    friday: Spans | None = None
    saturday: Spans | None = None
    sunday: Spans | None = None
    on_holidays: bool = False
    holidays: Spans | None = None
    """Hours of every public holiday and closed day."""
    days: Annotated[dict[str, Spans], Mapped] = {}
    """By `12-30` (every year) or `2026-04-30`."""

    def week(self) -> tuple[tuple[Span, ...], ...]:
        """The spans of Monday to Sunday."""
        chosen: list[tuple[Span, ...]] = []
        for number, name in enumerate(WEEK):
            own: tuple[Span, ...] | None = getattr(self, name)
            usual = self.weekdays if number < 5 else self.weekend
            chosen.append(usual if own is None else own)
        return tuple(chosen)


class NumberShape(Shape):
    """An entry of numbers.yaml: leads to a person or to a line, never to both."""

    person: Extension | None = None
    line: Name | None = None
    language: Language | None = None


class ReasonShape(Shape):
    """An entry of reasons.yaml, by digit."""

    name: Name
    public: Texts
    returns: Returns = Returns.TIME
    reachable: bool = False
    note_required: bool = False
    next_day: bool = False


class CodesShape(Shape):
    """codes.yaml."""

    set_referral: Code = "*23*"
    cancel_referral: Code = "#23#"
    ask_referral: Code = "*#23#"
    sign_in: Code = "*28*"
    sign_out: Code = "#28*"


class TrunkShape(Shape):
    """The way to the public network."""

    name: Name
    host: Host
    username: Annotated[Label | None, BeforeValidator(_nothing_is_empty)] = None
    caller_id: str


class DiallingShape(Shape):
    """What may be dialled out."""

    country_code: Annotated[str, _matching(re.compile(r"[1-9][0-9]{0,2}"), "a country code")]
    emergency: Annotated[list[Digits], Field(min_length=1)]
    international_prefixes: Annotated[list[Digits], Listed]
    barred_prefixes: Annotated[list[Digits], Listed]


class TrunksShape(Shape):
    """trunks.yaml."""

    trunk: TrunkShape
    dialling: DiallingShape


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


def shape_at(shape: Any, place: tuple[str | int, ...]) -> type[Shape] | None:
    """The shape that stands at `place` inside `shape`, to say which keys it knows."""
    for step in place:
        if _is_shape(shape):
            known = shape.model_fields.get(step)
            shape = _present(known.annotation) if known else None
        else:
            shape = (get_args(shape) or (None,))[-1]  # an item of a list or a map
    return shape if _is_shape(shape) else None


def _is_shape(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Shape)


def _present(annotation: Any) -> Any:
    """`X | None` as X."""
    choices = get_args(annotation)
    return choices[0] if type(None) in choices else annotation
