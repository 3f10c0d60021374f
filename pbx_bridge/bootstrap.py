"""Builds a bridge out of its adapters: the one place that knows them all."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from pydantic import TypeAdapter

import pbx_bridge
from pbx_bridge.adapters.agi import FastAgi
from pbx_bridge.adapters.ami import Ami
from pbx_bridge.adapters.ari import Ari, Dialect
from pbx_bridge.adapters.ari_socket import AriAddress
from pbx_bridge.adapters.clock import SystemClock
from pbx_bridge.adapters.control import Control
from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.journal.anchors import Anchors
from pbx_bridge.adapters.journal.store import SqliteJournal
from pbx_bridge.adapters.mail import SmtpMail
from pbx_bridge.adapters.messages import SpoolMessages
from pbx_bridge.adapters.operations import Operations
from pbx_bridge.adapters.pseudonym import Pseudonyms
from pbx_bridge.adapters.record import CelTail
from pbx_bridge.adapters.speech import EspeakSpeech, recordings_by_text
from pbx_bridge.adapters.website import Website
from pbx_bridge.app.asking import Asking
from pbx_bridge.app.attending import Attending
from pbx_bridge.app.calls import Calls
from pbx_bridge.app.erasing import Erasing
from pbx_bridge.app.health import examine
from pbx_bridge.app.mirror import Mirror
from pbx_bridge.app.office import Office
from pbx_bridge.app.outbox import Outbox
from pbx_bridge.app.publishing import Publishing
from pbx_bridge.app.recording import Recording
from pbx_bridge.app.status import exchange_status, process_status
from pbx_bridge.app.steps import DECIDE_CONTEXT, STEP_CONTEXT
from pbx_bridge.app.storing import Storing
from pbx_bridge.app.taking import Taking
from pbx_bridge.app.voice import Voice
from pbx_bridge.asterisk import secrets
from pbx_bridge.asterisk.packages import PrivateCopy, default_folder
from pbx_bridge.asterisk.render import AMI_USER, ARI_USER
from pbx_bridge.asterisk.running import Running
from pbx_bridge.asterisk.secrets import Secrets
from pbx_bridge.config.deployment import Deployment
from pbx_bridge.config.problems import ConfigError
from pbx_bridge.config.site import Site, newest_change, read_site
from pbx_bridge.core.commands import Command, TakeUpPlan
from pbx_bridge.core.events import BridgeStarted, LinkLost
from pbx_bridge.core.folding import NEUTRAL, fold, fresh, under
from pbx_bridge.core.lookup import lookup
from pbx_bridge.core.meters import Measure, Meters, of_exchange, of_meters
from pbx_bridge.core.model import Language
from pbx_bridge.core.trace import ANNOUNCE_CONTEXT
from pbx_bridge.ports import Finding, Ill, PbxRejected, PbxUnavailable

DATABASE = "pbx-bridge.sqlite"
SECRETS = "secrets.json"
SOCKET = "bridge.sock"
WATCH_INTERVAL_S = 2.0
READY_TIMEOUT_S = 60.0
MIRROR_LIMIT_S = 10.0
"""For how long Asterisk's state may be behind: each change takes a moment."""
LEAST_FREE_BYTES = 500 * 1024 * 1024
HEALTH_WORDS = "Allt väl."
"""Spoken once and then found among the sounds: whether both can be reached."""

log = structlog.get_logger(__name__)

_COMMANDS: TypeAdapter[Command] = TypeAdapter(Command)


@dataclass(frozen=True, slots=True)
class Logins:
    """Who the bridge is to Asterisk."""

    ari_user: str
    ari_password: str
    ami_user: str
    ami_password: str

    def __repr__(self) -> str:
        return f"Logins({self.ari_user}, {self.ami_user})"


class Bridge:
    """A bridge's parts and the tasks that move them."""

    def __init__(self, site: Site, running: Running, clock: SystemClock, parts: AsyncExitStack):
        deployment = site.deployment
        state = deployment.state
        held = secrets.load(state / SECRETS, site.plan)
        logins = _logins(deployment, held)
        self._deployment = deployment
        self._clock = clock
        self.database = Database(state / DATABASE)
        parts.callback(self.database.close)
        self.journal = SqliteJournal(self.database, Anchors(deployment.anchor))
        parts.push_async_callback(self.journal.close)
        entries = self.journal.entries(without=NEUTRAL)
        exchange = fold(fresh(site.plan), (entry.event for entry in entries))
        self.office = Office(
            under(site.plan, exchange), self.journal, clock, has_mail=bool(deployment.mail)
        )
        self.speech = speech(deployment, site.prompts)
        parts.push_async_callback(self.speech.close)
        self.voice = Voice(self.speech, site.prompts, running.notes)
        self.ari = Ari(
            AriAddress(
                running.control_host, running.http_port, logins.ari_user, logins.ari_password
            ),
            step_context=STEP_CONTEXT,
            decide_context=DECIDE_CONTEXT,
            announce_context=ANNOUNCE_CONTEXT,
            dialect=Dialect(running.has_broadcast, running.has_broadcast),
        )
        self.ami = Ami(
            running.control_host,
            running.ami_port,
            user=logins.ami_user,
            secret=logins.ami_password,
            events=("agent",),
        )
        self.meters = Meters()
        self.calls = Calls(
            self.ari,
            self.office,
            self.voice,
            clock,
            partial(secrets.pin, state / SECRETS),
            self.ami,
            self.meters,
        )
        self.mirror = Mirror(self.ami, self.office, self.voice, clock)
        self.attending = Attending(self.ami, self.office, clock)
        website = Website(deployment.public, site.plan.organisation.language)
        self.publishing = Publishing(website, self.office, clock)
        self.asking = Asking(self.ari, self.office, clock)
        messages = SpoolMessages(running.messages, clock.offset_s)
        self.taking = Taking(messages, self.office, clock)
        self.outbox = Outbox(
            self.ari, _mail(deployment, clock), self.office, self.voice, clock, messages
        )
        self.agi = FastAgi(self._look_up, running.control_host, running.fastagi_port)
        self.tail = CelTail(
            running.cel_file,
            self.database,
            clock.offset_s,
            Pseudonyms(deployment.privacy.key),
        )
        self.erasing = Erasing(
            self.journal, self.tail, self.office, clock, deployment.privacy.periods
        )
        self.recording = Recording(self.ari, self.tail, self.office, clock, self.meters)
        self.storing = Storing(
            self.database, self.journal, self.ari, self.office, self.voice, clock
        )
        self.operations = Operations(
            running.operations_port, self._measure, self.meters.decisions, self._examine
        )
        self.control = Control(
            state / SOCKET,
            {
                "status": self._status,
                "command": self._command,
                "reload": self._reload,
                "erase": self._erase,
            },
        )
        self._lost_at: datetime | None = None
        self.ari.on_lost.append(self._link_lost)
        self.ari.on_connect.append(self._link_back)
        self.ami.on_connect(self._ami_back)

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until cancelled. Calls `ready` when callers are answered by this bridge."""
        plan = self.office.exchange.plan
        self.office.note(BridgeStarted(plan.version, pbx_bridge.__version__))
        await self.office.obey(TakeUpPlan())
        try:
            async with self.agi, self.control, self.operations, asyncio.TaskGroup() as tasks:
                for name, work in (
                    ("ari", self.ari.run()),
                    ("ami", self.ami.run()),
                    ("calls", self.calls.run()),
                    ("mirror", self.mirror.run()),
                    ("attending", self.attending.run()),
                    ("asking", self.asking.run()),
                    ("publishing", self.publishing.run()),
                    ("outbox", self.outbox.run()),
                    ("taking", self.taking.run()),
                    ("record", self.tail.run()),
                    ("recording", self.recording.run()),
                    ("erasing", self.erasing.run()),
                    ("storing", self.storing.run()),
                    ("watch", self._watch()),
                ):
                    tasks.create_task(work, name=name)
                await self._well()
                ready()
        except* (PbxRejected, PbxUnavailable) as failed:
            raise failed.exceptions[0] from None

    async def _well(self) -> None:
        """Wait until Asterisk can be helped by this bridge. Raises `PbxUnavailable`."""
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                await self.ari.connected.wait()
                await self.mirror.kept.wait()
        except TimeoutError:
            missing = "its state is not as the plan says" if self.ari.connected.is_set() else "ARI"
            raise PbxUnavailable(
                f"Asterisk is not ready after {READY_TIMEOUT_S:.0f} s ({missing}); see the log"
            ) from None

    async def _link_lost(self) -> None:
        self._lost_at = self._clock.now()

    async def _link_back(self) -> None:
        self.meters.connected["ari"] += 1
        self.recording.connected.set()
        if self._lost_at is not None:
            self.office.note(LinkLost("ari", self._lost_at))
            self._lost_at = None

    async def _ami_back(self) -> None:
        self.meters.connected["ami"] += 1
        self.mirror.wake()

    def _look_up(self, path: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        exchange = self.office.exchange
        language = headers.get("agi_language", exchange.plan.organisation.language)
        audio = partial(self.mirror.referral_audio, language=language)
        return lookup(path, exchange, self._clock.now(), audio)

    async def _status(self, _: Mapping[str, Any]) -> Mapping[str, object]:
        return {
            **exchange_status(self.office.exchange, self._clock),
            "links": self._links(),
            "mirror_kept": self.mirror.is_current,
            "operations_port": self.operations.port,
            "parts": [asdict(one) for one in await self._examine()],
            "bridge": process_status(self.calls.tally),
        }

    async def _command(self, body: Mapping[str, Any]) -> Mapping[str, object]:
        kinds = {kind.__name__: kind for kind in Command.__args__}
        kind = kinds[str(body["command"])]
        command: Command = TypeAdapter(kind).validate_python(body["values"])
        for name, value in body["values"].items():
            if isinstance(getattr(command, name), datetime) and not getattr(command, name).tzinfo:
                raise ValueError(f"{name}: {value!r} has no time zone; write one, as in +02:00")
        outcome = await self.office.obey(command)
        language = self.office.exchange.plan.organisation.language
        now = self._clock.now()
        said = [self.voice.text(one, language, now) for one in outcome.spoken]
        clause = outcome.refusal.clause if outcome.refusal else ""
        return {"outcome": outcome.why, "said": " ".join(said), "clause": clause}

    async def _measure(self) -> list[Measure]:
        """Every number of this moment."""
        exchange, now = self.office.exchange, self._clock.now()
        waiting: dict[str, int] = {}
        with suppress(PbxUnavailable, PbxRejected):
            for line in exchange.plan.lines:
                waiting[line] = len((await self.ami.waiting(line)).since)
        tally, gap = self.calls.tally, self.storing.gap_since
        gap_s = 0.0 if gap is None else (now - gap).total_seconds()
        mirror = self.mirror.is_current
        return [
            *of_meters(self.meters),
            *of_exchange(exchange, waiting, now),
            *(
                Measure("link_up", "1 while Asterisk is reached", up, {"link": link})
                for link, up in self._links().items()
            ),
            Measure("callers_gone_total", "Callers who had hung up", tally.gone),
            Measure("calls_taken_by_others_total", "Taken by another bridge", tally.lost),
            Measure("calls_left_to_fallback_total", "Not decided here", tally.failed),
            Measure("mirror_current", "1 while Asterisk holds the present state", mirror),
            Measure("mirror_age_seconds", "Since it last did", self.mirror.age_s),
            Measure("journal_gap_seconds", "For how long nothing is stored", gap_s),
            Measure("journal_waiting", "Writes in the queue", self.database.waiting),
            Measure("journal_lost_total", "Entries not stored", self.database.lost),
            Measure("record_behind_bytes", "Of Asterisk's log, not read", self.tail.behind_bytes),
            Measure("record_malformed_total", "Lines of it that are none", self.tail.malformed),
        ]

    def _links(self) -> dict[str, bool]:
        return {"ari": self.ari.connected.is_set(), "ami": self.ami.connected}

    async def _examine(self) -> list[Finding]:
        """Ask every part that this bridge needs."""
        return await examine(
            {
                "ari": self._ari_answers,
                "ami": self._ami_answers,
                "storage": self._stores,
                "record": self._record_is_followed,
                "mirror": self._mirror_is_kept,
                "speech": self._speaks,
                "disk": self._has_space,
            }
        )

    async def _ari_answers(self) -> str:
        await self.ari.ping()
        return "answers"

    async def _ami_answers(self) -> str:
        await self.ami.action("Ping")
        return "answers"

    async def _stores(self) -> str:
        await self.database.beat(self._clock.now())
        return "stored a sign of life"

    async def _record_is_followed(self) -> str:
        if not self.tail.well:
            raise Ill("Asterisk's log can't be read or stored; see the bridge's log")
        return f"{self.tail.behind_bytes} bytes behind"

    async def _mirror_is_kept(self) -> str:
        if self.mirror.age_s > MIRROR_LIMIT_S:
            raise Ill("Asterisk's state is behind; see the bridge's log")
        return "Asterisk holds the present state"

    async def _speaks(self) -> str:
        await self.speech.file(HEALTH_WORDS, Language.SV)
        return "speaks"

    async def _has_space(self) -> str:
        free = shutil.disk_usage(self._deployment.state).free
        if free < LEAST_FREE_BYTES:
            raise Ill(f"{free // 2**20} MiB free for {self._deployment.state}; make room")
        return f"{free // 2**20} MiB free"

    async def _erase(self, body: Mapping[str, Any]) -> Mapping[str, object]:
        """Delete what is too old, or what is known of one number."""
        number = str(body.get("number", ""))
        return await (self.erasing.forget(number) if number else self.erasing.erase())

    async def _reload(self, _: Mapping[str, Any]) -> Mapping[str, object]:
        """Use the files as they are now, or keep the plan and say what is wrong."""
        today = self._clock.now().date()
        try:
            site = await asyncio.to_thread(read_site, self._deployment, today)
        except ConfigError as error:
            log.warning("plan_kept", problems=len(error.problems), first=str(error.problems[0]))
            return {"plan": self.office.exchange.plan.version, "problems": str(error).splitlines()}
        self.voice.prompts = site.prompts
        self.speech.recordings = recordings_by_text(self._deployment.recordings, site.prompts)
        await self.office.use(site.plan)
        await self.office.obey(TakeUpPlan())
        log.info("plan_in_force", plan=site.plan.version)
        return {"plan": site.plan.version, "problems": []}

    async def _watch(self) -> None:
        """Reload when a file changes, and on SIGHUP."""
        wanted = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, wanted.set)
        async for _ in changes(self._deployment, wanted):
            await self._reload({})


async def changes(
    deployment: Deployment, wanted: asyncio.Event | None = None
) -> AsyncIterator[None]:
    """Yield whenever a file of the plan has changed, or `wanted` was set."""
    wanted = wanted or asyncio.Event()
    seen = await asyncio.to_thread(newest_change, deployment)
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(WATCH_INTERVAL_S):
                await wanted.wait()
        try:
            newest = await asyncio.to_thread(newest_change, deployment)
        except OSError:
            continue
        if newest != seen or wanted.is_set():
            seen = newest
            wanted.clear()
            yield


@asynccontextmanager
async def bridge(site: Site, running: Running) -> AsyncIterator[Bridge]:
    """A bridge whose parts are closed at the end."""
    clock = SystemClock(site.plan.organisation.zone, running.clock_offset_s)
    async with AsyncExitStack() as parts:
        yield Bridge(site, running, clock, parts)


def speech(deployment: Deployment, prompts: Mapping[Any, Mapping[str, str]]) -> EspeakSpeech:
    """The voice of the exchange: the machine's espeak-ng, or the private copy's."""
    program, environment = espeak(deployment)
    recordings = recordings_by_text(deployment.recordings, prompts)
    return EspeakSpeech(program, environment, deployment.sounds, deployment.voices, recordings)


def espeak(deployment: Deployment) -> tuple[list[str], dict[str, str]]:
    """How espeak-ng is started. Raises `PbxRejected` when there is none."""
    environment = {"PATH": os.environ.get("PATH", os.defpath)}
    if found := shutil.which(deployment.espeak or "espeak-ng"):
        return [found], environment
    copy = PrivateCopy(default_folder() / "asterisk")
    if not deployment.espeak and copy.root.is_dir():
        data = {"ESPEAK_DATA_PATH": str(copy.speech_data)}
        return copy.program("espeak-ng"), environment | data
    raise PbxRejected(
        "espeak-ng is not on this machine; install the package espeak-ng, or name the program "
        "in config.yaml under speech: espeak"
    )


def _mail(deployment: Deployment, clock: SystemClock) -> SmtpMail | None:
    server = deployment.mail
    if server is None:
        return None
    login = server.login
    return SmtpMail(
        server.host,
        server.port,
        sender=server.sender,
        security=server.security,
        clock=clock,
        username=login.username if login else "",
        password=partial(login.password, os.environ) if login else str,
    )


def _logins(deployment: Deployment, held: Secrets) -> Logins:
    if deployment.external is not None:
        ari, ami = deployment.external.ari, deployment.external.ami
        return Logins(
            ari.username,
            ari.password(os.environ),
            ami.username,
            ami.password(os.environ),
        )
    return Logins(ARI_USER, held.ari, AMI_USER, held.ami)


def database_file(state: Path) -> Path:
    """Journal and record of a state folder."""
    return state / DATABASE


def control_socket(state: Path) -> Path:
    """The door of the bridge that runs with a state folder."""
    return state / SOCKET
