"""How devices reach the exchange, for those who type it into them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from pbx_bridge.asterisk import running
from pbx_bridge.asterisk.certificates import OWN
from pbx_bridge.asterisk.running import Door, Running
from pbx_bridge.config.deployment import Deployment
from pbx_bridge.core.media import Encryption, Transport
from pbx_bridge.core.model import Device
from pbx_bridge.ports import PbxUnavailable
from pbx_bridge.wire import sip


def listed(where: Running) -> str:
    """The doors of SIP that are open, in the READY line."""
    host, port = where.sip
    found = {
        "sip": f"{host}:{port}",
        "tcp": where.sip_tcp_port,
        "tls": where.sip_tls_port,
        "ipv6": sip.in_uri(where.sip_host6) if where.sip_host6 else None,
    }
    return " ".join(f"{name}={door}" for name, door in found.items() if door is not None)


def typed_in(deployment: Deployment, device: Device) -> Mapping[str, str]:
    """The server of a device, and how it talks, in the words of telephones; "" where nothing has
    to be chosen."""
    way, secured = device.transport, device.transport is Transport.TLS
    found = [
        f"{sip.in_uri(host)}:{port}"
        for name, host, port in _open(deployment)
        if name == way and (":" in host) == device.ipv6
    ]
    missing = "host_ipv6" if device.ipv6 and not deployment.doors.ipv6 else f"{way}_port"
    closed = f"none: write {missing} under asterisk: in config.yaml, and start the exchange anew"
    own = secured and deployment.doors.certificate is None
    return {
        "server": found[0] if found else closed,
        "transport": way.upper(),
        "trust": str(deployment.state / OWN) if own else "",
        "encryption": "SRTP (SDES), always" if device.encryption is Encryption.SRTP else "",
        "codecs": ", ".join(device.codecs),
        "nat": "ICE" if device.ice else "",
    }


def _open(deployment: Deployment) -> tuple[Door, ...]:
    """Of the exchange that runs; as they are written where none does."""
    with suppress(PbxUnavailable):
        return running.load(deployment.state).sip_doors
    written = deployment.doors
    hosts = (deployment.host, written.ipv6)
    return running.doors(hosts, deployment.sip_port, written.tcp_port, written.tls_port)
