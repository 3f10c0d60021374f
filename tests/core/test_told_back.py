"""When callers are told that somebody can be reached, against when their phone may be rung (S7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from core.plans import EXCHANGE, PLAN, at, attended, away, sentences, way
from core.plans import spoken as said
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_bridge.core.call import Call
from pbx_bridge.core.mirror import picture
from pbx_bridge.core.reach import may_ring
from pbx_bridge.core.sentences import Sentence
from pbx_bridge.core.state import Exchange, Referral

MINUTE = timedelta(minutes=1)
LOOKED = timedelta(days=4)
TOLD = ("off-duty", "person-absent", "reach-again")
starts = st.sampled_from(
    tuple(
        at(text).astimezone(UTC)
        for text in ("2026-03-03 00:00", "2026-03-06 12:00", "2026-03-28 20:00", "2026-10-24 20:00")
    )
)
"""On a usual day, before a weekend, and before both clock changes."""
shielded = sorted(one.extension for one in PLAN.people.values() if one.shielded)


def local(moment: datetime) -> datetime:
    return moment.astimezone(PLAN.organisation.zone)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Exchange, datetime, str]:
    """Somebody with absences who may be signed in to lines, and a moment."""
    start = draw(starts)
    who = draw(st.sampled_from(shielded))
    now = local(start + draw(st.integers(0, 36 * 60)) * MINUTE)
    referrals = {}
    for _ in range(draw(st.integers(0, 3))):
        since = local(start + draw(st.integers(-300, 60 * 60)) * MINUTE)
        until = local(since.astimezone(UTC) + draw(st.integers(1, 16 * 60)) * MINUTE)
        reason = draw(st.sampled_from(("lunch", "mote", "distans")))
        referrals[since] = Referral(who, reason, since, until)
    held = tuple(referrals[since] for since in sorted(referrals))
    signed_in = {
        name: frozenset(draw(st.sets(st.just(who)))) | EXCHANGE.signed_in.get(name, frozenset())
        for name in PLAN.lines
    }
    return replace(EXCHANGE, referrals={who: held}, signed_in=signed_in), now, who


def promised(exchange: Exchange, now: datetime, who: str) -> Iterator[Sentence]:
    for decision in way(Call(who, "0409999999"), exchange, now):
        for one in sentences(decision):
            if one.key in TOLD and one.slots["name"] == PLAN.people[who].name:
                yield one


@settings(max_examples=300, deadline=None)
@given(worlds())
def test_s7_the_told_moment_is_the_first_at_which_the_phone_may_be_rung(
    world: tuple[Exchange, datetime, str],
) -> None:
    exchange, now, who = world
    person = PLAN.people[who]
    told = list(promised(exchange, now, who))
    assert bool(told) is not may_ring(exchange, person, now)
    for one in told:
        until = one.slots["until"]
        assert isinstance(until, datetime)
        assert may_ring(exchange, person, until)
        moment = now.astimezone(UTC)
        while moment < min(until.astimezone(UTC), now.astimezone(UTC) + LOOKED):
            assert not may_ring(exchange, person, local(moment)), moment
            moment += MINUTE


ON_CALL = away("110", "2026-03-03 18:15", "lunch", exchange=attended("jour", "110"))


@pytest.mark.parametrize(
    ("exchange", "now", "told"),
    [
        (ON_CALL, at("2026-03-03 17:45"), "är på lunch och är åter i dag klockan kvart över sex."),
        (attended("jour", "110"), at("2026-03-04 05:50"), "svarar inte just nu."),
    ],
)
def test_s7_who_is_on_call_is_back_on_the_phone_before_the_office_opens(
    exchange: Exchange, now: datetime, told: str
) -> None:
    name = PLAN.people["110"].name
    heard = " ".join(said(one, now) for one in way(Call("018000110", "0401234567"), exchange, now))
    assert f"{name} {told}" in heard
    assert f"{name} kan nås igen" not in heard


def test_s19_without_a_bridge_who_is_on_call_is_rung_too() -> None:
    now = at("2026-03-03 20:00")
    for people, rung in ((("110",), True), ((), False)):
        values = picture(attended("jour", *people), now).values
        spans = values["pbx-person", "110/spans"]
        assert isinstance(spans, str)
        first = spans.split(":")[0].split("-")
        assert (int(first[0]) <= now.timestamp() < int(first[1])) is rung
