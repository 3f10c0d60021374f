"""Setting and cancelling referrals (S8, S12, S15)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from pbx_bridge.core import absence, attendance, consent, guard
from pbx_bridge.core.commands import CancelReferral, Refusal, SetReferral
from pbx_bridge.core.events import Event, ReferralCancelled, ReferralSet
from pbx_bridge.core.folding import fold
from pbx_bridge.core.guard import Gap
from pbx_bridge.core.model import Guard, Line, Plan, ReferralReason, Text
from pbx_bridge.core.sentences import Named, Sentence, sentence
from pbx_bridge.core.state import Exchange, Referral
from pbx_bridge.core.timetable import line_openings, opening_of

FOR_COVER = ("last-attendant", "leaves-too-few")
"""Refusals that a colleague who covers makes good."""
LONGEST = timedelta(days=800)
"""An end further ahead is a slip of the finger: a year of leave planned a year before is less."""


def set_referral(
    command: SetReferral, exchange: Exchange, now: datetime
) -> tuple[Event, ...] | Refusal:
    """The referral, what it replaces, and whom it asks to take the calls."""
    reason = exchange.plan.reasons_by_name.get(command.reason)
    if reason is None:
        return Refusal("S8", "unknown-reason", sentence("refused-unknown-reason"))
    since = _begins_at(command, now)
    refusal = (
        _impossible(command, reason, since, exchange, now)
        or _in_phone_hours(command, reason, since, exchange)
        or _left_empty(command, reason, since, exchange, now)
    )
    if refusal is not None:
        return refusal
    *cancelled, set_ = _set(command, reason, exchange, now)
    assert isinstance(set_, ReferralSet)
    if reason.reachable:
        return (*cancelled, set_)
    return (*cancelled, set_, *consent.ask_deputy(exchange, set_, (), command.by, now))


def gaps(command: SetReferral, exchange: Exchange, now: datetime) -> tuple[Gap, ...]:
    """What the referral would leave with too few, by lines and units (S17, S18)."""
    reason = exchange.plan.reasons_by_name[command.reason]
    since = _begins_at(command, now)
    if reason.reachable or _instant(command.until) <= since:
        return ()
    *replaced, set_ = _set(command, reason, exchange, now)
    before = fold(exchange, replaced)
    return guard.opened(before, fold(before, [set_]), command.person, since, command.until, now)


def told_gap(key: str, gap: Gap, plan: Plan) -> Sentence:
    """The sentence `key` about a line or a unit with too few."""
    titles: dict[guard.Of, Text] = {}
    if gap.of is guard.Of.LINE:
        titles[gap.of] = plan.lines[gap.name].title
    else:
        titles[gap.of] = plan.units[gap.name].title
    return sentence(key, line=Named(titles[gap.of]), since=gap.since, until=gap.until)


def _set(
    command: SetReferral, reason: ReferralReason, exchange: Exchange, now: datetime
) -> tuple[Event, ...]:
    """The referral, behind what it replaces."""
    since = _begins_at(command, now)
    replaced = tuple(_replaced(command, reason, since, exchange, now))
    cancelled = (event for one in replaced for event in cancel(exchange, one, command.by))
    set_ = ReferralSet(
        command.person,
        reason.name,
        since,
        command.until,
        command.note.strip(),
        command.by,
        command.recording,
        now,
    )
    return (*cancelled, set_)


def _begins_at(command: SetReferral, now: datetime) -> datetime:
    return max(now, command.since or now, key=_instant).astimezone(UTC)


def _in_phone_hours(
    command: SetReferral, reason: ReferralReason, since: datetime, exchange: Exchange
) -> Refusal | None:
    """Whoever attends phone hours has no meetings in them (S24)."""
    if not reason.meeting:
        return None
    for line in exchange.plan.lines_of(command.person):
        rostered = {shift.who for shift in line.roster} | line.static
        attends = exchange.signed_in.get(line.name, frozenset()) | rostered
        if not line.phone_hours or command.person not in attends:
            continue
        first = next(line_openings(exchange, line, since), None)
        if first is not None and _instant(first.start) < _instant(command.until):
            spoken = sentence("refused-meeting", line=Named(line.title), since=first.start)
            return Refusal("S24", "meeting-in-phone-hours", spoken)
    return None


def _left_empty(
    command: SetReferral,
    reason: ReferralReason,
    since: datetime,
    exchange: Exchange,
    now: datetime,
) -> Refusal | None:
    """An absence that can be chosen does not leave with too few what is to be refused then."""
    if reason.unplanned:
        return None
    if not reason.reachable and since <= _instant(now):
        empty = attendance.lines_left_empty(exchange, command.person, now)
        refusing = [line for line in empty if line.guard is not Guard.WARN]
        if refusing:
            return last_attendant(refusing[0], exchange, command.person, now)
    for gap in gaps(command, exchange, now):
        if guard.policy(exchange, gap) is Guard.REFUSE:
            clause = "S18" if gap.of is guard.Of.LINE else "S17"
            return Refusal(clause, "leaves-too-few", _told_refused(gap, command, exchange, now))
    return None


def _impossible(
    command: SetReferral,
    reason: ReferralReason,
    since: datetime,
    exchange: Exchange,
    now: datetime,
) -> Refusal | None:
    until = _instant(command.until)
    if until <= _instant(now):
        return Refusal("S8", "end-has-passed", sentence("refused-time-passed"))
    if until <= since:
        return Refusal("S8", "end-before-start", sentence("refused-end-before-start"))
    if until - _instant(now) > LONGEST:
        return Refusal("S8", "end-too-far", sentence("refused-bad-time"))
    if reason.note_required and not command.note.strip() and not command.recording:
        return Refusal("S12", "note-needed", sentence("refused-note-needed"))
    if exchange.plan.people[command.person].always_answers and not reason.reachable:
        return Refusal("S18", "always-answers", sentence("refused-always-answers"))
    return None


def _replaced(
    command: SetReferral,
    reason: ReferralReason,
    since: datetime,
    exchange: Exchange,
    now: datetime,
) -> Iterator[Referral]:
    """A new referral from now on corrects the one that holds; a planned one, that of the same
    beginning. Remote work goes on beneath an absence, so neither replaces the other."""
    begins_now = since <= _instant(now)
    for one in exchange.referrals.get(command.person, ()):
        same_kind = absence.keeps_calls_away(exchange, one) is not reason.reachable
        holds = _instant(one.since) <= since < _instant(one.until)
        if (begins_now and holds and same_kind) or _instant(one.since) == since:
            yield one


def cancel_referral(
    command: CancelReferral, exchange: Exchange, now: datetime
) -> tuple[Event, ...] | Refusal:
    """The referral that holds, or the one meant by a moment, and its forwards, end."""
    if command.at is None:
        meant = absence.current(exchange, command.person, now)
    else:
        meant = _begins(exchange, command.person, command.at) or absence.current(
            exchange, command.person, command.at
        )
    if meant is None:
        return Refusal("S15", "no-referral", sentence("referral-none"))
    held = [meant]
    if command.at is None:
        # Meetings that overlap are one absence; who is back is back from all of them.
        away = absence.keeps_calls_away(exchange, meant)
        held = [
            one
            for one in absence.holding(exchange, command.person, now)
            if absence.keeps_calls_away(exchange, one) is away
        ]
    return tuple(event for one in held for event in cancel(exchange, one, command.by))


def _begins(exchange: Exchange, person: str, at: datetime) -> Referral | None:
    """The referral that begins at that moment, beneath a longer one too."""
    held = exchange.referrals.get(person, ())
    return next((one for one in held if _instant(one.since) == _instant(at)), None)


def cancel(exchange: Exchange, referral: Referral, by: str) -> Iterator[Event]:
    """Yield what ends a referral: its forwards go with it."""
    yield from consent.withdrawn(exchange, referral.person, referral.since, by)
    yield ReferralCancelled(referral.person, referral.since, by)


def last_attendant(line: Line, exchange: Exchange, person: str, now: datetime) -> Refusal:
    """The last one who can be rung may not leave an attended line (S18)."""
    spoken = sentence("refused-last-attendant", line=Named(line.title))
    if names := _lost(line, exchange, person, now):
        spoken = sentence("refused-last-reachable", line=Named(line.title), name=names)
    return Refusal("S18", "last-attendant", spoken)


def _told_refused(gap: Gap, command: SetReferral, exchange: Exchange, now: datetime) -> Sentence:
    """What would have too few, and which colleagues were counted out since their phones are
    lost."""
    told = told_gap("refused-gap", gap, exchange.plan)
    if gap.of is guard.Of.UNIT:
        return told
    line = exchange.plan.lines[gap.name]
    opening = opening_of(exchange, line, now)
    names = _lost(line, exchange, command.person, now)
    if not names or opening is None or _instant(gap.since) >= _instant(opening.end):
        return told
    return sentence("refused-gap-reachable", **told.slots, name=names)


def _lost(line: Line, exchange: Exchange, person: str, now: datetime) -> str:
    """Names of the others who attend the line and can't be rung, "" for none."""
    people = exchange.plan.people
    others = (one for one in attendance.lost(exchange, line, now) if one != person)
    return ", ".join(people[one].name for one in others)


def _instant(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
