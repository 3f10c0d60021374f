"""Mailboxes: whose they are, who may hear them, and which messages were told already (S16)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pbx_bridge.core.model import Line, Person, Plan
from pbx_bridge.core.state import Exchange

KEPT = timedelta(days=7)
"""A message that was left longer ago is news to nobody: it isn't told any more, so that what was
told of it needn't be known either."""


@dataclass(frozen=True, slots=True)
class Message:
    """A voicemail message that somebody has left."""

    mailbox: str
    id: str
    """Unique in the mailbox; it stays with the message."""
    caller: str
    """Caller's number as signalled, "" when withheld. Not to be trusted."""
    at: datetime
    """When it was begun, aware, by our clock."""
    seconds: int
    channel: str
    """Asterisk's name of the caller's channel, "" where it isn't known."""
    heard: bool = False
    """It lies with those that were heard."""


def owner(plan: Plan, mailbox: str) -> Person | Line | None:
    """Whose mailbox it is, None where nobody in the plan has it."""
    person = plan.people.get(mailbox)
    if person is not None:
        return person if person.mailbox else None
    found = (line for line in plan.lines.values() if line.mailbox == mailbox != "")
    return next(found, None)


def of(plan: Plan, name: str) -> str:
    """The mailbox of a person (extension) or a line (name), "" for none."""
    if (person := plan.people.get(name)) is not None:
        return person.extension if person.mailbox else ""
    line = plan.lines.get(name)
    return line.mailbox if line is not None else ""


def lines_heard(plan: Plan, person: Person) -> tuple[Line, ...]:
    """Lines with a mailbox that `person` may hear, whose messages light the lamp of their
    phone: those that they may attend, signed in or not."""
    return tuple(line for line in plan.lines_of(person.extension) if line.mailbox)


def heard(plan: Plan, person: Person) -> Iterator[str]:
    """Yield every mailbox that `person` may hear, their own first."""
    if person.mailbox:
        yield person.extension
    for line in lines_heard(plan, person):
        yield line.mailbox


def key(mailbox: str, message: str) -> str:
    """How the state names a message."""
    return f"{mailbox}/{message}"


def is_new(exchange: Exchange, mailbox: str, message: str, at: datetime, now: datetime) -> bool:
    """Whether a message that was left `at` has still to be told."""
    recent = at.astimezone(UTC) > now.astimezone(UTC) - KEPT
    return recent and key(mailbox, message) not in exchange.messages
