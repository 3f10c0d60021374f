"""The operator's stand-in, called through the trunk of a real Asterisk."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import numpy as np
import pytest
from ports import free_port
from softphone.small_exchange import FIRST, SECOND, Exchange

from pbx_bridge.softphone.audio import correlation, silence
from pbx_bridge.softphone.behaviour import (
    Answers,
    Behaviour,
    Busy,
    Declines,
    NeverAnswers,
    Press,
    Refuses,
)
from pbx_bridge.softphone.caller import Caller, CallResult, place_call
from pbx_bridge.softphone.sipp import SoftphoneFailed
from pbx_bridge.softphone.trunk import Operator
from pbx_bridge.wire.sip import Party

pytestmark = pytest.mark.calls

MOBILE = "0457000101"


def operator(exchange: Exchange, numbers: Mapping[str, Behaviour]) -> Operator:
    port = free_port()
    exchange.console(f"dialplan set global OPERATOR {port}")
    return Operator(exchange.sipp, port, numbers)


async def call(exchange: Exchange, to: str = MOBILE) -> CallResult:
    return await place_call(
        exchange.sipp,
        exchange.server,
        to=to,
        from_number="018000150",
        plays=np.concatenate([silence(0.3), SECOND]),
        max_s=5.0,
    )


async def test_a_mobile_with_voicemail_answers_and_what_was_asked_for_is_kept(
    exchange: Exchange,
) -> None:
    greeting = Answers(after_s=0.0, talks_s=1.7, plays=np.concatenate([silence(0.3), FIRST]))
    async with operator(exchange, {MOBILE: greeting}) as ours:
        result = await call(exchange)
        received = await ours.ended()
    assert (result.status, received.ended_by) == (200, "phone")
    assert correlation(result.heard, FIRST).score > 0.9
    assert correlation(received.heard, SECOND).score > 0.9
    asked = received.ringing
    assert ours.rings == [asked]
    assert asked.called == MOBILE
    name = 'för Anna "A" Berg · byggnadstillsynen'
    assert (asked.display_name, asked.number) == (name, "018000150")
    assert asked.party("P-Asserted-Identity") == Party(name, "018000150")
    assert asked.party("Diversion") == Party("Anna Berg · byggnadstillsynen", "018000101")
    assert asked.party("Remote-Party-ID") == Party("", "")


async def test_each_number_behaves_by_itself_and_nobody_has_the_others(
    exchange: Exchange,
) -> None:
    numbers: dict[str, Behaviour] = {
        "0457000102": Busy(),
        "0457000103": Declines(),
        "0457000104": Refuses(503),
    }
    async with operator(exchange, numbers) as ours:
        results = await asyncio.gather(*(call(exchange, to) for to in [*numbers, "0457000105"]))
        assert {ring.called for ring in ours.rings} == {*numbers, "0457000105"}
        assert results[0].status == 486
        assert results[3].status == 404
        assert all(result.answered_at is None for result in results)
        ours.numbers["0457000105"] = Answers(after_s=0.0, talks_s=0.1)
        assert (await call(exchange, "0457000105")).status == 200


async def test_a_mobile_rings_until_the_caller_gives_up(exchange: Exchange) -> None:
    async with operator(exchange, {MOBILE: NeverAnswers()}) as ours:
        caller = Caller(exchange.sipp, exchange.server, to=MOBILE, from_number="018000150")
        async with caller:
            assert (await ours.rang()).called == MOBILE
            await caller.hang_up()
        assert (await ours.ended()).ended_by == "exchange"


async def test_a_mobile_takes_a_call_by_pressing_a_key(exchange: Exchange) -> None:
    takes = Answers(after_s=0.0, press=[Press("5", after_silence_s=0.3)])
    async with operator(exchange, {MOBILE: takes}) as ours:
        exchange.ring(f"operator/sip:{MOBILE}@127.0.0.1:{ours.port}", "ask")
        received = await ours.ended()
    assert correlation(received.heard, SECOND).score > 0.9


async def test_an_operator_whose_port_is_taken_says_so_and_one_with_any_port_stands(
    exchange: Exchange,
) -> None:
    async with Operator(exchange.sipp, 0, {}) as ours:
        assert ours.port
        with pytest.raises(SoftphoneFailed, match="did not start"):
            async with Operator(exchange.sipp, ours.port, {}):
                pytest.fail("two on one port")
