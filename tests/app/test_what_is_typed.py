"""Whatever people type, wherever they are asked and in whatever code: no PIN is kept (S29)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import fields
from itertools import count

import pytest
from core.plans import DAY, EXCHANGE, PLAN, PROMPTS, away
from fakes.clock import FakeClock
from fakes.journal import FakeJournal
from fakes.speech import FakeSpeech
from fakes.telephony import FakeTelephony
from hypothesis import example, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from pbx_bridge.adapters.journal.codec import encode
from pbx_bridge.app.calls import Calls
from pbx_bridge.app.office import Office
from pbx_bridge.app.voice import Voice
from pbx_bridge.core.typed import UNREAD

MENU = "018000123"
PINS = {who: f"{789000 + int(who)}" for who in PLAN.people}
ELSEWHERE = "0407654321"
CODES = (
    *("{}", "*{}", "#{}", "{}#", "*97*{}#", "*23*{}#", "*23*1*{}#", "*23*1*1430*{}#"),
    *("*23*1*0803**{}#", "*230*{}*1*1430#", "*230*102*{}#", "#230*{}#", "#230*102*{}#", "#23*{}#"),
    *("*21*{}#", "*29*{}#", "*95*{}#", "*95*{}*1500#", "*95*0401234567*{}#", "*28*{}#", "#28*{}#"),
    *("*24*{}*1*1500#", "*24*1*{}*1500#", "*24*1*1*{}#", "#24*{}#", "*22*{}#", "*96*{}#"),
)
wrong = st.text("789", min_size=5, max_size=9)
"""Of digits that no time and no number of the sample has five of in a row; ten of them would be a
number abroad."""
pins = st.one_of(wrong, st.sampled_from(sorted(PINS.values())))
others = st.sampled_from(["102", "103", "999", "1", "2", "3", "1430", "0803*1430", "*", "", UNREAD])
answers = st.lists(st.tuples(st.one_of(pins, others), st.sampled_from(["#", ""])), max_size=12)
callers = st.sampled_from(
    [
        (ELSEWHERE, "", MENU),
        ("anonymous", "", MENU),
        (PLAN.people["102"].mobile, "", MENU),
        ("102", "102", MENU),
        ("anonymous", "", "018000101"),
        ("anonymous", "", "018000100"),
        *(("110", "110", code) for code in CODES),
    ]
)


class Keys:
    """What somebody types from now on; a question takes no more of it than it asks for."""

    def __init__(self, keys: list[tuple[str, str]]) -> None:
        self._keys = iter(keys)
        self._left = ""

    def read(self, most: int) -> str:
        """As Asterisk's Read does."""
        typed, end = next(self._keys, ("", "")) if not self._left else ("", "")
        text, hash_, after = (self._left + typed + end).partition("#")
        self._left = after if len(text) < most else text[most:] + hash_ + after
        return text[:most] or hash_


async def kept(caller: str, phone: str, dialled: str, keys: Keys) -> list[str]:
    """All that is left of a call, but the sound of it."""
    telephony, journal, speech = FakeTelephony(), FakeJournal(), FakeSpeech()
    office = Office(away("110", "2026-03-03 14:30", exchange=EXCHANGE), journal, FakeClock(DAY))
    voice = Voice(speech, PROMPTS)
    calls = Calls(telephony, office, voice, FakeClock(DAY), lambda who: PINS.get(who, ""))
    task = asyncio.create_task(calls.run())
    carried = {"PBX_DIALLED": dialled, "PBX_PHONE": phone, "PBX_CALL": "", "PBX_RESULT": ""}
    left: list[str] = []
    for number in count():
        await telephony.call(f"17.{number}", caller, **carried)
        step, variables = await telephony.next_step(f"17.{number}")
        left += [f"{name}={value}" for name, value in variables.items()]
        left += [speech.said(one) or "" for one in variables.get("PBX_AUDIO", "").split("&")]
        if step == "hangup":
            break
        carried["PBX_CALL"] = variables["PBX_CALL"]
        most = int(variables.get("PBX_MOST_DIGITS", "0"))
        carried["PBX_RESULT"] = keys.read(most) if step == "ask" else "NOANSWER"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    parts = (one.name for one in fields(office.exchange) if one.name != "plan")
    state = [repr(getattr(office.exchange, name)) for name in parts]
    return [*left, *(":".join(encode(event)) for event in journal.events), *state]


def typed_pins(dialled: str, keys: list[tuple[str, str]]) -> Iterator[str]:
    for text in (dialled, *(typed for typed, _ in keys)):
        runs = text.replace("#", "*").split("*")
        yield from (run for run in runs if run and set(run) <= {*"789"})
    yield from PINS.values()


@settings(deadline=None)  # each is a whole call through the app
@given(callers, pins, answers)
@example((ELSEWHERE, "", MENU), "", [("102", "#"), ("778899", "#"), ("778899", "#")])
@example((ELSEWHERE, "", MENU), "", [("778899", "#"), ("778899", "#")])
@example(("102", "102", MENU), "", [("1", ""), ("2", ""), ("778899", "#"), ("1430", "#")])
@example(("102", "102", MENU), "", [("2", ""), ("5", ""), ("778899", "#"), ("0803", "#")])
@example(("anonymous", "", "018000101"), "", [("1", ""), ("778899", "#")])
@example(("110", "110", "#230*{}#"), "778899", [])
def test_s29_no_pin_is_left_of_a_call(
    way: tuple[str, str, str], pin: str, keys: list[tuple[str, str]]
) -> None:
    caller, phone, dialled = way[0], way[1], way[2].format(pin)
    with capture_logs() as logs:
        left = asyncio.run(kept(caller, phone, dialled, Keys(keys)))
    text = "\n".join([*left, *map(str, logs)])
    for secret in typed_pins(dialled, keys):
        if len(secret) >= 5:
            assert secret not in text


@pytest.mark.parametrize("code", [code for code in CODES if code != "{}#"])
def test_s29_each_code_with_a_pin_in_it_is_answered(code: str) -> None:
    left = asyncio.run(kept("102", "102", code.format("778899"), Keys([])))
    assert "778899" not in "\n".join(left)
    assert any(one.startswith(("PBX_NOTE=say|", "PBX_NOTE=queue|")) for one in left)
