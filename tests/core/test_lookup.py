"""What dialplans are told by FastAGI."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pbx_bridge.core.countries import FINLAND
from pbx_bridge.core.lookup import lookup
from pbx_bridge.core.model import (
    Codes,
    Dialling,
    Language,
    Line,
    Organisation,
    Person,
    Plan,
    ReferralReason,
    Text,
)
from pbx_bridge.core.state import Exchange, Referral
from pbx_bridge.core.trunks import Trunk

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BACK = datetime(2026, 11, 23, 14, 30, tzinfo=ZoneInfo("Europe/Mariehamn"))
TEXT = dict.fromkeys(Language, "")


AWAY = dict.fromkeys(Language, "är frånvarande")


def reason(
    digit: str, name: str, public: Text = TEXT, *, reachable: bool = False, private: bool = False
) -> ReferralReason:
    return ReferralReason(digit, name, public, reachable=reachable, private=private)


REASONS = (
    reason("1", "lunch"),
    reason("6", "sjuk", AWAY, private=True),
    reason("7", "sick", AWAY, private=True),
    reason("8", "distans", reachable=True),
    reason("0", "franvarande", AWAY),
)
PLAN = Plan(
    version="1",
    organisation=Organisation("norrskar", TEXT, "vaxel", ZoneInfo("Europe/Mariehamn")),
    units={},
    people={"101": Person("101", "Berit Exempel", "", "")},
    lines={"vaxel": Line("vaxel", TEXT, "1", "", ())},
    schedules={},
    numbers={},
    reasons={one.digit: one for one in REASONS},
    codes=Codes(),
    trunks={"trunk": Trunk("trunk", ("127.0.0.1:5060",))},
    dialling=Dialling.of(FINLAND),
    holidays={},
)
NOBODY_AWAY = {
    "REFERRAL_SET": "0",
    "REFERRAL_REASON": "",
    "REFERRAL_UNTIL": "",
    "REFERRAL_AUDIO": "",
}


def away(name: str) -> Exchange:
    return Exchange(PLAN, {"101": (Referral("101", name, NOW - timedelta(hours=1), BACK),)})


def test_a_referral_is_told_with_reason_end_and_sound() -> None:
    told = lookup("/referral/101", away("lunch"), NOW, lambda extension: f"sounds/{extension}")
    assert told == {
        "REFERRAL_SET": "1",
        "REFERRAL_REASON": "lunch",
        "REFERRAL_UNTIL": "1795437000",
        "REFERRAL_AUDIO": "sounds/101",
    }
    assert datetime.fromtimestamp(int(told["REFERRAL_UNTIL"]), UTC) == BACK


def test_without_speech_the_sound_is_empty() -> None:
    assert lookup("/referral/101", away("lunch"), NOW, None)["REFERRAL_AUDIO"] == ""


def test_every_variable_is_set_when_nobody_is_away_so_that_none_is_left_over() -> None:
    assert lookup("/referral/101", Exchange(PLAN), NOW, None) == NOBODY_AWAY


def test_a_referral_whose_end_has_passed_is_none() -> None:
    assert lookup("/referral/101", away("lunch"), BACK, None) == NOBODY_AWAY


def test_remote_work_is_no_absence() -> None:
    assert lookup("/referral/101", away("distans"), NOW, None) == NOBODY_AWAY


@pytest.mark.parametrize("name", ["sjuk", "sick", "franvarande"])
def test_sickness_is_told_as_absence_like_any_other(name: str) -> None:
    assert lookup("/referral/101", away(name), NOW, None)["REFERRAL_REASON"] == "absent"


@pytest.mark.parametrize(
    "path", ["", "/", "/referral", "/referral/", "/referral/999", "/referral/101/x", "/x/101"]
)
def test_nothing_is_known_at_other_paths(path: str) -> None:
    assert lookup(path, away("lunch"), NOW, None) == {}


def test_a_query_after_the_path_is_ignored() -> None:
    assert lookup("/referral/101?x=1", away("lunch"), NOW, None)["REFERRAL_SET"] == "1"
