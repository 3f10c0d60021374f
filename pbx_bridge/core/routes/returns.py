"""The callers who have to be reached, one after the other, on a phone of the house (S16)."""

from __future__ import annotations

from datetime import datetime

from pbx_bridge.core import returning
from pbx_bridge.core.call import Ask, Call, Decision, Why
from pbx_bridge.core.commands import RecordContact
from pbx_bridge.core.model import Person
from pbx_bridge.core.routes import Route, obey, say
from pbx_bridge.core.routes.outgoing import called_back
from pbx_bridge.core.sentences import Digits, Named, Sentence, sentence
from pbx_bridge.core.state import Exchange, Opened, Return
from pbx_bridge.core.stepid import StepId

MOST_HEARD = 10
"""In one call; who is left comes first in the next one."""
KEY_SECONDS = 8
DONE_KEY, CALL_KEY = "1", "2"
_RETURN = StepId("ask", "return")


def returns_route(call: Call, exchange: Exchange, person: Person, now: datetime) -> Route:
    """How many there are, and each: talked to, called now, or left for later.

    Those heard come first, in the order in which they were, also when they were closed meanwhile:
    so the step after the last one tried follows from that one's key alone.
    """
    waiting = {_asked(one): one for one in returning.open_for(exchange, person)}
    heard = call.tried_of(_RETURN)
    if not waiting and not heard:
        yield say("code", Why.CODE_ASKED, sentence("returns-none"))
        return
    count = () if heard else (sentence("returns-count", count=len(waiting)),)
    entries = list(dict.fromkeys((*heard, *waiting)))[: max(MOST_HEARD, len(heard))]
    for asked in entries:
        one = waiting.get(asked)
        told = (*count, *_told(one, exchange)) if one is not None else ()
        count = ()
        yield Decision(asked, Ask(told, KEY_SECONDS), Why.CODE_ASKED)
        key = call.result(asked)
        target, number = asked.args if one is None else (one.target, one.number)
        if key == DONE_KEY:
            contact = RecordContact(target, number, by=person.extension)
            yield from obey("returned", contact, args=asked.args)
        elif key == CALL_KEY and not (one is not None and one.withheld):
            dial = called_back(call, exchange, person.extension, number, now)
            if dial is not None:
                yield dial
                yield say("failed", Why.OUTGOING_FAILED, sentence("trunk-failed"))
                return
            yield say("barred", Why.OUTGOING_BARRED, sentence("not-allowed"), args=asked.args)
    yield say("code", Why.CODE_ASKED, sentence("returns-end"))


def _asked(one: Return) -> StepId:
    return StepId("ask", "return", (one.target, one.number))


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
