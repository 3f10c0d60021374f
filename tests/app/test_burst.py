"""F11: 20,000 events at once, through the real adapter: order, memory, and what comes after."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.fake_ari import FakeAri, FakeChannel, linked, until
from core.plans import DAY, EXCHANGE, PROMPTS, way
from fakes.clock import FakeClock
from fakes.journal import FakeJournal
from fakes.speech import FakeSpeech

from pbx_bridge.adapters.ari import Ari
from pbx_bridge.app.calls import Calls
from pbx_bridge.app.office import Office
from pbx_bridge.app.voice import Voice
from pbx_bridge.core.call import Call
from pbx_bridge.core.decide import kind
from pbx_bridge.core.events import Decided
from pbx_bridge.core.model import Language

EVENTS = 20_000
DIALLED = "018000101"
RESULTS = {"ring": "NOANSWER", "queue": "TIMEOUT", "say": "SUCCESS"}
"""What Asterisk says of a step that led to nobody."""
MOST_BYTES = 10_000_000
"""Twenty thousand tasks at once took 70 MB."""


@asynccontextmanager
async def bridged() -> AsyncIterator[tuple[FakeAri, Ari, Calls, FakeJournal]]:
    async with linked(ping_interval_s=60, request_timeout_s=60) as (fake, ari):
        journal, clock = FakeJournal(), FakeClock(DAY)
        office = Office(EXCHANGE, journal, clock)
        calls = Calls(ari, office, Voice(FakeSpeech(), PROMPTS), clock)
        task = asyncio.create_task(calls.run())
        try:
            yield fake, ari, calls, journal
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_f11_each_channels_steps_keep_their_order_in_a_burst_of_20000_events() -> None:
    """500 callers come at once, and nobody answers them: 20 steps each, two events a step."""
    expected = list(way(Call(DIALLED, "", "", Language.SV), EXCHANGE, DAY, {"ask:choice": ""}))
    async with bridged() as (fake, ari, calls, journal):

        async def next_(channel: FakeChannel) -> None:
            _, step = channel.sent_to[-1]
            if step != "hangup":
                carried = {"PBX_CALL": channel.variables["PBX_CALL"]}
                channel.shown |= carried | {"PBX_RESULT": RESULTS.get(step, "")}
                await fake.call(channel)

        fake.on_sent_on = next_
        callers = [FakeChannel(f"c{at}", shown={"PBX_DIALLED": DIALLED}) for at in range(500)]
        assert 2 * len(callers) * len(expected) >= EVENTS
        for caller in callers:
            await fake.call(caller)
        await until(lambda: calls.tally.decided == len(callers) * len(expected), within_s=120)
        assert ari.counters.overflowed == calls.tally.failed == calls.tally.lost == 0
    marks: dict[str, list[str]] = defaultdict(list)
    for event in journal.events:
        assert isinstance(event, Decided)
        marks[event.call].append(event.step)
    for caller in callers:
        assert [step for _, step in caller.sent_to] == [kind(one.step) for one in expected]
        assert marks[caller.id] == [one.mark for one in expected]


async def test_f11_a_flood_that_nobody_can_serve_takes_bounded_memory_and_passes() -> None:
    """20,000 callers in a moment, of whom Asterisk has long lost all: the last one is helped."""
    async with bridged() as (fake, ari, calls, _):
        tracemalloc.start()
        try:
            for at in range(EVENTS):
                gone = {"id": f"g{at}", "channelvars": {"PBX_DIALLED": DIALLED}}
                await fake.send({"type": "CallBroadcast", "channel": gone})
            seen = ari.counters
            await until(lambda: calls.tally.gone + seen.overflowed == EVENTS, within_s=60)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        print(peak / 1e6, seen.overflowed, calls.tally)
        assert peak < MOST_BYTES
        caller = await fake.call(FakeChannel("last", shown={"PBX_DIALLED": DIALLED}))
        await until(lambda: caller.sent_to)
