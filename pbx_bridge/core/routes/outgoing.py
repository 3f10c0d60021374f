"""Calls from phones of the house to numbers outside."""

from __future__ import annotations

from pbx_bridge.core import numbers
from pbx_bridge.core.call import Call, Decision, Dial, Hangup, Why
from pbx_bridge.core.routes import Route, say
from pbx_bridge.core.sentences import sentence
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.stepid import StepId

BUSY_CAUSE = 17
_DIAL = StepId("dial")


def outgoing_route(call: Call, exchange: Exchange) -> Route:
    """National numbers, and 112 always; nothing else (S27)."""
    plan = exchange.plan
    match numbers.classify(call.dialled, plan.dialling):
        case numbers.Class.BARRED:
            yield say("barred", Why.OUTGOING_BARRED, sentence("not-allowed"))
            return
        case numbers.Class.UNKNOWN:
            yield say("unknown", Why.UNKNOWN_NUMBER, sentence("unknown-number"))
            return
        case numbers.Class.EMERGENCY:
            yield Decision(_DIAL, Dial(call.dialled, plan.trunk.name), Why.EMERGENCY)
        case numbers.Class.NATIONAL:
            yield Decision(_DIAL, Dial(call.dialled, plan.trunk.name), Why.OUTGOING)
    if call.result(_DIAL) == "BUSY":
        yield Decision(StepId("hangup"), Hangup(BUSY_CAUSE), Why.OUTGOING_BUSY)
    yield say("failed", Why.OUTGOING_FAILED, sentence("trunk-failed"))
