"""The main job, shown with real calls: `make demo`.

Seven acts in the sample municipality, on the next working day at 11:40 by the exchange's
clock. Each act is checked against what Asterisk recorded and what the caller heard; an act
that did not happen as told is an error.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from datetime import time as clock_time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pbx_bridge.adapters.cel import read_cel
from pbx_bridge.adapters.speech import MANIFEST, read_manifest
from pbx_bridge.asterisk import secrets
from pbx_bridge.bootstrap import SECRETS
from pbx_bridge.cli.calling import CALLER, sipp_program
from pbx_bridge.cli.options import log_to_stderr, reading
from pbx_bridge.config.site import Site, read_deployment, read_site
from pbx_bridge.core import report
from pbx_bridge.core.hours import opening_at
from pbx_bridge.core.latency import Journey, Outcome, fold
from pbx_bridge.exchange import Exchange, exchange
from pbx_bridge.softphone.audio import correlation, load
from pbx_bridge.softphone.behaviour import Answers
from pbx_bridge.softphone.caller import CallResult, place_call
from pbx_bridge.softphone.phone import Phone
from pbx_bridge.watching import Watch, watching

AT = clock_time(11, 40)
PHONES = ("101", "102", "111")
SAME_SOUND = 0.7
"""Correlation from which two sounds are the same sentence; others stay below 0.3."""
TALK_S = 2.0
"""How long whoever answers speaks before hanging up."""
LONGEST_CALL_S = 40.0
RECORD_TIMEOUT_S = 5.0
CONFIG = Path("config.yaml")

console = Console(highlight=False)


@dataclass(slots=True)
class Act:
    """One act, and whether it happened as told."""

    title: str
    seen: str = ""
    failures: list[str] = field(default_factory=list)

    def expect(self, happened: bool, told: str) -> None:
        """Note as a failure what did not happen."""
        if not happened:
            self.failures.append(told)


class Stage:
    """The running exchange with its phones, and the calls made in it."""

    def __init__(self, up: Exchange, watch: Watch, phones: dict[str, Phone]) -> None:
        self.up = up
        self.phones = phones
        self.watch = watch
        held = secrets.load(up.site.deployment.state / SECRETS, up.site.plan)
        self._secrets = held.phones

    async def call(self, number: str, phone: str = "") -> tuple[CallResult, Journey]:
        """A caller dials `number`, from outside or from a phone; how it went by both records."""
        first = len(self.watch.events)
        result = await place_call(
            sipp_program(),
            self.up.running.sip,
            to=number,
            from_number=CALLER,
            user=phone,
            secret=self._secrets.get(phone, ""),
            hold_s=LONGEST_CALL_S,
        )
        await self.watch.settled()
        journeys = fold(self.watch.events[first:])
        if len(journeys) != 1:
            raise RuntimeError(f"the record holds {len(journeys)} calls where one was made")
        return result, journeys[0]

    def heard(self, result: CallResult, journey: Journey) -> list[tuple[str, float]]:
        """Each sentence that was played, and how well it is found in what the caller heard."""
        folder = self.up.site.deployment.sounds
        said = read_manifest(folder / MANIFEST)
        found: list[tuple[str, float]] = []
        for mark in journey.steps:
            for sound in mark.detail.split("&") if mark.step in ("say", "ask") else ():
                name = Path(sound).name
                match = correlation(result.heard, load(folder / f"{name}.wav"))
                found.append((said.get(name, ""), match.score))
        return found

    def expect_heard(self, act: Act, result: CallResult, journey: Journey, *words: str) -> None:
        """The caller must have heard sentences with all of `words`, as sound."""
        heard = self.heard(result, journey)
        text = " ".join(sentence for sentence, score in heard if score >= SAME_SOUND)
        for word in words:
            act.expect(word in text, f"the caller did not hear {word!r}; heard: {text!r}")
        act.seen = f"heard: {text}"


async def reach_a_person(stage: Stage, act: Act) -> None:
    """A caller reaches a person; the answer time is in the record."""
    stage.phones["101"].behaviour = Answers(after_s=1.5, talks_s=TALK_S)
    _, journey = await stage.call("018000101")
    act.expect(journey.outcome is Outcome.ANSWERED, f"the call was {journey.outcome}")
    act.expect(journey.answered_by == "101", f"answered by {journey.answered_by or 'nobody'}")
    act.seen = f"Anna Berg answered {journey.wait_s or 0:.2f} s after the first ring"


async def set_a_referral(stage: Stage, act: Act) -> None:
    """She dials the code for lunch, and hears what callers will be told."""
    result, journey = await stage.call("*23*1*1430#", phone="101")
    stage.expect_heard(act, result, journey, "Hänvisningen är satt", "lunch", "halv tre")


async def hear_the_referral(stage: Stage, act: Act) -> None:
    """The next caller is told, in Swedish, and passed to the colleague who has agreed."""
    result, journey = await stage.call("018000101")
    stage.expect_heard(act, result, journey, "är på lunch", "i dag klockan halv tre")
    act.expect(journey.answered_by == "102", f"answered by {journey.answered_by or 'nobody'}")


async def hear_the_hours(stage: Stage, act: Act) -> None:
    """A caller to a closed line is told when it opens."""
    result, journey = await stage.call("018000130")
    act.expect(journey.outcome is Outcome.CLOSED, f"the call was {journey.outcome}")
    stage.expect_heard(act, result, journey, "Vi har stängt nu", "klockan nio")


async def try_to_leave(stage: Stage, act: Act) -> None:
    """The last attendant of the switchboard tries to sign out, and is refused (S18)."""
    result, journey = await stage.call("#28*1#", phone="111")
    stage.expect_heard(act, result, journey, "Du är den sista som bemannar växeln")


async def kill_the_bridge(stage: Stage, act: Act) -> None:
    """With the bridge killed, the next caller still hears the referral and reaches somebody."""
    os.kill(stage.up.bridge.pid, signal.SIGKILL)
    await stage.up.bridge.ended()
    console.print("       [the bridge was killed with SIGKILL]", markup=False)
    result, journey = await stage.call("018000101")
    stage.expect_heard(act, result, journey, "är på lunch", "klockan halv tre")
    act.expect(journey.answered_by == "102", f"answered by {journey.answered_by or 'nobody'}")
    fallback = any(mark.why.startswith("fallback-") for mark in journey.steps)
    act.expect(fallback, "the call was decided by a bridge")
    await stage.up.bridge.start()
    _, journey = await stage.call("018000102")
    decided = not any(mark.why.startswith("fallback-") for mark in journey.steps)
    act.expect(decided, "the bridge is back but did not decide")


async def show_the_report(stage: Stage, act: Act) -> None:
    """The day's report counts every call that was made, those without a bridge too."""
    made = fold(stage.watch.events)
    deadline = time.monotonic() + RECORD_TIMEOUT_S
    found: list[Journey] = []
    while time.monotonic() < deadline:
        with reading(stage.up.site.deployment.state) as connection:
            found = fold(read_cel(connection)) if connection is not None else []
        if len(found) == len(made) and all(one.ended_at for one in found):
            break
        await asyncio.sleep(0.1)
    act.expect(len(found) == len(made), f"{len(found)} calls in the report, {len(made)} made")
    figures = report.summarise(found)
    act.expect(figures.answered == 4, f"{figures.answered} answered calls instead of 4")
    console.print(report.as_text(figures), markup=False)
    act.seen = f"{figures.offered} calls, {figures.answered} answered, {figures.closed} closed"


ACTS = (
    ("A caller reaches Anna Berg", reach_a_person),
    ("She dials *23*1*1430#: lunch until half past two", set_a_referral),
    ("The next caller is told so, and passed to her colleague", hear_the_referral),
    ("A caller to a closed line hears when it opens", hear_the_hours),
    ("The last attendant of the switchboard may not leave", try_to_leave),
    ("The bridge is killed, and the next caller is still helped", kill_the_bridge),
    ("The report of the day", show_the_report),
)


@asynccontextmanager
async def stage_set(state: Path) -> AsyncIterator[Stage]:
    """A fresh exchange of the sample municipality with three phones."""
    deployment = read_deployment(CONFIG, state).but(sip_port=0, ari_port=0, ami_port=0, agi_port=0)
    site = read_site(deployment, datetime.now().astimezone().date())
    now = working_day(site)
    console.print(f"By the exchange's clock it is {now:%A %d %B %Y, %H:%M}.", markup=False)
    async with AsyncExitStack() as parts:
        up = await parts.enter_async_context(exchange(CONFIG, site, console.print, now))
        held = secrets.load(state / SECRETS, site.plan)
        phones: dict[str, Phone] = {}
        for extension in PHONES:
            phone = Phone(
                sipp_program(),
                up.running.sip,
                extension,
                held.phones[extension],
                Answers(after_s=0.5, talks_s=TALK_S),
            )
            phones[extension] = await parts.enter_async_context(phone)
        watch = await parts.enter_async_context(watching(site, up.running, _line))
        yield Stage(up, watch, phones)


def working_day(site: Site) -> datetime:
    """The next day on which the switchboard is open at the acts' time."""
    plan = site.plan
    schedule = plan.schedules[plan.switchboard.hours]
    day = datetime.combine(site.read_on, AT, plan.organisation.zone)
    while opening_at(schedule, plan, day) is None:
        day += timedelta(days=1)
    return day


def _line(words: str) -> None:
    console.print(f"       {words}", markup=False, soft_wrap=True)


async def play() -> list[Act]:
    """All acts, in order."""
    done: list[Act] = []
    with tempfile.TemporaryDirectory(prefix="pbx-bridge-demo-") as state:
        async with stage_set(Path(state)) as stage:
            for count, (title, scene) in enumerate(ACTS, 1):
                console.print(f"\n({count}) {title}", style="bold", markup=False)
                act = Act(title)
                await scene(stage, act)
                for failure in act.failures:
                    console.print(f"       NOT AS TOLD: {failure}", style="red", markup=False)
                done.append(act)
    return done


def main() -> None:
    """Show the acts; exit 0 when each happened as told."""
    log_to_stderr("error")
    acts = asyncio.run(play())
    table = Table("", "act", "as told", "seen", title="Summary")
    for count, act in enumerate(acts, 1):
        table.add_row(str(count), act.title, "no" if act.failures else "yes", act.seen)
    console.print(table)
    sys.exit(1 if any(act.failures for act in acts) else 0)


if __name__ == "__main__":
    main()
