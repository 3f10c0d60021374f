"""Operators that are known by a name: the addresses behind it, looked up beforehand.

Asterisk is told addresses, so no call waits for a name server, 112 first of all. Where it has to
call the name itself, as a certificate is for that, it finds the addresses in a file of ours
(`hosts.conf`). What a name led to is kept, for when no server answers.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import structlog

from pbx_bridge.core.model import Plan
from pbx_bridge.core.trunks import Trunk, address, is_network
from pbx_bridge.files import replace_file

FILE = "addresses.json"
NOWHERE = "192.0.2.1"
"""A name's address as long as nobody knows it: one that nobody has (RFC 5737), so that calls take
the next server at once, and an operator with one server is told to be unreachable."""

Lookup = Callable[[str], tuple[str, ...]]
"""The addresses of a name, the preferred one first. Raises `OSError`."""

log = structlog.get_logger(__name__)


def look_up(name: str) -> tuple[str, ...]:
    """IPv4 addresses by the machine's resolver: hosts file and name servers. It may take long."""
    found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_DGRAM)
    return tuple(dict.fromkeys(str(one[4][0]) for one in found))


def has_names(plan: Plan) -> bool:
    """Whether a trunk of the plan is known by a name."""
    return any(_names(trunk) for trunk in plan.trunks.values())


def with_addresses(plan: Plan, file: Path, lookup: Lookup = look_up, *, anew: bool = True) -> Plan:
    """The plan with addresses in place of names, or beside those that Asterisk calls.

    `anew`: all names are looked up, not only those of which `file` knows nothing. Raises `OSError`
    where `file` can't be written.
    """
    if not has_names(plan):
        return plan
    known = _known(file)
    found = dict(known)
    for trunk in plan.trunks.values():
        for name in _names(trunk):
            if name in found and not anew:
                continue
            try:
                found[name] = lookup(name)
            except OSError as error:
                log.warning("name_not_found", name=name, why=str(error), known=name in known)
    if found != known:
        replace_file(file, json.dumps({name: list(one) for name, one in found.items()}, indent=1))
    trunks = {name: _resolved(trunk, found) for name, trunk in plan.trunks.items()}
    return replace(plan, trunks=trunks)


def _names(trunk: Trunk) -> tuple[str, ...]:
    return tuple(address(one) for one in trunk.hosts if not is_network(address(one)))


def _resolved(trunk: Trunk, found: Mapping[str, tuple[str, ...]]) -> Trunk:
    if trunk.authority:
        known = {name: found.get(name, (NOWHERE,)) for name in _names(trunk)}
        addresses = tuple((one, name) for name, held in known.items() for one in held)
        return replace(trunk, addresses=addresses)
    hosts: list[str] = []
    for host in trunk.hosts:
        name = address(host)
        if is_network(name):
            hosts.append(host)
            continue
        port = host.rpartition(":")[2]
        hosts += [f"{one}:{port}" for one in found.get(name, (NOWHERE,))]
    return replace(trunk, hosts=tuple(dict.fromkeys(hosts)))


def _known(file: Path) -> dict[str, tuple[str, ...]]:
    """What the file holds; nothing where it isn't ours."""
    with suppress(OSError, ValueError, AttributeError, TypeError):
        held = json.loads(file.read_text(encoding="utf-8"))
        addresses = {
            str(name): tuple(str(one) for one in found if is_network(str(one)))
            for name, found in held.items()
        }
        return {name: found for name, found in addresses.items() if found}
    return {}
