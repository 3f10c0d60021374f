"""What is measured, and that it tells nothing of anybody."""

import re
from dataclasses import replace
from datetime import timedelta

from core.plans import DAY, EXCHANGE, NIGHT
from core.test_notices import LOST, after
from core.test_returning import missed

from pbx_bridge.core.commands import CountAttendants
from pbx_bridge.core.meters import BUCKETS_S, Meters, Spread, cumulative, of_exchange, of_meters


def test_a_line_that_is_short_shows_for_how_long() -> None:
    exchange = after(LOST, CountAttendants("vaxel"))
    later = DAY + timedelta(seconds=42)
    found = {
        (one.name, one.labels.get("line")): one.value
        for one in of_exchange(exchange, {"vaxel": 3}, later)
    }
    assert found["line_unattended", "vaxel"] == 1
    assert found["line_unattended_seconds", "vaxel"] == 42
    assert found["line_waiting", "vaxel"] == 3
    assert ("line_waiting", "bygglov") not in found, "not known"
    assert found["line_unattended", "bygglov"] == 0
    assert found["line_open", "vaxel"] == 1
    night = {
        (one.name, one.labels.get("line")): one.value for one in of_exchange(EXCHANGE, {}, NIGHT)
    }
    assert night["line_open", "vaxel"] == 0


def test_callers_who_have_to_be_reached_are_counted_and_not_named() -> None:
    exchange = after(EXCHANGE, missed(), missed(number="0409876543", call="1.2"))
    measures = list(of_exchange(exchange, {}, DAY + timedelta(days=2)))
    found = {one.name: one.value for one in measures}
    assert (found["returns_open"], found["returns_overdue"]) == (2, 2)
    meters = Meters()
    meters.ended["answered"] += 1
    meters.rules["person-rings"] += 2
    meters.connected["ari"] += 1
    for one in (*measures, *of_meters(meters)):
        for label in one.labels.values():
            assert not re.search(r"[0-9]{3}", label), "no number, no extension"


def test_decision_times_are_a_histogram() -> None:
    spread = Spread()
    for seconds in (0.0005, 0.001, 0.003, 9.0):
        spread.add(seconds)
    found = dict(cumulative(spread))
    assert [found["0.001"], found["0.002"], found["0.005"]] == [2, 2, 3]
    assert (found["4.0"], found["+Inf"]) == (3, 4)
    assert len(found) == len(BUCKETS_S) + 1
    assert replace(spread).total_s == 9.0045
