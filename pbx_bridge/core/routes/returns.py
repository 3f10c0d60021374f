"""The callers who have to be reached, one after the other, on a phone of the house (S16)."""

from __future__ import annotations

from pbx_bridge.core import numbers, returning
from pbx_bridge.core.call import Ask, Call, Decision, Dial, Why
from pbx_bridge.core.commands import RecordContact
from pbx_bridge.core.model import Person
from pbx_bridge.core.routes import Route, obey, say
from pbx_bridge.core.sentences import Digits, Named, Sentence, sentence
from pbx_bridge.core.state import Exchange, Opened, Return

MOST_HEARD = 10
"""In one call; who is left comes first in the next one."""
KEY_SECONDS = 8
DONE_KEY, CALL_KEY = "1", "2"
_RETURN = "ask:return."


def returns_route(call: Call, exchange: Exchange, person: Person) -> Route:
    """How many there are, and each: talked to, called now, or left for later."""
    waiting = returning.open_for(exchange, person)
    asked = {one.mark: one.result for one in call.tried}
    heard = sum(mark.startswith(_RETURN) for mark in asked)
    if not waiting and not heard:
        yield say("code", Why.CODE_ASKED, sentence("returns-none"))
        return
    count = () if heard else (sentence("returns-count", count=len(waiting)),)
    for mark, key in asked.items():  # those that were closed meanwhile aren't waiting any more
        if key == DONE_KEY and mark.startswith(_RETURN):
            _, target, number = mark.split(".", 2)
            name = f"returned.{target}.{number}"
            contact = RecordContact(target, number, by=person.extension)
            yield Decision(mark, Ask(()), Why.CODE_ASKED)
            yield from obey(name, contact)
    for one in waiting:
        mark = f"{_RETURN}{one.target}.{one.number}"
        if asked.get(mark) == DONE_KEY:
            continue
        if mark not in asked:
            if heard >= MOST_HEARD:
                break
            heard += 1
        told = (*count, *_told(one, exchange))
        count = ()
        yield Decision(mark, Ask(told, KEY_SECONDS), Why.CODE_ASKED)
        callable_ = numbers.classify(one.number, exchange.plan.dialling) is numbers.Class.NATIONAL
        if asked.get(mark) == CALL_KEY and callable_:
            dial = Dial(one.number, exchange.plan.trunk.name)
            yield Decision(f"dial:{one.number}", dial, Why.OUTGOING)
            yield say("failed", Why.OUTGOING_FAILED, sentence("trunk-failed"))
            return
    yield say("code", Why.CODE_ASKED, sentence("returns-end"))


def _told(one: Return, exchange: Exchange) -> list[Sentence]:
    plan = exchange.plan
    line = plan.lines.get(one.target)
    whom = plan.people[one.target].name if line is None else Named(line.title)
    if one.withheld:
        told = sentence("return-withheld", name=whom, since=one.last, until=one.due)
        return [told, sentence("return-keys-withheld")]
    number = Digits(one.number)
    if Opened.PROMISED in one.how:
        told = sentence("return-promised", number=number, until=one.due)
    else:
        told = sentence("return-missed", number=number, name=whom, since=one.last, until=one.due)
    return [told, sentence("return-keys")]
