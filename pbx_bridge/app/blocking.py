"""Keeps lost telephones out of Asterisk, from the moment the state says so, and knows where each
telephone was seen last (S26)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import structlog

from pbx_bridge.app.office import Office
from pbx_bridge.app.waking import woken
from pbx_bridge.core import blocks
from pbx_bridge.core.commands import BlockPhone, Command
from pbx_bridge.core.devices import endpoints
from pbx_bridge.core.state import Exchange, Sighting, all_but
from pbx_bridge.ports import Barrier, Clock, PbxRejected, PbxUnavailable

RETRY_S = 0.5
LOOK_S = 30.0
"""Between two looks at what holds in Asterisk: somebody else may have changed it."""
LOOK_TIMEOUT_S = 0.3
"""For where a telephone is at the moment when it is blocked."""
SIGHTINGS_S = 5.0
"""Between two looks at where telephones are, however many come and go."""
PASSWORD_BYTES = 24

log = structlog.get_logger(__name__)


class Blocking:
    """What is blocked in the state is in Asterisk, and nothing else."""

    def __init__(
        self, barrier: Barrier, office: Office, clock: Clock, password_of: Callable[[str], str]
    ) -> None:
        """`password_of`: of an endpoint, as a telephone is to have it; "" for none."""
        self.on_seen: list[Callable[[Sequence[Sighting]], Awaitable[None]]] = []
        """Told where telephones are, whenever some have come or gone."""
        self._barrier = barrier
        self._office = office
        self._clock = clock
        self._password_of = password_of
        self._one_at_a_time = asyncio.Lock()
        self._wake = asyncio.Event()
        self._doubted = True
        """Whether calls from and to what is blocked may be under way."""
        self._lost: frozenset[str] | None = None
        """Endpoints and mobiles that were blocked last, None at the start. Only these are opened: a
        bridge that hung while somebody blocked a telephone without it doesn't know of that one."""
        self._seen: dict[str, Sighting] = {}

    async def run(self) -> None:
        """Keep it so until cancelled; a lost Asterisk is tried again."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep(), name="blocks")
            tasks.create_task(self._look(), name="sightings")

    async def asterisk_back(self) -> None:
        """Asterisk is reached again: it may have been without us for a while."""
        self._doubted = True
        self._wake.set()

    async def completed(self, command: Command) -> Command:
        """The command with where the person's telephones were seen last."""
        if not isinstance(command, BlockPhone):
            return command
        with suppress(TimeoutError, PbxUnavailable, PbxRejected):  # then what is known will do
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                await self.note_sightings()
        person = self._office.exchange.plan.people.get(command.person)
        own = endpoints(person) if person is not None else ()
        now = self._clock.now()
        seen = (self._seen[one] for one in own if one in self._seen)
        return replace(
            command, seen=tuple(replace(one, at=now) if one.registered else one for one in seen)
        )

    async def enforce(self) -> None:
        """Return when Asterisk refuses what is blocked, rings it no more, and its calls have ended.

        Raises `PbxUnavailable`, `PbxRejected`.
        """
        async with self._one_at_a_time:
            exchange = self._office.exchange
            lost, mobiles = blocks.blocked_endpoints(exchange), blocks.blocked_mobiles(exchange)
            held, barred = await self._barrier.passwords(), await self._barrier.barred_mobiles()
            fresh = [one for one in lost if held.get(one, "") in ("", self._password_of(one))]
            passwords = {**held} | {one: secrets.token_urlsafe(PASSWORD_BYTES) for one in fresh}
            if fresh or mobiles - barred:
                self._doubted = True
            for one in fresh:
                await self._barrier.set_password(one, passwords[one])
            for number in mobiles - barred:
                await self._barrier.bar_mobile(number, barred=True)
            if self._doubted and (lost or mobiles):
                await self._cut(exchange)
                await self._forget(lost, passwords)
                await self._cut(exchange)  # a call that was let in just before
                log.info("phones_blocked", endpoints=sorted(lost), mobiles=len(mobiles))
            self._doubted = False
            known, self._lost = self._lost, lost | mobiles
            await self._open(
                [one for one in sorted(held.keys() - lost) if known is None or one in known], held
            )
            for number in barred - mobiles:
                if known is None or number in known:
                    await self._barrier.bar_mobile(number, barred=False)

    async def _cut(self, exchange: Exchange) -> None:
        for channel in blocks.to_be_cut(exchange, await self._barrier.channels()):
            await self._barrier.hang_up(channel)

    async def _forget(self, lost: frozenset[str], passwords: Mapping[str, str]) -> None:
        registered = {one.endpoint for one in await self._barrier.seen()}
        for endpoint in sorted(lost & registered):
            await self._barrier.unregister(endpoint, passwords[endpoint])

    async def _open(self, found: Iterable[str], held: Mapping[str, str]) -> None:
        """Have the new passwords of telephones hold that are blocked no more. They stay in AstDB:
        Asterisk may read its new configuration much later."""
        for endpoint in found:
            password = self._password_of(endpoint)
            if not password:
                await self._barrier.clear_password(endpoint)
            elif held[endpoint] != password:
                await self._barrier.set_password(endpoint, password)

    async def _keep(self) -> None:
        with self._office.listening(all_but("plan", "blocks")) as changed:
            self._wake = changed
            said = False
            while True:
                changed.clear()
                try:
                    await self.enforce()
                    rest, said = LOOK_S, False
                except (PbxUnavailable, PbxRejected) as error:
                    if self._office.exchange.blocks and not said:
                        log.warning("block_waits_for_asterisk", why=str(error)[:200])
                    rest, said = RETRY_S, True
                await woken(changed, rest)

    async def _look(self) -> None:
        """Remember where telephones come and go."""
        while True:
            await self._barrier.wait_rewired()
            try:
                there = await self.note_sightings()
                for hook in self.on_seen:
                    await hook(there)
            except (PbxUnavailable, PbxRejected) as error:
                log.debug("phones_not_seen", why=str(error)[:200])
            await asyncio.sleep(SIGHTINGS_S)

    async def note_sightings(self) -> Sequence[Sighting]:
        """See which telephones are there. Raises `PbxUnavailable`, `PbxRejected`."""
        if not self._seen:
            self._seen = {one.endpoint: one for one in await self._barrier.remembered()}
        now = self._clock.now()
        there = {one.endpoint: one for one in await self._barrier.seen()}
        gone = {
            endpoint: replace(one, registered=False, at=now)
            for endpoint, one in self._seen.items()
            if one.registered and endpoint not in there
        }
        for endpoint, one in (there | gone).items():
            known = self._seen.get(endpoint)
            if known is None or replace(known, at=one.at) != one:
                self._seen[endpoint] = one
                await self._barrier.remember(one)
        return tuple(there.values())
