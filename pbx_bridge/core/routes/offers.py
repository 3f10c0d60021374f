"""Calls that the exchange makes to ask a colleague to take somebody's calls or line (S14, S18)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from pbx_bridge.core import consent, covering
from pbx_bridge.core.call import Ask, Call, Decision, Why
from pbx_bridge.core.commands import AnswerCover, AnswerForward, Command
from pbx_bridge.core.questions import Kind
from pbx_bridge.core.routes import Route, obey, say
from pbx_bridge.core.sentences import Named, Sentence, sentence
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.stepid import StepId

YES_KEY, NO_KEY = "1", "2"
ANSWER_SECONDS = 6
ROUNDS = (StepId("ask", "offer"), StepId("ask", "offer-again"))


def offer_route(call: Call, exchange: Exchange, now: datetime) -> Route:
    """Say whose calls, and until when; 1 is yes, 2 is no, and nothing is no answer."""
    absent = exchange.plan.people.get(call.dialled.removeprefix(Kind.FORWARD))
    if absent is None:
        return
    forward = next(consent.offers_to(exchange, call.phone, now, absent.extension), None)
    if forward is None:
        if not call.tried:
            yield say("gone", Why.OFFER_MADE, sentence("offer-gone"))
        return
    told = sentence("offer", name=absent.name, until=forward.until)
    yield from _asked(call, (told,), partial(AnswerForward, absent.extension, call.phone))


def cover_route(call: Call, exchange: Exchange, now: datetime) -> Route:
    """Say who needs to leave which line, and until when; 1 is yes, 2 is no."""
    plan = exchange.plan
    leaver = plan.people.get(call.dialled.removeprefix(Kind.COVER))
    if leaver is None:
        return
    asked = tuple(covering.asked_of(exchange, call.phone, now, leaver.extension))
    if not asked:
        if not call.tried:
            yield say("gone", Why.OFFER_MADE, sentence("offer-gone"))
        return
    told: list[Sentence] = []
    for one in asked:
        title = Named(plan.lines[one.line].title)
        told.append(sentence("cover", name=leaver.name, line=title, until=one.until))
        if one.since.astimezone(UTC) > now.astimezone(UTC):
            told.append(sentence("referral-begins", since=one.since))
    yield from _asked(call, tuple(told), partial(AnswerCover, leaver.extension, call.phone))


def _asked(
    call: Call, told: tuple[Sentence, ...], answered: Callable[[bool, str], Command]
) -> Route:
    for about in ROUNDS:
        asked = (*told, sentence("offer-keys"))
        yield Decision(about, Ask(asked, ANSWER_SECONDS), Why.OFFER_MADE)
        key = call.result(about)
        if key in (YES_KEY, NO_KEY):
            yield from obey("answer", answered(key == YES_KEY, call.phone), Why.OFFER_MADE)
            return
    yield say("unanswered", Why.OFFER_MADE, sentence("offer-unanswered"))
