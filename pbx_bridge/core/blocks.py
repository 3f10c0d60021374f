"""What of somebody's is blocked because it is lost (S26).

A telephone, the mobile that rings with it, or all that a person has: then the voice menu with its
PIN and the mailbox too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pbx_bridge.core import numbers
from pbx_bridge.core.countries import Class
from pbx_bridge.core.devices import TECHNOLOGY, endpoint, endpoint_of, endpoints
from pbx_bridge.core.model import Person
from pbx_bridge.core.state import Block, Exchange
from pbx_bridge.core.trace import MOBILE_CONTEXT

PASSWORDS = "pbx-blocked"
"""Family of AstDB in which Asterisk looks for passwords before it looks into pjsip.conf."""
MOBILES = "pbx-barred"
"""Family of the mobiles that the dialplan doesn't ring."""
ALL = ""
"""In place of a device: everything that somebody has."""
MOBILE = "mobile"
"""The device that is somebody's mobile phone, which doesn't register here."""


def block_of(exchange: Exchange, extension: str, device: str = ALL) -> Block | None:
    """The block that holds for a device of somebody's (an endpoint, `MOBILE`), or for `ALL` that
    they have; None where there is none."""
    held = {one.device: one for one in exchange.blocks.get(extension, ())}
    return held.get(ALL) or held.get(device)


def is_blocked(exchange: Exchange, extension: str) -> bool:
    """Whether none of somebody's telephones may ring: all that they have is blocked, or each one
    by itself."""
    if extension not in exchange.blocks:
        return False
    person = exchange.plan.people.get(extension)
    own = endpoints(person) if person is not None else (ALL,)
    return all(block_of(exchange, extension, one) is not None for one in own)


def mobiles_of(exchange: Exchange, person: Person) -> tuple[str, ...]:
    """The number of the mobile that rings with somebody's telephones, none where it is blocked."""
    if not person.mobile or block_of(exchange, person.extension, MOBILE) is not None:
        return ()
    return (person.mobile,)


def blocked_endpoints(exchange: Exchange) -> frozenset[str]:
    """Every endpoint that may not register, call or be rung."""
    return frozenset(
        endpoint
        for extension, person in _concerned(exchange)
        for endpoint in endpoints(person)
        if block_of(exchange, extension, endpoint) is not None
    )


def blocked_mobiles(exchange: Exchange) -> frozenset[str]:
    """Numbers (national form) of every mobile that may not be rung, and with whose number nobody
    may act."""
    return frozenset(
        person.mobile
        for extension, person in _concerned(exchange)
        if person.mobile and block_of(exchange, extension, MOBILE) is not None
    )


def described(person: Person, device: str) -> Mapping[str, str]:
    """What is lost, as people know it, by its endpoint or `MOBILE`; of `ALL` each one."""
    own = {
        endpoint(person, one): ", ".join(filter(None, (endpoint(person, one), one.place)))
        for one in person.devices
    }
    if person.mobile:
        own[MOBILE] = person.mobile
    return {one: told for one, told in own.items() if device in (ALL, one)}


def all_blocks(exchange: Exchange) -> Iterator[tuple[str, Block]]:
    """Yield what is blocked, each with the extension of whose it is."""
    for extension, held in exchange.blocks.items():
        for one in held:
            yield extension, one


@dataclass(frozen=True, slots=True)
class OpenChannel:
    """A channel of Asterisk's."""

    name: str
    number: str
    """Of the party behind it, "" where none is known. Not to be trusted."""
    dialled: str
    """Extension of the dialplan that it is at: what was dialled, or the kind of a call that goes
    out (extensions_out.conf)."""
    acts_for: str = ""
    """Extension whose PIN was given in the voice menu."""


def to_be_cut(exchange: Exchange, channels: Iterable[OpenChannel]) -> Iterator[str]:
    """Yield the names of the channels from and to what is blocked. An emergency call that is under
    way is left to its end."""
    plan = exchange.plan
    lost, mobiles = blocked_endpoints(exchange), blocked_mobiles(exchange)
    spared = {*plan.dialling.emergency, Class.EMERGENCY}
    legs = tuple(f"Local/{number}@{MOBILE_CONTEXT}-" for number in mobiles)
    for one in channels:
        own = endpoint_of(one.name) in lost and one.dialled not in spared
        outside = one.name.startswith(TECHNOLOGY) and one.number
        theirs = outside and numbers.number(one.number, plan.dialling) in mobiles
        let_in = one.acts_for and block_of(exchange, one.acts_for) is not None
        if own or theirs or let_in or one.name.startswith(legs):
            yield one.name


def _concerned(exchange: Exchange) -> Iterator[tuple[str, Person]]:
    for extension in exchange.blocks:
        person = exchange.plan.people.get(extension)
        if person is not None:
            yield extension, person
