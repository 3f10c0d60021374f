"""What trunks.yaml may hold: the ways to the public network, its numbers, and how much is called.

As in `schema`, every value arrives as text.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from pbx_bridge.config.shape import Shape
from pbx_bridge.config.values import (
    Blank,
    Count,
    Domain,
    Emergency,
    Hosts,
    InternationalPrefix,
    Listed,
    Login,
    Mapped,
    Name,
    Network,
    Series,
    SipUser,
)
from pbx_bridge.core.callingcodes import BY_CODE
from pbx_bridge.core.countries import ALIASES, COUNTRIES, Class, Country, of_code
from pbx_bridge.core.media import Encryption, Keys, Transport
from pbx_bridge.core.model import Cap, Dialling, Limits
from pbx_bridge.core.trunks import NumberForm

SIP_PORT, SIPS_PORT = 5060, 5061
"""Of a server of which nothing else is written, SIPS_PORT over TLS (RFC 3261, 19.1.2)."""
_PORT = re.compile(r":[0-9]+$")
"""Behind a name, or an IPv4 address, or an IPv6 address in its brackets."""


class WayShape(Shape):
    """How SIP and sound come, of a trunk or a telephone."""

    transport: Transport = Transport.UDP
    encryption: Encryption = Encryption.NONE
    keys: Keys = Keys.ANY

    @model_validator(mode="after")
    def _keys_are_hidden(self) -> Self:
        if self.encryption is Encryption.SRTP and self.transport is not Transport.TLS:
            raise ValueError("encryption: srtp needs transport: tls, or anybody can read its keys")
        return self


class TrunkShape(WayShape):
    """A way to the public network, by its name."""

    secrets: ClassVar[str] = (
        'a trunk\'s password stands in secrets.json in the state folder, as "trunks": {"its name": '
        '"the password"}'
    )
    host: Hosts
    calls_from: Annotated[list[Network], Listed] = []
    username: Annotated[Login | None, Blank] = None
    registers: bool = False
    numbers: NumberForm = NumberForm.NATIONAL
    caller_id: Annotated[str | None, Blank] = None
    from_user: Annotated[SipUser | None, Blank] = None
    from_domain: Annotated[Domain | None, Blank] = None
    pai: bool = True
    shows_callers: bool = True
    names: bool = False
    watch: bool = True
    verify: bool = True
    certificate_authority: Annotated[str | None, Blank] = None

    @model_validator(mode="after")
    def _somebody_vouches(self) -> Self:
        if not self.verify and self.transport is not Transport.TLS:
            raise ValueError("verify: false is for transport: tls, where a server shows who it is")
        if self.certificate_authority is None:
            return self
        if self.transport is not Transport.TLS:
            raise ValueError("certificate_authority: is for transport: tls, nothing else has one")
        if not self.verify:
            raise ValueError("certificate_authority: of no use with verify: false, leave one out")
        return self

    @property
    def servers(self) -> tuple[str, ...]:
        """Its servers, each with its port: that of the transport where none is written."""
        return tuple(one if _PORT.search(one) else f"{one}:{self._port}" for one in self.host)

    @property
    def _port(self) -> int:
        return SIPS_PORT if self.transport is Transport.TLS else SIP_PORT


class OnlyTrunkShape(TrunkShape):
    """The only trunk, as it was written before there could be several."""

    name: Name


class ClassesShape(Shape):
    """First digits of numbers whose class isn't the one that the country's table says."""

    service: Annotated[list[Series], Listed] = []
    """Short numbers, each whole."""
    geographic: Annotated[list[Series], Listed] = []
    mobile: Annotated[list[Series], Listed] = []
    free: Annotated[list[Series], Listed] = []
    premium: Annotated[list[Series], Listed] = []


def _country(name: str | None) -> str | None:
    if name is None or ALIASES.get(name, name) in COUNTRIES:
        return name
    known = [one for one in (*COUNTRIES, *ALIASES) if one == name.upper()]
    meant = known or [one.name for one in COUNTRIES.values() if one.code == name.lstrip("+0")]
    if meant:
        raise ValueError(f'"{name}" is no country, write {meant[0]}')
    raise ValueError(
        f'there is no table of the numbers of "{name}", write one of {", ".join(COUNTRIES)}, or in '
        "place of country: the calling code, as in country_code: 49"
    )


def _calling_code(code: str | None) -> str | None:
    if code is not None and (bare := code.lstrip("+0")) != code and bare in BY_CODE:
        raise ValueError(f'"{code}" has a prefix before it, write {bare}')
    if code is None or (code.isascii() and code.isdecimal() and code in BY_CODE):
        return code
    raise ValueError(f'"{code}" is no country\'s calling code, write one like 49')


class DiallingShape(Shape):
    """The numbers of the country, and what the site has beside them."""

    country: Annotated[str | None, Blank, AfterValidator(_country)] = None
    country_code: Annotated[str | None, Blank, AfterValidator(_calling_code)] = None
    """Of the country; written where it has no table."""
    emergency: Annotated[list[Emergency], Listed] = []
    classes: Annotated[ClassesShape, Mapped] = ClassesShape()
    international_prefixes: Annotated[list[InternationalPrefix], Listed] = []
    barred_prefixes: Annotated[list[Series], Listed] = []
    """As `classes: premium`."""

    @model_validator(mode="after")
    def _one_country(self) -> Self:
        """The calling code follows from the country."""
        if self.country is None and self.country_code is None:
            known = ", ".join(COUNTRIES)
            raise ValueError(f"write country: one of {known} (country_code: for any other)")
        code = self.of_country().code
        if self.country_code not in (None, code):
            raise ValueError(f"country_code: {self.country} has calling code {code}, take it out")
        return self

    def of_country(self) -> Country:
        """The country, as its table has it where there is one."""
        if self.country is None:
            return of_code(self.country_code or "")
        return COUNTRIES[ALIASES.get(self.country, self.country)]

    def dialling(self) -> Dialling:
        """The country's numbers with those of the site."""
        series = {
            prefix: Class(name)
            for name, prefixes in self.classes
            if name != Class.SERVICE
            for prefix in prefixes
        }
        return Dialling.of(
            self.of_country(),
            emergency=self.emergency,
            services=self.classes.service,
            international=(one for one in self.international_prefixes if one != "+"),
            series={**dict.fromkeys(self.barred_prefixes, Class.PREMIUM), **series},
        )


class CapShape(Shape):
    """How much may be called in a time."""

    calls: Count
    minutes: Count
    numbers: Count


class LimitsShape(Shape):
    """How much may be called out (S27)."""

    person_day: CapShape = CapShape(calls=150, minutes=300, numbers=80)
    exchange_hour: CapShape = CapShape(calls=400, minutes=1200, numbers=300)
    person_at_once: Annotated[int, Field(ge=1, le=50)] = 3
    exchange_at_once: Annotated[int, Field(ge=1, le=500)] = 30
    warn_percent: Annotated[int, Field(ge=10, le=100)] = 80
    places_per_hour: Count = 30

    def limits(self) -> Limits:
        """The same as the rules know it."""
        day, hour = self.person_day, self.exchange_hour
        return Limits(
            Cap(day.calls, day.minutes, day.numbers),
            Cap(hour.calls, hour.minutes, hour.numbers),
            self.person_at_once,
            self.exchange_at_once,
            self.warn_percent,
            self.places_per_hour,
        )


class TrunksShape(Shape):
    """trunks.yaml."""

    parts: ClassVar[tuple[tuple[str, ...], ...]] = (
        *(("trunks", "*"), ("routes", "*"), ("dialling", "*")),
        ("limits",),
    )
    trunks: Annotated[dict[Name, TrunkShape], Mapped] = {}
    trunk: OnlyTrunkShape | None = None
    routes: Annotated[dict[str, Annotated[list[Name], Listed]], Mapped] = {}
    """Names of trunks, by kind of number."""
    dialling: DiallingShape
    limits: Annotated[LimitsShape, Mapped] = LimitsShape()
