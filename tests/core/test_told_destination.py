"""What staff are told of where calls go, against where callers are led."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from core.plans import DAY, EXCHANGE, PLAN, PROMPTS, at, attended, away
from core.states import histories
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_bridge.core import absence, explain
from pbx_bridge.core.call import Call, Queue, Ring
from pbx_bridge.core.commands import (
    TECHNICIAN,
    AnswerForward,
    Command,
    OfferForward,
    Refusal,
    SetReferral,
    WithdrawForward,
)
from pbx_bridge.core.confirming import confirmation, status_of
from pbx_bridge.core.consent import absence_of
from pbx_bridge.core.folding import fold
from pbx_bridge.core.handling import handle
from pbx_bridge.core.model import Language
from pbx_bridge.core.sentences import Named, Sentence
from pbx_bridge.core.state import About, Channel, Exchange, Notice
from pbx_bridge.core.telling import spoken
from pbx_bridge.core.wording import render

people = st.sampled_from(sorted(PLAN.people))
CALLER = "0409999999"
FIRST = at("2026-03-02 00:00").astimezone(UTC)


def led_to(exchange: Exchange, person: str, now: datetime) -> str:
    """The extension or line that a caller is led to first, "" where they are told when."""
    for decision, _, _ in explain.way(Call(person, CALLER), exchange, now):
        match decision.step:
            case Ring(extensions):
                return extensions[0]
            case Queue(line):
                return line
    return ""


def told_to(sentences: Iterable[object]) -> list[str]:
    """What is said of where calls go, in the same words; by name, so names are told apart."""
    return list(_told_to(sentences))


def _told_to(sentences: Iterable[object]) -> Iterator[str]:
    by_name = {one.name: one.extension for one in PLAN.people.values()}
    titles = {one.title[Language.SV]: one.name for one in PLAN.lines.values()}
    for one in sentences:
        assert isinstance(one, Sentence)
        match one.key:
            case "referral-set-calls-to":
                yield by_name[str(one.slots["name"])]
            case "referral-set-calls-to-line":
                line = one.slots["line"]
                assert isinstance(line, Named)
                yield titles[line.text[Language.SV]]
            case "referral-set-calls-told":
                yield ""


def done(command: Command, exchange: Exchange, now: datetime) -> Exchange | None:
    answer = handle(command, exchange, now)
    return None if isinstance(answer, Refusal) else fold(exchange, answer)


moments = st.integers(0, 14 * 24 * 12).map(
    lambda count: (FIRST + timedelta(minutes=5 * count)).astimezone(DAY.tzinfo)
)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Exchange, datetime]:
    now = draw(moments)
    return draw(histories(now, most=6)).exchange, now


@settings(max_examples=400, deadline=None)
@given(
    worlds(),
    people,
    st.sampled_from(sorted(PLAN.reasons_by_name)),
    st.integers(0, 2000),
    st.integers(1, 5000),
)
def test_whoever_sets_a_referral_is_told_where_callers_are_led(
    world: tuple[Exchange, datetime], who: str, reason: str, begins: int, lasts: int
) -> None:
    exchange, now = world
    since = now + timedelta(minutes=begins) if begins > 1000 else None
    until = (since or now) + timedelta(minutes=lasts)
    wanted = SetReferral(who, reason, until, TECHNICIAN, "möte", since)
    after = done(wanted, exchange, now)
    if after is None:
        return
    starts = max(now, since or now)
    told = told_to(confirmation(wanted, after, now))
    away = absence.absence(after, who, starts)
    assert told == ([] if away is None else [led_to(after, who, starts)])
    if since is None:
        assert told_to(status_of(PLAN.people[who], after, now)) == told


@settings(max_examples=200, deadline=None)
@given(worlds(), people, people, st.booleans())
def test_whoever_asks_or_agrees_is_told_where_callers_are_led(
    world: tuple[Exchange, datetime], who: str, colleague: str, withdraws: bool
) -> None:
    exchange, now = world
    until = now + timedelta(hours=3)
    exchange = done(SetReferral(who, "lunch", until, TECHNICIAN), exchange, now) or exchange
    offer = OfferForward(who, colleague, TECHNICIAN)
    asked = done(offer, exchange, now)
    if asked is None:
        return
    referral = absence_of(asked, who, now)
    assert referral is not None
    begins = max(now, referral.since, key=lambda one: one.astimezone(UTC))
    assert told_to(confirmation(offer, asked, now)) == [led_to(asked, who, begins)]
    answer: Command = AnswerForward(who, colleague, accepts=True, by=TECHNICIAN)
    if withdraws:
        answer = WithdrawForward(who, TECHNICIAN)
    after = done(answer, asked, now)
    if after is None:
        return
    told = confirmation(answer, after, now)
    led = led_to(after, who, begins)
    if told[0].key == "offer-accepted":
        assert led == colleague
    else:
        assert told[0].key in ("offer-noted", "forward-withdrawn")
        assert told_to(told) == [led]
    notice = Notice("1", Channel.LIST, About.OFFER_DECLINED, "", who, now, other=colleague)
    assert told_to(spoken(notice, after)) == [led]


@pytest.mark.parametrize(
    ("person", "exchange", "now", "told"),
    [
        ("110", EXCHANGE, DAY, "Samtalen går till bygglovsrådgivningen."),
        ("110", EXCHANGE, at("2026-03-03 14:00"), "Samtalen går till växeln."),
        ("105", EXCHANGE, at("2026-03-03 21:00"), "De som ringer får veta när"),
        ("101", attended("bygglov", "101", "102"), DAY, "Samtalen går till Bo Ek."),
    ],
)
def test_the_units_own_line_and_nobody_at_night_are_told(
    person: str, exchange: Exchange, now: datetime, told: str
) -> None:
    wanted = SetReferral(person, "lunch", now + timedelta(minutes=30), by=person)
    after = done(wanted, exchange, now)
    assert after is not None
    heard = " ".join(
        render(one, Language.SV, now, PROMPTS) for one in confirmation(wanted, after, now)
    )
    assert told in heard
    assert ("växeln" in heard) is ("växeln" in told)


def test_standing_deputies_go_on_taking_calls_when_a_question_is_withdrawn() -> None:
    absent = away("101", "2026-03-03 14:30", exchange=attended("bygglov", "102"))
    asked = done(OfferForward("101", "103", "101"), absent, DAY)
    assert asked is not None
    wanted = WithdrawForward("101", "101")
    after = done(wanted, asked, DAY)
    assert after is not None
    assert told_to(confirmation(wanted, after, DAY)) == ["102"]
