"""The certificate of the TLS door: a technician's, or one that is made here."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pbx_bridge.asterisk.settings import Settings
from pbx_bridge.config.deployment import Deployment
from pbx_bridge.config.doors import named_certificate
from pbx_bridge.files import replace_files
from pbx_bridge.wire import x509

OWN = "tls.pem"
OWN_KEY = "tls.key"
"""In the state folder, made here."""
EARLY = timedelta(days=60)
"""Before its end a certificate of ours is made anew, at a start or when the files change."""

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)


def files(deployment: Deployment, settings: Settings) -> Mapping[str, str]:
    """What Asterisk reads for its TLS door, by name; nothing where there is none.

    Raises `ConfigError` where the files that config.yaml names can't be used, `OSError`.
    """
    doors = deployment.doors
    if settings.sip_tls_port is None:
        return {}
    certificate, key = named_certificate(doors) or _own(deployment, datetime.now(UTC))
    held = {settings.certificate: certificate, settings.certificate_key: key}
    return {file.name: text.decode("ascii", "ignore") for file, text in held.items()}


def sources(deployment: Deployment) -> tuple[Path, ...]:
    """The files whose change is a renewed certificate; those that are there."""
    doors = deployment.doors
    named = () if doors.tls_port is None else (doors.certificate, doors.key)
    return tuple(one for one in named if one is not None and one.is_file())


def _own(deployment: Deployment, now: datetime) -> tuple[bytes, bytes]:
    """The one made here, made anew when it lacks an address or is nearly over."""
    files = [deployment.state / name for name in (OWN, OWN_KEY)]
    names = _names(deployment)
    with suppress(OSError, x509.BadCertificate):
        certificate, key = (one.read_bytes() for one in files)
        found = x509.read(certificate, key)
        if set(names) <= set(found.names) and found.until - now > EARLY:
            return certificate, key
    certificate, key = x509.make(names, now)
    deployment.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_files({files[0]: certificate.decode(), files[1]: key.decode()})
    return certificate, key


def _names(deployment: Deployment) -> Sequence[str]:
    """How phones reach this exchange."""
    host = socket.gethostname().partition(".")[0]
    named = [host] if _HOST_NAME.fullmatch(host) else []
    ipv6 = deployment.doors.ipv6
    return [deployment.host, *([ipv6] if ipv6 else []), *named]
