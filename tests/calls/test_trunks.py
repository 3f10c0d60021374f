"""Calls out over several operators: who is silent, refuses or has moved is left for the next."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest
import pytest_asyncio
from calls.carriers import Carrier, Says
from calls.conftest import TUESDAY, command, idle, mirrored, opened, sample_town
from ports import free_port

from pbx_bridge.stage import Made, Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="module")]

HOST = "127.0.4.1"
NUMBER, BUSY, SLOW = "0186543", "0186544", "0186545"
TRUNKS = """
trunks:
  first:
    host: [{host}:{ports[0]}, {host}:{ports[1]}]
    caller_id: 018 000 100
    watch: false
  second:
    host: {host}:{ports[2]}
    numbers: e164
    watch: false
  third:
    host: {host}:{ports[3]}
    watch: false
routes:
  geographic: [first, second]
  emergency: [second]
"""
ANSWERS = (Says(180), Says(200, 0.2))
TRYING, RINGS, MOVED = Says(100), Says(180), Says(302, headers=("Contact: <sip:0600@192.0.2.9>",))
SOON_S = 0.9
"""A server that refuses is left at the next look, each 0.2 s; the rest is this machine's."""


@dataclass(frozen=True)
class Operators:
    """An exchange with three operators, the first of which has two servers."""

    stage: Stage
    ports: Sequence[int]

    async def call(
        self, number: str, *servers: Sequence[Says] | None, hold_s: float = 0.5
    ) -> tuple[Made, list[Carrier]]:
        """Dial from 107's phone; what each server says, None for one that isn't there."""
        carriers = [
            Carrier(says or (), HOST, port) for says, port in zip(servers, self.ports, strict=False)
        ]
        running = [one for one, says in zip(carriers, servers, strict=True) if says is not None]
        for one in running:
            await one.__aenter__()
        try:
            made = await self.stage.call(number, phone="107", hold_s=hold_s)
            await idle(self.stage)
            return made, carriers
        finally:
            for one in running:
                await one.__aexit__(None, None, None)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def operators(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Operators]:
    folder = tmp_path_factory.mktemp("trunks")
    town = sample_town(folder / "town")
    ports = [free_port(HOST) for _ in range(4)]
    trunks = town / "dialplan/trunks.yaml"
    _, dialling, rest = trunks.read_text().partition("\ndialling:")
    trunks.write_text(TRUNKS.format(host=HOST, ports=ports) + dialling + rest)
    async with opened(town, folder / "s", TUESDAY) as stage:
        yield Operators(stage, ports)


def apart(first: Carrier, second: Carrier, number: str, other: str = "") -> float:
    """Seconds from one server's call to the next one's."""
    return second.called_at(other or number) - first.called_at(number)


async def test_a_silent_server_is_given_up_in_two_seconds_and_the_caller_hears_ringing(
    operators: Operators,
) -> None:
    made, (mute, moved, last) = await operators.call(NUMBER, (), (MOVED,), ANSWERS)
    ringing = made.result.ringing_at
    assert ringing is not None
    assert ringing.monotonic_s - made.result.invited_at.monotonic_s < 1.0
    assert made.result.answered_at is not None
    assert 1.9 < apart(mute, moved, NUMBER) < 2.0 + SOON_S
    assert apart(moved, last, NUMBER, "+358186543") < SOON_S
    assert (mute.called, moved.called, last.called) == ([NUMBER], [NUMBER], ["+358186543"])
    assert made.whys == ["outgoing"]


async def test_what_the_called_party_says_ends_the_call_and_a_refusal_takes_the_next_server(
    operators: Operators,
) -> None:
    made, (_, first, second) = await operators.call(BUSY, None, (Says(486),), ANSWERS)
    assert (made.result.status, first.called, second.called) == (486, [BUSY], [])
    waited = made.result.ended_at.monotonic_s - made.result.invited_at.monotonic_s
    assert waited < 2.0 + 2 * SOON_S, "a server that is silent is not waited for then"
    made, (ringing, other) = await operators.call(SLOW, (RINGS, Says(200, 3.0)), ANSWERS)
    assert made.result.answered_at is not None
    assert (SLOW in ringing.cancelled, SLOW in other.called) == (False, False)


async def test_f24_112_is_tried_over_every_trunk_and_the_switchboard_is_told_at_once(
    operators: Operators,
) -> None:
    """Its own trunk first, the others too; "busy" is nobody's word there. Dialled the old way."""
    notice = asyncio.create_task(told_of(operators.stage, "107"))
    made, carriers = await operators.call("0112", (), (Says(404),), (Says(486),), ANSWERS)
    assert all("112" in one.called for one in carriers)
    assert made.result.answered_at is not None
    first, second, own, last = carriers
    assert apart(own, first, "112") < SOON_S
    assert 1.9 < apart(first, second, "112") < 2.0 + SOON_S
    assert apart(second, last, "112") < SOON_S
    assert await notice < made.result.answered_at.monotonic_s
    assert made.whys == ["emergency"]


async def test_f24_words_say_what_to_do_where_nobody_takes_112_also_without_a_bridge(
    operators: Operators,
) -> None:
    """The switchboard is told when the bridge is back, by the record."""
    stage = operators.stage
    await mirrored(stage)
    stage.up.bridge.signal(signal.SIGKILL)
    await stage.up.bridge.ended()
    refuses = (Says(503),)
    made, carriers = await operators.call("112#", refuses, refuses, refuses, refuses, hold_s=30.0)
    assert all("112" in one.called for one in carriers)
    assert made.heard == (
        "Nödsamtalet kunde inte kopplas fram. Ring ett ett två från en mobiltelefon."
    )
    assert made.result.answered_at is not None
    waited = made.result.answered_at.monotonic_s - made.result.invited_at.monotonic_s
    assert waited < 4.0
    await stage.up.bridge.start()
    await told_of(stage, "107")


async def told_of(stage: Stage, caller: str) -> float:
    """Wait until the switchboard's list has the emergency call of somebody; when that was."""
    async with asyncio.timeout(20):
        while True:
            status = await stage.ask("status")
            for one in status["notices"]["to_be_heard"]:
                if (one["about"], one["person"]) == ("emergency", caller):
                    seen = time.monotonic()
                    await command(stage, "SettleNotices", ids=[one["id"]], by="111")
                    return seen
            await asyncio.sleep(0.05)
