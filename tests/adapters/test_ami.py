"""The AMI adapter against a scripted manager: login, hooks, events, and its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest
from adapters.fake_ami import TIMEOUT_S, FakeAmi, ami_of, asking, linked, running, until
from structlog.testing import capture_logs

from pbx_bridge.adapters.ami import Ami, AmiSwitch
from pbx_bridge.ports import PbxRejected, PbxUnavailable, QueueMember

SHORT_S = 0.2


async def test_bad_credentials_end_the_first_run_with_what_to_do() -> None:
    async with FakeAmi() as server:
        ami = ami_of(server)
        async with running(ami) as run:
            session = await server.session()
            login = await session.action()
            assert (login["Username"], login["Events"]) == ("bridge", "system")
            session.answer(login, "Error", "Message: Authentication failed")

            with pytest.raises(PbxRejected, match=r"Give manager\.conf a section .* reload"):
                await run
            with pytest.raises(PbxRejected):
                await ami.wait_connected(TIMEOUT_S)


async def test_a_refusal_after_a_login_that_worked_is_tried_again() -> None:
    async with linked() as (ami, server, session):
        session.hang_up()
        second = await server.session()
        second.answer(await second.action(), "Error", "Message: Authentication failed")
        await (await server.session()).let_in()

        await ami.wait_connected(TIMEOUT_S)


async def test_nothing_is_asked_before_asterisk_is_fully_booted() -> None:
    async with FakeAmi() as server:
        ami = ami_of(server)
        async with running(ami):
            session = await server.session()
            session.answer(await session.action(), "Success")
            reading = asking(session.action())
            await until(lambda: session.pings > 0)
            assert not ami.connected

            session.say("Event: FullyBooted")
            await ami.wait_connected(TIMEOUT_S)
            assert ami.banner == "11.0.0"
            reading.cancel()


async def test_nobody_listening_is_unavailable_with_what_to_look_at() -> None:
    async with FakeAmi() as server:
        ami = ami_of(server)
    async with running(ami):
        with pytest.raises(PbxUnavailable, match="see that Asterisk runs"):
            await ami.wait_connected(SHORT_S)


async def test_hooks_run_after_every_login_and_may_act() -> None:
    async with FakeAmi() as server:
        ami = ami_of(server)
        ami.on_connect(lambda: AmiSwitch(ami).put("bridge", "here", "1"))
        async with running(ami):
            for _ in range(2):
                session = await server.session()
                await session.let_in()
                action = await session.action()
                assert action["Action"] == "DBPut"
                session.answer(action, "Success")
                session.hang_up()


async def test_a_hook_that_was_not_answered_has_the_connection_made_anew() -> None:
    async with FakeAmi() as server:
        ami = ami_of(server, action_timeout_s=0.05)
        ami.on_connect(lambda: AmiSwitch(ami).put("bridge", "here", "1"))
        async with running(ami):
            for _ in range(2):
                session = await server.session()
                await session.let_in()
                assert (await session.action())["Action"] == "DBPut"


async def test_a_hook_that_fails_is_logged_and_the_next_one_runs() -> None:
    async with FakeAmi() as server:
        ami = ami_of(server)
        ran = asyncio.Event()

        async def fails() -> None:
            raise RuntimeError("a hook's own fault")

        async def runs() -> None:
            ran.set()

        ami.on_connect(fails)
        ami.on_connect(runs)
        with capture_logs() as logs:
            async with running(ami):
                await (await server.session()).let_in()
                await asyncio.wait_for(ran.wait(), TIMEOUT_S)
                assert ami.connected

    assert logs[-1]["event"] == "ami_hook_failed"


async def test_a_hook_that_hangs_does_not_hold_the_next_connection_back() -> None:
    async with FakeAmi() as server:
        ami = ami_of(server)
        began: asyncio.Queue[None] = asyncio.Queue()

        async def hangs() -> None:
            began.put_nowait(None)
            await asyncio.Event().wait()

        ami.on_connect(hangs)
        async with running(ami):
            for _ in range(2):
                session = await server.session()
                await session.let_in()
                await asyncio.wait_for(began.get(), TIMEOUT_S)
                session.hang_up()


async def test_cancelling_closes_the_connection_and_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    async with FakeAmi() as server:
        ami = ami_of(server)

        async def hangs() -> None:
            await asyncio.Event().wait()

        ami.on_connect(hangs)
        async with running(ami):
            session = await server.session()
            await session.let_in()
            await ami.wait_connected(TIMEOUT_S)
        await session.ended()
        assert not ami.connected
        await until(lambda: asyncio.all_tasks() == before)


async def test_the_id_of_an_action_is_not_the_callers_to_choose() -> None:
    async with linked() as (ami, _, _session):
        with pytest.raises(ValueError, match="ActionID"):
            await ami.action("Ping", actionid="1")


async def test_events_come_in_order_and_a_listener_that_fails_stops_no_other() -> None:
    async with linked() as (ami, _, session):
        heard: list[str] = []

        def fails(_: object) -> None:
            raise RuntimeError("a listener's own fault")

        ami.on_event("Hangup", fails)
        ami.on_event("Hangup", lambda event: heard.append(event["Uniqueid"]))
        for number in range(2000):
            session.say("Event: Hangup", f"Uniqueid: {number}")

        with capture_logs():
            await until(lambda: len(heard) == 2000)
        assert heard == [str(number) for number in range(2000)]
        assert ami.connected


async def test_a_link_lost_is_logged_once_when_it_goes_and_once_when_it_is_back() -> None:
    with capture_logs() as logs:
        async with linked() as (ami, server, session):
            session.hang_up()
            for _ in range(2):
                (await server.session()).hang_up()
            await (await server.session()).let_in()
            await ami.wait_connected(TIMEOUT_S)

    assert [each["event"] for each in logs] == ["ami_connected", "ami_lost", "ami_back"]


async def test_a_shutdown_event_ends_the_connection() -> None:
    with capture_logs() as logs:
        async with linked() as (ami, server, session):
            session.say("Event: Shutdown", "Shutdown: Cleanly", "Restart: False")
            await (await server.session()).let_in()
            await ami.wait_connected(TIMEOUT_S)

    assert logs[1]["why"] == "Asterisk stops"


async def test_a_peer_that_answers_pings_is_kept() -> None:
    async with linked(silence_s=SHORT_S) as (ami, server, session):
        reading = asking(session.action())
        await until(lambda: session.pings >= 5)

        assert ami.connected
        assert server.connections == 1
        reading.cancel()


async def test_an_answer_such_as_queue_adds_is_whole_with_its_response() -> None:
    """panoramisk takes "Added … to queue" for the beginning of a list."""
    async with linked() as (ami, _, session):
        asked = asking(AmiSwitch(ami).join(QueueMember("vaxel", "PJSIP/101"), "Åsa Öhman"))
        action = await session.action()
        assert action["MemberName"] == "Åsa Öhman"
        session.answer(action, "Success", "Message: Added interface to queue")

        await asked


# ports.Switch, where the contract's own suite can't look


def _deletes(ami: Ami) -> Coroutine[Any, Any, None]:
    return AmiSwitch(ami).remove("referral", "101")


def _leaves(ami: Ami) -> Coroutine[Any, Any, None]:
    return AmiSwitch(ami).leave(QueueMember("vaxel", "PJSIP/101"))


@pytest.mark.parametrize("change", [_deletes, _leaves])
async def test_a_stopping_asterisk_is_unavailable_not_a_refusal(
    change: Callable[[Ami], Coroutine[Any, Any, None]],
) -> None:
    async with linked() as (ami, _, session):
        asked = asking(change(ami))
        while not asked.done():
            with suppress(TimeoutError):
                action = await asyncio.wait_for(session.action(), SHORT_S)
                session.answer(action, "Error", "Message: Asterisk is shutting down")
        with pytest.raises(PbxUnavailable, match="shutting down"):
            await asked


async def test_an_entry_that_can_not_be_deleted_is_an_error() -> None:
    async with linked() as (ami, _, session):
        asked = asking(AmiSwitch(ami).remove("referral", "101"))
        session.answer(
            await session.action(), "Error", "Message: Database entry could not be deleted"
        )
        looked = await session.action()
        assert looked["Action"] == "DBGet"
        session.begin_list(looked)
        session.item(looked, "DBGetResponse", "Family: referral", "Key: 101", "Val: 1")
        session.end_list(looked)

        with pytest.raises(PbxRejected, match="could not be deleted"):
            await asked


async def test_events_of_which_there_may_be_very_many_are_counted_and_not_handed_on() -> None:
    heard: list[object] = []
    async with FakeAmi() as server:
        ami = ami_of(server, counted=("InvalidPassword",))
        ami.on_event("*", heard.append)
        async with running(ami):
            session = await server.session()
            await session.let_in()
            await ami.wait_connected(TIMEOUT_S)
            before = len(heard)
            for _ in range(3):
                session.say("Event: InvalidPassword", "Severity: Error", "Response: Success")
            session.say("Event: QueueMemberAdded", "X: Event: InvalidPassword")
            await until(lambda: len(heard) > before)
    assert ami.counted == {"InvalidPassword": 3}
    assert len(heard) == before + 1
