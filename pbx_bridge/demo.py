"""The main job, shown with real calls: `make demo`.

Eight acts in the sample municipality, on the next working day at 11:40 by the exchange's
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

from pbx_bridge.adapters.record import read_cel
from pbx_bridge.cli.logs import log_to_stderr
from pbx_bridge.cli.options import reading
from pbx_bridge.config.site import Site, read_deployment, read_site
from pbx_bridge.core import report
from pbx_bridge.core.hours import opening_at
from pbx_bridge.core.latency import Journey, Outcome, fold
from pbx_bridge.softphone.behaviour import Answers, Press
from pbx_bridge.softphone.phone import Phone
from pbx_bridge.stage import Made, Stage
from pbx_bridge.supervisor import exchange
from pbx_bridge.watching import watching

AT = clock_time(11, 40)
PHONES = ("101", "102", "111")
TALK_S = 2.0
"""How long whoever answers speaks before hanging up."""
RECORD_TIMEOUT_S = 5.0
CONSENT_TIMEOUT_S = 15.0
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


@dataclass(frozen=True, slots=True)
class Cast:
    """The stage, and the three phones of the acts."""

    stage: Stage
    phones: dict[str, Phone]

    async def call(self, number: str, phone: str = "") -> Made:
        """A caller dials `number`, from outside or from a phone."""
        return await self.stage.call(number, phone=phone)


def expect_heard(act: Act, made: Made, *words: str) -> None:
    """The caller must have heard sentences with all of `words`, as sound."""
    for word in words:
        act.expect(word in made.heard, f"the caller did not hear {word!r}; heard: {made.heard!r}")
    act.seen = f"heard: {made.heard}"


def expect_answered(act: Act, made: Made, extension: str) -> None:
    """The call must have been answered by the phone of `extension`."""
    by = made.journey.answered_by
    act.expect(by == extension, f"answered by {by or 'nobody'}")


async def reach_a_person(cast: Cast, act: Act) -> None:
    """A caller reaches a person; the answer time is in the record."""
    cast.phones["101"].behaviour = Answers(after_s=1.5, talks_s=TALK_S)
    made = await cast.call("018000101")
    act.expect(made.journey.outcome is Outcome.ANSWERED, f"the call was {made.journey.outcome}")
    expect_answered(act, made, "101")
    act.seen = f"Anna Berg answered {made.journey.wait_s or 0:.2f} s after the first ring"


async def ask_a_colleague(cast: Cast, act: Act) -> None:
    """Bo Ek goes to a meeting: Anna Berg is rung up, says yes, and gets his callers (S14)."""
    anna = cast.phones["101"]
    anna.behaviour = Answers(after_s=0.5, press=[Press("1", after_silence_s=0.8)])
    made = await cast.call("*23*2*1430#", phone="102")
    expect_heard(act, made, "i dag klockan halv tre", "Anna Berg får frågan om att ta samtalen")
    await anna.ended(CONSENT_TIMEOUT_S)
    anna.behaviour = Answers(after_s=0.5, talks_s=TALK_S)
    made = await cast.call("018000102")
    expect_heard(act, made, "Bo Ek är i möte", "Jag kopplar dig till Anna Berg")
    expect_answered(act, made, "101")
    await cast.call("#23#", phone="102")


async def set_a_referral(cast: Cast, act: Act) -> None:
    """She dials the code for lunch, and hears what callers will be told."""
    made = await cast.call("*23*1*1430#", phone="101")
    expect_heard(act, made, "Hänvisningen är satt", "lunch", "halv tre")


async def hear_the_referral(cast: Cast, act: Act) -> None:
    """The next caller is told, in Swedish, and passed to the colleague who has agreed."""
    made = await cast.call("018000101")
    expect_heard(act, made, "är på lunch", "i dag klockan halv tre")
    expect_answered(act, made, "102")


async def hear_the_hours(cast: Cast, act: Act) -> None:
    """A caller to a closed line is told when it opens."""
    made = await cast.call("018000130")
    act.expect(made.journey.outcome is Outcome.CLOSED, f"the call was {made.journey.outcome}")
    expect_heard(act, made, "Vi har stängt nu", "klockan nio")


async def try_to_leave(cast: Cast, act: Act) -> None:
    """The last attendant of the switchboard tries to sign out, and is refused (S18)."""
    made = await cast.call("#28*1#", phone="111")
    expect_heard(act, made, "Du är den sista som bemannar växeln")


async def kill_the_bridge(cast: Cast, act: Act) -> None:
    """With the bridge killed, the next caller still hears the referral and reaches somebody."""
    os.kill(cast.stage.up.bridge.pid, signal.SIGKILL)
    await cast.stage.up.bridge.ended()
    console.print("       [the bridge was killed with SIGKILL]", markup=False)
    made = await cast.call("018000101")
    expect_heard(act, made, "är på lunch", "klockan halv tre")
    expect_answered(act, made, "102")
    fallback = any(why.startswith("fallback-") for why in made.whys)
    act.expect(fallback, "the call was decided by a bridge")
    await cast.stage.up.bridge.start()
    made = await cast.call("018000102")
    decided = not any(why.startswith("fallback-") for why in made.whys)
    act.expect(decided, "the bridge is back but did not decide")


async def show_the_report(cast: Cast, act: Act) -> None:
    """The day's report counts every call that was made, those without a bridge too."""
    made = fold(cast.stage.watch.events)
    deadline = time.monotonic() + RECORD_TIMEOUT_S
    found: list[Journey] = []
    while time.monotonic() < deadline:
        with reading(cast.stage.up.site.deployment.state) as connection:
            found = fold(read_cel(connection)) if connection is not None else []
        if len(found) == len(made) and all(one.ended_at for one in found):
            break
        await asyncio.sleep(0.1)
    act.expect(len(found) == len(made), f"{len(found)} calls in the report, {len(made)} made")
    figures = report.summarise(found)
    act.expect(figures.answered == 5, f"{figures.answered} answered calls instead of 5")
    console.print(report.as_text(figures), markup=False)
    act.seen = f"{figures.offered} calls, {figures.answered} answered, {figures.closed} closed"


ACTS = (
    ("A caller reaches Anna Berg", reach_a_person),
    ("A colleague is asked, says yes, and gets the calls", ask_a_colleague),
    ("Anna Berg dials *23*1*1430#: lunch until half past two", set_a_referral),
    ("The next caller is told so, and passed to her colleague", hear_the_referral),
    ("A caller to a closed line hears when it opens", hear_the_hours),
    ("The last attendant of the switchboard may not leave", try_to_leave),
    ("The bridge is killed, and the next caller is still helped", kill_the_bridge),
    ("The report of the day", show_the_report),
)


@asynccontextmanager
async def cast_of(state: Path) -> AsyncIterator[Cast]:
    """A fresh exchange of the sample municipality with three phones."""
    deployment = read_deployment(CONFIG, state).but(
        sip_port=0, ari_port=0, ami_port=0, agi_port=0, operations_port=0
    )
    site = read_site(deployment, datetime.now().astimezone().date())
    now = working_day(site)
    console.print(f"By the exchange's clock it is {now:%A %d %B %Y, %H:%M}.", markup=False)
    async with AsyncExitStack() as parts:
        up = await parts.enter_async_context(exchange(CONFIG, site, console.print, now))
        watch = await parts.enter_async_context(watching(site, up.running, _line))
        stage = Stage(up, watch)
        answers = Answers(after_s=0.5, talks_s=TALK_S)
        phones = {
            extension: await parts.enter_async_context(stage.phone(extension, answers))
            for extension in PHONES
        }
        yield Cast(stage, phones)


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
        async with cast_of(Path(state)) as cast:
            for count, (title, scene) in enumerate(ACTS, 1):
                console.print(f"\n({count}) {title}", style="bold", markup=False)
                act = Act(title)
                await scene(cast, act)
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
