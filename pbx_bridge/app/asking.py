"""Asks colleagues whether they take somebody's calls, by ringing them up (S14)."""

from __future__ import annotations

import asyncio

import structlog

from pbx_bridge.app.office import Office
from pbx_bridge.core import consent, reach
from pbx_bridge.core.commands import LapseForward
from pbx_bridge.core.routes.offers import OFFER
from pbx_bridge.core.state import Forward
from pbx_bridge.ports import Clock, NoticeDelayed, PbxUnavailable, Telephony

RING_SECONDS = 25
RETRY_S = 30.0
"""Between two looks at colleagues who are off duty now."""

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
        """Questions that nobody is being asked yet, of colleagues who may be disturbed."""
        exchange, now = self._office.exchange, self._clock.now()
        return [
            one
            for one in consent.unanswered(exchange, now)
            if _key(one) not in self._asked
            and not reach.off_duty(exchange, exchange.plan.people[one.to], now)
        ]

    async def _ask(self, forward: Forward) -> None:
        plan = self._office.exchange.plan
        absent, colleague = plan.people[forward.person], plan.people[forward.to]
        variables = {
            "PBX_DIALLED": f"{OFFER}{forward.person}",
            "PBX_PHONE": forward.to,
            "PBX_LANG": colleague.language,
        }
        try:
            shown = (forward.person, absent.name)
            await self._telephony.ring_up(forward.to, variables, RING_SECONDS, shown)
        except (NoticeDelayed, PbxUnavailable) as error:
            log.info("colleague_not_rung", why=str(error)[:200])
        try:
            async with asyncio.timeout(plan.organisation.offer_seconds):
                await self._answered(forward)
        except TimeoutError:
            await self._office.obey(LapseForward(forward.person, forward.to))
        finally:
            self._asked.discard(_key(forward))

    async def _answered(self, forward: Forward) -> None:
        """Return when the question is open no more, answered or withdrawn."""
        with self._office.listening() as changed:
            while forward in consent.unanswered(self._office.exchange, self._clock.now()):
                changed.clear()
                await changed.wait()


def _key(forward: Forward) -> tuple[str, str, float]:
    return forward.person, forward.to, forward.since.timestamp()
