"""What callers are likely to hear next."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pbx_bridge.core.call import Ask, Call, Say
from pbx_bridge.core.decide import route
from pbx_bridge.core.model import Language
from pbx_bridge.core.sentences import Sentence
from pbx_bridge.core.state import Exchange


def likely(exchange: Exchange, now: datetime) -> Iterator[tuple[Sentence, Language]]:
    """Every sentence on the way of a call to each number, in the number's language."""
    for number in exchange.plan.numbers.values():
        call = Call(number.digits, language=number.language)
        for decision in route(call, exchange, now):
            if isinstance(decision.step, Say | Ask):
                for told in decision.step.sentences:
                    if isinstance(told, Sentence):
                        yield told, told.language or number.language
