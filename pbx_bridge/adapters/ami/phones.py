"""People's phones as Asterisk's manager sees them: which are there, what rings and waits.

Needs `read = agent` and `write = system,reporting` in manager.conf.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress

from pbx_bridge.adapters.ami.connection import Ami, Answer
from pbx_bridge.core.devices import endpoint_of, extension_of, person_of
from pbx_bridge.core.sound import NO_SOUND_IN_COMMON
from pbx_bridge.core.waiting import Waiters
from pbx_bridge.ports import Missed, PbxRejected, PhoneEvent, Rewired, Sounded, Taken

UNREACHABLE = "Unreachable"
"""Status of a contact that has left an OPTIONS unanswered."""
CALLED = ("Down", "Ringing")
"""States of a channel that is called and hasn't answered."""
UNANSWERED = ("Down", "Ring", "Ringing")
"""States of a channel that has no talk yet: also of one that calls (Ring)."""


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
        self._sounds: asyncio.Queue[Sounded] = asyncio.Queue()
        ami.on_event("Newstate", self._talks)
        ami.on_event("Hangup", self._ended)

    async def phone_events(self) -> AsyncIterator[PhoneEvent]:
        """Yield what happens to phones; one listener."""
        while True:
            yield await self._events.get()

    async def sound_events(self) -> AsyncIterator[Sounded]:
        """Yield which devices talk and which can't; one listener."""
        while True:
            yield await self._sounds.get()

    async def reachable(self) -> frozenset[str]:
        """Endpoints with a contact that has not failed to answer OPTIONS."""
        try:
            contacts = await self._ami.listed("PJSIPShowContacts")
        except PbxRejected as error:
            if "No Contacts found" not in str(error):
                raise
            return frozenset()
        return frozenset(one["Endpoint"] for one in contacts if one["Status"] != UNREACHABLE)

    async def calls(self) -> Mapping[str, str]:
        """Endpoints of answered calls, by channel."""
        channels = await self._ami.listed("CoreShowChannels")
        return {
            one["Channel"]: endpoint
            for one in channels
            if one["ChannelStateDesc"] not in UNANSWERED
            if (endpoint := endpoint_of(one["Channel"]))
        }

    async def waiting(self, queue: str) -> Waiters:
        """Who waits in `queue`, the earliest first, and how long talks were of late."""
        items = await self._ami.listed("QueueStatus", Queue=queue)
        entries = [item for item in items if item["Event"] == "QueueEntry"]
        talk = next((item["TalkTime"] for item in items if item["Event"] == "QueueParams"), "0")
        entries.sort(key=lambda item: int(item["Position"]))
        return Waiters(tuple(int(item["Priority"]) for item in entries), float(talk))

    async def stop_ringing(self, extension: str) -> None:
        """Hang up the channels to the devices of `extension` that aren't answered."""
        for one in await self._ami.listed("CoreShowChannels"):
            name = one["Channel"]
            whose = extension_of(endpoint_of(name))
            if whose == extension and one["ChannelStateDesc"] in UNANSWERED:
                with suppress(PbxRejected):  # it has ended by itself
                    await self._ami.action("Hangup", Channel=name)

    async def _rewired(self) -> None:
        self._events.put_nowait(Rewired.REWIRED)

    def _contact(self, _: Answer) -> None:
        self._events.put_nowait(Rewired.REWIRED)

    def _talks(self, event: Answer) -> None:
        """Manager.conf lets through those that are answered (`Up`)."""
        if endpoint := endpoint_of(event["Channel"]):
            self._sounds.put_nowait(Sounded(endpoint, agreed=True))

    def _ended(self, event: Answer) -> None:
        """Manager.conf lets through those that end for want of sound in common; the channel of
        whoever called has the same cause, and another state."""
        endpoint, cause = endpoint_of(event["Channel"]), event["Cause"]
        called = event["ChannelStateDesc"] in CALLED
        if endpoint and called and cause == NO_SOUND_IN_COMMON:
            self._sounds.put_nowait(Sounded(endpoint, agreed=False))

    def _missed(self, event: Answer) -> None:
        self._events.put_nowait(Missed(event["Queue"], person_of(event["Interface"])))

    def _taken(self, event: Answer) -> None:
        self._events.put_nowait(Taken(event["Queue"], person_of(event["Interface"])))
