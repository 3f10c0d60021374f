"""The doors of SIP: who needs which of them, and the certificate that phones are shown."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

from pbx_bridge.config.deployment import Doors
from pbx_bridge.config.nodes import Place, shown
from pbx_bridge.config.problems import ConfigError, Problem
from pbx_bridge.config.trunks import authority, own_address_problems
from pbx_bridge.config.trunks_schema import TrunkShape
from pbx_bridge.config.written import Written, read_plan
from pbx_bridge.core.media import Transport
from pbx_bridge.wire import x509

MOST_BYTES = 256 * 1024
"""A certificate with all that vouch for it takes a few thousand."""
MOST_BYTES_OF_ALL = 4 * 1024 * 1024
"""All authorities of the world take some 200,000."""


def named_certificate(doors: Doors) -> tuple[bytes, bytes] | None:
    """The certificate of config.yaml and its key, PEM; None where it names none.

    Raises `ConfigError` where a phone could not be shown it. One that is over, or not valid yet,
    is no problem here: phones that don't look are better off than without a door.
    """
    if doors.certificate is None or doors.key is None:
        return None
    certificate, key = _held(doors.certificate, doors), _held(doors.key, doors)
    try:
        x509.read(certificate, key)
    except x509.BadCertificate as bad:
        raise _refused(doors, f"{shown(doors.certificate)}: {bad}") from None
    return certificate, key


def door_problems(
    doors: Doors, folder: Path, mailboxes: Path, host: str = "", sip_port: int = 0
) -> list[Problem]:
    """What is wrong with the certificate, which devices and trunks of the plan in `folder` need a
    door that is closed, or an address that others can reach (`host`, "" where it isn't known), and
    which trunks are that address itself. None of it keeps anybody else's phone from working."""
    problems: list[Problem] = []
    try:
        named_certificate(doors)
    except ConfigError as error:
        problems += error.problems
    written = read_plan(folder, mailboxes)
    problems += (*_closed(doors, written), *_unoffered(doors, written, host))
    ports = frozenset(filter(None, (sip_port, doors.tcp_port, doors.tls_port)))
    for own in filter(None, (host, doors.ipv6)):
        problems += own_address_problems(written, own, ports)
    return [*problems, *_nobody_vouches(folder, written)]


def _nobody_vouches(folder: Path, written: Written) -> Iterator[Problem]:
    """Trunks that nobody can be called by, as nobody is known who may vouch for their servers."""
    for place, trunk in _trunks(written):
        file = authority(trunk, folder)
        if file is None:
            continue
        key = "transport" if trunk.certificate_authority is None else "certificate_authority"
        hint = "install ca-certificates, or name the operator's own: certificate_authority:"
        if trunk.certificate_authority is not None:
            hint = f"put the operator's PEM file there: {file}"
        try:
            with file.open("rb") as opened:
                x509.shown(opened.read(MOST_BYTES_OF_ALL))
        except OSError as error:
            what = f"{shown(file)} can't be read ({error.strerror})"
            yield written.problem("trunks", (*place, key), what, hint)
        except x509.BadCertificate as bad:
            yield written.problem("trunks", (*place, key), f"{shown(file)}: {bad}", hint)


def _closed(doors: Doors, written: Written) -> Iterator[Problem]:
    ports = {Transport.TCP: doors.tcp_port, Transport.TLS: doors.tls_port}
    for file, place, way in _ways(written):
        if way in ports and ports[way] is None:
            yield written.problem(
                *(file, (*place, "transport")),
                f"the exchange has no door for {way.upper()}",
                f"write a {way}_port under asterisk: in config.yaml",
            )
    for file, place in () if doors.ipv6 else _by_ipv6(written):
        yield written.problem(
            *(file, place),
            "the exchange has no IPv6 address",
            "write host_ipv6 under asterisk: in config.yaml",
        )


def _unoffered(doors: Doors, written: Written, host: str) -> Iterator[Problem]:
    """Devices that would be offered no way for their sound: Asterisk offers no loopback address."""
    for extension, person in written.people.items():
        for name, device in person.devices.items():
            address = doors.ipv6 if device.ipv6 else host
            if device.ice and address and ip_address(address).is_loopback:
                key = "host_ipv6" if device.ipv6 else "host"
                yield written.problem(
                    *("people", (extension, "devices", name, "ice")),
                    f"with ice there is no sound at {address}, which is this machine alone",
                    f"write another {key} under asterisk: in config.yaml",
                )


def _ways(written: Written) -> Iterator[tuple[str, Place, Transport]]:
    """Whatever comes by a door, or goes out by it: its file, its place in it, and how."""
    for extension, person in written.people.items():
        for name, device in person.devices.items():
            yield "people", (extension, "devices", name), device.transport
    for place, trunk in _trunks(written):
        yield "trunks", place, trunk.transport


def _by_ipv6(written: Written) -> Iterator[tuple[str, Place]]:
    """What comes, or goes out, by IPv6: its file, and where it says so."""
    for extension, person in written.people.items():
        for name, device in person.devices.items():
            if device.ipv6:
                yield "people", (extension, "devices", name, "ipv6")
    for place, trunk in _trunks(written):
        if any(host.startswith("[") for host in trunk.host):
            yield "trunks", (*place, "host")
        if any(":" in network for network in trunk.calls_from):
            yield "trunks", (*place, "calls_from")


def _trunks(written: Written) -> Iterator[tuple[Place, TrunkShape]]:
    if written.trunks is None:
        return
    if (only := written.trunks.trunk) is not None:
        yield ("trunk",), only
    for name, trunk in written.trunks.trunks.items():
        yield ("trunks", name), trunk


def _held(file: Path, doors: Doors) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(MOST_BYTES)
    except OSError as error:
        raise _refused(doors, f"{shown(file)} can't be read ({error.strerror})") from None


def _refused(doors: Doors, what: str) -> ConfigError:
    file, line = doors.written
    return ConfigError([Problem(file, line, f'"tls_certificate": {what}')])
