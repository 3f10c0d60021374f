"""Callers who send what no caller should: heard, recorded, and harmless to whoever reads it."""

from __future__ import annotations

import pytest
from calls.recorded import kept

from pbx_bridge.softphone.behaviour import Answers
from pbx_bridge.stage import Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

SOON = Answers(after_s=0.2, talks_s=0.6)
NUMBERS = {
    "040\r\nAction: Originate\r\n\r\n": "",
    '040\n"1795470954.093133","ANSWER"': "",
    "040\u202e7654321": "",
    "${SHELL(id)}": "",
    "0401):0:9": "0401",
    "9" * 79: "",
    "anonymous": "",
    "+358 40-765.43(2)1": "+358407654321",
}
"""What is no number is kept as one that is withheld."""
NOBODY = "anonymous"
"""Shown by phones, where SIP wants a user."""


@pytest.mark.parametrize("number", NUMBERS)
async def test_f23_a_number_that_no_phone_has_keeps_no_call_out_of_the_record(
    stage: Stage, number: str
) -> None:
    before = len(await kept(stage, 0))
    async with stage.phone("101", SOON) as phone:
        made = await stage.call("018000101", from_number=number, from_name="\u202eAnna <b>")
    assert made.result.status == 200
    journey = (await kept(stage, before + 1))[-1]
    assert journey.answered_by == "101"
    assert journey.caller == NUMBERS[number]
    ring = phone.rings[0]
    assert (ring.display_name, ring.number) == ("", NUMBERS[number] or NOBODY)
