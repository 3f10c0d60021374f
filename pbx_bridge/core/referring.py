"""Setting and cancelling referrals (S8, S12, S15)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from pbx_bridge.core import absence, attendance, consent
from pbx_bridge.core.commands import CancelReferral, Refusal, SetReferral
from pbx_bridge.core.events import Event, ReferralCancelled, ReferralSet
from pbx_bridge.core.model import Line, ReferralReason
from pbx_bridge.core.sentences import Named, sentence
from pbx_bridge.core.state import Exchange, Referral

LONGEST = timedelta(days=800)
"""An end further ahead is a slip of the finger: a year of leave planned a year before is less."""


def set_referral(
    command: SetReferral, exchange: Exchange, now: datetime
) -> tuple[Event, ...] | Refusal:
    """The referral, what it replaces, and whom it asks to take the calls."""
    reason = exchange.plan.reasons_by_name.get(command.reason)
    if reason is None:
        return Refusal("S8", "unknown-reason", sentence("refused-unknown-reason"))
    since = max(now, command.since or now, key=_instant).astimezone(UTC)
    if (refusal := _impossible(command, reason, since, exchange, now)) is not None:
        return refusal
    replaced = tuple(_replaced(command, reason, since, exchange, now))
    cancelled = tuple(event for one in replaced for event in cancel(exchange, one, command.by))
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
    if reason.reachable:
        return (*cancelled, set_)
    return (*cancelled, set_, *consent.ask_deputy(exchange, set_, (), command.by, now))


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
    if not reason.reachable and since <= _instant(now):
        empty = attendance.lines_left_empty(exchange, command.person, now)
        if empty:
            return last_attendant(empty[0])
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


def last_attendant(line: Line) -> Refusal:
    """The last one may not leave an attended line (S18)."""
    spoken = sentence("refused-last-attendant", line=Named(line.title))
    return Refusal("S18", "last-attendant", spoken)


def _instant(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
