"""panoramisk's faults, each shown bare and shown cured, and their kin."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import panoramisk
import pytest
from adapters.fake_ami import TIMEOUT_S, FakeAmi, ami_of, asking, linked, running, until
from panoramisk.ami_protocol import AMIProtocol
from structlog.testing import capture_logs

from pbx_bridge.adapters.ami import AmiSwitch
from pbx_bridge.adapters.ami.connection import SILENCE_S
from pbx_bridge.ports import PbxRejected, PbxUnavailable, QueueMember

SHORT_S = 0.2


@asynccontextmanager
async def bare(server: FakeAmi, **options: Any) -> AsyncIterator[Any]:
    """panoramisk as it comes."""
    manager = panoramisk.Manager(
        host="127.0.0.1", port=server.port, username="u", secret="s", reconnect_timeout=0, **options
    )
    await manager.connect()
    yield manager
    manager.connection_lost = lambda _: None
    manager.loop = _Deaf()
    manager.close()
    await asyncio.sleep(0)


class _Deaf:
    """Stands in for the loop of a manager that shall schedule nothing any more."""

    def call_later(self, *_: object) -> None: ...
    def call_soon(self, *_: object) -> None: ...


# F13: line breaks


async def test_f13_bare_a_line_feed_in_a_value_starts_an_action_of_its_own() -> None:
    async with FakeAmi() as server, bare(server) as manager:
        session = await server.session()
        await session.let_in()
        manager.send_action({"Action": "DBPut", "Val": "1\n\nAction: Originate\nChannel: x"})

        assert (await session.action())["Action"] == "DBPut"
        assert (await session.action())["Action"] == "Originate"


@pytest.mark.parametrize("value", ["1\n\nAction: Originate", "1\r", "1\0", "x" * 1024])
async def test_f13_cured_a_value_that_breaks_the_protocol_never_reaches_the_wire(
    value: str,
) -> None:
    async with linked() as (ami, _, session):
        with pytest.raises(ValueError, match="AMI header Val"):
            await AmiSwitch(ami).put("referral", "101", value)
        with pytest.raises(ValueError, match="AMI header Family"):
            await ami.listed("DBGetTree", Family=value)

        fine = asking(AmiSwitch(ami).put("referral", "101", "1"))
        action = await session.action()
        assert (action["Action"], action["Val"]) == ("DBPut", "1")
        session.answer(action, "Success")
        await fine


# F14: pieces of letters


def test_f14_bare_a_letter_split_between_two_reads_is_lost() -> None:
    said = "Event: QueueMemberAdded\r\nMemberName: Åsa\r\n\r\n".encode()
    at = said.index("Å".encode()) + 1
    heard: list[str] = []

    class Factory:
        def dispatch(self, event: Any) -> None:
            heard.append(event["MemberName"])

    protocol = AMIProtocol()
    protocol.connection_made(None)
    protocol.encoding = "utf8"
    protocol.factory = Factory()
    protocol.data_received(said[:at])
    protocol.data_received(said[at:])

    assert heard == ["sa"]


async def test_f14_cured_an_event_split_at_every_byte_is_read_whole() -> None:
    async with linked() as (ami, _, session):
        heard: asyncio.Queue[str] = asyncio.Queue()
        ami.on_event("QueueMember*", lambda event: heard.put_nowait(event["MemberName"]))
        for byte in "Event: QueueMemberAdded\r\nMemberName: Åsa ☎\r\n\r\n".encode():
            session.writer.write(bytes([byte]))
            await asyncio.sleep(0.0005)  # so that the other side reads single bytes

        async with asyncio.timeout(TIMEOUT_S):
            assert await heard.get() == "Åsa ☎"


async def test_f14_garbage_between_events_harms_only_itself() -> None:
    async with linked() as (ami, _, session):
        heard: list[str] = []
        ami.on_event("*", lambda event: heard.append(event["Name"]))
        session.writer.write(b"Event: A\r\nName: J\xf6rg\r\n\r\n\r\n\r\nnonsense\r\n\r\n: \r\n\r\n")
        session.say("Event: A", "Event: B", "Name: twice")
        session.say("Response: Success", "ActionID: 1", "ActionID: 2")
        session.say("Event: A", "Name: whole")

        await until(lambda: len(heard) == 2)
        assert heard == ["J\ufffdrg", "whole"]


async def test_f14_a_peer_with_another_protocol_is_left_and_tried_again() -> None:
    with capture_logs() as logs:
        async with FakeAmi(b"SSH-2.0-x\r\n") as server, running(ami_of(server)):
            await server.session()
            await server.session()

    assert "does not speak Asterisk's manager protocol" in logs[0]["why"]


# F15: a connection lost with actions in flight


async def test_f15_bare_an_originate_in_flight_is_sent_again_after_a_reconnect() -> None:
    async with FakeAmi() as server, bare(server) as manager:
        first = await server.session()
        await first.let_in()
        manager.send_action({"Action": "Originate", "Channel": "Local/112"})
        assert (await first.action())["Action"] == "Originate"
        first.hang_up()

        second = await server.session()
        await second.let_in()
        assert (await second.action())["Action"] == "Originate"


async def test_f15_cured_a_lost_connection_fails_all_in_flight_and_repeats_none() -> None:
    async with linked() as (ami, server, session):
        asked = [
            asking(ami.action("Originate", Channel="Local/100")),
            asking(AmiSwitch(ami).put("referral", "101", "1")),
            asking(AmiSwitch(ami).members()),
        ]
        sent = [(await session.action()) for _ in asked]
        session.begin_list(sent[2])
        session.hang_up()

        results = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), SHORT_S)
        assert [type(each) for each in results] == [PbxUnavailable] * 3
        assert not ami.connected

        again = await server.session()
        await again.let_in()
        await ami.wait_connected(TIMEOUT_S)
        fresh = asking(ami.action("CoreStatus"))
        assert (await again.action())["Action"] == "CoreStatus"
        fresh.cancel()


async def test_f15_without_a_connection_an_action_fails_at_once() -> None:
    async with FakeAmi() as server:
        ami = ami_of(server)

        with pytest.raises(PbxUnavailable, match="not connected"):
            await AmiSwitch(ami).put("referral", "101", "1")


# F03, F16, F17: silence, lists, stray answers


async def test_f03_bare_a_peer_that_never_answers_pings_counts_as_connected() -> None:
    async with FakeAmi() as server, bare(server, ping_delay=0, ping_interval=0) as manager:
        session = await server.session()
        await session.let_in()
        session.answers_pings = False
        reading = asking(session.action())

        await until(lambda: session.pings > 20)
        assert manager._connected
        assert not manager.protocol.closed
        reading.cancel()


async def test_f03_cured_a_silent_peer_is_noticed_in_time_and_left() -> None:
    async with linked(silence_s=SHORT_S) as (ami, server, session):
        session.answers_pings = False
        silent_since = asyncio.get_running_loop().time()
        await session.ended()
        took = asyncio.get_running_loop().time() - silent_since

        assert took < SHORT_S * 1.5  # the margin is the machine's, not the rule's
        again = await server.session()
        await again.let_in()
        await ami.wait_connected(TIMEOUT_S)


async def test_f03_a_peer_that_accepts_and_says_nothing_is_left_too() -> None:
    with capture_logs() as logs:
        async with FakeAmi(b"") as server, running(ami_of(server, silence_s=SHORT_S)):
            first = await server.session()
            await first.ended()
            await server.session()

    assert "did not answer Login" in logs[0]["why"]


def test_f03_the_limit_in_service_is_five_seconds() -> None:
    assert SILENCE_S <= 5


async def test_f16_bare_a_refused_list_is_waited_for_without_end() -> None:
    async with FakeAmi() as server, bare(server) as manager:
        session = await server.session()
        await session.let_in()
        answered = manager.send_action({"Action": "QueueStatus"}, as_list=True)
        session.answer(await session.action(), "Error", "Message: Permission denied")
        after = manager.send_action({"Action": "CoreStatus"})
        session.answer(await session.action(), "Success")
        await asyncio.wait_for(after, TIMEOUT_S)

        assert not answered.done()


async def test_f16_cured_a_refused_list_is_a_refusal_at_once() -> None:
    async with linked() as (ami, _, session):
        asked = asking(ami.listed("QueueStatus"))
        session.answer(await session.action(), "Error", "Message: Permission denied")

        with pytest.raises(PbxRejected, match=r"QueueStatus: Permission denied\. give the user"):
            await asked


async def test_f16_a_list_without_its_end_times_out_and_the_next_one_is_right() -> None:
    async with linked(action_timeout_s=0.1) as (ami, _, session):
        cut = asking(AmiSwitch(ami).members())
        first = await session.action()
        session.begin_list(first)
        session.item(first, "QueueMember", "Queue: vaxel", "Location: PJSIP/101")
        with pytest.raises(PbxUnavailable, match=r"did not answer QueueStatus within 0\.1 s"):
            await cut

        whole = asking(AmiSwitch(ami).members())
        second = await session.action()
        session.begin_list(second)
        session.item(first, "QueueMember", "Queue: vaxel", "Location: PJSIP/666")
        session.item(second, "QueueParams", "Queue: vaxel")
        session.item(second, "QueueMember", "Queue: vaxel", "Location: PJSIP/102")
        session.end_list(first)
        session.end_list(second)
        assert await whole == {QueueMember("vaxel", "PJSIP/102"): 0}


async def test_f17_late_answers_reach_nobody() -> None:
    async with linked(action_timeout_s=0.1) as (ami, _, session):
        heard: list[str] = []
        ami.on_event("*", lambda event: heard.append(event["Event"]))
        asked = asking(ami.listed("QueueStatus"))
        late = await session.action()
        with pytest.raises(PbxUnavailable):
            await asked
        session.begin_list(late)
        session.item(late, "QueueMember", "Queue: vaxel", "Location: PJSIP/101")
        session.end_list(late)
        session.say("Event: Hangup")

        await until(lambda: bool(heard))
        assert heard == ["Hangup"]


async def test_f17_a_second_response_with_the_same_id_changes_nothing() -> None:
    async with linked() as (ami, _, session):
        one = asking(ami.action("CoreStatus"))
        first = await session.action()
        session.answer(first, "Success", "CoreCurrentCalls: 1")
        session.answer(first, "Error", "Message: no")
        assert (await one)["CoreCurrentCalls"] == "1"

        many = asking(ami.listed("QueueStatus"))
        listing = await session.action()
        session.begin_list(listing)
        session.answer(listing, "Success", "EventList: start")
        session.answer(first, "Success")
        session.item(listing, "QueueParams", "Queue: vaxel")
        session.end_list(listing)
        assert [item["Queue"] for item in await many] == ["vaxel"]


async def test_f17_an_answer_begins_with_its_response() -> None:
    async with linked() as (ami, _, session):
        asked = asking(ami.action("CoreStatus"))
        action = await session.action()
        session.item(action, "Stray")
        session.answer(action, "Success", "CoreCurrentCalls: 1")

        assert (await asked)["Response"] == "Success"
