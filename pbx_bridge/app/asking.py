"""Asks colleagues whether they take somebody's calls, by ringing them up (S14)."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from pbx_bridge.app.office import Office
from pbx_bridge.core import consent, reach
from pbx_bridge.core.commands import LapseForward
from pbx_bridge.core.routes.offers import OFFER
from pbx_bridge.core.state import Forward
from pbx_bridge.ports import Clock, NoticeDelayed, PbxUnavailable, Telephony

RING_SECONDS = 25
RETRY_S = 30.0
"""Between two looks at colleagues who may not be rung now, or could not be."""

log = structlog.get_logger(__name__)


class Asking:
    """One call for each open question; who doesn't answer in time is passed over.

    What is under way is known here only: after a restart a colleague is asked again.
    """

    def __init__(self, telephony: Telephony, office: Office, clock: Clock) -> None:
        self._telephony = telephony
        self._office = office
        self._clock = clock
        self._asked: set[tuple[str, str, float]] = set()

    async def run(self) -> None:
        """Ask until cancelled; every task of a question is owned here."""
        with self._office.listening() as changed:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    changed.clear()
                    for forward in self._open():
                        self._asked.add(_key(forward))
                        tasks.create_task(self._ask(forward), name=f"offer-{forward.to}")
                    try:
                        async with asyncio.timeout(RETRY_S):
                            await changed.wait()
                    except TimeoutError:
                        continue

    def _open(self) -> list[Forward]:
        """Questions that nobody is being asked yet, to colleagues who may be rung or can't take
        the calls."""
        exchange, now = self._office.exchange, self._clock.now()
        return [
            one
            for one in consent.unanswered(exchange, now)
            if _key(one) not in self._asked
            and (
                reach.may_ring(exchange, exchange.plan.people[one.to], now)
                or consent.cannot(exchange, one, now)
            )
        ]

    async def _ask(self, forward: Forward) -> None:
        """Ring the colleague, and pass them over when they don't answer. While Asterisk can't be
        reached nobody is passed over: they are rung once it is back."""
        try:
            if await self._silent(forward):
                passed = LapseForward(forward.person, forward.to, since=forward.since)
                await self._office.obey(passed)
        except PbxUnavailable as error:
            log.info("colleague_not_rung", why=str(error)[:200])
        finally:
            self._asked.discard(_key(forward))

    async def _silent(self, forward: Forward) -> bool:
        """Whether the question is still open when the time for it is over."""
        plan = self._office.exchange.plan
        seconds = plan.organisation.offer_seconds
        if not self._cannot(forward):
            await self._ring(forward)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over(forward)
        return self._is_open(forward)

    async def _ring(self, forward: Forward) -> None:
        """Ring up. Whose phone isn't there has the time to see the question elsewhere."""
        plan = self._office.exchange.plan
        variables = {
            "PBX_DIALLED": f"{OFFER}{forward.person}",
            "PBX_PHONE": forward.to,
            "PBX_LANG": plan.people[forward.to].language,
        }
        shown = (forward.person, plan.people[forward.person].name)
        try:
            await self._telephony.ring_up(forward.to, variables, RING_SECONDS, shown)
        except NoticeDelayed as error:
            log.info("colleague_not_rung", why=str(error)[:200])

    async def _over(self, forward: Forward) -> None:
        """Return when the question is answered or withdrawn, or the colleague goes away."""
        with self._office.listening() as changed:
            while self._is_open(forward) and not self._cannot(forward):
                changed.clear()
                await changed.wait()

    def _is_open(self, forward: Forward) -> bool:
        return forward in consent.unanswered(self._office.exchange, self._clock.now())

    def _cannot(self, forward: Forward) -> bool:
        return consent.cannot(self._office.exchange, forward, self._clock.now())


def _key(forward: Forward) -> tuple[str, str, float]:
    return forward.person, forward.to, forward.since.timestamp()
