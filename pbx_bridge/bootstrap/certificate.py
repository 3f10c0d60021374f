"""The certificate that phones are shown, as Asterisk has it."""

from __future__ import annotations

from datetime import datetime

from pbx_bridge.asterisk.running import Running
from pbx_bridge.ports import Ill
from pbx_bridge.wire import x509


def lasts_until(where: Running) -> datetime | None:
    """The end of it, None where there is no TLS door. Raises `Ill` where it can't be read."""
    if where.sip_tls_port is None:
        return None
    try:
        return x509.shown(where.certificate.read_bytes()).until
    except (OSError, x509.BadCertificate) as error:
        raise Ill(f"{where.certificate} can't be read: {error}") from None
