"""Calls from our own phones: numbers outside, 112, and feature codes."""

from __future__ import annotations

from datetime import datetime

import pytest
from core.plans import DAY, EXCHANGE, NIGHT, PLAN, at, away, shown, spoken, steps, then, way

from pbx_bridge.core.call import Call, Decision, Dial, Hangup, Obey, Why
from pbx_bridge.core.commands import CancelReferral, Command, SetReferral, SignIn, SignOut
from pbx_bridge.core.decide import decide
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.stepid import StepId

BOTH_AWAY = away("102", "2026-03-03 12:30", exchange=away("101", "2026-03-03 14:30"))


@pytest.mark.parametrize(
    ("dialled", "expected"),
    [
        ("040123456", ("dial: outgoing", "say:failed outgoing-failed: trunk-failed")),
        ("0600123456", ("say:barred outgoing-barred: not-allowed",)),
        ("0700123456", ("say:barred outgoing-barred: not-allowed",)),
        ("004612345678", ("say:barred outgoing-barred: not-allowed",)),
        ("+4612345678", ("say:barred outgoing-barred: not-allowed",)),
        ("99046812345", ("say:barred outgoing-barred: not-allowed",)),
        ("0100100", ("say:barred outgoing-barred: not-allowed",)),
        ("116117", ("dial: outgoing", "say:failed outgoing-failed: trunk-failed")),
        ("990123", ("say:unknown unknown-number: unknown-number",)),
        ("1234", ("say:unknown unknown-number: unknown-number",)),
        ("040", ("say:unknown unknown-number: unknown-number",)),
        ("invalid", ("say:unknown unknown-number: unknown-number",)),
    ],
)
def test_s27_what_phones_may_dial_out(dialled: str, expected: tuple[str, ...]) -> None:
    assert steps(Call(dialled, phone="101"), EXCHANGE) == (*expected, "hangup: nothing-left")


def test_nobody_outside_can_dial_out_through_the_exchange() -> None:
    for dialled in ("040123456", "0600123456", "112", "+4612345678"):
        assert not any(isinstance(one.step, Dial) for one in way(Call(dialled), EXCHANGE, DAY))


def test_a_busy_number_outside_is_heard_as_busy() -> None:
    call = then(Call("040123456", phone="101"), ("dial:", "BUSY"))
    assert decide(call, EXCHANGE, DAY) == Decision(StepId("hangup"), Hangup(17), Why.OUTGOING_BUSY)


@pytest.mark.parametrize("now", [DAY, NIGHT, at("2026-12-24 12:00")])
@pytest.mark.parametrize("exchange", [EXCHANGE, BOTH_AWAY, Exchange(PLAN)])
@pytest.mark.parametrize("phone", ["101", "110", "111"])
def test_f24_112_is_carried_in_any_state(phone: str, exchange: Exchange, now: datetime) -> None:
    first = decide(Call("112", phone=phone), exchange, now)
    assert first == Decision(StepId("dial"), Dial("112"), Why.EMERGENCY)


def test_a_code_becomes_a_command_of_the_phones_owner() -> None:
    by_code: dict[str, Command] = {
        "*23*1*1430#": SetReferral("101", "lunch", at("2026-03-03 14:30"), by="101"),
        "#23#": CancelReferral("101", by="101"),
        "*28*2#": SignIn("bygglov", "101", by="101"),
        "#28*2#": SignOut("bygglov", "101", by="101"),
    }
    for code, command in by_code.items():
        first, _told, *_ = way(Call(code, phone="101"), EXCHANGE, DAY)
        assert first.why is Why.CODE_OBEYED
        assert first.step == Obey(command)


def test_asking_by_code_tells_the_referral_and_who_takes_the_calls() -> None:
    call = Call("*#23#", phone="101")
    assert steps(call, EXCHANGE)[0] == "say:code code-asked: referral-none"
    told = decide(call, away("101", "2026-03-03 14:30"), DAY)
    assert spoken(told, DAY) == (
        "Det finns en hänvisning. Den som ringer får höra: "
        "Anna Berg är i möte och är åter i dag klockan halv tre. Samtalen går till Bo Ek."
    )


@pytest.mark.parametrize("code", ["*23*1*1430#", "#23#", "*#23#", "*28*1#", "#28*1#", "*", "#"])
@pytest.mark.parametrize("phone", ["", "112", "999"])
def test_f38_a_code_from_a_trunk_is_not_obeyed(code: str, phone: str) -> None:
    assert steps(Call(code, phone=phone), EXCHANGE) == steps(Call("018000199"), EXCHANGE)


def test_f29_a_code_that_was_refused_is_not_obeyed_because_midnight_has_come() -> None:
    code = Call("*23*1*0010#", phone="105")
    refused = decide(code, EXCHANGE, at("2026-03-03 23:59"))
    assert shown(refused) == "say:code code-not-understood: refused-time-passed"
    after = decide(then(code, ("say:code", "SUCCESS")), EXCHANGE, at("2026-03-04 00:00"))
    assert isinstance(after.step, Hangup)
