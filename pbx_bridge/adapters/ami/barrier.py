"""Lost telephones are kept out by Asterisk itself: by AstDB, which also holds without a bridge.

`sorcery.conf` has Asterisk look for a password in AstDB first and in pjsip.conf then, at each
request: what is put there holds at once, over restarts too. What is registered is forgotten by a
REGISTER of our own with that password (RFC 3261, 10.2.2), so that Asterisk's own watch over phones
knows of it; only where that fails by taking the contact out of AstDB.

Needs `write = system` in manager.conf.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from pydantic_core import from_json

from pbx_bridge.adapters.ami.connection import Ami, Answer
from pbx_bridge.adapters.ami.phones import UNREACHABLE
from pbx_bridge.adapters.ami.switch import AmiSwitch
from pbx_bridge.core.blocks import MOBILES, PASSWORDS, OpenChannel
from pbx_bridge.core.state import Sighting
from pbx_bridge.ports import Clock, PbxRejected, PbxUnavailable

AUTH = "auth/"
"""Before the endpoint: the kind of object that it is to res_pjsip."""
SIGHTINGS = "pbx-seen"
CONTACTS = "registrar/contact"
LONGEST_PROGRAM = 80
_ADDRESS = re.compile(r"sips?:(?:[^@]*@)?((?:\[[^\]]+\]|[^:;>]+)(?::[0-9]+)?)")


class AmiBarrier:
    """`ports.Barrier` on a real Asterisk; it also raises `PbxRejected`."""

    def __init__(
        self, ami: Ami, clock: Clock, unregister: Callable[[str, str], Awaitable[None]]
    ) -> None:
        """`unregister`: by SIP, given endpoint and password; may raise `PbxUnavailable`."""
        self._ami = ami
        self._switch = AmiSwitch(ami)
        self._unregister = unregister
        self._clock = clock
        self._rewired = asyncio.Event()
        ami.on_connect(self._note_rewired)
        ami.on_event("ContactStatus", lambda _: self._rewired.set())

    async def wait_rewired(self) -> None:
        """Return when telephones have come or gone since it returned last; one listener."""
        await self._rewired.wait()
        self._rewired.clear()

    async def seen(self) -> Sequence[Sighting]:
        """Every contact of now."""
        try:
            contacts = await self._ami.listed("PJSIPShowContacts")
        except PbxRejected as error:
            if "No Contacts found" not in str(error):
                raise
            return ()
        now = self._clock.now()
        return tuple(_sighting(one, now) for one in contacts)

    async def remembered(self) -> Sequence[Sighting]:
        """Those that can be read."""
        found: list[Sighting] = []
        for endpoint, text in (await self._switch.stored(SIGHTINGS)).items():
            with suppress(ValueError, TypeError, KeyError):
                held = from_json(text)
                at = datetime.fromisoformat(held["at"])
                address, program = str(held["address"]), str(held["program"])
                found.append(Sighting(endpoint, address, program, at, bool(held["registered"])))
        return found

    async def remember(self, sighting: Sighting) -> None:
        """A row of AstDB."""
        held = {
            "address": sighting.address,
            "program": sighting.program,
            "at": sighting.at.isoformat(timespec="seconds"),
            "registered": sighting.registered,
        }
        await self._switch.put(SIGHTINGS, sighting.endpoint, json.dumps(held))

    async def passwords(self) -> Mapping[str, str]:
        """Of every endpoint for which there is one; "" for what can't be read."""
        found: dict[str, str] = {}
        for key, text in (await self._switch.stored(PASSWORDS)).items():
            if key.startswith(AUTH):
                found[key.removeprefix(AUTH)] = ""
                with suppress(ValueError, TypeError, KeyError):
                    found[key.removeprefix(AUTH)] = str(from_json(text)["password"])
        return found

    async def set_password(self, endpoint: str, password: str) -> None:
        """Another one holds from Asterisk's answer on."""
        await self._switch.put(PASSWORDS, AUTH + endpoint, auth_object(endpoint, password))

    async def clear_password(self, endpoint: str) -> None:
        """pjsip.conf holds again."""
        await self._switch.remove(PASSWORDS, AUTH + endpoint)

    async def barred_mobiles(self) -> frozenset[str]:
        """Keys of AstDB."""
        return frozenset(await self._switch.stored(MOBILES))

    async def bar_mobile(self, number: str, *, barred: bool) -> None:
        """The dialplan looks for it before it rings one."""
        if barred:
            await self._switch.put(MOBILES, number, "1")
        else:
            await self._switch.remove(MOBILES, number)

    async def unregister(self, endpoint: str, password: str) -> None:
        """By SIP; what is still there then is taken out of AstDB."""
        with suppress(PbxUnavailable):
            await self._unregister(endpoint, password)
        for key in await self._switch.stored(CONTACTS):
            if key.partition(";@")[0] == endpoint:
                await self._switch.remove(CONTACTS, key)

    async def channels(self) -> Sequence[OpenChannel]:
        """Of now."""
        return [
            OpenChannel(
                *(one["Channel"], one.get("CallerIDNum", "")),
                *(one.get("Exten", ""), one.get("AccountCode", "")),
            )
            for one in await self._ami.listed("CoreShowChannels")
        ]

    async def hang_up(self, channel: str) -> None:
        """Q.850 cause 16."""
        with suppress(PbxRejected):  # it has ended by itself
            await self._ami.action("Hangup", Channel=channel)

    async def _note_rewired(self) -> None:
        self._rewired.set()


def auth_object(endpoint: str, password: str) -> str:
    """What res_sorcery_astdb reads as the `auth` section of an endpoint."""
    return json.dumps({"auth_type": "digest", "username": endpoint, "password": password})


def _sighting(contact: Answer, now: datetime) -> Sighting:
    found = _ADDRESS.match(contact.get("Uri", contact.get("URI", "")))
    program = contact.get("UserAgent", "")[:LONGEST_PROGRAM]
    there = contact["Status"] != UNREACHABLE
    return Sighting(contact["Endpoint"], found[1] if found else "", program, now, there)
