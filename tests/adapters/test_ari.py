"""ARI, beyond the faults of test_ari_faults: both dialects, refusals, what is stranded."""

from __future__ import annotations

import asyncio
import time

import pytest
from adapters.fake_ari import (
    DECIDE,
    STEPS,
    FakeChannel,
    ari_of,
    linked,
    next_offer,
    running,
    serving,
    until,
)
from structlog.testing import capture_logs

from pbx_bridge.adapters.ari.telephony import MOST_WAITING, Dialect
from pbx_bridge.ports import Done, NoticeDelayed, PbxRejected, PbxUnavailable, ProtocolError

PLAIN = Dialect(over_websocket=False, many_variables=False)
WITHOUT_MANY = Dialect(over_websocket=True, many_variables=False)
HOSTILE = "x\r\nAction: Originate\r\n\r\n\0\u202e<img onerror=x>"


async def test_plain_stasis_over_http_sets_one_variable_after_another() -> None:
    async with linked(dialect=PLAIN) as (fake, ari):
        channel = await fake.enter(FakeChannel("17.1", "018000999", {"PBX_DIALLED": "018000101"}))
        offer = await next_offer(ari)
        assert (offer.channel, offer.caller, offer.claimed) == ("17.1", "018000999", True)
        found = {"PBX_CALL": "v1 sv", "PBX_TARGET": "PJSIP/101&PJSIP/102"}
        assert await ari.proceed("17.1", "ring", found) is Done.DONE
        assert channel.variables == found
        assert channel.sent_to == [(STEPS, "ring")]
        ways = [path for path in fake.paths() if path.startswith("channels/")]
        assert ways == ["channels/17.1/variable"] * 2 + ["channels/17.1/continue"]


async def test_plain_stasis_asks_nothing_more_of_a_caller_who_is_gone() -> None:
    async with linked(dialect=PLAIN) as (fake, ari):
        assert await ari.proceed("17.1", "ring", {"A": "1", "B": "2"}) is Done.GONE
        assert fake.paths()[-1] == "channels/17.1/variable"
        assert fake.paths().count("channels/17.1/variable") == 1


@pytest.mark.parametrize("dialect", [Dialect(), WITHOUT_MANY, PLAIN])
async def test_f13_line_breaks_in_a_variable_are_only_text(dialect: Dialect) -> None:
    async with linked(dialect=dialect) as (fake, ari):
        channel = await fake.enter(FakeChannel("17.1"))
        assert await ari.proceed("17.1", "say", {"PBX_NOTE": HOSTILE}) is Done.DONE
        assert channel.variables == {"PBX_NOTE": HOSTILE}
        assert channel.sent_to == [(STEPS, "say")]


@pytest.mark.parametrize("dialect", [Dialect(), PLAIN])
async def test_f23_a_channel_id_stays_one_segment_of_the_path(dialect: Dialect) -> None:
    name = "../17.1/continue?context=x&a=b#%2F å"
    async with linked(dialect=dialect) as (fake, ari):
        channel = await fake.enter(FakeChannel(name))
        assert await ari.proceed(name, "say", {}) is Done.DONE
        assert channel.sent_to == [(STEPS, "say")]


async def test_a_refused_variable_is_told_although_the_channel_has_gone_on() -> None:
    async with linked() as (fake, ari):
        await fake.enter(FakeChannel("17.1"))
        fake.status = {"variables": 500}
        with pytest.raises(ProtocolError, match=r"500 as the test says to POST channels/17\.1/va"):
            await ari.proceed("17.1", "ring", {"PBX_CALL": "v1 sv"})
        fake.status = {}
        await fake.enter(FakeChannel("17.2"))
        assert await ari.proceed("17.2", "ring", {"PBX_CALL": "v1 sv"}) is Done.DONE


@pytest.mark.parametrize("dialect", [Dialect(), WITHOUT_MANY])
async def test_f09_a_variable_is_refused_to_one_who_has_just_hung_up(dialect: Dialect) -> None:
    """Asterisk answers 400 then; while the channel is there it means what it says."""
    async with linked(dialect=dialect) as (fake, ari):
        fake.status = {"/variable": 400}

        async def hang_up(channel: FakeChannel) -> None:
            del fake.channels[channel.id]

        await fake.enter(FakeChannel("17.1"))
        with pytest.raises(ProtocolError, match="400 as the test says"):
            await ari.proceed("17.1", "ring", {"PBX_CALL": "v1 sv"})
        await fake.enter(FakeChannel("17.2"))
        if dialect.many_variables:
            fake.on_sent_on = hang_up
        else:
            del fake.channels["17.2"]
        assert await ari.proceed("17.2", "ring", {"PBX_CALL": "v1 sv"}) is Done.GONE


async def test_f10_an_answer_with_a_body_of_nonsense_still_has_its_status() -> None:
    for dialect in (Dialect(), PLAIN):
        async with linked(dialect=dialect) as (fake, ari):
            channel = await fake.enter(FakeChannel("17.1"))
            fake.garbage = True
            assert await ari.proceed("17.1", "say", {"A": "b"}) is Done.DONE
            fake.channels.clear()
            assert await ari.proceed("17.1", "say", {"A": "b"}) is Done.GONE
            assert channel.variables == {"A": "b"}
            assert ari.counters.malformed == 0


@pytest.mark.parametrize("part", ["eventFilter", "applications"])
async def test_f10_an_asterisk_that_answers_5xx_is_tried_again(part: str) -> None:
    async with serving() as fake:
        fake.status = {part: 503}
        ari = ari_of(fake)
        async with running(ari) as task:
            await until(lambda: len(fake.connections) == 2)
            assert not ari.connected.is_set()
            fake.status = {}
            await until(ari.connected.is_set)
            assert not task.done()


@pytest.mark.parametrize("body", [{}, {"channel_ids": None}, {"channel_ids": "17.1"}, []])
async def test_f10_a_list_of_channels_that_is_none_is_tried_again(
    body: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving() as fake:
        right = fake._answer

        async def wrong(method: str, path: str, query: dict[str, str], sent: bytes) -> object:
            found = await right(method, path, query, sent)
            nonsense = len(fake.connections) == 1 and method == "GET"
            return (200, body) if nonsense else found

        monkeypatch.setattr(fake, "_answer", wrong)
        ari = ari_of(fake)
        async with running(ari):
            await until(ari.connected.is_set)
            assert len(fake.connections) == 2


async def test_a_user_that_may_only_read_is_refused_with_what_to_do() -> None:
    async with serving() as fake:
        fake.status = {"eventFilter": 403}
        with pytest.raises(PbxRejected, match=r"read_only = no in ari\.conf"):
            async with asyncio.timeout(5):
                await ari_of(fake).run()


async def test_wrong_credentials_are_refused_and_not_tried_again() -> None:
    async with serving() as fake:
        fake.refuses = 401
        with pytest.raises(PbxRejected, match=r"refuses user 'bridge': compare ari\.conf") as told:
            async with asyncio.timeout(5):
                await ari_of(fake).run()
        assert "secret" not in str(told.value)
        assert len(fake.connections) == 1


async def test_f01_one_stranded_channel_that_fails_keeps_neither_others_nor_the_link() -> None:
    async with serving() as fake:
        for name in ("17.1", "17.2", "17.3"):
            fake.channels[name] = FakeChannel(name, in_stasis=True)
        fake.status = {"17.2": 500}
        ari = ari_of(fake)
        async with running(ari):
            await until(ari.connected.is_set)
            assert fake.channels["17.1"].sent_to == [(DECIDE, "s")]
            assert fake.channels["17.2"].sent_to == []
            assert fake.channels["17.3"].sent_to == [(DECIDE, "s")]


async def test_f01_the_hooks_hear_of_a_loss_before_they_hear_of_the_return() -> None:
    heard: list[str] = []

    async def lost() -> None:
        heard.append("lost")

    async def back() -> None:
        heard.append("back")

    async with serving() as fake:
        ari = ari_of(fake)
        ari.on_lost.append(lost)
        ari.on_connect.append(back)
        async with running(ari):
            await until(ari.connected.is_set)
            with capture_logs() as logs:
                fake.reset()
                await until(lambda: not ari.connected.is_set())
                with pytest.raises(PbxUnavailable):
                    await ari.proceed("17.1", "say", {})
                await until(ari.connected.is_set)
    assert heard == ["back", "lost", "back", "lost"]
    assert [one["event"] for one in logs] == ["ari_lost", "ari_back"]


async def test_f02_a_peer_that_closes_after_a_good_beginning_is_met_ever_more_slowly() -> None:
    async with serving() as fake:
        ari = ari_of(fake)

        async def hang_up() -> None:
            await fake.socket.close()

        ari.on_connect.append(hang_up)
        async with running(ari) as task:
            await until(lambda: len(fake.connections) >= 4)
            assert not task.done()
        first, second, third, fourth = fake.connections[:4]
        assert second - first >= 0.1
        assert third - second >= 0.2
        assert fourth - third >= 0.4


@pytest.mark.parametrize("dialect", [Dialect(), PLAIN])
async def test_f03_silence_is_noticed_at_once_and_recovered_from(dialect: Dialect) -> None:
    async with linked(dialect=dialect, ping_interval_s=0.1, request_timeout_s=0.2) as (fake, ari):
        fake.silent = True
        began = time.monotonic()
        await until(lambda: not ari.connected.is_set())
        assert time.monotonic() - began < 0.1 + 0.2 + 0.5 + 0.7  # ping, answer, farewell, slack
        fake.silent = False
        await until(ari.connected.is_set)
        await fake.enter(FakeChannel("17.1"))
        assert (await next_offer(ari)).channel == "17.1"


async def test_f03_a_dead_websocket_is_noticed_although_http_answers() -> None:
    """Requests over HTTP have connections of their own; the WebSocket's own pings tell."""
    async with linked(dialect=PLAIN, ping_interval_s=0.1) as (fake, ari):
        first = fake.socket
        fake.dead_socket = True
        await until(lambda: not ari.connected.is_set())
        fake.dead_socket = False
        await until(ari.connected.is_set)
        assert fake.socket is not first


async def test_f09_a_channel_that_is_won_but_never_enters_is_gone() -> None:
    async with linked() as (fake, ari):
        await fake.call(FakeChannel("17.1"))
        offer = await next_offer(ari)
        fake.status = {"claim": 204}
        assert await ari.claim(offer) is Done.GONE
        fake.status = {}
        assert await ari.claim(offer) is Done.DONE


async def test_requests_under_way_fail_when_the_socket_is_lost_and_are_never_sent_again() -> None:
    async with linked() as (fake, ari):
        channel = await fake.enter(FakeChannel("17.1"))
        fake.silent = True
        asked = [asyncio.create_task(ari.proceed("17.1", "say", {})) for _ in range(10)]
        await asyncio.sleep(0)
        fake.reset()
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(one, PbxUnavailable) for one in results)
        fake.silent = False
        await until(ari.connected.is_set)
        assert channel.sent_to == [(DECIDE, "s")]


async def test_f11_more_callers_than_can_wait_are_counted_and_the_first_are_kept() -> None:
    async with linked(ping_interval_s=30, request_timeout_s=10) as (fake, ari):
        for number in range(MOST_WAITING + 50):
            await fake.call(FakeChannel(str(number)))
        async with asyncio.timeout(10):
            while ari.counters.overflowed < 50:
                await asyncio.sleep(0.01)
        names = [(await next_offer(ari)).channel for _ in range(MOST_WAITING)]
        assert names == [str(number) for number in range(MOST_WAITING)]


async def test_f08_the_loser_leaves_loudly_and_waits_for_no_farewell() -> None:
    async with serving() as fake:
        ari = ari_of(fake, ping_interval_s=30)
        async with running(ari) as task:
            await until(ari.connected.is_set)
            fake.silent = True
            began = time.monotonic()
            await fake.send({"type": "ApplicationReplaced"})
            with pytest.raises(PbxRejected, match="stop one of the two"):
                async with asyncio.timeout(5):
                    await task
            assert time.monotonic() - began < 1.5  # the close time-out, and slack
            assert not ari.connected.is_set()


async def test_f12_an_asterisk_that_hangs_does_not_hold_the_bridge_at_its_end() -> None:
    async with serving() as fake:
        ari = ari_of(fake, ping_interval_s=30)
        async with running(ari):
            await until(ari.connected.is_set)
            fake.silent = True
            began = time.monotonic()
        assert time.monotonic() - began < 1.5


async def test_a_text_is_shown_on_all_devices_of_a_person_that_are_there() -> None:
    async with linked() as (fake, ari):
        fake.registered = {"104", "104-dect", "105"}
        await ari.message(("104", "104-softphone", "104-dect"), "Åter 14.30")
        shown = [path for path in fake.paths() if path.endswith("sendMessage")]
        assert shown == [f"endpoints/PJSIP/{one}/sendMessage" for one in ("104", "104-dect")]
        fake.registered = {"105"}
        with pytest.raises(NoticeDelayed, match="no phone of 104 is registered"):
            await ari.message(("104", "104-softphone"), "Åter 14.30")


async def test_all_devices_of_a_person_are_rung_up_as_one() -> None:
    async with linked() as (fake, ari):
        with pytest.raises(NoticeDelayed):
            await ari.ring_up(("104", "104-softphone"), {}, 30, ("101", "Anna Berg"))
        assert "channels" not in fake.paths()
        fake.registered = {"104-softphone"}
        await ari.ring_up(("104", "104-softphone"), {"PBX_PHONE": "104"}, 30, ("101", "Anna Berg"))
        (query,) = [query for _, path, query in fake.requests if path == "channels"]
        assert query["endpoint"] == "Local/104@pbx-bridge-devices/n"
        assert query["callerId"] == '"Anna Berg" <101>'


async def test_who_was_sent_on_by_a_queues_channel_is_the_same_call() -> None:
    """The channel isn't the caller's own, whose call the record and the journal go by."""
    async with linked() as (fake, ari):
        await fake.call(FakeChannel("17.3", shown={"PBX_LINKED": "17.1"}))
        await fake.call(FakeChannel("17.4"))
        first, second = await next_offer(ari), await next_offer(ari)
        assert (first.channel, first.linkedid) == ("17.3", "17.1")
        assert second.linkedid == "17.4"
