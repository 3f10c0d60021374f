"""Real calls by SIPp into a real Asterisk."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from softphone.small_exchange import FIRST, SECOND, Exchange

from pbx_bridge.softphone.audio import correlation, load, silence
from pbx_bridge.softphone.behaviour import How, Press
from pbx_bridge.softphone.caller import Caller, CallResult, place_call
from pbx_bridge.softphone.sipp import SoftphoneFailed, Transport
from pbx_bridge.wire.rtp import Codec, Samples

pytestmark = pytest.mark.calls

VOICE = np.concatenate([silence(0.3), FIRST])
NAME, NUMBER = "Åsa Öberg", "018000150"


def trunk(exchange: Exchange, to: str) -> Caller:
    return Caller(exchange.sipp, exchange.server, to=to, from_number=NUMBER, from_name=NAME)


async def call(
    exchange: Exchange,
    to: str,
    *,
    hold_s: float | None = None,
    max_s: float = 10.0,
    record: Path | None = None,
    transport: Transport = "udp",
) -> CallResult:
    return await place_call(
        exchange.sipp,
        exchange.server,
        to=to,
        from_number=NUMBER,
        from_name=NAME,
        hold_s=hold_s,
        max_s=max_s,
        record=record,
        transport=transport,
    )


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_trunk_caller_hears_the_prompt_and_the_exchange_hangs_up(
    exchange: Exchange, tmp_path: Path, transport: Transport
) -> None:
    record = tmp_path / "heard.wav"
    result = await call(exchange, "first", record=record, transport=transport)
    assert result.status == 200
    assert result.ended_by == "exchange"
    assert result.answered_at is not None
    assert result.invited_at.wall <= result.answered_at.wall <= result.ended_at.wall
    assert correlation(load(record), FIRST).score > 0.9
    assert correlation(result.heard, SECOND).score < 0.3


async def test_a_phone_answers_the_challenge_and_one_with_a_wrong_secret_is_refused(
    exchange: Exchange,
) -> None:
    sipp, server = exchange.sipp, exchange.server
    right = await place_call(sipp, server, to="first", user="102", secret=exchange.secret)
    assert right.status == 200
    wrong = await place_call(sipp, server, to="first", user="102", secret="guessed")
    assert (wrong.status, wrong.answered_at, wrong.ended_by) == (401, None, "exchange")


async def test_a_key_pressed_after_the_prompt_is_understood_both_ways(exchange: Exchange) -> None:
    async def press(how: How, user: str) -> CallResult:
        return await place_call(
            exchange.sipp,
            exchange.server,
            to="ask",
            press=[Press("5", after_silence_s=0.3, how=how)],
            user=user,
            secret=exchange.secret,
        )

    for result in await asyncio.gather(press(How.RTP, "102"), press(How.INFO, "103")):
        first, second = correlation(result.heard, FIRST), correlation(result.heard, SECOND)
        assert first.score > 0.9
        assert second.score > 0.9
        assert second.at_s > first.at_s + first.length_s


async def test_a_feature_code_reaches_the_dialplan_whole(exchange: Exchange) -> None:
    result = await call(exchange, "*23*1*1430#", hold_s=0.1)
    assert (result.status, result.ended_by) == (200, "caller")


async def test_a_caller_gives_up_before_the_answer(exchange: Exchange) -> None:
    async with trunk(exchange, "ring") as caller:
        assert await caller.ringing() is not None
        await caller.hang_up()
        result = await caller.ended()
    assert (result.status, result.ended_by, result.answered_at) == (487, "caller", None)
    assert exchange.channels == 0


async def test_a_caller_who_waits_too_long_gives_up_by_itself(exchange: Exchange) -> None:
    result = await call(exchange, "ring", max_s=0.3)
    assert (result.status, result.ended_by) == (487, "caller")


@pytest.mark.parametrize(("to", "status"), [("busy", 486), ("nowhere", 404)])
async def test_a_refusal_is_told_with_its_status(exchange: Exchange, to: str, status: int) -> None:
    result = await call(exchange, to)
    assert (result.status, result.ended_by) == (status, "exchange")


async def test_what_a_caller_says_comes_back_from_an_echo(exchange: Exchange) -> None:
    async def echoed(codec: Codec) -> Samples:
        caller = Caller(exchange.sipp, exchange.server, to="echo", plays=VOICE, codecs=[codec])
        async with caller:
            await caller.answered()
            await asyncio.sleep(1.7)
            return caller.heard

    for heard in await asyncio.gather(*map(echoed, Codec)):
        assert correlation(heard, FIRST).score > 0.9


def children() -> set[str]:
    return {
        child
        for thread in Path("/proc/self/task").iterdir()
        for child in (thread / "children").read_text().split()
    }


async def test_a_cancelled_call_leaves_no_channel_process_task_or_file(
    exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before, tasks = children(), asyncio.all_tasks()
    talking = asyncio.Event()

    async def call() -> None:
        async with trunk(exchange, "echo") as caller:
            await caller.answered()
            talking.set()
            await caller.ended()

    task = asyncio.create_task(call())
    await talking.wait()
    assert exchange.channels == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert exchange.channels == 0
    assert (children(), asyncio.all_tasks()) == (before, tasks)
    assert not os.listdir(tmp_path)  # noqa: PTH208 (nothing to block on)


async def test_an_exchange_that_is_not_there_is_told_and_the_next_call_goes_through(
    exchange: Exchange,
) -> None:
    result = await place_call(exchange.sipp, ("127.0.0.1", 9), to="first", max_s=0.1)
    assert result.status == 408
    with pytest.raises(SoftphoneFailed, match="did not start"):
        await place_call(["false"], exchange.server, to="first")
    again = await call(exchange, "first", hold_s=0.0)
    assert again.status == 200


async def test_a_name_that_sipp_would_interpret_is_refused_before_anything_is_sent() -> None:
    for name in ("[call_id]", 'a" <sip:1@x>', "a\r\nContact: x"):
        with pytest.raises(ValueError, match="from_name"):
            await place_call(["sipp"], ("127.0.0.1", 9), to="1", from_number="1", from_name=name)
