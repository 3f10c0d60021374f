"""The policy, clause by clause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from core.plans import DAY, PLAN
from core.test_report import ICMI, UNTOLD, call
from core.test_returning import ANNA

from pbx_bridge.core.attendance import Missing
from pbx_bridge.core.compliance import CLAUSES, Facts, Row, Status, as_dict, as_text, clauses
from pbx_bridge.core.events import (
    BridgeStarted,
    Event,
    NoticeDelivered,
    NoticeDue,
    PinRefused,
    ReferralCancelled,
    ReferralSet,
    ShieldLifted,
)
from pbx_bridge.core.latency import Outcome
from pbx_bridge.core.ledger import BrokenDay, Short
from pbx_bridge.core.report import summarise
from pbx_bridge.core.returning import Kept
from pbx_bridge.core.state import About, Channel, Notice

HOUR = timedelta(hours=1)
NOTHING = Facts(PLAN, (), summarise([]), (), (), Kept(0, 0, 0, 0, 0, 0), {}, 0)
SICK = next(one.name for one in PLAN.reasons.values() if one.unplanned)
BUSY = next(one.name for one in PLAN.reasons.values() if one.note_required)


def status(facts: Facts) -> dict[str, Status]:
    return {one.clause: one.status for one in clauses(facts)}


def row(facts: Facts, clause: str) -> Row:
    return next(one for one in clauses(facts) if one.clause == clause)


def referral(reason: str, hours: int = 1, note: str = "") -> ReferralSet:
    return ReferralSet(ANNA, reason, DAY, DAY + hours * HOUR, note, ANNA)


def notice(about: About, channel: Channel = Channel.MAIL, to: str = "103") -> NoticeDue:
    return NoticeDue(Notice(f"{about}-{channel}", channel, about, to, ANNA, DAY))


def test_every_clause_has_a_row_and_a_query() -> None:
    assert [one.clause for one in clauses(NOTHING)] == [f"S{number}" for number in range(1, 30)]
    assert all(one.about and one.query for one in clauses(NOTHING))
    assert len(as_dict(clauses(NOTHING))) == len(as_text(clauses(NOTHING)).splitlines()) == 29


def test_where_nothing_happened_nothing_is_said_to_be_met_but_what_always_holds() -> None:
    """Where no exchange ran at all nobody attended anything: that is not even measured."""
    quiet = replace(NOTHING, events=(BridgeStarted("plan", "0.1.0"),))
    for facts, expected in ((NOTHING, ["S13"]), (quiet, ["S3", "S13", "S18", "S19"])):
        met = [clause for clause, one in status(facts).items() if one is Status.MET]
        assert met == expected
        assert Status.NOT_MET not in status(facts).values()


SHORT = Short("vaxel", DAY, DAY + HOUR, "unreachable", ("111",), ())
BROKEN = BrokenDay("bygglov", DAY.date(), HOUR, HOUR / 2, HOUR / 2, ("olycka",), ("101",))
ANSWERED = [call(Outcome.ANSWERED, 3)] * 9


@pytest.mark.parametrize(
    ("facts", "clause", "expected", "figure"),
    [
        (replace(NOTHING, calls=summarise(UNTOLD)), "S1", Status.NOT_MET, 6),
        (replace(NOTHING, calls=summarise(UNTOLD)), "S7", Status.NOT_MET, 5),
        (replace(NOTHING, calls=summarise(ANSWERED)), "S1", Status.MET, 0),
        (replace(NOTHING, calls=summarise(ANSWERED)), "S2", Status.MET, 9),
        (replace(NOTHING, calls=summarise(ICMI)), "S21", Status.MET, 81.1),
        (replace(NOTHING, calls=summarise(UNTOLD)), "S21", Status.NOT_MET, 20),
        (replace(NOTHING, short=(SHORT,)), "S18", Status.NOT_MET, 3600),
        (replace(NOTHING, short=(SHORT,)), "S3", Status.MET, 0),
        (replace(NOTHING, short=(replace(SHORT, cause="away"),)), "S3", Status.NOT_MET, 3600),
        (replace(NOTHING, broken=(BROKEN,)), "S24", Status.NOT_MET, 30),
        (
            replace(NOTHING, broken=(replace(BROKEN, owed=timedelta()),)),
            "S24",
            Status.MET,
            0,
        ),
        (replace(NOTHING, returns=Kept(3, 3, 0, 0, 1, 0)), "S16", Status.MET, 0),
        (replace(NOTHING, returns=Kept(3, 1, 1, 1, 1, 1)), "S16", Status.NOT_MET, 2),
        (replace(NOTHING, returns=Kept(3, 1, 1, 1, 1, 1)), "S23", Status.NOT_MET, 1),
        (replace(NOTHING, minutes={"101": 150.0, "102": 150.5}), "S6", Status.NOT_MET, 1),
        (replace(NOTHING, minutes={"101": 10.0}, abroad=1), "S27", Status.NOT_MET, 1),
        (replace(NOTHING, minutes={"101": 10.0}), "S27", Status.MET, 0),
    ],
)
def test_a_figure_meets_its_clause_or_not(
    facts: Facts, clause: str, expected: Status, figure: float
) -> None:
    found = row(facts, clause)
    assert found.status is expected
    assert found.figure == pytest.approx(figure)


@pytest.mark.parametrize(
    ("events", "clause", "expected"),
    [
        ([referral("lunch")], "S8", Status.MET),
        ([referral("lunch", hours=0)], "S8", Status.NOT_MET),
        ([referral(BUSY, note="på kurs")], "S12", Status.MET),
        ([referral(BUSY)], "S12", Status.NOT_MET),
        ([referral("lunch")], "S12", Status.NOT_MEASURED),
        ([notice(About.GAP, Channel.LIST, ""), referral("lunch")], "S17", Status.NOT_MET),
        ([referral("lunch")], "S17", Status.MET),
        ([ShieldLifted("101", "111")], "S19", Status.NOT_JUDGED),
        ([notice(About.UNPLANNED)], "S20", Status.NOT_MET),
        (
            [
                notice(About.UNPLANNED),
                notice(About.UNPLANNED, Channel.MESSAGE),
                NoticeDelivered(f"{About.UNPLANNED}-{Channel.MAIL}"),
            ],
            "S20",
            Status.MET,
        ),
        ([referral(SICK)], "S20", Status.NOT_MEASURED),
    ],
)
def test_the_journal_meets_a_clause_or_not(
    events: Sequence[Event], clause: str, expected: Status
) -> None:
    assert row(replace(NOTHING, events=events), clause).status is expected


def test_a_clause_with_a_figure_is_never_said_not_to_be_measured() -> None:
    """Each figure that isn't zero, with nothing else beside it."""
    at_once = replace(call(Outcome.ANSWERED, 3), diversions=1)
    events: list[Event] = [
        referral("lunch", hours=0),
        referral(BUSY),
        *(notice(about, Channel.LIST, "") for about in About),
        ShieldLifted("101", "111"),
        ReferralCancelled(ANNA, DAY, ANNA),
        PinRefused(ANNA, "101", DAY),
    ]
    alone = [
        replace(NOTHING, calls=summarise([at_once])),
        replace(NOTHING, calls=summarise(UNTOLD)),
        replace(NOTHING, calls=replace(summarise([call(Outcome.ANSWERED, 3)]), untold=1)),
        replace(NOTHING, short=(replace(SHORT, cause=Missing.NOBODY),)),
        replace(NOTHING, broken=(BROKEN,)),
        replace(NOTHING, returns=Kept(2, 0, 1, 1, 1, 1)),
        replace(NOTHING, minutes={"101": 151.0}),
        replace(NOTHING, abroad=1),
        *(replace(NOTHING, events=[one]) for one in events),
    ]
    rows = [one for facts in alone for one in clauses(facts) if one.figure]
    assert {one.clause for one in rows if one.status is Status.NOT_MEASURED} == set()
    measured = {clause for clause, (_, unit, _) in CLAUSES.items() if unit}
    assert measured - {one.clause for one in rows} == {"S5", "S11", "S13"}, "those without a figure"


def test_s27_a_call_that_was_carried_abroad_breaks_it_whatever_else_was_called() -> None:
    assert row(replace(NOTHING, abroad=1), "S27").status is Status.NOT_MET
    assert row(replace(NOTHING, minutes={"101": 1.0}), "S27").status is Status.MET
    gap = replace(NOTHING, events=[notice(About.GAP, Channel.LIST, "")])
    assert row(gap, "S17").status is Status.NOT_MET


def test_clauses_that_nothing_records_are_never_said_to_be_met() -> None:
    facts = replace(NOTHING, calls=summarise(ANSWERED), events=[referral("lunch")])
    unrecorded = [clause for clause, (_, unit, _) in CLAUSES.items() if not unit]
    assert unrecorded == ["S9", "S10", "S22", "S25", "S28"]
    assert {status(facts)[one] for one in unrecorded} == {Status.NOT_MEASURED}


def test_s13_a_wording_that_tells_health_is_found() -> None:
    digit, sick = next((digit, one) for digit, one in PLAN.reasons.items() if one.private)
    told = dict.fromkeys(sick.public, f"är {sick.name}")
    plan = replace(PLAN, reasons={**PLAN.reasons, digit: replace(sick, public=told)})
    assert row(replace(NOTHING, plan=plan), "S13").status is Status.NOT_MET
