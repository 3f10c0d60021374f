"""The coverage guard, to the second, and against a simulation of every minute."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from core.plans import DAY, EXCHANGE, PLAN, at, attended, away
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_bridge.core import guard, roster
from pbx_bridge.core.absence import absence, working_hours
from pbx_bridge.core.attendance import minimum
from pbx_bridge.core.commands import TECHNICIAN, Refusal, SetReferral
from pbx_bridge.core.events import CoverAnswered, CoverAsked, PhoneHoursBroken, ReferralSet
from pbx_bridge.core.folding import fold, fresh
from pbx_bridge.core.guard import Gap, Of, Sweep
from pbx_bridge.core.handling import handle
from pbx_bridge.core.hours import is_open
from pbx_bridge.core.model import Guard, Raised, Shift, Span
from pbx_bridge.core.referring import gaps as gaps_of
from pbx_bridge.core.state import Consent, Exchange, Referral
from pbx_bridge.core.timetable import line_open

WEEK = (DAY, DAY + timedelta(days=7))
MINUTE = timedelta(minutes=1)


def line_gaps(exchange: Exchange, name: str = "bygglov") -> list[tuple[str, str]]:
    found = guard.gaps(exchange, *WEEK, DAY)
    return [(f"{one.since:%d %H:%M}", f"{one.until:%d %H:%M}") for one in found if one.name == name]


def with_line(name: str, **changes: object) -> Exchange:
    lines = {**PLAN.lines, name: replace(PLAN.lines[name], **changes)}  # type: ignore[arg-type]  # by name
    return replace(EXCHANGE, plan=replace(PLAN, lines=lines))


def test_s18_the_sample_has_no_gaps_of_its_own_in_an_office_week() -> None:
    assert [one for one in guard.gaps(EXCHANGE, *WEEK, DAY) if one.name != "jour"] == []


def test_s18_an_absence_of_the_only_one_leaves_exactly_the_open_hours() -> None:
    assert line_gaps(away("101", "2026-03-04 09:30")) == [
        ("03 10:00", "03 11:00"),
        ("04 09:00", "04 09:30"),
    ]


def test_s18_a_colleague_who_is_there_or_covers_leaves_no_gap() -> None:
    absent = away("101", "2026-03-04 09:30")
    assert line_gaps(attended("bygglov", "101", "102", exchange=absent)) == []
    asked = CoverAsked("bygglov", "101", "102", DAY, at("2026-03-03 10:45"), DAY, "101")
    accepted = CoverAnswered("bygglov", "101", "102", DAY, Consent.ACCEPTED, "102")
    assert line_gaps(fold(absent, [asked])) == line_gaps(absent)
    assert line_gaps(fold(absent, [asked, accepted])) == [
        ("03 10:45", "03 11:00"),
        ("04 09:00", "04 09:30"),
    ]


def test_s24_what_is_broken_needs_nobody_and_what_is_repaid_does() -> None:
    broken = PhoneHoursBroken("bygglov", DAY, at("2026-03-03 10:30"), "en olycka", "101")
    absent = fold(away("101", "2026-03-03 12:00"), [broken])
    assert line_gaps(absent) == [("03 10:30", "03 11:30")]


def test_s5_on_raised_days_more_have_to_be_there() -> None:
    raised = (Raised("budget", date(2026, 3, 5), date(2026, 3, 6), 2),)
    exchange = with_line("bygglov", raised=raised)
    assert line_gaps(exchange) == [("05 09:00", "05 11:00"), ("06 09:00", "06 11:00")]
    two = replace(exchange, signed_in={**exchange.signed_in, "bygglov": frozenset({"101", "102"})})
    assert line_gaps(two) == []


def test_s3_a_roster_says_who_is_there_and_where_nobody_is() -> None:
    mornings = tuple((Span(time(9), time(10)),) for _ in range(7))
    exchange = with_line(
        "bygglov", roster=(Shift("101", mornings), Shift("102", None, date(2026, 3, 5)))
    )
    assert line_gaps(exchange) == [("04 10:00", "04 11:00")]  # today's attendant stays
    assert line_gaps(fold(exchange, [])) == [("04 10:00", "04 11:00")]


def test_s17_a_unit_is_empty_when_all_are_away_and_lunch_is_not_open_time() -> None:
    one = away("106", "2026-03-04 10:00")
    both = away("107", "2026-03-03 13:30", exchange=one)
    assert line_gaps(one, "skola") == []
    assert line_gaps(both, "skola") == [("03 10:00", "03 12:00"), ("03 13:00", "03 13:30")]


def test_f29_a_night_with_a_clock_change_is_swept_by_instants() -> None:
    since, until = at("2027-03-28 00:00"), at("2027-03-29 00:00")
    nobody = attended("jour", exchange=with_line("jour", roster=()))
    [gap] = Sweep(nobody, since, until, DAY).gaps([nobody.plan.lines["jour"]], [])
    assert gap.until - gap.since == timedelta(days=1)  # by the wall clock, 23 hours pass
    assert gap.until.astimezone(UTC) - gap.since.astimezone(UTC) == timedelta(hours=23)


def test_only_what_the_change_makes_is_told() -> None:
    before = away("102", "2026-03-03 12:00", exchange=attended("bygglov"))
    wanted = SetReferral("101", "lunch", at("2026-03-03 10:30"), by="101")
    assert gaps_of(wanted, before, DAY) == ()  # nobody attends it as it is
    [gap] = gaps_of(wanted, EXCHANGE, DAY)
    assert gap == Gap(Of.LINE, "bygglov", DAY, at("2026-03-03 10:30"), 0, 1)


def test_who_could_cover_works_then_is_not_away_and_attends_nothing_else() -> None:
    [gap] = gaps_of(SetReferral("101", "lunch", at("2026-03-03 10:30"), by="101"), EXCHANGE, DAY)
    assert guard.could_cover(EXCHANGE, gap, DAY) == ("102", "110", "120")
    assert guard.could_cover(away("102", "2026-03-03 12:00"), gap, DAY) == ("110", "120")
    elsewhere = attended("vaxel", "111", "113", "102")
    assert "102" in guard.could_cover(elsewhere, gap, DAY)  # no member of the switchboard


def test_who_is_on_duty_there_already_could_not_cover() -> None:
    """Two have to be there: whoever is static or has the shift is counted."""
    static = with_line("bygglov", minimum=2, static=frozenset({"102"}), signed_in=())
    static = attended("bygglov", exchange=static)
    [gap, *_] = [one for one in guard.gaps(static, *WEEK, DAY) if one.name == "bygglov"]
    assert (gap.there, gap.required) == (1, 2)
    assert guard.could_cover(static, gap, DAY) == ("101", "110", "120")
    roster = (Shift("101"),)
    shifts = attended("bygglov", exchange=with_line("bygglov", minimum=2, roster=roster))
    today, gap, *_ = [one for one in guard.gaps(shifts, *WEEK, DAY) if one.name == "bygglov"]
    assert (today.there, gap.there) == (0, 1), "who hasn't signed in is missing today"
    assert guard.could_cover(shifts, gap, DAY) == ("102", "110", "120")


@pytest.mark.parametrize("said", list(Guard))
def test_s17_the_plan_says_what_happens_to_a_gap_of_each_line_and_unit(said: Guard) -> None:
    line = Gap(Of.LINE, "bygglov", *WEEK, 0, 1)
    unit = Gap(Of.UNIT, "skola", *WEEK, 0, 1)
    assert guard.policy(with_line("bygglov", guard=said), line) is said
    units = {**PLAN.units, "skola": replace(PLAN.units["skola"], guard=said)}
    plan = replace(PLAN, units=units)
    assert guard.policy(replace(EXCHANGE, plan=plan), unit) is said
    wanted = SetReferral(
        "106", "semester", at("2026-03-04 16:00"), by="106", since=at("2026-03-04 08:00")
    )
    alone = away("107", "2026-03-06 08:00", exchange=replace(EXCHANGE, plan=plan))
    answer = handle(wanted, alone, DAY)
    assert isinstance(answer, Refusal) is (said is Guard.REFUSE)
    if isinstance(answer, Refusal):
        assert (answer.clause, answer.why) == ("S17", "leaves-too-few")
    ill = replace(wanted, reason="sjuk")
    assert not isinstance(handle(ill, alone, DAY), Refusal)


def test_a_gap_that_becomes_longer_or_emptier_is_told_again() -> None:
    two = attended("bygglov", "101", "102", exchange=with_line("bygglov", minimum=2))
    begun = away("102", "2026-03-03 10:30", exchange=two)
    longer = replace(begun, referrals={"102": (replace(begun.referrals["102"][0], until=WEEK[1]),)})
    first, *_ = guard.opened(begun, longer, "102", DAY, WEEK[1], DAY)
    assert (first.since, first.until) == (DAY, at("2026-03-03 11:00"))
    emptier = away("101", "2026-03-03 10:20", exchange=begun)
    [found] = guard.opened(begun, emptier, "101", DAY, at("2026-03-03 10:20"), DAY)
    assert (found.there, found.required) == (0, 2)
    assert guard.opened(emptier, emptier, "101", DAY, WEEK[1], DAY) == ()


def test_s18_the_last_one_may_not_go_where_the_line_is_empty_for_a_while_already() -> None:
    """Two have to be there, one is, and a quarter of the day nobody: all day is worse."""
    line = replace(PLAN.lines["vaxel"], minimum=2, static=frozenset({"111", "113"}))
    plan = replace(PLAN, lines={**PLAN.lines, "vaxel": line})

    def meeting(who: str, since: str, until: str) -> Referral:
        return Referral(who, "mote", at(f"2026-03-03 {since}"), at(f"2026-03-03 {until}"))

    held = {
        "113": (meeting("113", "08:00", "15:30"),),
        "111": (meeting("111", "08:30", "08:45"),),
    }
    exchange = replace(fresh(plan), referrals=held)
    wanted = SetReferral(
        "111", "mote", at("2026-03-03 15:30"), TECHNICIAN, since=at("2026-03-03 08:31")
    )
    answer = handle(wanted, exchange, at("2026-03-02 10:00"))
    assert isinstance(answer, Refusal)
    assert (answer.clause, answer.why) == ("S18", "leaves-too-few")
    within = replace(wanted, until=at("2026-03-03 08:44"))
    assert not isinstance(handle(within, exchange, at("2026-03-02 10:00")), Refusal)


def simulated(exchange: Exchange, since: datetime, until: datetime) -> dict[str, set[datetime]]:
    """The minutes in which a line or unit has too few, by looking at every one of them."""
    plan = exchange.plan
    found: dict[str, set[datetime]] = {}
    moment = since
    while moment < until:
        now = moment.astimezone(plan.organisation.zone)
        for line in plan.lines.values():
            if line.attended and line_open(exchange, line, now):
                there = set(line.static)
                signed_in = exchange.signed_in.get(line.name, frozenset()) & set(line.members)
                there |= set(roster.on_shift(line, plan, now)) if line.roster else signed_in
                able = [one for one in there if absence(exchange, one, now) is None]
                if len(able) < minimum(line.minimum, line.raised, plan, now):
                    found.setdefault(line.name, set()).add(moment)
        for unit in plan.units.values():
            if not is_open(plan.schedules[unit.hours], plan, now):
                continue
            working = [
                one.extension
                for one in plan.people.values()
                if one.unit == unit.name
                and not one.always_answers
                and is_open(working_hours(one, plan), plan, now)
                and absence(exchange, one.extension, now) is None
            ]
            if len(working) < minimum(unit.minimum, unit.raised, plan, now):
                found.setdefault(unit.name, set()).add(moment)
        moment += MINUTE
    return found


people = st.sampled_from(sorted(PLAN.people))
instants = st.integers(0, 2 * 24 * 60).map(lambda minutes: DAY + minutes * MINUTE)


@st.composite
def states(draw: st.DrawFn) -> Exchange:
    """The sample with other sign-ins, minimums, rosters and absences."""
    lines = dict(PLAN.lines)
    for name in ("vaxel", "bygglov"):
        hours = draw(st.integers(8, 14))
        shift = Shift(lines[name].members[0], ((Span(time(hours), time(hours + 2)),),) * 7)
        raised = Raised("x", date(2026, 3, 4), date(2026, 3, 4), 2)
        lines[name] = replace(
            lines[name],
            minimum=draw(st.integers(1, 2)),
            roster=(shift,) if draw(st.booleans()) else (),
            raised=(raised,) if draw(st.booleans()) else (),
        )
    signed_in = {
        name: frozenset(draw(st.sets(st.sampled_from(line.members))))
        for name, line in lines.items()
    }
    referrals: dict[str, tuple[Referral, ...]] = {}
    for who in draw(st.sets(people, max_size=6)):
        first, last = sorted((draw(instants), draw(instants)))
        if first < last:
            referrals[who] = (Referral(who, "lunch", first, last),)
    return Exchange(replace(PLAN, lines=lines), referrals, signed_in)


@given(states())
@settings(max_examples=15, deadline=None)
def test_s17_the_sweep_finds_what_a_look_at_every_minute_finds(exchange: Exchange) -> None:
    """Beginning at night: whoever attends a rostered line then would stay until it closes."""
    since, until = at("2026-03-03 17:00").astimezone(UTC), at("2026-03-05 00:00").astimezone(UTC)
    exchange = replace(exchange, signed_in={**exchange.signed_in, "jour": frozenset({"110"})})
    swept: dict[str, set[datetime]] = {}
    for gap in guard.gaps(exchange, since, until, since):
        moment = gap.since.astimezone(UTC)
        while moment < gap.until.astimezone(UTC):
            swept.setdefault(gap.name, set()).add(moment)
            moment += MINUTE
    expected = simulated(exchange, since, until)
    swept.pop("jour", None)
    expected.pop("jour", None)
    assert swept == expected


@pytest.mark.parametrize("reason", ["distans"])
def test_s11_remote_work_is_no_absence_to_the_guard(reason: str) -> None:
    remote = ReferralSet("101", reason, DAY, at("2026-03-06 16:00"), "", "101", at=DAY)
    assert line_gaps(fold(EXCHANGE, [remote])) == []
