"""What comes to a station: calls, texts, and word of waiting messages."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pbx_bridge.softphone.line import Line
from pbx_bridge.softphone.twin import Moment
from pbx_bridge.wire import sip
from pbx_bridge.wire.rtp import Samples


@dataclass(frozen=True, slots=True)
class Ringing:
    """A call that is shown."""

    display_name: str
    number: str
    """The caller's, as From has it."""
    called: str
    """The number in the request's address: whom the exchange asked for."""
    headers: Mapping[str, str]
    """All headers of the INVITE, by name in lower case."""
    at: Moment

    def party(self, header: str) -> sip.Party:
        """The name and number in an address header, such as Diversion; the first of several."""
        return sip.party(self.headers.get(header.lower(), ""))


@dataclass(frozen=True, slots=True, eq=False)
class Received:
    """A call that is over."""

    ringing: Ringing
    answered_at: Moment | None
    ended_at: Moment
    ended_by: Literal["phone", "exchange"]
    heard: Samples


@dataclass(frozen=True, slots=True)
class Message:
    """A text that was sent to the station (RFC 3428)."""

    text: str
    sender: sip.Party
    at: Moment


@dataclass(frozen=True, slots=True)
class Lamp:
    """What the station was told of waiting messages (RFC 3842)."""

    told: sip.Waiting
    at: Moment


class Incoming:
    """A call while it lasts, from the first ring."""

    def __init__(self, invite: sip.Message, line: Line, at: Moment) -> None:
        self.ringing, self.line = _shown(invite, at), line
        self.media = sip.media(invite.body) if invite.body.strip() else None
        self.talking, self.over, self.leaving = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.by_phone = False
        self.answered_at: Moment | None = None
        self.ended_at: Moment | None = None
        self.failure = ""

    def __str__(self) -> str:
        state = "rang only" if self.answered_at is None else "was answered"
        told = ", told to hang up" if self.line.told_to_hang_up else ""
        shown = self.ringing
        return f"a call of {shown.number} to {shown.called} at {shown.at.wall} ({state}{told})"

    def end(self) -> None:
        """It is over for the exchange; what still waits for it goes on."""
        self.line.end()
        self.over.set()


def _shown(invite: sip.Message, at: Moment) -> Ringing:
    caller = sip.party(invite.headers.get("from", ""))
    called = sip.party(invite.start.split()[1])
    return Ringing(caller.name, caller.number, called.number, invite.headers, at)


async def any_of(*events: asyncio.Event, within_s: float | None = None) -> bool:
    """Wait until one of `events` is set, for so long at most; say whether one is."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        done, _ = await asyncio.wait(waits, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    return bool(done)
