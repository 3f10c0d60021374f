"""Operators as Asterisk's manager sees them: who answers, who lets us in, what went wrong.

Needs `read = system,security,user` and `write = system` in manager.conf.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from pbx_bridge.adapters.ami.connection import Ami, Answer
from pbx_bridge.adapters.ami.phones import UNREACHABLE
from pbx_bridge.core.trunks import watched_trunk
from pbx_bridge.ports import (
    CallRefused,
    EmergencyDialled,
    Rewired,
    TrunkEvent,
    TrunkFailed,
)

REGISTERED, UNAVAILABLE = "Registered", "Unavailable"
LIST_AGAIN_S = 300.0
"""What has changed is told; a server that has left the plan isn't."""
UNKNOWN_ACCOUNT = "InvalidAccountID"
"""The security event of a request from an address, and by a name, that nobody has."""


class AmiTrunks:
    """`ports.Trunks` on a real Asterisk. All of it raises `PbxUnavailable`, `PbxRejected`."""

    def __init__(self, ami: Ami) -> None:
        """`ami` has to want the events of the classes `user` and `security`."""
        self._ami = ami
        self._events: asyncio.Queue[TrunkEvent] = asyncio.Queue()
        self._silent: set[str] = set()
        """Names of what asks, where nobody answers."""
        self._listed_at = float("-inf")
        ami.on_connect(self._rewired)
        ami.on_event("ContactStatus", self._contact)
        ami.on_event("Registry", self._changed)
        ami.on_event("UserEvent", self._told)
        ami.on_counted(UNKNOWN_ACCOUNT, self._refused)

    async def trunk_events(self) -> AsyncIterator[TrunkEvent]:
        """Yield what happens to trunks; one listener."""
        while True:
            yield await self._events.get()

    async def unreachable(self) -> frozenset[str]:
        """Trunks one of whose servers has failed to answer OPTIONS."""
        now = asyncio.get_running_loop().time()
        if now - self._listed_at > LIST_AGAIN_S:
            # Contacts that are written in pjsip.conf stand in no list of contacts.
            endpoints = await self._ami.listed("PJSIPShowEndpoints")
            self._silent = {
                one["ObjectName"]
                for one in endpoints
                if watched_trunk(one["ObjectName"]) and one["DeviceState"] == UNAVAILABLE
            }
            self._listed_at = now
        return frozenset(map(watched_trunk, self._silent))

    async def registered(self) -> frozenset[str]:
        """Trunks whose operator has let us in."""
        found = await self._ami.listed("PJSIPShowRegistrationsOutbound")
        return frozenset(one["ObjectName"] for one in found if one.get("Status") == REGISTERED)

    async def _rewired(self) -> None:
        self._listed_at = float("-inf")
        self._events.put_nowait(Rewired.REWIRED)

    def _contact(self, event: Answer) -> None:
        name = event["AOR"]
        if not watched_trunk(name):
            return
        if event["ContactStatus"] == UNREACHABLE:
            self._silent.add(name)
        else:
            self._silent.discard(name)
        self._events.put_nowait(Rewired.REWIRED)

    def _changed(self, _: Answer) -> None:
        self._events.put_nowait(Rewired.REWIRED)

    def _told(self, event: Answer) -> None:
        match event["UserEvent"]:
            case "PbxEmergency":
                told = EmergencyDialled(event["Linkedid"], event["Channel"], event["Number"])
                self._events.put_nowait(told)
            case "PbxTrunkFailed":
                self._events.put_nowait(TrunkFailed(event["Trunk"]))
            case _:
                return

    def _refused(self, address: str) -> None:
        self._events.put_nowait(CallRefused(address))
