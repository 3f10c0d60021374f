"""Watches the ways out: operators that fail are told of, and emergency calls at once (S18)."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from datetime import timedelta

import structlog

from pbx_bridge.app.office import Office
from pbx_bridge.app.waking import woken
from pbx_bridge.core.commands import NoteEmergency, SeeTrunk
from pbx_bridge.core.devices import endpoint_of
from pbx_bridge.core.outside import FAILURES, Trouble
from pbx_bridge.core.trunks import near
from pbx_bridge.ports import (
    CallRefused,
    Certificates,
    Clock,
    EmergencyDialled,
    PbxRejected,
    PbxUnavailable,
    Rewired,
    TrunkFailed,
    Trunks,
)

LOOK_S = 5.0
PROVE_AGAIN_S = 60.0
SETTLES_LOOKS = 2
"""Looks in a row that show the same trouble before it is one: at a start nobody has answered."""
COUNTED: Mapping[Trouble, tuple[int, timedelta]] = {
    Trouble.FAILING: (FAILURES, timedelta(minutes=10)),
    Trouble.REFUSED: (1, timedelta(hours=1)),
}
"""How many within how long are a trouble; it is over when there were fewer for so long."""

log = structlog.get_logger(__name__)


class Carrying:
    """What it counts is forgotten when the bridge ends; what it tells is in the journal."""

    def __init__(
        self, trunks: Trunks, certificates: Certificates, office: Office, clock: Clock, here: str
    ) -> None:
        """`here`: the exchange's own address, whose network is its phones'."""
        self.failed: Counter[str] = Counter()
        """Calls that had to take another way, by trunk."""
        self.refused: Counter[str] = Counter()
        """Requests near an operator's addresses that were refused, by trunk."""
        self.untrusted: dict[str, str] = {}
        """Why the certificate of a trunk's server isn't accepted, "" where it is; by trunk, as far
        as that is known."""
        self._trunks = trunks
        self._certificates = certificates
        self._office = office
        self._clock = clock
        self._here = here
        self._woken = asyncio.Event()
        self._seen: Counter[tuple[str, Trouble]] = Counter()
        self._times: defaultdict[tuple[str, Trouble], deque[float]] = defaultdict(
            lambda: deque(maxlen=FAILURES)
        )

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(), name="trunk-events")
            tasks.create_task(self._keep_proving(), name="trunk-certificates")
            while True:
                await self.look()
                self._woken.clear()
                await woken(self._woken, LOOK_S)

    async def look(self) -> None:
        """Compare what is seen with what is known of each trunk."""
        plan = self._office.exchange.plan
        try:
            silent = await self._trunks.unreachable()
            inside = await self._registered()
        except (PbxUnavailable, PbxRejected) as error:
            log.debug("trunks_not_seen", why=str(error)[:200])
            return
        for name, trunk in plan.trunks.items():
            untrusted = bool(self.untrusted.get(name))
            if name in self.untrusted:
                await self._see(name, Trouble.UNTRUSTED, troubled=untrusted)
            # Who isn't believed is asked nothing, so the rest follows.
            asked_in_vain = trunk.watched and name in silent and not untrusted
            await self._settle(name, Trouble.UNREACHABLE, troubled=asked_in_vain)
            out = trunk.registers and name not in inside and not untrusted
            await self._settle(name, Trouble.UNREGISTERED, troubled=out)
            for what in COUNTED:
                await self._see(name, what, troubled=self._counts(name, what))
        for name, known in tuple(self._office.exchange.trunk_troubles):
            if name not in plan.trunks:
                await self._see(name, Trouble(known), troubled=False)

    async def prove(self) -> None:
        """See what every operator shows over TLS."""
        for name, trunk in self._office.exchange.plan.trunks.items():
            why = await self._certificates.refused(trunk) if trunk.authority else ""
            if why is None:
                continue
            if why and why != self.untrusted.get(name):
                log.warning("certificate_refused", trunk=name, why=why)
            self.untrusted[name] = why
            self._woken.set()

    async def _keep_proving(self) -> None:
        while True:
            await self.prove()
            await asyncio.sleep(PROVE_AGAIN_S)

    async def _registered(self) -> frozenset[str]:
        registering = any(one.registers for one in self._office.exchange.plan.trunks.values())
        return await self._trunks.registered() if registering else frozenset()

    async def _settle(self, trunk: str, what: Trouble, *, troubled: bool) -> None:
        """A trouble that lasts, or its end."""
        key = (trunk, what)
        self._seen[key] = self._seen[key] + 1 if troubled else 0
        if not troubled or self._seen[key] >= SETTLES_LOOKS:
            await self._see(trunk, what, troubled=troubled)

    def _counts(self, trunk: str, what: Trouble) -> bool:
        most, window = COUNTED[what]
        now = asyncio.get_running_loop().time()
        times = self._times[trunk, what]
        while times and now - times[0] > window.total_seconds():
            times.popleft()
        return len(times) >= most

    async def _see(self, trunk: str, what: Trouble, *, troubled: bool) -> None:
        known = (trunk, what) in self._office.exchange.trunk_troubles
        if known is not troubled:
            await self._office.obey(SeeTrunk(trunk, what, troubled))

    async def _listen(self) -> None:
        async for event in self._trunks.trunk_events():
            match event:
                case Rewired():
                    self._woken.set()
                case EmergencyDialled(call, channel, number):
                    at = self._clock.now()
                    await self._office.obey(NoteEmergency(call, endpoint_of(channel), number, at))
                case TrunkFailed(trunk):
                    self.failed[trunk] += 1
                    self._count(trunk, Trouble.FAILING)
                case CallRefused(address):
                    self._refuse(address)

    def _refuse(self, address: str) -> None:
        trunk = near(address, self._office.exchange.plan.trunks, self._here)
        if trunk is not None:
            self.refused[trunk] += 1
            log.warning("operator_refused", trunk=trunk, address=address)
            self._count(trunk, Trouble.REFUSED)

    def _count(self, trunk: str, what: Trouble) -> None:
        self._times[trunk, what].append(asyncio.get_running_loop().time())
        self._woken.set()
