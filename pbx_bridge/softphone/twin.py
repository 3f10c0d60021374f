"""SIPp's twin: what a scenario tells, and what it is told, over SIPp's third-party line.

A command is a few header lines that end with an escape character; what SIPp tells also
carries the SIP message that it is about.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from pbx_bridge.wire import sip

_END = b"\x1b"


@dataclass(frozen=True, slots=True)
class Moment:
    """When something happened."""

    monotonic_s: float
    """`time.monotonic()` when we were told."""
    wall: datetime
    """SIPp's own reading of the machine's clock, in UTC."""

    def until_now(self) -> Moment:
        """This moment, by as much later as has passed since."""
        now_s = time.monotonic()
        return Moment(now_s, self.wall + timedelta(seconds=now_s - self.monotonic_s))


@dataclass(frozen=True, slots=True)
class Told:
    """Something that SIPp says happened."""

    event: str
    call_id: str
    at: Moment
    fields: Mapping[str, str]
    message: sip.Message | None
    """The last SIP message that SIPp received in the call."""


@dataclass(frozen=True, slots=True)
class Gone:
    """SIPp ended a call or itself against the scenario; there will be no more events of it."""

    call_id: str | None
    """None when it is the whole process."""
    said: str


def read_command(text: str, now_s: float) -> Told | Gone:
    """Read what a scenario told at `now_s` (`time.monotonic`)."""
    head, _, rest = text.replace("\r\n", "\n").strip("\n").partition("\n\n")
    fields = {}
    for line in head.split("\n"):
        name, _, value = line.partition(":")
        fields[name.strip().lower()] = value.strip()
    call_id = fields.pop("call-id", "")
    if "internal-cmd" in fields:
        return Gone(call_id, "")
    wall = datetime.fromtimestamp(float(fields.pop("at").split()[-1]), UTC)
    message = sip.parse(rest.lstrip("\n")) if rest.strip() else None
    return Told(fields.pop("event"), call_id, Moment(now_s, wall), fields, message)


class Twin(asyncio.Protocol):
    """SIPp's twin: cuts the stream at escape characters and reads each command.

    `lost` is called when SIPp leaves before `close`; `connected` is done when it comes.
    """

    def __init__(
        self,
        told: Callable[[Told | Gone], None],
        lost: Callable[[], None],
        connected: asyncio.Future[None],
    ) -> None:
        self._told, self._lost, self._connected = told, lost, connected
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._closing = False
        self._closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102 (asyncio)
        self._transport = cast(asyncio.Transport, transport)
        if not self._connected.done():
            self._connected.set_result(None)

    def data_received(self, data: bytes) -> None:  # noqa: D102 (asyncio)
        *whole, self._buffer = (self._buffer + data).split(_END)
        for text in whole:
            self._told(read_command(text.decode("utf-8", "replace"), time.monotonic()))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002, D102 (asyncio)
        self._closed.set()
        if not self._closing:
            self._lost()

    def send(self, command: str) -> None:
        """Give SIPp one command (header lines); one that has left gets nothing."""
        if self._transport is not None:
            self._transport.write(command.encode() + _END)

    async def close(self) -> None:
        """Close the connection; returns when the socket is gone."""
        self._closing = True
        if self._transport is not None:
            self._transport.abort()
            await self._closed.wait()
