"""What would happen, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from core.plans import DAY, EXCHANGE, NIGHT, PLAN, PROMPTS, attended, away

from pbx_bridge.core.call import Call, Hangup
from pbx_bridge.core.explain import explain, right, way
from pbx_bridge.core.model import Language, Permit
from pbx_bridge.core.sentences import Sentence
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.trunks import NumberForm, Trunk
from pbx_bridge.core.wording import render


def speak(sentence: Sentence, language: Language) -> str:
    return render(sentence, language, DAY, PROMPTS)


def lines(call: Call, exchange: Exchange = EXCHANGE) -> list[tuple[str, str, str]]:
    return [(one.what, one.why, one.then) for one in explain(call, exchange, DAY, speak)]


def waits(line: str) -> list[tuple[str, str, str]]:
    told = ("say, and wait 2 s for a key: Tack för att du väntar.", "wait-told", "")
    return [
        (f"queue for {line} for 32 s", "line-open", "TIMEOUT"),
        told,
        (f"queue for {line} for 28 s", "line-open", "TIMEOUT"),
        (f"queue for {line}, backups too, for 36 s", "backup-rings", "TIMEOUT"),
        told,
        (f"queue for {line}, backups too, for 24 s", "backup-rings", "TIMEOUT"),
    ]


def test_the_whole_way_of_a_call_is_told() -> None:
    absent = "Anna Berg är i möte och är åter i dag klockan halv tre."
    nobody = "Du har kommit till växeln. Tyvärr kan ingen svara just nu."
    again = "Anna Berg kan nås igen i dag klockan halv tre. Försök gärna igen om en stund."
    offer = (
        "Tryck ett för att lämna ett meddelande till Anna Berg. Tryck två för att ringa Bo Ek igen."
        " Tryck tre för växeln. Tryck fyra för att bli uppringd."
        " Suomeksi, paina kahdeksan. For English, press nine."
    )
    permits = "Du har kommit till bygglovsrådgivningen. Tyvärr kan ingen svara just nu."
    assert lines(Call("018000101"), away("101", "2026-03-03 14:30")) == [
        (
            f"say: {absent} Jag kopplar dig till Bo Ek.",
            "person-absent",
            "",
        ),
        ("ring Bo Ek (102) for 20 s", "deputy-rings", "NOANSWER"),
        (
            "say: Bo Ek svarar inte just nu. Jag kopplar dig till bygglovsrådgivningen.",
            "deputy-no-answer",
            "",
        ),
        *waits("bygglovsrådgivningen"),
        (f"say: {permits} Jag kopplar dig till växeln.", "line-no-answer", ""),
        *waits("växeln"),
        (
            f"say, and wait 5 s for a key: {nobody} {again} {offer}",
            "line-no-answer",
            "",
        ),
        ("say: Tack för ditt samtal. Hej då.", "message-declined", ""),
        ("hang up", "nothing-left", ""),
    ]


def test_it_is_told_in_the_language_of_the_call() -> None:
    said = lines(Call("018000120", language=Language.FI))
    assert said[0][0] == "queue for vaihde for 32 s"


def test_a_code_is_explained_with_its_answer_and_changes_nothing() -> None:
    assert lines(Call("*28*2#", phone="102")) == [
        ("obey SignIn", "code-obeyed", ""),
        ("say: Du är inloggad och bemannar bygglovsrådgivningen.", "command-done", ""),
        ("hang up", "nothing-left", ""),
    ]
    assert EXCHANGE.signed_in["bygglov"] == {"101"}


def test_a_code_that_would_be_refused_is_explained() -> None:
    what, why, _ = lines(Call("#28*2#", phone="101"))[1]
    assert (what.split(",")[0], why) == (
        "say: Du är den sista som bemannar bygglovsrådgivningen",
        "command-refused",
    )
    with_colleague = attended("bygglov", "101", "102")
    assert lines(Call("#28*2#", phone="101"), with_colleague)[1][1] == "command-done"


def test_outgoing_calls_are_explained() -> None:
    assert lines(Call("040123456", phone="101"))[0] == (
        "dial 040123456 over operator, as 018000101",
        "outgoing",
        "NOANSWER",
    )


def test_what_an_operator_is_told_of_the_number_is_explained() -> None:
    (trunk,) = PLAN.trunks.values()
    trunks = {trunk.name: replace(trunk, form=NumberForm.E164)}
    told = lines(
        Call("040123456", phone="101"), replace(EXCHANGE, plan=replace(PLAN, trunks=trunks))
    )
    assert told[0][0] == "dial 040123456 over operator (which is told +35840123456), as 018000101"


def test_a_number_that_is_withheld_is_explained_where_it_is_shown() -> None:
    call = Call("040123456", phone="101")
    first = next(iter(explain(call, EXCHANGE, DAY, speak, hides=True)))
    assert first.what.endswith("as 018000101, which the operator is to withhold")


def test_which_rule_lets_a_call_out_or_bars_it_is_told() -> None:
    person, until = PLAN.people["101"], DAY + timedelta(days=1)
    usual = ", ".join(sorted(person.may_call))
    premium, plain = Call("0600123456", phone="101"), f"{person.name} may call {usual} without"
    mobile = right(Call("040123456", phone="101"), EXCHANGE, DAY)
    assert mobile == f"040123456 is mobile: {plain} a permit"
    assert right(premium, EXCHANGE, DAY) == f"0600123456 is premium: {plain} a permit"
    held = replace(person, permits=(Permit("101", ("premium",), until, "Eva Sund"),))
    exchange = replace(EXCHANGE, plan=replace(PLAN, people={**PLAN.people, "101": held}))
    told = f"0600123456 is premium: a permit until {until:%Y-%m-%d %H:%M} by Eva Sund allows it"
    assert right(premium, exchange, DAY) == told
    told = f"0600123456 is premium: {plain} a permit; that for it ended {until:%Y-%m-%d %H:%M}"
    assert right(premium, exchange, until) == told
    assert right(Call("0600123456"), EXCHANGE, DAY) == "", "a phone that is nobody's"


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"username": "norrskar"}, "operator, as 018000101"),
        ({"from_user": "login"}, "operator, as login (018000101 in P-Asserted-Identity)"),
        ({"from_user": "login", "asserts": False}, "operator, as login (our number told nowhere)"),
    ],
)
def test_what_an_operator_is_shown_is_explained(changes: dict[str, Any], shown: str) -> None:
    operator = replace(PLAN.trunks["operator"], **changes)
    plan = replace(PLAN, trunks={"operator": operator})
    exchange = replace(EXCHANGE, plan=plan)
    assert lines(Call("040123456", phone="101"), exchange)[0][0] == f"dial 040123456 over {shown}"
    both = replace(PLAN, trunks={"operator": operator, "other": Trunk("other", ("192.0.2.1",))})
    what = lines(Call("040123456", phone="101"), replace(EXCHANGE, plan=both))[0][0]
    plain = "operator, else other, as 018000101"
    named = f"{shown.replace(',', '', 1)}, else other as 018000101"
    assert what == f"dial 040123456 over {named if 'from_user' in changes else plain}"


@pytest.mark.parametrize("number", [*PLAN.numbers, *PLAN.people, "999", "*#23#", "112"])
@pytest.mark.parametrize("phone", ["", "105"])
def test_every_number_has_a_way_that_ends_with_a_hang_up(number: str, phone: str) -> None:
    for now in (DAY, NIGHT):
        *_, (last, _, _) = way(Call(number, phone=phone), EXCHANGE, now)
        assert isinstance(last.step, Hangup)
        told = list(explain(Call(number, phone=phone), EXCHANGE, now, speak))
        assert all(one.what for one in told)


def test_a_code_that_opens_a_mailbox_is_explained() -> None:
    assert lines(Call("*97*2", phone="101")) == [
        ("hear the messages of mailbox 181", "mailbox-opened", ""),
        ("hang up", "nothing-left", ""),
    ]


def test_of_several_devices_all_that_ring_are_named() -> None:
    (what, _, _), *_ = lines(Call("018000104"))
    assert what == "ring Daniel Holm (104, desk and softphone) for 20 s"
