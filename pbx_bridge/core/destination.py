"""Where an absent person's calls go, as staff are told it: the first place on the way that their
callers are led (`core/routes/people.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pbx_bridge.core.call import Call, Queue, Ring
from pbx_bridge.core.model import Line, Person
from pbx_bridge.core.routes.people import person_route
from pbx_bridge.core.sentences import Named, Sentence, sentence
from pbx_bridge.core.state import Exchange


def destination(exchange: Exchange, person: Person, at: datetime) -> Person | Line | None:
    """Who is rung first for a caller from outside at `at`; None where callers are told when
    somebody can be reached."""
    for decision in person_route(Call(person.extension), exchange, person, at):
        match decision.step:
            case Ring(extensions):
                return exchange.plan.people[extensions[0]]
            case Queue(line):
                return exchange.plan.lines[line]
    return None


def told_destination(exchange: Exchange, person: Person, at: datetime) -> Iterator[Sentence]:
    """Yield where the calls go, as a sentence; nothing where the person's own phone rings."""
    match destination(exchange, person, at):
        case Line(title=title):
            yield sentence("referral-set-calls-to-line", line=Named(title))
        case Person(extension, name):
            if extension != person.extension:
                yield sentence("referral-set-calls-to", name=name)
        case None:
            yield sentence("referral-set-calls-told", name=person.name)
