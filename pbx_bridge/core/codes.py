"""Feature codes: digits dialled on a phone as commands.

`*23*R*HHMM#`, `*23*R*MMDD#` and `*23*R*MMDD*HHMM#` set one's referral for the reason with
digit R; `*23*R#` where the reason has an end of its own; `*23*R*BEGINNING**END#` one that
begins later; a last `*N` chooses the note. `*230*EXT*R*…#` does it for a colleague.

Four digits alone are read as the reason expects (a clock time for lunch, a date for holiday),
and the other way where that is impossible; the confirmation speaks it back.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from pbx_bridge.core.commands import (
    AnswerForward,
    CancelReferral,
    Command,
    LiftShield,
    OfferForward,
    SetReferral,
    SignIn,
    SignOut,
    WithdrawForward,
)
from pbx_bridge.core.hours import next_opening, opening_at
from pbx_bridge.core.model import Person, Plan, ReferralReason, Returns
from pbx_bridge.core.sentences import Sentence, sentence
from pbx_bridge.core.state import Exchange

EXTENSION_DIGITS = 6
"""Of an extension at most, where one is asked for."""
LEAP_CYCLE_YEARS = 8
"""29 February exists again within this many years (1900 and 2100 have none)."""


class Ask:
    """The code asks what is set; nothing changes."""


class Hear:
    """The code asks for the switchboard's notices."""


def is_code(digits: str) -> bool:
    """Feature codes begin with a star or a square; numbers never do."""
    return digits.startswith(("*", "#"))


def read(
    digits: str, person: Person, exchange: Exchange, now: datetime
) -> Command | Ask | Hear | Sentence:
    """What `person` asks with a code; a `Sentence` says why it can't be understood."""
    codes, plan, own = exchange.plan.codes, exchange.plan, person.extension
    match digits:
        case codes.ask_referral:
            return Ask()
        case codes.cancel_referral:
            return CancelReferral(own, by=own)
        case codes.withdraw_forward:
            return WithdrawForward(own, by=own)
        case codes.hear_notices:
            return Hear()
        case codes.accept_forward | codes.decline_forward:
            return AnswerForward("", own, digits == codes.accept_forward, by=own)
    body = digits.removesuffix("#")
    for prefix, understand in (
        (codes.set_referral, lambda rest: _referral(rest.split("*"), person, own, plan, now)),
        (codes.set_for_other, lambda rest: _for_other(rest.split("*"), own, plan, now)),
        (codes.cancel_for_other, lambda rest: CancelReferral(rest, by=own)),
        (codes.offer_forward, lambda rest: OfferForward(own, rest, by=own)),
        (codes.override, lambda rest: LiftShield(rest, by=own)),
        (codes.sign_in, lambda rest: _attend(SignIn, rest, own, plan)),
        (codes.sign_out, lambda rest: _attend(SignOut, rest, own, plan)),
    ):
        if body.startswith(prefix):
            return understand(body.removeprefix(prefix))
    return sentence("refused-unknown-code")


def _for_other(parts: list[str], by: str, plan: Plan, now: datetime) -> SetReferral | Sentence:
    other = plan.people.get(parts[0])
    if other is None:
        return sentence("refused-no-such-colleague")
    return _referral(parts[1:], other, by, plan, now)


def _attend(
    command: type[SignIn] | type[SignOut], code: str, own: str, plan: Plan
) -> SignIn | SignOut | Sentence:
    line = next((line for line in plan.lines.values() if line.code == code), None)
    if line is None:
        return sentence("refused-unknown-code")
    return command(line.name, own, by=own)


def _referral(
    parts: list[str], person: Person, by: str, plan: Plan, now: datetime
) -> SetReferral | Sentence:
    """`R`, `R*END`, `R*BEGINNING**END`, and with a note's digit behind them `…*N`."""
    reason = plan.reasons.get(parts[0]) if parts else None
    if reason is None:
        return sentence("refused-unknown-reason")
    times, note = parts[1:], ""
    if times and len(times[-1]) == 1:
        chosen = note_of(times.pop(), reason, plan)
        if chosen is None:
            return sentence("refused-unknown-note")
        note = chosen
    span = interval(times, reason, person, plan, now)
    if isinstance(span, Sentence):
        return span
    since, until = span
    return SetReferral(person.extension, reason.name, until, by, note, since)


def note_of(digit: str, reason: ReferralReason, plan: Plan) -> str | None:
    """The site's note with that digit, 1 for the first; None where there is none (S12)."""
    if not digit.isdecimal() or not 1 <= int(digit) <= len(reason.notes):
        return None
    return reason.notes[int(digit) - 1][plan.organisation.language]


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
