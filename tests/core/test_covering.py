"""Colleagues who cover so that somebody can leave a line (S17, S18, F25)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from core.plans import DAY, EXCHANGE, PLAN, PROMPTS, at, attended, away

from pbx_bridge.core.attendance import attendants
from pbx_bridge.core.commands import (
    EXCHANGE as BY_ITSELF,
)
from pbx_bridge.core.commands import (
    TECHNICIAN,
    AnswerCover,
    AskCover,
    Command,
    LapseCover,
    Refusal,
    SetReferral,
    SignOut,
)
from pbx_bridge.core.events import CoverAsked, Event, ReferralSet
from pbx_bridge.core.folding import fold
from pbx_bridge.core.handling import handle
from pbx_bridge.core.model import Language
from pbx_bridge.core.state import Consent, Exchange, Loss, Lost
from pbx_bridge.core.wording import render

LEAVES = SignOut("vaxel", "111", by="111")
LUNCH = SetReferral("111", "lunch", at("2026-03-03 12:00"), by="111")
TOMORROW = SetReferral(
    "111", "ledig", at("2026-03-04 16:00"), by="111", since=at("2026-03-04 08:00")
)


def after(command: Command, exchange: Exchange, now: datetime = DAY) -> Exchange:
    events = handle(command, exchange, now)
    assert not isinstance(events, Refusal), events
    return fold(exchange, events)


def refuses(command: Command, exchange: Exchange = EXCHANGE) -> str:
    answer = handle(command, exchange, DAY)
    assert isinstance(answer, Refusal)
    return answer.why


def attending(exchange: Exchange, now: datetime = DAY) -> tuple[str, ...]:
    return attendants(exchange, exchange.plan.lines["vaxel"], now)


DEAD = replace(
    attended("vaxel", "111", "113"),
    losses={"113": Loss(Lost.UNREACHABLE, DAY - timedelta(hours=1))},
)
"""Two attend, one of them by name only."""


@pytest.mark.parametrize("wanted", [LEAVES, LUNCH])
def test_s18_the_last_one_with_a_living_phone_hears_whose_is_dead(
    wanted: SignOut | SetReferral,
) -> None:
    answer = handle(wanted, DEAD, DAY)
    assert isinstance(answer, Refusal)
    told = render(answer.spoken, Language.SV, DAY, PROMPTS)
    name = PLAN.people["113"].name
    assert told == (
        f"Du är den sista som går att nå på växeln: telefonen hos {name} går inte att nå. "
        "Be en kollega logga in först."
    )
    asked = after(AskCover(wanted, "120", by="111"), DEAD)
    accepted = after(AnswerCover("111", "120", accepts=True, by="120"), asked)
    assert attending(accepted) == ("113", "120")
    found = replace(DEAD, losses={})
    assert not isinstance(handle(wanted, found, DAY), Refusal)


def test_s18_an_absence_that_begins_soon_is_refused_with_the_name_and_one_of_tomorrow_is_not() -> (
    None
):
    soon = replace(LUNCH, since=at("2026-03-03 11:00"))
    answer = handle(soon, DEAD, DAY)
    assert isinstance(answer, Refusal)
    told = render(answer.spoken, Language.EN, DAY, PROMPTS)
    assert f"as the phone of {PLAN.people['113'].name} does not answer" in told
    assert not isinstance(handle(TOMORROW, DEAD, DAY), Refusal), "phones come back over night"


def test_who_says_yes_to_a_cover_on_the_phone_is_there_whatever_was_left_ringing() -> None:
    asked = after(AskCover(LEAVES, "113", by="111"), EXCHANGE)
    silent = replace(asked, losses={"113": Loss(Lost.NO_ANSWER, DAY)})
    accepted = after(AnswerCover("111", "113", accepts=True, by="113"), silent)
    assert (attending(accepted), accepted.losses) == (("113",), {})
    dead = replace(asked, losses={"113": Loss(Lost.UNREACHABLE, DAY)})
    covered = after(AnswerCover("111", "113", accepts=True, by=TECHNICIAN), dead)
    assert attending(covered) == ("111", "113"), "nobody leaves while only a dead phone is left"


def test_f25_the_last_one_may_sign_out_once_a_colleague_has_said_yes() -> None:
    assert refuses(LEAVES) == "last-attendant"
    asked = after(AskCover(LEAVES, "113", by="111"), EXCHANGE)
    assert attending(asked) == ("111",)
    assert refuses(LEAVES, asked) == "last-attendant"
    accepted = after(AnswerCover("111", "113", accepts=True, by="113"), asked)
    assert attending(accepted) == ("113",)
    assert attending(accepted, at("2026-03-03 15:29")) == ("113",)
    assert attending(accepted, at("2026-03-03 15:30")) == ()  # until the line closes


def test_who_covers_signs_out_like_anybody_unless_they_are_the_last() -> None:
    asked = after(AskCover(LEAVES, "104", by="111"), EXCHANGE)  # a backup, and no member
    covered = after(AnswerCover("111", "104", accepts=True, by="104"), asked)
    assert refuses(SignOut("vaxel", "104", by="104"), covered) == "last-attendant"
    again = attended("vaxel", "111", exchange=covered)
    assert attending(again) == ("111", "104")
    assert attending(after(SignOut("vaxel", "104", by="104"), again)) == ("111",)


def test_s17_a_planned_absence_begins_when_the_colleague_has_agreed() -> None:
    assert refuses(TOMORROW) == "leaves-too-few"
    asked = after(AskCover(TOMORROW, "113", by="111"), EXCHANGE)
    assert asked.referrals == {}
    accepted = after(AnswerCover("", "113", accepts=True, by="113"), asked)
    [held] = accepted.referrals["111"]
    assert (held.reason, held.since, held.until) == ("ledig", TOMORROW.since, TOMORROW.until)
    noon = at("2026-03-04 12:00")
    assert attending(accepted, noon) == ("113",)
    assert attending(accepted, at("2026-03-04 07:59")) == ("111",)
    assert attending(accepted, at("2026-03-05 12:00")) == ("111",)


def test_who_declines_or_does_not_answer_attends_nothing_and_a_late_yes_counts() -> None:
    asked = after(AskCover(LUNCH, "113", by="111"), EXCHANGE)
    declined = after(AnswerCover("", "113", accepts=False, by="113"), asked)
    assert attending(declined) == ("111",)
    assert refuses(AnswerCover("", "113", accepts=True, by="113"), declined) == "no-offer"
    lapsed = after(LapseCover("111", "113", by=BY_ITSELF), asked)
    assert attending(lapsed) == ("111",)
    late = after(AnswerCover("", "113", accepts=True, by="113"), lapsed)
    assert attending(late) == ("113",)
    assert [one.reason for one in late.referrals["111"]] == ["lunch"]


@pytest.mark.parametrize(
    ("command", "exchange", "why"),
    [
        (AskCover(LEAVES, "111", by="111"), EXCHANGE, "no-such-colleague"),
        (AskCover(LEAVES, "999", by="111"), EXCHANGE, "no-such-colleague"),
        (AskCover(LEAVES, "105", by="111"), EXCHANGE, "not-a-member"),
        (AskCover(LEAVES, "113", by="111"), away("113", "2026-03-03 12:00"), "colleague-away"),
        (AskCover(LEAVES, "113", by="111"), attended("vaxel", "111", "113"), "no-cover-needed"),
        (AskCover(LEAVES, "113", by="102"), EXCHANGE, "not-allowed-for-others"),
        (AnswerCover("", "113", accepts=True, by="113"), EXCHANGE, "no-offer"),
        (LapseCover("111", "113", by="113"), EXCHANGE, "no-offer"),
    ],
)
def test_what_makes_no_sense_is_refused(command: Command, exchange: Exchange, why: str) -> None:
    assert refuses(command, exchange) == why


def test_s17_where_the_line_asks_the_absence_holds_and_the_cover_follows() -> None:
    """Of the sample's phone hours tomorrow: the referral is set at once, the cover later."""
    wanted = SetReferral(
        "101", "ledig", at("2026-03-04 16:00"), by="101", since=at("2026-03-04 08:00")
    )
    away_tomorrow = after(wanted, EXCHANGE)
    events = handle(AskCover(wanted, "102", by="101"), away_tomorrow, DAY + timedelta(minutes=1))
    assert not isinstance(events, Refusal)
    [asked] = events
    assert isinstance(asked, CoverAsked)
    assert (asked.line, asked.absence) == ("bygglov", None)
    answered = handle(
        AnswerCover("101", "102", accepts=True, by="102"), fold(away_tomorrow, events), DAY
    )
    assert not isinstance(answered, Refusal)
    assert not [one for one in answered if isinstance(one, ReferralSet)]  # it is there already
    covered = fold(fold(away_tomorrow, events), answered)
    line = covered.plan.lines["bygglov"]
    assert attendants(covered, line, at("2026-03-04 09:30")) == ("102",)
    assert [one.consent for one in covered.covers["bygglov"]] == [Consent.ACCEPTED]


def test_f04_a_bridge_that_begins_anew_knows_what_was_asked_and_answered() -> None:
    answer = AnswerCover("", "113", accepts=True, by="113")
    commands: list[Command] = [AskCover(LUNCH, "113", by="111"), answer]
    exchange, events = EXCHANGE, list[Event]()
    for command in commands:
        found = handle(command, exchange, DAY)
        assert not isinstance(found, Refusal)
        events += found
        exchange = fold(exchange, found)
        assert fold(EXCHANGE, events) == exchange
    assert attending(exchange) == ("113",)
    assert [one.consent for one in exchange.covers["vaxel"]] == [Consent.ACCEPTED]


def test_a_yes_when_the_absence_is_over_is_refused() -> None:
    asked = after(AskCover(LUNCH, "113", by="111"), EXCHANGE)
    late = handle(AnswerCover("", "113", accepts=True, by="113"), asked, LUNCH.until)
    assert isinstance(late, Refusal)
    assert late.why == "no-offer"


def test_a_second_yes_signs_nobody_out_twice() -> None:
    both = after(AskCover(LEAVES, "113", by="111"), EXCHANGE)
    both = after(AskCover(LEAVES, "104", by="111"), both, DAY + timedelta(minutes=1))
    left = after(AnswerCover("", "113", accepts=True, by="113"), both, DAY + timedelta(minutes=2))
    assert left.signed_in["vaxel"] == frozenset()
    said = AnswerCover("", "104", accepts=True, by="104")
    twice = after(said, left, DAY + timedelta(minutes=3))
    assert twice.signed_in["vaxel"] == frozenset()
    assert attending(twice, DAY + timedelta(minutes=3)) == ("113", "104")


def test_f28_who_asked_keeps_attending_when_the_colleague_has_gone_away_meanwhile() -> None:
    asked = after(AskCover(LUNCH, "113", by="111"), EXCHANGE)
    gone = away("113", "2026-03-03 12:00", exchange=asked)
    answered = after(AnswerCover("", "113", accepts=True, by="113"), gone)
    assert attending(answered) == ("111",)
    assert answered.referrals.get("111") is None


def test_s17_a_colleague_is_asked_for_every_line_that_is_left() -> None:
    members = ("101", "111", "113")
    lines = {**PLAN.lines, "bygglov": replace(PLAN.lines["bygglov"], members=members)}
    plan = replace(PLAN, lines=lines)
    exchange = attended("bygglov", "111", exchange=replace(EXCHANGE, plan=plan))
    events = handle(AskCover(LUNCH, "113", by="111"), exchange, DAY)
    assert not isinstance(events, Refusal)
    assert [one.line for one in events if isinstance(one, CoverAsked)] == ["bygglov", "vaxel"]
    asked = fold(exchange, events)
    covered = after(AnswerCover("", "113", accepts=True, by="113"), asked)
    for name in ("vaxel", "bygglov"):
        assert attendants(covered, plan.lines[name], DAY) == ("113",)
    assert [one.reason for one in covered.referrals["111"]] == ["lunch"]
    declined = after(AnswerCover("", "113", accepts=False, by="113"), asked)
    said = {one.consent for held in declined.covers.values() for one in held}
    assert said == {Consent.DECLINED}


def test_s18_asking_for_longer_takes_nothing_back_that_was_agreed() -> None:
    asked = after(AskCover(TOMORROW, "113", by="111"), EXCHANGE)
    agreed = after(AnswerCover("", "113", accepts=True, by="113"), asked)
    longer = replace(TOMORROW, until=at("2026-03-05 16:00"))
    again = after(AskCover(longer, "113", by="111"), agreed)
    assert attending(again, at("2026-03-04 12:00")) == ("113",)
    no = after(AnswerCover("111", "113", accepts=False, by="113"), again)
    assert attending(no, at("2026-03-04 12:00")) == ("113",)
    yes = after(AnswerCover("111", "113", accepts=True, by="113"), again)
    assert attending(yes, at("2026-03-04 12:00")) == ("113",)
    assert attending(yes, at("2026-03-05 12:00")) == ("113",)
