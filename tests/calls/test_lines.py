"""Callers of lines, numbers that are nobody's, and calls out of the house."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import cast

import pytest
from calls.conftest import command
from calls.hearing import hears_only, tone_s

from pbx_bridge.bootstrap import database_file
from pbx_bridge.cli.calling import sipp_program
from pbx_bridge.core.latency import Outcome
from pbx_bridge.softphone.audio import load, tone
from pbx_bridge.softphone.behaviour import Answers, Busy, Press
from pbx_bridge.softphone.caller import place_call
from pbx_bridge.stage import Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

VOICE_HZ = 700
SOON = Answers(after_s=1.0, talks_s=1.0)


async def test_an_open_line_is_answered_by_whoever_attends_it(stage: Stage) -> None:
    async with stage.phone("111", SOON):
        made = await stage.call("018000100")
    assert made.whys == ["line-open"]
    assert made.journey.answered_by == "111"
    assert made.journey.wait_s == pytest.approx(1.0, abs=0.5)


async def test_messages_are_kept_as_they_were_spoken(stage: Stage) -> None:
    """Of callers to a closed line, and to somebody whose colleague doesn't answer either."""
    spool = stage.up.settings.spool / "voicemail/default"
    before = set(spool.glob("*/INBOX/msg*.wav"))
    voice = tone(VOICE_HZ, 0.5)
    speak = [Press("1", after_silence_s=1.2), Press("#", after_s=6.0)]
    async with stage.phone("101", Busy()), stage.phone("102", Busy()):
        closed, nobody = await asyncio.gather(
            stage.call("018000130", press=speak, plays=voice),
            stage.call("018000101", press=speak, plays=voice),
        )
    assert closed.whys[0] == "line-closed"
    assert "Vi har stängt nu. Vi öppnar i morgon klockan nio." in closed.heard
    assert nobody.whys[0] == "person-rings"
    assert "Tryck ett för att lämna ett meddelande till Anna Berg." in nobody.heard
    for made in (closed, nobody):
        assert "Tala efter tonen och avsluta med fyrkant." in made.heard
        assert "Tack. Ditt meddelande är sparat." in made.heard
        assert made.journey.outcome is Outcome.MESSAGE
    messages = set(spool.glob("*/INBOX/msg*.wav")) - before
    assert {message.parent.parent.name for message in messages} == {"181", "101"}
    assert all(tone_s(load(message), VOICE_HZ) > 1.5 for message in messages)


async def test_f25_the_last_attendant_is_refused_in_words_and_in_the_journal(
    stage: Stage,
) -> None:
    """F25, S18: refused, spoken why; allowed as soon as a colleague attends."""
    tries = ("#28*1#", "*23*1*1430#")
    for made in await asyncio.gather(*(stage.call(code, phone="111") for code in tries)):
        assert made.whys[0] == "command-refused"
        assert made.heard.startswith("Du är den sista som ")
    refusals = await asyncio.to_thread(_refusals, stage)
    assert set(refusals[-2:]) == {("SignOut", "last-attendant"), ("SetReferral", "last-attendant")}
    signed_in = await stage.call("*28*1#", phone="113")
    assert signed_in.heard == "Du är inloggad och bemannar växeln."
    still = await stage.call("#28*1#", phone="111")
    assert "telefonen hos Lars Mattsson går inte att nå" in still.heard
    async with stage.phone("113", SOON), asyncio.timeout(30):  # it is seen to be there
        while (await stage.call("#28*1#", phone="111")).heard != "Du är utloggad från växeln.":
            continue
        assert await command(stage, "SignIn", line="vaxel", person="111") == "command-done"


def _refusals(stage: Stage) -> list[tuple[str, str]]:
    path = database_file(stage.up.site.deployment.state)
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        rows = connection.execute(
            "SELECT json_extract(body, '$.command'), json_extract(body, '$.why') FROM journal "
            "WHERE kind = 'CommandRefused' ORDER BY seq"
        )
        return [(str(command), str(why)) for command, why in rows]


async def test_a_wrong_password_rings_nobody(stage: Stage) -> None:
    async with stage.phone("102", SOON) as bo:
        result = await place_call(
            sipp_program(), stage.up.running.sip, to="102", user="101", secret="guessed"
        )
        assert not bo.received
    assert result.status in {401, 403}


async def test_abroad_is_refused_in_words(stage: Stage) -> None:
    made = await stage.call("0046812345678", phone="101")
    assert made.whys[0] == "outgoing-barred"
    assert made.heard == "Det går inte att ringa det numret från den här telefonen."


class Refusing(asyncio.DatagramProtocol):
    """An operator without a free circuit: answers every INVITE with 503."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        request, *headers = data.decode().split("\r\n\r\n")[0].split("\r\n")
        if request.startswith("INVITE "):
            names = ("via:", "from:", "to:", "call-id:", "cseq:")
            kept = [line for line in headers if line.lower().startswith(names)]
            answer = ["SIP/2.0 503 Service Unavailable", *kept, "Content-Length: 0", "", ""]
            self._transport.sendto("\r\n".join(answer).encode(), addr)


async def test_no_way_out_is_told(stage: Stage, operator_port: int) -> None:
    """The operator refuses: the caller is told so, and not left with a bare tone."""
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        Refusing, local_addr=("127.0.0.1", operator_port)
    )
    try:
        made = await stage.call("0401111111", phone="101")
    finally:
        transport.close()
    assert made.whys[:2] == ["outgoing", "outgoing-failed"]
    hears_only(
        stage, made.result.heard, "Samtalet kunde inte kopplas fram. Försök igen om en stund."
    )


NOBODYS = ["018000999", "500&PJSIP/102", "0180001${EXTEN}01", "018000101,5,x"]


async def test_f23_a_number_that_is_nobodys_leads_to_the_switchboard_whatever_it_holds(
    stage: Stage,
) -> None:
    """F23: a number with anything but digits is inert, and so is the caller's name."""
    hostile = "<img onerror=x> =cmd()"
    short = Answers(after_s=0.2, talks_s=0.3)
    async with stage.phone("111", short) as board, stage.phone("102", SOON) as bo:
        made = await asyncio.gather(*(stage.call(one, from_name=hostile) for one in NOBODYS))
        assert not bo.received
        assert len(board.received) == len(NOBODYS)
    for one in made:
        assert one.heard == "Numret används inte. Jag kopplar dig till växeln."
        assert one.journey.answered_by == "111"


async def test_remote_work_leaves_the_phone_open(stage: Stage) -> None:
    """S11: *distans* is seen by colleagues, and calls go to the phone."""
    done = await command(
        stage, "SetReferral", person="101", reason="distans", until="2026-11-24T16:00:00+02:00"
    )
    assert done == "command-done"
    async with stage.phone("101", SOON):
        made = await stage.call("018000101")
    assert made.journey.answered_by == "101"
