"""What the journal tells of lines that were short (S18) and of phone hours broken (S24)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from core.plans import DAY, EXCHANGE, PLAN, at
from hypothesis import given
from hypothesis import strategies as st

from pbx_bridge.core import ledger
from pbx_bridge.core.commands import BreakPhoneHours, Refusal, ResumePhoneHours
from pbx_bridge.core.events import Event, LineShort, LineStaffed, PhoneHoursBroken
from pbx_bridge.core.folding import fold
from pbx_bridge.core.handling import handle
from pbx_bridge.core.ledger import Short
from pbx_bridge.core.state import Break
from pbx_bridge.core.timetable import owed

MIDNIGHT, TOMORROW = at("2026-03-03 00:00"), at("2026-03-04 00:00")
NOTES = [one[PLAN.organisation.language] for one in PLAN.organisation.phone_hours.emergencies]


def second(seconds: int) -> datetime:
    return DAY + timedelta(seconds=seconds)


def test_f26_every_second_with_too_few_is_told_with_its_cause() -> None:
    journal: list[Event] = [
        LineShort("vaxel", "unreachable", ("111",), ("104",), second(0)),
        LineShort("bygglov", "away", ("101",), (), second(5)),
        LineShort("vaxel", "away", ("111",), ("104",), second(20)),
        LineStaffed("vaxel", second(50)),
        LineStaffed("jour", second(60)),  # was not short
        LineStaffed("bygglov", second(65)),
    ]
    found = ledger.shortages(journal, MIDNIGHT, TOMORROW)
    assert [(one.line, one.cause, one.seconds) for one in found] == [
        ("vaxel", "unreachable", 20),
        ("bygglov", "away", 60),
        ("vaxel", "away", 30),
    ]
    assert ledger.seconds_by_cause(found) == {
        "vaxel": {"unreachable": 20, "away": 30},
        "bygglov": {"away": 60},
    }


def test_a_stretch_is_cut_by_the_period_and_one_that_goes_on_ends_with_it() -> None:
    journal: list[Event] = [
        LineShort("vaxel", "away", ("111",), (), MIDNIGHT - timedelta(hours=1)),
        LineStaffed("vaxel", second(0)),
        LineShort("vaxel", "nobody", (), (), second(10)),
    ]
    assert ledger.shortages(journal, second(-30), second(40)) == (
        Short("vaxel", second(-30), second(0), "away", ("111",), ()),
        Short("vaxel", second(10), second(40), "nobody", (), ()),
    )
    assert ledger.shortages(journal, second(0), second(10)) == ()


minutes = st.integers(0, 7 * 60)


@given(st.lists(st.tuples(minutes, st.integers(1, 240), st.integers(0, 300)), max_size=4))
def test_s24_what_is_broken_is_repaid_or_owed_to_the_second(
    wanted: list[tuple[int, int, int]],
) -> None:
    """By commands alone, as people give them: replaced, resumed early, past the last hour."""
    exchange, journal = EXCHANGE, list[Event]()
    line = PLAN.lines["bygglov"]
    for begins, lasts, resumes in sorted(wanted):
        now = at("2026-03-03 08:45") + timedelta(minutes=begins)
        command = BreakPhoneHours("bygglov", NOTES[0], now + timedelta(minutes=lasts), "101")
        for one, moment in (
            (command, now),
            (ResumePhoneHours("bygglov", "101"), now + timedelta(minutes=resumes)),
        ):
            events = handle(one, exchange, moment)
            if not isinstance(events, Refusal):
                journal += events
                exchange = fold(exchange, events)
    found = ledger.broken_days(journal, PLAN, MIDNIGHT, TOMORROW)
    assert len(found) == bool(journal)
    for day in found:
        assert day.broken == day.repaid + day.owed
        assert timedelta() <= day.owed <= day.broken <= timedelta(hours=2)
        assert day.owed == owed(exchange, line, day.day)
        assert (day.broken, day.owed) == by_the_minute(exchange.breaks["bygglov"])


def by_the_minute(breaks: Sequence[Break]) -> tuple[timedelta, timedelta]:
    """What was broken and is owed on the third of March, told by looking at each minute of it:
    bygglov is planned from nine to eleven, and repays until four."""
    broken = free = 0
    for minute in range(24 * 60):
        now = MIDNIGHT + timedelta(minutes=minute)
        closed = any(one.since <= now < one.until for one in breaks)
        broken += 9 * 60 <= minute < 11 * 60 and closed
        free += 11 * 60 <= minute < 16 * 60 and not closed
    return timedelta(minutes=broken), timedelta(minutes=max(0, broken - free))


def test_the_report_says_when_why_by_whom_and_what_is_owed() -> None:
    command = BreakPhoneHours("bygglov", NOTES[1], at("2026-03-03 10:30"), "101")
    journal = handle(command, EXCHANGE, DAY)
    assert not isinstance(journal, Refusal)
    broken = ledger.broken_days(journal, PLAN, MIDNIGHT, TOMORROW)
    told = ledger.as_text((), broken, PLAN)
    assert "bygglov      2026-03-03  30 min broken, 30 min repaid, 0 min owed" in told
    assert f"{NOTES[1]} (Anna Berg)" in told
    rows: Any = ledger.as_dict((), broken)["phone_hours_broken"]
    assert [(row["broken_s"], row["owed_s"]) for row in rows] == [(1800, 0)]
    assert ledger.broken_days(journal, PLAN, TOMORROW, at("2026-03-05 00:00")) == ()


def test_a_broken_day_is_judged_by_the_hours_that_were_planned_then() -> None:
    """Other hours from tomorrow on, or a line that is no more, change nothing of it."""
    command = BreakPhoneHours("bygglov", NOTES[0], at("2026-03-03 10:30"), "101")
    answer = handle(command, EXCHANGE, DAY)
    assert not isinstance(answer, Refusal)
    before = ledger.broken_days(answer, PLAN, MIDNIGHT, TOMORROW)
    lines = dict(PLAN.lines)
    gone = lines.pop("bygglov")
    nights = replace(gone, hours=PLAN.lines["jour"].hours)
    for plan in (replace(PLAN, lines=lines), replace(PLAN, lines=lines | {"bygglov": nights})):
        assert ledger.broken_days(answer, plan, MIDNIGHT, TOMORROW) == before
    untold = [replace(one, hours=None) for one in answer if isinstance(one, PhoneHoursBroken)]
    assert ledger.broken_days(untold, PLAN, MIDNIGHT, TOMORROW) == before
    assert ledger.broken_days(untold, replace(PLAN, lines=lines), MIDNIGHT, TOMORROW) == ()
