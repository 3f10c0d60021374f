"""One value of a file, as technicians write it: each arrives as text and is checked by itself."""

from __future__ import annotations

import ipaddress
import re
from datetime import date, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

from pbx_bridge.config import fields
from pbx_bridge.config.problems import did_you_mean
from pbx_bridge.core.callingcodes import BY_CODE, NAMES
from pbx_bridge.core.classes import CLASSES, is_known
from pbx_bridge.core.countries import ALIASES
from pbx_bridge.core.model import Language, Span, Text

NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
NAMED = "a name: a letter a-z first, then such letters, digits, - and _, 40 in all"
"""Names of units, lines, hours and reasons: they become keys in Asterisk's own database."""
EXTENSION = re.compile(r"[1-9][0-9]{1,5}")
DIGIT = re.compile(r"[0-9]")
_DEVICE = re.compile(r"[a-z][a-z0-9]{0,19}")
"""Without a hyphen, which stands between extension and device in the names that Asterisk knows."""
_CODE = re.compile(r"[*#][*#0-9]{1,9}")
_LINE_CODE = re.compile(r"[0-9]{1,4}")
_MAIL = re.compile(r"[^@\s<>\"',;]{1,64}@[A-Za-z0-9.-]{1,190}")
_UNPRINTED = re.compile(r'[;<>"\\]')
_SIP_USER = re.compile(r"[A-Za-z0-9_+.-]{1,60}")
_SIP_USER_HAS = "at most 60 of a-z, A-Z, 0-9 and _ + . -"
_HOST_NAME = re.compile(r"(?=.{1,190}$)(?!(?:.*\.)?\d+$)[A-Za-z0-9]+(?:(?:\.|-+)[A-Za-z0-9]+)*")
_LOGIN = re.compile(rf"{_SIP_USER.pattern}(?:@[A-Za-z0-9]+(?:(?:\.|-+)[A-Za-z0-9]+){{0,30}})?")
"""Letters, digits, - and . (RFC 1123), the last part no number: that is meant as an address."""
_ISO_SLIPS = {"UK": "GB", "EL": "GR", **ALIASES}
"""What people write who know a country by another code than ISO 3166 or its numbers have."""
_HOSTS_LIKE = 'write one like 192.0.2.10:5060, sip.operator.example or "[2001:db8::1]:5060"'
_RESERVED = ipaddress.ip_network("240.0.0.0/4")
"""Broadcast, and what nobody was given (RFC 1112)."""
NOTES_LIMIT = 9


def _label(text: str) -> str:
    text = text.strip()
    if not text:
        raise ValueError("is empty")
    if not any(letter.isalpha() for letter in text):
        raise ValueError(f'"{text}" has no letters, write it in words')
    if len(text) > 80 or not text.isprintable() or _UNPRINTED.search(text):
        raise ValueError('must be at most 80 letters without ; < > " and \\')
    return text


def _all_languages(texts: Text) -> Text:
    if missing := [language.value for language in Language if language not in texts]:
        raise ValueError(f"lacks the wording in {' and '.join(missing)}")
    return texts


def matching(pattern: re.Pattern[str], wanted: str) -> AfterValidator:
    """Refuse a text that is not `wanted`."""

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
    """An address or a name, and its port where one is written."""
    bracketed = f"[{text}]" if text.count(":") > 1 and not text.startswith("[") else text
    match = re.fullmatch(r"\[([^\]]+)\](?::([0-9]{1,5}))?|([^:]+)(?::([0-9]{1,5}))?", bracketed)
    written = (match[2] or match[4] or "") if match else ""
    if written and not 0 < int(written) < 65536:
        raise ValueError(f"there is no port {int(written)}")
    port = f":{int(written)}" if written else ""
    if match is not None and match[3] and _HOST_NAME.fullmatch(match[3]):
        return f"{match[3].lower()}{port}"
    try:
        address = ipaddress.ip_address((match[1] or match[3]) if match else "")
    except ValueError:
        raise ValueError(f'"{text}" is no address, {_HOSTS_LIKE}') from None
    if address.is_unspecified or address.is_multicast or address in _RESERVED:
        raise ValueError(f"no server has the address {address}, {_HOSTS_LIKE}")
    if address.version == 6 and (address.is_link_local or address.ipv4_mapped):
        raise ValueError(f"{address} is of one link, or an IPv4 address, {_HOSTS_LIKE}")
    if bracketed != text and re.search(r":[1-9][0-9]{3}$", text):
        before, _, last = text.rpartition(":")
        raise ValueError(f'is {last} a port? write "[{before}]:{last}", or else "[{text}]"')
    return f"[{address}]{port}" if address.version == 6 else f"{address}{port}"


def _domain(text: str) -> str:
    """A host that nothing is sent to: without a port."""
    refused = ValueError(f'"{text}" is no domain, write one like sip.operator.example')
    try:
        host = _host(text)
    except ValueError:
        raise refused from None
    if ":" in host.rpartition("]")[2]:
        raise refused
    return host


_WIDEST = {4: 16, 6: 32}
"""Bits of the mask, by the version of IP: an operator has fewer servers than customers."""


def _network(text: str) -> str:
    """An address or a network; one with bits beyond its mask is a slip of the pen."""
    wanted = "write an address like 192.0.2.10 or a network like 192.0.2.0/28"
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f'"{text}" is no address or network, {wanted}') from None
    address = text.partition("/")[0]
    if network.prefixlen < _WIDEST[network.version]:
        bits = _WIDEST[network.version]
        raise ValueError(f'"{text}" holds too many addresses (/{bits} is the widest), {wanted}')
    if ipaddress.ip_address(address) != network.network_address:
        raise ValueError(
            f'"{text}" is an address within a network, write {network} or {address} alone'
        )
    return str(network)


def _one_or_many(value: object) -> object:
    """`host: 192.0.2.10` is a list of one."""
    return [value] if isinstance(value, str) else value


def _none(value: object) -> object:
    """A key with nothing after it is as good as left out."""
    return None if value == "" else value


def _listed(value: object) -> object:
    """`members:` with nothing after it is an empty list."""
    return [] if value == "" else value


def _mapped(value: object) -> object:
    return {} if value == "" else value


def _few(notes: list[Text]) -> list[Text]:
    if len(notes) > NOTES_LIMIT:
        raise ValueError(f"{len(notes)} are too many, a device chooses by 1 to {NOTES_LIMIT}")
    return notes


def _ends(value: object) -> timedelta | fields.RestOfDay:
    if not isinstance(value, str):
        raise ValueError("should be one text like 45 min")
    return fields.ends(value)


def _day(value: object) -> object:
    return fields.day(value) if isinstance(value, str) else value


def _clock(value: object) -> object:
    return fields.clock(value) if isinstance(value, str) else value


def _spans(value: object) -> object:
    return fields.spans(value) if isinstance(value, str) else value


def _callable(text: str) -> str:
    if is_known(text):
        return text
    hint = _meant(text) or f"write one of {', '.join(sorted(CLASSES))}, or a country's ISO code"
    raise ValueError(f'"{text}" is no class of numbers and no country, {hint}')


def _meant(text: str) -> str:
    """The class or country that somebody meant, as a hint; "" for no idea."""
    if (code := text.lstrip("+0")) in BY_CODE:
        return f"write {BY_CODE[code]} for what has the calling code {code}"
    if text.upper() in (*NAMES, *_ISO_SLIPS):
        return f"write {_ISO_SLIPS.get(text.upper(), text.upper())}"
    return did_you_mean(text.lower(), sorted(CLASSES))


def _once(calls: list[str]) -> list[str]:
    for at, one in enumerate(calls):
        if one in calls[:at]:
            raise ValueError(f"{one} stands there twice")
    return calls


Label = Annotated[str, AfterValidator(_label)]
Texts = Annotated[dict[Language, Label], AfterValidator(_all_languages)]
Name = Annotated[str, matching(NAME, NAMED)]
Extension = Annotated[str, matching(EXTENSION, "an extension (2 to 6 digits, the first not 0)")]
DeviceName = Annotated[
    str, matching(_DEVICE, "a device's name (at most 20 letters a-z and digits, a letter first)")
]
Code = Annotated[str, matching(_CODE, "a feature code: * or # first, then digits, * and #")]
LineCode = Annotated[str, matching(_LINE_CODE, "a line's code (1 to 4 digits)")]
Mail = Annotated[str, matching(_MAIL, "a mail address")]
InternationalPrefix = Annotated[
    str, matching(re.compile(r"\+|[0-9]{2,6}"), "dialled in place of + (2 to 6 digits)")
]
Series = Annotated[
    str,
    AfterValidator(lambda text: text.replace(" ", "").replace("-", "")),
    matching(re.compile(r"[0-9]{1,15}"), "digits as they are dialled here, like 0600 1"),
]
"""First digits of numbers, as `0600 1`."""
Emergency = Annotated[
    str,
    matching(re.compile(r"[1-9][0-9]{2,5}"), "an emergency number (3 to 6 digits, not 0 first)"),
]
Host = Annotated[str, AfterValidator(_host)]
Hosts = Annotated[list[Host], Field(min_length=1), BeforeValidator(_one_or_many)]
Network = Annotated[str, AfterValidator(_network)]
SipUser = Annotated[str, matching(_SIP_USER, f"a user name of SIP ({_SIP_USER_HAS})")]
Login = Annotated[str, matching(_LOGIN, f"a user name of SIP ({_SIP_USER_HAS}; @ and a domain)")]
"""What an operator asks for; some have a domain behind it (3GPP TS 23.003, 13.3)."""
Domain = Annotated[str, AfterValidator(_domain)]
Zone = Annotated[ZoneInfo, BeforeValidator(_zone)]
Day = Annotated[date, BeforeValidator(_day)]
Clock = Annotated[time, BeforeValidator(_clock)]
Spans = Annotated[tuple[Span, ...], BeforeValidator(_spans)]
Ends = Annotated[timedelta | fields.RestOfDay, BeforeValidator(_ends)]
Blank = BeforeValidator(_none)
Listed = BeforeValidator(_listed)
Mapped = BeforeValidator(_mapped)
Notes = Annotated[list[Texts], Listed, AfterValidator(_few)]
RingSeconds = Annotated[int, Field(ge=5, le=120)]
WaitSeconds = Annotated[int, Field(ge=5, le=3600)]
Staff = Annotated[int, Field(ge=1, le=99)]
OfferSeconds = Annotated[int, Field(ge=20, le=600)]
Calls = Annotated[
    list[Annotated[str, AfterValidator(_callable)]], BeforeValidator(_listed), AfterValidator(_once)
]
"""Classes of numbers and countries that may be called."""
Count = Annotated[int, Field(ge=1, le=100_000)]
