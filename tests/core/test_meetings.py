"""No meetings in phone hours for those who attend them (S24)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from core.plans import DAY, EXCHANGE, PLAN, PROMPTS, at, attended, changed_line

from pbx_bridge.core.commands import BreakPhoneHours, Refusal, SetReferral
from pbx_bridge.core.folding import fold
from pbx_bridge.core.handling import handle
from pbx_bridge.core.model import Language, Shift
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.wording import render


def meeting(since: str, until: str) -> SetReferral:
    """In March; phone hours are from nine to eleven."""
    return SetReferral("101", "mote", at(f"2026-03-{until}"), "101", since=at(f"2026-03-{since}"))


BOTH = attended("bygglov", "101", "102")
"""So that nobody is the last one: the meeting itself is what is refused."""
TOMORROW = meeting("04 09:30", "04 10:00")


def is_refused(command: SetReferral, exchange: Exchange = BOTH) -> bool:
    answer = handle(command, exchange, DAY)
    if isinstance(answer, Refusal):
        assert (answer.clause, answer.why) == ("S24", "meeting-in-phone-hours")
    return isinstance(answer, Refusal)


@pytest.mark.parametrize(
    ("since", "until", "refused"),
    [
        ("04 08:00", "04 09:00", False),  # over when they begin
        ("04 08:00", "04 09:01", True),
        ("04 10:59", "04 12:00", True),
        ("04 11:00", "04 12:00", False),
        ("04 11:00", "05 09:00", False),
        ("04 11:00", "05 09:01", True),
        ("06 11:00", "09 09:00", False),  # over the weekend
    ],
)
def test_s24_a_meeting_must_not_touch_phone_hours(since: str, until: str, refused: bool) -> None:
    assert is_refused(meeting(since, until)) is refused


@pytest.mark.parametrize(
    ("changes", "signed_in", "refused"),
    [
        ({}, ("101", "102"), True),
        ({}, ("102",), False),
        ({"static": frozenset({"101"})}, ("102",), True),
        ({"roster": (Shift("101"), Shift("102"))}, ("102",), True),
        ({"roster": (Shift("102"),)}, ("102",), False),
        ({"phone_hours": False}, ("101", "102"), False),
    ],
)
def test_s24_only_those_who_attend_phone_hours_are_held_to_it(
    changes: dict[str, Any], signed_in: tuple[str, ...], refused: bool
) -> None:
    exchange = attended("bygglov", *signed_in, exchange=changed_line("bygglov", **changes))
    assert is_refused(TOMORROW, exchange) is refused


@pytest.mark.parametrize("reason", [one.name for one in PLAN.reasons.values() if not one.meeting])
def test_s24_other_absences_are_no_meetings(reason: str) -> None:
    assert not is_refused(replace(TOMORROW, reason=reason, note="kurs"))


def test_s24_hours_that_an_emergency_has_moved_are_phone_hours_too() -> None:
    broken = BreakPhoneHours("bygglov", "en olycka", at("2026-03-03 10:30"), "101")
    events = handle(broken, BOTH, DAY)
    assert not isinstance(events, Refusal)
    today = meeting("03 11:00", "03 11:30")
    assert not is_refused(today)
    assert is_refused(today, fold(BOTH, events))


@pytest.mark.parametrize(
    ("language", "heard"),
    [
        (Language.SV, "telefontid som börjar i morgon klockan nio"),
        (Language.EN, "phone hours that begin tomorrow at nine"),
        (Language.FI, "puhelinaika alkaa huomenna kello yhdeksän"),
    ],
)
def test_s24_it_is_said_when_the_phone_hours_begin(language: Language, heard: str) -> None:
    answer = handle(meeting("04 08:00", "04 09:30"), EXCHANGE, DAY)
    assert isinstance(answer, Refusal)
    assert heard in render(answer.spoken, language, DAY, PROMPTS)
