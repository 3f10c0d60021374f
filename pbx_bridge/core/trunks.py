"""The ways to the public network: what a trunk is, and which are tried for a number, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from zlib import crc32

from pbx_bridge.core.countries import Class
from pbx_bridge.core.media import Encryption, Keys, Transport

OUT_CONTEXT = "pbx-bridge-call"
"""Where a `Local` channel calls a number outside: `Local/0457000102@pbx-bridge-call/n`."""
KINDS = tuple(kind for kind in Class if kind is not Class.UNKNOWN)
"""Kinds of numbers outside that may have trunks of their own."""


class NumberForm(StrEnum):
    """How an operator wants numbers written. Short numbers such as 112 are the same in each."""

    NATIONAL = "national"
    """`0457111777`, abroad `0046…`."""
    E164 = "e164"
    """`+358457111777`, abroad `+46…` (ITU-T E.164, written as RFC 3966 does)."""
    E164_WITHOUT_PLUS = "e164-without-plus"
    """`358457111777`, abroad `46…`."""
    INTERNATIONAL = "international"
    """`00358457111777`, abroad `0046…`."""


@dataclass(frozen=True, slots=True)
class Trunk:
    """One way to the public network."""

    name: str
    hosts: tuple[str, ...]
    """The operator's SIP servers in the order in which they are called: an address, or a name that
    is looked up before Asterisk is told of it, and a port."""
    calls_from: tuple[str, ...] = ()
    """Addresses and networks (`192.0.2.0/28`) from which it calls, beside `hosts`."""
    username: str = ""
    """User name for the operator's question who we are, some with a domain behind it; "" where the
    address is trusted."""
    registers: bool = False
    """Whether the operator is to be told where we are (SIP REGISTER), and calls us there."""
    form: NumberForm = NumberForm.NATIONAL
    caller_id: str = ""
    """Number shown for calls of phones that have none of their own, in national form."""
    from_user: str = ""
    """What the operator wants to see in From in place of the caller's number, "" for the number."""
    from_domain: str = ""
    """Domain of From, "" for our own address."""
    shows_callers: bool = True
    """Whether whoever is rung by a call that we pass on sees the caller's number; else ours, for
    operators that let nobody show a number that isn't theirs."""
    names: bool = False
    """Whether names go out with the numbers."""
    asserts: bool = True
    """Whether the caller's number is told in P-Asserted-Identity (RFC 3325) too."""
    watched: bool = True
    """Whether it is asked if it is there (SIP OPTIONS), and it is told when it isn't."""
    transport: Transport = Transport.UDP
    encryption: Encryption = Encryption.NONE
    keys: Keys = Keys.ANY
    authority: str = ""
    """File of those who may vouch for the certificate that its servers show over TLS (PEM), and
    that has to be for the name or address by which `hosts` calls them; "": any is taken."""
    addresses: tuple[tuple[str, str], ...] = ()
    """An address and the name in `hosts` behind which it was found, where Asterisk has to call that
    name: a certificate is for names."""

    @property
    def account(self) -> str:
        """Whom the operator is told of when we register: the user name without a domain."""
        return self.username.partition("@")[0]


_PROVEN = "tls+"
"""Before a trunk's name, in the TLS transport that calls its servers and checks who they are."""
_INSIDE = "+in"
"""Behind it, in the endpoint whose calls come in, where another one calls out."""
_WITHOUT_PROOF = "+anyone"
"""Behind it, in the endpoint that calls out whoever its servers are."""
_WATCH = "+watch"
"""Between a trunk's name and the number of its server, in the endpoint that asks that server
(OPTIONS); no trunk's name has a +. What is dialled is asked by nobody: a server that leaves
questions unanswered would count as unreachable, and an emergency call wouldn't even be tried."""


def proven(trunk: Trunk) -> str:
    """The transport by which a trunk's servers are called that have to prove who they are. Asterisk
    changes none that it has, so one for other authorities has another name."""
    return f"{_PROVEN}{trunk.name}-{crc32(trunk.authority.encode()):08x}"


def inside(trunk: Trunk) -> str:
    """The endpoint whose calls come in from a trunk. What is sent by an endpoint that names a
    transport never goes by a connection that has come in by another one."""
    return f"{trunk.name}{_INSIDE}" if trunk.authority else trunk.name


def without_proof(trunk: Trunk) -> str:
    """The endpoint by which an emergency call takes a trunk whatever certificate it shows."""
    return f"{trunk.name}{_WITHOUT_PROOF}"


def watch(trunk: Trunk, server: int) -> str:
    """The endpoint that asks a trunk's server, which are numbered from 1."""
    return f"{trunk.name}{_WATCH}{server}"


def watched_trunk(name: str) -> str:
    """The trunk that is watched by what has a name that begins as that of an endpoint that asks;
    "" for any other."""
    name, found, _ = name.partition(_WATCH)
    return name if found else ""


def networks(trunk: Trunk) -> tuple[str, ...]:
    """The addresses, and networks, from which an operator calls."""
    servers = (address(host) for host in trunk.hosts)
    found = (one for one, _ in trunk.addresses)
    return tuple(dict.fromkeys((*servers, *found, *trunk.calls_from)))


def address(authority: str) -> str:
    """`192.0.2.10` of `192.0.2.10:5060`, `2001:db8::1` of `[2001:db8::1]:5060`."""
    return authority.rpartition(":")[0].strip("[]") if ":" in authority else authority


def is_network(text: str) -> bool:
    """False for a name."""
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def shown(trunk: Trunk, own: str) -> str:
    """What an operator is shown of a call that is made from our number `own`."""
    if not trunk.from_user:
        return own
    told = f"{own} in P-Asserted-Identity" if trunk.asserts else "our number told nowhere"
    return f"{trunk.from_user} ({told})"


def near(sender: str, trunks: Mapping[str, Trunk], here: str) -> str | None:
    """The trunk whose operator `sender` may belong to: an address in the same network (of 256
    IPv4 addresses, of an IPv6 site). Not in the network of the exchange itself, where phones are.
    """
    around = _around(sender)
    if around is None or around == _around(here):
        return None
    for trunk in trunks.values():
        if any(_around(one.partition("/")[0]) == around for one in networks(trunk)):
            return trunk.name
    return None


def _around(text: str) -> IPv4Network | IPv6Network | None:
    """The network around an address; None for what is none."""
    try:
        one = ip_address(text)
    except ValueError:
        return None
    return ip_network((one, 24 if one.version == 4 else 48), strict=False)


@dataclass(frozen=True, slots=True)
class Way:
    """One server of a trunk."""

    trunk: Trunk
    host: str
    first: bool
    """Whether it is the trunk's first server, its other ones being tried after it."""
    proven: bool = True
    """Whether it has to prove who it is, where its trunk asks for that."""


def order(
    trunks: Mapping[str, Trunk], routes: Mapping[str, tuple[str, ...]], kind: str
) -> tuple[Trunk, ...]:
    """The trunks that are tried for numbers of a kind, in order.

    Those that its route names, or all; an emergency call is tried over the others too, after them.
    """
    named = [trunks[name] for name in routes.get(kind, tuple(trunks))]
    others = [one for one in trunks.values() if kind == Class.EMERGENCY and one not in named]
    return (*named, *others)


def ways(
    trunks: Mapping[str, Trunk], routes: Mapping[str, tuple[str, ...]], kind: str
) -> tuple[Way, ...]:
    """Every server that is tried for numbers of a kind: all of a trunk before the next trunk.

    An emergency call is tried once more, behind all others, over those that couldn't prove who
    they are. Where an operator says that it has moved (302) its next server is asked, for the
    number that was dialled: what it names is never called.
    """
    tried = order(trunks, routes, kind)
    found = [Way(trunk, host, host == trunk.hosts[0]) for trunk in tried for host in trunk.hosts]
    if kind == Class.EMERGENCY:
        # Better a stranger who listens in than nobody who comes.
        unproven = [one for one in tried if one.authority]
        found += [
            Way(one, host, first=False, proven=False) for one in unproven for host in one.hosts
        ]
    return tuple(found)
