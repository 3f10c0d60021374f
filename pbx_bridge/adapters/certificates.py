"""What operators show over TLS, asked for as Asterisk would, to tell why it calls one no more."""

from __future__ import annotations

import asyncio
import socket
import ssl

from pbx_bridge.core.trunks import Trunk, address

PATIENCE_S = 5.0


class ShownCertificates:
    """`ports.Certificates` by a handshake with each server."""

    async def refused(self, trunk: Trunk) -> str | None:
        """Takes up to `PATIENCE_S` a server."""
        found = [await asyncio.to_thread(_refused, one, trunk.authority) for one in trunk.hosts]
        if told := [one for one in found if one]:
            return "; ".join(told)
        return None if None in found else ""


def _refused(host: str, authority: str) -> str | None:
    name, port = address(host), int(host.rpartition(":")[2])
    try:
        context = ssl.create_default_context(cafile=authority)
    except (OSError, ssl.SSLError) as error:
        return f"nobody can vouch for it, as {authority} can't be used: {error}"
    try:
        with (
            socket.create_connection((name, port), PATIENCE_S) as connection,
            context.wrap_socket(connection, server_hostname=name),
        ):
            return ""
    except ssl.SSLCertVerificationError as error:
        return f"{host}: {error.verify_message}"
    except (OSError, ValueError):  # not there, or it speaks no TLS
        return None
