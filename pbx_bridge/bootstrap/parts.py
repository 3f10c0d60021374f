"""The parts of a bridge, made of a site's files and joined to each other."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pbx_bridge.adapters.ami import (
    Ami,
    AmiBarrier,
    AmiLogs,
    AmiMailboxes,
    AmiPhones,
    AmiSwitch,
    AmiTrunks,
)
from pbx_bridge.adapters.ari import Ari, AriAddress, Dialect
from pbx_bridge.adapters.certificates import ShownCertificates
from pbx_bridge.adapters.clock import SystemClock
from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.journal.anchors import Anchors
from pbx_bridge.adapters.journal.store import SqliteJournal
from pbx_bridge.adapters.lamps import CustomLamps
from pbx_bridge.adapters.mail import SmtpMail
from pbx_bridge.adapters.messages import SpoolMessages
from pbx_bridge.adapters.notes import SpokenNotes
from pbx_bridge.adapters.offers import RefusedOffers
from pbx_bridge.adapters.pseudonym import Pseudonyms
from pbx_bridge.adapters.record import CelTail
from pbx_bridge.adapters.registrar import SipRegistrar
from pbx_bridge.adapters.sip import SipDoor, SipProbe
from pbx_bridge.adapters.speech import EspeakSpeech, recordings_by_text
from pbx_bridge.adapters.website import Website
from pbx_bridge.app.asking import Asking
from pbx_bridge.app.attending import Attending
from pbx_bridge.app.blocking import Blocking
from pbx_bridge.app.calls import Calls
from pbx_bridge.app.carrying import Carrying
from pbx_bridge.app.clearing import Clearing
from pbx_bridge.app.doors import Doors
from pbx_bridge.app.erasing import Erasing
from pbx_bridge.app.guarding import Guarding
from pbx_bridge.app.inbox import Inbox
from pbx_bridge.app.lighting import Lighting
from pbx_bridge.app.mirror import Mirror
from pbx_bridge.app.office import Office
from pbx_bridge.app.outbox import Outbox
from pbx_bridge.app.publishing import Publishing
from pbx_bridge.app.recording import Recording
from pbx_bridge.app.space import Space
from pbx_bridge.app.steps import DECIDE_CONTEXT, STEP_CONTEXT
from pbx_bridge.app.storing import Storing
from pbx_bridge.app.taking import Taking
from pbx_bridge.app.voice import Voice
from pbx_bridge.asterisk import secrets
from pbx_bridge.asterisk.packages import current, default_folder
from pbx_bridge.asterisk.render import AMI_USER, ARI_USER
from pbx_bridge.asterisk.running import Running
from pbx_bridge.asterisk.secrets import Secrets
from pbx_bridge.asterisk.settings import instance_of
from pbx_bridge.bootstrap.certificate import lasts_until
from pbx_bridge.config.deployment import Deployment
from pbx_bridge.config.site import Site
from pbx_bridge.core import blocking, blocks, numbers, security
from pbx_bridge.core.devices import endpoints
from pbx_bridge.core.folding import NEUTRAL, fold, fresh, under
from pbx_bridge.core.meters import Meters
from pbx_bridge.core.model import Language
from pbx_bridge.core.trace import ANNOUNCE_CONTEXT
from pbx_bridge.ports import PbxRejected

DATABASE = "pbx-bridge.sqlite"
SECRETS = "secrets.json"
MEMORY = Path("/dev/shm")  # noqa: S108 - its folder there is this user's alone
"""Files that lie in memory (shm_overview(7))."""
SOCKET = "bridge.sock"
SUPERVISOR_SOCKET = "supervisor.sock"
SUPERVISOR_LOCK = "supervisor.lock"
"""Held by who keeps the exchange of a state folder."""
BRIDGE_LOCK = "bridge.lock"
"""Held by the bridge that runs with a state folder."""


@dataclass(frozen=True, slots=True)
class Logins:
    """Who the bridge is to Asterisk."""

    ari_user: str
    ari_password: str
    ami_user: str
    ami_password: str

    def __repr__(self) -> str:
        return f"Logins({self.ari_user}, {self.ami_user})"


class Parts:
    """Everything that a bridge is made of; what is open is closed by `stack`."""

    def __init__(  # noqa: PLR0915 - one statement a part
        self, site: Site, running: Running, clock: SystemClock, stack: AsyncExitStack
    ):
        deployment = site.deployment
        state = deployment.state
        held = secrets.load(state / SECRETS, site.plan)
        own = logins(deployment, held)
        self.lookup_key = held.lookup
        self.deployment = deployment
        self.clock = clock
        self.database = Database(state / DATABASE)
        stack.callback(self.database.close)
        self.anchors = Anchors(deployment.anchor)
        self.journal = SqliteJournal(self.database, self.anchors)
        stack.push_async_callback(self.journal.close)
        entries = self.journal.entries(without=NEUTRAL)
        exchange = fold(fresh(site.plan), (entry.event for entry in entries))
        self.office = Office(
            under(site.plan, exchange), self.journal, clock, has_mail=bool(deployment.mail)
        )
        self.speech = speech(deployment, site.prompts)
        stack.push_async_callback(self.speech.close)
        self.messages = SpoolMessages(running.messages, clock.offset_s)
        self.voice = Voice(self.speech, site.prompts, running.notes, self.messages.file)
        self.ari = Ari(
            AriAddress(running.control_host, running.http_port, own.ari_user, own.ari_password),
            step_context=STEP_CONTEXT,
            decide_context=DECIDE_CONTEXT,
            announce_context=ANNOUNCE_CONTEXT,
            dialect=Dialect(running.has_broadcast, running.has_broadcast),
        )
        self.ami = Ami(
            running.control_host,
            running.ami_port,
            user=own.ami_user,
            secret=own.ami_password,
            events=("agent", "call", "security", "user"),
            counted=security.KINDS,
        )
        self.phones = AmiPhones(self.ami)
        asterisks = AmiMailboxes(self.ami)
        self.meters = Meters()
        self.space = Space(partial(_disk, state), deployment.least_free)
        self.calls = Calls(
            self.ari,
            self.office,
            self.voice,
            clock,
            partial(secrets.pin, state / SECRETS),
            self.phones,
            self.meters,
            Inbox(
                self.messages,
                asterisks,
                self.office,
                deployment.quota,
                lambda: self.space.may_record,
            ),
        )
        self.blocking = Blocking(
            AmiBarrier(self.ami, clock, SipRegistrar(*running.sip).unregister),
            self.office,
            clock,
            partial(secrets.password, state / SECRETS),
        )
        self.office.complete = self.blocking.completed
        self.ami.on_connect(self.blocking.asterisk_back)
        switch = AmiSwitch(self.ami)
        self.mirror = Mirror(switch, self.office, self.voice, clock)
        self.lighting = Lighting(
            CustomLamps(switch.stored, self.ari.set_function), self.office, clock
        )
        self.ari.on_connect.append(self.lighting.asterisk_back)
        self.guarding = Guarding(self.refused, self.office, clock)
        self.has_certificate = running.sip_tls_port is not None
        self.certificate = partial(lasts_until, running)
        refused = RefusedOffers(running.logs / "messages.log")
        self.doors = Doors(self.phones, self.certificate, self.office, refused.look)
        self.blocking.on_seen.append(self.doors.note_addresses)
        self.attending = Attending(self.phones, self.office, clock)
        self.carrying = Carrying(
            AmiTrunks(self.ami), ShownCertificates(), self.office, clock, running.sip[0]
        )
        website = Website(
            deployment.public,
            site.plan.organisation.language,
            is_open=not deployment.public.is_relative_to(state),
        )
        self.publishing = Publishing(website, self.office, clock)
        self.asking = Asking(self.ari, self.office, clock)
        self.taking = Taking(self.messages, self.office, clock)
        self.mail = _mail(deployment, clock)
        self.outbox = Outbox(self.ari, self.mail, self.office, self.voice, clock, self.messages)
        self.attending.on_seen.append(self.outbox.phones_there)
        self.ari.on_connect.append(self.outbox.asterisk_back)
        self.tail = CelTail(
            running.cel_file,
            self.database,
            clock.offset_s,
            Pseudonyms(deployment.privacy.key),
            lambda text: numbers.known_as(text, self.office.exchange.plan.dialling),
        )
        notes = SpokenNotes(running.notes)
        self.erasing = Erasing(
            self.journal,
            self.tail,
            Clearing(
                *(self.messages, asterisks, notes, self.speech),
                AmiLogs(self.ami, running.logs),
                self.office,
            ),
            self.office,
            clock,
            deployment.privacy.periods,
        )
        self.recording = Recording(self.ari, self.tail, self.office, clock, self.meters)
        self.phones_reach = SipProbe([SipDoor(*one) for one in running.sip_doors], running.instance)
        self.storing = Storing(
            self.database, self.journal, self.ari, self.office, self.voice, clock
        )

    def refused(self) -> Mapping[str, int]:
        """Requests that Asterisk has refused so far, by kind."""
        found: Counter[str] = Counter()
        for event, count in self.ami.counted.items():
            found[security.KINDS[event]] += count
        return found

    def renew_secrets(self, person: str, device: str) -> None:
        """Make new passwords for a telephone of somebody's, or all and a PIN (`blocks.ALL`).

        Raises `SecretsUnreadable`, `OSError`.
        """
        plan = self.office.exchange.plan
        meant = blocking.meant(plan, person, device)
        every = endpoints(plan.people[person])
        secrets.renew(
            self.deployment.state / SECRETS,
            [one for one in every if meant in (blocks.ALL, one)],
            [person] if meant in (blocks.ALL, blocks.MOBILE) else [],
        )

    @property
    def links(self) -> dict[str, bool]:
        """Whether Asterisk is reached, by the name of the way."""
        return {"ari": self.ari.connected.is_set(), "ami": self.ami.connected}

    def use_prompts(self, prompts: Mapping[Language, Mapping[str, str]]) -> None:
        """Speak with another wording from now on."""
        self.voice.prompts = prompts
        self.speech.recordings = recordings_by_text(self.deployment.recordings, prompts)


def speech(deployment: Deployment, prompts: Mapping[Language, Mapping[str, str]]) -> EspeakSpeech:
    """The voice of the exchange: the machine's espeak-ng, or the private copy's."""
    program, environment = espeak(deployment)
    recordings = recordings_by_text(deployment.recordings, prompts)
    spare = None
    if deployment.external is None and MEMORY.is_dir():  # an Asterisk of another machine's not
        spare = MEMORY / f"pbx-bridge-{instance_of(deployment.state)}"
    return EspeakSpeech(
        program, environment, deployment.sounds, deployment.voices, recordings, spare
    )


def espeak(deployment: Deployment) -> tuple[list[str], dict[str, str]]:
    """How espeak-ng is started. Raises `PbxRejected` when there is none."""
    environment = {"PATH": os.environ.get("PATH", os.defpath)}
    if found := shutil.which(deployment.espeak or "espeak-ng"):
        return [found], environment
    copy = current(default_folder())
    if not deployment.espeak and copy is not None:
        data = {"ESPEAK_DATA_PATH": str(copy.speech_data)}
        return copy.program("espeak-ng"), environment | data
    raise PbxRejected(
        "espeak-ng is not on this machine; install the package espeak-ng, or name the program "
        "in config.yaml under speech: espeak"
    )


def _disk(folder: Path) -> tuple[int, int]:
    """Bytes that are free and all, of the disk that holds a folder. Raises `OSError`."""
    usage = shutil.disk_usage(folder)
    return usage.free, usage.total


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


def logins(deployment: Deployment, held: Secrets) -> Logins:
    """Who the bridge is to the Asterisk of a deployment."""
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


def supervisor_socket(state: Path) -> Path:
    """The door of the supervisor that keeps the exchange of a state folder."""
    return state / SUPERVISOR_SOCKET


def control_socket(state: Path) -> Path:
    """The door of the bridge that runs with a state folder."""
    return state / SOCKET
