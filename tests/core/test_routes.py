"""The ways of a call: tables for each path, and what holds for every call whatever happens."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_bridge.config.plan import load_plan
from pbx_bridge.config.prompts import load_prompts
from pbx_bridge.core import absence
from pbx_bridge.core.call import (
    Ask,
    Attempt,
    Call,
    Decision,
    Dial,
    Hangup,
    Obey,
    Queue,
    Ring,
    Say,
    Voicemail,
    with_attempt,
    with_result,
)
from pbx_bridge.core.commands import Refusal, SetReferral, SignIn, SignOut, handle
from pbx_bridge.core.decide import MOST_STEPS, decide
from pbx_bridge.core.events import fold, fresh
from pbx_bridge.core.model import Exchange, Language, Referral
from pbx_bridge.core.wording import render

ROOT = Path(__file__).parent.parent.parent
PLAN = load_plan(ROOT / "dialplan", date(2026, 11, 24))
PROMPTS = load_prompts(ROOT / "voicemail/prompts")
ZONE = PLAN.organisation.zone
NOON = datetime(2026, 11, 24, 11, 40, tzinfo=ZONE)
NIGHT = datetime(2026, 11, 24, 23, 0, tzinfo=ZONE)
FRESH = fresh(PLAN)

DIALSTATUS = ("NOANSWER", "BUSY", "CHANUNAVAIL", "CONGESTION", "CANCEL", "DONTCALL", "TORTURE")
QUEUESTATUS = (
    *("TIMEOUT", "FULL", "JOINEMPTY", "LEAVEEMPTY", "JOINUNAVAIL", "LEAVEUNAVAIL"),
    *("CONTINUE", "WITHDRAW"),
)


def away(extension: str, reason: str = "lunch", hours: float = 3) -> Exchange:
    referral = Referral(extension, reason, NOON, NOON + timedelta(hours=hours))
    return Exchange(PLAN, {extension: referral}, FRESH.signed_in)


def ways(call: Call, exchange: Exchange, now: datetime, results: list[str]) -> list[Decision]:
    """Every decision until the call ends; step n ends with result n, the last one repeated."""
    found: list[Decision] = []
    while True:
        decision = decide(call, exchange, now)
        found.append(decision)
        if isinstance(decision.step, Hangup):
            return found
        result = results[min(len(found) - 1, len(results) - 1)]
        call = with_result(with_attempt(call, decision.mark), result)


def marks(call: Call, exchange: Exchange, now: datetime, *results: str) -> list[str]:
    return [one.mark for one in ways(call, exchange, now, list(results) or ["NOANSWER"])]


def said(decisions: list[Decision], language: Language, now: datetime) -> str:
    sentences = [
        one
        for decision in decisions
        if isinstance(decision.step, Say | Ask)
        for one in decision.step.sentences
    ]
    return " ".join(render(one, language, now, PROMPTS) for one in sentences)


ANNA = Call("018000101")
ANNA_TO_THE_END = [
    *("ring:101", "say:to-102", "ring:102", "say:to-vaxel", "queue:vaxel", "backup:104"),
    *("ask:message", "say:goodbye", "hangup:"),
]


@pytest.mark.parametrize(
    ("call", "exchange", "now", "expected"),
    [
        (ANNA, FRESH, NOON, ANNA_TO_THE_END),
        (Call("101", phone="105"), FRESH, NOON, ANNA_TO_THE_END),
        (ANNA, away("101"), NOON, ["say:to-102", *ANNA_TO_THE_END[2:]]),
        (ANNA, away("101", "distans"), NOON, ANNA_TO_THE_END),
        (ANNA, away("102"), NOON, ["ring:101", *ANNA_TO_THE_END[3:]]),
        (ANNA, away("104"), NOON, [m for m in ANNA_TO_THE_END if m != "backup:104"]),
        (Call("101", phone="102"), FRESH, NOON, ["ring:101", *ANNA_TO_THE_END[3:]]),
        (ANNA, FRESH, NIGHT, [*ANNA_TO_THE_END[:3], "ask:message", "say:goodbye", "hangup:"]),
        (Call("018000130"), FRESH, NOON, ["ask:message", "say:goodbye", "hangup:"]),
        (Call("018000140"), FRESH, NOON, ["say:told", "hangup:"]),
        (
            Call("0189999"),
            FRESH,
            NIGHT,
            ["say:unknown", *("ask:message", "say:goodbye", "hangup:")],
        ),
        (Call("112", phone="101"), FRESH, NIGHT, ["dial:", "say:failed", "hangup:"]),
        (Call("0401234567", phone="101"), FRESH, NOON, ["dial:", "say:failed", "hangup:"]),
        (Call("00461234567", phone="101"), FRESH, NOON, ["say:barred", "hangup:"]),
        (Call("0600123", phone="101"), FRESH, NOON, ["say:barred", "hangup:"]),
        (Call("invalid", phone="101"), FRESH, NOON, ["say:unknown", "hangup:"]),
    ],
)
def test_nobody_answers_and_the_call_goes_its_whole_way(
    call: Call, exchange: Exchange, now: datetime, expected: list[str]
) -> None:
    assert marks(call, exchange, now) == expected


def test_an_absent_person_is_told_with_the_public_reason_and_the_end() -> None:
    back = datetime(2026, 11, 24, 14, 30, tzinfo=ZONE)
    referral = Referral("101", "lunch", NOON, back)
    exchange = Exchange(PLAN, {"101": referral}, FRESH.signed_in)
    found = ways(ANNA, exchange, NOON, ["NOANSWER"])
    assert said(found[:1], Language.SV, NOON) == (
        "Anna Berg är på lunch och är åter i dag klockan halv tre. Jag kopplar dig till Bo Ek."
    )


def test_sickness_is_never_told() -> None:
    """Health data stays in the house, in every language."""
    found = ways(ANNA, away("101", "sjuk"), NOON, ["NOANSWER"])
    for language, words in (("sv", "sjuk"), ("fi", "sair"), ("en", "sick")):
        assert words not in said(found, Language(language), NOON).lower()


@pytest.mark.parametrize("status", DIALSTATUS)
def test_f21_every_dialstatus_has_a_way_on(status: str) -> None:
    assert marks(ANNA, FRESH, NOON, status)[1] == "say:to-102"


@pytest.mark.parametrize("status", QUEUESTATUS)
def test_f21_every_queuestatus_has_a_way_on(status: str) -> None:
    found = marks(Call("018000100"), FRESH, NOON, status)
    assert found[:2] == ["queue:vaxel", "backup:104"]
    assert "ask:message" in found


def test_key_one_leaves_a_message() -> None:
    found = marks(ANNA, FRESH, NIGHT, "BUSY", "", "BUSY", "1")
    assert found[-4:] == ["say:message", "voicemail:101", "say:saved", "hangup:"]


def test_a_code_from_outside_is_not_obeyed() -> None:
    found = ways(Call("*23*1*1430#"), FRESH, NOON, ["TIMEOUT"])
    assert not any(isinstance(one.step, Obey) for one in found)


FIRST = datetime(2026, 1, 1, tzinfo=ZONE)
moments = st.integers(0, 2 * 365 * 24 * 60).map(lambda minutes: FIRST + timedelta(minutes=minutes))
extensions = st.sampled_from(sorted(PLAN.people))
reasons = st.sampled_from(sorted(PLAN.reasons_by_name))


@st.composite
def exchanges(draw: st.DrawFn) -> tuple[Exchange, datetime]:
    now = draw(moments)
    who = draw(st.sets(extensions, max_size=12))
    referrals = {
        one: Referral(
            one,
            draw(reasons),
            now - timedelta(hours=draw(st.integers(-2, 48))),
            now + timedelta(hours=draw(st.integers(-2, 2000))),
        )
        for one in who
    }
    signed_in = {
        line.name: frozenset(draw(st.sets(st.sampled_from(line.members))))
        for line in PLAN.lines.values()
    }
    return Exchange(PLAN, referrals, signed_in), now


dialled = st.one_of(
    st.sampled_from([*PLAN.numbers, *PLAN.people, "112", "0189999999", "+4612345", "invalid"]),
    st.text("0123456789*#+", min_size=1, max_size=20),
)
outcomes = st.lists(
    st.sampled_from([*DIALSTATUS, *QUEUESTATUS, "", "1", "2", "SUCCESS", "FAILED"]), min_size=1
)


@settings(max_examples=400, deadline=None)
@given(exchanges(), dialled, st.sampled_from(["", *PLAN.people]), outcomes)
def test_every_call_ends_told_or_connected_and_rings_nobody_who_is_away(
    state: tuple[Exchange, datetime], number: str, phone: str, results: list[str]
) -> None:
    exchange, now = state
    found = ways(Call(number, phone=phone), exchange, now, results)
    assert len(found) <= MOST_STEPS
    assert len({one.mark for one in found}) == len(found), "no step is repeated"
    for one in found:
        if isinstance(one.step, Ring):
            for extension in one.step.extensions:
                assert absence.absence(exchange, extension, now) is None
        elif isinstance(one.step, Say | Ask):
            for language in Language:
                for sentence in one.step.sentences:
                    assert render(sentence, language, now, PROMPTS)
    told = any(isinstance(one.step, Say | Ask | Obey | Voicemail) for one in found)
    busy = found[-1].why == "outgoing-busy"
    assert told or busy, "a call that connects nobody ends told"
    assert all(
        isinstance(one.step, Ring | Dial | Say | Ask | Queue | Voicemail | Hangup | Obey)
        for one in found
    )


def test_a_call_carries_its_attempts_and_takes_up_where_it_was() -> None:
    call = Call("018000101", tried=(Attempt("ring:101", "BUSY"),))
    assert decide(call, FRESH, NOON).why == "person-busy"


def until(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("command", "clause", "why"),
    [
        (SignOut("vaxel", "111", "111"), "S18", "last-attendant"),
        (SetReferral("111", "lunch", until(1), "111"), "S18", "last-attendant"),
        (SetReferral("101", "lunch", until(-1), "101"), "S8", "end-has-passed"),
        (SetReferral("101", "upptagen", until(1), "101"), "S12", "note-needed"),
        (SetReferral("101", "lunch", until(1), "105"), "S29", "not-allowed-for-others"),
        (SignIn("vaxel", "101", "101"), "S18", "not-a-member"),
        (SignOut("vaxel", "113", "113"), "", "not-signed-in"),
    ],
)
def test_what_the_policy_forbids_is_refused_with_its_clause(
    command: SignIn | SignOut | SetReferral, clause: str, why: str
) -> None:
    answer = handle(command, FRESH, NOON)
    assert isinstance(answer, Refusal)
    assert (answer.clause, answer.why) == (clause, why)


def test_f25_the_last_attendant_may_leave_when_a_colleague_attends_or_the_line_is_closed() -> None:
    leave = SignOut("vaxel", "111", "111")
    assert not isinstance(handle(leave, FRESH, NIGHT), Refusal)
    joined = handle(SignIn("vaxel", "113", "113"), FRESH, NOON)
    assert not isinstance(joined, Refusal)
    assert not isinstance(handle(leave, fold(FRESH, joined), NOON), Refusal)
