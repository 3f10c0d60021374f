"""Who attends which line, and when that changes by time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from core.plans import DAY, EXCHANGE, NIGHT, PLAN, at, attended, away, changed_line

from pbx_bridge.core.absence import absence, current
from pbx_bridge.core.attendance import attendants, lines_left_empty, next_change
from pbx_bridge.core.reach import takers
from pbx_bridge.core.state import Exchange, Referral

BYGGLOV = PLAN.lines["bygglov"]


@pytest.mark.parametrize(
    ("exchange", "expected"),
    [
        (EXCHANGE, ("101",)),
        (attended("bygglov", "102", "101"), ("101", "102")),  # in the plan's order
        (attended("bygglov", "101", "105", "999"), ("101",)),  # the others are no members
        (attended("bygglov"), ()),
        (Exchange(PLAN), ()),
        (away("101", "2026-03-03 10:01"), ()),
        (away("101", "2026-03-03 10:00"), ("101",)),
        (away("101", "2026-03-03 14:30", "distans"), ("101",)),
    ],
)
def test_who_is_signed_in_and_not_away_attends(
    exchange: Exchange, expected: tuple[str, ...]
) -> None:
    assert attendants(exchange, BYGGLOV, DAY) == expected


@pytest.mark.parametrize(
    ("who", "exchange", "now", "left"),
    [
        ("101", EXCHANGE, DAY, ("bygglov",)),
        ("101", EXCHANGE, NIGHT, ()),
        ("102", EXCHANGE, DAY, ()),
        ("101", attended("bygglov", "101", "102"), DAY, ()),
        (
            "101",
            away("102", "2026-03-03 14:30", exchange=attended("bygglov", "101", "102")),
            DAY,
            ("bygglov",),
        ),
        ("101", away("101", "2026-03-03 14:30"), DAY, ()),
        ("101", changed_line("bygglov", attended=False), DAY, ()),
        ("110", EXCHANGE, NIGHT, ("jour",)),
        ("111", EXCHANGE, DAY, ("vaxel",)),
        ("105", EXCHANGE, DAY, ()),
        ("999", EXCHANGE, DAY, ()),
    ],
)
def test_s18_lines_that_one_would_leave_empty(
    who: str, exchange: Exchange, now: datetime, left: tuple[str, ...]
) -> None:
    assert tuple(line.name for line in lines_left_empty(exchange, who, now)) == left


def test_one_can_be_the_last_on_several_lines() -> None:
    exchange = attended("vaxel", "111", exchange=changed_line("bygglov", members=("111",)))
    exchange = attended("bygglov", "111", exchange=exchange)
    assert [line.name for line in lines_left_empty(exchange, "111", DAY)] == ["vaxel", "bygglov"]


def test_a_referral_holds_from_its_beginning_until_its_end() -> None:
    referral = Referral("105", "mote", at("2026-03-03 10:00"), at("2026-03-03 11:00"))
    exchange = replace(EXCHANGE, referrals={"105": (referral,)})
    held = {
        clock: absence(exchange, "105", at(f"2026-03-03 {clock}")) is not None
        for clock in ("09:59", "10:00", "10:59", "11:00")
    }
    assert held == {"09:59": False, "10:00": True, "10:59": True, "11:00": False}


def test_f29_a_referral_that_ends_in_the_hour_that_comes_twice_ends_once() -> None:
    first = at("2026-10-25 03:30")
    exchange = replace(
        EXCHANGE,
        referrals={
            "105": (Referral("105", "mote", at("2026-10-24 12:00"), first.replace(fold=1)),)
        },
    )
    assert absence(exchange, "105", first) is not None
    assert absence(exchange, "105", first.replace(fold=1)) is None
    assert absence(exchange, "105", first.astimezone(UTC)) is not None


def test_s11_remote_work_is_a_referral_and_no_absence() -> None:
    exchange = away("105", "2026-03-03 14:30", "distans")
    assert current(exchange, "105", DAY) is not None
    assert absence(exchange, "105", DAY) is None
    assert current(exchange, "106", DAY) is None


def test_f20_deputies_are_those_of_the_plan_who_are_there_and_no_further() -> None:
    anna, fredrik = PLAN.people["101"], PLAN.people["106"]
    assert [one.extension for one in takers(EXCHANGE, anna, DAY)] == ["102"]
    without_gun = takers(away("107", "2026-03-03 14:30"), fredrik, DAY)
    assert [one.extension for one in without_gun] == ["109"]  # 103 has not agreed


def test_the_next_change_is_the_nearest_edge() -> None:
    """Of a referral, of a line's opening, and midnight at the latest."""
    assert next_change(EXCHANGE, DAY) == at("2026-03-03 11:00")  # the phone hours end
    exchange = away("106", "2026-03-03 10:45", exchange=away("105", "2026-03-03 10:30"))
    assert next_change(exchange, DAY) == at("2026-03-03 10:30")
    assert next_change(exchange, at("2026-03-03 10:30")) == at("2026-03-03 10:45")
    begins = Referral("107", "mote", at("2026-03-03 10:20"), at("2026-03-03 12:00"))
    planned = replace(exchange, referrals={**exchange.referrals, "107": (begins,)})
    assert next_change(planned, DAY) == at("2026-03-03 10:20")
    assert next_change(EXCHANGE, at("2026-03-03 16:30")) == at("2026-03-04 00:00")


def test_f29_edges_are_ordered_as_instants() -> None:
    early = at("2026-10-25 03:40").astimezone(UTC)
    late = at("2026-10-25 03:20").replace(fold=1).astimezone(UTC)
    exchange = replace(
        EXCHANGE,
        referrals={
            "105": (Referral("105", "mote", DAY, late),),
            "106": (Referral("106", "mote", DAY, early),),
        },
    )
    assert next_change(exchange, at("2026-10-25 01:00")) == early
    assert next_change(exchange, early) == late
