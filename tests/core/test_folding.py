"""The journal's entries folded into the live state."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from contracts.test_journal_contract import EVERY_KIND
from core.plans import DAY, EXCHANGE, PLAN, at
from hypothesis import given
from hypothesis import strategies as st

from pbx_bridge.core.events import (
    BridgeStarted,
    CoverAnswered,
    CoverAsked,
    Decided,
    Event,
    LineShort,
    LineStaffed,
    LinkLost,
    MessageLeft,
    PhoneFound,
    PhoneLost,
    ReferralCancelled,
    ReferralSet,
    SignedIn,
    SignedOut,
)
from pbx_bridge.core.folding import NEUTRAL, fold, fresh, under
from pbx_bridge.core.state import Consent, Cover, Exchange, Loss, Lost, Referral, Shortage

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
    st.builds(PhoneLost, extensions, st.sampled_from(Lost), st.just(DAY)),
    st.builds(PhoneFound, extensions, st.just(DAY)),
    st.builds(
        LineShort,
        lines,
        st.sampled_from(["unreachable", "nobody"]),
        st.just(("111",)),
        st.just(("104",)),
        st.sampled_from([DAY, BACK]),
    ),
    st.builds(
        MessageLeft,
        *(st.just("101"), st.sampled_from(["1-1", "1-2"]), st.just(""), st.integers(2, 300)),
        *(st.sampled_from([DAY, BACK, DAY + timedelta(days=8)]), st.just("")),
    ),
    st.builds(LineStaffed, lines, st.just(BACK)),
    st.builds(
        CoverAsked,
        *(lines, extensions, extensions, st.sampled_from([DAY, BACK])),
        *(st.just(BACK), st.just(DAY), extensions),
    ),
    st.builds(
        CoverAnswered,
        *(lines, extensions, extensions, st.sampled_from([DAY, BACK])),
        *(st.sampled_from(Consent), extensions),
    ),
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


def test_f26_a_loss_lasts_until_the_phone_is_found() -> None:
    silent = PhoneLost("111", Lost.NO_ANSWER, DAY)
    unplugged = PhoneLost("111", Lost.UNREACHABLE, BACK)
    lost = fold(EXCHANGE, [silent, unplugged, PhoneLost("104", Lost.UNREACHABLE, BACK)])
    assert lost.losses["111"] == Loss(Lost.UNREACHABLE, BACK)
    assert set(fold(lost, [PhoneFound("111", BACK)]).losses) == {"104"}
    assert fold(EXCHANGE, [PhoneFound("111", BACK)]) == EXCHANGE


def test_s18_an_alarm_that_is_renewed_began_when_it_was_raised() -> None:
    """So that the seconds with too few are counted from the first one on."""
    raised = LineShort("vaxel", "unreachable", ("111",), ("104",), DAY)
    renewed = LineShort("vaxel", "away", ("111", "113"), (), BACK)
    exchange = fold(EXCHANGE, [raised])
    assert exchange.shortages == {"vaxel": Shortage("vaxel", DAY, "unreachable", ("111",))}
    exchange = fold(exchange, [renewed])
    assert exchange.shortages == {"vaxel": Shortage("vaxel", DAY, "away", ("111", "113"))}
    assert fold(exchange, [LineStaffed("vaxel", BACK)]).shortages == {}


def asked(to: str, days: int = 0) -> CoverAsked:
    day = timedelta(days=days)
    return CoverAsked("vaxel", "111", to, DAY + day, BACK + day, DAY + day, "111")


def test_s17_an_answer_is_that_of_the_one_cover_it_is_for() -> None:
    both = fold(EXCHANGE, [asked("113"), asked("104")])
    answered = CoverAnswered("vaxel", "111", "104", DAY, Consent.ACCEPTED, "104")
    first, second = fold(both, [answered]).covers["vaxel"]
    assert first == Cover("vaxel", "111", "113", DAY, BACK, DAY)
    assert second == Cover("vaxel", "111", "104", DAY, BACK, DAY, Consent.ACCEPTED)
    for other in (
        replace(answered, since=BACK),
        replace(answered, person="105"),
        replace(answered, line="bygglov"),
        replace(answered, to="105"),
    ):
        assert fold(both, [other]).covers == both.covers


def test_covers_that_are_over_are_forgotten_a_day_later_by_the_next_one() -> None:
    held = fold(EXCHANGE, [asked("113"), asked("113", days=1), asked("113", days=3)])
    assert [one.since.day for one in held.covers["vaxel"]] == [DAY.day + 3]
    held = fold(EXCHANGE, [asked("113"), asked("113", days=1)])
    assert [one.since.day for one in held.covers["vaxel"]] == [DAY.day, DAY.day + 1]


def test_f36_losses_alarms_and_covers_go_with_people_and_lines() -> None:
    happened: list[Event] = [
        PhoneLost("111", Lost.UNREACHABLE, DAY),
        PhoneLost("113", Lost.UNREACHABLE, DAY),
        LineShort("vaxel", "unreachable", ("111",), ("104",), DAY),
        LineShort("jour", "nobody", (), (), DAY),
        asked("113"),
        asked("104"),
        CoverAsked("jour", "110", "102", DAY, BACK, DAY, "110"),
    ]
    exchange = fold(EXCHANGE, happened)
    plan = replace(
        PLAN,
        people={who: one for who, one in PLAN.people.items() if who != "113"},
        lines={name: line for name, line in PLAN.lines.items() if name != "jour"},
    )
    after: Exchange = under(plan, exchange)
    assert set(after.losses) == {"111"}
    assert set(after.shortages) == {"vaxel"}
    assert {name: [one.to for one in held] for name, held in after.covers.items()} == {
        "vaxel": ["104"]
    }
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


def test_neutral_kinds_change_nothing_in_any_state() -> None:
    """What is passed over when the journal is folded would have changed nothing."""
    neutral = [one for one in EVERY_KIND if isinstance(one, NEUTRAL)]
    assert {type(one) for one in neutral} == set(NEUTRAL)
    for event in neutral:
        assert fold(EXCHANGE, [event]) == EXCHANGE
