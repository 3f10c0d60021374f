"""No rule compares two readings of a wall clock: in the hour that comes twice the later one may be
the earlier (F29). Python compares datetimes of one zone by what the clock shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from core.plans import EXCHANGE, PLAN, ZONE, at, way
from core.states import commands
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_bridge.core import guard
from pbx_bridge.core.attendance import is_short, next_change, queue
from pbx_bridge.core.call import Call
from pbx_bridge.core.commands import Refusal, RemindOfReturns
from pbx_bridge.core.confirming import confirmation, status_of
from pbx_bridge.core.events import NoticeDue
from pbx_bridge.core.folding import fold
from pbx_bridge.core.handling import handle
from pbx_bridge.core.mirror import picture
from pbx_bridge.core.notices import due
from pbx_bridge.core.public import timetable
from pbx_bridge.core.state import Referral
from pbx_bridge.core.telling import spoken


class Reading(datetime):
    """What a wall clock shows: it is no instant, and isn't compared with another of its zone."""

    def _instant(self, other: object) -> None:
        same = isinstance(other, datetime) and other.tzinfo is self.tzinfo
        assert not same or self.tzinfo is UTC, f"{self} and {other} are read from one wall clock"

    def __lt__(self, other: Any) -> bool:
        self._instant(other)
        return super().__lt__(other)

    def __le__(self, other: Any) -> bool:
        self._instant(other)
        return super().__le__(other)

    def __gt__(self, other: Any) -> bool:
        self._instant(other)
        return super().__gt__(other)

    def __ge__(self, other: Any) -> bool:
        self._instant(other)
        return super().__ge__(other)

    def __sub__(self, other: Any) -> Any:
        self._instant(other)
        return super().__sub__(other)

    def __rsub__(self, other: Any) -> Any:
        self._instant(other)
        return other.__sub__(datetime.fromtimestamp(self.timestamp(), self.tzinfo))


starts = st.sampled_from(
    tuple(
        at(text).astimezone(UTC)
        for text in ("2026-10-24 22:00", "2026-10-25 02:00", "2026-03-28 23:00", "2026-03-03 08:00")
    )
)


def reading(moment: datetime) -> Reading:
    return Reading.fromtimestamp(moment.timestamp(), ZONE)


@st.composite
def moments(draw: st.DrawFn) -> datetime:
    return reading(draw(starts) + timedelta(minutes=draw(st.integers(0, 7 * 60))))


def test_the_reading_itself_tells_of_a_comparison() -> None:
    early = reading(at("2026-10-25 03:30"))
    late = Reading.fromtimestamp(early.timestamp() + 3600, ZONE)
    for compared in (
        lambda: early < late,
        lambda: late - early,
        lambda: max(early, late),
        lambda: at("2026-10-25 03:30") <= late,
        lambda: at("2026-10-25 03:30") - late,
    ):
        with pytest.raises(AssertionError, match="wall clock"):
            compared()
    assert early.astimezone(UTC) < late.astimezone(UTC)


@settings(max_examples=60, deadline=None)
@given(moments(), st.data())
def test_f29_nothing_that_is_decided_compares_two_readings(
    now: datetime, data: st.DataObject
) -> None:
    exchange = EXCHANGE
    for _ in range(4):
        command = data.draw(commands(exchange, now))
        answer = handle(command, exchange, now)
        if not isinstance(answer, Refusal):
            after = fold(exchange, answer)
            confirmation(command, after, now)
            for event in due(answer, exchange, after, now):
                if isinstance(event, NoticeDue):
                    assert list(spoken(event.notice, after))
            exchange = after
        now = reading(now.astimezone(UTC) + timedelta(minutes=data.draw(st.integers(0, 90))))
    handle(RemindOfReturns(), exchange, now)
    dialled = data.draw(st.sampled_from(sorted([*PLAN.numbers, *PLAN.people])))
    for phone in ("", "102"):
        assert list(way(Call(dialled, "0401234567", phone), exchange, now))


@pytest.mark.parametrize("text", ["2026-10-25 02:50", "2026-10-25 03:10", "2026-03-29 02:50"])
def test_f29_nothing_that_is_shown_or_watched_compares_two_readings(text: str) -> None:
    now = reading(at(text))
    until = reading(now.astimezone(UTC) + timedelta(minutes=75))
    referral = Referral("101", "lunch", now, until)
    exchange = replace(EXCHANGE, referrals={"101": (referral,)})
    for line in PLAN.lines.values():
        assert not is_short(exchange, line, now)
        assert queue(exchange, line, now) is not None
    for person in PLAN.people.values():
        assert status_of(person, exchange, now)
    assert guard.gaps(exchange, now, until, now) is not None
    assert next_change(exchange, now) is not None
    assert picture(exchange, now).values
    assert timetable(exchange, now, days=2).hours
