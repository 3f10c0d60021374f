"""Lines that are never left unattended, with real phones that die (S18, F25, F26)."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path

import pytest
from calls.attended import alarm, at, attended_by, in_talk, town_with

from pbx_bridge.bootstrap import database_file
from pbx_bridge.softphone.behaviour import Answers, NeverAnswers, Press
from pbx_bridge.stage import Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

SWITCHBOARD = "018000100"
LONGEST_ESCALATION_S = 5.0
TALKS = Answers(after_s=0.2, talks_s=1.0)


async def attended(stage: Stage, line: str, *, well: bool) -> None:
    """Wait until the alarm of a line is cleared, or raised."""
    async with asyncio.timeout(15):
        while (await alarm(stage, line) is None) is not well:
            await asyncio.sleep(0.05)


def journal(stage: Stage, *kinds: str) -> list[tuple[str, str, datetime]]:
    """Kind, subject and moment of what was journaled, oldest first."""
    path = database_file(stage.up.site.deployment.state)
    marks = ", ".join("?" * len(kinds))
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        rows: Sequence[tuple[str, str, str]] = connection.execute(
            "SELECT kind, coalesce(json_extract(body, '$.line'), json_extract(body, '$.person')), "
            f"json_extract(body, '$.at') FROM journal WHERE kind IN ({marks}) ORDER BY seq",
            kinds,
        ).fetchall()
    return [(kind, whom, datetime.fromisoformat(at)) for kind, whom, at in rows]


async def test_f26_callers_of_a_line_whose_last_phone_dies_ring_at_the_backup(
    stage: Stage, record_property: Callable[[str, object], None]
) -> None:
    """One talks, two wait; the phone dies, the backup rings; then it is back, and answers."""
    async with AsyncExitStack() as stack, stage.phone("104", TALKS) as backup:
        async with stage.phone("111", Answers(after_s=0.2)) as last:
            await attended(stage, "vaxel", well=True)
            talking, second, third = (stage.caller(SWITCHBOARD) for _ in range(3))
            async with talking:
                await last.rang()
                await in_talk(last)
                await stack.enter_async_context(second)
                await stack.enter_async_context(third)
                await asyncio.gather(second.answered(), third.answered())  # the queue's music
                assert not backup.rings
                died = asyncio.get_running_loop().time()
                await last.die()
                await backup.rang()
                passed = asyncio.get_running_loop().time() - died
                record_property("seconds_from_loss_to_backup", round(passed, 2))
                print(f"the backup rang {passed:.2f} s after the last phone had died")
                assert passed < LONGEST_ESCALATION_S
                raised = await alarm(stage, "vaxel")
                assert raised is not None
                assert raised["cause"] == "unreachable"
                assert raised["missing"] == ["Karin Lund"]
                assert raised["joined"] == ["Daniel Holm"]
                await asyncio.gather(second.ended(), third.ended())
                await talking.hang_up()
                await stack.aclose()
        assert [one.number for one in backup.rings]
        assert len(backup.received) == 2
        async with stage.phone("111", TALKS) as again:
            await attended(stage, "vaxel", well=True)
            made = await stage.call(SWITCHBOARD)
            assert made.journey.answered_by == "111"
            assert len(again.received) == 1
            found = [one for one in journal(stage, "LineShort", "LineStaffed") if one[1] == "vaxel"]
        assert len(backup.received) == 2
    assert [kind for kind, _, _ in found[-3:]] == ["LineStaffed", "LineShort", "LineStaffed"]


ACCEPTS = Answers(after_s=0.3, press=(Press("1", after_silence_s=1.0),))


async def test_s18_the_last_one_leaves_once_a_colleague_has_agreed_to_cover(stage: Stage) -> None:
    """Refused, with an offer to name a cover; the cover is rung up, accepts, and attends."""
    async with stage.phone("111", TALKS) as karin, stage.phone("113", ACCEPTS) as lars:
        await attended(stage, "vaxel", well=True)
        named = Press("113#", after_silence_s=1.5)
        made = await stage.call("#28*1#", phone="111", press=(named,))
        assert "Du är den sista som bemannar växeln" in made.heard
        assert "Vem kan passa växeln i ditt ställe?" in made.heard
        assert "Lars Mattsson får frågan nu." in made.heard
        await lars.ended(40)
        attending = (await stage.ask("status"))["lines"][0]["attendants"]
        assert attending == ["Lars Mattsson"]
        lars.behaviour = TALKS
        caller = await stage.call(SWITCHBOARD)
        assert caller.journey.answered_by == "113"
        assert not karin.received


async def test_s18_who_leaves_calls_ringing_is_missed_until_they_sign_in_again(
    town: Path, tmp_path: Path
) -> None:
    """The second call in vain brings in the backup, for the caller who still waits."""
    keys = {"ring_seconds": "5", "misses": "2"}
    async with (
        town_with(town, tmp_path, at("10:00"), vaxel=keys) as stage,
        stage.phone("111", NeverAnswers()) as karin,
        stage.phone("104", TALKS) as backup,
    ):
        await attended_by(stage, "Karin Lund")
        made = await stage.call(SWITCHBOARD)
        assert made.journey.answered_by == "104"
        assert len(karin.rings) >= 2
        assert len(backup.received) == 1
        raised = await alarm(stage, "vaxel")
        assert raised is not None
        assert raised["cause"] == "no-answer"
        heard = await stage.call("*27#", phone="111")
        assert "Karin Lund har låtit samtal ringa." in heard.heard
        assert "Samtalen ringer nu hos Daniel Holm." in heard.heard
        karin.behaviour = TALKS
        await stage.call("*28*1#", phone="111")
        await attended_by(stage, "Karin Lund")


async def test_s21_an_attendant_who_lets_calls_ring_keeps_none_from_the_backup(
    town: Path, tmp_path: Path
) -> None:
    """Overflow by wait, before so many calls were left that the line is short."""
    keys = {"told_seconds": "60", "overflow_seconds": "6", "misses": "20"}
    async with (
        town_with(town, tmp_path, at("10:00"), vaxel=keys) as stage,
        stage.phone("111", NeverAnswers()) as karin,
        stage.phone("104", Answers(after_s=0.4, talks_s=0.4)) as daniel,
    ):
        made = await stage.call(SWITCHBOARD)
        assert made.whys[:2] == ["line-open", "backup-rings"]
        assert made.journey.answered_by == "104"
        assert made.journey.wait_s is not None
        assert 6 <= made.journey.wait_s < 9
        assert karin.received
        assert len(daniel.received) == 1
        assert await alarm(stage, "vaxel") is None


async def test_s21_who_has_waited_long_rings_at_the_backup_too(town: Path, tmp_path: Path) -> None:
    """Overflow by wait: the attendant is there and talks, so no alarm is raised."""
    keys = {"told_seconds": "8", "overflow_seconds": "10"}
    async with (
        town_with(town, tmp_path, at("10:00"), vaxel=keys) as stage,
        stage.phone("111", Answers(after_s=0.1)) as karin,
        stage.phone("104", TALKS),
        stage.caller(SWITCHBOARD),
    ):
        await in_talk(karin)
        made = await stage.call("018000121")
        assert made.whys == ["line-open", "wait-told", "line-open", "backup-rings"]
        assert made.journey.answered_by == "104"
        assert await alarm(stage, "vaxel") is None
