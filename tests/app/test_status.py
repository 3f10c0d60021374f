"""What a bridge says of itself: enough to act on, and nothing about health."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from core.plans import DAY, NIGHT, PLAN, away
from fakes.clock import FakeClock

from pbx_bridge.app.calls import Tally
from pbx_bridge.app.status import exchange_status, process_status
from pbx_bridge.core.model import Language
from pbx_bridge.core.state import Exchange


def status(exchange: Exchange, clock: FakeClock) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(json.dumps(exchange_status(exchange, clock, Language.SV)))
    return found


def test_lines_have_their_attendants_and_their_next_opening() -> None:
    exchange = away("110", "2026-03-04 08:00")
    lines = {one["line"]: one for one in status(exchange, FakeClock(NIGHT))["lines"]}
    assert (lines["vaxel"]["open"], lines["vaxel"]["attendants"]) == (False, ["Karin Lund"])
    assert lines["vaxel"]["next_opening"] == "2026-03-04T08:30+02:00"
    assert (lines["jour"]["open"], lines["jour"]["attendants"]) == (True, [])


def test_somebody_who_is_ill_is_away_and_nothing_more() -> None:
    found = status(away("105", "2026-03-05 08:00", "sjuk"), FakeClock(DAY))
    assert found["referrals"] == [
        {
            "extension": "105",
            "name": "Elin Strand",
            "told": "är frånvarande",
            "until": "2026-03-05T08:00+02:00",
        }
    ]
    assert "sjuk" not in json.dumps(found, ensure_ascii=False)


def test_a_referral_that_has_ended_is_not_shown() -> None:
    assert status(away("105", "2026-03-03 09:00"), FakeClock(DAY))["referrals"] == []


async def test_timings_have_no_value_before_the_first_decision() -> None:
    tally = Tally()
    assert process_status(tally)["decision_ms_p50"] is None
    tally.seconds.extend(number / 1000 for number in range(1, 101))
    assert process_status(tally)["decision_ms_p50"] == 50.0
    assert process_status(tally)["decision_ms_p99"] == 99.0


def test_what_is_told_of_an_absence_is_in_the_language_of_the_command_line() -> None:
    told = {
        language: exchange_status(away("101", "2026-03-03 14:30"), FakeClock(DAY), language)
        for language in Language
    }
    reason = PLAN.reasons_by_name["mote"]
    for language, found in told.items():
        (one,) = cast("list[dict[str, str]]", found["referrals"])
        assert one["told"] == reason.public[language]
