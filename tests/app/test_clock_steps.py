"""F30: the clock is set by an hour, forwards and back, under everything that goes by the time.

What goes by the machine's monotonic clock (links and their time-outs, rests, callers who are told
their place, the age of the mirror, a phone call itself) isn't moved by a step. Everything else has
its time from the Clock port, but for those few who ask the machine, in a table below.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from core.plans import DAY, EXCHANGE, PLAN, ROOT, at
from fakes.clock import FakeClock
from fakes.journal import FakeJournal

from pbx_bridge.app import waking
from pbx_bridge.app.office import Office
from pbx_bridge.core import absence, delivery, locks, meters, returning
from pbx_bridge.core.breaking import break_of
from pbx_bridge.core.call import Why
from pbx_bridge.core.commands import (
    MOST_REFUSALS,
    BreakPhoneHours,
    CancelReferral,
    Command,
    NoteCall,
    Promise,
    ProvePin,
    RemindOfReturns,
    ResumePhoneHours,
    SetReferral,
)
from pbx_bridge.core.events import LineShort, LineStaffed, ReturnReminded
from pbx_bridge.core.folding import apply, fold
from pbx_bridge.core.ledger import shortages
from pbx_bridge.core.timetable import line_open
from pbx_bridge.core.waiting import LATEST, Waiters, waiting

HOUR = timedelta(hours=1)
STEPS = (HOUR, -HOUR)
CALLER = "0401234567"
LUNCH = at("2026-03-03 14:30")
ADVICE = PLAN.lines["bygglov"]


ASKS_THE_MACHINE = {
    "adapters/clock.py": "it is the clock",
    "supervisor/state.py": "shows since when; decides nothing",
    "supervisor/preparing.py": "the date for which a plan is read at the start",
    "cli/options.py": "the same, for a command",
    "demo.py": "the same",
    "cli/logs.py": "the times in a log",
    "asterisk/certificates.py": "whether one of our own is over, as phones see it",
    "files.py": "the name of what is put aside",
    "adapters/backup.py": "the same",
    "asterisk/renewing.py": "the name of a copy of Asterisk",
    "cli/doctoring.py": "how many days old such a copy is",
    "adapters/journal/anchors.py": "the time beside a head, which is known by its number",
    "adapters/messages.py": "how old a file is: read again for longer, or said to be unreadable",
    "adapters/speech.py": "how old a file is, when the clock goes steadily",
    "adapters/notes.py": "how old a file is, when the clock goes steadily",
    "adapters/ami/logs.py": "how old a file is, when the clock goes steadily",
}
"""Who asks for the time of day other than by the port, and what a step does there."""
WALL_CLOCK = re.compile(r"time\.time\(|time_ns\(|datetime\.now\(|\.today\(|utcnow\(")


def test_f30_nobody_else_asks_the_machine_for_the_time_of_day() -> None:
    package = ROOT / "pbx_bridge"
    found = {
        str(file.relative_to(package))
        for file in package.rglob("*.py")
        if WALL_CLOCK.search(file.read_text())
    }
    assert found == set(ASKS_THE_MACHINE)


class Town:
    """An office whose clock is set; what is known after each command is what a restart knows."""

    def __init__(self) -> None:
        self.clock = FakeClock(DAY)
        self.journal = FakeJournal()
        self.office = Office(EXCHANGE, self.journal, self.clock)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    async def obey(self, command: Command) -> Why:
        outcome = await self.office.obey(command)
        assert fold(EXCHANGE, self.journal.events) == self.office.exchange
        return outcome.why

    async def refer(self, person: str = "104", until: datetime = LUNCH, by: str = "104") -> Why:
        return await self.obey(SetReferral(person, "lunch", until, by))

    def away(self, person: str = "104") -> bool:
        return absence.current(self.office.exchange, person, self.now) is not None


@pytest.fixture
def town() -> Town:
    return Town()


@pytest.mark.parametrize("step", STEPS)
async def test_f30_a_referral_holds_until_its_end_by_the_clock_that_is_right_again(
    town: Town, step: timedelta
) -> None:
    assert await town.refer() is Why.COMMAND_DONE
    town.clock.step(at("2026-03-03 14:10") - town.now)
    assert town.away()
    town.clock.step(step)
    assert town.away() is (step < timedelta(0))
    assert await town.refer("105", at("2026-03-03 16:30"), "105") is Why.COMMAND_DONE
    assert await town.obey(CancelReferral("105", "105")) is Why.COMMAND_DONE
    town.clock.step(-step)
    assert town.away(), "what ended by a wrong clock is not forgotten"
    town.clock.step(timedelta(minutes=21))
    assert not town.away()


@pytest.mark.parametrize("step", STEPS)
async def test_f30_wrong_pins_lock_no_longer_than_they_do_and_not_for_ever(
    town: Town, step: timedelta
) -> None:
    wrong = ProvePin("103", CALLER, right=False)
    for _ in range(locks.MOST_WRONG_PINS):
        await town.obey(wrong)
    assert locks.locked(town.office.exchange.wrong_pins, PLAN, town.now)
    town.clock.step(step)
    assert not locks.locked(town.office.exchange.wrong_pins, PLAN, town.now)
    assert await town.obey(ProvePin("103", CALLER, right=True)) is Why.COMMAND_DONE
    for _ in range(locks.MOST_WRONG_PINS):
        await town.obey(wrong)
    assert locks.locked(town.office.exchange.wrong_pins, PLAN, town.now), "guessing locks again"


@pytest.mark.parametrize("step", STEPS)
async def test_f30_refused_codes_hold_a_phone_for_two_minutes_whatever_the_clock_did(
    town: Town, step: timedelta
) -> None:
    for _ in range(MOST_REFUSALS + 1):
        assert await town.refer(until=at("2026-03-02 10:00")) is Why.COMMAND_REFUSED
    town.clock.step(step)
    town.clock.pass_(1)
    assert await town.refer(until=town.now + 2 * HOUR) is Why.COMMAND_DONE


@pytest.mark.parametrize("steps", [(HOUR, -HOUR), (-HOUR, HOUR), (HOUR,), (-HOUR,)])
async def test_f30_a_return_is_kept_and_each_is_reminded_of_once(
    town: Town, steps: Sequence[timedelta]
) -> None:
    """Nobody is told twice, nor all at once; and who is reached closes it."""
    numbers = [f"04012345{one:02}" for one in range(20)]
    for number in numbers:
        await town.obey(NoteCall(f"c{number}", town.now, number, "101", ""))
    await town.obey(Promise("101", CALLER, at("2026-03-03 11:50"), "101"))
    opened = dict(town.office.exchange.returns)
    for step in (*steps, timedelta(0)):
        town.clock.step(step)
        await town.obey(RemindOfReturns())
        assert set(town.office.exchange.returns) == set(opened), "none is lost"
        due = returning.next_reminder(town.office.exchange)
        assert due is not None, "the others are told in their time"
        assert due > town.now, "and nobody anew before"
    reminded = Counter(
        (one.number, one.stage) for one in town.journal.events if isinstance(one, ReturnReminded)
    )
    assert set(reminded.values()) <= {1}
    assert {number for number, _ in reminded} <= {CALLER}, "only what is due within an hour or two"
    later = max(one.since for one in opened.values()) + 2 * HOUR
    await town.obey(NoteCall("reached", later, numbers[0], "", "101"))
    assert ("101", numbers[0]) not in town.office.exchange.returns
    for one in town.office.exchange.returns.values():
        assert one.due == opened[one.target, one.number].due


@pytest.mark.parametrize("step", STEPS)
async def test_f30_a_notice_that_waits_is_tried_again_within_its_rest(
    town: Town, step: timedelta
) -> None:
    tried = None
    for _ in range(9):
        tried = delivery.tried_again(tried, town.now)
    assert delivery.left_s(tried, town.now) == delivery.RESTS_S[-1]
    assert delivery.left_s(tried, town.now + step) == 0.0
    await town.refer()
    held = town.office.exchange.outbox
    assert held
    for notice in held.values():
        assert not delivery.is_given_up(notice, town.now + step)
        assert not delivery.is_stale(notice, town.now + step)


@pytest.mark.parametrize("step", STEPS)
def test_f30_a_place_in_the_queue_stays_one_among_those_who_wait(step: timedelta) -> None:
    """Who comes after the clock was set back goes before: an order, and never a lost place."""
    first = int(DAY.timestamp())
    second = first + int(step.total_seconds()) + 10
    others = Waiters((LATEST - first, LATEST - second), 60.0)
    told = [waiting(EXCHANGE, "vaxel", str(one), others, 0, DAY) for one in (first, second)]
    assert sorted(one.ahead for one in told if one is not None) == [0, 1]
    for one in told:
        assert one is not None
        assert timedelta(0) < one.expected <= timedelta(minutes=2)


@pytest.mark.parametrize("step", STEPS)
def test_f30_a_shortage_is_never_a_negative_time(step: timedelta) -> None:
    missed = LineShort("vaxel", "unreachable", ("111",), (), DAY)
    staffed = LineStaffed("vaxel", DAY + step + timedelta(minutes=10))
    found = shortages([missed, staffed], DAY - 3 * HOUR, DAY + 3 * HOUR)
    assert sum(one.seconds for one in found) == max(0.0, (staffed.at - DAY).total_seconds())
    short = apply(EXCHANGE, missed)
    measured = [
        one.value
        for one in meters.of_exchange(short, {}, DAY + step)
        if one.name == "line_unattended_seconds"
    ]
    assert min(measured) >= 0.0


@pytest.mark.parametrize("step", STEPS)
async def test_f30_broken_phone_hours_can_be_taken_up_again(town: Town, step: timedelta) -> None:
    emergency = PLAN.organisation.phone_hours.emergencies[0][PLAN.organisation.language]
    until = at("2026-03-03 10:45")
    assert await town.obey(BreakPhoneHours("bygglov", emergency, until, "101")) is Why.COMMAND_DONE
    assert break_of(town.office.exchange, ADVICE, town.now) is not None
    town.clock.step(step)
    over = town.now >= until
    outcome = await town.obey(ResumePhoneHours("bygglov", "101"))
    assert outcome is (Why.COMMAND_REFUSED if over else Why.COMMAND_DONE)
    town.clock.step(-step)
    assert (break_of(town.office.exchange, ADVICE, town.now) is not None) is over
    assert line_open(town.office.exchange, ADVICE, town.now) is not over


@pytest.mark.parametrize("step", STEPS)
def test_f30_who_goes_by_the_time_looks_again_within_a_minute(step: timedelta) -> None:
    assert 0.0 <= waking.rest_s(EXCHANGE, DAY, DAY + step) <= waking.LONGEST_REST_S
