"""What is missing of the journal is told once, and until somebody has accepted it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from core.plans import DAY, EXCHANGE

from pbx_bridge.core.commands import EXCHANGE as BRIDGE
from pbx_bridge.core.commands import AcceptLoss, NoteLoss, Refusal, ReportOutage
from pbx_bridge.core.events import Event, HistoryLost, NoticeDropped, NoticeDue, PartGone
from pbx_bridge.core.folding import fold
from pbx_bridge.core.handling import handle
from pbx_bridge.core.notices import due
from pbx_bridge.core.state import About, Channel, Exchange, Hole, Part
from pbx_bridge.core.telling import spoken

FOUND = NoteLoss((Hole(5, 9, "missing", "ab"),))


def done(command: NoteLoss | AcceptLoss, exchange: Exchange) -> tuple[Event, ...]:
    events = handle(command, exchange, DAY)
    assert not isinstance(events, Refusal)
    after = fold(exchange, events)
    return (*events, *due(events, exchange, after, DAY))


def test_a_loss_is_told_to_the_switchboard_once() -> None:
    events = done(FOUND, EXCHANGE)
    notices = [one.notice for one in events if isinstance(one, NoticeDue)]
    assert {one.about for one in notices} == {About.HISTORY_LOST}
    assert ("", Channel.LIST) in {(one.to, one.channel) for one in notices}
    assert any(one.channel is Channel.MESSAGE for one in notices)
    after = fold(EXCHANGE, events)
    assert done(NoteLoss(), after) == (), "at the next start"
    words = [one for notice in notices for one in spoken(notice, after)]
    assert {getattr(one, "key", "") for one in words} == {"notice-history-lost"}


def test_one_that_a_command_has_noted_is_told_at_the_next_start() -> None:
    noted = fold(EXCHANGE, [HistoryLost(5, 9, "missing", DAY, "ab")])
    assert any(isinstance(one, NoticeDue) for one in done(NoteLoss(), noted))


def test_once_it_is_accepted_nothing_is_missing_and_nobody_is_told_any_more() -> None:
    after = fold(EXCHANGE, done(FOUND, EXCHANGE))
    assert after.holes
    events = done(AcceptLoss("disken gick sönder", "technician:anna"), after)
    assert any(isinstance(one, NoticeDropped) for one in events)
    assert fold(after, events).holes == ()


@pytest.mark.parametrize("by", ["111", "101", BRIDGE, ""])
def test_nobody_but_a_technician_accepts_it(by: str) -> None:
    after = fold(EXCHANGE, done(FOUND, EXCHANGE))
    assert isinstance(handle(AcceptLoss("x", by), after, DAY), Refusal)


def test_an_outage_that_is_told_twice_is_noted_once() -> None:
    """The supervisor tells it again when the bridge ends before it has answered."""
    since, until = DAY - timedelta(minutes=2), DAY - timedelta(minutes=1)
    told = ReportOutage(Part.BRIDGE, since, until, "it ended")
    events = handle(told, EXCHANGE, DAY)
    assert events == (PartGone(Part.BRIDGE, since, until, "it ended"),)
    after = fold(EXCHANGE, events)
    assert handle(told, after, DAY) == ()
    later = replace(told, since=until, until=DAY)
    other = replace(told, part=Part.ASTERISK)
    assert handle(later, after, DAY) == (PartGone(Part.BRIDGE, until, DAY, "it ended"),)
    assert handle(other, after, DAY) == (PartGone(Part.ASTERISK, since, until, "it ended"),)
