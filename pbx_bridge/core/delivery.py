"""Notices that wait: whether they may go out now (S19), when they are tried again, and when nobody
needs them any more (S20)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pbx_bridge.core import absence, blocks, reach
from pbx_bridge.core.state import About, Channel, Consent, Exchange, Notice

RESTS_S = (30, 60, 120, 300, 600, 900)
"""After the first, second, … try; the last one holds for all further ones."""
GIVEN_UP_AFTER = timedelta(days=2)
MOST_SPOKEN = 10
"""Notices that the switchboard hears in one call, and others of the same second."""


@dataclass(frozen=True, slots=True)
class Tried:
    """How often a notice could not be delivered, and when it was tried last."""

    times: int
    """0 where something has changed since that may help."""
    at: datetime


def tried_again(tried: Tried | None, now: datetime) -> Tried:
    """After one more try in vain."""
    return Tried(1 if tried is None else tried.times + 1, now)


def left_s(tried: Tried | None, now: datetime) -> float:
    """Seconds until the next try, 0 where it is due: what was never tried, and what seems to have
    been tried in the future, by a clock that was set back since (F30)."""
    if tried is None or tried.times == 0:
        return 0.0
    gone_s = (now.astimezone(UTC) - tried.at.astimezone(UTC)).total_seconds()
    rest_s = RESTS_S[min(tried.times, len(RESTS_S)) - 1]
    return max(0.0, rest_s - gone_s) if gone_s >= 0 else 0.0


def is_given_up(notice: Notice, now: datetime) -> bool:
    """Whether it is not tried any more; the switchboard is told instead."""
    return now.astimezone(UTC) - notice.at.astimezone(UTC) >= GIVEN_UP_AFTER


def may_be_sent(notice: Notice, exchange: Exchange, now: datetime) -> bool:
    """Whether a notice may go out now: nothing reaches a phone off duty (S19), or one that is lost
    (S26); mail waits in its box without disturbing anybody."""
    person = exchange.plan.people.get(notice.to)
    if notice.channel is not Channel.MESSAGE or person is None:
        return notice.channel is not Channel.LIST
    lost = blocks.is_blocked(exchange, person.extension)
    return not lost and not reach.off_duty(exchange, person, now)


def is_stale(notice: Notice, now: datetime) -> bool:
    """Whether what it tells is over."""
    return notice.until is not None and notice.until.astimezone(UTC) <= now.astimezone(UTC)


_ALWAYS_TOLD = frozenset(
    {
        *(About.UNPLANNED, About.CHANGE, About.PIN_LOCKED, About.PHONE_BLOCKED, About.OUTAGE),
        *(About.FLOOD, About.EMERGENCY),
        *(About.COVER_ACCEPTED, About.COVER_DECLINED),
    }
)
"""What is worth to be known whatever has come since."""
_BACK = frozenset({About.OUTAGE, About.TRUNK_WELL, About.LINE_STAFFED})
"""Something is as it should be again: however often it was not, that is told once."""


def is_moot(notice: Notice, exchange: Exchange, now: datetime) -> bool:
    """Whether nobody needs to be told any more of what still waits: it has been answered, taken
    back, or is over on the switchboard's list. The foreman is told in any case (S20)."""
    if notice.about in _ALWAYS_TOLD:
        return False
    forwards = [one for one in exchange.forwards.get(notice.person, ()) if one.to == notice.to]
    match notice.about:
        case About.OFFER:
            open_ = (Consent.ASKED, Consent.LAPSED)
            return not any(one.since == notice.since and one.consent in open_ for one in forwards)
        case About.TRUNK | About.TRUNK_WELL:
            return _is_other(notice, exchange)
        case About.NO_SOUND:
            endpoint = f"{notice.person}-{notice.other}" if notice.other else notice.person
            return endpoint not in exchange.without_sound
        case About.CERTIFICATE:
            return exchange.certificate is None or exchange.certificate.until != notice.until
        case About.HISTORY_LOST:
            return not exchange.holes
        case About.LINE_SHORT:
            return notice.person not in exchange.shortages
        case About.RETURNS | About.RETURNS_LEFT | About.RETURNS_OVERDUE:
            return all(one.target != notice.person for one in exchange.returns.values())
        case About.COVER_ASKED:
            covers = exchange.covers.get(notice.line, ())
            asked = [one for one in covers if one.consent in (Consent.ASKED, Consent.LAPSED)]
            return not any((one.person, one.to) == (notice.person, notice.to) for one in asked)
        case About.GAP:
            since, until = notice.since or notice.at, notice.until or notice.at
            return not any(absence.away_in(exchange, notice.person, since, until))
        case About.FORWARD_ENDED:
            return any(one.consent is Consent.ACCEPTED for one in forwards)
    if notice.since is None or (notice.channel is Channel.MAIL and notice.about != About.DEPUTY):
        return False
    over = notice.channel is Channel.LIST and is_stale(notice, now)
    told = (notice.reason, notice.since, notice.until)
    held = exchange.referrals.get(notice.person, ())
    return over or told not in [(one.reason, one.since, one.until) for one in held]


def _is_other(notice: Notice, exchange: Exchange) -> bool:
    """Whether a trunk isn't any more as a notice says."""
    if notice.about is About.TRUNK:
        return (notice.person, notice.cause) not in exchange.trunk_troubles
    return any(name == notice.person for name, _ in exchange.trunk_troubles)


def repeats(later: Notice, waiting: Notice) -> bool:
    """Whether who is told the later one needn't be told the other, which still waits."""
    return later.about in _BACK and all(
        getattr(later, name) == getattr(waiting, name)
        for name in ("about", "person", "to", "channel")
    )


def to_be_heard(exchange: Exchange, now: datetime) -> tuple[Notice, ...]:
    """What the switchboard has not heard yet and should, oldest first.

    Whole seconds of them: what was heard is known by the second of the last one.
    """
    listed = [one for one in exchange.outbox.values() if one.channel is Channel.LIST]
    fresh = [one for one in listed if not is_stale(one, now)]
    last = int(fresh[:MOST_SPOKEN][-1].at.timestamp()) if fresh else 0
    return tuple(one for one in fresh if int(one.at.timestamp()) <= last)
