"""The voice menu with real calls: from mobiles, in three languages, keys by RTP and by INFO."""

from __future__ import annotations

import pytest
from calls.conftest import command

from pbx_bridge.cli.calling import CALLER
from pbx_bridge.core.latency import Outcome
from pbx_bridge.softphone.behaviour import How, Press
from pbx_bridge.stage import Made, Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

MENU = "018000123"
MOBILE = "0457000102"
UNTIL = "2026-11-24T14:30:00+02:00"


async def menu(
    stage: Stage, *keys: str, caller: str = MOBILE, phone: str = "", how: How = How.RTP
) -> Made:
    """Call the menu and press `keys` in the midst of one prompt after the other."""
    press = [Press(one, after_s=0.6, after_silence_s=0.1, how=how) for one in keys]
    return await stage.call(MENU, press=press, phone=phone, from_number=caller)


@pytest.mark.parametrize("how", [How.RTP, How.INFO])
async def test_s8_a_referral_is_set_from_a_mobile_with_its_pin(stage: Stage, how: How) -> None:
    made = await menu(stage, f"{stage.pins['102']}#", "1", "2", "1430#", "1", how=how)
    assert made.whys[:3] == ["pin-asked", "menu", "menu"]
    assert "Hänvisningen är satt. Den som ringer får höra: Bo Ek är i möte" in made.heard
    assert "Anna Berg får frågan om att ta samtalen." in made.heard
    assert made.journey.outcome is Outcome.CODE
    status = await stage.ask("status")
    (referral,) = status["referrals"]
    assert (referral["extension"], referral["until"]) == ("102", "2026-11-24T14:30+02:00")
    await the_pin_is_nowhere(stage, "102")


async def the_pin_is_nowhere(stage: Stage, extension: str) -> None:
    """What was typed stands neither in Asterisk's record nor in its log."""
    running = stage.up.running
    pin = stage.pins[extension]
    assert pin not in running.cel_file.read_text()
    for log in running.cel_file.parent.parent.rglob("*log*"):
        assert not log.is_file() or pin not in log.read_text(errors="replace")


@pytest.mark.parametrize(
    ("extension", "keys", "told"),
    [
        ("108", ("1", "1", "#", "1"), "Heidi Salonen on lounaalla ja palaa tänään kello"),
        ("110", ("2", "2", "1300#", "1430#", "1"), "Johan Öberg is in a meeting and will be back"),
    ],
)
async def test_the_menu_speaks_the_language_of_who_has_proved_who_they_are(
    stage: Stage, extension: str, keys: tuple[str, ...], told: str
) -> None:
    made = await menu(stage, f"{extension}#", f"{stage.pins[extension]}#", *keys, caller=CALLER)
    assert told in made.heard
    status = await stage.ask("status")
    assert [one["extension"] for one in (*status["referrals"], *status["planned"])] == [extension]


async def test_s15_back_early_from_the_own_mobile_and_from_the_desk(stage: Stage) -> None:
    for caller, phone, keys in ((MOBILE, "", [f"{stage.pins['102']}#"]), ("", "102", [])):
        await command(stage, "SetReferral", person="102", reason="mote", until=UNTIL)
        made = await menu(stage, *keys, "3", caller=caller, phone=phone)
        assert "Hänvisningen är borttagen." in made.heard
        assert (await stage.ask("status"))["referrals"] == []


async def test_f38_guessing_is_refused_and_locks(stage: Stage) -> None:
    wrong = f"{(int(stage.pins['105']) + 1) % 1_000_000:06}#"
    caller = "0457000105"
    guessing = await menu(stage, wrong, wrong, wrong, caller=caller)
    assert guessing.heard.count("Fel kod.") == 3
    locked = await menu(stage, wrong, wrong, caller=caller)
    assert "För många försök med fel kod." in locked.heard
    right = await menu(stage, f"{stage.pins['105']}#", caller=caller)
    assert "För många försök med fel kod." in right.heard
    assert "command-done" not in right.whys
    desk = await menu(stage, "1", "1", "#", "1", caller="", phone="105")
    assert "Elin Strand är på lunch och är åter i dag klockan" in desk.heard
