"""What phones display of a caller who was passed on: whom they sought, why they come, until when.

Whoever attends a line needs it before they answer (S22). It is for colleagues, and still tells no
more than callers are told where a reason is private.
"""

from __future__ import annotations

from datetime import datetime

from pbx_bridge.core import absence, reach
from pbx_bridge.core.call import Why
from pbx_bridge.core.model import Language, Line, Person, ReferralReason
from pbx_bridge.core.state import Exchange

LONGEST_REASON = 20
"""Letters; a longer one leaves no room for the rest on a phone."""
_WHY = {
    Why.PERSON_BUSY: {Language.SV: "upptagen", Language.FI: "varattu", Language.EN: "busy"},
    Why.PERSON_NO_ANSWER: {
        Language.SV: "svarar inte",
        Language.FI: "ei vastaa",
        Language.EN: "no answer",
    },
    Why.PERSON_UNREACHABLE: {
        Language.SV: "nås inte",
        Language.FI: "ei tavoiteta",
        Language.EN: "unreachable",
    },
}
_OFF_DUTY = {Language.SV: "ej i tjänst", Language.FI: "ei töissä", Language.EN: "off duty"}


def sought(exchange: Exchange, person: Person, now: datetime, why: Why | None = None) -> str:
    """`Elin Strand lunch 14.30`, in the language of the house.

    `why`: how the attempt to ring them went, where one was made.
    """
    language = exchange.plan.organisation.language
    away = absence.absence(exchange, person.extension, now)
    if away is not None:
        reason = _reason(exchange.plan.reasons_by_name[away.reason], language)
        until = _until(absence.end_told(exchange, person, away), now, language)
        return f"{person.name} {reason} {until}"
    if why in _WHY:
        return f"{person.name} {_WHY[why][language]}"
    if reach.off_duty(exchange, person, now):
        until = _until(absence.back_at(exchange, person, now), now, language)
        return f"{person.name} {_OFF_DUTY[language]} {until}"
    return person.name


def titled(exchange: Exchange, line: Line, shown: str) -> str:
    """What the phones of a line display: what is `shown` of the caller, and the line last."""
    title = line.title[exchange.plan.organisation.language]
    return f"{shown} · {title}" if shown else title


def _reason(reason: ReferralReason, language: Language) -> str:
    """The reason's short name; the words that callers hear where that is too long, or private."""
    if reason.title is None or reason.private or len(reason.title[language]) > LONGEST_REASON:
        return reason.public[language]
    return reason.title[language]


def _until(moment: datetime, now: datetime, language: Language) -> str:
    """`14.30`, of another day `8.12`."""
    local = moment.astimezone(now.tzinfo)
    if local.date() == now.date():
        separator = ":" if language is Language.EN else "."
        return f"{local.hour}{separator}{local:%M}"
    match language:
        case Language.SV:
            return f"{local.day}.{local.month}"
        case Language.FI:
            return f"{local.day}.{local.month}."
        case Language.EN:
            return f"{local:%Y-%m-%d}"
