"""Calls from phones of the house to numbers outside."""

from __future__ import annotations

from pbx_bridge.core import numbers
from pbx_bridge.core.call import Call, Decision, Dial, Hangup, Why
from pbx_bridge.core.routes import Route, say
from pbx_bridge.core.sentences import sentence
from pbx_bridge.core.state import Exchange

BUSY_CAUSE = 17


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
            yield Decision("dial:", Dial(call.dialled, plan.trunk.name), Why.EMERGENCY)
        case numbers.Class.NATIONAL:
            yield Decision("dial:", Dial(call.dialled, plan.trunk.name), Why.OUTGOING)
    if call.result("dial:") == "BUSY":
        yield Decision("hangup:", Hangup(BUSY_CAUSE), Why.OUTGOING_BUSY)
    yield say("failed", Why.OUTGOING_FAILED, sentence("trunk-failed"))
