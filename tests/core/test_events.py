"""The journal's entries folded into the live state."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core.plans import DAY, EXCHANGE, PLAN, at
from hypothesis import given
from hypothesis import strategies as st

from pbx_bridge.core.events import (
    BridgeStarted,
    Decided,
    Event,
    LinkLost,
    ReferralCancelled,
    ReferralSet,
    SignedIn,
    SignedOut,
    fold,
    fresh,
    under,
)
from pbx_bridge.core.state import Referral

BACK = at("2026-03-03 14:30")
LUNCH = ReferralSet("105", "lunch", DAY, BACK, "", "105")

extensions = st.sampled_from(["101", "102", "105"])
lines = st.sampled_from(["vaxel", "bygglov"])
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        ReferralSet,
        extensions,
        st.sampled_from(["lunch", "mote"]),
        st.just(DAY),
        st.just(BACK),
        st.text(max_size=3),
        extensions,
    ),
    st.builds(ReferralCancelled, extensions, extensions),
    st.builds(SignedIn, lines, extensions, extensions),
    st.builds(SignedOut, lines, extensions, extensions),
    st.just(Decided("1.1", "018000101", "ring:101", "person-rings")),
)


def test_a_new_exchange_is_attended_as_the_plan_says() -> None:
    exchange = fresh(PLAN)
    assert exchange.signed_in == {name: set(line.signed_in) for name, line in PLAN.lines.items()}
    assert exchange.referrals == {}


def test_a_referral_is_set_replaced_and_cancelled() -> None:
    meeting = ReferralSet("105", "mote", DAY, BACK, "rum 2", "104")
    once = fold(EXCHANGE, [LUNCH])
    assert once.referrals == {"105": (Referral("105", "lunch", DAY, BACK, by="105"),)}
    twice = fold(once, [meeting])
    assert twice.referrals == {"105": (Referral("105", "mote", DAY, BACK, "rum 2", by="104"),)}
    assert fold(twice, [ReferralCancelled("105", DAY, "105")]).referrals == {}


def test_one_person_leaves_the_others_alone() -> None:
    other = ReferralSet("106", "mote", DAY, BACK, "", "106")
    exchange = fold(EXCHANGE, [LUNCH, other, ReferralCancelled("105", DAY, "105")])
    assert set(exchange.referrals) == {"106"}
    signed = fold(EXCHANGE, [SignedIn("bygglov", "102", "102"), SignedOut("vaxel", "111", "104")])
    assert signed.signed_in == {"vaxel": set(), "bygglov": {"101", "102"}, "jour": {"110"}}


def test_what_is_doubled_or_makes_no_sense_changes_nothing() -> None:
    assert fold(EXCHANGE, [SignedIn("vaxel", "111", "111")] * 2) == EXCHANGE
    assert fold(EXCHANGE, [SignedOut("vaxel", "113", "113")] * 2) == EXCHANGE
    assert fold(EXCHANGE, [ReferralCancelled("105", DAY, "105")]) == EXCHANGE


@pytest.mark.parametrize(
    "event",
    [
        Decided("1.1", "018000101", "ring:101", "person-rings"),
        LinkLost("ari", DAY),
        BridgeStarted("abc", "1"),
    ],
)
def test_what_only_happened_changes_nothing(event: Event) -> None:
    assert fold(EXCHANGE, [event]) is EXCHANGE


def test_f36_another_plan_keeps_what_it_knows_and_forgets_the_rest() -> None:
    meeting = ReferralSet("106", "mote", DAY, BACK, "", "106")
    gone = ReferralSet("107", "lunch", DAY, BACK, "", "107")
    exchange = fold(EXCHANGE, [LUNCH, meeting, gone, SignedIn("vaxel", "113", "113")])
    plan = replace(
        PLAN,
        people={who: one for who, one in PLAN.people.items() if who != "107"},
        reasons={digit: one for digit, one in PLAN.reasons.items() if one.name != "mote"},
        lines={
            "vaxel": PLAN.lines["vaxel"],
            "info": replace(PLAN.lines["bygglov"], name="info", signed_in=("102",)),
        },
    )
    after = under(plan, exchange)
    assert after.plan is plan
    assert set(after.referrals) == {"105"}
    assert after.signed_in == {"vaxel": {"111", "113"}, "info": {"102"}}
    assert under(PLAN, exchange) == exchange


@given(st.lists(events, max_size=12), st.lists(events, max_size=12))
def test_the_state_is_the_same_after_a_restart_between(
    before: list[Event], after: list[Event]
) -> None:
    assert fold(fold(EXCHANGE, before), after) == fold(EXCHANGE, [*before, *after])


@given(st.lists(events, max_size=12))
def test_the_state_before_is_left_as_it_was(happened: list[Event]) -> None:
    start = fresh(PLAN)
    fold(start, happened)
    assert start == fresh(PLAN)
