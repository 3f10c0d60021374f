"""Asks colleagues whether they take somebody's calls or line, by ringing them up (S14, S18)."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from pbx_bridge.app.office import Office
from pbx_bridge.app.waking import woken
from pbx_bridge.core.devices import endpoints
from pbx_bridge.core.questions import Question, cannot, may_be_asked, open_questions
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
        self._asked: set[Question] = set()
        self._said: set[Question] = set()
        """Questions whose colleague could not be rung, as the log says."""

    async def run(self) -> None:
        """Ask until cancelled; every task of a question is owned here."""
        with self._office.listening() as changed:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    changed.clear()
                    for question in self._open():
                        self._asked.add(question)
                        tasks.create_task(self._ask(question), name=f"offer-{question.to}")
                    await woken(changed, RETRY_S)

    def _open(self) -> list[Question]:
        """Questions that nobody is being asked yet, to colleagues who may be rung or can't do
        it."""
        exchange, now = self._office.exchange, self._clock.now()
        return [
            one
            for one in open_questions(exchange, now)
            if one not in self._asked and may_be_asked(exchange, one, now)
        ]

    async def _ask(self, question: Question) -> None:
        """Ring the colleague, and pass them over when they don't answer. While Asterisk can't be
        reached nobody is passed over: they are rung soon after it is back."""
        try:
            if await self._silent(question):
                await self._office.obey(question.lapse)
        except PbxUnavailable as error:
            self._say_not_rung(question, error)
            await asyncio.sleep(RETRY_S)
        finally:
            self._asked.discard(question)

    def _say_not_rung(self, question: Question, why: Exception) -> None:
        """Once for each question."""
        self._said &= set(open_questions(self._office.exchange, self._clock.now()))
        if question not in self._said:
            self._said.add(question)
            log.info("colleague_not_rung", colleague=question.to, why=str(why)[:200])

    async def _silent(self, question: Question) -> bool:
        """Whether the question is still open when the time for it is over."""
        plan = self._office.exchange.plan
        seconds = plan.organisation.offer_seconds
        if not self._cannot(question):
            await self._ring(question)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over(question)
        return self._is_open(question)

    async def _ring(self, question: Question) -> None:
        """Ring up. Whose phone isn't there has the time to see the question elsewhere."""
        plan = self._office.exchange.plan
        asked = plan.people[question.to]
        variables = {
            "PBX_DIALLED": question.dialled,
            "PBX_PHONE": question.to,
            "PBX_LANG": asked.language,
        }
        shown = (question.person, plan.people[question.person].name)
        try:
            await self._telephony.ring_up(endpoints(asked), variables, RING_SECONDS, shown)
        except NoticeDelayed as error:
            self._say_not_rung(question, error)

    async def _over(self, question: Question) -> None:
        """Return when the question is answered or withdrawn, or the colleague goes away."""
        with self._office.listening() as changed:
            while self._is_open(question) and not self._cannot(question):
                changed.clear()
                await changed.wait()

    def _is_open(self, question: Question) -> bool:
        return question in open_questions(self._office.exchange, self._clock.now())

    def _cannot(self, question: Question) -> bool:
        return cannot(self._office.exchange, question, self._clock.now())
