"""What happens next to a call.

`decide` is asked when a call arrives and again after each step with its result. Each kind
of target has a route: the steps in the order in which they would be tried, computed afresh
from the state of the moment. The step after the last one that the call has tried is the
decision, so a call never repeats a step, never goes back (a phone doesn't ring because its
owner returned while a message was being left) and always ends.
"""

from __future__ import annotations

from datetime import datetime

from pbx_bridge.core import blocks, codes, numbers
from pbx_bridge.core.call import LANGUAGE_ASKED, Ask, Call, Decision, Hangup, Step, Why
from pbx_bridge.core.model import Language, TargetKind
from pbx_bridge.core.questions import Kind
from pbx_bridge.core.routes import Route, say
from pbx_bridge.core.routes.lines import PLACE, line_route, place_route, unknown_route
from pbx_bridge.core.routes.menu import menu_route
from pbx_bridge.core.routes.offers import cover_route, offer_route
from pbx_bridge.core.routes.outgoing import outgoing_route
from pbx_bridge.core.routes.people import person_route
from pbx_bridge.core.routes.staff import code_route
from pbx_bridge.core.sentences import Sentence, sentence
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.stepid import StepId

MOST_STEPS = 48
"""More attempts than any route has; a call that gets here is a defect, and is ended."""
LANGUAGE_SECONDS = 3


def decide(call: Call, exchange: Exchange, now: datetime) -> Decision:
    """The next step of `call`, and why."""
    if len(call.tried) >= MOST_STEPS:
        return Decision(StepId("hangup"), Hangup(), Why.TOO_MANY_STEPS)
    tried = {attempt.about for attempt in call.tried}
    unseen = set(tried)
    following: Decision | None = None
    for decision in route(call, exchange, now):
        if decision.about in tried:
            unseen.discard(decision.about)
            following = None
        elif following is None:
            following = decision
        if following is not None and not unseen:
            return following
    return following or Decision(StepId("hangup"), Hangup(), Why.NOTHING_LEFT)


def route(call: Call, exchange: Exchange, now: datetime) -> Route:
    """Every step of the call's way, in order, given what is known at `now`."""
    if call.phone and blocks.is_blocked(exchange, call.phone):
        # Asterisk refuses it; this is a call that was under way at that moment.
        yield say("blocked", Why.PHONE_BLOCKED, sentence("refused-phone-blocked"))
    else:
        yield from _route(call, exchange, now)


def _route(call: Call, exchange: Exchange, now: datetime) -> Route:
    plan = exchange.plan
    if call.dialled.startswith(Kind.FORWARD):
        yield from offer_route(call, exchange, now)
        return
    if call.dialled.startswith(Kind.COVER):
        yield from cover_route(call, exchange, now)
        return
    if call.dialled.startswith(PLACE):
        yield from place_route(call, exchange)
        return
    if codes.is_code(call.dialled):
        if call.phone in plan.people:
            yield from code_route(call, exchange, plan.people[call.phone], now)
        else:  # nobody outside can use one
            yield from unknown_route(call, exchange, now)
        return
    number = numbers.target(call.dialled, plan)
    if number is None and call.phone:
        yield from outgoing_route(call, exchange, now)
        return
    if number is None:
        yield from unknown_route(call, exchange, now)
        return
    if number.kind is TargetKind.MENU:
        yield from menu_route(call, exchange, now)
        return
    if number.asks_language and not call.phone:
        asked = tuple(
            Sentence("offer-language", {"digit": digit}, language)
            for digit, language in enumerate(Language, 1)
        )
        yield Decision(LANGUAGE_ASKED, Ask(asked, LANGUAGE_SECONDS), Why.LANGUAGE_ASKED)
    if number.kind is TargetKind.PERSON:
        yield from person_route(call, exchange, plan.people[number.target], now)
    else:
        yield from line_route(call, exchange, plan.lines[number.target], now)


def kind(step: Step) -> str:
    """The step's name: the extension of the step context in the dialplan."""
    return type(step).__name__.lower()
