"""Calls from phones of the house to numbers outside."""

from __future__ import annotations

from datetime import datetime

from pbx_bridge.core import limits, permits
from pbx_bridge.core.call import Call, Decision, Dial, Hangup, Why
from pbx_bridge.core.classes import CALLED_BACK
from pbx_bridge.core.countries import Class
from pbx_bridge.core.routes import Route, say
from pbx_bridge.core.sentences import Digits, sentence
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.stepid import StepId

BUSY_CAUSE = 17
TOO_MANY = "ATONCE"
"""The dialplan's word for a call that isn't tried, as too many go on."""
_DIAL = StepId("dial")


def called_back(
    call: Call, exchange: Exchange, extension: str, number: str, now: datetime
) -> Decision | None:
    """The call to `number`, which a stranger may have chosen; None where it can't be offered. What
    was allowed when it began goes on."""
    person = exchange.plan.people.get(extension)
    found = permits.verdict(exchange, person, number, now)
    longest = limits.longest(exchange, extension, found.kind, now)
    dial = Decision(StepId("dial", number), Dial(number, longest=longest), Why.OUTGOING)
    if call.result(dial.about) is not None:
        return dial
    if person is None or not found.allowed or found.kind not in CALLED_BACK:
        return None
    return None if limits.refused(exchange, person, found.kind, now) else dial


def outgoing_route(call: Call, exchange: Exchange, now: datetime) -> Route:
    """What the owner of the phone may call, by the plan or by a permit, up to the caps (S27); 112
    always."""
    plan = exchange.plan
    person = plan.people.get(call.phone)
    found = permits.verdict(exchange, person, call.dialled, now)
    if call.result(_DIAL) is None:  # what was allowed when it began goes on
        if found.kind is Class.UNKNOWN:
            yield say("unknown", Why.UNKNOWN_NUMBER, sentence("unknown-number"))
            return
        if not found.allowed:
            yield say("barred", Why.OUTGOING_BARRED, sentence("not-allowed"))
            return
        if person is not None and limits.refused(exchange, person, found.kind, now):
            yield say("capped", Why.OUTGOING_CAPPED, sentence("outgoing-capped"))
            return
    if found.kind is Class.EMERGENCY:
        yield Decision(_DIAL, Dial(call.dialled), Why.EMERGENCY)
        nobody = sentence("emergency-failed", number=Digits(call.dialled))
        yield say("failed", Why.EMERGENCY_FAILED, nobody)
        return
    why = Why.OUTGOING if found.permit is None else Why.OUTGOING_PERMITTED
    longest = limits.longest(exchange, call.phone, found.kind, now)
    yield Decision(_DIAL, Dial(call.dialled, longest=longest), why)
    if call.result(_DIAL) == "BUSY":
        yield Decision(StepId("hangup"), Hangup(BUSY_CAUSE), Why.OUTGOING_BUSY)
    if call.result(_DIAL) == TOO_MANY:
        yield say("at-once", Why.OUTGOING_CAPPED, sentence("outgoing-at-once"))
        return
    yield say("failed", Why.OUTGOING_FAILED, sentence("trunk-failed"))
