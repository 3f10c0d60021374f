"""What may be asked, and what is refused by which clause."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from core.plans import (
    DAY,
    EXCHANGE,
    NIGHT,
    PLAN,
    PROMPTS,
    YESTERDAY,
    at,
    attended,
    away,
    changed_line,
)

from pbx_bridge.core.attendance import is_short
from pbx_bridge.core.commands import (
    TECHNICIAN,
    CancelReferral,
    Command,
    Refusal,
    SetReferral,
    SignIn,
    SignOut,
)
from pbx_bridge.core.confirming import confirmation, status_of
from pbx_bridge.core.events import (
    CommandRefused,
    ReferralCancelled,
    ReferralSet,
    SignedIn,
    SignedOut,
)
from pbx_bridge.core.folding import fold
from pbx_bridge.core.handling import handle, refused
from pbx_bridge.core.model import Language
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.wording import render

BACK = at("2026-03-03 14:30")


def refuses(
    command: Command, exchange: Exchange = EXCHANGE, now: datetime = DAY
) -> tuple[str, str]:
    """Clause and name of the rule."""
    answer = handle(command, exchange, now)
    assert isinstance(answer, Refusal), answer
    for language in Language:
        assert render(answer.spoken, language, DAY, PROMPTS)
    return answer.clause, answer.why


def said(command: Command, exchange: Exchange) -> str:
    """What is spoken after `command` was obeyed."""
    answer = handle(command, exchange, DAY)
    assert not isinstance(answer, Refusal), answer
    after = fold(exchange, answer)
    told = confirmation(command, after, DAY)
    return " ".join(render(one, Language.SV, DAY, PROMPTS) for one in told)


def test_a_referral_is_stored_with_its_beginning_and_end() -> None:
    command = SetReferral("105", "mote", BACK, by="105", note="  rum 2 ")
    assert handle(command, EXCHANGE, DAY) == (
        ReferralSet("105", "mote", DAY, BACK, "rum 2", "105", at=DAY),
    )


@pytest.mark.parametrize("until", [DAY, DAY - timedelta(seconds=1), at("2025-12-31 10:00")])
def test_s8_an_end_that_has_passed_is_refused(until: datetime) -> None:
    assert refuses(SetReferral("105", "mote", until, by="105")) == ("S8", "end-has-passed")


def test_s8_an_unknown_reason_is_refused() -> None:
    assert refuses(SetReferral("105", "fiske", BACK, by="105")) == ("S8", "unknown-reason")


@pytest.mark.parametrize("reason", ["upptagen", "franvarande"])
@pytest.mark.parametrize("note", ["", "   "])
def test_s12_two_reasons_need_a_note(reason: str, note: str) -> None:
    command = SetReferral("105", reason, BACK, by="105", note=note)
    assert refuses(command) == ("S12", "note-needed")
    assert not isinstance(handle(replace(command, note="prov"), EXCHANGE, DAY), Refusal)


@pytest.mark.parametrize(
    "command",
    [
        SetReferral("101", "lunch", BACK, by="101"),
        SetReferral("101", "lunch", BACK, by="104"),
        SetReferral("101", "lunch", BACK, by=TECHNICIAN),
        SignOut("bygglov", "101", by="101"),
        SignOut("bygglov", "101", by="104"),
        SignOut("bygglov", "101", by=TECHNICIAN),
    ],
)
def test_f25_the_last_attendant_cannot_leave_whoever_asks(command: Command) -> None:
    assert refuses(command) == ("S18", "last-attendant")
    with_colleague = attended("bygglov", "101", "102")
    assert not isinstance(handle(command, with_colleague, DAY), Refusal)
    both_but_one_away = away("102", "2026-03-03 11:00", exchange=with_colleague)
    assert refuses(command, both_but_one_away) == ("S18", "last-attendant")
    assert not isinstance(handle(command, both_but_one_away, at("2026-03-03 11:00")), Refusal)


@pytest.mark.parametrize(
    ("now", "allowed"),
    [
        ("2026-03-03 08:29", True),
        ("2026-03-03 09:00", False),
        ("2026-03-03 10:59", False),
        ("2026-03-03 11:00", True),
        ("2026-03-07 10:00", True),  # Saturday
        ("2026-04-03 10:00", True),  # Good Friday
    ],
)
def test_f25_the_last_attendant_may_leave_while_the_line_is_closed(now: str, allowed: bool) -> None:
    moment = at(now)
    for command in (
        SignOut("bygglov", "101", by="101"),
        SetReferral("101", "lunch", moment + timedelta(minutes=30), by="101"),
    ):
        assert isinstance(handle(command, EXCHANGE, moment), Refusal) is not allowed


def test_s13_whoever_is_sick_is_not_kept_and_the_line_is_short_then() -> None:
    events = handle(SetReferral("101", "sjuk", BACK, by="104"), EXCHANGE, DAY)
    assert not isinstance(events, Refusal)
    assert is_short(fold(EXCHANGE, events), PLAN.lines["bygglov"], DAY)


def test_s24_whoever_attends_phone_hours_has_no_meetings_in_them() -> None:
    begins = at("2026-03-04 08:00")
    meeting = SetReferral("101", "mote", at("2026-03-04 09:01"), by="101", since=begins)
    with_colleague = attended("bygglov", "101", "102")
    for exchange in (EXCHANGE, with_colleague):
        assert refuses(meeting, exchange) == ("S24", "meeting-in-phone-hours")
    before = replace(meeting, until=at("2026-03-04 09:00"))
    assert not isinstance(handle(before, EXCHANGE, DAY), Refusal)
    for other in (replace(meeting, person="102", by="102"), replace(meeting, reason="tjansteresa")):
        assert not isinstance(handle(other, EXCHANGE, DAY), Refusal)


def test_s11_the_last_attendant_may_work_remotely() -> None:
    assert not isinstance(
        handle(SetReferral("101", "distans", BACK, by="101"), EXCHANGE, DAY), Refusal
    )


def test_a_line_that_need_not_be_attended_can_be_left() -> None:
    exchange = changed_line("bygglov", attended=False)
    assert handle(SignOut("bygglov", "101", by="101"), exchange, DAY) == (
        SignedOut("bygglov", "101", "101"),
    )


def test_f25_the_refusal_is_spoken_and_journaled() -> None:
    command = SignOut("vaxel", "111", by="111")
    answer = handle(command, EXCHANGE, DAY)
    assert isinstance(answer, Refusal)
    assert refused(command, answer, DAY) == CommandRefused(
        "SignOut", "111", "S18", "last-attendant", "111", DAY
    )
    assert render(answer.spoken, Language.SV, DAY, PROMPTS).startswith(
        "Du är den sista som bemannar växeln"
    )


@pytest.mark.parametrize("by", ["105", "101", "", "999", "Technician"])
def test_s29_others_may_not_command_for_one(by: str) -> None:
    exchange = away("106", "2026-03-03 14:30")
    for command in (
        SetReferral("106", "mote", BACK, by),
        CancelReferral("106", by),
        SignIn("vaxel", "113", by),
        SignOut("vaxel", "113", by),
    ):
        assert refuses(command, exchange) == ("S29", "not-allowed-for-others")


@pytest.mark.parametrize("by", ["104", "111", TECHNICIAN, "106"])
def test_operators_technicians_and_oneself_may(by: str) -> None:
    set_ = SetReferral("106", "mote", BACK, by)
    assert handle(set_, EXCHANGE, DAY) == (ReferralSet("106", "mote", DAY, BACK, "", by, at=DAY),)
    cancel = CancelReferral("106", by)
    assert handle(cancel, away("106", "2026-03-03 14:30"), DAY) == (
        ReferralCancelled("106", YESTERDAY, by),
    )


def test_nobody_commands_for_somebody_who_does_not_exist() -> None:
    for by in ("999", "104", TECHNICIAN):
        assert refuses(SetReferral("999", "mote", BACK, by)) == ("", "unknown-person")
        assert refuses(SignIn("vaxel", "999", by)) == ("", "unknown-person")


def test_s15_there_must_be_a_referral_to_cancel() -> None:
    cancel = CancelReferral("105", by="105")
    assert refuses(cancel) == ("S15", "no-referral")
    expired = away("105", "2026-03-03 10:00")
    assert refuses(cancel, expired) == ("S15", "no-referral")
    remote = away("105", "2026-03-03 14:30", "distans")
    assert handle(cancel, remote, DAY) == (ReferralCancelled("105", YESTERDAY, "105"),)


def test_members_sign_in_and_out_and_others_do_not() -> None:
    assert handle(SignIn("bygglov", "102", by="102"), EXCHANGE, DAY) == (
        SignedIn("bygglov", "102", "102"),
    )
    assert refuses(SignIn("bygglov", "105", by="105")) == ("S18", "not-a-member")
    assert refuses(SignIn("kiosk", "102", by="102")) == ("", "unknown-line")
    assert refuses(SignOut("kiosk", "102", by="102")) == ("", "unknown-line")
    assert refuses(SignOut("bygglov", "102", by="102"), now=NIGHT) == ("", "not-signed-in")


@pytest.mark.parametrize(
    ("command", "exchange", "heard"),
    [
        (
            SetReferral("101", "semester", at("2026-03-09 08:30"), by="101"),
            attended("bygglov", "101", "102"),
            (
                "Hänvisningen är satt. Den som ringer får höra: Anna Berg har semester och är åter "
                "på måndag klockan halv nio. Samtalen går till Bo Ek."
            ),
        ),
        (
            SetReferral("105", "lunch", at("2026-03-03 11:30"), by="105"),
            EXCHANGE,
            (
                "Hänvisningen är satt. Den som ringer får höra: Elin Strand är på lunch och är "
                "åter i dag klockan halv tolv. Samtalen går till växeln."
            ),
        ),
        (
            SetReferral("105", "distans", at("2026-03-03 15:30"), by="105"),
            EXCHANGE,
            (
                "Elin Strand arbetar på distans till i dag klockan halv fyra. "
                "Telefonen ringer som vanligt."
            ),
        ),
        (
            CancelReferral("105", by="105"),
            away("105", "2026-03-03 14:30"),
            "Hänvisningen är borttagen.",
        ),
        (
            SignIn("bygglov", "102", by="102"),
            EXCHANGE,
            "Du är inloggad och bemannar bygglovsrådgivningen.",
        ),
        (
            SignOut("bygglov", "102", by="102"),
            attended("bygglov", "101", "102"),
            "Du är utloggad från bygglovsrådgivningen.",
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_what_was_done_is_spoken_back(command: Command, exchange: Exchange, heard: str) -> None:
    assert said(command, exchange) == heard


def test_without_a_referral_the_status_says_so() -> None:
    elin = EXCHANGE.plan.people["105"]
    assert [one.key for one in status_of(elin, EXCHANGE, DAY)] == ["referral-none"]
