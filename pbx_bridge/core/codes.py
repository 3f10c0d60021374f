"""Feature codes: digits dialled on a phone as commands.

`*23*R*HHMM#`, `*23*R*MMDD#` and `*23*R*MMDD*HHMM#` set one's referral for the reason with
digit R. Four digits alone are read as the reason expects (a clock time for lunch, a date
for holiday), and the other way where that is impossible; the confirmation speaks it back.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from pbx_bridge.core.commands import CancelReferral, Command, SetReferral, SignIn, SignOut
from pbx_bridge.core.hours import next_opening, opening_at
from pbx_bridge.core.model import Line, Person, Plan, ReferralReason, Returns
from pbx_bridge.core.sentences import Sentence, sentence

LEAP_CYCLE_YEARS = 8
"""29 February exists again within this many years (1900 and 2100 have none)."""


class Ask:
    """The code asks what is set; nothing changes."""


def is_code(digits: str) -> bool:
    """Feature codes begin with a star or a square; numbers never do."""
    return digits.startswith(("*", "#"))


def read(digits: str, person: Person, plan: Plan, now: datetime) -> Command | Ask | Sentence:
    """What `person` asks with a code; a `Sentence` says why it can't be understood."""
    codes = plan.codes
    if digits == codes.ask_referral:
        return Ask()
    if digits == codes.cancel_referral:
        return CancelReferral(person.extension, by=person.extension)
    body = digits.removesuffix("#")
    if body.startswith(codes.set_referral):
        parts = body.removeprefix(codes.set_referral).split("*")
        return _referral(parts, person, plan, now)
    for prefix, command in ((codes.sign_in, SignIn), (codes.sign_out, SignOut)):
        if body.startswith(prefix):
            line = _line(body.removeprefix(prefix), plan)
            if line is None:
                return sentence("refused-unknown-code")
            return command(line.name, person.extension, by=person.extension)
    return sentence("refused-unknown-code")


def _referral(
    parts: list[str], person: Person, plan: Plan, now: datetime
) -> SetReferral | Sentence:
    reason = plan.reasons.get(parts[0])
    if reason is None:
        return sentence("refused-unknown-reason")
    until = until_when(parts[1:], reason, person, plan, now)
    if isinstance(until, Sentence):
        return until
    return SetReferral(person.extension, reason.name, until, by=person.extension)


def _line(code: str, plan: Plan) -> Line | None:
    return next((line for line in plan.lines.values() if line.code == code), None)


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
                return _at_day(day, person, plan, now)
            if clock is not None:
                until = _at_clock(clock, reason, plan, now)
                meant = reason.returns is Returns.TIME or isinstance(until, datetime)
                return until if meant else sentence("refused-bad-time")
        case [month_day, hour_minute]:
            day, clock = _day(month_day, today), _clock(hour_minute)
            if day is not None and clock is not None:
                return _future(datetime.combine(day, clock, plan.organisation.zone), now)
    return sentence("refused-bad-time")


def _at_clock(
    clock: time, reason: ReferralReason, plan: Plan, now: datetime
) -> datetime | Sentence:
    zone = plan.organisation.zone
    today = now.astimezone(zone).date()
    until = _future(datetime.combine(today, clock, zone), now)
    if isinstance(until, Sentence) and reason.next_day:
        return _future(datetime.combine(today + timedelta(days=1), clock, zone), now)
    return until


def _at_day(day: date, person: Person, plan: Plan, now: datetime) -> datetime | Sentence:
    """The person is back when their unit opens on that day, or next after it."""
    midnight = datetime.combine(day, time(), plan.organisation.zone)
    schedule = plan.schedules[plan.units[person.unit].hours]
    if opening_at(schedule, plan, midnight) is not None:
        return _future(midnight, now)
    return _future(next_opening(schedule, plan, midnight) or midnight, now)


def _future(until: datetime, now: datetime) -> datetime | Sentence:
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
