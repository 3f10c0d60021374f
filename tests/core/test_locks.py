"""How wrong PINs lock a voice menu: longer each time, and nobody is kept out for ever (F38)."""

from __future__ import annotations

from datetime import datetime, timedelta

from core.plans import DAY, EXCHANGE, PLAN
from hypothesis import given
from hypothesis import strategies as st

from pbx_bridge.core.commands import OfferForward, ProvePin, Refusal
from pbx_bridge.core.events import NoticeDue, PinProved, PinRefused
from pbx_bridge.core.folding import fold
from pbx_bridge.core.handling import handle, refused
from pbx_bridge.core.locks import (
    FORGOTTEN_AFTER,
    LOCKS,
    MOST_WRONG_PINS,
    Wrong,
    counted_by,
    last_lock,
    locked,
    with_try,
)
from pbx_bridge.core.meters import of_exchange
from pbx_bridge.core.notices import due
from pbx_bridge.core.state import About, Channel, Exchange

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
gaps = st.lists(
    st.timedeltas(min_value=SECOND, max_value=timedelta(hours=30)), min_size=1, max_size=80
)


def times(spaces: list[timedelta]) -> list[datetime]:
    found, now = [], DAY
    for space in spaces:
        now += space
        found.append(now)
    return found


def tried(moments: list[datetime]) -> Wrong:
    wrong: Wrong = ()
    for moment in moments:
        wrong = with_try(wrong, moment)
    return wrong


def test_each_lock_is_longer_than_the_one_before_up_to_a_day() -> None:
    wrong: Wrong = ()
    now, lengths = DAY, []
    for _ in range(6):
        for _ in range(MOST_WRONG_PINS):
            now += MINUTE
            wrong = with_try(wrong, now)
        lock = last_lock(wrong)
        assert lock is not None
        assert lock.since == now
        lengths.append(lock.until - lock.since)
        now = lock.until
    assert lengths == [*LOCKS, LOCKS[-1], LOCKS[-1]]


def test_tries_within_a_lock_make_it_no_longer() -> None:
    wrong = tried(times([MINUTE] * MOST_WRONG_PINS))
    lock = last_lock(wrong)
    assert lock is not None
    assert with_try(wrong, lock.until - SECOND) == wrong
    assert with_try(wrong, lock.until) != wrong


def test_a_quiet_day_begins_anew() -> None:
    wrong = tried(times([MINUTE] * (MOST_WRONG_PINS - 1)))
    assert with_try(wrong, wrong[-1] + FORGOTTEN_AFTER - SECOND)[0] == wrong[0]
    assert with_try(wrong, wrong[-1] + FORGOTTEN_AFTER) == (wrong[-1] + FORGOTTEN_AFTER,)


def test_f30_a_lock_that_lies_ahead_since_the_clock_was_set_back_locks_nobody() -> None:
    lock = last_lock(tried(times([MINUTE] * MOST_WRONG_PINS)))
    assert lock is not None
    assert not lock.holds(DAY)
    assert lock.holds(lock.since)


@given(gaps)
def test_guesses_are_few_and_every_lock_ends(spaces: list[timedelta]) -> None:
    """Of what an attacker tries in any 24 hours, no more count than the locks let through."""
    wrong: Wrong = ()
    counted: list[datetime] = []
    for moment in times(spaces):
        lock = last_lock(wrong)
        before, wrong = wrong, with_try(wrong, moment)
        if wrong != before:
            counted.append(moment)
            assert lock is None or moment >= lock.until
        ends = last_lock(wrong)
        assert ends is None or ends.until - ends.since <= LOCKS[-1]
        assert len(wrong) < MOST_WRONG_PINS * (len(LOCKS) + 1)
    for first in counted:
        of_a_day = [one for one in counted if first <= one < first + timedelta(days=1)]
        assert len(of_a_day) <= MOST_WRONG_PINS * (len(LOCKS) + 1)


# --- as the exchange sees it ---


def wrong_pins(
    exchange: Exchange, count: int, now: datetime = DAY, *, own: bool = False
) -> tuple[Exchange, list[NoticeDue]]:
    """The state after wrong PINs for 102, and who is to be told."""
    told: list[NoticeDue] = []
    source = PLAN.people["102"].mobile if own else "anonymous"
    for _ in range(count):
        command = ProvePin("102", source, right=False, own=own)
        answer = handle(command, exchange, now)
        assert isinstance(answer, Refusal)
        event = refused(command, answer, now)
        after = fold(exchange, (event,))
        notices = due((event,), exchange, after, now)
        told += [one for one in notices if isinstance(one, NoticeDue)]
        exchange = fold(after, notices)
    return exchange, told


def test_the_owner_and_the_switchboard_are_told_once_of_a_lock() -> None:
    exchange, told = wrong_pins(EXCHANGE, MOST_WRONG_PINS - 1)
    assert told == []
    exchange, told = wrong_pins(exchange, 3)
    assert {(one.notice.about, one.notice.to, one.notice.channel) for one in told} == {
        (About.PIN_LOCKED, "", Channel.LIST),
        (About.PIN_LOCKED, "102", Channel.MESSAGE),
        (About.PIN_LOCKED, "102", Channel.MAIL),
    }
    assert len(told) == 3
    later = DAY + LOCKS[0]
    assert wrong_pins(exchange, MOST_WRONG_PINS, later)[1] == []  # they haven't heard it yet
    heard = fold(exchange, ())
    heard = Exchange(heard.plan, wrong_pins=heard.wrong_pins)
    assert len(wrong_pins(heard, MOST_WRONG_PINS, later)[1]) == 3


def test_a_lock_is_seen_in_the_measures_and_in_status() -> None:
    for own in (False, True):
        exchange, _ = wrong_pins(EXCHANGE, MOST_WRONG_PINS, own=own)
        found = locked(exchange.wrong_pins, PLAN, DAY)
        assert [(who, only) for who, only, _ in found] == [("102", own)]
        measures = {one.name: one.value for one in of_exchange(exchange, {}, DAY)}
        assert measures["pin_locks"] == 1
        assert not locked(exchange.wrong_pins, PLAN, DAY + LOCKS[0])


def test_a_right_pin_begins_anew_and_is_journaled_only_where_it_does() -> None:
    right = ProvePin("102", "anonymous", right=True)
    assert handle(right, EXCHANGE, DAY) == ()
    exchange, _ = wrong_pins(EXCHANGE, MOST_WRONG_PINS - 1)
    answer = handle(right, exchange, DAY)
    assert answer == (PinProved("102", "anonymous", DAY),)
    assert fold(exchange, answer).wrong_pins == {}


def test_a_lock_is_told_until_when_never_too_early() -> None:
    moment = DAY + timedelta(seconds=20)
    exchange, _ = wrong_pins(EXCHANGE, MOST_WRONG_PINS, moment)
    answer = handle(ProvePin("102", "0401234567", right=True), exchange, moment)
    assert isinstance(answer, Refusal)
    assert answer.spoken.slots["until"] == DAY + timedelta(minutes=16)


def test_an_extension_that_nobody_has_is_no_account() -> None:
    assert counted_by("", "anonymous", PLAN, own=False) == ()
    assert counted_by("999", "0401234567", PLAN, own=False) == ("from:0401234567",)


def test_what_was_forgotten_is_dropped_from_the_state() -> None:
    old = fold(EXCHANGE, (PinRefused("101", "0401234567", DAY),))
    new = fold(old, (PinRefused("102", "", DAY + FORGOTTEN_AFTER),))
    assert set(new.wrong_pins) == {"102"}


def test_f38_the_eleventh_refused_code_within_two_minutes_is_not_looked_at() -> None:
    exchange, now = EXCHANGE, DAY
    for _ in range(10):
        command = OfferForward("102", "103", by="102")  # they aren't away
        answer = handle(command, exchange, now)
        assert isinstance(answer, Refusal)
        assert answer.clause == "S14"
        exchange = fold(exchange, (refused(command, answer, now),))
        now += timedelta(seconds=10)
    eleventh = handle(OfferForward("102", "103", by="102"), exchange, now)
    assert isinstance(eleventh, Refusal)
    assert (eleventh.clause, eleventh.why) == ("S29", "too-many-refusals")
    other = handle(OfferForward("104", "103", by="104"), exchange, now)
    assert isinstance(other, Refusal)
    assert other.clause == "S14"
    later = handle(OfferForward("102", "103", by="102"), exchange, DAY + timedelta(minutes=3))
    assert isinstance(later, Refusal)
    assert later.clause == "S14"
