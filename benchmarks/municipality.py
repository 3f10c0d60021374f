"""A large municipality made by rule: 500 people, 60 lines, 25 units, a year of absences."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from random import Random

from pbx_bridge.core.folding import fresh
from pbx_bridge.core.model import Language, Line, Person, Plan, Raised, Shift, Span, Text, Unit
from pbx_bridge.core.state import Exchange, Referral

PEOPLE, LINES, UNITS, ABSENCES = 500, 60, 25, 1_000
DAYS = 365


def municipality(plan: Plan, now: datetime) -> Exchange:
    """The hours of `plan` with people, lines and units of its own, the same at every run."""
    rng = Random(20261124)
    hours = ("kontorstid", "skoltid")
    units = {
        f"enhet{at}": Unit(f"enhet{at}", _text(f"enhet {at}"), hours[at % 2], minimum=1 + at % 2)
        for at in range(UNITS)
    }
    people = {
        str(1000 + at): Person(
            str(1000 + at), f"Person {at}", "tjänsteman", f"enhet{at % UNITS}", hours="arbetstid"
        )
        for at in range(PEOPLE)
    }
    lines = dict(_line(at, rng) for at in range(LINES))
    referrals: dict[str, list[Referral]] = {}
    for _ in range(ABSENCES):
        who = rng.choice(list(people))
        since = now + timedelta(hours=rng.randrange(DAYS * 24))
        until = since + timedelta(hours=rng.choice((1, 8, 24, 24 * 7, 24 * 21)))
        referrals.setdefault(who, []).append(Referral(who, "semester", since, until))
    organisation = replace(plan.organisation, switchboard="linje0")
    whole = replace(plan, organisation=organisation, units=units, people=people, lines=lines)
    held = {who: tuple(sorted(found, key=_begins)) for who, found in referrals.items()}
    return replace(fresh(whole), referrals=held)


def _line(at: int, rng: Random) -> tuple[str, Line]:
    members = tuple(str(1000 + one) for one in rng.sample(range(PEOPLE), 6))
    mornings = ((Span(time(8), time(12)),),) * 7
    afternoons = ((Span(time(12), time(16)),),) * 7
    roster = (Shift(members[0], mornings), Shift(members[1], afternoons)) if at % 2 else ()
    raised = (Raised("budget", date(2027, 3, 1), date(2027, 3, 31), 2),) if at % 5 == 0 else ()
    line = Line(
        *(f"linje{at}", _text(f"linje {at}"), str(at), ("vaxeltid", "telefontid")[at % 2]),
        members,
        members[:2],
        backups=members[4:],
        roster=roster,
        raised=raised,
    )
    return line.name, line


def _text(word: str) -> Text:
    return dict.fromkeys(Language, word)


def _begins(one: Referral) -> datetime:
    return one.since
