"""Calls to a person."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from pbx_bridge.core import absence, blocks, display, reach
from pbx_bridge.core.call import Ask, Call, Decision, Ring, Why
from pbx_bridge.core.model import Language, Person
from pbx_bridge.core.routes import Route, say
from pbx_bridge.core.routes.ending import ending
from pbx_bridge.core.routes.lines import attended, unanswered
from pbx_bridge.core.sentences import Named, Sentence, sentence
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.stepid import StepId
from pbx_bridge.core.timetable import line_open

INSIST_KEY = "*"
INSIST_SECONDS = 3
_INSIST = StepId("ask", "insist")
_ON_BEHALF = {Language.SV: "för {}", Language.FI: "haettu: {}", Language.EN: "for {}"}


def person_route(call: Call, exchange: Exchange, person: Person, now: datetime) -> Route:
    """Ring, or tell why not and until when; then who has agreed; the unit; the switchboard;
    choices."""
    own = StepId("ring", person.extension)
    why, told, tells = _kept_away(exchange, person, now)
    lost = blocks.is_blocked(exchange, person.extension)
    rings = not lost and (why is None or _is_vip(call, person))
    if rings or call.result(own) is not None:
        rule = Why.PERSON_RINGS if why is None else Why.PERSON_VIP
        yield Decision(own, _ring(exchange, person), rule)
        if why is None:
            why, told = _not_reached(person, call.result(own))
    elif why is None:
        why, told = Why.PERSON_BLOCKED, sentence("unreachable", name=person.name)
    elif why is Why.PERSON_ABSENT and call.phone and person.push_through and not lost:
        insist = sentence("insist", name=person.name)
        yield Decision(_INSIST, Ask((told, insist), INSIST_SECONDS), why, tells)
        if call.result(_INSIST) == INSIST_KEY:
            insisted = StepId("insist", person.extension)
            yield Decision(insisted, _ring(exchange, person), Why.PERSON_INSISTED)
            why, told = _not_reached(person, call.result(insisted))
            tells = False
    first = why
    for colleague in reach.takers(exchange, person, now):
        if colleague.extension == call.phone:
            continue
        passing = sentence("passing-to", name=colleague.name)
        yield say(f"to-{colleague.extension}", why, told, passing, tells_when=tells)
        ring = _ring(exchange, colleague, for_=person)
        yield Decision(StepId("ring", colleague.extension), ring, Why.DEPUTY_RINGS)
        why, told, tells = Why.DEPUTY_NO_ANSWER, sentence("no-answer", name=colleague.name), False
    plan = exchange.plan
    lines = dict.fromkeys((plan.units[person.unit].line, plan.organisation.switchboard))
    for line in (plan.lines[name] for name in lines if name):
        if not line_open(exchange, line, now):
            continue
        passing = sentence("passing-to-line", line=Named(line.title))
        yield say(f"to-{line.name}", why, told, passing, tells_when=tells)
        shown = display.sought(exchange, person, now, first)
        yield from attended(call, exchange, line, now, shown, person.extension)
        why, told, tells = *unanswered(line), False
    again = _when(exchange, person, now, told=tells)
    box = person.extension if person.mailbox else ""
    yield from ending(call, exchange, now, person, box, why, (told, *again))


def _kept_away(
    exchange: Exchange, person: Person, now: datetime
) -> tuple[Why, Sentence, bool] | tuple[None, Sentence, bool]:
    """Why the phone isn't rung, as a rule and as a sentence that tells until when."""
    away = absence.absence(exchange, person.extension, now)
    if away is not None:
        return (
            Why.PERSON_ABSENT,
            absence.told_absence("person-absent", person, away, exchange),
            True,
        )
    if reach.off_duty(exchange, person, now):
        back = absence.back_at(exchange, person, now)
        return Why.PERSON_OFF_DUTY, sentence("off-duty", name=person.name, until=back), True
    return None, sentence("no-answer", name=person.name), False


def _is_vip(call: Call, person: Person) -> bool:
    """Numbers that somebody wants to be reached by always; a forged one only makes it ring."""
    return (call.phone or call.caller) in person.vip


def _not_reached(person: Person, result: str | None) -> tuple[Why, Sentence]:
    """Why a ring ended without an answer, by Asterisk's DIALSTATUS."""
    match result:
        case "BUSY":
            return Why.PERSON_BUSY, sentence("busy", name=person.name)
        case "CHANUNAVAIL" | "CONGESTION" | "INVALIDARGS":
            return Why.PERSON_UNREACHABLE, sentence("unreachable", name=person.name)
        case _:
            return Why.PERSON_NO_ANSWER, sentence("no-answer", name=person.name)


def _when(exchange: Exchange, person: Person, now: datetime, *, told: bool) -> Iterator[Sentence]:
    """Yield when the person can be reached, unless that was `told`, and the unit if sooner
    (S7)."""
    back = absence.back_at(exchange, person, now)
    later = back.astimezone(UTC) > now.astimezone(UTC)
    if later and not told:
        yield sentence("reach-again", name=person.name, until=back)
    unit = exchange.plan.units[person.unit]
    unit_back = reach.unit_back_at(exchange, unit, now)
    if not later or unit_back == now:
        yield sentence("try-again-soon")
    elif unit_back is not None and unit_back.date() < back.date():
        yield sentence("line-next", line=Named(unit.title), opens=unit_back)


def _ring(exchange: Exchange, person: Person, for_: Person | None = None) -> Ring:
    """Ring somebody; a colleague's phone shows for whom (S22)."""
    mobiles = blocks.mobiles_of(exchange, person) if person.rings_mobile else ()
    ring = Ring((person.extension,), person.ring_seconds, mobiles)
    if for_ is None:
        return ring
    title = exchange.plan.units[for_.unit].title[person.language]
    shown = _ON_BEHALF[person.language].format(f"{for_.name} · {title}")
    return Ring(ring.extensions, ring.seconds, mobiles, shown, for_.extension)
