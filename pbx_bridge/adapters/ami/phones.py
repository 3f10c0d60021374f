"""People's phones as Asterisk's manager sees them: which are there, what rings and waits.

Needs `read = agent` and `write = system,reporting` in manager.conf.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from pbx_bridge.adapters.ami.connection import Ami, Answer
from pbx_bridge.core.waiting import Waiters
from pbx_bridge.ports import Missed, PbxRejected, PhoneEvent, Rewired, Taken

UNREACHABLE = "Unreachable"
"""Status of a contact that has left an OPTIONS unanswered."""
UNANSWERED = ("Down", "Ring", "Ringing")
"""States of a channel that is being called."""


class AmiPhones:
    """`ports.Phones` on a real Asterisk. All of it raises `PbxUnavailable`, `PbxRejected`."""

    def __init__(self, ami: Ami) -> None:
        """`ami` has to want the events of class `agent`."""
        self._ami = ami
        self._events: asyncio.Queue[PhoneEvent] = asyncio.Queue()
        ami.on_connect(self._rewired)
        ami.on_event("ContactStatus", self._contact)
        ami.on_event("AgentRingNoAnswer", self._missed)
        ami.on_event("AgentConnect", self._taken)

    async def phone_events(self) -> AsyncIterator[PhoneEvent]:
        """Yield what happens to phones; one listener."""
        while True:
            yield await self._events.get()

    async def reachable(self) -> frozenset[str]:
        """Extensions with a contact that has not failed to answer OPTIONS."""
        try:
            contacts = await self._ami.listed("PJSIPShowContacts")
        except PbxRejected as error:
            if "No Contacts found" not in str(error):
                raise
            return frozenset()
        return frozenset(one["Endpoint"] for one in contacts if one["Status"] != UNREACHABLE)

    async def waiting(self, queue: str) -> Waiters:
        """Who waits in `queue`, the earliest first, and how long talks were of late."""
        items = await self._ami.listed("QueueStatus", Queue=queue)
        entries = [item for item in items if item["Event"] == "QueueEntry"]
        talk = next((item["TalkTime"] for item in items if item["Event"] == "QueueParams"), "0")
        entries.sort(key=lambda item: int(item["Position"]))
        return Waiters(tuple(int(item["Priority"]) for item in entries), float(talk))

    async def stop_ringing(self, extension: str) -> None:
        """Hang up the channels to `extension` that aren't answered."""
        for one in await self._ami.listed("CoreShowChannels"):
            name = one["Channel"]
            if name.startswith(f"PJSIP/{extension}-") and one["ChannelStateDesc"] in UNANSWERED:
                with suppress(PbxRejected):  # it has ended by itself
                    await self._ami.action("Hangup", Channel=name)

    async def _rewired(self) -> None:
        self._events.put_nowait(Rewired.REWIRED)

    def _contact(self, _: Answer) -> None:
        self._events.put_nowait(Rewired.REWIRED)

    def _missed(self, event: Answer) -> None:
        self._events.put_nowait(Missed(event["Queue"], _extension(event["Interface"])))

    def _taken(self, event: Answer) -> None:
        self._events.put_nowait(Taken(event["Queue"], _extension(event["Interface"])))


def _extension(interface: str) -> str:
    """`PJSIP/101` as 101; "" for others, which are no phones of people."""
    technology, _, name = interface.partition("/")
    return name if technology == "PJSIP" else ""
