"""Real calls at other moments than a Tuesday before lunch: evenings, holidays, clock changes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from calls.conftest import bridge_dead, command, mirrored, opened

from pbx_bridge.softphone.behaviour import Answers, Press
from pbx_bridge.stage import Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

SOON = Answers(after_s=0.3, talks_s=1.0)
ENGLISH = Press("9", after_s=0.5, after_silence_s=0.1)


def clock(text: str, *, second: bool = False) -> datetime:
    """A reading of the wall clock; the second of a night in which it comes twice."""
    return datetime.fromisoformat(text).replace(fold=int(second))


async def until(stage: Stage, moment: datetime) -> None:
    """Wait for a moment by the exchange's clock."""
    now = datetime.fromisoformat((await stage.ask("status"))["now"])
    await asyncio.sleep(max(0.0, (moment - now.astimezone(UTC)).total_seconds()) + 1.0)


async def test_s7_before_christmas_callers_are_told_the_first_working_morning(
    town: Path, tmp_path: Path
) -> None:
    async with opened(town, tmp_path, clock("2026-12-23T15:20")) as stage:
        set_, finnish = await asyncio.gather(
            stage.call("*23*4#", phone="102"), stage.call("*23*4", phone="108")
        )
        assert "åter på måndag klockan halv nio" in set_.heard
        assert "palaa maanantaina kello puoli yhdeksän" in finnish.heard
        told, in_finnish, english = await asyncio.gather(
            stage.call("018000102", hold_s=9.0),
            stage.call("018000108", hold_s=9.0),
            stage.call("018000130", press=[ENGLISH], hold_s=9.0),
        )
    assert "Bo Ek har gått för dagen och är åter på måndag klockan halv nio." in told.heard
    assert "Heidi Salonen on lähtenyt tältä päivältä ja palaa maanantaina" in in_finnish.heard
    assert "We open on Monday at nine o'clock." in english.heard


@pytest.mark.parametrize("second", [False, True])
async def test_f29_in_the_night_that_has_an_hour_twice_the_reading_that_lies_ahead_is_meant(
    town: Path, tmp_path: Path, second: bool
) -> None:
    began = clock("2026-10-25T03:29:10", second=second)
    async with opened(town, tmp_path, began) as stage, stage.phone("109", SOON) as ingrid:
        set_ = await stage.call("*23*2*0330#", phone="109", hold_s=10.0)
        assert "är åter i dag klockan halv fyra på natten." in set_.heard
        told = await stage.call("018000109", hold_s=6.0)
        assert "Ingrid Nyman är i möte och är åter i dag klockan halv fyra" in told.heard
        assert not ingrid.received
        ends = datetime(2026, 10, 25, 0, 30, tzinfo=UTC) + timedelta(hours=second)
        await until(stage, ends)
        back = await stage.call("018000109")
    assert back.whys == ["person-rings"]
    assert back.journey.answered_by == "109"


async def test_f29_a_time_that_the_spring_night_skips_is_an_hour_later_and_the_end_comes(
    town: Path, tmp_path: Path
) -> None:
    async with (
        opened(town, tmp_path, clock("2027-03-28T02:59:15")) as stage,
        stage.phone("109", SOON) as ingrid,
    ):
        set_ = await stage.call("*23*2*0330#", phone="109", hold_s=10.0)
        assert "är åter i dag klockan halv fem på natten." in set_.heard
        await command(stage, "CancelReferral", person="109")
        change = datetime(2027, 3, 28, 1, 0, tzinfo=UTC)
        ends = change + timedelta(seconds=12)
        await command(stage, "SetReferral", person="109", reason="mote", until=ends.isoformat())
        told = await stage.call("018000109", hold_s=6.0)
        assert "Ingrid Nyman är i möte och är åter i dag klockan fyra på natten." in told.heard
        assert not ingrid.received
        await until(stage, ends)
        back = await stage.call("018000109")
    assert back.journey.answered_by == "109"


async def test_s19_in_the_evening_only_those_ring_who_may(town: Path, tmp_path: Path) -> None:
    async with (
        opened(town, tmp_path, clock("2026-11-24T20:00")) as stage,
        stage.phone("101", SOON) as anna,
        stage.phone("103", SOON) as cecilia,
        stage.phone("109", SOON),
        stage.phone("110", SOON),
    ):
        asked = await stage.call("*23*2*1126*1430#", phone="102", hold_s=2.0)
        assert "command-done" in asked.whys
        off_duty, on_call, unshielded, vip = await asyncio.gather(
            stage.call("018000101", hold_s=8.0),
            stage.call("018000140"),
            stage.call("018000109"),
            stage.call("018000103", from_number="0457000199"),
        )
        assert "Anna Berg har inte arbetstid nu och kan nås igen i morgon klockan" in off_duty.heard
        assert on_call.journey.answered_by == "110"
        assert unshielded.journey.answered_by == "109"
        assert (vip.whys[0], vip.journey.answered_by) == ("person-vip", "103")
        refused = await stage.call("018000103", hold_s=6.0)
        assert "Cecilia Sund har inte arbetstid nu" in refused.heard
        assert len(cecilia.received) == 1
        status = await stage.ask("status")
        assert [one["consent"] for one in status["forwards"]] == ["asked"]
        assert not anna.received, "nobody is asked in the evening"


async def test_without_the_bridge_a_colleague_who_agreed_rings_and_the_shield_holds(
    town: Path, tmp_path: Path
) -> None:
    async with (
        opened(town, tmp_path, clock("2026-11-24T15:50")) as stage,
        stage.phone("101", SOON) as anna,
        stage.phone("111", SOON),
    ):
        until_ = "2026-11-25T14:30:00+02:00"
        for person in ("102", "106"):
            await command(stage, "SetReferral", person=person, reason="mote", until=until_)
        yes = {"person": "102", "to": "101", "accepts": True}
        assert await command(stage, "AnswerForward", **yes) == "command-done"
        await mirrored(stage)
        async with bridge_dead(stage):
            told, nobody = await asyncio.gather(
                stage.call("018000102"), stage.call("018000106", hold_s=8.0)
            )
            assert told.heard.startswith(
                "Bo Ek är i möte och är åter onsdagen den tjugofemte november"
            )
            assert told.journey.answered_by == "101"
            assert len(anna.received) >= 1
            assert "Fredrik Dahl är i möte" in nobody.heard
            assert "103" not in [leg.endpoint for leg in nobody.journey.legs], "she was only asked"
        again = await stage.call("018000102")
    assert again.journey.answered_by == "101"
    assert not any(why.startswith("fallback-") for why in again.whys)


async def test_f20_deputies_of_each_other_who_are_both_away_make_no_loop(stage: Stage) -> None:
    until_ = "2026-11-24T14:30:00+02:00"
    await command(stage, "SignIn", line="bygglov", person="102")
    await command(stage, "SetReferral", person="101", reason="mote", until=until_)
    await command(stage, "SetReferral", person="102", reason="mote", until=until_)
    async with stage.phone("111", SOON):
        made = await stage.call("018000101")
    assert "Anna Berg är i möte och är åter i dag klockan halv tre." in made.heard
    assert made.journey.answered_by == "111"
    assert not {"101", "102"} & {leg.endpoint for leg in made.journey.legs}


async def test_s11_a_remote_day_rings_and_the_switchboard_hears_how_visitors_are_served(
    stage: Stage,
) -> None:
    note = [Press("1", after_s=0.6, after_silence_s=0.1)]
    set_ = await stage.call("*23*8#", phone="105", press=note)
    assert "Elin Strand arbetar på distans till" in set_.heard
    async with stage.phone("105", SOON):
        rung, list_ = await asyncio.gather(stage.call("018000105"), stage.call("*27#", phone="111"))
    assert rung.journey.answered_by == "105"
    assert "Elin Strand arbetar på distans." in list_.heard
    assert "en kollega tar emot besökare" in list_.heard
