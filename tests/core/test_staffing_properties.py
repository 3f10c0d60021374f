"""What holds of lines and those who attend them, whatever is commanded (S17, S18, F25)."""

from __future__ import annotations

from datetime import UTC, datetime

from core.plans import PLAN
from core.states import FEW, History, commands, obeyed
from core.test_state_properties import past
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_bridge.core import blocks
from pbx_bridge.core.absence import absence
from pbx_bridge.core.attendance import attendants, is_short, queue, required, staffing
from pbx_bridge.core.commands import CountAttendants, Refusal, SeePhone, SetReferral
from pbx_bridge.core.events import CoverAnswered, CoverAsked, LineShort, LineStaffed
from pbx_bridge.core.folding import fold
from pbx_bridge.core.handling import handle
from pbx_bridge.core.model import Guard
from pbx_bridge.core.state import Consent, Exchange, Lost
from pbx_bridge.core.timetable import line_open

every = settings(max_examples=150, deadline=None)


def enough(exchange: Exchange, now: datetime) -> set[str]:
    """Attended lines that are open and that as many attend as have to."""
    return {
        line.name
        for line in exchange.plan.lines.values()
        if line.attended
        and line_open(exchange, line, now)
        and len(attendants(exchange, line, now)) >= required(line, exchange.plan, now)
    }


@every
@given(past, st.data())
def test_f25_nobody_leaves_an_open_line_to_too_few_by_a_command(
    history: History, data: st.DataObject
) -> None:
    """Those who are ill may, and, where the plan only warns, those who set a referral."""
    exchange, now = history.exchange, history.now
    command = data.draw(commands(exchange, now))
    may = set()
    if isinstance(command, SetReferral):
        unplanned = PLAN.reasons_by_name[command.reason].unplanned
        may = {name for name, line in PLAN.lines.items() if unplanned or line.guard is Guard.WARN}
    after = fold(exchange, obeyed(command, exchange, now))
    still_open = {name for name, line in PLAN.lines.items() if line_open(after, line, now)}
    assert enough(exchange, now) & still_open <= enough(after, now) | may


@every
@given(past)
def test_s18_once_counted_the_alarms_are_the_lines_with_too_few(history: History) -> None:
    exchange, now = history.exchange, history.now
    for name in PLAN.lines:
        answer = handle(CountAttendants(name), exchange, now)
        assert not isinstance(answer, Refusal)
        assert len(answer) <= 1
        for event in answer:
            assert isinstance(event, LineShort | LineStaffed)
            exchange = fold(exchange, [event])
        assert handle(CountAttendants(name), exchange, now) == ()
    short = {name for name, line in PLAN.lines.items() if is_short(exchange, line, now)}
    assert exchange.shortages.keys() == short
    for name, held in exchange.shortages.items():
        found = staffing(exchange, PLAN.lines[name], now)
        assert (held.cause, held.missing) == (found.cause, tuple(found.missing))


@every
@given(past, st.sampled_from(FEW), st.sampled_from([None, *Lost]))
def test_f26_a_phone_is_told_lost_or_found_once(
    history: History, person: str, lost: Lost | None
) -> None:
    exchange, now = history.exchange, history.now
    first = handle(SeePhone(person, lost), exchange, now)
    assert not isinstance(first, Refusal)
    after = fold(exchange, first)
    assert handle(SeePhone(person, lost), after, now) == ()
    gone = blocks.is_blocked(exchange, person) and person in exchange.losses
    assert (person in after.losses) is (lost is not None or gone), "a blocked phone isn't found"
    if lost is Lost.UNREACHABLE:
        assert after.losses[person].cause is Lost.UNREACHABLE


@every
@given(past)
def test_s18_whoever_is_in_a_queue_is_not_away_and_a_line_that_is_short_has_its_backup(
    history: History,
) -> None:
    exchange, now = history.exchange, history.now
    for line in PLAN.lines.values():
        found = queue(exchange, line, now)
        assert set(found) <= {*line.members, *line.backups}
        assert not [one for one in found if absence(exchange, one, now) is not None]
        assert {one for one in found if one in attendants(exchange, line, now)} <= {
            one for one, penalty in found.items() if penalty == 0
        }
        later = [penalty for penalty in found.values() if penalty]
        assert later == sorted(set(later)), "each backup is rung after the one before"
        assert max(later, default=0) <= len(line.backups)
        able = [
            one
            for one in line.backups
            if one not in exchange.losses and absence(exchange, one, now) is None
        ]
        if is_short(exchange, line, now) and able:
            ready = [
                one for one, penalty in found.items() if penalty == 0 and one not in exchange.losses
            ]
            assert ready, "somebody whose phone is there is rung at once"


@every
@given(past)
def test_s17_a_cover_was_asked_for_and_counts_only_after_a_yes(history: History) -> None:
    exchange = history.exchange
    asked = [one for one in history.events if isinstance(one, CoverAsked)]
    said = [one for one in history.events if isinstance(one, CoverAnswered)]
    for name, covers in exchange.covers.items():
        line = PLAN.lines[name]
        keys = [(one.person, one.to, one.since) for one in covers]
        assert len(set(keys)) == len(keys)
        for one in covers:
            assert one.line == name
            assert one.to != one.person
            assert one.to in (*line.members, *line.backups)
            assert one.since.astimezone(UTC) < one.until.astimezone(UTC)
            key = (name, one.person, one.to, one.since)
            assert key in [(each.line, each.person, each.to, each.since) for each in asked]
            if one.consent is not Consent.ASKED:
                assert (*key, one.consent) in [
                    (each.line, each.person, each.to, each.since, each.consent) for each in said
                ]
