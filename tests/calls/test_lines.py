"""Callers of lines, numbers that are nobody's, and calls out of the house."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest
from calls.conftest import command

from pbx_bridge.bootstrap import database_file
from pbx_bridge.cli.calling import sipp_program
from pbx_bridge.core.latency import Outcome
from pbx_bridge.softphone.behaviour import Answers, Press
from pbx_bridge.softphone.caller import place_call
from pbx_bridge.stage import Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

SOON = Answers(after_s=1.0, talks_s=1.0)


async def test_an_open_line_is_answered_by_whoever_attends_it(stage: Stage) -> None:
    async with stage.phone("111", SOON):
        made = await stage.call("018000100")
    assert made.whys == ["line-open"]
    assert made.journey.answered_by == "111"
    assert made.journey.wait_s == pytest.approx(1.0, abs=0.5)


async def test_a_closed_line_tells_its_next_opening_and_takes_a_message(stage: Stage) -> None:
    speak = [Press("1", after_silence_s=1.5), Press("#", after_s=6.0)]
    made = await stage.call("018000130", press=speak)
    assert made.whys[0] == "line-closed"
    assert "Vi har stängt nu. Vi öppnar i morgon klockan nio." in made.heard
    assert made.journey.outcome is Outcome.MESSAGE
    spool = stage.up.settings.spool / "voicemail/default/181/INBOX"
    assert list(spool.glob("msg*.wav"))


async def test_an_english_number_is_told_in_english(stage: Stage) -> None:
    made = await stage.call("018000132", hold_s=12.0)
    assert "tomorrow at nine" in made.heard


async def test_a_number_that_is_nobodys_leads_to_the_switchboard(stage: Stage) -> None:
    async with stage.phone("111", SOON):
        made = await stage.call("018000999")
    assert made.heard == "Numret används inte. Jag kopplar dig till växeln."
    assert made.journey.answered_by == "111"


async def test_f25_the_last_attendant_is_refused_in_words_and_in_the_journal(
    stage: Stage,
) -> None:
    """F25, S18: refused, spoken why; allowed as soon as a colleague attends."""
    for code in ("#28*1#", "*23*1*1430#"):
        made = await stage.call(code, phone="111")
        assert made.whys[0] == "command-refused"
        assert "Du är den sista som bemannar växeln" in made.heard
    signed_in = await stage.call("*28*1#", phone="113")
    assert signed_in.heard == "Du är inloggad och bemannar växeln."
    signed_out = await stage.call("#28*1#", phone="111")
    assert signed_out.heard == "Du är utloggad från växeln."
    refusals = await asyncio.to_thread(_refusals, stage)
    assert refusals[-2:] == [("SignOut", "last-attendant"), ("SetReferral", "last-attendant")]


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


async def test_no_way_out_is_told(stage: Stage) -> None:
    """The operator does not answer: the caller is told so, and not left in silence."""
    made = await stage.call("0401111111", phone="101")
    assert made.whys[0] == "outgoing"
    assert "Samtalet kunde inte kopplas fram." in made.heard


@pytest.mark.parametrize("hostile", ["500&PJSIP/102", "0180001${EXTEN}01", "018000101,5,x"])
async def test_f23_what_is_dialled_is_inert(stage: Stage, hostile: str) -> None:
    """F23: a number with anything but digits is nobody's, and rings nobody's phone."""
    async with stage.phone("111", SOON), stage.phone("102", SOON) as bo:
        made = await stage.call(hostile, from_name="<img onerror=x> =cmd()")
        assert not bo.received
    assert "Numret används inte." in made.heard
    assert made.journey.answered_by == "111"


async def test_remote_work_leaves_the_phone_open(stage: Stage) -> None:
    """S11: *distans* is seen by colleagues, and calls go to the phone."""
    done = await command(
        stage, "SetReferral", person="101", reason="distans", until="2026-11-24T16:00:00+02:00"
    )
    assert done == "command-done"
    async with stage.phone("101", SOON):
        made = await stage.call("018000101")
    assert made.journey.answered_by == "101"
