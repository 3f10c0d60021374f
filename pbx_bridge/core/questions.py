"""What colleagues are asked and have not answered: will you take somebody's calls, or their
line? (S14, S18)"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pbx_bridge.core import absence, blocks, consent, covering, reach
from pbx_bridge.core.commands import Command, LapseCover, LapseForward
from pbx_bridge.core.state import Exchange


class Kind(StrEnum):
    """What is asked; the part before the asker's extension of what is "dialled" when the
    colleague is rung up. It has a slash, so no caller can dial it."""

    FORWARD = "offer/"
    COVER = "cover/"


@dataclass(frozen=True, slots=True)
class Question:
    """An open question to a colleague."""

    kind: Kind
    person: str
    """Who asks."""
    to: str
    since: datetime
    """When what is asked for begins."""

    @property
    def dialled(self) -> str:
        """What the colleague's phone is connected with."""
        return f"{self.kind}{self.person}"

    @property
    def lapse(self) -> Command:
        """What is done when nobody answers."""
        if self.kind is Kind.COVER:
            return LapseCover(self.person, self.to)
        return LapseForward(self.person, self.to, since=self.since)


def open_questions(exchange: Exchange, now: datetime) -> Iterator[Question]:
    """Yield what has yet to be asked or answered; several lines of one asker are one question."""
    for one in consent.unanswered(exchange, now):
        yield Question(Kind.FORWARD, one.person, one.to, one.since)
    covers = (
        Question(Kind.COVER, one.person, one.to, one.since)
        for one in covering.unanswered(exchange, now)
    )
    yield from dict.fromkeys(covers)


def cannot(exchange: Exchange, question: Question, now: datetime) -> bool:
    """Whether the colleague is away when what is asked for begins, or has no telephone."""
    if blocks.is_blocked(exchange, question.to):
        return True
    begins = max(now, question.since, key=lambda one: one.timestamp())
    return absence.absence(exchange, question.to, begins) is not None


def may_be_asked(exchange: Exchange, question: Question, now: datetime) -> bool:
    """Whether the colleague may be rung up for it; who can't do it is passed over unasked."""
    colleague = exchange.plan.people[question.to]
    return reach.may_ring(exchange, colleague, now) or cannot(exchange, question, now)
