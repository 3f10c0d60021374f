"""The ways to the public network, as they are written and as they are meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path

from pbx_bridge.config import fields
from pbx_bridge.config.nodes import Place
from pbx_bridge.config.numbering import ours
from pbx_bridge.config.problems import Problem, did_you_mean
from pbx_bridge.config.trunks_schema import CapShape, TrunkShape
from pbx_bridge.config.written import Written
from pbx_bridge.core.media import Transport
from pbx_bridge.core.trunks import KINDS, Trunk, address, is_network

MACHINE_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
"""Whom this machine trusts: Debian's package ca-certificates."""
_MOST_OF_A_HOUSE = 256
"""Addresses of a house's own kind that may be an operator's: more of them are where telephones
are."""
_OF_HOUSES = tuple(
    ip_network(one)
    for one in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),  # RFC 1918
        *("169.254.0.0/16", "100.64.0.0/10"),  # RFC 3927, RFC 6598
        *("fc00::/7", "fe80::/10"),  # RFC 4193, RFC 4291
    )
)
_Network = IPv4Network | IPv6Network


def trunks_of(written: Written, folder: Path) -> Mapping[str, Trunk]:
    """The trunks by name, in their order; who has no number of their own shows the first one's.
    Files that they name are found from `folder` on."""
    assert written.trunks is not None
    dialling = written.trunks.dialling.dialling()
    shapes = {name: shape for name, _, shape in _shapes(written)}
    texts = [shape.caller_id for shape in shapes.values() if shape.caller_id]
    return {
        name: Trunk(
            name=name,
            hosts=shape.servers,
            calls_from=tuple(shape.calls_from),
            username=shape.username or "",
            registers=shape.registers,
            form=shape.numbers,
            caller_id=fields.national(shape.caller_id or texts[0], dialling),
            from_user=shape.from_user or "",
            from_domain=shape.from_domain or "",
            asserts=shape.pai,
            shows_callers=shape.shows_callers,
            names=shape.names,
            watched=shape.watch,
            transport=shape.transport,
            encryption=shape.encryption,
            keys=shape.keys,
            authority=str(authority(shape, folder) or ""),
        )
        for name, shape in shapes.items()
    }


def authority(shape: TrunkShape, folder: Path) -> Path | None:
    """The file of those who may vouch for a trunk's servers, None where nobody has to."""
    if shape.transport is not Transport.TLS or not shape.verify:
        return None
    if shape.certificate_authority is None:
        return MACHINE_AUTHORITIES
    return (folder / shape.certificate_authority).absolute()


def trunk_problems(written: Written) -> Iterator[Problem]:
    """No trunk, two of one address, routes to none, and numbers to show that aren't ours."""
    if written.trunks is None:
        return
    shapes = tuple(_shapes(written))
    if written.trunks.trunk is not None and written.trunks.trunks:
        what = "trunk and trunks both stand here"
        hint = "move what is behind trunk: into trunks:, behind its name"
        yield written.problem("trunks", ("trunk",), what, hint)
        return
    names = _names(written)
    if not names:
        hint = "write trunks: and below it operator:, with host: and caller_id:"
        yield written.problem("trunks", ("trunks",), "there is no trunk", hint)
    yield from _hosts(written, shapes)
    yield from _calls_from(written, shapes)
    yield from _caller_ids(written, shapes)
    yield from _routes(written, names)
    yield from _at_once(written)


_Trunk = tuple[str, Place, TrunkShape]
"""Its name, where it stands, and what stands there."""


def _shapes(written: Written) -> Iterator[_Trunk]:
    assert written.trunks is not None
    if (only := written.trunks.trunk) is not None:
        yield only.name, ("trunk",), only
    for name, shape in written.trunks.trunks.items():
        yield name, ("trunks", name), shape


def _names(written: Written) -> list[str]:
    """All that are written, also those that aren't sound."""
    assert written.trunks is not None
    if written.trunks.trunk is not None:
        return [written.trunks.trunk.name]
    tree = written.documents["trunks"].tree
    held = tree.get("trunks") if isinstance(tree, dict) else None
    return list(held) if isinstance(held, dict) else []


def _hosts(written: Written, shapes: tuple[_Trunk, ...]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for name, place, shape in shapes:
        for host in shape.servers:
            if host in first:
                what = f"{host} is a server of {first[host]} already"
                yield written.problem("trunks", (*place, "host"), what, "write each once")
            first.setdefault(host, name)
        if shape.transport is Transport.TLS and len(set(map(_is_ipv6, shape.host))) > 1:
            what = f"{name} has servers by IPv4 and by IPv6, which TLS can't have together"
            yield written.problem("trunks", (*place, "host"), what, "make them two trunks")
        if shape.registers and shape.username is None:
            what = f"{name} can't register without a user name"
            hint = "write username: as the operator has given it, and the password by secrets.json"
            yield written.problem("trunks", (*place, "registers"), what, hint)


def _is_ipv6(host: str) -> bool:
    return host.startswith("[")


def _calls_from(written: Written, shapes: tuple[_Trunk, ...]) -> Iterator[Problem]:
    """Whoever sends from there is the operator: a telephone couldn't register, nor be let out to
    112, and another trunk's calls would go by the wrong one."""
    hosts = [(address(host), name) for name, _, shape in shapes for host in shape.servers]
    servers = [(ip_network(host), name) for host, name in hosts if is_network(host)]
    first = list(servers)
    for name, place, shape in shapes:
        for at, text in enumerate(shape.calls_from):
            here, network = (*place, "calls_from", at), ip_network(text)
            if text in shape.calls_from[:at]:
                yield written.problem("trunks", here, f"{text} stands here twice", "write it once")
            if network.num_addresses > _MOST_OF_A_HOUSE and any(map(network.overlaps, _OF_HOUSES)):
                what = f"{text} may hold telephones, and each in it is taken for {name}"
                hint = "write the addresses of its servers, or a network of 256 at most (/24)"
                yield written.problem("trunks", here, what, hint)
            for other, owner in first:
                if owner != name and other.overlaps(network):
                    also = "a server" if (other, owner) in servers else "where calls come from"
                    what = f"{text} holds {_bare(other)}, {also} of {owner}"
                    yield written.problem("trunks", here, what, f"write what is {name}'s alone")
            first.append((network, name))


def _bare(network: _Network) -> str:
    """One address without the length of its mask."""
    return str(network.network_address if network.num_addresses == 1 else network)


def own_address_problems(written: Written, host: str, ports: frozenset[int]) -> Iterator[Problem]:
    """Calls that would go round to the exchange itself, and telephones beside it that would be
    taken for an operator. `host` is the exchange's own address, `ports` are its doors of SIP."""
    own = {f"[{host}]" if ":" in host else host}
    if ip_address(host).is_loopback:
        own.add("localhost")
    for name, place, shape in () if written.trunks is None else _shapes(written):
        for server in shape.servers:
            there, _, port = server.rpartition(":")
            if ip_address(host).is_loopback and not _is_near(there, host):
                what = f"{server} can't be reached from {host}, which is this machine alone"
                hint = "write the exchange's address as host: under asterisk: in config.yaml"
                yield written.problem("trunks", (*place, "host"), what, hint)
            if there in own and int(port) in ports:
                what = f"{server} is this exchange itself, calls to {name} would come back"
                hint = "write the operator's server"
                yield written.problem("trunks", (*place, "host"), what, hint)
        for at, text in enumerate(shape.calls_from):
            network = ip_network(text)
            if network.num_addresses > 1 and ip_address(host) in network:
                what = f"{text} is the exchange's own network, where telephones are"
                hint = f"write the addresses of {name}'s servers"
                yield written.problem("trunks", (*place, "calls_from", at), what, hint)


def _is_near(server: str, host: str) -> bool:
    """Whether a server is on this machine, or isn't reached from `host` (loopback) anyway but from
    our address of the other version of IP. Names are looked up for IPv4."""
    bare, own = server.strip("[]"), ip_address(host)
    if not is_network(bare):
        return bare == "localhost" or own.version == 6
    return ip_address(bare).is_loopback or ip_address(bare).version != own.version


def _caller_ids(written: Written, shapes: tuple[_Trunk, ...]) -> Iterator[Problem]:
    """The number that is shown is one of ours; the first trunk's is for all that have none."""
    assert written.trunks is not None
    dialling = written.trunks.dialling.dialling()
    own = ours(written, dialling)
    for name, place, shape in shapes:
        at = (*place, "caller_id")
        if shape.caller_id is None:
            if name == _names(written)[0]:
                hint = "write the number that is shown for calls of phones without one of their own"
                yield written.problem("trunks", place, f"{name} has no caller_id", hint)
            continue
        try:
            digits = fields.national(shape.caller_id, dialling)
        except ValueError as error:
            yield written.problem("trunks", at, str(error))
            continue
        if digits not in own and "numbers" not in written.unread:
            hint = "write one of numbers.yaml, so that people can call back"
            yield written.problem("trunks", at, f'"{shape.caller_id}" is none of our numbers', hint)


def _routes(written: Written, names: list[str]) -> Iterator[Problem]:
    assert written.trunks is not None
    for kind, route in written.trunks.routes.items():
        place = ("routes", kind)
        if kind not in KINDS:
            hint = did_you_mean(kind, KINDS, "the kinds are " + ", ".join(KINDS))
            yield written.problem("trunks", place, f'"{kind}" is no kind of number', hint)
        if not route:
            hint = "write [" + ", ".join(names) + "], or leave it out"
            yield written.problem("trunks", place, f"{kind} calls have no way out", hint)
        for at, name in enumerate(route):
            if name not in names:
                hint = did_you_mean(name, names, "the trunks are " + ", ".join(names))
                yield written.problem("trunks", (*place, at), f'there is no trunk "{name}"', hint)
            elif name in route[:at]:
                what = f"{name} stands here twice"
                yield written.problem("trunks", (*place, at), what, "write it once")


def _at_once(written: Written) -> Iterator[Problem]:
    """What one person may do all together have to be able to do."""
    assert written.trunks is not None
    limits = written.trunks.limits
    if limits.exchange_at_once < limits.person_at_once:
        all_, one = limits.exchange_at_once, limits.person_at_once
        what = f"one person may have {one} calls at once, all together {all_}"
        hint = f"raise exchange_at_once to {one}, or write {all_} at most for person_at_once"
        lowered = ("limits", "exchange_at_once") in written.documents["trunks"].lines
        key = "exchange_at_once" if lowered else "person_at_once"
        yield written.problem("trunks", ("limits", key), what, hint)


def trunk_advice(written: Written) -> Iterator[Problem]:
    """Operators that anybody can pass for or that can't be told apart, and caps that nobody can
    reach."""
    if written.trunks is None:
        return
    first: dict[str, str] = {}
    for name, place, trunk in _shapes(written):
        for host in {address(server) for server in trunk.servers}:
            if first.setdefault(host, name) != name and not trunk.registers:
                what = f"{name} is at {host} as {first[host]} is: their calls can't be told apart"
                hint = "make them one, unless both register"
                yield written.problem("trunks", (*place, "host"), what, hint)
    for name, place, trunk in _shapes(written):
        if trunk.transport is Transport.TLS and not trunk.verify:
            what = f"any certificate is taken of {name}: who comes between hears and changes all"
            hint = "leave it out, and name the operator's own behind certificate_authority:"
            yield written.problem("trunks", (*place, "verify"), what, hint)
    for key in ("person_day", "exchange_hour"):
        cap: CapShape = getattr(written.trunks.limits, key)
        if cap.numbers > cap.calls:
            what = f"{cap.numbers} numbers are never reached in {cap.calls} calls"
            hint = "write fewer numbers than calls"
            yield written.problem("trunks", ("limits", key, "numbers"), what, hint)
