"""Feature codes, as people dial them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from core.plans import DAY, EXCHANGE, PLAN, ZONE, at
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_bridge.core import codes
from pbx_bridge.core.commands import CancelReferral, Command, SetReferral, SignIn, SignOut
from pbx_bridge.core.sentences import Sentence
from pbx_bridge.core.state import Referral

ANNA = PLAN.people["101"]


def read(
    digits: str, now: datetime = DAY
) -> (
    Command | codes.Ask | codes.Hear | codes.HearMessages | codes.PickUp | codes.Returns | Sentence
):
    return codes.read(digits, ANNA, EXCHANGE, now)


def problem(digits: str, now: datetime = DAY) -> str:
    found = read(digits, now)
    assert isinstance(found, Sentence), found
    return found.key


def until(digits: str, now: datetime = DAY) -> datetime:
    found = read(digits, now)
    assert isinstance(found, SetReferral), found
    return found.until


@pytest.mark.parametrize(
    ("digits", "reason", "end"),
    [
        ("*23*1*1430#", "lunch", "2026-03-03 14:30"),
        ("*23*1*1430", "lunch", "2026-03-03 14:30"),  # some telephones keep the square
        ("*23*2*1001#", "mote", "2026-03-03 10:01"),
        ("*23*4*0730#", "gatt_for_dagen", "2026-03-04 07:30"),  # passed: tomorrow
        ("*23*4*1800#", "gatt_for_dagen", "2026-03-03 18:00"),
        ("*23*8*2359#", "distans", "2026-03-03 23:59"),
        ("*23*3*0323#", "ledig", "2026-03-23 08:30"),  # back when the office opens
        ("*23*5*0307#", "semester", "2026-03-09 08:30"),  # a Saturday: Monday
        ("*23*5*0403#", "semester", "2026-04-07 08:30"),  # Good Friday: after Easter
        ("*23*5*0302#", "semester", "2027-03-02 08:30"),  # passed: next year
        ("*23*6*1530#", "sjuk", "2026-03-03 15:30"),  # no such month: a clock time
        ("*23*1*0323*1015#", "lunch", "2026-03-23 10:15"),
        ("*23*5*0323*1015#", "semester", "2026-03-23 10:15"),
        ("*23*5*0303*1015#", "semester", "2026-03-03 10:15"),  # today
        ("*23*5*0229#", "semester", "2028-02-29 08:30"),  # the next leap day
        ("*23*5*0229*0900#", "semester", "2028-02-29 09:00"),
        ("*23*5*1231#", "semester", "2027-01-04 08:30"),  # New Year's Eve is closed here
    ],
)
def test_a_referral_is_set_with_its_end(digits: str, reason: str, end: str) -> None:
    assert read(digits) == SetReferral("101", reason, at(end), by="101")


@pytest.mark.parametrize(
    ("digits", "key"),
    [
        ("*23*1*0930#", "refused-time-passed"),
        ("*23*1*1000#", "refused-time-passed"),  # this very minute
        ("*23*5*0303*0959#", "refused-time-passed"),
        ("*23*5*0303#", "refused-time-passed"),  # the office opened an hour ago
        ("*23*1*2500#", "refused-bad-time"),
        ("*23*1*1260#", "refused-bad-time"),
        ("*23*5*0231#", "refused-bad-time"),
        ("*23*5*0231*1000#", "refused-bad-time"),
        ("*23*5*0323*2500#", "refused-bad-time"),
        ("*23*5*9999#", "refused-bad-time"),
        ("*23*5#", "refused-end-needed"),
        ("*23*1*#", "refused-bad-time"),
        ("*23*1*14#", "refused-bad-time"),
        ("*23*1*143#", "refused-bad-time"),
        ("*23*1*14300#", "refused-bad-time"),
        ("*23*1*1430*#", "refused-bad-time"),
        ("*23*1*1430*1430*1430#", "refused-bad-time"),
        ("*23*1*+430#", "refused-bad-time"),
        ("*23*1*1430##", "refused-bad-time"),
        ("*23*11*1430#", "refused-unknown-reason"),
        ("*23**1430#", "refused-unknown-reason"),
        ("*23*#", "refused-unknown-reason"),
        ("*23*", "refused-unknown-reason"),
        ("*23#", "refused-unknown-code"),
        ("*23", "refused-unknown-code"),
        ("*", "refused-unknown-code"),
        ("#", "refused-unknown-code"),
        ("##23#", "refused-unknown-code"),
        ("#23#1", "refused-unknown-code"),
        ("*28*9#", "refused-unknown-code"),
        ("*28*#", "refused-unknown-code"),
        ("#28*12#", "refused-unknown-code"),
        ("*230*199*1*1430#", "refused-no-such-colleague"),
    ],
)
def test_f38_half_codes_and_impossible_times_are_refused(digits: str, key: str) -> None:
    assert problem(digits) == key


def test_the_other_codes_do_what_they_say() -> None:
    assert read("#23#") == CancelReferral("101", by="101")
    assert isinstance(read("*#23#"), codes.Ask)
    assert read("*28*2#") == SignIn("bygglov", "101", by="101")
    assert read("#28*2#") == SignOut("bygglov", "101", by="101")
    assert read("*28*1#") == SignIn("vaxel", "101", by="101")  # `handle` knows who may


def test_f29_a_time_that_the_spring_change_skips_is_the_one_the_clock_will_show() -> None:
    end = until("*23*1*0330#", at("2026-03-29 01:00"))
    assert end == at("2026-03-29 04:30")
    assert end.astimezone(UTC) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "end"),
    [
        (datetime(2026, 10, 24, 23, 0, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (datetime(2026, 10, 25, 0, 10, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        (datetime(2026, 10, 25, 1, 10, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
    ],
)
def test_f29_a_time_that_comes_twice_is_the_next_one(now: datetime, end: datetime) -> None:
    assert until("*23*1*0330#", now.astimezone(ZONE)).astimezone(UTC) == end
    assert until("*23*4*0330#", now.astimezone(ZONE)).astimezone(UTC) == end


def test_f29_when_both_have_passed_it_is_refused_or_tomorrow() -> None:
    late = datetime(2026, 10, 25, 1, 31, tzinfo=UTC).astimezone(ZONE)
    assert problem("*23*1*0330#", late) == "refused-time-passed"
    assert until("*23*4*0330#", late) == at("2026-10-26 03:30")


def test_f29_today_is_the_day_of_the_plans_zone() -> None:
    after_midnight = at("2026-03-04 00:30")
    for now in (after_midnight, after_midnight.astimezone(UTC)):
        assert until("*23*5*0304#", now) == at("2026-03-04 08:30")
        assert until("*23*5*0303#", now) == at("2027-03-03 08:30")
        assert until("*23*5*0304*0100#", now) == at("2026-03-04 01:00")


@pytest.mark.parametrize(
    ("digits", "yes"), [("*1", True), ("#", True), ("112", False), ("", False)]
)
def test_codes_begin_with_a_star_or_a_square(digits: str, yes: bool) -> None:
    assert codes.is_code(digits) is yes


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.builds("{}{}".format, st.sampled_from("*#"), st.text("0123456789*#", max_size=20)),
        st.builds("*23*{}*{:04}#".format, st.integers(0, 9), st.integers(0, 2500)),
        st.builds(
            "*23*{}*{:04}*{:04}#".format,
            st.integers(0, 9),
            st.integers(0, 1300),
            st.integers(0, 2500),
        ),
    ),
    st.datetimes(
        min_value=datetime(2026, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        max_value=datetime(2029, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
        timezones=st.just(ZONE),
    ),
)
def test_whatever_is_dialled_a_referral_ends_in_the_future_or_a_refusal_is_spoken(
    digits: str, now: datetime
) -> None:
    match read(digits, now):
        case SetReferral(person, reason, end, by):
            assert person == by == "101"
            assert reason in PLAN.reasons_by_name
            assert end.astimezone(UTC) > now.astimezone(UTC)
            assert end == end.astimezone(UTC).astimezone(ZONE)
        case Sentence(key):
            assert key.startswith("refused-")
        case CancelReferral(person) | SignIn(_, person) | SignOut(_, person):
            assert person == "101"
        case codes.Ask():
            assert digits == "*#23#"


@pytest.mark.parametrize(
    ("digits", "begins"),
    [
        ("#23*1300#", "2026-03-03 13:00"),
        ("#23*0310#", "2026-03-10 08:30"),
        ("#23*0310*0830#", "2026-03-10 08:30"),
        ("#23*0830#", "2026-03-10 08:30"),  # the next one that begins at that time
        ("#230*101*1300#", "2026-03-03 13:00"),
    ],
)
def test_s15_a_planned_referral_is_cancelled_by_its_beginning(digits: str, begins: str) -> None:
    held = tuple(
        Referral("101", "mote", at(since), at(since) + timedelta(hours=1))
        for since in ("2026-03-03 09:30", "2026-03-03 13:00", "2026-03-10 08:30")
    )
    exchange = replace(EXCHANGE, referrals={"101": held})
    found = codes.read(digits, ANNA, exchange, DAY)
    assert found == CancelReferral("101", by="101", at=at(begins))


@pytest.mark.parametrize("digits", ["#23*1301#", "#23*0930#", "#23**#", "#230*101*x#", "#23*1#"])
def test_no_planned_referral_begins_then(digits: str) -> None:
    held = (Referral("101", "mote", at("2026-03-03 09:30"), at("2026-03-03 10:30")),)
    exchange = replace(EXCHANGE, referrals={"101": held})
    found = codes.read(digits, ANNA, exchange, DAY)
    assert isinstance(found, Sentence)
    assert found.key == "refused-no-planned"


@pytest.mark.parametrize(
    ("dialled", "found"),
    [
        ("#31#0457111333", ("0457111333", True)),
        ("*31#+46701234567", ("+46701234567", False)),
        ("#31#*23#", ("#31#*23#", None)),
        ("#31#", ("#31#", None)),
        ("0457111333", ("0457111333", None)),
    ],
)
def test_a_number_is_withheld_or_shown_by_what_stands_before_it(
    dialled: str, found: tuple[str, bool | None]
) -> None:
    assert codes.after_identity(dialled, PLAN) == found
