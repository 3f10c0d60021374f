"""Operators and emergency calls as Asterisk's manager tells of them."""

from __future__ import annotations

import asyncio

from adapters.fake_ami import FakeAmi, ami_of, asking, linked, running

from pbx_bridge.adapters.ami import AmiTrunks
from pbx_bridge.ports import CallRefused, EmergencyDialled, Rewired, TrunkEvent, TrunkFailed

REFUSED = (
    *("Event: InvalidAccountID", "Severity: Error", "Service: PJSIP"),
    *("AccountID: 0401234567", "LocalAddress: IPV4/UDP/192.0.2.1/5060"),
    "RemoteAddress: IPV4/UDP/192.0.2.99/5061",
)
EMERGENCY = (
    *("Event: UserEvent", "UserEvent: PbxEmergency", "Channel: PJSIP/105-dect-0000001a"),
    *("Linkedid: 17.1", "Number: 112"),
)


async def test_what_happens_to_trunks_is_told_in_its_order() -> None:
    async with FakeAmi() as server:
        ami = ami_of(server, counted=("InvalidAccountID",))
        trunks = AmiTrunks(ami)
        async with running(ami):
            session = await server.session()
            await session.let_in()
            session.say(*REFUSED)
            session.say(*EMERGENCY)
            session.say("Event: UserEvent", "UserEvent: PbxTrunkFailed", "Trunk: mast")
            session.say("Event: UserEvent", "UserEvent: Somebodys", "Trunk: mast")
            session.say("Event: Registry", "ChannelType: PJSIP", "Status: Rejected")
            found: list[TrunkEvent] = []
            async with asyncio.timeout(5):
                async for event in trunks.trunk_events():
                    found.append(event)
                    if len(found) == 5:
                        break
    assert found.count(Rewired.REWIRED) == 2, "at the login, and when it was told"
    assert [one for one in found if not isinstance(one, Rewired)] == [
        CallRefused("192.0.2.99"),
        EmergencyDialled("17.1", "PJSIP/105-dect-0000001a", "112"),
        TrunkFailed("mast"),
    ]


async def test_a_trunk_is_unreachable_by_what_asks_and_not_by_what_is_dialled() -> None:
    """What is so is asked once; then it is told what has changed."""
    endpoints = (
        ("mast+watch1", "Not in use"),
        ("mast+watch2", "Unavailable"),
        ("cable+watch1", "Not in use"),
        ("cable", "Unavailable"),
        ("101", "Unavailable"),
    )
    async with FakeAmi() as server:
        ami = ami_of(server)
        trunks = AmiTrunks(ami)
        async with running(ami):
            session = await server.session()
            await session.let_in()
            await ami.wait_connected(5)
            asked = asking(trunks.unreachable())
            wanted = await session.action()
            assert wanted["Action"] == "PJSIPShowEndpoints"
            session.begin_list(wanted)
            for name, state in endpoints:
                session.item(wanted, "EndpointList", f"ObjectName: {name}", f"DeviceState: {state}")
            session.end_list(wanted)
            assert await asked == {"mast"}
            for name, status in (
                *(("mast+watch2", "Reachable"), ("cable+watch1", "Unreachable")),
                *(("101", "Unreachable"), ("cable", "Unreachable")),
            ):
                session.say("Event: ContactStatus", f"AOR: {name}", f"ContactStatus: {status}")
            found = frozenset[str]()
            async with asyncio.timeout(5):
                while found != {"cable"}:
                    await asyncio.sleep(0.01)
                    found = await trunks.unreachable()


async def test_whom_an_operator_has_let_in_is_what_asterisk_says_of_its_registrations() -> None:
    async with linked() as (ami, _, session):
        asked = asking(AmiTrunks(ami).registered())
        wanted = await session.action()
        assert wanted["Action"] == "PJSIPShowRegistrationsOutbound"
        session.begin_list(wanted)
        for name, status in (("mast", "Registered"), ("cable", "Rejected")):
            told = (f"ObjectName: {name}", f"Status: {status}")
            session.item(wanted, "OutboundRegistrationDetail", *told)
        session.end_list(wanted)
        assert await asked == {"mast"}
