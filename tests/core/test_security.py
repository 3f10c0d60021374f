"""Requests that Asterisk has refused: what is journaled, and when somebody is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from core.plans import DAY, EXCHANGE, attended
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_bridge.core.commands import EXCHANGE as BY_ITSELF
from pbx_bridge.core.commands import NoteRefused, Refusal
from pbx_bridge.core.events import Event, FloodBegan, FloodEnded, NoticeDue, RequestsRefused
from pbx_bridge.core.folding import fold
from pbx_bridge.core.handling import handle
from pbx_bridge.core.meters import of_exchange, of_security
from pbx_bridge.core.notices import due
from pbx_bridge.core.security import FLOOD, INTERVAL, KINDS, is_due
from pbx_bridge.core.state import About, Channel, Exchange

MINUTE = timedelta(minutes=1)


def noted(exchange: Exchange, worst: int, now: datetime = DAY) -> tuple[Event, ...]:
    counts = (("wrong-password", worst),) if worst else ()
    answer = handle(NoteRefused(counts, worst, now - INTERVAL, now, by=BY_ITSELF), exchange, now)
    assert not isinstance(answer, Refusal)
    return answer


def test_a_flood_is_told_once_to_the_switchboard_and_seen_until_it_is_over() -> None:
    exchange = attended("vaxel", "111")
    events = noted(exchange, FLOOD)
    assert events[1:] == (FloodBegan(DAY),)
    after = fold(exchange, events)
    told = [one.notice for one in due(events, exchange, after, DAY) if isinstance(one, NoticeDue)]
    assert {(one.about, one.to, one.channel) for one in told} == {
        (About.FLOOD, "", Channel.LIST),
        (About.FLOOD, "111", Channel.MESSAGE),
    }
    measures = {one.name: one.value for one in of_exchange(after, {}, DAY)}
    assert measures["security_flood"] == 1
    assert [type(one) for one in noted(after, FLOOD)] == [RequestsRefused]
    over = noted(after, FLOOD - 1, DAY + INTERVAL)
    assert over[1:] == (FloodEnded(DAY + INTERVAL),)
    assert noted(after, 0) == (FloodEnded(DAY),)
    assert fold(after, over).flood_since is None


def test_nobody_but_the_exchange_notes_what_was_refused() -> None:
    command = NoteRefused((), FLOOD, DAY, DAY, by="102")
    assert isinstance(handle(command, EXCHANGE, DAY), Refusal)


def test_a_few_are_noted_in_intervals_and_a_flood_at_once() -> None:
    later = DAY + INTERVAL
    assert not is_due(EXCHANGE, DAY, DAY + MINUTE, waits=True, worst=FLOOD - 1)
    assert is_due(EXCHANGE, DAY, later, waits=True, worst=1)
    assert not is_due(EXCHANGE, DAY, later, waits=False, worst=0)
    assert is_due(EXCHANGE, DAY, DAY + MINUTE, waits=True, worst=FLOOD)
    flooded = replace(EXCHANGE, flood_since=DAY)
    assert not is_due(flooded, DAY, DAY + MINUTE, waits=True, worst=9 * FLOOD)
    assert is_due(flooded, DAY, later, waits=False, worst=0)


@settings(deadline=None)  # some hundred minutes are folded in each
@given(st.lists(st.integers(0, 5000), max_size=300))
def test_however_many_there_are_the_journal_grows_by_intervals(minutes: list[int]) -> None:
    exchange, since, waiting, entries = EXCHANGE, DAY, 0, 0
    for number, count in enumerate(minutes, 1):
        now = DAY + number * MINUTE
        waiting += count
        if is_due(exchange, since, now, waits=bool(waiting), worst=count):
            events = noted(exchange, count, now)
            exchange, since, waiting = fold(exchange, events), now, 0
            entries += len(events)
    assert entries <= 2 * (2 + 2 * len(minutes) * MINUTE / INTERVAL)


def test_every_kind_is_measured_from_the_start_without_anything_of_who_it_was() -> None:
    found = list(of_security({"malformed": 3}))
    assert {one.labels["kind"] for one in found} == set(KINDS.values())
    assert {tuple(one.labels) for one in found} == {("kind",)}
    assert sum(one.value for one in found) == 3
