"""What technicians wrote, as the typed plan."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

from config.copies import TODAY, Change

from pbx_bridge.config.plan import load_plan
from pbx_bridge.core.model import Span


def test_the_version_follows_the_content(folder: Path, change: Change) -> None:
    before = load_plan(folder, TODAY).version
    assert before == load_plan(folder, date(2027, 1, 1)).version
    change("people.yaml", "name: Bo Ek", "name: Bo Eklund")
    after = load_plan(folder, TODAY).version
    assert after != before
    change("mailboxes.yaml", "109, 110]", "109]")
    assert load_plan(folder, TODAY).version not in {before, after}


def test_one_years_day_wins_over_every_years(folder: Path, change: Change) -> None:
    change(
        "hours.yaml",
        "weekdays: 9:00-11:00",
        "weekdays: 9:00-11:00\n  friday: closed\n  days:\n"
        "    2026-12-30: closed\n    12-30: 9:00-10:00",
    )
    hours = load_plan(folder, TODAY).schedules["telefontid"]
    assert hours.week[4] == hours.days[date(2026, 12, 30)] == ()
    assert hours.days[date(2027, 12, 30)] == (Span(time(9), time(10)),)


def test_s19_working_hours_are_the_persons_own_else_the_units_else_its_opening_hours(
    folder: Path, change: Change
) -> None:
    change("people.yaml", "shielded: false", "hours: vaxeltid")
    change(
        "units.yaml",
        "schools and childcare}\n  hours: skoltid\n  working_hours: arbetstid",
        "schools and childcare}\n  hours: skoltid",
    )
    people = load_plan(folder, TODAY).people
    assert people["109"].hours == "vaxeltid"
    assert people["108"].hours == "arbetstid"
    assert people["107"].hours == "skoltid"


def test_without_the_block_about_referrals_the_samples_values_hold(
    folder: Path, change: Change
) -> None:
    before = load_plan(folder, TODAY).organisation
    change("organisation.yaml", "  pin_for_known_mobiles: true\n", "")
    change("organisation.yaml", "  offer_seconds: 60\n", "")
    assert load_plan(folder, TODAY).organisation == before
    change("organisation.yaml", "referrals:", "referrals: {offer_seconds: 600}")
    assert load_plan(folder, TODAY).organisation.offer_seconds == 600


def test_a_persons_number_may_ask_for_the_language_too(folder: Path, change: Change) -> None:
    change("numbers.yaml", "{person: 108, language: fi}", "{person: 108, ask_language: true}")
    number = load_plan(folder, TODAY).numbers["018000108"]
    assert (number.target, number.asks_language) == ("108", True)
