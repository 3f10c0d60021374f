"""ARI when the network, Asterisk or another bridge does not behave."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import pairwise

import pytest
from adapters.fake_ari import (
    APP,
    DECIDE,
    TIMEOUT_S,
    FakeAri,
    FakeChannel,
    ari_of,
    linked,
    next_offer,
    running,
    serving,
    until,
)
from aiohttp.web import WebSocketResponse
from pydantic_core import to_json
from structlog.testing import capture_logs

from pbx_bridge.adapters.ari import Ari
from pbx_bridge.adapters.ari.telephony import PING_INTERVAL_S, REQUEST_TIMEOUT_S
from pbx_bridge.ports import Done, Offer, PbxRejected, PbxUnavailable


async def test_f01_a_reset_socket_is_taken_up_again_and_stranded_calls_are_sent_on() -> None:
    async with linked() as (fake, ari):
        left = FakeChannel("left-behind", in_stasis=True)
        fake.channels[left.id] = left
        with capture_logs() as logs:
            fake.reset()
            await until(lambda: not ari.connected.is_set())
            await until(ari.connected.is_set)
        assert left.sent_to == [(DECIDE, "s")]
        events = [one["event"] for one in logs]
        assert events.count("ari_lost") == 1
        assert events.count("ari_back") == 1
        await fake.call(FakeChannel("c2"))
        assert (await next_offer(ari)).channel == "c2"


async def test_f02_a_clean_close_is_a_disconnect_without_a_tight_loop() -> None:
    async with serving() as fake:
        ari = ari_of(fake)
        async with running(ari) as task:
            await until(ari.connected.is_set)
            fake.on_connected = WebSocketResponse.close
            await fake.socket.close()
            await until(lambda: len(fake.connections) >= 4)
            assert min(later - before for before, later in pairwise(fake.connections)) >= 0.1
            assert not task.done()
            fake.on_connected = None
            await until(ari.connected.is_set)


async def test_f03_a_peer_that_falls_silent_is_noticed_and_met_again() -> None:
    async with linked(ping_interval_s=0.1, request_timeout_s=0.2) as (fake, ari):
        fake.silent = True
        await until(lambda: not ari.connected.is_set())
        fake.silent = False
        await until(ari.connected.is_set)


def test_f03_the_limit_in_service_is_five_seconds() -> None:
    assert PING_INTERVAL_S + REQUEST_TIMEOUT_S <= 5


async def test_f08_a_bridge_whose_name_is_taken_over_leaves_loudly() -> None:
    async with serving() as fake:
        ari = ari_of(fake)
        async with running(ari) as task:
            await until(ari.connected.is_set)
            await fake.send({"type": "ApplicationReplaced"})
            with pytest.raises(PbxRejected, match="another bridge has connected"):
                async with asyncio.timeout(TIMEOUT_S):
                    await task


async def test_f12_an_end_that_comes_together_with_a_loss_is_not_lost() -> None:
    async with serving() as fake:
        ari = ari_of(fake)
        task = asyncio.create_task(ari.run())

        async def lose() -> None:
            task.cancel()
            raise PbxUnavailable("the link is lost at the same moment")

        ari.on_connect.append(lose)
        done, _ = await asyncio.wait([task], timeout=TIMEOUT_S)
        ended = bool(done)
        ari.on_connect.clear()
        task.cancel()
        await asyncio.wait([task], timeout=TIMEOUT_S)
        assert ended
        assert task.cancelled()


async def in_peace(fake: FakeAri, ari: Ari) -> None:
    """Return when the adapter has a connection on which nothing is late, on whatever machine."""
    ari._ping_interval_s = ari._request_timeout_s = 30
    await until(ari.connected.is_set)
    before = fake.socket
    fake.reset()
    await until(lambda: fake.socket is not before and ari.connected.is_set())


def is_another(fake: FakeAri, before: WebSocketResponse) -> bool:
    return fake.socket is not before


async def test_f08_ones_own_older_connection_that_is_served_late_is_no_other_bridge() -> None:
    async with serving() as fake:
        ari = ari_of(fake, ping_interval_s=0.05, request_timeout_s=0.1)
        async with running(ari) as task:
            await until(ari.connected.is_set)
            fake.silent = True  # a connection with its handshake, then one after the other
            await until(lambda: ari._given_up >= 2)
            fake.silent = False
            await in_peace(fake, ari)
            for _ in range(ari._given_up):
                await until(ari.connected.is_set)
                socket = fake.socket
                await fake.send({"type": "ApplicationReplaced"})
                await until(partial(is_another, fake, socket))
                assert not task.done()
            await until(ari.connected.is_set)
            await fake.send({"type": "ApplicationReplaced"})
            with pytest.raises(PbxRejected, match="another bridge has connected"):
                async with asyncio.timeout(TIMEOUT_S):
                    await task


async def test_f03_an_application_that_was_dropped_with_an_older_connection_is_made_anew() -> None:
    async with serving() as fake:
        ari = ari_of(fake, ping_interval_s=0.05, request_timeout_s=0.1)
        async with running(ari):
            await until(ari.connected.is_set)
            fake.silent = True
            await until(lambda: ari._given_up >= 1)
            fake.silent = False
            await in_peace(fake, ari)
            ari._ping_interval_s = 0.02
            before = fake.socket
            fake.reset()
            await until(lambda: fake.socket is not before and ari.connected.is_set())
            before = fake.socket
            fake.status = {f"applications/{APP}": 404}
            await until(lambda: not ari.connected.is_set())
            fake.status = {}
            await until(lambda: fake.socket is not before and ari.connected.is_set())


async def test_f08_a_while_after_a_silence_nothing_of_ours_is_served_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pbx_bridge.adapters.ari.telephony.SERVED_LATE_S", 0.0)
    async with serving() as fake:
        ari = ari_of(fake, ping_interval_s=0.05, request_timeout_s=0.1)
        async with running(ari) as task:
            await until(ari.connected.is_set)
            fake.silent = True
            await until(lambda: ari._given_up >= 1)
            fake.silent = False
            await in_peace(fake, ari)
            await fake.send({"type": "ApplicationReplaced"})
            with pytest.raises(PbxRejected, match="another bridge has connected"):
                async with asyncio.timeout(TIMEOUT_S):
                    await task


@pytest.mark.parametrize(("status", "outcome"), [(404, Done.GONE), (409, Done.LOST)])
async def test_f09_a_channel_that_is_gone_or_anothers_is_an_outcome(
    status: int, outcome: Done
) -> None:
    async with linked() as (fake, ari):
        fake.status = {"claim": status, "channels/": status}
        with capture_logs() as logs:
            offer = Offer("c1", "c1", "", {}, claimed=False)
            assert await ari.claim(offer) is outcome
            assert await ari.proceed("c1", "say", {"A": "b"}) is outcome
        assert logs == []


async def test_f10_nonsense_is_counted_and_survived() -> None:
    nonsense = [
        "{",
        '{"type": "StasisStart"',
        "[]",
        '{"no": "type"}',
        '{"type": "CallBroadcast"}',
        '{"type": "StasisStart", "channel": 7}',
        '{"type": "SomethingNew", "field": 1}',
        to_json({"type": "Huge", "data": "x" * 1_000_000}).decode(),
    ]
    async with linked() as (fake, ari):
        for text in nonsense:
            await fake.socket.send_str(text)
        await fake.call(FakeChannel("after"))
        assert (await next_offer(ari)).channel == "after"
        assert ari.counters.malformed == 6
        assert ari.counters.ignored == 2
        assert ari.connected.is_set()
        assert len(fake.connections) == 1
