"""S4: the switchboard is told of new staff, new duties and new hours, and from when."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest
from core.plans import DAY, EXCHANGE, PLAN, PROMPTS, at

from pbx_bridge.adapters.journal.codec import decode, encode
from pbx_bridge.core.changes import Change, Kind, changes, summary
from pbx_bridge.core.commands import EXCHANGE as BY_ITSELF
from pbx_bridge.core.commands import Refusal, TakeUpPlan
from pbx_bridge.core.delivery import to_be_heard
from pbx_bridge.core.events import PlanInForce
from pbx_bridge.core.folding import fold, under
from pbx_bridge.core.handling import handle
from pbx_bridge.core.model import Language, Plan, Raised, Season, Span
from pbx_bridge.core.notices import due
from pbx_bridge.core.sentences import Sentence
from pbx_bridge.core.state import Channel, Exchange
from pbx_bridge.core.telling import spoken
from pbx_bridge.core.wording import render

KNOWN = fold(EXCHANGE, [PlanInForce(summary(PLAN), DAY)])
NEW = replace(PLAN.people["105"], extension="114", name="Frida Falk")
MORNINGS = ((Span(time(8), time(10)),),) * 5 + ((),) * 2


def with_schedule(name: str, **values: object) -> Plan:
    schedule = replace(PLAN.schedules[name], **values)  # type: ignore[arg-type]  # fields by name
    return replace(PLAN, schedules={**PLAN.schedules, name: schedule})


def taken_up(plan: Plan, exchange: Exchange = KNOWN) -> Exchange:
    """The state after a plan has come into force, with its notices."""
    before = under(plan, exchange)
    events = handle(TakeUpPlan(), before, DAY)
    assert not isinstance(events, Refusal)
    after = fold(before, events)
    return fold(after, due(events, before, after, DAY))


def told(exchange: Exchange) -> list[str]:
    return [
        render(one, Language.SV, DAY, PROMPTS)
        for notice in to_be_heard(exchange, DAY)
        for one in spoken(notice, exchange)
        if isinstance(one, Sentence)
    ]


def test_s4_the_first_plan_of_all_is_no_change() -> None:
    assert told(taken_up(PLAN, EXCHANGE)) == []
    assert handle(TakeUpPlan(), KNOWN, DAY) == ()


def test_s4_people_who_come_go_or_have_new_duties() -> None:
    moved = replace(PLAN.people["105"], title="ekonomichef")
    people = {who: one for who, one in PLAN.people.items() if who != "109"}
    after = taken_up(replace(PLAN, people={**people, "105": moved, "114": NEW}))
    assert told(after) == [
        "Ändrade uppgifter: Elin Strand, ekonomichef, kommunkansliet.",
        "Ny i katalogen: Frida Falk, ekonom, kommunkansliet.",
        "Borttagen ur katalogen: Ingrid Nyman, socialchef, socialtjänsten.",
    ]
    assert told(taken_up(after.plan, after)) == told(after)  # once


@pytest.mark.parametrize(
    ("plan", "since"),
    [
        (with_schedule("telefontid", week=MORNINGS), at("2026-03-03 08:00")),
        (with_schedule("telefontid", lunch=(Span(time(10), time(11)),)), at("2026-03-03 09:00")),
        (
            with_schedule(
                "telefontid", seasons=(Season("vår", date(2026, 4, 13), None, MORNINGS),)
            ),
            at("2026-04-13 08:00"),
        ),
        (with_schedule("telefontid", days={date(2026, 5, 4): ()}), at("2026-05-04 09:00")),
        (replace(PLAN, holidays={**PLAN.holidays, date(2026, 3, 9): "x"}), at("2026-03-09 09:00")),
    ],
    ids=["week", "lunch", "season ahead", "one day", "closed day"],
)
def test_s4_new_hours_are_told_from_when_they_differ(plan: Plan, since: datetime) -> None:
    found = [one for one in changes(summary(PLAN), plan, DAY) if one.of == "bygglov"]
    assert found == [Change(Kind.HOURS, "bygglov", "", since)]


def test_s4_it_is_spoken_who_answers_now_and_when_hours_begin() -> None:
    line = replace(PLAN.lines["bygglov"], members=("101", "105"))
    plan = with_schedule("telefontid", days={date(2026, 5, 4): ()})
    after = taken_up(replace(plan, lines={**plan.lines, "bygglov": line}))
    assert told(after) == [
        "Bygglovsrådgivningen besvaras nu av Anna Berg, Elin Strand.",
        "Bygglovsrådgivningen får nya tider. De börjar måndagen den fjärde maj klockan nio.",
    ]


def test_s4_a_bridge_that_starts_again_knows_what_was_told() -> None:
    event = PlanInForce(summary(PLAN), DAY)
    kind, body = encode(event)
    assert decode(1, kind, body) == event
    again = fold(EXCHANGE, [event])
    assert handle(TakeUpPlan(by=BY_ITSELF), again, DAY + timedelta(days=1)) == ()


def test_a_notice_of_a_line_that_leaves_the_plan_is_forgotten() -> None:
    line = replace(PLAN.lines["bygglov"], members=("101", "105"))
    after = taken_up(replace(PLAN, lines={**PLAN.lines, "bygglov": line}))
    lines = {name: one for name, one in PLAN.lines.items() if name != "bygglov"}
    assert told(under(replace(PLAN, lines=lines), after)) == []


def test_s5_those_concerned_are_told_of_days_that_need_more_people() -> None:
    raised = Raised("budget", date(2026, 3, 9), date(2026, 3, 13), 2)
    over = Raised("förra", date(2026, 2, 2), date(2026, 2, 6), 2)
    line = replace(PLAN.lines["bygglov"], raised=(raised, over))
    after = taken_up(replace(PLAN, lines={**PLAN.lines, "bygglov": line}))
    said = "behöver minst två personer på plats. Det börjar på måndag och slutar fredagen den"
    assert told(after) == [f"Bygglovsrådgivningen {said} trettonde mars."]
    assert {(one.to, one.channel) for one in after.outbox.values()} == {
        ("", Channel.LIST),
        *((who, channel) for who in ("101", "102") for channel in (Channel.MAIL, Channel.MESSAGE)),
    }
