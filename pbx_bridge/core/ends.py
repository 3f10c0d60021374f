"""When an absence begins and ends: by what was dialled or written, or by itself (S8)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from pbx_bridge.core.hours import next_opening, opening_at
from pbx_bridge.core.model import Person, Plan, ReferralReason, Returns
from pbx_bridge.core.sentences import Sentence, sentence

LEAP_CYCLE_YEARS = 8
"""29 February exists again within this many years (1900 and 2100 have none)."""


def interval(
    parts: list[str], reason: ReferralReason, person: Person, plan: Plan, now: datetime
) -> tuple[datetime | None, datetime] | Sentence:
    """The beginning (None: now) and the end of an absence, given as `until_when` reads them.

    Two ends with an empty part between (`1300**1430`) are a beginning and an end; none at
    all is the reason's own length, and without one there is no end, which is refused (S8).
    """
    since: datetime | None = None
    if "" in parts:
        cut = parts.index("")
        begins = until_when(parts[:cut], reason, person, plan, now)
        if isinstance(begins, Sentence):
            return begins
        since, after = begins, parts[cut + 1 :]
        if not after:
            return sentence("refused-bad-time")
        parts = [] if after == [""] else after
    begin = since or now
    if not parts:
        end = usual_end(reason, person, plan, begin)
        return (since, end) if end is not None else sentence("refused-end-needed")
    end_told = until_when(parts, reason, person, plan, begin)
    return end_told if isinstance(end_told, Sentence) else (since, end_told)


def usual_end(
    reason: ReferralReason, person: Person, plan: Plan, begin: datetime
) -> datetime | None:
    """The end of an absence that nobody gave an end; None where the reason has none."""
    zone = plan.organisation.zone
    if reason.lasts is not None:
        return (begin.astimezone(UTC) + reason.lasts).astimezone(zone)
    if not reason.rest_of_day:
        return None
    tomorrow = begin.astimezone(zone).date() + timedelta(days=1)
    midnight = datetime.combine(tomorrow, time(), zone)
    schedule = plan.schedules[plan.units[person.unit].hours]
    found = opening_at(schedule, plan, midnight)
    return midnight if found is not None else next_opening(schedule, plan, midnight)


def until_when(
    parts: list[str], reason: ReferralReason, person: Person, plan: Plan, now: datetime
) -> datetime | Sentence:
    """The end of an absence given as `[HHMM]`, `[MMDD]` or `[MMDD, HHMM]` (S8)."""
    if not all(len(part) == 4 and part.isdecimal() for part in parts):
        return sentence("refused-bad-time")
    today = now.astimezone(plan.organisation.zone).date()
    match parts:
        case [four]:
            clock, day = _clock(four), _day(four, today)
            if day is not None and (reason.returns is Returns.DATE or clock is None):
                return at_day(day, person, plan, now)
            if clock is not None:
                until = at_clock(clock, reason, plan, now)
                meant = reason.returns is Returns.TIME or isinstance(until, datetime)
                return until if meant else sentence("refused-bad-time")
        case [month_day, hour_minute]:
            day, clock = _day(month_day, today), _clock(hour_minute)
            if day is not None and clock is not None:
                return ahead(datetime.combine(day, clock, plan.organisation.zone), now)
    return sentence("refused-bad-time")


def at_clock(clock: time, reason: ReferralReason, plan: Plan, now: datetime) -> datetime | Sentence:
    """Today at that time; one that has passed means tomorrow where the reason allows it."""
    zone = plan.organisation.zone
    today = now.astimezone(zone).date()
    until = ahead(datetime.combine(today, clock, zone), now)
    if isinstance(until, Sentence) and reason.next_day:
        return ahead(datetime.combine(today + timedelta(days=1), clock, zone), now)
    return until


def clock_today(four: str, plan: Plan, now: datetime) -> datetime | Sentence:
    """`HHMM` of today, which has to lie ahead."""
    clock = _clock(four) if len(four) == 4 and four.isdecimal() else None
    if clock is None:
        return sentence("refused-bad-time")
    zone = plan.organisation.zone
    return ahead(datetime.combine(now.astimezone(zone).date(), clock, zone), now)


def clock_or_day(parts: list[str], plan: Plan, now: datetime) -> datetime | Sentence:
    """`[HHMM]` of today or `[MMDD, HHMM]`, which has to lie ahead."""
    if len(parts) != 2:
        return clock_today(parts[0], plan, now) if len(parts) == 1 else sentence("refused-bad-time")
    if not all(len(part) == 4 and part.isdecimal() for part in parts):
        return sentence("refused-bad-time")
    day = _day(parts[0], now.astimezone(plan.organisation.zone).date())
    clock = _clock(parts[1])
    if day is None or clock is None:
        return sentence("refused-bad-time")
    return ahead(datetime.combine(day, clock, plan.organisation.zone), now)


def at_day(day: date, person: Person, plan: Plan, now: datetime) -> datetime | Sentence:
    """The person is back when their unit opens on that day, or next after it."""
    midnight = datetime.combine(day, time(), plan.organisation.zone)
    schedule = plan.schedules[plan.units[person.unit].hours]
    if opening_at(schedule, plan, midnight) is not None:
        return ahead(midnight, now)
    return ahead(next_opening(schedule, plan, midnight) or midnight, now)


def ahead(until: datetime, now: datetime) -> datetime | Sentence:
    """`until` as the clock will show it, also where the spring change skips it.

    A reading that comes twice in autumn is the first one that lies ahead.
    """
    for reading in (until, until.replace(fold=1)):
        instant = reading.astimezone(UTC)
        if instant > now.astimezone(UTC):
            return instant.astimezone(until.tzinfo)
    return sentence("refused-time-passed")


def _clock(four: str) -> time | None:
    hour, minute = int(four[:2]), int(four[2:])
    return time(hour, minute) if hour < 24 and minute < 60 else None


def _day(four: str, today: date) -> date | None:
    """The next date with this month and day, today included."""
    for year in range(today.year, today.year + LEAP_CYCLE_YEARS + 1):
        try:
            day = date(year, int(four[:2]), int(four[2:]))
        except ValueError:
            if four != "0229":
                return None
            continue
        if day >= today:
            return day
    return None
