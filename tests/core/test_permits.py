"""Who may call what: by the plan, by a line, by a permit with an end (S27, F39)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from core.plans import (
    DAY,
    EXCHANGE,
    PLAN,
    PROMPTS,
    at,
    attended,
    changed_line,
    changed_person,
    spoken,
    way,
)
from hypothesis import given
from hypothesis import strategies as st

from pbx_bridge.core import permits
from pbx_bridge.core.call import Call, Dial, Why
from pbx_bridge.core.classes import CLASSES
from pbx_bridge.core.codes import read
from pbx_bridge.core.commands import Command, GrantPermit, Refusal, RevokePermits, SetReferral
from pbx_bridge.core.confirming import confirmation
from pbx_bridge.core.countries import Class
from pbx_bridge.core.decide import decide
from pbx_bridge.core.events import Event, PermitGranted, PermitsRevoked
from pbx_bridge.core.folding import fold, under
from pbx_bridge.core.handling import handle
from pbx_bridge.core.mirror import picture
from pbx_bridge.core.model import Language, Permit
from pbx_bridge.core.sentences import Sentence
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.wording import render

ANNA, OPERATOR, FOREMAN = "101", "111", "104"
SWEDEN, NORWAY, PREMIUM = "0046812345678", "+4722123456", "0600123456"
TOMORROW = DAY + timedelta(days=1)
TECHNICIAN = "technician:eva"


def obeyed(exchange: Exchange, command: Command, now: datetime = DAY) -> Exchange:
    answer = handle(command, exchange, now)
    assert not isinstance(answer, Refusal), answer
    return fold(exchange, answer)


def why(exchange: Exchange, number: str, now: datetime = DAY, phone: str = ANNA) -> Why:
    return decide(Call(number, phone=phone), exchange, now).why


def granted(*calls: str, until: datetime = TOMORROW, by: str = TECHNICIAN) -> Exchange:
    return obeyed(EXCHANGE, GrantPermit(ANNA, calls, until, "kanslichefen", by))


def test_s27_a_permit_lets_through_what_it_names_and_ends_by_itself() -> None:
    assert why(EXCHANGE, SWEDEN) is Why.OUTGOING_BARRED
    exchange = granted("SE")
    assert why(exchange, SWEDEN) is Why.OUTGOING_PERMITTED
    assert why(exchange, "99946812345678") is Why.OUTGOING_PERMITTED
    assert why(exchange, NORWAY) is Why.OUTGOING_BARRED
    assert why(exchange, PREMIUM) is Why.OUTGOING_BARRED
    assert why(exchange, SWEDEN, phone="102") is Why.OUTGOING_BARRED
    assert why(exchange, SWEDEN, TOMORROW - timedelta(seconds=1)) is Why.OUTGOING_PERMITTED
    assert why(exchange, SWEDEN, TOMORROW) is Why.OUTGOING_BARRED


def test_s27_abroad_is_every_country_and_nothing_else() -> None:
    exchange = granted("abroad")
    assert why(exchange, SWEDEN) is why(exchange, NORWAY) is Why.OUTGOING_PERMITTED
    assert why(exchange, PREMIUM) is Why.OUTGOING_BARRED
    assert why(granted("premium"), PREMIUM) is Why.OUTGOING_PERMITTED


def test_s27_a_barred_number_is_refused_in_words() -> None:
    for number in (SWEDEN, PREMIUM):
        first = next(iter(way(Call(number, phone=ANNA), EXCHANGE, DAY)))
        assert spoken(first, DAY) == "Det går inte att ringa det numret från den här telefonen."


def test_s27_permits_are_taken_back() -> None:
    exchange = obeyed(granted("SE"), RevokePermits(ANNA, OPERATOR))
    assert why(exchange, SWEDEN) is Why.OUTGOING_BARRED
    again = handle(RevokePermits(ANNA, OPERATOR), exchange, DAY)
    assert isinstance(again, Refusal)
    assert again.why == "no-permit"


@pytest.mark.parametrize(
    ("command", "refused"),
    [
        (GrantPermit(ANNA, ("SE",), TOMORROW, "x", by=ANNA), "own-permit"),
        (GrantPermit(OPERATOR, ("SE",), TOMORROW, "x", by=OPERATOR), "own-permit"),
        (GrantPermit(ANNA, ("SE",), TOMORROW, "x", by="102"), "not-allowed-for-others"),
        (RevokePermits(ANNA, by=ANNA), "not-allowed-for-others"),
        (GrantPermit("999", ("SE",), TOMORROW, "x", by=TECHNICIAN), "unknown-person"),
        (GrantPermit(ANNA, ("SE",), DAY, "x", by=TECHNICIAN), "time-passed"),
        (GrantPermit(ANNA, ("SE",), DAY + timedelta(days=400), "x", TECHNICIAN), "too-late"),
        (GrantPermit(ANNA, ("FI",), TOMORROW, "x", by=TECHNICIAN), "own-country"),
        (GrantPermit(ANNA, ("SE", "FI"), TOMORROW, "x", by=OPERATOR), "own-country"),
        (GrantPermit(ANNA, ("mobile",), TOMORROW, "x", by=TECHNICIAN), "needs-none"),
        (GrantPermit(ANNA, ("XX",), TOMORROW, "x", by=TECHNICIAN), "unknown-class"),
        (GrantPermit(ANNA, ("unknown",), TOMORROW, "x", by=TECHNICIAN), "unknown-class"),
        (GrantPermit(ANNA, (), TOMORROW, "x", by=TECHNICIAN), "unknown-class"),
        (GrantPermit(ANNA, ("SE",), TOMORROW, "", by=TECHNICIAN), "not-approved"),
    ],
)
def test_s27_what_is_no_permit_is_refused(command: Command, refused: str) -> None:
    answer = handle(command, EXCHANGE, DAY)
    assert isinstance(answer, Refusal)
    assert answer.why == refused


@pytest.mark.parametrize(
    ("now", "last"),
    [("2026-03-03", "2027-03-03"), ("2027-03-03", "2028-03-03"), ("2028-02-29", "2029-02-28")],
)
def test_s27_a_permit_lasts_to_the_end_of_the_same_day_in_a_year(now: str, last: str) -> None:
    morning, end = at(f"{now} 00:05"), at(f"{last} 00:00") + timedelta(days=1)
    assert not permits.is_too_long(end, morning)
    assert permits.is_too_long(end + timedelta(minutes=1), morning)
    answer = handle(
        GrantPermit(ANNA, ("SE",), end + timedelta(days=1), "x", TECHNICIAN), EXCHANGE, morning
    )
    assert isinstance(answer, Refusal)
    assert answer.spoken.key == "refused-permit-too-long"


def test_s27_who_may_call_abroad_needs_a_permit_for_no_country() -> None:
    free = changed_person(ANNA, may_call=frozenset({"abroad"}))
    answer = handle(GrantPermit(ANNA, ("SE",), TOMORROW, "x", TECHNICIAN), free, DAY)
    assert isinstance(answer, Refusal)
    assert answer.why == "needs-none"
    obeyed(free, GrantPermit(ANNA, ("premium",), TOMORROW, "x", TECHNICIAN))


def test_s27_the_end_of_a_permit_is_told_as_the_end_of_its_day() -> None:
    command = GrantPermit(ANNA, ("abroad",), at("2026-12-02 00:00"), "x", TECHNICIAN)
    exchange = obeyed(EXCHANGE, command)
    (told,) = confirmation(command, exchange, DAY)
    assert render(told, Language.SV, DAY, PROMPTS) == (
        "Anna Berg får ringa utomlands till tisdagen den första december klockan tjugofyra."
    )


def test_s27_what_became_of_permits_is_known_of_every_period() -> None:
    events: list[Event] = [
        PermitGranted(ANNA, ("SE",), DAY, DAY + timedelta(days=9), "x", TECHNICIAN),
        PermitGranted("102", ("NO",), DAY, TOMORROW, "x", TECHNICIAN),
        PermitsRevoked(ANNA, DAY + timedelta(days=2), OPERATOR),
        PermitGranted(ANNA, ("DK",), DAY + timedelta(days=3), DAY + timedelta(days=5), "x", "111"),
    ]

    def held(first: int, last: int) -> list[tuple[tuple[str, ...], str]]:
        since, until = DAY + timedelta(days=first), DAY + timedelta(days=last)
        known = [one for one in events if getattr(one, "at", getattr(one, "since", DAY)) < until]
        found = permits.given(PLAN, known, since, until)
        return [(one.permit.calls, one.revoked.by if one.revoked else "") for one in found]

    assert held(-1, 0) == []
    assert held(0, 1) == [(("SE",), ""), (("NO",), "")]
    assert held(1, 9) == [(("SE",), OPERATOR), (("DK",), "")]
    assert held(2, 3) == []
    assert held(4, 9) == [(("DK",), "")]


@pytest.mark.parametrize(
    ("digits", "calls"),
    [
        ("*25*101*46*1600#", ("SE",)),
        ("*25*101*46*0803*1600#", ("SE",)),
        ("*25*101*00*1600#", ("abroad",)),
        ("*25*101*0*1600#", ("premium",)),
    ],
)
def test_s27_operators_give_permits_by_a_code(digits: str, calls: tuple[str, ...]) -> None:
    command = read(digits, PLAN.people[OPERATOR], EXCHANGE, DAY)
    assert isinstance(command, GrantPermit)
    assert (command.person, command.calls, command.by) == (ANNA, calls, OPERATOR)
    (held,) = obeyed(EXCHANGE, command).permits[ANNA]
    assert held.approved_by == PLAN.people[OPERATOR].name
    assert held.until == command.until
    assert read("#25*101#", PLAN.people[OPERATOR], EXCHANGE, DAY) == RevokePermits(ANNA, OPERATOR)


@pytest.mark.parametrize(
    ("digits", "told"),
    [
        ("*25*101#", "refused-bad-time"),
        ("*25*101*46#", "refused-bad-time"),
        ("*25*101*46*16#", "refused-bad-time"),
        ("*25*999*46*1600#", "refused-no-such-colleague"),
        ("*25*101*210*1600#", "unknown-number"),
    ],
)
def test_s27_half_a_code_gives_no_permit(digits: str, told: str) -> None:
    answer = read(digits, PLAN.people[OPERATOR], EXCHANGE, DAY)
    assert isinstance(answer, Sentence)
    assert answer.key == told


@pytest.mark.parametrize(
    ("digits", "told"),
    [("*25*101*46*1600#", "refused-not-allowed"), ("*230*101*1#", "refused-not-for-others")],
)
def test_who_may_not_is_told_what_they_may_not(digits: str, told: str) -> None:
    command = read(digits, PLAN.people["102"], EXCHANGE, DAY)
    assert isinstance(command, GrantPermit | SetReferral)
    answer = handle(command, EXCHANGE, DAY)
    assert isinstance(answer, Refusal)
    assert answer.spoken.key == told


def test_s27_the_plan_says_who_may_call_what() -> None:
    few = changed_person(ANNA, may_call=frozenset({"geographic", "NO"}))
    assert why(few, "018999999") is Why.OUTGOING
    assert why(few, NORWAY) is Why.OUTGOING
    assert why(few, "0401234567") is Why.OUTGOING_BARRED
    assert why(few, "116117") is Why.OUTGOING_BARRED
    assert why(few, "112") is Why.EMERGENCY
    permit = Permit(ANNA, ("SE",), TOMORROW, "kanslichefen")
    written = changed_person(ANNA, permits=(permit,))
    assert why(written, SWEDEN) is Why.OUTGOING_PERMITTED
    assert why(written, SWEDEN, TOMORROW) is Why.OUTGOING_BARRED


def test_s27_who_attends_a_line_may_call_what_it_may() -> None:
    exchange = changed_line("vaxel", may_call=frozenset({"SE"}))
    there, gone = (attended("vaxel", *who, exchange=exchange) for who in ((OPERATOR,), ()))
    assert why(there, SWEDEN, phone=OPERATOR) is Why.OUTGOING
    assert why(gone, SWEDEN, phone=OPERATOR) is Why.OUTGOING_BARRED
    held = picture(there, DAY).values
    assert held["pbx-may", f"{OPERATOR}/SE"] == "9999999999"


def test_s27_asterisk_knows_until_when() -> None:
    held = picture(granted("SE", "premium"), DAY).values
    end = str(int(TOMORROW.timestamp()))
    assert held["pbx-may", "101/SE"] == held["pbx-may", "101/premium"] == end
    assert not [key for key in picture(granted("SE"), TOMORROW).values if key[0] == "pbx-may"]


def test_s27_the_permit_that_lasts_longest_is_mirrored() -> None:
    later = TOMORROW + timedelta(days=1)
    exchange = obeyed(
        granted("SE", until=later), GrantPermit(ANNA, ("SE",), TOMORROW, "x", TECHNICIAN)
    )
    assert permits.beside(exchange, PLAN.people[ANNA], DAY) == {"SE": later}


def test_permits_of_who_has_left_the_plan_are_forgotten() -> None:
    without = replace(PLAN, people={one: who for one, who in PLAN.people.items() if one != ANNA})
    assert under(without, granted("SE")).permits == {}


@given(
    st.from_regex(r"\A(?:\+|00|99[0469])?[0-9]{3,15}\Z"),
    st.frozensets(st.sampled_from([*CLASSES, "SE", "NO", "RU"])),
)
def test_f39_nothing_is_dialled_but_what_somebody_may_call(
    number: str, may: frozenset[str]
) -> None:
    exchange = changed_person(ANNA, may_call=may)
    person = exchange.plan.people[ANNA]
    found = permits.verdict(exchange, person, number, DAY)
    step = decide(Call(number, phone=ANNA), exchange, DAY).step
    if isinstance(step, Dial):
        assert found.kind is Class.EMERGENCY or found.kind in may or found.country in may
