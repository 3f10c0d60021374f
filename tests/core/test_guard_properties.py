"""The guard against a look at every ten minutes, in arbitrary small plans and states."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from core.plans import PLAN, at
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_bridge.core import guard, roster
from pbx_bridge.core.absence import absence, working_hours
from pbx_bridge.core.attendance import minimum
from pbx_bridge.core.events import CoverAnswered, CoverAsked, PhoneHoursBroken
from pbx_bridge.core.folding import fold
from pbx_bridge.core.guard import Gap, Of, Sweep
from pbx_bridge.core.hours import is_open, openings
from pbx_bridge.core.model import Line, Raised, Schedule, Shift, Span, Unit
from pbx_bridge.core.state import Consent, Cover, Exchange, Referral
from pbx_bridge.core.timetable import line_open, opening_of

STEP = timedelta(minutes=10)
LENGTH = timedelta(hours=54)
STARTS = tuple(
    at(text)
    for text in (
        *("2026-03-28 06:00", "2026-03-27 22:40", "2026-10-24 06:00", "2026-10-24 20:10"),
        *("2026-03-03 00:00", "2026-03-03 10:20", "2026-12-30 12:00"),
    )
)
"""Before both clock changes, on usual days, and over a new year."""
MEMBERS = ("101", "102", "103")
PUPILS = ("106", "107")

every = settings(max_examples=60, deadline=None)
clocks = st.integers(0, 24 * 6 - 1).map(lambda count: time(count // 6, count % 6 * 10))


@st.composite
def day_spans(draw: st.DrawFn) -> tuple[Span, ...]:
    """Up to two stretches of a day, the last of which may go over midnight, or all of it."""
    kind = draw(st.integers(0, 4))
    if kind == 0:
        return draw(st.sampled_from([(), (Span(time(0), time(0)),)]))
    edges = sorted(draw(st.sets(clocks, min_size=4, max_size=4)))
    first = Span(edges[0], edges[1])
    if kind == 1:
        return (first,)
    return first, Span(edges[2], edges[3] if kind == 2 else edges[0])


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    usual, other = draw(day_spans()), draw(day_spans())
    week = tuple(draw(st.sampled_from([usual, usual, other])) for _ in range(7))
    lunch = draw(st.sampled_from([(), (), (Span(time(12), time(12, 50)),)]))
    return Schedule("x", week, on_holidays=True, lunch=lunch)


class World:
    """A state, and the moment at which it is known."""

    def __init__(self, exchange: Exchange, now: datetime) -> None:
        self.exchange = exchange
        self.now = now

    def __repr__(self) -> str:
        """What was drawn, and not the whole plan."""
        exchange, plan = self.exchange, self.exchange.plan
        drawn = [plan.schedules[name] for name in ("line", "unit", "work")]
        parts = (plan.lines["vaxel"], plan.units["skola"], *drawn)
        state = (exchange.referrals, exchange.signed_in, exchange.covers, exchange.breaks)
        return f"World({self.now}, {parts}, {state})"


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A line and a unit with everything that the guard knows of, and a moment."""
    now = draw(st.sampled_from(STARTS))
    day = now.date()
    days = st.integers(-1, 3).map(lambda count: day + timedelta(days=count))
    instants = st.integers(-6, 60 * 6).map(lambda count: _later(now, count))
    shifts = st.builds(
        Shift,
        st.sampled_from(MEMBERS),
        st.one_of(st.none(), st.lists(day_spans(), min_size=7, max_size=7).map(tuple)),
        st.one_of(st.none(), days),
        st.one_of(st.none(), days),
        st.integers(1, 2),
    )
    raised = st.lists(st.builds(Raised, st.just("x"), days, days, st.integers(1, 3)), max_size=2)
    line = replace(
        PLAN.lines["vaxel"],
        hours="line",
        members=MEMBERS,
        static=draw(st.frozensets(st.sampled_from(MEMBERS), max_size=1)),
        roster=tuple(draw(st.lists(shifts, max_size=2))),
        minimum=draw(st.integers(1, 2)),
        raised=tuple(draw(raised)),
    )
    unit = Unit(
        "skola",
        PLAN.units["skola"].title,
        "unit",
        minimum=draw(st.integers(1, 2)),
        raised=tuple(draw(raised)),
    )
    people = {
        who: replace(one, hours="work" if one.unit == "skola" else one.hours)
        for who, one in PLAN.people.items()
    }
    people["120"] = replace(people["120"], unit="skola", hours="work")
    plan = replace(
        PLAN,
        people=people,
        lines={**PLAN.lines, "vaxel": line},
        units={**PLAN.units, "skola": unit},
        schedules={
            **PLAN.schedules,
            **{name: replace(draw(schedules()), name=name) for name in ("line", "unit", "work")},
        },
    )
    referrals: dict[str, tuple[Referral, ...]] = {}
    for who in draw(st.sets(st.sampled_from([*MEMBERS, *PUPILS, "104"]), max_size=4)):
        stretches = draw(st.lists(st.tuples(instants, instants), max_size=2))
        reason = draw(st.sampled_from(["lunch", "semester", "distans"]))
        held = {
            first: Referral(who, reason, first, last) for first, last in stretches if first < last
        }
        if held:
            referrals[who] = tuple(held[first] for first in sorted(held))
    covers = tuple(
        Cover("vaxel", "101", to, first, last, now, consent)
        for to, first, last, consent in draw(
            st.lists(
                st.tuples(
                    st.sampled_from([*MEMBERS, "104"]),
                    instants,
                    instants,
                    st.sampled_from([*Consent, Consent.ACCEPTED]),
                ),
                max_size=2,
            )
        )
        if first < last
    )
    exchange = Exchange(
        plan,
        referrals,
        {"vaxel": draw(st.frozensets(st.sampled_from([*MEMBERS, "105"]), max_size=2))},
        covers={"vaxel": covers},
    )
    opening = next(openings(plan.schedules["line"], plan, now), None)
    if opening is not None and draw(st.booleans()):
        until = _later(opening.start, 3)
        if until < opening.end and until.date() == opening.start.date():
            broken = PhoneHoursBroken("vaxel", opening.start, until, "en olycka", "101")
            exchange = fold(exchange, [broken])
    return World(exchange, now)


def _later(moment: datetime, steps: int) -> datetime:
    """So many steps later by the clock that never changes."""
    return datetime.fromtimestamp(moment.timestamp() + steps * 600, PLAN.organisation.zone)


@dataclass(frozen=True)
class Look:
    """How many are there and have to be, at one moment; nobody has to while it is closed."""

    there: int
    required: int


def line_at(exchange: Exchange, line: Line, moment: datetime, now: datetime) -> Look:
    plan = exchange.plan
    if not line_open(exchange, line, moment):
        return Look(0, 0)
    there = set(line.static)
    signed_in = exchange.signed_in["vaxel"] & set(line.members)
    if line.roster:
        there |= set(roster.on_shift(line, plan, moment))
        present = opening_of(exchange, line, now)
        if present is not None and moment.timestamp() < present.end.timestamp():
            there |= signed_in
    else:
        there |= signed_in
    there |= {
        one.to
        for one in exchange.covers.get("vaxel", ())
        if one.consent is Consent.ACCEPTED
        and one.since.timestamp() <= moment.timestamp() < one.until.timestamp()
    }
    able = [one for one in there if absence(exchange, one, moment) is None]
    return Look(len(able), minimum(line.minimum, line.raised, plan, moment))


def unit_at(exchange: Exchange, unit: Unit, moment: datetime) -> Look:
    plan = exchange.plan
    if not is_open(plan.schedules[unit.hours], plan, moment):
        return Look(0, 0)
    working = [
        who
        for who in PUPILS
        if is_open(working_hours(plan.people[who], plan), plan, moment)
        and absence(exchange, who, moment) is None
    ]
    return Look(len(working), minimum(unit.minimum, unit.raised, plan, moment))


def looked(exchange: Exchange, now: datetime) -> list[Gap]:
    """The gaps, by a look at every moment."""
    plan = exchange.plan
    line, unit = plan.lines["vaxel"], plan.units["skola"]
    found: list[Gap] = []
    for of, name in ((Of.LINE, "vaxel"), (Of.UNIT, "skola")):
        held: list[tuple[datetime, Look]] = []
        for count in range(int(LENGTH / STEP) + 1):
            moment = _later(now, count)
            inside = count < int(LENGTH / STEP)
            look = Look(0, 0)
            if inside and of is Of.LINE:
                look = line_at(exchange, line, moment, now)
            elif inside:
                look = unit_at(exchange, unit, moment)
            if look.there < look.required:
                held.append((moment, look))
            elif held:
                fewest = min(one.there for _, one in held)
                most = max(one.required for _, one in held)
                found.append(Gap(of, name, held[0][0], moment, fewest, most))
                held = []
    return found


def swept(exchange: Exchange, now: datetime) -> list[Gap]:
    plan = exchange.plan
    sweep = Sweep(exchange, now, _later(now, int(LENGTH / STEP)), now)
    return list(sweep.gaps([plan.lines["vaxel"]], [plan.units["skola"]]))


@every
@given(worlds())
def test_s17_the_sweep_finds_what_a_look_at_every_moment_finds(world: World) -> None:
    exchange, now = world.exchange, world.now
    assert [_plain(one) for one in swept(exchange, now)] == [
        _plain(one) for one in looked(exchange, now)
    ]


def _plain(gap: Gap) -> tuple[str, str, float, float, int, int]:
    return (
        *(gap.of, gap.name, gap.since.timestamp(), gap.until.timestamp()),
        *(gap.there, gap.required),
    )


@every
@given(worlds(), st.sampled_from([*MEMBERS, *PUPILS]), st.integers(0, 200), st.integers(1, 100))
def test_s17_a_change_opens_the_gaps_that_were_not_there_and_no_others(
    world: World, who: str, begins: int, lasts: int
) -> None:
    before, now = world.exchange, world.now
    since, until = _later(now, begins), _later(now, begins + lasts)
    more = Referral(who, "lunch", since, until)
    held = tuple(one for one in before.referrals.get(who, ()) if one.since != since)
    after = replace(before, referrals={**before.referrals, who: (*held, more)})
    found = guard.opened(before, after, who, since, until, now)
    lines, units = [after.plan.lines["vaxel"]], [after.plan.units["skola"]]
    short_before = Sweep(before, since, until, now).gaps(lines, units)
    short_after = Sweep(after, since, until, now).gaps(lines, units)
    ours = [one for one in found if one.name in ("vaxel", "skola")]
    assert set(ours) <= set(short_after)
    mine = {"vaxel"} if who in MEMBERS else {"skola"}
    for gap in short_after:
        if gap.name not in mine:
            assert gap in short_before
            continue
        new = _steps_of(gap) - {step for one in short_before for step in _steps_of(one)}
        assert not new or gap in ours, "what is short only now is told"
        assert gap not in ours or gap not in short_before, "what was so before is not"


def _steps_of(gap: Gap) -> set[tuple[str, float]]:
    first, last = int(gap.since.timestamp()), int(gap.until.timestamp())
    return {(gap.name, second) for second in range(first, last, 600)}


@every
@given(worlds())
def test_s17_whoever_could_cover_a_gap_would_make_it_smaller(world: World) -> None:
    exchange, now = world.exchange, world.now
    for gap in swept(exchange, now):
        able = guard.could_cover(exchange, gap, now)
        if gap.of is Of.UNIT:
            assert able == ()
            continue
        for who in able:
            asked = CoverAsked("vaxel", "101", who, gap.since, gap.until, now, "101")
            said = CoverAnswered("vaxel", "101", who, gap.since, Consent.ACCEPTED, who)
            covered = fold(exchange, [asked, said])
            assert _missing(covered, gap, now) < _missing(exchange, gap, now), who


def _missing(exchange: Exchange, gap: Gap, now: datetime) -> int:
    """How many are missing at the moments of a gap, all in all."""
    line = exchange.plan.lines["vaxel"]
    count = int((gap.until.timestamp() - gap.since.timestamp()) / STEP.total_seconds())
    looks = [line_at(exchange, line, _later(gap.since, one), now) for one in range(count)]
    return sum(max(0, one.required - one.there) for one in looks)
