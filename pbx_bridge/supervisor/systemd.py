"""What systemd is told (sd_notify(3)): ready, stopping, still alive, and a line of status."""

from __future__ import annotations

import asyncio
import os
import socket

WATCHDOG_S = 10.0
"""Between two signs of life where the unit asks for none."""


def under_systemd() -> bool:
    """Whether a unit of systemd has started this process and listens."""
    return bool(os.environ.get("NOTIFY_SOCKET"))


def tell(*lines: str) -> None:
    """Send `lines` such as `READY=1`. Nobody listening, or a failure, is no error here."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as door:
            door.connect(address)
            door.sendall("\n".join(lines).encode())
    except OSError:
        return


async def stay_alive() -> None:
    """Tell twice within each `WatchdogSec` that the event loop turns, until cancelled."""
    limit_us = os.environ.get("WATCHDOG_USEC", "")
    rest_s = int(limit_us) / 2e6 if limit_us.isdecimal() else WATCHDOG_S
    while True:
        tell("WATCHDOG=1")
        await asyncio.sleep(rest_s)
