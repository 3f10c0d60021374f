"""Phones that are registered at a real Asterisk, called by real callers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import cast

import numpy as np
import pytest
from softphone.small_exchange import FIRST, SECOND, Exchange

from pbx_bridge.softphone.audio import correlation, silence
from pbx_bridge.softphone.behaviour import Answers, Behaviour, Busy, Declines, NeverAnswers
from pbx_bridge.softphone.caller import Caller, CallResult, place_call
from pbx_bridge.softphone.phone import Phone
from pbx_bridge.softphone.sipp import SoftphoneFailed
from pbx_bridge.softphone.twin import Gone
from pbx_bridge.wire import sip

pytestmark = pytest.mark.calls


def phone(exchange: Exchange, behaviour: Behaviour, user: str = "101") -> Phone:
    return Phone(exchange.sipp, exchange.server, user, exchange.secret, behaviour)


VOICE = np.concatenate([silence(0.3), SECOND])


async def call(exchange: Exchange, to: str, hold_s: float | None = None) -> CallResult:
    return await place_call(
        exchange.sipp,
        exchange.server,
        to=to,
        from_number="018000150",
        from_name="Åsa Öberg",
        plays=VOICE,
        hold_s=hold_s,
    )


async def test_a_phone_is_registered_and_reachable_while_it_lasts(exchange: Exchange) -> None:
    async with phone(exchange, Answers()) as ours:
        assert f"127.0.0.1:{ours.port}" in exchange.console("pjsip show contacts")
        for _ in range(30):
            if "Avail" in exchange.console("pjsip show contacts"):
                break
            await asyncio.sleep(0.1)
        else:
            pytest.fail("Asterisk's OPTIONS was not answered")
    assert str(ours.port) not in exchange.console("pjsip show contacts")


async def test_a_phone_shows_the_caller_answers_and_both_hear_each_other(
    exchange: Exchange,
) -> None:
    async with phone(
        exchange, Answers(after_s=0.1, talks_s=1.7, plays=np.concatenate([silence(0.3), FIRST]))
    ) as ours:
        result = await call(exchange, "101")
        ringing = await ours.rang()
        received = await ours.ended()
    assert (ringing.display_name, ringing.number) == ("Åsa Öberg", "018000150")
    assert ringing.headers["cseq"].endswith("INVITE")
    assert result.status == 200
    assert result.ended_by == "exchange"
    assert received.ended_by == "phone"
    assert len(ours.answered) == 1
    assert correlation(result.heard, FIRST).score > 0.9
    assert correlation(ours.heard, SECOND).score > 0.9


@pytest.mark.parametrize(("behaviour", "status"), [(Busy(), 486), (Declines(), 603)])
async def test_a_phone_that_refuses_then_answers_the_next_call(
    exchange: Exchange, behaviour: Behaviour, status: int
) -> None:
    async with phone(exchange, behaviour) as ours:
        refused = await call(exchange, "101")
        assert (await ours.ended()).answered_at is None
        ours.behaviour = Answers(after_s=0.0)
        answered = await call(exchange, "101", hold_s=0.1)
        assert (await ours.ended()).ended_by == "exchange"
    assert refused.answered_at is None
    assert refused.status in {status, 403, 486}
    assert (answered.status, answered.ended_by) == (200, "caller")


async def test_a_phone_that_nobody_answers_stops_ringing_when_the_exchange_goes_on(
    exchange: Exchange,
) -> None:
    async with phone(exchange, NeverAnswers()) as ours:
        result = await call(exchange, "short")
        received = await ours.ended()
    assert received.answered_at is None
    assert received.ended_by == "exchange"
    assert correlation(result.heard, FIRST).score > 0.9


async def test_a_caller_who_gives_up_ends_the_ringing(exchange: Exchange) -> None:
    async with phone(exchange, NeverAnswers()) as ours:
        caller = Caller(exchange.sipp, exchange.server, to="101", from_number="018000150")
        async with caller:
            await ours.rang()
            await caller.hang_up()
        assert (await ours.ended()).ended_by == "exchange"


async def test_a_caller_whom_sipp_drops_as_they_give_up_ends_the_ringing_too(
    exchange: Exchange,
) -> None:
    """SIPp leaves without a word where it is told to hang up in the moment of a 180."""
    async with phone(exchange, NeverAnswers()) as ours:
        caller = Caller(exchange.sipp, exchange.server, to="101", from_number="018000150")
        async with caller:
            await ours.rang()
            caller._line.told_to_hang_up = True
            caller._hear(Gone(caller._line.call_id, ""))
            assert (await ours.ended()).ended_by == "exchange"
        assert caller.result().status == 487


async def test_a_phone_takes_two_calls_at_once(exchange: Exchange) -> None:
    async with phone(exchange, Answers(after_s=0.0, talks_s=0.5)) as ours:
        results = await asyncio.gather(call(exchange, "101"), call(exchange, "101"))
        for _ in results:
            assert (await ours.ended()).ended_by == "phone"
    assert [result.status for result in results] == [200, 200]


async def test_a_phone_that_leaves_in_the_middle_of_a_call_hangs_up(exchange: Exchange) -> None:
    async with contextlib.AsyncExitStack() as stack:
        ours = await stack.enter_async_context(phone(exchange, Answers(after_s=0.0)))
        caller = Caller(exchange.sipp, exchange.server, to="101", from_number="018000150")
        await stack.enter_async_context(caller)
        await caller.answered()
        await ours.__aexit__(None, None, None)
        assert (await caller.ended()).ended_by == "exchange"


async def test_a_phone_with_a_wrong_secret_is_refused_and_leaves_nothing(
    exchange: Exchange,
) -> None:
    wrong = Phone(exchange.sipp, exchange.server, "101", "guessed", Busy())
    with pytest.raises(SoftphoneFailed, match="401"):
        async with wrong:
            pytest.fail("the phone was let in")
    async with phone(exchange, Busy()) as ours:
        assert ours.port


class SlowRegistrar(asyncio.DatagramProtocol):
    """Challenges as a busy exchange does whose first challenge came too late for SIPp's patience:
    it comes again, after the request that has the answer to it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.accepted = 0

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        headers = sip.parse(data.decode()).headers
        number = int(headers["cseq"].split()[0])
        if number % 2:
            if number > 1:  # the answers to the registration come once more
                self._challenge({**headers, "cseq": f"{number - 2} REGISTER"}, addr)
                self._answer("200 OK", {**headers, "cseq": f"{number - 1} REGISTER"}, addr)
            self._challenge(headers, addr)
            return
        for _ in range(2):
            self._challenge({**headers, "cseq": f"{number - 1} REGISTER"}, addr)
        self.accepted += 1
        self._answer("200 OK", headers, addr)

    def _challenge(self, headers: Mapping[str, str], addr: tuple[str, int]) -> None:
        digest = 'Digest realm="asterisk", nonce="1/2", algorithm=MD5, qop="auth"'
        self._answer("401 Unauthorized", {**headers, "www-authenticate": digest}, addr)

    def _answer(self, line: str, headers: Mapping[str, str], addr: tuple[str, int]) -> None:
        names = ("Via", "From", "To", "Call-ID", "CSeq", "WWW-Authenticate")
        kept = [f"{name}: {headers[name.lower()]}" for name in names if name.lower() in headers]
        text = "\r\n".join([f"SIP/2.0 {line}", *kept, "Content-Length: 0", "", ""])
        self._transport.sendto(text.encode(), addr)


async def test_a_challenge_that_comes_again_is_not_taken_for_a_refusal(exchange: Exchange) -> None:
    transport, registrar = await asyncio.get_running_loop().create_datagram_endpoint(
        SlowRegistrar, local_addr=("127.0.0.1", 0)
    )
    try:
        server = transport.get_extra_info("sockname")
        async with Phone(exchange.sipp, server, "101", "made-up", Busy()):
            assert registrar.accepted == 1
        assert registrar.accepted == 2, "it has unregistered, too"
    finally:
        transport.close()
