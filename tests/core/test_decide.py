"""Every path of a call, as the list of its steps."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from core.plans import (
    DAY,
    EXCHANGE,
    NIGHT,
    PLAN,
    ZONE,
    at,
    away,
    changed_person,
    shown,
    spoken,
    steps,
    then,
    way,
)

from pbx_bridge.core.call import Attempt, Call, Hangup, Hold, Obey, Queue, Ring, Say, Waiting, Why
from pbx_bridge.core.commands import AskCallBack
from pbx_bridge.core.decide import MOST_STEPS, decide, kind
from pbx_bridge.core.likely import likely
from pbx_bridge.core.model import Language, Schedule
from pbx_bridge.core.state import Exchange, Referral
from pbx_bridge.core.stepid import StepId

CLOSING = "line-no-answer try-again-soon closes offer-message-line"
BACK = "offer-call-back offer-language offer-language"
COLLEAGUE = f"offer-message offer-colleague offer-line {BACK}"
AGAIN = f"offer-message offer-line {BACK}"
SWITCHBOARD = (
    "queue:vaxel line-open",
    "ask:wait.vaxel wait-told: wait-on",
    "queue:vaxel.1 line-open",
    "queue:vaxel.2 backup-rings",
    "ask:wait.vaxel.2 wait-told: wait-on",
    "queue:vaxel.3 backup-rings",
)
"""32 s, 60 s, 96 s and 120 s."""
PERMITS = tuple(step.replace("vaxel", "bygglov") for step in SWITCHBOARD)
ON_CALL = (
    "queue:jour line-open",
    "queue:jour.1 backup-rings",
    "ask:wait.jour.1 wait-told: wait-on",
    "queue:jour.2 backup-rings",
)
"""25 s, 32 s and 45 s."""
PASSED = (
    "say:to-vaxel person-no-answer: no-answer passing-to-line",
    *SWITCHBOARD,
    f"ask:choice line-no-answer: line-no-answer try-again-soon {AGAIN}",
)
DECLINED = ("say:goodbye message-declined: goodbye", "hangup: nothing-left")
DIAL_STATUSES = (
    *("CHANUNAVAIL", "CONGESTION", "NOANSWER", "BUSY", "CANCEL"),
    *("DONTCALL", "TORTURE", "INVALIDARGS", "", "SOMETHING_NEW"),
)
QUEUE_STATUSES = (
    *("TIMEOUT", "FULL", "JOINEMPTY", "LEAVEEMPTY", "JOINUNAVAIL", "LEAVEUNAVAIL"),
    *("CONTINUE", "WITHDRAW", "UNKNOWN", "", "SOMETHING_NEW"),
)
BOTH_AWAY = away("102", "2026-03-03 12:30", exchange=away("101", "2026-03-03 14:30"))


def test_nobody_answers_and_everybody_who_agreed_is_tried() -> None:
    assert steps(Call("018000101"), EXCHANGE) == (
        "ring:101 person-rings",
        "say:to-102 person-no-answer: no-answer passing-to",
        "ring:102 deputy-rings",
        "say:to-bygglov deputy-no-answer: no-answer passing-to-line",
        *PERMITS,
        "say:to-vaxel line-no-answer: line-no-answer passing-to-line",
        *SWITCHBOARD,
        f"ask:choice line-no-answer: line-no-answer try-again-soon {COLLEAGUE}",
        *DECLINED,
    )


def test_a_person_without_deputies_is_followed_by_the_switchboard() -> None:
    assert steps(Call("018000105"), EXCHANGE) == ("ring:105 person-rings", *PASSED, *DECLINED)


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ("NOANSWER", "say:to-vaxel person-no-answer: no-answer passing-to-line"),
        ("BUSY", "say:to-vaxel person-busy: busy passing-to-line"),
        ("CHANUNAVAIL", "say:to-vaxel person-unreachable: unreachable passing-to-line"),
        ("CONGESTION", "say:to-vaxel person-unreachable: unreachable passing-to-line"),
        ("INVALIDARGS", "say:to-vaxel person-unreachable: unreachable passing-to-line"),
    ],
)
def test_the_caller_is_told_why_a_person_was_not_reached(result: str, told: str) -> None:
    assert steps(Call("018000105"), EXCHANGE, ring_105=result)[1] == told


@pytest.mark.parametrize("result", DIAL_STATUSES)
@pytest.mark.parametrize("now", [DAY, NIGHT], ids=["day", "night"])
def test_f21_every_dialstatus_has_a_way_on(result: str, now: datetime) -> None:
    *_, told, declined, last = steps(
        Call("018000101"), EXCHANGE, now, ring_101=result, ring_102=result
    )
    assert told.startswith("ask:choice ")
    assert (declined, last) == DECLINED


@pytest.mark.parametrize("result", QUEUE_STATUSES)
def test_f21_every_queuestatus_has_a_way_on(result: str) -> None:
    path = steps(Call("018000100"), EXCHANGE, queue_vaxel=result)
    ended = (f"ask:choice line-no-answer: {CLOSING} {BACK}", *DECLINED)
    assert path[-len(ended) :] == ended
    if "EMPTY" in result or "UNAVAIL" in result:
        assert path[:2] == ("queue:vaxel line-open", "queue:vaxel.1 backup-rings")
    else:
        assert path[: len(SWITCHBOARD)] == SWITCHBOARD


def test_s18_where_nobody_attends_and_no_backup_is_there_the_caller_is_told_at_once() -> None:
    results = {"queue:vaxel": "JOINEMPTY", "queue:vaxel.1": "JOINEMPTY"}
    path = [shown(one) for one in way(Call("018000100"), EXCHANGE, DAY, results)]
    assert path[:3] == [
        "queue:vaxel line-open",
        "queue:vaxel.1 backup-rings",
        f"ask:choice line-no-answer: {CLOSING} {BACK}",
    ]


def test_f26_who_waits_when_the_last_phone_dies_waits_on_for_the_backups() -> None:
    path = [
        one.step
        for one in way(Call("018000100"), EXCHANGE, DAY, {"queue:vaxel": "LEAVEEMPTY"})
        if isinstance(one.step, Queue)
    ]
    assert [(one.backups, one.seconds) for one in path] == [
        (0, 32),
        (2, 32),
        (2, 28),
        (2, 36),
        (2, 24),
    ]


def test_an_absent_person_is_not_rung_and_the_deputy_is() -> None:
    assert steps(Call("018000101"), away("101", "2026-03-03 14:30")) == (
        "say:to-102 person-absent: person-absent passing-to",
        "ring:102 deputy-rings",
        "say:to-bygglov deputy-no-answer: no-answer passing-to-line",
        *PERMITS,
        "say:to-vaxel line-no-answer: line-no-answer passing-to-line",
        *SWITCHBOARD,
        f"ask:choice line-no-answer: line-no-answer reach-again try-again-soon {COLLEAGUE}",
        *DECLINED,
    )


def test_f28_a_deputy_who_is_away_is_passed_over() -> None:
    assert steps(Call("018000101"), BOTH_AWAY) == (
        "say:to-bygglov person-absent: person-absent passing-to-line",
        *PERMITS,
        "say:to-vaxel line-no-answer: line-no-answer passing-to-line",
        *SWITCHBOARD,
        f"ask:choice line-no-answer: line-no-answer reach-again try-again-soon {AGAIN}",
        *DECLINED,
    )


def test_when_all_is_closed_an_absence_is_told_once_and_a_message_offered() -> None:
    exchange = away("105", "2026-03-09 08:30", "semester")
    assert steps(Call("018000105"), exchange, NIGHT) == (
        f"ask:choice person-absent: person-absent line-next offer-message {BACK}",
        *DECLINED,
    )


@pytest.mark.parametrize(
    ("reason", "heard"),
    [
        ("lunch", "Elin Strand är på lunch och är åter i dag klockan halv tre."),
        ("ledig", "Elin Strand har semester och är åter i dag klockan halv tre."),
        ("sjuk", "Elin Strand är frånvarande och är åter i dag klockan halv tre."),
        ("upptagen", "Elin Strand är upptagen och är åter i dag klockan halv tre."),
    ],
)
def test_s13_the_public_wording_and_the_return_are_told(reason: str, heard: str) -> None:
    first = decide(Call("018000105"), away("105", "2026-03-03 14:30", reason), DAY)
    assert spoken(first, DAY) == f"{heard} Jag kopplar dig till växeln."


def test_s11_remote_work_leaves_the_phone_open() -> None:
    remote = away("105", "2026-03-03 14:30", "distans")
    assert steps(Call("018000105"), remote) == steps(Call("018000105"), EXCHANGE)


def test_a_referral_whose_end_has_come_is_no_absence() -> None:
    exchange = away("105", "2026-03-03 10:00")
    assert steps(Call("018000105"), exchange)[0] == "ring:105 person-rings"
    just_before = at("2026-03-03 09:59")
    assert steps(Call("018000105"), exchange, just_before)[0].startswith("say:to-vaxel")


def test_s7_in_the_evening_the_caller_is_told_when_the_office_opens() -> None:
    told = next(way(Call("018000105"), EXCHANGE, NIGHT))
    assert shown(told) == f"ask:choice person-off-duty: off-duty offer-message {BACK}"
    assert told.tells_when
    assert "Elin Strand har inte arbetstid nu och kan nås igen i morgon klockan åtta." in spoken(
        told, NIGHT
    )


def test_key_1_leaves_a_message() -> None:
    assert steps(Call("018000105"), EXCHANGE, NIGHT, ask_choice="1")[1:] == (
        "say:message message-chosen: leave-message",
        "voicemail:105 message-chosen",
        "say:saved message-taken: message-saved",
        "hangup: nothing-left",
    )


@pytest.mark.parametrize("key", ["", "0", "2", "3", "*", "#", "11"])
def test_any_other_key_declines_the_message(key: str) -> None:
    assert steps(Call("018000105"), EXCHANGE, NIGHT, ask_choice=key)[1:] == DECLINED


def test_a_message_that_was_not_stored_is_not_called_saved() -> None:
    last = steps(Call("018000105"), EXCHANGE, NIGHT, ask_choice="1", voicemail_105="FAILED")[3:]
    assert last == ("say:not-saved message-not-taken: refused-failed", "hangup: nothing-left")


def test_without_a_mailbox_no_message_is_offered() -> None:
    assert steps(Call("018000113"), EXCHANGE, NIGHT) == (
        f"ask:choice person-off-duty: off-duty {BACK}",
        *DECLINED,
    )


@pytest.mark.parametrize(
    ("number", "now", "expected"),
    [
        ("018000100", DAY, SWITCHBOARD),
        ("018000130", DAY, PERMITS),
        ("018000140", NIGHT, ON_CALL),
        ("018000100", NIGHT, (f"ask:choice line-closed: line-closed offer-message-line {BACK}",)),
        ("018000130", NIGHT, (f"ask:choice line-closed: line-closed offer-message-line {BACK}",)),
        ("018000140", DAY, (f"ask:choice line-closed: line-closed {BACK}",)),
    ],
)
def test_a_line_is_answered_in_its_hours_only(
    number: str, now: datetime, expected: tuple[str, ...]
) -> None:
    assert steps(Call(number), EXCHANGE, now)[: len(expected)] == expected


def test_a_line_that_never_opens_says_so() -> None:
    never = Schedule("aldrig", ((),) * 7)
    plan = replace(PLAN, schedules={**PLAN.schedules, "vaxeltid": never})
    told = decide(Call("018000100"), Exchange(plan), DAY)
    assert shown(told) == f"ask:choice line-closed: line-closed-unknown offer-message-line {BACK}"


WAITED = (
    ("queue:bygglov", "TIMEOUT"),
    ("ask:wait.bygglov", ""),
    ("queue:bygglov.1", "TIMEOUT"),
    ("queue:bygglov.2", "TIMEOUT"),
    ("ask:wait.bygglov.2", ""),
    ("queue:bygglov.3", "TIMEOUT"),
)


def test_s7_a_line_that_closes_while_callers_wait_tells_its_next_opening() -> None:
    waited = then(Call("018000130"), *WAITED)
    told = decide(waited, EXCHANGE, at("2026-03-03 11:01"))
    told_keys = "line-no-answer line-next offer-message-line"
    assert shown(told) == f"ask:choice line-no-answer: {told_keys} {BACK}"
    assert "öppnar i morgon klockan nio" in spoken(told, at("2026-03-03 11:01"))


@pytest.mark.parametrize("call", [Call("018000199"), Call("999"), Call("invalid"), Call("")])
def test_an_unknown_number_is_told_and_passed_to_the_switchboard(call: Call) -> None:
    assert steps(call, EXCHANGE)[:2] == (
        "say:unknown unknown-number: unknown-number passing-to-line",
        "queue:vaxel line-open",
    )
    assert steps(call, EXCHANGE, NIGHT) == (
        "say:unknown unknown-number: unknown-number",
        f"ask:choice line-closed: line-closed offer-message-line {BACK}",
        *DECLINED,
    )


def test_a_colleague_is_reached_by_extension() -> None:
    known = steps(Call("018000105", caller="0401111111"), EXCHANGE)
    assert steps(Call("105", phone="101"), EXCHANGE) == known


def test_f20_the_callers_own_phone_is_not_rung_as_deputy() -> None:
    assert not any(":102" in one for one in steps(Call("101", phone="102"), EXCHANGE))


@pytest.mark.parametrize(
    ("number", "mailbox", "before", "after"),
    [
        ("018000105", "105", "2026-03-03 19:59", "2026-03-04 08:00"),
        ("018000100", "180", "2026-03-04 08:29", "2026-03-04 08:30"),
    ],
    ids=["the person returns", "the line opens"],
)
def test_a_message_that_was_begun_is_finished(
    number: str, mailbox: str, before: str, after: str
) -> None:
    exchange = away("105", "2026-03-03 20:00")
    assert decide(Call(number), exchange, at(before)).mark == "ask:choice"
    assert decide(Call(number), exchange, at(after)).mark != "ask:choice"
    call = then(Call(number), ("ask:choice", "1"))
    for mark in ("say:message", f"voicemail:{mailbox}", "say:saved", "hangup:"):
        assert decide(call, exchange, at(after)).mark == mark
        call = replace(call, tried=(*call.tried, Attempt(StepId.parse(mark))))


def test_a_referral_set_while_the_phone_rang_is_told() -> None:
    rung = then(Call("018000105"), ("ring:105", "NOANSWER"))
    told = decide(rung, away("105", "2026-03-03 14:30"), DAY)
    assert shown(told) == "say:to-vaxel person-absent: person-absent passing-to-line"


def test_a_call_with_too_many_steps_is_ended() -> None:
    wild = then(Call("018000101"), *((f"ring:{one}", "") for one in range(MOST_STEPS)))
    assert decide(wild, EXCHANGE, DAY).why is Why.TOO_MANY_STEPS


def test_steps_ring_as_long_as_the_plan_says() -> None:
    assert decide(Call("018000110"), EXCHANGE, DAY).step == Ring(("110",), 30)
    assert decide(Call("018000140"), EXCHANGE, NIGHT).step == Queue("jour", 25, "fastighetsjouren")
    patient = changed_person("105", ring_seconds=45)
    assert decide(Call("018000105"), patient, DAY).step == Ring(("105",), 45, ("0457000105",))


def test_a_steps_name_is_the_extension_of_the_step_context() -> None:
    assert [kind(one) for one in (Ring((), 1), Say(()), Hangup())] == ["ring", "say", "hangup"]


def test_what_is_likely_said_next_is_what_the_next_callers_hear() -> None:
    exchange = away("108", "2026-03-03 14:30")
    soon = {(one.key, str(one.slots.get("name")), lang) for one, lang in likely(exchange, DAY)}
    assert ("person-absent", "Heidi Salonen", Language.FI) in soon
    assert ("no-answer", "Anna Berg", Language.SV) in soon
    assert not any(key == "line-closed" and lang is Language.EN for key, _, lang in soon)


def test_the_zone_that_the_moment_is_written_in_does_not_matter() -> None:
    assert ZONE is PLAN.organisation.zone
    for call in (Call("018000101"), Call("018000140"), Call("*23*3*0304#", phone="105")):
        assert decide(call, EXCHANGE, DAY) == decide(call, EXCHANGE, DAY.astimezone(UTC))


@pytest.mark.parametrize(
    ("shielded", "next_day", "told"),
    [
        (True, False, "i morgon klockan åtta"),
        (False, False, "i dag klockan nio på kvällen"),
        (False, True, "på torsdag klockan åtta"),  # absences that follow each other are one (S9)
    ],
)
def test_s9_the_end_of_who_is_rung_at_any_hour_is_told_as_it_is(
    shielded: bool, next_day: bool, told: str
) -> None:
    exchange = changed_person("109", shielded=shielded)
    exchange = away("109", "2026-03-03 21:00", exchange=exchange)
    if next_day:
        tomorrow = Referral("109", "mote", at("2026-03-04 08:00"), at("2026-03-04 16:00"))
        held = (*exchange.referrals["109"], tomorrow)
        exchange = replace(exchange, referrals={"109": held})
    first = decide(Call("018000109"), exchange, DAY)
    assert f"är åter {told}." in spoken(first, DAY)


KEEPS = Call(
    "018000100",
    caller="0401111111",
    linkedid="1.1",
    tried=(Attempt(StepId("queue", "vaxel"), "TIMEOUT"),),
)

WAITS = ("queue:vaxel", "TIMEOUT")


def test_s21_who_waits_may_keep_the_place_and_is_called_back() -> None:
    told = decide(KEEPS, EXCHANGE, DAY)
    assert shown(told) == "ask:wait.vaxel wait-told: wait-on offer-keep-place"
    held = decide(then(KEEPS, WAITS, ("ask:wait.vaxel", "4")), EXCHANGE, DAY)
    assert held.step == Hold(
        "vaxel", "0401111111", "Local/0401111111@pbx-bridge-call/n", "växeln", 2
    )
    kept = then(KEEPS, WAITS, ("ask:wait.vaxel", "4"), ("hold:place", "SUCCESS"))
    assert shown(decide(kept, EXCHANGE, DAY)) == "say:place-kept place-kept: place-kept closes"
    twice = then(KEEPS, WAITS, ("ask:wait.vaxel", "4"), ("hold:place", "HELD"))
    assert shown(decide(twice, EXCHANGE, DAY)) == "say:place-kept place-kept: place-kept closes"
    full = then(KEEPS, WAITS, ("ask:wait.vaxel", "4"), ("hold:place", "FULL"))
    assert shown(decide(full, EXCHANGE, DAY)) == "obey:call-back call-back-chosen"
    failed = then(KEEPS, WAITS, ("ask:wait.vaxel", "4"), ("hold:place", "FAILED"))
    assert decide(failed, EXCHANGE, DAY).step == Obey(AskCallBack("1.1", "vaxel", "0401111111"))


@pytest.mark.parametrize(
    "caller",
    [
        "",
        "+4681234567",
        "060012345",
        "0100100",
        "020202",
        "0800123456",
        "112",
        "116117",
        "018000101",
    ],
)
def test_s27_nobody_is_called_back_abroad_at_a_barred_number_or_in_the_house(caller: str) -> None:
    waits = replace(KEEPS, caller=caller)
    assert shown(decide(waits, EXCHANGE, DAY)) == "ask:wait.vaxel wait-told: wait-on"
    pressed = then(waits, WAITS, ("ask:wait.vaxel", "4"))
    assert decide(pressed, EXCHANGE, DAY).mark == "queue:vaxel.1"


def test_s7_a_place_that_was_held_in_vain_becomes_a_wish_to_be_called_back() -> None:
    lost = Call("place/vaxel/0401111111", linkedid="2.1")
    assert decide(lost, EXCHANGE, DAY).step == Obey(AskCallBack("2.1", "vaxel", "0401111111"))
    for odd in ("place/", "place/nowhere/0401111111", "place/vaxel/x"):
        assert isinstance(decide(Call(odd), EXCHANGE, DAY).step, Hangup)


def test_s21_the_place_and_the_wait_are_told_where_they_are_known() -> None:
    known = Waiting("vaxel", 0, timedelta())
    for ahead, minutes, told in (
        (0, 0, "wait-first"),
        (0, 1, "wait-first wait-minute"),
        (4, 7, "wait-place wait-minutes"),
    ):
        known = Waiting("vaxel", ahead, timedelta(minutes=minutes))
        decision = decide(replace(KEEPS, waiting=known), EXCHANGE, DAY)
        assert shown(decision) == f"ask:wait.vaxel wait-told: wait-on {told} offer-keep-place"
    decision = decide(replace(KEEPS, waiting=known), EXCHANGE, DAY)
    assert "Du är nummer fem i kön. Väntetiden är ungefär sju minuter." in spoken(decision, DAY)
