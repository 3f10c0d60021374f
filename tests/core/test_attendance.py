"""Who attends which line, and when that changes by time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from core.plans import DAY, EXCHANGE, NIGHT, PLAN, at, attended, away, changed_line

from pbx_bridge.core.absence import absence, current
from pbx_bridge.core.attendance import (
    attendants,
    lines_left_empty,
    next_change,
    queue,
    staffing,
)
from pbx_bridge.core.model import Raised, Shift, Span
from pbx_bridge.core.reach import takers
from pbx_bridge.core.state import Consent, Cover, Exchange, Loss, Lost, Referral

BYGGLOV = PLAN.lines["bygglov"]
TODAY, TOMORROW = date(2026, 3, 3), date(2026, 3, 4)


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


@pytest.mark.parametrize("cause", list(Lost))
def test_s18_who_attends_by_name_only_does_not_let_the_last_one_go(cause: Lost) -> None:
    both = attended("bygglov", "101", "102")
    dead = replace(both, losses={"101": Loss(cause, DAY)})
    assert [one.name for one in lines_left_empty(dead, "102", DAY)] == ["bygglov"]
    assert lines_left_empty(dead, "101", DAY) == (), "who isn't there leaves nothing"
    alone = replace(EXCHANGE, losses={"101": Loss(cause, DAY)})
    assert [one.name for one in lines_left_empty(alone, "101", DAY)] == ["bygglov"], "they ask"
    plan = both.plan
    two = replace(plan.lines["bygglov"], minimum=2)
    strict = replace(dead, plan=replace(plan, lines={**plan.lines, "bygglov": two}))
    assert [one.name for one in lines_left_empty(strict, "101", DAY)] == ["bygglov"]


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


def covered(*said: Consent, to: str = "102", exchange: Exchange = EXCHANGE) -> Exchange:
    """Colleagues are asked to cover bygglov from ten to half past ten."""
    ends = at("2026-03-03 10:30")
    covers = tuple(Cover("bygglov", "101", to, DAY, ends, DAY, one) for one in said)
    return replace(exchange, covers={"bygglov": covers})


@pytest.mark.parametrize("said", list(Consent))
def test_s17_who_covers_attends_after_a_yes_alone(said: Consent) -> None:
    expected = ("101", "102") if said is Consent.ACCEPTED else ("101",)
    assert attendants(covered(said), BYGGLOV, DAY) == expected


@pytest.mark.parametrize(
    ("clock", "there"), [("09:59", False), ("10:00", True), ("10:29", True), ("10:30", False)]
)
def test_s17_a_cover_holds_from_its_beginning_until_its_end(clock: str, there: bool) -> None:
    exchange = covered(Consent.ACCEPTED)
    assert ("102" in attendants(exchange, BYGGLOV, at(f"2026-03-03 {clock}"))) is there


def test_f28_who_covers_and_is_away_attends_nothing() -> None:
    exchange = covered(Consent.ACCEPTED, exchange=away("102", "2026-03-03 12:00"))
    assert attendants(exchange, BYGGLOV, DAY) == ("101",)


def test_a_backup_who_covers_is_a_member_of_the_queue_and_the_next_one_comes_first() -> None:
    exchange = covered(Consent.ACCEPTED, to="110", exchange=attended("bygglov"))
    assert queue(exchange, BYGGLOV, DAY) == {"110": 0, "120": 1}
    assert queue(exchange, BYGGLOV, at("2026-03-03 11:30")) == {"110": 1, "120": 2}


@pytest.mark.parametrize(
    ("changes", "exchange", "found"),
    [
        ({}, EXCHANGE, (1, ("101",), {})),
        ({}, attended("bygglov"), (1, (), {})),
        ({"minimum": 2}, EXCHANGE, (2, ("101",), {})),
        ({"static": frozenset({"102"})}, EXCHANGE, (1, ("101", "102"), {})),
        ({"roster": (Shift("102"),)}, EXCHANGE, (1, ("101",), {"102": "not-signed-in"})),
        (
            {"roster": (Shift("101"), Shift("102"))},
            EXCHANGE,
            (2, ("101",), {"102": "not-signed-in"}),
        ),
        ({"roster": (Shift("101"),)}, away("101", "2026-03-03 12:00"), (1, (), {"101": "away"})),
        (
            {"static": frozenset({"102"}), "roster": (Shift("102"),)},
            away("102", "2026-03-03 12:00"),
            (1, ("101",), {"102": "away"}),
        ),
        ({"raised": (Raised("x", TODAY, TODAY, 3),)}, EXCHANGE, (3, ("101",), {})),
        ({"raised": (Raised("x", TOMORROW, TOMORROW, 3),)}, EXCHANGE, (1, ("101",), {})),
        (
            {"minimum": 2, "raised": (Raised("x", TODAY, TODAY, 1),)},
            EXCHANGE,
            (2, ("101",), {}),
        ),
        (
            {"raised": (Raised("x", TODAY, TODAY, 2), Raised("y", TODAY, TOMORROW, 3))},
            EXCHANGE,
            (3, ("101",), {}),
        ),
    ],
)
def test_s18_who_is_there_who_is_missed_and_how_many_have_to_be(
    changes: dict[str, Any],
    exchange: Exchange,
    found: tuple[int, tuple[str, ...], dict[str, str]],
) -> None:
    line = replace(BYGGLOV, **changes)
    exchange = replace(exchange, plan=replace(PLAN, lines={**PLAN.lines, "bygglov": line}))
    staff = staffing(exchange, line, DAY)
    assert (staff.required, staff.ready, dict(staff.missing)) == found
    assert staff.is_short is (len(found[1]) < found[0])
    missing = max(0, found[0] - len(found[1]))
    assert staff.joined == line.backups[:missing]
    assert queue(exchange, line, DAY) == {
        **dict.fromkeys(found[1], 0),
        **dict.fromkeys(staff.joined, 0),
        **{one: count for count, one in enumerate(line.backups[missing:], 1)},
    }


@pytest.mark.parametrize(
    ("lost", "cause"), [(Lost.NO_ANSWER, "no-answer"), (Lost.UNREACHABLE, "unreachable")]
)
def test_f26_a_lost_phone_stays_in_the_queue_and_counts_as_missing(lost: Lost, cause: str) -> None:
    """So that it rings again as soon as it is there."""
    exchange = replace(EXCHANGE, losses={"101": Loss(lost, DAY)})
    staff = staffing(exchange, BYGGLOV, DAY)
    assert (staff.ready, dict(staff.missing)) == ((), {"101": cause})
    assert queue(exchange, BYGGLOV, DAY) == {"101": 0, "110": 0, "120": 1}
    both = replace(exchange, losses={**exchange.losses, "110": Loss(lost, DAY)})
    assert staffing(both, BYGGLOV, DAY).joined == ("120",)
    everybody = {one: Loss(lost, DAY) for one in ("101", "110", "120")}
    assert staffing(replace(exchange, losses=everybody), BYGGLOV, DAY).joined == ()


def test_what_is_wrong_with_a_phone_comes_before_a_shift_that_is_missed() -> None:
    line = replace(BYGGLOV, roster=(Shift("102"),))
    exchange = replace(
        EXCHANGE,
        plan=replace(PLAN, lines={**PLAN.lines, "bygglov": line}),
        losses={"101": Loss(Lost.UNREACHABLE, DAY)},
    )
    staff = staffing(exchange, line, DAY)
    assert staff.cause == "unreachable"
    assert list(staff.missing) == ["101", "102"]
    assert staffing(attended("bygglov"), BYGGLOV, DAY).cause == "nobody"


def test_the_next_change_may_be_that_of_a_cover_or_a_shift() -> None:
    assert next_change(covered(Consent.ACCEPTED), DAY) == at("2026-03-03 10:30")
    morning = ((Span(time(7), time(10, 20)),),) * 7
    exchange = changed_line("bygglov", roster=(Shift("101", morning),))
    assert next_change(exchange, DAY) == at("2026-03-03 10:20")
    night = ((Span(time(22), time(0, 40)),),) * 7
    exchange = changed_line("bygglov", roster=(Shift("101", night),))
    assert next_change(exchange, at("2026-03-04 00:10")) == at("2026-03-04 00:40")
