"""Keeps AstDB and the queues as the exchange's state says, so that Asterisk can go on alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import structlog

from pbx_bridge.app.office import Office
from pbx_bridge.app.voice import Voice
from pbx_bridge.app.waking import rest_s, woken
from pbx_bridge.core import devices
from pbx_bridge.core.likely import likely
from pbx_bridge.core.mirror import FAMILIES, Picture, left, picture
from pbx_bridge.core.model import Plan
from pbx_bridge.core.state import Exchange, all_but
from pbx_bridge.core.trace import MOBILE_CONTEXT
from pbx_bridge.ports import (
    Clock,
    PbxRejected,
    PbxUnavailable,
    QueueMember,
    SpeechFailed,
    Switch,
)

RETRY_S = 1.0
REFUSED_RETRY_S = 5.0
"""A new line's queue is there when Asterisk has read its new configuration."""
SPEECH_RETRY_S = 30.0

log = structlog.get_logger(__name__)


class Mirror:
    """Compares what Asterisk holds with what it shall hold, and corrects the difference."""

    def __init__(self, switch: Switch, office: Office, voice: Voice, clock: Clock) -> None:
        self.kept = asyncio.Event()
        """Set while Asterisk holds the present state."""
        self._switch = switch
        self._office = office
        self._voice = voice
        self._clock = clock
        self._kept_at = time.monotonic()
        self._trouble = ""
        self._held: Mapping[tuple[str, str], str] = {}
        self._stored: dict[tuple[str, str], str] = {}
        """What Asterisk was seen to hold, and was given since."""
        self._one_at_a_time = asyncio.Lock()
        """For whoever changes what Asterisk holds."""
        self._doubted = True
        """Whether it may hold something else: then all is read, which takes its time."""

    async def run(self) -> None:
        """Keep the mirror until cancelled; a lost Asterisk is tried again."""
        changed = self._office.changed
        while True:
            changed.clear()
            begun = self._clock.now()
            try:
                await self.keep()
                await self._warm()
                self._trouble = ""
                rest = rest_s(self._office.exchange, begun, self._clock.now())
            except PbxUnavailable as error:
                log.debug("mirror_waits", why=str(error))
                rest = RETRY_S
            except PbxRejected as error:
                self._warn("mirror_refused", error)
                rest = REFUSED_RETRY_S
            except SpeechFailed as error:
                self._warn("mirror_without_voice", error)
                rest = SPEECH_RETRY_S
            try:
                if not await woken(changed, rest):
                    self._doubted = True  # somebody else may have changed it meanwhile
            finally:
                if self.kept.is_set():
                    self._kept_at = time.monotonic()
                self.kept.clear()

    async def run_spent(self) -> None:
        """Tell Asterisk at once, until cancelled, how much is left of the caps (S27): a bridge that
        dies lifts none. Whatever fails here is done by the next `keep`."""
        with self._office.listening(all_but("spent")) as changed:
            while True:
                await changed.wait()
                changed.clear()
                try:
                    async with self._one_at_a_time:
                        for key, value in left(self._office.counted, self._clock.now()):
                            if self._stored.get(key) != value:
                                await self._switch.put(*key, value)
                                self._stored[key] = value
                except (PbxUnavailable, PbxRejected) as error:
                    self._doubted = True
                    log.debug("mirror_waits", why=str(error))

    def _warn(self, event: str, why: Exception) -> None:
        """Once, until it is over or something else is wrong."""
        if self._trouble != f"{event} {why}":
            self._trouble = f"{event} {why}"
            log.warning(event, why=str(why))

    def wake(self) -> None:
        """Compare again now: Asterisk is back, and may have forgotten."""
        self._doubted = True
        self._office.changed.set()

    @property
    def is_current(self) -> bool:
        """Whether Asterisk holds the state of this moment; `kept` may lag behind a change."""
        return self.kept.is_set() and not self._office.changed.is_set()

    @property
    def age_s(self) -> float:
        """Seconds since Asterisk last held the present state, 0 while it does."""
        return 0.0 if self.is_current else time.monotonic() - self._kept_at

    def referral_audio(self, extension: str, language: str) -> str:
        """The sound that tells a person's referral, "" while there is none or it is being made."""
        if not self.is_current:
            return ""
        return self._held.get(("pbx-referral", f"{extension}/audio-{language}"), "")

    async def keep(self) -> int:
        """Bring Asterisk in line; the number of corrections.

        Raises `PbxUnavailable`; `PbxRejected` when all that it allows has been done.
        """
        exchange = self._office.exchange
        wanted = picture(exchange, self._clock.now())
        corrections, refusals = await self._members(wanted, exchange)
        self._held = await self._spoken(wanted)
        async with self._one_at_a_time:
            now = self._clock.now()
            corrections += await self._values(
                {**self._held, **dict(left(self._office.counted, now))}
            )
        if refusals:
            raise refusals[0]
        if not self._office.changed.is_set():
            self.kept.set()
        return corrections

    async def _warm(self) -> None:
        """Make the sounds that the next callers will hear, before they wait for them."""
        now = self._clock.now()
        for sentence, language in likely(self._office.exchange, now):
            if self._office.changed.is_set():
                return
            await self._voice.files((sentence,), language, now)

    async def _spoken(self, wanted: Picture) -> Mapping[tuple[str, str], str]:
        values: dict[tuple[str, str], str] = {}
        for key, value in wanted.values.items():
            if isinstance(value, str):
                values[key] = value
            else:
                files = await self._voice.files((value.sentence,), value.language, value.as_of)
                values[key] = str(files[0])
        return values

    async def _values(self, wanted: Mapping[tuple[str, str], str]) -> int:
        doubted, self._doubted = self._doubted, False
        try:
            if doubted:
                self._stored = await self._read()
            return await self._corrected(wanted)
        except BaseException:  # what was under way may have been done, or not
            self._doubted = True
            raise

    async def _read(self) -> dict[tuple[str, str], str]:
        return {
            (family, key): value
            for family in FAMILIES
            for key, value in (await self._switch.stored(family)).items()
        }

    async def _corrected(self, wanted: Mapping[tuple[str, str], str]) -> int:
        held = self._stored
        wrong = {key: value for key, value in wanted.items() if held.get(key) != value}
        gone = held.keys() - wanted.keys()
        for (family, key), value in wrong.items():
            await self._switch.put(family, key, value)
            held[family, key] = value
        for family, key in gone:
            await self._switch.remove(family, key)
            del held[family, key]
        return len(wrong) + len(gone)

    async def _members(
        self, wanted: Picture, exchange: Exchange
    ) -> tuple[int, Sequence[PbxRejected]]:
        held = await self._switch.members()
        shall = dict(_queued(wanted, exchange.plan))
        refusals: list[PbxRejected] = []
        corrections = 0
        for member in _in_order(shall.keys() | held.keys(), shall.keys()):
            if member in shall and shall[member][0] == held.get(member):
                continue
            corrections += 1
            try:
                if member not in shall:
                    await self._switch.leave(member)
                else:
                    await self._switch.join(member, shall[member][1], shall[member][0])
            except PbxRejected as error:
                refusals.append(error)
        return corrections - len(refusals), refusals


def _in_order(
    members: Iterable[QueueMember], stay: Collection[QueueMember]
) -> Sequence[QueueMember]:
    """Who comes before who goes: no queue is ever emptier than it shall be. Only whose state is
    read elsewhere from now on goes first, as they can't be in a queue twice."""
    known = {(one.queue, one.interface) for one in stay}

    def turn(member: QueueMember) -> int:
        if member in stay:
            return 1
        return 0 if (member.queue, member.interface) in known else 2

    return sorted(members, key=turn)


def _queued(wanted: Picture, plan: Plan) -> Iterator[tuple[QueueMember, tuple[int, str]]]:
    """Yield the members of the queues with penalty and name. The mobile of a backup rings as
    well; who answers it must press 1."""
    for (line, extension), penalty in wanted.members.items():
        person = plan.people[extension]
        member = QueueMember(line, devices.member(extension), devices.state(extension))
        yield member, (penalty, person.name)
        if person.rings_mobile and person.mobile and extension in plan.lines[line].backups:
            mobile = f"Local/{person.mobile}@{MOBILE_CONTEXT}/n"
            yield QueueMember(line, mobile), (penalty, person.name)
