"""The sample municipality loads and shows what an exchange can be asked for."""

from __future__ import annotations

from datetime import date, time, timedelta
from pathlib import Path

import pytest
from config.copies import ROOT, TODAY

from pbx_bridge.config.plan import check, load_plan
from pbx_bridge.core.model import Language, Plan, Returns, Span, TargetKind


@pytest.fixture(scope="module")
def sample() -> Plan:
    return load_plan(ROOT / "dialplan", TODAY)


def test_the_sample_has_no_problem_and_the_size_it_claims(sample: Plan) -> None:
    assert check(ROOT / "dialplan", TODAY) == []
    assert len(sample.people) == 13
    assert len(sample.numbers) == 22
    assert len(sample.reasons) == 10
    assert len(sample.units) == 4


def test_the_samples_building_inspector_has_a_colleague_who_agreed(sample: Plan) -> None:
    anna = sample.people["101"]
    assert (anna.name, anna.title, anna.unit) == ("Anna Berg", "byggnadsinspektör", anna.unit)
    assert anna.deputies == ("102",)
    assert anna.agreed == {"102"}
    assert sample.people["102"].name == "Bo Ek"
    assert sample.people["102"].unit == anna.unit == "byggnadstillsynen"
    assert anna.foreman in sample.people


def test_the_samples_switchboard_is_attended_and_backed_up(sample: Plan) -> None:
    line = sample.switchboard
    assert line.title[Language.SV] == "växeln"
    assert line.title[Language.FI] == "vaihde"
    assert line.title[Language.EN] == "the switchboard"
    assert (line.code, line.attended, line.signed_in, line.mailbox) == ("1", True, ("111",), "180")
    assert [sample.people[one].always_answers for one in line.backups] == [False, True]
    assert all(sample.people[member].operator for member in line.members)


def test_numbers_lead_to_people_and_lines_in_their_language(sample: Plan) -> None:
    assert sample.numbers["018000101"].kind is TargetKind.PERSON
    assert sample.numbers["018000120"].target == "vaxel"
    assert sample.numbers["018000120"].language is Language.FI
    assert sample.caller_id in sample.numbers


def test_health_is_never_told(sample: Plan) -> None:
    ill = sample.reasons_by_name["sjuk"]
    assert ill.public[Language.SV] == "är frånvarande"
    assert ill.returns is Returns.DATE
    assert {name for name, one in sample.reasons_by_name.items() if one.note_required} == {
        "upptagen",
        "franvarande",
    }


def test_alands_holidays_and_the_sites_own_days_are_closed(sample: Plan) -> None:
    assert "självstyrelsedag" in sample.holidays[date(2026, 6, 9)]
    assert sample.holidays[date(2026, 12, 31)] == "nyårsafton"
    assert sample.holidays[date(2026, 5, 15)].startswith("klämdag")
    assert {day.year for day in sample.holidays} == {2025, 2026, 2027, 2028}


def test_the_on_call_line_covers_the_whole_holiday(sample: Plan) -> None:
    on_call = sample.schedules["jourtid"]
    whole = (Span(time(0), time(0)),)
    assert on_call.week[5] == on_call.week[6] == on_call.holidays == whole
    assert on_call.week[0] == (Span(time(0), time(8)), Span(time(16), time(0)))


def test_s14_the_sample_has_deputies_who_agreed_and_deputies_who_are_asked(sample: Plan) -> None:
    fredrik, bo = sample.people["106"], sample.people["102"]
    assert fredrik.deputies == ("107", "109", "103")
    assert fredrik.agreed == {"107", "109"}
    assert (bo.deputies, bo.agreed) == (("101",), frozenset())


def test_s19_the_sample_shields_people_outside_working_hours_that_have_no_lunch(
    sample: Plan,
) -> None:
    assert {person.hours for person in sample.people.values()} == {"arbetstid"}
    assert {who for who, person in sample.people.items() if not person.shielded} == {
        "109",
        "120",
    }
    working = sample.schedules["arbetstid"]
    assert working.week[0] == (Span(time(8), time(16)),)
    assert working.days.keys() == sample.schedules["kontorstid"].days.keys()


def test_the_samples_mobile_phones_and_vip_are_made_up(sample: Plan) -> None:
    mobiles = {who: person.mobile for who, person in sample.people.items() if person.mobile}
    assert mobiles == {"102": "0457000102", "105": "0457000105"}
    assert [who for who, person in sample.people.items() if person.rings_mobile] == ["105"]
    assert sample.people["103"].vip == {"104", "0457000199"}
    assert [who for who, person in sample.people.items() if person.push_through] == ["101"]


def test_the_sample_has_a_menu_and_a_number_that_asks_for_the_language(sample: Plan) -> None:
    menu, asking = sample.numbers["018000123"], sample.numbers["018000122"]
    assert (menu.kind, menu.target, menu.asks_language) == (TargetKind.MENU, "", False)
    assert (asking.kind, asking.target, asking.asks_language) == (TargetKind.LINE, "vaxel", True)
    assert sample.organisation.pin_for_known_mobiles
    assert sample.organisation.offer_seconds == 60
    assert sample.units["byggnadstillsynen"].line == "bygglov"


def test_the_samples_reasons_end_by_themselves_and_offer_notes(sample: Plan) -> None:
    reasons = sample.reasons_by_name
    assert reasons["lunch"].lasts == timedelta(minutes=45)
    assert {name for name, reason in reasons.items() if reason.rest_of_day} == {
        "gatt_for_dagen",
        "sjuk",
        "distans",
    }
    assert {name for name, reason in reasons.items() if reason.unplanned} == {"sjuk", "franvarande"}
    assert [name for name, reason in reasons.items() if reason.private] == ["sjuk"]
    assert {name for name, reason in reasons.items() if reason.notes} == {
        "distans",
        "upptagen",
        "franvarande",
    }


def test_a_comment_in_the_sample_shows_a_person_who_can_really_be_added(folder: Path) -> None:
    """The block to be copied is uncommented, and passes."""
    lines = (folder / "people.yaml").read_text(encoding="utf-8").splitlines()
    start = lines.index("#   114:")
    block = [line.removeprefix("#   ") for line in lines[start : lines.index("#", start)]]
    (folder / "people.yaml").write_text("\n".join([*lines, *block]), encoding="utf-8")
    with (folder / "numbers.yaml").open("a", encoding="utf-8") as file:
        file.write("018 000 114: {person: 114}\n")
    plan = load_plan(folder, TODAY)
    assert plan.people["114"].name == "Frida Falk"
    assert plan.people["114"].deputies == ("105", "104")
    assert plan.numbers["018000114"].target == "114"
