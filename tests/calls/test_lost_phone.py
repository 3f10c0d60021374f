"""A telephone is lost: nothing works from it and nothing reaches it, within a second (S26, F40)."""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from calls.attended import alarm, at, in_talk, town_with
from calls.conftest import command, mirrored
from calls.desk import Desk, Dialog, desk

from pbx_bridge.asterisk import secrets
from pbx_bridge.bootstrap import SECRETS
from pbx_bridge.cli.options import exchange_of
from pbx_bridge.softphone.behaviour import Answers, NeverAnswers, Press
from pbx_bridge.softphone.trunk import Operator
from pbx_bridge.stage import Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="module")]

AT_ONCE_S = 1.0
LONGEST_ESCALATION_S = 5.0
MOBILE = "0457000105"
REFUSED = 401
"""Asterisk asks for the password again: what was given isn't it."""
SOON = Answers(after_s=0.2, talks_s=1.0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(town: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """An exchange of its own: passwords change here."""
    async with town_with(town, tmp_path_factory.mktemp("lost"), at("10:00")) as stage:
        yield stage


def password(stage: Stage, endpoint: str) -> str:
    """Of the moment, as `phone` would print it."""
    return secrets.password(stage.up.site.deployment.state / SECRETS, endpoint)


def pin(stage: Stage, extension: str) -> str:
    """Of the moment: what is found again has another one."""
    return secrets.pin(stage.up.site.deployment.state / SECRETS, extension)


async def over(dialog: Dialog, began: float) -> float:
    """Seconds until a call of the phone was ended by the exchange."""
    async with asyncio.timeout(5):
        await dialog.over.wait()
    return time.monotonic() - began


async def cli(stage: Stage, *words: str) -> tuple[int, str]:
    """The command line; its exit code and what it says."""
    deployment = stage.up.site.deployment
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pbx_bridge", words[0]),
        *("--config", str(deployment.dialplan.parent / "config.yaml")),
        *("--state", str(deployment.state)),
        *words[1:],
        stdout=PIPE,
        stderr=STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def contacts(stage: Stage) -> str:
    return await stage.up.asterisk.console("pjsip show contacts")


async def found_again(stage: Stage, extension: str, device: str = "") -> None:
    code, said = await cli(stage, "found", extension, *([device] if device else []))
    assert code == 0, said


async def test_f40_nothing_works_from_it_and_nothing_reaches_it_within_a_second(
    house: Stage, operator_port: int
) -> None:
    """Its talks end, its registration too; it may not register or call, and is rung no more; the
    mobile neither; an emergency call that is under way goes on."""
    lost = password(house, "105")
    async with (
        Operator(house.sipp, operator_port, {"112": Answers(), MOBILE: NeverAnswers()}) as operator,
        house.phone("111", SOON) as switchboard,
        desk(house.up.running.sip, "105", lost) as phone,
    ):
        async with house.caller("018000105") as caller:
            takes = await phone.rang()
            async with asyncio.timeout(5):
                while not operator.rings:
                    await asyncio.sleep(0.02)
            talk = takes()
            await caller.answered()
            emergency = await phone.dial("112")
            began = time.monotonic()
            assert (
                await command(house, "BlockPhone", person="105", note="på färjan") == "command-done"
            )
            told = time.monotonic() - began
            ended = await over(talk, began)
            registers, (_, dials) = await phone.registers(), await phone.dials("018000101")
            refused = time.monotonic() - began
            print(f"done after {told:.3f} s, talk ended {ended:.3f}, refused by {refused:.3f}")
            assert max(told, ended, refused) < AT_ONCE_S
            assert (registers, dials) == (REFUSED, REFUSED)
            assert "sip:105@" not in await contacts(house)
            await caller.ended()
        assert not emergency.over.is_set()
        await phone.hang_up(emergency)
        made = await house.call("018000105")
        assert made.whys[0] == "person-blocked"
        assert made.heard.startswith("Elin Strand kan inte nås just nu.")
        assert made.journey.answered_by == "111"
        assert len(switchboard.received) == 1
        menu = await house.call("018000123", from_number=MOBILE)
        assert menu.heard == "Den här telefonen är spärrad. Kontakta växeln."
        by_pin = await house.call("018000123", press=_as("105", pin(house, "105")))
        assert "Den här telefonen är spärrad. Kontakta växeln." in by_pin.heard
        assert "Tryck ett" not in by_pin.heard
        override = await house.call("*29*105#", phone="111")
        assert "person-blocked" in override.whys
        assert override.heard == "Elin Strand kan inte nås just nu."
        assert len(operator.rings) == 2, "neither the mobile nor anybody else was called"
        await _notices(house)
        await _survives(house, phone)
        await _opens_again(house, phone, lost)


def _as(extension: str, typed: str) -> tuple[Press, ...]:
    return (
        Press(f"{extension}#", after_silence_s=1.0),
        Press(f"{typed}#", after_silence_s=1.0),
    )


async def _notices(house: Stage) -> None:
    """Foreman and head of office, with the address that it was seen at; it is in status, too."""
    held = [one for one in exchange_of(house.up.site).outbox.values() if one.person == "105"]
    assert {one.to for one in held if one.about == "phone-blocked"} == {"", "104"}
    seen = next(one for one in held if one.about == "phone-blocked").seen
    assert [(one.endpoint, one.address.partition(":")[0], one.registered) for one in seen] == [
        ("105", "127.0.0.1", True)
    ]
    (status,) = (await house.ask("status"))["blocked"]
    assert (status["extension"], status["device"]) == ("105", "")


async def _survives(house: Stage, phone: Desk) -> None:
    """Without the bridge, after a restart of Asterisk, and with both again."""
    await mirrored(house)
    await house.up.bridge.kill()
    assert await phone.registers() == REFUSED
    made = await house.call("018000105")
    assert made.whys[0] == "fallback-person-rings"
    assert made.journey.answered_by == "111"
    await house.up.asterisk.stop()
    await house.up.asterisk.start()
    assert await phone.registers() == REFUSED
    await house.up.bridge.start()
    assert await phone.registers() == REFUSED
    assert [one["extension"] for one in (await house.ask("status"))["blocked"]] == ["105"]


async def _opens_again(house: Stage, phone: Desk, lost: str) -> None:
    """With a new password at once, and never again with the one that was lost."""
    await found_again(house, "105")
    assert password(house, "105") != lost
    assert await phone.registers() == REFUSED
    async with desk(house.up.running.sip, "105", password(house, "105")) as again:
        caller = house.caller("018000105")
        async with caller:
            await again.answer()
            await caller.answered()
            await caller.hang_up()
        await caller.ended()


async def test_s18_the_line_that_it_attends_is_covered_at_once(house: Stage) -> None:
    """By a code on another phone; the caller it talks with is let go, who waits rings at the
    backup."""
    async with (
        house.phone("104", Answers(after_s=0.2)) as backup,
        desk(house.up.running.sip, "111", password(house, "111")) as karin,
    ):
        async with asyncio.timeout(10):
            while await alarm(house, "vaxel") is not None:
                await asyncio.sleep(0.05)
        async with house.caller("018000100") as talking, house.caller("018000120"):
            talk = await karin.answer()
            await talking.answered()
            made = asyncio.create_task(house.call("*26*111#", phone="113", hold_s=8.0))
            async with asyncio.timeout(8):
                await talk.over.wait()
            began = time.monotonic()
            await in_talk(backup)
            passed = time.monotonic() - began
            print(f"the backup talks {passed:.2f} s after the talk was ended")
            assert passed < LONGEST_ESCALATION_S
            raised = await alarm(house, "vaxel")
            assert raised is not None
            assert raised["missing"] == ["Karin Lund"]
            assert raised["joined"] == ["Daniel Holm"]
            assert "Ingenting fungerar längre från telefonen för Karin Lund" in (await made).heard
    await found_again(house, "111")


async def test_a_technician_blocks_a_phone_while_the_bridge_is_dead(house: Stage) -> None:
    """By Asterisk alone, at once; the next bridge knows it, and tells the foreman."""
    async with desk(house.up.running.sip, "107", password(house, "107")) as phone:
        talk = await phone.dial("*97")
        await house.up.bridge.kill()
        code, said = await cli(house, "lost", "107", "--note", "tåget")
        assert code == 0, said
        assert "Ingenting fungerar längre från telefonen för Gun Lindroos" in said
        assert "It is done without the bridge." in said
        await over(talk, time.monotonic())
        assert await phone.registers() == REFUSED
        assert "sip:107@" not in await contacts(house)
        await house.up.bridge.start()
        assert await phone.registers() == REFUSED
        assert [one["extension"] for one in (await house.ask("status"))["blocked"]] == ["107"]
        held = exchange_of(house.up.site).outbox.values()
        told = next(one for one in held if one.person == "107" and one.to == "106")
        assert told.note == "tåget"
        assert [one.endpoint for one in told.seen] == ["107"]
        await found_again(house, "107")


async def test_who_is_in_the_menu_with_the_pin_from_elsewhere_is_put_out(house: Stage) -> None:
    """The PIN is lost with the telephone; the call is one of a stranger's."""
    first = len(house.watch.events)
    calling = asyncio.create_task(
        house.call("018000123", press=(*_as("107", pin(house, "107")), Press("1", after_s=60.0)))
    )
    async with asyncio.timeout(45):
        # First the extension is asked for, and then what is wanted.
        while sum("ask|menu|" in one.extra for one in house.watch.events[first:]) < 2:
            await asyncio.sleep(0.05)
    began = time.monotonic()
    assert await command(house, "BlockPhone", person="107") == "command-done"
    made = await calling
    passed = time.monotonic() - began
    print(f"the call ended {passed:.2f} s after the block was asked for")
    assert passed < 5.0, "it isn't left until the sentence is over and a key is waited for"
    assert "Den här telefonen är spärrad" not in made.heard, "it was cut"
    await found_again(house, "107")


async def test_one_lost_device_leaves_the_others_as_they_were(house: Stage) -> None:
    async with (
        desk(house.up.running.sip, "104", password(house, "104")) as phone,
        desk(house.up.running.sip, "104-softphone", password(house, "104-softphone")) as lost,
    ):
        code, said = await cli(house, "lost", "104", "softphone")
        assert code == 0, said
        assert (await lost.registers(), await phone.registers()) == (REFUSED, 200)
        async with house.caller("018000104") as caller:
            await phone.answer()
            await caller.answered()
            await caller.hang_up()
    await found_again(house, "104", "softphone")
