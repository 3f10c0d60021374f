"""The sample municipality, moments in its time, and ways through it as readable lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from pbx_bridge.config.plan import load_plan
from pbx_bridge.config.prompts import load_prompts
from pbx_bridge.core.call import (
    Ask,
    Attempt,
    Call,
    Decision,
    Hangup,
    Queue,
    Ring,
    Say,
    Voicemail,
    with_attempt,
    with_result,
)
from pbx_bridge.core.decide import decide
from pbx_bridge.core.folding import fresh
from pbx_bridge.core.model import Language
from pbx_bridge.core.sentences import Sentence
from pbx_bridge.core.state import Exchange, Referral
from pbx_bridge.core.stepid import StepId
from pbx_bridge.core.wording import render

ROOT = Path(__file__).parents[2]
PLAN = load_plan(ROOT / "dialplan", date(2026, 3, 2))
PROMPTS = load_prompts(ROOT / "voicemail" / "prompts")
ZONE = PLAN.organisation.zone
EXCHANGE = fresh(PLAN)


def at(text: str) -> datetime:
    """`2026-03-03 10:00` in the plan's zone."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


DAY = at("2026-03-03 10:00")  # a Tuesday in office, switchboard and phone hours
YESTERDAY = DAY - timedelta(days=1)
NIGHT = at("2026-03-03 20:00")  # only the on-call line is open


def away(
    person: str, until: str, reason: str = "mote", *, exchange: Exchange = EXCHANGE
) -> Exchange:
    """`exchange` with one more referral, set a day before `DAY`."""
    referral = Referral(person, reason, YESTERDAY, at(until))
    return replace(exchange, referrals={**exchange.referrals, person: (referral,)})


def attended(line: str, *people: str, exchange: Exchange = EXCHANGE) -> Exchange:
    """`exchange` with exactly `people` signed in on `line`."""
    return replace(exchange, signed_in={**exchange.signed_in, line: frozenset(people)})


def changed_line(name: str, **changes: Any) -> Exchange:
    """A new exchange whose plan has another line of that name."""
    lines = {**PLAN.lines, name: replace(PLAN.lines[name], **changes)}
    return fresh(replace(PLAN, lines=lines))


def changed_person(extension: str, **changes: Any) -> Exchange:
    """A new exchange whose plan has another person at that extension."""
    people = {**PLAN.people, extension: replace(PLAN.people[extension], **changes)}
    return fresh(replace(PLAN, people=people))


def way(
    call: Call, exchange: Exchange, now: datetime, results: Mapping[str, str] | None = None
) -> Iterator[Decision]:
    """Yield each decision until the call ends, with `results` by mark; else nobody answers."""
    while True:
        decision = decide(call, exchange, now)
        yield decision
        match decision.step:
            case Hangup():
                return
            case Ring():
                usual = "NOANSWER"
            case Queue():
                usual = "TIMEOUT"
            case Voicemail():
                usual = "SUCCESS"
            case _:
                usual = ""
        result = (results or {}).get(decision.mark, usual)
        call = with_result(with_attempt(call, decision.about), result)


def shown(decision: Decision) -> str:
    """A decision on one line: its mark, its rule, and the keys of what is told."""
    told = " ".join(sentence.key for sentence in sentences(decision))
    return f"{decision.mark} {decision.why}" + (f": {told}" if told else "")


def sentences(decision: Decision) -> tuple[Sentence, ...]:
    """The sentences of a step; recorded notes are left out."""
    match decision.step:
        case Say(told) | Ask(told):
            return tuple(one for one in told if isinstance(one, Sentence))
        case _:
            return ()


def spoken(decision: Decision, now: datetime, language: Language = Language.SV) -> str:
    """What the caller hears."""
    return " ".join(render(one, language, now, PROMPTS) for one in sentences(decision))


def steps(call: Call, exchange: Exchange, now: datetime = DAY, **results: str) -> tuple[str, ...]:
    """The way in lines; results by mark, written with `_` for its colon."""
    by_mark = {mark.replace("_", ":"): result for mark, result in results.items()}
    return tuple(shown(one) for one in way(call, exchange, now, by_mark))


def then(call: Call, *tried: tuple[str, str]) -> Call:
    return replace(call, tried=tuple(Attempt(StepId.parse(mark), result) for mark, result in tried))
