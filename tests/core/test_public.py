"""S25: what the public reads is what callers meet, minute by minute."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

import pytest
from core.plans import DAY, EXCHANGE, PLAN, at

from pbx_bridge.config.plan import load_plan
from pbx_bridge.core.call import Call, Queue
from pbx_bridge.core.decide import decide
from pbx_bridge.core.events import PhoneHoursBroken
from pbx_bridge.core.folding import fold, fresh
from pbx_bridge.core.hours import is_open
from pbx_bridge.core.model import Language
from pbx_bridge.core.public import as_json, timetable
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.timetable import line_openings

from .plans import ROOT

MINUTE = timedelta(minutes=1)
EASTER = date(2027, 3, 1)  # Good Friday, Easter, and the hour that does not exist
AUTUMN = date(2026, 10, 5)  # the hour that comes twice, All Saints' Day


class Reader:
    """Somebody outside who knows schema.org and nothing of the exchange: a day among the special
    ones is as it says, else its weekday's entries hold."""

    def __init__(self, entries: list[Mapping[str, Any]]) -> None:
        self._special: dict[str, list[tuple[str, str]]] = {}
        self._week: dict[str, list[tuple[str, str]]] = {}
        for one in entries:
            clocks = (one["opens"], one["closes"])
            if "dayOfWeek" in one:
                self._week.setdefault(one["dayOfWeek"], []).append(clocks)
            else:
                assert one["validFrom"] == one["validThrough"]
                self._special.setdefault(one["validFrom"], []).append(clocks)

    def is_open(self, moment: datetime) -> bool:
        day = moment.date().isoformat()
        usual = self._week.get(f"{moment:%A}", [])
        clock = f"{moment:%H:%M}"
        return any(
            opens <= clock < closes
            for opens, closes in self._special.get(day, usual)
            if opens != closes
        )


@lru_cache
def exchange_of(first: date) -> Exchange:
    return fresh(load_plan(ROOT / "dialplan", first))


def lines_told(exchange: Exchange, now: datetime) -> Iterator[tuple[str, Reader]]:
    """Yield a number of each line, as it is dialled, with what is published of it."""
    found = json.loads(as_json(timetable(exchange, now), Language.SV))
    for point in found["contactPoint"]:
        yield "0" + point["telephone"][0].removeprefix("+358"), Reader(point["hoursAvailable"])


def minutes(exchange: Exchange, first: date, days: int) -> Iterator[datetime]:
    """Every minute that passes, in the plan's zone: 23 or 25 hours on some days."""
    zone = exchange.plan.organisation.zone
    moment = datetime.combine(first, time(), zone).astimezone(UTC)
    last = datetime.combine(first + timedelta(days=days), time(), zone).astimezone(UTC)
    while moment < last:
        yield moment.astimezone(zone)
        moment += MINUTE


def is_answered(exchange: Exchange, number: str, now: datetime) -> bool:
    """Whether a simulated call would be put into the line's queue."""
    step = decide(Call(number), exchange, now)
    return isinstance(step.step, Queue)


@pytest.mark.parametrize("first", [EASTER, AUTUMN], ids=["easter", "autumn"])
def test_s25_every_minute_of_a_month_is_as_it_was_published(first: date) -> None:
    exchange = exchange_of(first)
    morning = datetime.combine(first, time(6), exchange.plan.organisation.zone)
    told = list(lines_told(exchange, morning))
    assert len(told) == len(exchange.plan.lines)
    opened = 0
    for now in minutes(exchange, first, 31):
        for number, reader in told:
            answered = is_answered(exchange, number, now)
            opened += answered
            assert reader.is_open(now) is answered, (number, now)
    assert opened > 10_000  # or nothing would have been compared


@pytest.mark.parametrize("first", [EASTER, AUTUMN], ids=["easter", "autumn"])
def test_s25_the_offices_are_open_as_published_at_every_minute_of_a_fortnight(first: date) -> None:
    exchange = exchange_of(first)
    plan = exchange.plan
    morning = datetime.combine(first, time(6), plan.organisation.zone)
    found = json.loads(as_json(timetable(exchange, morning), Language.SV))["department"]
    by_title = {unit.title[Language.SV]: unit for unit in plan.units.values()}
    for office in found:
        usual, special = (
            office["openingHoursSpecification"],
            office["specialOpeningHoursSpecification"],
        )
        reader = Reader([*usual, *special])
        schedule = plan.schedules[by_title[office["name"]].hours]
        for now in minutes(exchange, first + timedelta(days=18), 14):
            assert reader.is_open(now) is is_open(schedule, plan, now), (office["name"], now)


def test_s24_hours_that_are_broken_and_repaid_are_published_so() -> None:
    since, until = DAY, at("2026-03-03 10:30")
    broken = fold(EXCHANGE, [PhoneHoursBroken("bygglov", since, until, "en olycka", "101")])
    before = dict(lines_told(EXCHANGE, since))["018000130"]
    after = dict(lines_told(broken, since))["018000130"]
    for now in minutes(EXCHANGE, since.date(), 1):
        assert after.is_open(now) is is_answered(broken, "018000130", now)
    assert before.is_open(at("2026-03-03 10:15"))
    assert not after.is_open(at("2026-03-03 10:15"))
    assert after.is_open(at("2026-03-03 11:15"))
    ends = [one.end for one in line_openings(broken, PLAN.lines["bygglov"], since)]
    assert ends[0] == at("2026-03-03 11:30")


def test_a_special_day_has_its_reason_and_a_night_is_told_on_both_days() -> None:
    told = timetable(exchange_of(EASTER), datetime(2027, 3, 1, 6, tzinfo=UTC))
    by_name = {one.title[Language.SV]: one for one in told.hours}
    friday = next(one for one in by_name["växeln"].special if one.day == date(2027, 3, 26))
    assert friday.open == ()
    assert friday.reason.name
    on_call = by_name["fastighetsjouren"]
    assert on_call.week[0] == (("00:00", "08:00"), ("16:00", "24:00"))
    assert on_call.week[6] == (("00:00", "24:00"),)
