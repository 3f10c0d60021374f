"""The policy, clause by clause: met, not met, not judged or not measured, with its figure (S2).

Each row names the query that gives its figure: SQL for the database of journal and record, with
`:since` and `:until` (the period, ISO 8601 in UTC for the journal, microseconds since 1970 for
calls), or the fold over the journal that it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pbx_bridge.core.attendance import Missing
from pbx_bridge.core.events import (
    Event,
    NoticeDelivered,
    NoticeDropped,
    NoticeDue,
    PinRefused,
    ReferralCancelled,
    ReferralSet,
    ShieldLifted,
)
from pbx_bridge.core.latency import UNCOUNTED
from pbx_bridge.core.ledger import BrokenDay, Short
from pbx_bridge.core.model import Plan
from pbx_bridge.core.report import Report
from pbx_bridge.core.returning import Kept
from pbx_bridge.core.state import About, Channel

SHARE = 0.8
"""Of the callers who are to be answered within the target: the policy names 20 s and no share;
80 % within 20 s is the measure usual in the field."""
ALLOWANCE_MIN = 150
"""Minutes of outgoing calls in a month of the standard subscription (S6)."""


ABSENT = (Missing.NOT_SIGNED_IN, Missing.AWAY, Missing.NOBODY)
"""Causes of too few that a roster or a manager answers for, not a phone."""


class Status(StrEnum):
    """What the record says of a clause."""

    MET = "met"
    NOT_MET = "not met"
    NOT_JUDGED = "not judged"
    """What happened is counted; whether it was right is for people to say."""
    NOT_MEASURED = "not measured"
    """Nothing of it happened in the period, or nothing is recorded."""


@dataclass(frozen=True, slots=True)
class Row:
    """One clause."""

    clause: str
    about: str
    status: Status
    figure: float | None
    unit: str
    """What the figure counts."""
    query: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a period."""

    plan: Plan
    events: Sequence[Event]
    """The journal's, of the period."""
    calls: Report
    short: Sequence[Short]
    broken: Sequence[BrokenDay]
    returns: Kept
    minutes: Mapping[str, float]
    """Of outgoing calls, the most in one calendar month, by extension."""
    abroad: int
    """Calls that were carried abroad without a permit."""


_CALLS = (
    "SELECT count(*) FROM calls JOIN call_kinds k ON k.id = calls.kind "
    "WHERE started >= :since AND started < :until AND "
)
_COUNTED = f"k.outcome NOT IN {tuple(sorted(map(str, UNCOUNTED)))}"
_JOURNAL = "SELECT count(*) FROM journal WHERE at >= :since AND at < :until AND kind = "
_SHORT = "fold of LineShort, LineStaffed (core/ledger.py: shortages)"
_BROKEN = "fold of PhoneHoursBroken, PhoneHoursResumed (core/ledger.py: broken_days)"
_RETURNS = "fold of ReturnDue, ReturnClosed (core/returning.py: kept)"
_NOTICES = "NoticeDue without NoticeDelivered or NoticeDropped, of about "
_NOTICE = "notices that have not arrived"
_UNRECORDED = ("", "nothing is recorded")

CLAUSES: Mapping[str, tuple[str, str, str]] = {
    "S1": ("callers are helped", "calls untold", _CALLS + "k.untold <> ''"),
    "S2": (
        "followed up by reports",
        "calls in the record",
        _CALLS + _COUNTED,
    ),
    "S3": ("managers arrange cover", "seconds with too few: nobody has come", _SHORT),
    "S4": ("changes are told in time", _NOTICE, _NOTICES + About.CHANGE),
    "S5": ("raised days are told", _NOTICE, _NOTICES + f"{About.CHANGE}, cause raised"),
    "S6": (
        f"{ALLOWANCE_MIN} minutes a month",
        "subscriptions over it",
        "SELECT phone, month, sum(talked) / 60e6 FROM calls, outgoing (adapters/record: minutes)",
    ),
    "S7": (
        "callers are told when",
        "calls untold, without short ones",
        _CALLS + "k.untold <> '' AND NOT (k.outcome = 'abandoned' AND k.by_caller "
        "AND wait <= 5000000)",
    ),
    "S8": (
        "a referral has an end",
        "referrals without end",
        _JOURNAL + "'ReferralSet' AND julianday(json_extract(body, '$.until')) <= "
        "julianday(json_extract(body, '$.since'))",
    ),
    "S9": ("the whole absence is told", *_UNRECORDED),
    "S10": ("calendars become referrals", *_UNRECORDED),
    "S11": ("remote work is told", _NOTICE, _NOTICES + About.REMOTE),
    "S12": (
        "a cause is noted",
        "referrals without their note",
        "ReferralSet whose reason needs a note, with neither note nor recording",
    ),
    "S13": (
        "private reasons are not told",
        "wordings that tell one",
        "dialplan/reasons.yaml: private",
    ),
    "S14": (
        "calls go to who has agreed",
        "calls that a phone sent on, without consent",
        _CALLS + f"k.diverted = 1 AND {_COUNTED}",
    ),
    "S15": (
        "cancelled by hand when back",
        "referrals cancelled",
        _JOURNAL + "'ReferralCancelled'",
    ),
    "S16": ("callers are contacted the same day", "returns late or open", _RETURNS),
    "S17": (
        "somebody of each unit is there",
        "absences that leave too few",
        _JOURNAL + "'NoticeDue' AND json_extract(body, '$.notice.about') = 'gap' "
        "AND json_extract(body, '$.notice.channel') = 'list'",
    ),
    "S18": ("lines are never unattended", "seconds with too few", _SHORT),
    "S19": (
        "not disturbed when off duty",
        "times that the switchboard rang all the same",
        _JOURNAL + "'ShieldLifted'",
    ),
    "S20": ("the foreman is told at once", _NOTICE, _NOTICES + About.UNPLANNED),
    "S21": (
        "answered within 20 seconds",
        "% in time",
        "answered within the target / (answered + abandoned), aim 80 % (core/report.py)",
    ),
    "S22": ("answered with name and unit", *_UNRECORDED),
    "S23": ("promises are kept", "promises late or open", _RETURNS),
    "S24": ("phone hours are repaid", "minutes owed", _BROKEN),
    "S25": ("phone hours are announced", *_UNRECORDED),
    "S26": ("lost phones are blocked", _NOTICE, _NOTICES + About.PHONE_BLOCKED),
    "S27": (
        "no calls abroad without approval",
        "calls carried abroad without a permit",
        _CALLS + "k.outcome = 'outgoing' AND (number LIKE '+%' OR number LIKE '00%') "
        "AND coalesce(instr(journey, 'outgoing-permitted'), 0) = 0",
    ),
    "S28": ("questions go to a named office", *_UNRECORDED),
    "S29": ("passwords are not spread", "wrong PINs", _JOURNAL + "'PinRefused'"),
}
"""What each clause is about, what its figure counts, and the query that gives it."""


@dataclass(frozen=True, slots=True)
class _Found:
    figure: float | None
    happened: float = 1
    """Zero where nothing happened that could meet or break the clause, but for the figure."""
    met: bool | None = None
    """None: met when the figure is zero."""
    judged: bool = True
    """False where a figure neither meets nor breaks the clause."""


def clauses(facts: Facts) -> tuple[Row, ...]:
    """A row for each clause, S1 to S29."""
    found = _figures(facts)
    return tuple(_row(clause, found.get(clause, _Found(None, 0))) for clause in CLAUSES)


def _row(clause: str, found: _Found) -> Row:
    about, unit, query = CLAUSES[clause]
    met = not found.figure if found.met is None else found.met
    status = Status.MET if met else Status.NOT_MET
    if not (found.happened or found.figure):
        status = Status.NOT_MEASURED
    elif found.figure and not found.judged:
        status = Status.NOT_JUDGED
    return Row(clause, about, status, found.figure, unit, query)


def _figures(facts: Facts) -> Mapping[str, _Found]:
    calls, events, returns = facts.calls, facts.events, facts.returns
    reasons = facts.plan.reasons_by_name
    set_ = [one for one in events if isinstance(one, ReferralSet)]
    known = [(one, reasons[one.reason]) for one in set_ if one.reason in reasons]
    noted = [one for one, reason in known if reason.note_required]
    remote = sum(reason.reachable for _, reason in known)
    nobody = sum(one.seconds for one in facts.short if one.cause in ABSENT)
    over = sum(minutes > ALLOWANCE_MIN for minutes in facts.minutes.values())
    owed = sum(one.owed.total_seconds() for one in facts.broken) / 60
    level = calls.service_level
    ran = len(events) + calls.offered + len(facts.short)  # 0: no exchange in all that time
    return {
        "S1": _Found(calls.untold + calls.untold_short, calls.offered),
        "S2": _Found(calls.offered, calls.offered, met=True),
        "S3": _Found(nobody, ran),
        "S4": _told(facts, About.CHANGE),
        "S5": _told(facts, About.CHANGE, cause="raised"),
        "S6": _Found(over, len(facts.minutes)),
        "S7": _Found(calls.untold, calls.offered - calls.answered),
        "S8": _Found(sum(one.until <= one.since for one in set_), len(set_)),
        "S11": _told(facts, About.REMOTE) if remote else _Found(None, 0),
        "S12": _Found(sum(not (one.note or one.recording) for one in noted), len(noted)),
        "S13": _Found(_tells_private(facts.plan)),
        "S14": _Found(calls.diverted, calls.offered),
        "S15": _Found(_count(events, ReferralCancelled), 0, judged=False),
        "S16": _Found(returns.late + returns.overdue, returns.opened),
        "S17": _Found(_listed(events, About.GAP), len(set_)),
        "S18": _Found(sum(one.seconds for one in facts.short), ran),
        "S19": _Found(_count(events, ShieldLifted), ran, judged=False),
        "S20": _told(facts, About.UNPLANNED),
        "S21": _Found(
            None if level is None else round(level * 100, 1),
            level is not None,
            met=level is not None and level >= SHARE,
        ),
        "S23": _Found(returns.promises_late, returns.promised),
        "S24": _Found(owed, len(facts.broken)),
        "S26": _told(facts, About.PHONE_BLOCKED),
        "S27": _Found(facts.abroad, len(facts.minutes)),
        "S29": _Found(_count(events, PinRefused), 0, judged=False),
    }


def as_dict(rows: Sequence[Row]) -> list[dict[str, object]]:
    """Rows for JSON."""
    return [
        {
            "clause": one.clause,
            "about": one.about,
            "status": str(one.status),
            "figure": one.figure,
            "unit": one.unit,
            "query": one.query,
        }
        for one in rows
    ]


def as_text(rows: Sequence[Row]) -> str:
    """Rows for people; the queries are in JSON, CSV and HTML."""
    lines = []
    for one in rows:
        figure = "" if one.figure is None else f"{one.figure:g} {one.unit}"
        lines.append(f"{one.clause:<4} {one.status:<13} {one.about:<36} {figure}".rstrip())
    return "\n".join(lines)


def _told(facts: Facts, about: About, cause: str = "") -> _Found:
    """Notices that have neither arrived nor been heard. Several ways to the same person are one
    notice: one that has arrived is enough."""
    settled = {one.id for one in facts.events if isinstance(one, NoticeDelivered | NoticeDropped)}
    arrived: dict[tuple[object, ...], bool] = {}
    for event in facts.events:
        if not isinstance(event, NoticeDue):
            continue
        one = event.notice
        if one.about is about and cause in ("", one.cause):
            key = one.person, one.line, one.cause, one.note, one.to, one.at
            arrived[key] = arrived.get(key, False) or one.id in settled
    return _Found(sum(not here for here in arrived.values()), len(arrived))


def _listed(events: Sequence[Event], about: About) -> int:
    """Of the switchboard's list: one for each thing that happened."""
    return sum(
        isinstance(one, NoticeDue)
        and one.notice.about is about
        and one.notice.channel is Channel.LIST
        for one in events
    )


def _count(events: Sequence[Event], kind: type[Event]) -> int:
    return sum(isinstance(one, kind) for one in events)


def _tells_private(plan: Plan) -> int:
    return sum(
        reason.name in text.lower()
        for reason in plan.reasons.values()
        if reason.private
        for text in (*reason.public.values(), *(reason.internal or {}).values())
    )
