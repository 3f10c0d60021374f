"""What Asterisk is told for the time without a bridge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, time, timedelta
from itertools import pairwise

import pytest
from core.plans import DAY, EXCHANGE, NIGHT, PLAN, PROMPTS, at, attended, away, changed_line

from pbx_bridge.core import limits
from pbx_bridge.core.hours import is_open
from pbx_bridge.core.mirror import (
    FAMILIES,
    OPENINGS_AHEAD,
    SPOKEN_OPENINGS,
    Spoken,
    left,
    picture,
)
from pbx_bridge.core.model import Language, Permit, Schedule, Span
from pbx_bridge.core.state import Exchange, Spent
from pbx_bridge.core.wording import render

AMI_LINE = 1024
"""Bytes of a line that Asterisk's manager interface accepts."""


def values(exchange: Exchange, family: str, now: datetime = DAY) -> Mapping[str, str | Spoken]:
    return {
        key: one for (found, key), one in picture(exchange, now).values.items() if found == family
    }


def epoch(text: str) -> int:
    return int(at(text).timestamp())


def said(spoken: str | Spoken) -> str:
    assert isinstance(spoken, Spoken)
    return render(spoken.sentence, spoken.language, spoken.as_of, PROMPTS)


def spans(exchange: Exchange, line: str) -> list[tuple[int, int]]:
    text = values(exchange, "pbx-line")[f"{line}/spans"]
    assert isinstance(text, str)
    return [(int(start), int(end)) for start, end in (one.split("-") for one in text.split(":"))]


def test_an_absence_is_mirrored_with_its_end_and_what_callers_hear() -> None:
    exchange = away("101", "2026-03-03 14:30", "sjuk")
    found = values(exchange, "pbx-referral")
    assert set(found) == {
        "101/until",
        "101/to",
        "101/shown",
        *(f"101/audio-{one}" for one in Language),
    }
    assert found["101/to"] == "102"
    assert found["101/until"] == str(epoch("2026-03-03 14:30"))
    assert said(found["101/audio-sv"]) == (
        "Anna Berg är frånvarande och är åter tisdagen den tredje mars klockan halv tre."
    )


@pytest.mark.parametrize(
    "exchange",
    [
        EXCHANGE,
        away("101", "2026-03-03 10:00"),
        away("101", "2026-03-03 14:30", "distans"),
        away("999", "2026-03-03 14:30"),
    ],
    ids=["nobody", "expired", "remote", "unknown"],
)
def test_what_keeps_no_call_from_a_phone_is_not_mirrored(exchange: Exchange) -> None:
    assert values(exchange, "pbx-referral") == {}


def test_openings_are_epochs_from_the_present_one_on() -> None:
    first, second, *_ = spans(EXCHANGE, "bygglov")
    assert first == (
        int(at("2026-03-03 09:00").timestamp()),
        int(at("2026-03-03 11:00").timestamp()),
    )
    assert second[0] == int(at("2026-03-04 09:00").timestamp())


@pytest.mark.parametrize("line", PLAN.lines)
def test_spans_say_what_the_hours_say(line: str) -> None:
    found = spans(EXCHANGE, line)
    assert len(found) == OPENINGS_AHEAD
    assert all(before[1] < after[0] for before, after in pairwise(found))
    schedule = PLAN.schedules[PLAN.lines[line].hours]
    for hours in range(24 * 14):
        moment = DAY + timedelta(hours=hours)
        mirrored = any(start <= moment.timestamp() < end for start, end in found)
        assert mirrored is is_open(schedule, PLAN, moment)


def test_a_line_that_never_opens_has_one_empty_span() -> None:
    plan = replace(PLAN, schedules={**PLAN.schedules, "telefontid": Schedule("x", ((),) * 7)})
    assert spans(Exchange(plan), "bygglov") == [(0, 0)]


def test_the_next_openings_are_spoken_by_their_start_with_the_date() -> None:
    found = values(EXCHANGE, "pbx-line", NIGHT)
    opens = epoch("2026-03-04 09:00")
    assert said(found[f"bygglov/closed-{opens}-sv"]) == (
        "Du har kommit till bygglovsrådgivningen. Vi har stängt nu. "
        "Vi öppnar onsdagen den fjärde mars klockan nio."
    )
    closed = [key for key in found if key.startswith("bygglov/closed-")]
    assert len(closed) == SPOKEN_OPENINGS * len(Language)


PICK_UP = ("pick-up-nothing", "pick-up-refused")
OUT = ("barred", "capped", "at-once")


def test_the_general_sentences_are_there_in_every_language() -> None:
    found = values(EXCHANGE, "pbx-sound")
    assert set(found) == {
        f"{name}-{language}"
        for name in (
            "sorry",
            "closed",
            "code",
            "broken-off",
            "take",
            "back",
            "emergency-112",
            *PICK_UP,
            *OUT,
        )
        for language in Language
    }
    assert all(said(one) for one in found.values())


def test_members_are_those_who_attend() -> None:
    assert picture(EXCHANGE, DAY).members == {
        ("vaxel", "111"): 0,
        ("vaxel", "104"): 1,
        ("vaxel", "120"): 2,
        ("bygglov", "101"): 0,
        ("bygglov", "110"): 1,
        ("bygglov", "120"): 2,
        ("jour", "110"): 0,
        ("jour", "103"): 1,
        ("jour", "120"): 2,
    }
    busy = away("101", "2026-03-03 14:30", exchange=attended("bygglov", "101", "102"))
    assert ("bygglov", "101") not in picture(busy, DAY).members
    assert ("bygglov", "102") in picture(busy, DAY).members
    assert ("bygglov", "101") in picture(busy, at("2026-03-03 14:30")).members


def test_every_entry_is_of_a_family_that_is_kept() -> None:
    permit = Permit("102", ("SE",), DAY + timedelta(days=1), "kanslichefen")
    exchange = replace(
        away("101", "2026-03-03 14:30"),
        permits={"102": (permit,)},
        spent={"102": Spent(limits.period(PLAN, "102", DAY)[0], frozenset({"1795422600.1"}))},
    )
    kept = {**picture(exchange, DAY).values, **dict(left(exchange, DAY))}
    assert {family for family, _ in kept} == set(FAMILIES)


def test_the_same_state_gives_the_same_picture() -> None:
    exchange = away("101", "2026-03-03 14:30")
    first, again = picture(exchange, DAY), picture(exchange, DAY)
    assert first == again


def test_entries_fit_a_line_of_the_manager_interface() -> None:
    often = Schedule("ofta", ((Span(time(8), time(12)), Span(time(13), time(16))),) * 7)
    name = "l" * 40
    line = replace(PLAN.switchboard, name=name, hours="ofta")
    plan = replace(
        PLAN, lines={**PLAN.lines, name: line}, schedules={**PLAN.schedules, "ofta": often}
    )
    for (family, key), value in picture(Exchange(plan), DAY).values.items():
        text = value if isinstance(value, str) else ""
        assert len(f"{family}{key}{text}".encode()) < AMI_LINE - 200


def test_a_plan_without_mailboxes_or_backups_is_mirrored_too() -> None:
    bare = picture(changed_line("vaxel", backups=(), mailbox=""), DAY)
    usual = picture(EXCHANGE, DAY)
    assert bare.values == usual.values
    assert set(usual.members) - set(bare.members) == {("vaxel", "104"), ("vaxel", "120")}
