"""The guard against a look at every ten minutes, in arbitrary small plans and states, and against
the alarm."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from core.plans import PLAN, at
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_bridge.core import guard, roster
from pbx_bridge.core.absence import absence, working_hours
from pbx_bridge.core.attendance import (
    attendants,
    is_short,
    minimum,
    ready,
    required,
    staffing,
)
from pbx_bridge.core.commands import Refusal, SetReferral, SignOut
from pbx_bridge.core.events import CoverAnswered, CoverAsked, PhoneHoursBroken
from pbx_bridge.core.folding import fold
from pbx_bridge.core.guard import MISSING, Gap, Of, Sweep
from pbx_bridge.core.handling import handle
from pbx_bridge.core.hours import is_open, openings
from pbx_bridge.core.model import Line, Raised, Schedule, Shift, Span, Unit
from pbx_bridge.core.state import Consent, Cover, Exchange, Loss, Lost, Referral
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
        drawn = [
            plan.schedules[name] for name in ("line", "unit", "work") if name in plan.schedules
        ]
        parts = (plan.lines["vaxel"], plan.units["skola"], *drawn)
        state = (exchange.referrals, exchange.signed_in, exchange.covers, exchange.breaks)
        return f"World({self.now}, {parts}, {state}, {exchange.losses})"


@st.composite
def crowded(draw: st.DrawFn, minimum: int) -> World:
    """A line that is always open, with some who always attend it and some who are signed in; all
    have absences, and some no phone."""
    now = draw(st.sampled_from(STARTS))
    always = Schedule("line", ((Span(time(0), time(0)),),) * 7, on_holidays=True)
    line = replace(
        PLAN.lines["vaxel"],
        hours="line",
        members=MEMBERS,
        static=frozenset(MEMBERS[: draw(st.integers(0, 2))]),
        minimum=minimum,
    )
    plan = replace(
        PLAN,
        lines={**PLAN.lines, "vaxel": line},
        schedules={**PLAN.schedules, "line": always},
    )
    edges = st.tuples(st.integers(1, 20), st.integers(1, 20))
    referrals = {}
    for who in MEMBERS:
        stretches = {one: one + more for one, more in draw(st.lists(edges, max_size=2))}
        referrals[who] = tuple(
            Referral(who, "lunch", _later(now, first), _later(now, last))
            for first, last in sorted(stretches.items())
        )
    lost = draw(st.permutations(MEMBERS))[: draw(st.integers(0, 2))]
    losses = {who: Loss(Lost.UNREACHABLE, now) for who in sorted(lost)}
    signed_in = {"vaxel": frozenset(draw(st.permutations(MEMBERS))[: draw(st.integers(1, 3))])}
    return World(Exchange(plan, referrals, signed_in, losses=losses), now)


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
        losses={
            who: Loss(draw(st.sampled_from(Lost)), now)
            for who in sorted(draw(st.sets(st.sampled_from([*MEMBERS, "104"]), max_size=2)))
        },
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
    present = opening_of(exchange, line, now)
    is_present = present is not None and moment.timestamp() < present.end.timestamp()
    is_soon = is_present and moment.timestamp() < now.timestamp() + MISSING.total_seconds()
    if line.roster:
        shift = set(roster.on_shift(line, plan, moment))
        if is_soon:
            shift -= set(roster.on_shift(line, plan, now)) - signed_in - line.static
        there |= shift | (signed_in if is_present else set())
    else:
        there |= signed_in
    there |= {
        one.to
        for one in exchange.covers.get("vaxel", ())
        if one.consent is Consent.ACCEPTED
        and one.to in (*line.members, *line.backups)
        and one.since.timestamp() <= moment.timestamp() < one.until.timestamp()
    }
    if is_soon:
        there -= exchange.losses.keys()
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


@settings(max_examples=300, deadline=None)
@given(
    worlds() | crowded(2),
    st.sampled_from([*MEMBERS, *PUPILS]),
    st.integers(0, 20) | st.integers(0, 200),
    st.integers(1, 40) | st.integers(1, 100),
)
def test_s17_a_change_is_told_of_where_at_some_moment_more_are_missing_than_before(
    world: World, who: str, begins: int, lasts: int
) -> None:
    """Also where too few were there already, or nobody in a part of it."""
    held = world.exchange.referrals.get(who, ())
    since, until = _later(world.now, begins), _later(world.now, begins + lasts)
    others = tuple(one for one in held if one.since != since)
    referrals = {**world.exchange.referrals, who: (*others, Referral(who, "lunch", since, until))}
    found = guard.opened(
        replace(world.exchange, referrals={**world.exchange.referrals, who: others}),
        replace(world.exchange, referrals=referrals),
        *(who, since, until, world.now),
    )
    before, after = (
        replace(
            world.exchange,
            referrals={**world.exchange.referrals, who: absences},
            losses={one: loss for one, loss in world.exchange.losses.items() if one != who},
        )
        for absences in (others, referrals[who])
    )
    short = swept(after, world.now)
    for name in ("vaxel", "skola"):
        told = [one for one in found if one.name == name]
        moments = [_later(world.now, count) for count in range(begins, begins + lasts)]
        moments = [one for one in moments if one.timestamp() < _end(world.now)]
        worse = {
            one.timestamp()
            for one in moments
            if _missed(after, name, one, world.now) > _missed(before, name, one, world.now)
        }
        covered = {
            one.timestamp()
            for one in moments
            if any(gap.since.timestamp() <= one.timestamp() < gap.until.timestamp() for gap in told)
        }
        assert worse <= covered, "what becomes worse is told"
        for gap in told:
            if gap.until.timestamp() > _end(world.now):
                continue
            first, last = gap.since.timestamp(), gap.until.timestamp()
            assert any(first <= one < last for one in worse), "and nothing else"
            assert any(
                one.name == name
                and one.since.timestamp() <= first
                and last <= one.until.timestamp()
                for one in short
            )


def _end(now: datetime) -> float:
    return now.timestamp() + LENGTH.total_seconds()


def _missed(exchange: Exchange, name: str, moment: datetime, now: datetime) -> int:
    """How many are missing in the line or the unit at a moment."""
    plan = exchange.plan
    if name in plan.lines:
        look = line_at(exchange, plan.lines[name], moment, now)
    else:
        look = unit_at(exchange, plan.units[name], moment)
    return max(0, look.required - look.there)


@every
@given(worlds())
def test_s18_at_this_moment_the_guard_counts_whom_the_alarm_counts(world: World) -> None:
    exchange, now = world.exchange, world.now
    line = exchange.plan.lines["vaxel"]
    if not line_open(exchange, line, now):
        return
    presence = Sweep(exchange, now, _later(now, 1), now).presence(line)
    second = int(now.timestamp())
    there = {who for who, spans in presence.items() if any(a <= second < b for a, b in spans)}
    assert there == set(ready(exchange, line, now))
    assert there == set(staffing(exchange, line, now).ready)


@settings(max_examples=200, deadline=None)
@given(crowded(1) | crowded(2) | worlds(), st.sampled_from(MEMBERS), st.booleans())
def test_s18_who_is_let_go_leaves_enough_and_who_is_refused_would_raise_the_alarm(
    world: World, who: str, by_code: bool
) -> None:
    """Both by signing out and by an absence, whoever's phone is lost."""
    exchange, now = world.exchange, world.now
    line = exchange.plan.lines["vaxel"]
    until = _later(now, 2)
    wanted: SetReferral | SignOut = SetReferral(who, "lunch", until, by=who)
    if by_code:
        wanted = SignOut("vaxel", who, by=who)
    if absence(exchange, who, now) is not None or not line_open(exchange, line, now):
        return
    attended = who in attendants(exchange, line, now)
    answer = handle(wanted, exchange, now)
    others = [one for one in ready(exchange, line, now) if one != who]
    too_few = len(others) < required(line, exchange.plan, now)
    if not isinstance(answer, Refusal):
        after = fold(exchange, answer)
        assert set(others) <= set(ready(after, line, now))
        assert not (attended and too_few and who not in attendants(after, line, now))
    elif answer.why == "last-attendant":
        assert attended
        assert too_few
        gone = replace(
            exchange, referrals={**exchange.referrals, who: (Referral(who, "lunch", now, until),)}
        )
        assert is_short(gone, line, now), "the alarm agrees"


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
