"""What holds in every state that commands can lead to."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime

from core.plans import DAY, EXCHANGE, PLAN, ZONE
from core.states import History, histories
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_bridge.core.absence import absence
from pbx_bridge.core.attendance import next_change
from pbx_bridge.core.events import NoticeDue, ReferralSet
from pbx_bridge.core.folding import fold
from pbx_bridge.core.likely import likely
from pbx_bridge.core.mirror import picture
from pbx_bridge.core.reach import consenting, may_ring, takers
from pbx_bridge.core.sentences import Named
from pbx_bridge.core.state import (
    AFTER_CALLS,
    LOOKED_UP,
    About,
    Channel,
    Consent,
    Ending,
    Hole,
    changed,
)
from pbx_bridge.core.telling import private_reason, spoken

MOMENTS = tuple(
    datetime.fromisoformat(text).replace(tzinfo=ZONE)
    for text in (
        *("2026-03-03T10:00", "2026-03-03T20:00", "2026-03-29T12:00", "2026-10-25T03:30"),
        *("2026-04-07T08:29", "2026-12-23T15:00", "2026-12-27T23:59"),
    )
)
"""In and out of hours, around clock changes, before and after holidays."""
past = st.sampled_from(MOMENTS).flatmap(histories)
every = settings(max_examples=120, deadline=None)


@every
@given(past)
def test_the_journal_alone_brings_the_same_state(history: History) -> None:
    assert fold(EXCHANGE, history.events) == history.exchange


@every
@given(past)
def test_s8_every_referral_has_an_end_after_its_beginning(history: History) -> None:
    for person, held in history.exchange.referrals.items():
        for one in held:
            assert one.person == person
            assert one.since.astimezone(UTC) < one.until.astimezone(UTC)
        assert len({one.since for one in held}) == len(held)


@every
@given(past)
def test_s14_a_forward_belongs_to_a_referral_and_one_is_asked_at_a_time(history: History) -> None:
    for person, forwards in history.exchange.forwards.items():
        begins = {one.since for one in history.exchange.referrals.get(person, ())}
        assert {one.since for one in forwards} <= begins
        for since in begins:
            same = [one for one in forwards if one.since == since]
            assert sum(one.consent is Consent.ASKED for one in same) <= 1
            assert len({one.to for one in same}) == len(same), "nobody is asked twice"
            assert person not in {one.to for one in same}


@every
@given(past)
def test_s14_who_takes_calls_has_agreed_is_present_and_on_duty(history: History) -> None:
    exchange, now = history.exchange, history.now
    for person in PLAN.people.values():
        found = list(takers(exchange, person, now))
        assert len(found) == len(set(map(id, found)))
        agreed = {
            one.to
            for one in exchange.forwards.get(person.extension, ())
            if one.consent is Consent.ACCEPTED
        } | person.agreed
        for one in found:
            assert one.extension in agreed
            assert one.extension != person.extension
            assert absence(exchange, one.extension, now) is None
            assert may_ring(exchange, one, now)
        assert set(map(id, found)) <= set(map(id, consenting(exchange, person, now)))


@every
@given(past)
def test_s20_unplanned_absence_is_always_told_to_the_foreman(history: History) -> None:
    told = [one.notice for one in history.events if isinstance(one, NoticeDue)]
    for event in history.events:
        if not isinstance(event, ReferralSet) or not PLAN.reasons_by_name[event.reason].unplanned:
            continue
        foreman = PLAN.people[event.person].foreman
        to_foreman = [
            one
            for one in told
            if (one.about, one.to, one.person) == (About.UNPLANNED, foreman, event.person)
            and one.since == event.since
        ]
        assert bool(to_foreman) is bool(foreman)


@every
@given(past)
def test_s13_health_is_in_letters_to_foreman_and_switchboard_alone(history: History) -> None:
    for event in history.events:
        if not isinstance(event, NoticeDue):
            continue
        notice = event.notice
        entitled = {PLAN.people[notice.person].foreman} if notice.person in PLAN.people else set()
        entitled |= set(PLAN.switchboard.members)
        if private_reason(notice, history.exchange):
            assert notice.channel is Channel.MAIL
            assert notice.to in entitled
        for one in spoken(notice, history.exchange):
            slots = getattr(one, "slots", {}).values()
            words = [
                text
                for slot in slots
                for text in (slot.text.values() if isinstance(slot, Named) else [str(slot)])
            ]
            assert "sjuk" not in words


@every
@given(past)
def test_what_is_told_and_returned_changes_nothing_that_callers_meet(history: History) -> None:
    """Whoever lets Asterisk go on alone need not look when only these parts change."""
    before, now = history.exchange, history.now
    after = replace(before, **{name: getattr(EXCHANGE, name) for name in AFTER_CALLS})
    assert changed(before, after) <= AFTER_CALLS
    assert picture(after, now) == picture(before, now)
    assert list(likely(after, now)) == list(likely(before, now))
    assert next_change(after, now) == next_change(before, now)


def test_the_parts_of_the_state_have_these_names() -> None:
    one_of_each = replace(
        copy.deepcopy(EXCHANGE),
        flood_since=DAY,
        holes=(Hole(1, 1, ""),),
        emergencies=("17.1",),
        certificate=Ending(DAY, DAY),
    )
    every_part = changed(EXCHANGE, one_of_each)
    assert LOOKED_UP < AFTER_CALLS < every_part
    assert changed(EXCHANGE, EXCHANGE) == frozenset()
