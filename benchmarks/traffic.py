"""Callers by rule: a year of realistic days, the same at every run.

A weekday has a morning and an afternoon peak by the clock on the wall, Mondays are busiest,
weekends and nights nearly empty. Waits are log-normal (half within 9 s); callers give up after an
exponential patience.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from pbx_bridge.core.latency import Journey, Outcome
from pbx_bridge.core.trace import Leg, Mark, Talk

ZONE = ZoneInfo("Europe/Mariehamn")
FIRST = datetime(2025, 11, 24, tzinfo=ZONE)
BY_HOUR = (0, 0, 0, 0, 0, 1, 2, 12, 60, 100, 95, 70, 40, 65, 70, 55, 20, 8, 5, 3, 2, 1, 1, 0)
BY_WEEKDAY = (130, 105, 100, 95, 80, 4, 3)
HALF_WAIT_S, SPREAD, PATIENCE_S, TALK_S = 9.0, 0.8, 90.0, 140.0
NUMBERS = ("018000100",) * 8 + ("018000130",) * 4 + tuple(f"0180001{at:02}" for at in range(1, 12))


def year(calls: int, first: datetime, days: int = 365) -> Iterator[Journey]:
    """So many calls over `days` days from `first`, a midnight of `ZONE`, in their order."""
    rng = Random(20261124)
    weights = [BY_WEEKDAY[(first + timedelta(days=day)).weekday()] for day in range(days)]
    share = calls / sum(weights)
    due, number = 0.0, 0
    for day, weight in enumerate(weights):
        due += weight * share
        today = round(due) - number
        for second in sorted(_second(rng) for _ in range(today)):
            on_the_wall = first + timedelta(days=day, seconds=second)
            yield _journey(rng, number, on_the_wall)
            number += 1


def log_of(call: Journey, number: int) -> str:
    """The call as Asterisk's event log has it, without what happens in other calls meanwhile."""
    caller = f"PJSIP/operator-{2 * number:08x}"
    leg = f"PJSIP/{call.answered_by or '101'}-{2 * number + 1:08x}"
    answered, ended = call.answered_at, call.ended_at or call.started
    bridge = f'{{""bridge_id"":""{number:036}"",""bridge_technology"":""simple_bridge""}}'
    hung_up = f'{{""hangupcause"":16,""hangupsource"":""{caller}"",""dialstatus"":""""}}'
    rows = [(call.started, "CHAN_START", caller, "")]
    rows += [
        (mark.time, "PBX_STEP", caller, f'{{""extra"":""{mark.step}|{mark.why}|{mark.detail}""}}')
        for mark in call.steps
    ]
    rows += [(one.started, "CHAN_START", leg, "") for one in call.legs]
    if answered is not None:
        rows += [(answered, "ANSWER", leg, ""), (answered, "ANSWER", caller, "")]
        rows += [
            (answered, "BRIDGE_ENTER", leg, bridge),
            (answered, "BRIDGE_ENTER", caller, bridge),
        ]
        rows += [(ended, "BRIDGE_EXIT", caller, bridge), (ended, "BRIDGE_EXIT", leg, bridge)]
    rows += [(ended, "HANGUP", leg, hung_up) for _ in call.legs]
    rows += [(ended, "HANGUP", caller, hung_up), (ended, "LINKEDID_END", caller, "")]
    return "".join(
        f'"{time.timestamp():.6f}","{kind}","{call.linkedid}",'
        f'"{call.linkedid if channel == caller else call.linkedid + "1"}","{channel}",'
        f'"{call.caller}","{call.dialled}","from-trunk","Dial","PJSIP/101,20","","{extra}"\n'
        for time, kind, channel, extra in rows
    )


def _second(rng: Random) -> float:
    (hour,) = rng.choices(range(24), BY_HOUR)
    return hour * 3600 + rng.random() * 3600


def _journey(rng: Random, number: int, on_the_wall: datetime) -> Journey:
    started = on_the_wall.astimezone(UTC)
    wait_s = rng.lognormvariate(math.log(HALF_WAIT_S), SPREAD)
    patience_s = rng.expovariate(1 / PATIENCE_S)
    dialled = rng.choice(NUMBERS)
    open_ = 8 <= on_the_wall.hour < 16 and on_the_wall.weekday() < 5
    by = f"1{rng.randrange(1, 12):02}"
    rule, step = ("line-open", "queue") if open_ else ("line-closed", "ask")
    mark = Mark(started + timedelta(milliseconds=4), step, rule, "vaxel", tells=not open_)
    legs: tuple[Leg, ...] = ()
    leg = Leg(f"PJSIP/{by}-{number:08x}", by, started + timedelta(milliseconds=9))
    if not open_:
        outcome, wait_s = Outcome.CLOSED, 12.0
    elif patience_s < wait_s:
        outcome, wait_s, legs = Outcome.ABANDONED, patience_s, (leg,)
    else:
        outcome, legs = Outcome.ANSWERED, (leg,)
    until = started + timedelta(seconds=wait_s)
    answered = until if outcome is Outcome.ANSWERED else None
    ended = until if answered is None else until + timedelta(seconds=rng.expovariate(1 / TALK_S))
    return Journey(
        linkedid=f"{int(started.timestamp())}.{number}",
        caller=f"04{rng.randrange(10**8):08}",
        origin="from-trunk",
        dialled=dialled,
        started=started,
        answered_at=answered,
        answered_by=by if answered else "",
        ended_at=ended,
        outcome=outcome,
        steps=(mark,),
        legs=legs,
        talks=(Talk(by, answered, ended),) if answered else (),
    )
