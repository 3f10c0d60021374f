"""A bridge at work: what its parts do beside each other, and what it is asked and told."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from pydantic import TypeAdapter

import pbx_bridge
from pbx_bridge.adapters.agi import FastAgi
from pbx_bridge.adapters.clock import SystemClock
from pbx_bridge.adapters.control import UNKNOWN, Control
from pbx_bridge.adapters.operations import Operations
from pbx_bridge.app.health import Kept
from pbx_bridge.app.status import exchange_status, process_status
from pbx_bridge.app.waking import woken
from pbx_bridge.asterisk.running import Running
from pbx_bridge.bootstrap.health import Health
from pbx_bridge.bootstrap.measures import measure
from pbx_bridge.bootstrap.parts import Parts, control_socket
from pbx_bridge.config.problems import ConfigError
from pbx_bridge.config.site import Site, Stamp, fingerprints, read_site, site_advice, stamp
from pbx_bridge.core import differences, limits
from pbx_bridge.core.call import Why
from pbx_bridge.core.commands import (
    EXCHANGE,
    AcceptLoss,
    BlockPhone,
    Command,
    NoteLoss,
    NotePlan,
    Refusal,
    ReportOutage,
    TakeUpPlan,
    UnblockPhone,
    technician,
)
from pbx_bridge.core.events import BridgeStarted, DataRead, LinkLost
from pbx_bridge.core.handling import handle
from pbx_bridge.core.lookup import lookup
from pbx_bridge.files import full_disk
from pbx_bridge.ports import JournalDamaged, JournalUnavailable, PbxRejected, PbxUnavailable
from pbx_bridge.wire.backoff import delays

log = structlog.get_logger(__name__)

READY_TIMEOUT_S = 60.0
FULL_AFTER_S = 2.0
"""How long Asterisk may take to store its state before a full disk is why it doesn't."""
WATCH_INTERVAL_S = 2.0
DRAIN_S = 3.0
"""For decisions under way at the end; a little less than the dialplan's guard waits for them."""
MEASURES_KEPT_S = 1.0
"""For how long all are told the same measures: some are asked of Asterisk."""
MOST_DESCRIPTORS = 65536
NOT_STORED = "it can't be stored; `pbx-bridge doctor` says why"


class Bridge:
    """The tasks that move the parts, and the doors to them."""

    def __init__(self, parts: Parts, running: Running) -> None:
        self.parts = parts
        self._health = Health(parts)
        self.agi = FastAgi(
            self._look_up, parts.lookup_key, running.control_host, running.fastagi_port
        )
        self.operations = Operations(
            running.operations_port,
            Kept(partial(measure, parts), MEASURES_KEPT_S),
            parts.meters.decisions,
            self._health.examine,
        )
        self.control = Control(
            control_socket(parts.deployment.state),
            {
                "live": self._live,
                "status": self._status,
                "command": self._command,
                "found": self._found,
                "reload": self._reload,
                "erase": self._erase,
                "accept": self._accept,
                "reading": self._note_reading,
            },
        )
        self._ready = False
        self._lost_at: datetime | None = None
        parts.ari.on_lost.append(self._link_lost)
        parts.ari.on_connect.append(self._link_back)
        parts.ami.on_connect(self._ami_back)

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until cancelled; callers in our hands get their step then, the next ones the
        fallback (F12). Calls `ready` when callers are answered by this bridge."""
        work = asyncio.create_task(self._work(ready), name="bridge")
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            try:
                if not await self.parts.calls.finish(DRAIN_S):
                    log.warning("ended_with_decisions_under_way", waited_s=DRAIN_S)
                with suppress(JournalUnavailable):  # else the gap in the record tells of it
                    await self.parts.office.store_kept()
            finally:
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
            raise

    async def _work(self, ready: Callable[[], None]) -> None:
        plan, deployment = self.parts.office.exchange.plan, self.parts.deployment
        log.info(
            "bridge_starts",
            version=pbx_bridge.__version__,
            plan=plan.version,
            state=str(deployment.state),
            dialplan=str(deployment.dialplan),
            voicemail=str(deployment.voicemail),
            sounds=str(deployment.sounds),
        )
        await self._note_loss()
        self.parts.office.note(BridgeStarted(plan.version, pbx_bridge.__version__))
        await self._note_plan(differences.since(self.parts.office.exchange.known, plan), "")
        await self.parts.office.obey(TakeUpPlan())
        try:
            async with self.agi, self.control, self.operations, asyncio.TaskGroup() as tasks:
                for name, work in (
                    ("ari", self.parts.ari.run),
                    ("ami", self.parts.ami.run),
                    ("calls", self.parts.calls.run),
                    ("mirror", self.parts.mirror.run),
                    ("blocking", self.parts.blocking.run),
                    ("lighting", self.parts.lighting.run),
                    ("caps", self.parts.mirror.run_spent),
                    ("attending", self.parts.attending.run),
                    ("guarding", self.parts.guarding.run),
                    ("doors", self.parts.doors.run),
                    ("carrying", self.parts.carrying.run),
                    ("asking", self.parts.asking.run),
                    ("publishing", self.parts.publishing.run),
                    ("outbox", self.parts.outbox.run),
                    ("taking", self.parts.taking.run),
                    ("record", self.parts.tail.run),
                    ("recording", self.parts.recording.run),
                    ("erasing", self.parts.erasing.run),
                    ("storing", self.parts.storing.run),
                    ("space", self.parts.space.run),
                    ("watch", self._watch),
                ):
                    tasks.create_task(_kept_up(name, work), name=name)
                await self._well()
                self._ready = True
                ready()
        except* (PbxRejected, PbxUnavailable) as failed:
            raise failed.exceptions[0] from None

    async def _note_loss(self) -> None:
        """Journal what was found missing of it, and have the switchboard told, once."""
        known = self.parts.office.exchange.holes
        spans = {(one.first, one.last) for one in known}
        found = tuple(
            one for one in self.parts.journal.not_noted if (one.first, one.last) not in spans
        )
        if found or any(not one.told for one in known):
            await self.parts.office.obey(NoteLoss(found))

    async def _well(self) -> None:
        """Wait until Asterisk can be helped by this bridge. Raises `PbxUnavailable`."""
        kept, state = self.parts.mirror.kept, self.parts.deployment.state
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                await self.parts.ari.connected.wait()
                while not kept.is_set():
                    await woken(kept, FULL_AFTER_S)
                    if not kept.is_set() and (why := full_disk(state)):
                        log.error("asterisks_state_is_behind", why=why)  # waiting won't help
                        return
        except TimeoutError:
            linked = self.parts.links["ari"]
            missing = "its state is not as the plan says" if linked else "ARI"
            raise PbxUnavailable(
                f"Asterisk is not ready after {READY_TIMEOUT_S:.0f} s ({missing}); see the log"
            ) from None

    async def _link_lost(self) -> None:
        self._lost_at = self.parts.clock.now()

    async def _link_back(self) -> None:
        self.parts.meters.connected["ari"] += 1
        self.parts.recording.connected.set()
        if self._lost_at is not None:
            self.parts.office.note(LinkLost("ari", self._lost_at))
            self._lost_at = None

    async def _ami_back(self) -> None:
        self.parts.meters.connected["ami"] += 1
        self.parts.mirror.wake()

    def _look_up(self, path: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        exchange = self.parts.office.exchange
        language = headers.get("agi_language", exchange.plan.organisation.language)
        audio = partial(self.parts.mirror.referral_audio, language=language)
        return lookup(path, exchange, self.parts.clock.now(), audio)

    async def _live(self, _: Mapping[str, Any], _who: str = UNKNOWN) -> Mapping[str, object]:
        """A sign of life, and whether callers are answered by this bridge."""
        return {"pid": os.getpid(), "ready": self._ready}

    async def _status(self, _: Mapping[str, Any], _who: str = UNKNOWN) -> Mapping[str, object]:
        return {
            **exchange_status(
                self.parts.office.exchange, self.parts.clock, self.parts.deployment.language
            ),
            "links": self.parts.links,
            "mirror_kept": self.parts.mirror.is_current,
            "operations_port": self.operations.port,
            "parts": [asdict(one) for one in await self._health.examine(anew=True)],
            "bridge": process_status(self.parts.calls.tally),
        }

    async def _command(self, body: Mapping[str, Any], who: str = UNKNOWN) -> Mapping[str, object]:
        """Obey a command, which is given by the user who asks, whoever it says it is by."""
        kinds = {kind.__name__: kind for kind in Command.__args__}
        kind = kinds[str(body["command"])]
        by = EXCHANGE if kind is ReportOutage else technician(who)  # the supervisor's own
        values = {**body["values"], "by": by}
        command: Command = TypeAdapter(kind).validate_python(values)
        for name, value in body["values"].items():
            if isinstance(getattr(command, name), datetime) and not getattr(command, name).tzinfo:
                raise ValueError(f"{name}: {value!r} has no time zone; write one, as in +02:00")
        outcome = await self.parts.office.obey(command)
        if isinstance(command, BlockPhone | UnblockPhone) and outcome.refusal is None:
            with suppress(PbxUnavailable, PbxRejected):  # it is tried again until it holds
                await self.parts.blocking.enforce()
        language = self.parts.deployment.language
        now = self.parts.clock.now()
        said = [self.parts.voice.text(one, language, now) for one in outcome.spoken]
        if outcome.why is Why.COMMAND_FAILED:
            said.append(full_disk(self.parts.deployment.state) or NOT_STORED)
        clause = outcome.refusal.clause if outcome.refusal else ""
        return {"outcome": outcome.why, "said": " ".join(said), "clause": clause}

    async def _found(self, body: Mapping[str, Any], who: str = UNKNOWN) -> Mapping[str, object]:
        """End a lost telephone's block, with new passwords: the old ones never work again."""
        values = {"person": str(body["person"]), "device": str(body["device"])}
        command = UnblockPhone(**values, by=technician(who))
        exchange = self.parts.office.exchange
        if not isinstance(handle(command, exchange, self.parts.clock.now()), Refusal):
            await asyncio.to_thread(self.parts.renew_secrets, **values)
        return await self._command({"command": "UnblockPhone", "values": values}, who)

    async def _note_reading(
        self, body: Mapping[str, Any], who: str = UNKNOWN
    ) -> Mapping[str, object]:
        """Journal that somebody reads what is known of people, before they do."""
        now = self.parts.clock.now()
        read = DataRead(str(body["what"]), who, str(body["why"]), now)
        try:
            await self.parts.journal.append(now, [read])
        except JournalUnavailable as error:
            raise ValueError(f"it can't be journaled, so nothing is shown: {error}") from None
        return {}

    async def _erase(self, body: Mapping[str, Any], _who: str = UNKNOWN) -> Mapping[str, object]:
        """Delete what is too old, or what is known of one number."""
        number = str(body.get("number", ""))
        return await (self.parts.erasing.forget(number) if number else self.parts.erasing.erase())

    async def _accept(self, body: Mapping[str, Any], who: str = UNKNOWN) -> Mapping[str, object]:
        """Go on without what is missing of the journal, knowingly."""
        holes = self.parts.office.exchange.holes
        if not holes:
            raise ValueError("nothing is missing of the journal that was not accepted before")
        why = str(body["why"])
        outcome = await self.parts.office.obey(AcceptLoss(why, technician(who)))
        if outcome.why is not Why.COMMAND_DONE:
            raise ValueError(full_disk(self.parts.deployment.state) or NOT_STORED)
        return {"accepted": [[one.first, one.last] for one in holes]}

    async def _note_plan(self, what: Sequence[str], by: str) -> None:
        """Journal which files make the plan, where they are others than before."""
        try:
            found = await asyncio.to_thread(fingerprints, self.parts.deployment)
        except OSError as error:
            log.warning("plan_not_noted", why=str(error))
            return
        files = {place: one.hash for place, one in found.items()}
        owners = {place: one.owner for place, one in found.items()}
        plan = self.parts.office.exchange.plan.version
        await self.parts.office.obey(NotePlan(plan, files, owners, tuple(what), by))

    async def _reload(self, _: Mapping[str, Any], who: str = "") -> Mapping[str, object]:
        """Use the files as they are now, or keep the plan and say what is wrong."""
        today = self.parts.clock.now().date()
        try:
            site = await asyncio.to_thread(read_site, self.parts.deployment, today)
        except ConfigError as error:
            log.warning("plan_kept", problems=len(error.problems), first=str(error.problems[0]))
            return {
                "plan": self.parts.office.exchange.plan.version,
                "problems": str(error).splitlines(),
                "advice": [],
            }
        old = self.parts.office.exchange.plan
        self.parts.use_prompts(site.prompts)
        await self.parts.office.use(site.plan)
        by = technician(who) if who else ""
        await self._note_plan(differences.between(old, site.plan), by)
        await self.parts.office.obey(TakeUpPlan())
        now = self.parts.clock.now()
        capped = [who for who, _ in limits.capped(self.parts.office.exchange, now)]
        advice = await asyncio.to_thread(site_advice, self.parts.deployment, today, capped)
        log.info("plan_in_force", plan=site.plan.version, advice=len(advice))
        return {"plan": site.plan.version, "problems": [], "advice": list(map(str, advice))}

    async def _watch(self) -> None:
        """Reload when a file changes, and on SIGHUP."""
        wanted = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, wanted.set)
        deployment = self.parts.deployment
        async for _ in changes(lambda: (deployment.dialplan, deployment.voicemail), wanted):
            await self._reload({})


async def _kept_up(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """A part of the bridge. Trouble of the machine that it doesn't expect (no room, no descriptors,
    a journal out of reach) is a line of the log, and another try: it doesn't end the others."""
    waits = delays(random.Random())  # noqa: S311 - keeps no secret
    while True:
        try:
            await work()
            return
        except Exception as error:
            if not _is_of_the_machine(error):
                raise
            log.error("part_begins_anew", part=name, why=str(error), exc_info=error)
        await asyncio.sleep(next(waits))


def _is_of_the_machine(error: BaseException) -> bool:
    """Whether all of it may be over later, which a damaged journal won't."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(_is_of_the_machine, error.exceptions))
    passing = isinstance(error, OSError | JournalUnavailable)
    return passing and not isinstance(error, JournalDamaged)


async def changes(
    sources: Callable[[], Iterable[Path]], wanted: asyncio.Event
) -> AsyncIterator[None]:
    """Yield whenever a file of the plan has changed, or `wanted` was set."""
    seen = await asyncio.to_thread(_stamp, sources)
    while True:
        await woken(wanted, WATCH_INTERVAL_S)
        found = await asyncio.to_thread(_stamp, sources)
        if found is None:
            continue
        if found != seen or wanted.is_set():
            seen = found
            wanted.clear()
            yield


def admit_descriptors() -> None:
    """Let this process have as many descriptors as the system allows it: the usual 1,024 are a
    convention of old. Our doors admit far fewer, so some are always left for the calls."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _stamp(sources: Callable[[], Iterable[Path]]) -> Stamp | None:
    """Of the files as they are; None at a moment when one can't be looked at."""
    try:
        return stamp(sources())
    except OSError:
        return None


@asynccontextmanager
async def bridge(site: Site, running: Running) -> AsyncIterator[Bridge]:
    """A bridge whose parts are closed at the end."""
    admit_descriptors()
    clock = SystemClock(site.plan.organisation.zone, running.clock_offset_s)
    async with AsyncExitStack() as stack:
        yield Bridge(Parts(site, running, clock, stack), running)
