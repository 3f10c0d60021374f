"""What every telephony does: the fake, and ARI over the WebSocket and over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Protocol

import pytest
from adapters.fake_ari import STEPS, FakeAri, FakeChannel, linked
from fakes.telephony import FakeTelephony

from pbx_bridge.adapters.ari import Ari, Dialect
from pbx_bridge.ports import Done, Offer, PbxUnavailable, Telephony


class World(Protocol):
    """Asterisk's side of a telephony."""

    async def call(self, channel: str, caller: str = "", **variables: str) -> None: ...
    async def enter(self, channel: str, caller: str = "", **variables: str) -> None: ...
    def hang_up(self, channel: str) -> None: ...
    def take(self, channel: str) -> None: ...
    def went(self, channel: str) -> tuple[list[str], Mapping[str, str]]: ...
    async def lose(self) -> None: ...


class FakeWorld(FakeTelephony):
    async def lose(self) -> None:
        self.down = True


class AriWorld:
    def __init__(self, fake: FakeAri, ari: Ari) -> None:
        self._fake = fake
        self._ari = ari

    async def call(self, channel: str, caller: str = "", **variables: str) -> None:
        await self._fake.call(FakeChannel(channel, caller, variables))

    async def enter(self, channel: str, caller: str = "", **variables: str) -> None:
        await self._fake.enter(FakeChannel(channel, caller, variables))

    def hang_up(self, channel: str) -> None:
        self._fake.channels.pop(channel, None)

    def take(self, channel: str) -> None:
        self._fake.status = {"claim": 409}

    def went(self, channel: str) -> tuple[list[str], Mapping[str, str]]:
        held = self._fake.channels[channel]
        assert all(context == STEPS for context, _ in held.sent_to)
        return [step for _, step in held.sent_to], held.variables

    async def lose(self) -> None:
        self._fake.refuses = 503
        self._fake.reset()
        while self._ari.connected.is_set():
            await asyncio.sleep(0.001)


Both = tuple[Telephony, World]


@pytest.fixture(params=["fake", "websocket", "one-by-one", "http"])
async def both(request: pytest.FixtureRequest) -> AsyncIterator[Both]:
    if request.param == "fake":
        world = FakeWorld()
        yield world, world
        return
    dialect = {
        "websocket": Dialect(),
        "one-by-one": Dialect(many_variables=False),
        "http": Dialect(over_websocket=False, many_variables=False),
    }[request.param]
    async with linked(dialect=dialect) as (fake, ari):
        yield ari, AriWorld(fake, ari)


async def offered(telephony: Telephony) -> Offer:
    async with asyncio.timeout(5):
        return await anext(telephony.offers())


async def test_a_caller_is_offered_claimed_and_sent_on(both: Both) -> None:
    telephony, world = both
    await world.call("17.1", "018000999", PBX_DIALLED="018000101", PBX_CALL="")
    offer = await offered(telephony)
    variables = {"PBX_DIALLED": "018000101", "PBX_CALL": ""}
    assert offer == Offer("17.1", "17.1", "018000999", variables, claimed=False)
    assert await telephony.claim(offer) is Done.DONE
    assert await telephony.proceed("17.1", "ring", {"PBX_TARGET": "PJSIP/101"}) is Done.DONE
    assert world.went("17.1") == (["ring"], {"PBX_TARGET": "PJSIP/101"})


async def test_a_caller_comes_again_after_a_step_and_is_claimed_anew(both: Both) -> None:
    telephony, world = both
    for step in ("ring", "say"):
        await world.call("17.1")
        assert await telephony.claim(await offered(telephony)) is Done.DONE
        assert await telephony.proceed("17.1", step, {}) is Done.DONE
    assert "say" in world.went("17.1")[0]


async def test_a_caller_who_is_ours_already_needs_no_claim(both: Both) -> None:
    telephony, world = both
    await world.enter("17.1")
    offer = await offered(telephony)
    assert offer.claimed
    assert await telephony.proceed("17.1", "say", {}) is Done.DONE


async def test_a_claimed_caller_is_offered_once(both: Both) -> None:
    telephony, world = both
    await world.call("17.1")
    assert await telephony.claim(await offered(telephony)) is Done.DONE
    await world.call("17.2")
    assert (await offered(telephony)).channel == "17.2"


async def test_callers_are_offered_in_the_order_in_which_they_came(both: Both) -> None:
    telephony, world = both
    for number in range(20):
        await world.call(f"17.{number}")
    assert [(await offered(telephony)).channel for _ in range(20)] == [
        f"17.{number}" for number in range(20)
    ]


async def test_f09_a_caller_who_has_gone_is_an_outcome(both: Both) -> None:
    telephony, world = both
    await world.call("17.1")
    offer = await offered(telephony)
    world.hang_up("17.1")
    assert await telephony.claim(offer) is Done.GONE
    assert await telephony.proceed("17.1", "ring", {"A": "b"}) is Done.GONE


async def test_f09_a_caller_whom_another_bridge_has_is_an_outcome(both: Both) -> None:
    telephony, world = both
    await world.call("17.1")
    offer = await offered(telephony)
    world.take("17.1")
    assert await telephony.claim(offer) is Done.LOST
    assert await telephony.proceed("17.1", "ring", {"A": "b"}) is Done.LOST
    assert world.went("17.1") == ([], {})


async def test_f13_f23_any_text_is_a_value(both: Both) -> None:
    telephony, world = both
    found = {"PBX_NOTE": "a\r\nb\0\u202e<img>&;'\"${SHELL(x)}", "PBX_CALL": "å" * 900}
    await world.enter("17.1")
    await offered(telephony)
    assert await telephony.proceed("17.1", "say", found) is Done.DONE
    assert world.went("17.1")[1] == found


async def test_many_callers_at_once_do_not_mix(both: Both) -> None:
    telephony, world = both
    names = [f"17.{number}" for number in range(50)]

    async def serve() -> None:
        offer = await offered(telephony)
        assert await telephony.claim(offer) is Done.DONE
        done = await telephony.proceed(offer.channel, "ring", {"WHO": offer.channel})
        assert done is Done.DONE

    for name in names:
        await world.call(name)
    await asyncio.gather(*(serve() for _ in names))
    assert all(world.went(name) == (["ring"], {"WHO": name}) for name in names)


async def test_an_asterisk_out_of_reach_is_unavailable(both: Both) -> None:
    telephony, world = both
    await world.call("17.1")
    offer = await offered(telephony)
    await world.lose()
    with pytest.raises(PbxUnavailable):
        await telephony.claim(offer)
    with pytest.raises(PbxUnavailable):
        await telephony.proceed("17.1", "ring", {"A": "b"})


async def test_asterisk_says_when_it_was_started(both: Both) -> None:
    telephony, world = both
    assert await telephony.started_at() == datetime(2026, 11, 24, 10, 19, 43, 123000, tzinfo=UTC)
    await world.lose()
    with pytest.raises(PbxUnavailable):
        await telephony.started_at()
