"""What would happen: the rules asked against assumed outcomes, with nothing rung."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from pbx_bridge.core import permits, trunks
from pbx_bridge.core.call import (
    Ask,
    Call,
    Decision,
    Dial,
    Hangup,
    Hold,
    Listen,
    Obey,
    Queue,
    Record,
    Ring,
    Say,
    Sort,
    Step,
    Voicemail,
    Why,
    with_attempt,
    with_result,
)
from pbx_bridge.core.classes import classify
from pbx_bridge.core.commands import Refusal
from pbx_bridge.core.confirming import confirmation
from pbx_bridge.core.countries import Class
from pbx_bridge.core.decide import decide
from pbx_bridge.core.folding import fold
from pbx_bridge.core.handling import handle
from pbx_bridge.core.model import Language, Person, Plan
from pbx_bridge.core.numbers import written_as
from pbx_bridge.core.sentences import Sentence, Spoken
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.stepid import StepId

Speak = Callable[[Sentence, Language], str]


@dataclass(frozen=True, slots=True)
class Explained:
    """One step of the way: what, why, and what is assumed to come of it."""

    what: str
    why: Why
    then: str
    """The assumed outcome, "" after the last step."""


OUTGOING = frozenset(
    {Why.OUTGOING, Why.OUTGOING_PERMITTED, Why.OUTGOING_CAPPED, Why.OUTGOING_BARRED}
)
"""Of a call whose phone was asked whether it may call that number."""


def right(call: Call, exchange: Exchange, now: datetime) -> str:
    """What kind of number a phone dials outside, and by which rule it may or may not (S27); "" for
    a phone that is nobody's."""
    person = exchange.plan.people.get(call.phone)
    if person is None:
        return ""
    found = permits.verdict(exchange, person, call.dialled, now)
    kind = f"{call.dialled} is {found.kind}{f' ({found.country})' if found.country else ''}"
    zone = exchange.plan.organisation.zone
    if (held := found.permit) is not None:
        until = held.until.astimezone(zone)
        return f"{kind}: a permit until {until:%Y-%m-%d %H:%M} by {held.approved_by} allows it"
    usual = ", ".join(sorted({Class.EMERGENCY.value, *permits.usual(exchange, person)}))
    told = f"{kind}: {person.name} may call {usual} without a permit"
    over = [
        one.until.astimezone(zone)
        for one in permits.known(exchange, person)
        if permits.covers(one.calls, found.kind, found.country) and permits.is_over(one.until, now)
    ]
    if over and not found.allowed:
        told += f"; that for it ended {max(over):%Y-%m-%d %H:%M}"
    return told


def way(call: Call, exchange: Exchange, now: datetime) -> Iterator[tuple[Decision, Call, str]]:
    """Yield each decision with the call before it and its assumed outcome.

    It is assumed that nobody answers and no key is pressed: the longest way.
    """
    while True:
        decision = decide(call, exchange, now)
        outcome = _assumed(decision.step)
        yield decision, call, outcome
        if isinstance(decision.step, Hangup):
            return
        call = with_result(with_attempt(call, decision.about), outcome)
        if isinstance(decision.step, Obey):
            told, exchange = _obeyed(decision.about, decision.step, exchange, now)
            done = told.why.removeprefix("command-")
            yield told, call, ""
            call = with_attempt(with_result(call, done), told.about)


def explain(
    call: Call, exchange: Exchange, now: datetime, speak: Speak, *, hides: bool = False
) -> Iterator[Explained]:
    """The way in words. `hides`: the caller has withheld our number, by what was dialled."""
    for decision, before, outcome in way(call, exchange, now):
        what = _words(decision.step, before.language, exchange.plan, speak)
        if isinstance(decision.step, Dial):
            what += f" over {_shown(decision.step.number, before.phone, exchange.plan, hides)}"
            if decision.why is Why.EMERGENCY:
                what += ", and tell the switchboard at once"
        yield Explained(what, decision.why, outcome)


def _obeyed(
    about: StepId, step: Obey, exchange: Exchange, now: datetime
) -> tuple[Decision, Exchange]:
    """How the command would go, and the state after it; nothing is stored."""
    answer = handle(step.command, exchange, now)
    if isinstance(answer, Refusal):
        return Decision(about.told, Say((answer.spoken,)), Why.COMMAND_REFUSED), exchange
    after = fold(exchange, answer)
    return Decision(
        about.told, Say(confirmation(step.command, after, now)), Why.COMMAND_DONE
    ), after


def _assumed(step: Step) -> str:
    match step:
        case Ring() | Dial():
            return "NOANSWER"
        case Queue():
            return "TIMEOUT"
        case Hold():
            return "SUCCESS"
        case Say() | Ask() | Record() | Voicemail() | Listen() | Hangup() | Obey() | Sort():
            return ""
        case _:
            assert_never(step)


def _words(step: Step, language: Language, plan: Plan, speak: Speak) -> str:
    match step:
        case Ring(extensions, seconds):
            names = ", ".join(_called(plan.people[one]) for one in extensions)
            return f"ring {names} for {seconds} s"
        case Dial(number):
            return f"dial {number}"
        case Say(sentences):
            return "say: " + _said(sentences, language, speak)
        case Ask(sentences, seconds, _):
            said = _said(sentences, language, speak)
            return f"say, and wait {seconds} s for a key: {said}"
        case Record(seconds):
            return f"record a note of at most {seconds} s"
        case Queue(line, seconds, _, backups):
            also = ", backups too," if backups else ""
            return f"queue for {plan.lines[line].title[language]}{also} for {seconds} s"
        case Hold(line, number):
            return f"hold the place for {plan.lines[line].title[language]}, call {number} back"
        case Voicemail(mailbox):
            return f"take a message in mailbox {mailbox}"
        case Listen(mailbox):
            return f"hear the messages of mailbox {mailbox}"
        case Hangup():
            return "hang up"
        case Obey() | Sort():
            return f"obey {type(step.command if isinstance(step, Obey) else step).__name__}"
        case _:
            assert_never(step)


def _shown(number: str, phone: str, plan: Plan, hides: bool) -> str:
    """The trunks that a call out may take, and as whom: `mast, else cable, as 018000101`. The
    operator is told also a number that is withheld, and tells nobody."""
    over = plan.carriers(classify(number, plan.dialling))
    own = plan.own_numbers.get(phone)
    kept = ", which the operator is to withhold" if hides else ""
    shows = [trunks.shown(one, own or one.caller_id) + kept for one in over]
    told = [written_as(number, one.form, plan.dialling) for one in over]
    names = [
        one.name if sent == number else f"{one.name} (which is told {sent})"
        for one, sent in zip(over, told, strict=True)
    ]
    if len(set(shows)) == 1:
        return f"{', else '.join(names)}, as {shows[0]}"
    return ", else ".join(f"{name} as {who}" for name, who in zip(names, shows, strict=True))


def _called(person: Person) -> str:
    """`Anna Berg (101)`, of several devices `Anna Berg (101, desk and softphone)`."""
    names = [device.name for device in person.devices]
    if len(names) == 1:
        return f"{person.name} ({person.extension})"
    return f"{person.name} ({person.extension}, {', '.join(names[:-1])} and {names[-1]})"


def _said(sentences: Sequence[Spoken], language: Language, speak: Speak) -> str:
    return " ".join(
        speak(one, language) if isinstance(one, Sentence) else "(a recording)" for one in sentences
    )
