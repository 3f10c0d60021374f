"""What keeps lost telephones out, as it is asked of Asterisk's manager (S26)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import cast

import pytest
from core.plans import DAY
from fakes.clock import FakeClock

from pbx_bridge.adapters.ami import Ami, AmiBarrier
from pbx_bridge.core.blocks import OpenChannel
from pbx_bridge.core.state import Sighting
from pbx_bridge.ports import PbxRejected, PbxUnavailable

CONTACT = {
    "Endpoint": "105",
    "Uri": "sip:105@192.0.2.7:5060;transport=tls",
    "UserAgent": "Yealink SIP-T46S",
    "Status": "Reachable",
}


class SmallAmi:
    """AstDB, contacts and channels behind the manager's actions."""

    def __init__(self) -> None:
        self.database: dict[str, str] = {}
        self.contacts: list[dict[str, str]] = []
        self.channels: list[dict[str, str]] = []
        self.done: list[tuple[str, dict[str, str]]] = []
        self.refuses = ""
        self.contact_changed: Callable[[Mapping[str, str]], None] = print

    def on_connect(self, hook: Callable[[], Awaitable[None]]) -> None:
        del hook

    def on_event(self, name: str, callback: Callable[[Mapping[str, str]], None]) -> None:
        assert name == "ContactStatus"
        self.contact_changed = callback

    async def listed(self, name: str, **headers: str) -> list[dict[str, str]]:
        if name == "PJSIPShowContacts":
            if not self.contacts:
                raise PbxRejected("Asterisk refuses PJSIPShowContacts: No Contacts found")
            return self.contacts
        if name == "CoreShowChannels":
            return self.channels
        start = f"/{headers['Family']}/"
        return [
            {"Key": key, "Val": value}
            for key, value in self.database.items()
            if key.startswith(start)
        ]

    async def action(self, name: str, **headers: str) -> dict[str, str]:
        if name == self.refuses:
            raise PbxRejected(f"Asterisk refuses {name}")
        self.done.append((name, headers))
        if name == "DBPut":
            self.database[f"/{headers['Family']}/{headers['Key']}"] = headers["Val"]
        elif name == "DBDel":
            del self.database[f"/{headers['Family']}/{headers['Key']}"]
        return {}


class Door:
    """A small Asterisk and its barrier; `forgotten` are the registrations ended by SIP."""

    def __init__(self) -> None:
        self.ami = SmallAmi()
        self.forgotten: list[tuple[str, str]] = []
        self.deaf = False
        self.barrier = AmiBarrier(cast(Ami, self.ami), FakeClock(DAY), self.unregister)

    async def unregister(self, endpoint: str, password: str) -> None:
        if self.deaf:
            raise PbxUnavailable("nothing answers")
        self.forgotten.append((endpoint, password))


async def test_a_password_stands_where_asterisk_looks_first() -> None:
    door = Door()
    await door.barrier.set_password("101-softphone", "secret")
    assert json.loads(door.ami.database["/pbx-blocked/auth/101-softphone"]) == {
        "auth_type": "digest",
        "username": "101-softphone",
        "password": "secret",
    }
    assert await door.barrier.passwords() == {"101-softphone": "secret"}
    await door.barrier.clear_password("101-softphone")
    assert await door.barrier.passwords() == {}


async def test_what_somebody_else_has_written_there_counts_as_unknown() -> None:
    door = Door()
    door.ami.database = {
        "/pbx-blocked/auth/101": "no JSON",
        "/pbx-blocked/auth/102": "[]",
        "/pbx-blocked/auth/103": "{}",
        "/pbx-blocked/other": "x",
        "/pbx-seen/104": "no JSON",
        "/pbx-seen/105": '{"address": "192.0.2.7", "program": "", "at": "?", "registered": true}',
    }
    assert await door.barrier.passwords() == {"101": "", "102": "", "103": ""}
    assert await door.barrier.remembered() == []


async def test_mobiles_are_barred_and_admitted_again() -> None:
    door = Door()
    await door.barrier.bar_mobile("0457000105", barred=True)
    assert await door.barrier.barred_mobiles() == {"0457000105"}
    await door.barrier.bar_mobile("0457000105", barred=False)
    assert await door.barrier.barred_mobiles() == frozenset()


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("sip:105@192.0.2.7:5060;transport=tls", "192.0.2.7:5060"),
        ("sip:105@192.0.2.7", "192.0.2.7"),
        ("sips:105@[2001:db8::7]:5061", "[2001:db8::7]:5061"),
        ("sip:192.0.2.7:5062", "192.0.2.7:5062"),
        ("tel:105", ""),
    ],
)
async def test_a_telephone_is_seen_at_the_address_that_it_has_registered_from(
    uri: str, address: str
) -> None:
    door = Door()
    assert await door.barrier.seen() == ()
    door.ami.contacts = [
        {**CONTACT, "Uri": uri},
        {**CONTACT, "Endpoint": "106", "Status": "Unreachable"},
    ]
    first, second = await door.barrier.seen()
    assert first == Sighting("105", address, "Yealink SIP-T46S", DAY, registered=True)
    assert not second.registered
    await door.barrier.remember(first)
    assert await door.barrier.remembered() == [first]


async def test_a_registration_that_sip_does_not_end_is_taken_out_of_astdb() -> None:
    door = Door()
    door.ami.database = {
        f"/registrar/contact/{key}": "{}" for key in ("105;@ab", "105-softphone;@cd", "1055;@ef")
    }
    door.deaf = True
    await door.barrier.unregister("105", "secret")
    left = {key.removeprefix("/registrar/contact/") for key in door.ami.database}
    assert left == {"105-softphone;@cd", "1055;@ef"}
    door.deaf = False
    await door.barrier.unregister("105-softphone", "secret")
    assert door.forgotten == [("105-softphone", "secret")]


async def test_a_channel_that_has_ended_by_itself_is_no_error() -> None:
    door = Door()
    door.ami.channels = [
        {"Channel": "PJSIP/105-00000001", "CallerIDNum": "105", "Exten": "112"},
        {"Channel": "PJSIP/o-1", "CallerIDNum": "0401", "Exten": "ask", "AccountCode": "105"},
        {"Channel": "Local/x@y-00000001;1"},
    ]
    assert await door.barrier.channels() == [
        OpenChannel("PJSIP/105-00000001", "105", "112"),
        OpenChannel("PJSIP/o-1", "0401", "ask", acts_for="105"),
        OpenChannel("Local/x@y-00000001;1", "", ""),
    ]
    await door.barrier.hang_up("PJSIP/105-00000001")
    assert door.ami.done == [("Hangup", {"Channel": "PJSIP/105-00000001"})]
    door.ami.refuses = "Hangup"
    await door.barrier.hang_up("PJSIP/105-00000001")


async def test_phones_that_come_or_go_are_noticed_once() -> None:
    door = Door()
    for _ in range(3):
        door.ami.contact_changed({})
    async with asyncio.timeout(1):
        await door.barrier.wait_rewired()
    waits = asyncio.create_task(door.barrier.wait_rewired())
    await asyncio.sleep(0)
    assert not waits.done()
    door.ami.contact_changed({})
    async with asyncio.timeout(1):
        await waits
