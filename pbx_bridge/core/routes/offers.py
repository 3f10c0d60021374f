"""Calls that the exchange makes to ask a colleague to take somebody's calls (S14)."""

from __future__ import annotations

from datetime import datetime

from pbx_bridge.core import consent
from pbx_bridge.core.call import Ask, Call, Decision, Why
from pbx_bridge.core.commands import AnswerForward
from pbx_bridge.core.routes import Route, obey, say
from pbx_bridge.core.sentences import sentence
from pbx_bridge.core.state import Exchange

OFFER = "offer/"
"""Before the extension of the absent person, as what is "dialled"; no caller can dial it."""
YES_KEY, NO_KEY = "1", "2"
ANSWER_SECONDS = 6
ROUNDS = ("ask:offer", "ask:offer-again")


def offer_route(call: Call, exchange: Exchange, now: datetime) -> Route:
    """Say whose calls, and until when; 1 is yes, 2 is no, and nothing is no answer."""
    absent = exchange.plan.people.get(call.dialled.removeprefix(OFFER))
    if absent is None:
        return
    forward = next(consent.offers_to(exchange, call.phone, now, absent.extension), None)
    if forward is None:
        if not call.tried:
            yield say("gone", Why.OFFER_MADE, sentence("offer-gone"))
        return
    told = sentence("offer", name=absent.name, until=forward.until)
    for mark in ROUNDS:
        asked = (told, sentence("offer-keys"))
        yield Decision(mark, Ask(asked, ANSWER_SECONDS), Why.OFFER_MADE)
        key = call.result(mark)
        if key in (YES_KEY, NO_KEY):
            answer = AnswerForward(absent.extension, call.phone, key == YES_KEY, call.phone)
            yield from obey("answer", answer, Why.OFFER_MADE)
            return
    yield say("unanswered", Why.OFFER_MADE, sentence("offer-unanswered"))
