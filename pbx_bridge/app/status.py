"""What a bridge says of itself when asked."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pbx_bridge.app.calls import Tally
from pbx_bridge.core import (
    absence,
    attendance,
    blocks,
    delivery,
    devices,
    limits,
    locks,
    outside,
)
from pbx_bridge.core.model import Language, Line
from pbx_bridge.core.returning import outline
from pbx_bridge.core.state import Channel, Exchange
from pbx_bridge.core.timetable import line_open, line_opens
from pbx_bridge.ports import Clock


def exchange_status(exchange: Exchange, clock: Clock, language: Language) -> Mapping[str, object]:
    """Lines with who attends them, and who is away until when."""
    now = clock.now()
    plan = exchange.plan
    return {
        "now": now.isoformat(timespec="seconds"),
        "plan": plan.version,
        "lines": [
            {
                "line": line.name,
                "open": line_open(exchange, line, now),
                "next_opening": _iso(line_opens(exchange, line, now)),
                "attendants": [
                    plan.people[one].name for one in attendance.attendants(exchange, line, now)
                ],
                "alarm": _alarm(exchange, line, now),
            }
            for line in plan.lines.values()
        ],
        "planned": [
            {
                "extension": extension,
                "since": _iso(one.since.astimezone(now.tzinfo)),
                "until": _iso(one.until),
            }
            for extension in exchange.referrals
            for one in absence.planned(exchange, extension, now)
        ],
        "forwards": [
            {"person": one.person, "to": one.to, "consent": one.consent}
            for held in exchange.forwards.values()
            for one in held
            if one.until.timestamp() > now.timestamp()
        ],
        "trunks": [
            {
                "trunk": name,
                "troubles": {
                    what: _iso(at.astimezone(now.tzinfo))
                    for what, at in outside.troubles_of(exchange, name).items()
                },
            }
            for name in plan.trunks
        ],
        "flood_since": _iso(exchange.flood_since),
        "without_sound": [
            {
                "endpoint": endpoint,
                "name": plan.people[devices.extension_of(endpoint)].name,
                "since": _iso(since),
            }
            for endpoint, since in exchange.without_sound.items()
        ],
        "pin_locks": [
            {"extension": extension, "own_mobile_only": own, "until": _iso(lock.until)}
            for extension, own, lock in locks.locked(exchange.wrong_pins, plan, now)
        ],
        "capped": [
            {"who": who or "all", "until": _iso(until)}
            for who, until in limits.capped(exchange, now)
        ],
        "blocked": [
            {
                "extension": extension,
                "device": one.device,
                "since": _iso(one.at.astimezone(now.tzinfo)),
                "by": one.by,
            }
            for extension, one in blocks.all_blocks(exchange)
        ],
        "returns": [outline(one) for one in exchange.returns.values()],
        "notices": {
            "waiting": sum(one.channel is not Channel.LIST for one in exchange.outbox.values()),
            "to_be_heard": [
                {"id": one.id, "about": one.about, "person": one.person}
                for one in delivery.to_be_heard(exchange, now)
            ],
            "undeliverable": [
                {"to": exchange.outbox[id_].to, "about": exchange.outbox[id_].about, "why": why}
                for id_, why in exchange.undelivered.items()
                if id_ in exchange.outbox
            ],
        },
        "referrals": [
            {
                "extension": extension,
                "name": person.name,
                # Never health data: the public wording stands for the reason.
                "told": plan.reasons_by_name[held.reason].public[language],
                "until": _iso(held.until),
            }
            for extension, person in plan.people.items()
            if (held := absence.current(exchange, extension, now)) is not None
        ],
    }


def _alarm(exchange: Exchange, line: Line, now: datetime) -> Mapping[str, object] | None:
    """Why too few attend an open line, and who stands in; None while enough do (S18)."""
    raised = exchange.shortages.get(line.name)
    if raised is None:
        return None
    people = exchange.plan.people
    joined = attendance.staffing(exchange, line, now).joined
    return {
        "since": raised.since.astimezone(now.tzinfo).isoformat(timespec="seconds"),
        "cause": raised.cause,
        "missing": [people[one].name for one in raised.missing if one in people],
        "joined": [people[one].name for one in joined],
    }


def process_status(tally: Tally) -> Mapping[str, object]:
    """Decisions so far, and what the process holds open: it must not grow."""
    timings = sorted(tally.seconds)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "pid": os.getpid(),
        "decided": tally.decided,
        "callers_gone": tally.gone,
        "taken_by_others": tally.lost,
        "left_to_fallback": tally.failed,
        "decision_ms_p50": _ms(timings, 0.50),
        "decision_ms_p99": _ms(timings, 0.99),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 3),
        "tasks": len(asyncio.all_tasks()),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
    }


def _ms(timings: list[float], part: float) -> float | None:
    return round(timings[int(part * (len(timings) - 1))] * 1000, 2) if timings else None


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="minutes")
