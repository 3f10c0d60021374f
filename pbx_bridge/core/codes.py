"""Feature codes: digits dialled on a phone as commands.

`*23*R*HHMM#`, `*23*R*MMDD#` and `*23*R*MMDD*HHMM#` set one's referral for the reason with
digit R; `*23*R#` where the reason has an end of its own; `*23*R*BEGINNING**END#` one that
begins later; a last `*N` chooses the note. `*230*EXT*R*…#` does it for a colleague. `#23#` and
`#230*EXT#` cancel the referral of now, `#23*HHMM#` and `#23*MMDD#` the planned one that begins
then. `*97` asks for one's own messages, `*97*L` for those of the line with code L. `*26*EXT#`
blocks all telephones of a colleague who has lost one, `*26*EXT*N#` their Nth alone.

Four digits alone are read as the reason expects (a clock time for lunch, a date for holiday),
and the other way where that is impossible; the confirmation speaks it back.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pbx_bridge.core import absence, consent, covering, ends, lamps, mailboxes, permits, typed
from pbx_bridge.core.commands import (
    AnswerCover,
    AnswerForward,
    BlockPhone,
    BreakPhoneHours,
    CancelReferral,
    Command,
    GrantPermit,
    LiftShield,
    OfferForward,
    Promise,
    ResumePhoneHours,
    RevokePermits,
    SetReferral,
    SignIn,
    SignOut,
    WithdrawForward,
)
from pbx_bridge.core.model import Line, Person, Plan, ReferralReason, Text
from pbx_bridge.core.sentences import Named, Sentence, sentence
from pbx_bridge.core.state import Exchange

MOST_TIME_DIGITS = 4
"""Of a clock time or a date; a telephone number has more."""
EXTENSION_DIGITS = 6
"""Of an extension at most, where one is asked for."""


class Ask:
    """The code asks what is set; nothing changes."""


class Hear:
    """The code asks for the switchboard's notices."""


class Returns:
    """The code asks for the callers who have to be reached."""


@dataclass(frozen=True, slots=True)
class PickUp:
    """The code takes what rings at a colleague's; Asterisk does that by itself."""

    person: str


@dataclass(frozen=True, slots=True)
class HearMessages:
    """The code asks for the messages of a mailbox that its owner may hear."""

    mailbox: str


def is_code(digits: str) -> bool:
    """Feature codes begin with a star or a square; numbers never do."""
    return digits.startswith(("*", "#"))


def after_identity(digits: str, plan: Plan) -> tuple[str, bool | None]:
    """What is dialled behind `#31#` or `*31#`, and whether our number is withheld for it (None:
    neither was dialled). Asterisk carries it out by itself, so a bridge never meets them."""
    for code, hides in ((plan.codes.hide_number, True), (plan.codes.show_number, False)):
        rest = digits.removeprefix(code)
        if rest != digits and rest[:1] in ("+", *string.digits):
            return rest, hides
    return digits, None


def read(
    digits: str, person: Person, exchange: Exchange, now: datetime
) -> Command | Ask | Hear | HearMessages | PickUp | Returns | Sentence:
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
        case codes.hear_returns:
            return Returns()
        case codes.accept_forward | codes.decline_forward:
            return _answer(own, digits == codes.accept_forward, exchange, now)
    body, planned = digits.removesuffix("#"), codes.cancel_referral.removesuffix("#") + "*"
    for prefix, understand in (
        (codes.set_referral, lambda rest: _referral(rest.split("*"), person, own, plan, now)),
        (codes.set_for_other, lambda rest: _for_other(rest.split("*"), own, plan, now)),
        (codes.cancel_for_other, lambda rest: _cancel(rest.split("*"), own, exchange, now)),
        (planned, lambda rest: _cancel([own, *rest.split("*")], own, exchange, now)),
        (codes.offer_forward, lambda rest: OfferForward(own, rest, by=own)),
        (codes.override, lambda rest: LiftShield(rest, by=own)),
        (codes.pick_up.removesuffix("#"), lambda rest: _pick_up(rest, own, plan)),
        (codes.lost_phone, lambda rest: _lost(rest.split("*"), own, plan)),
        (codes.break_hours, lambda rest: _break(rest.split("*"), own, plan, now)),
        (codes.resume_hours, lambda rest: _resume(rest, own, plan)),
        (codes.promise, lambda rest: _promise(rest.split("*"), own, exchange, now)),
        (codes.permit, lambda rest: _permit(rest.split("*"), own, plan, now)),
        (codes.revoke_permits, lambda rest: RevokePermits(rest, by=own)),
        (codes.sign_in, lambda rest: _attend(SignIn, rest, own, plan)),
        (codes.sign_out, lambda rest: _attend(SignOut, rest, own, plan)),
        (codes.hear_messages.removesuffix("#"), lambda rest: _messages(rest, person, plan)),
    ):
        if body.startswith(prefix):
            return understand(body.removeprefix(prefix))
    return sentence("refused-unknown-code")


def _answer(
    own: str, accepts: bool, exchange: Exchange, now: datetime
) -> AnswerForward | AnswerCover:
    """Of what the colleague was asked, what was asked last."""
    cover = next(covering.asked_of(exchange, own, now), None)
    forward = next(consent.offers_to(exchange, own, now), None)
    if cover is not None and (forward is None or forward.asked_at <= cover.asked_at):
        return AnswerCover(cover.person, own, accepts, by=own)
    return AnswerForward("", own, accepts, by=own)


def _cancel(
    parts: list[str], by: str, exchange: Exchange, now: datetime
) -> CancelReferral | Sentence:
    """`EXT` for the referral of now, `EXT*HHMM`, `EXT*MMDD` or both for one that begins then."""
    person, *times = parts
    if not times:
        return CancelReferral(person, by=by)
    for one in absence.planned(exchange, person, now):
        begins = one.since.astimezone(exchange.plan.organisation.zone)
        if all(part in (f"{begins:%H%M}", f"{begins:%m%d}") for part in times):
            return CancelReferral(person, by=by, at=one.since)
    return sentence("refused-no-planned")


def _for_other(parts: list[str], by: str, plan: Plan, now: datetime) -> SetReferral | Sentence:
    other = plan.people.get(parts[0])
    if other is None:
        return sentence("refused-no-such-colleague")
    return _referral(parts[1:], other, by, plan, now)


def _pick_up(extension: str, by: str, plan: Plan) -> PickUp | Sentence:
    if extension not in plan.people:
        return sentence("refused-no-such-colleague")
    if not lamps.may_pick_up(plan, by, extension):
        return sentence("refused-pick-up")
    return PickUp(extension)


def _lost(parts: list[str], by: str, plan: Plan) -> BlockPhone | Sentence:
    """`EXT`, or `EXT*N` for one telephone: 1 for the first of `people.yaml`, 0 for the mobile."""
    extension, *device = parts
    if extension not in plan.people:
        return sentence("refused-no-such-colleague")
    return BlockPhone(extension, by, "".join(device[:1]))


def _break(parts: list[str], own: str, plan: Plan, now: datetime) -> BreakPhoneHours | Sentence:
    """`L*N*HHMM`: line L, emergency N, until that time."""
    if len(parts) != 3:
        return sentence("refused-bad-time")
    line = _line(parts[0], plan)
    if line is None:
        return sentence("refused-unknown-code")
    note = chosen(parts[1], plan.organisation.phone_hours.emergencies, plan)
    if note is None:
        return sentence("refused-unknown-note")
    until = ends.clock_today(parts[2], plan, now)
    if isinstance(until, Sentence):
        return until
    return BreakPhoneHours(line.name, note, until, by=own)


def _resume(code: str, own: str, plan: Plan) -> ResumePhoneHours | Sentence:
    line = _line(code, plan)
    return sentence("refused-unknown-code") if line is None else ResumePhoneHours(line.name, by=own)


def _promise(parts: list[str], own: str, exchange: Exchange, now: datetime) -> Promise | Sentence:
    """`HHMM` or `MMDD*HHMM` to the one talked to last, with `NUMBER*` before it to that one."""
    number = exchange.last_talks.get(own, ("", now))[0]
    if len(parts[0]) > MOST_TIME_DIGITS:
        number, parts = parts[0], parts[1:]
        if not typed.is_number(number, exchange.plan.people, exchange.plan.dialling):
            return sentence("unknown-number")
    due = ends.clock_or_day(parts, exchange.plan, now)
    return due if isinstance(due, Sentence) else Promise(own, number, due, by=own)


def _permit(parts: list[str], own: str, plan: Plan, now: datetime) -> GrantPermit | Sentence:
    """`EXT*CODE*HHMM` or `EXT*CODE*MMDD*HHMM`: calls to the country with that calling code; 00 is
    every country, 0 numbers that cost extra (S27)."""
    if parts[0] not in plan.people:
        return sentence("refused-no-such-colleague")
    if len(parts) < 3:
        return sentence("refused-bad-time")
    wanted = permits.of_digits(parts[1])
    if not wanted:
        return sentence("unknown-number")
    until = ends.clock_or_day(parts[2:], plan, now)
    return until if isinstance(until, Sentence) else GrantPermit(parts[0], wanted, until, "", own)


def _line(code: str, plan: Plan) -> Line | None:
    return next((line for line in plan.lines.values() if line.code == code), None)


def _messages(rest: str, person: Person, plan: Plan) -> HearMessages | Sentence:
    """Nothing for one's own, `*L` for those of line L, which its members may hear."""
    if not rest:
        mailbox = mailboxes.of(plan, person.extension)
    else:
        line = _line(rest.removeprefix("*"), plan) if rest.startswith("*") else None
        if line is None:
            return sentence("refused-unknown-code")
        if person.extension not in line.members:
            return sentence("refused-not-member", line=Named(line.title))
        mailbox = line.mailbox
    return HearMessages(mailbox) if mailbox else sentence("refused-no-mailbox")


def _attend(
    command: type[SignIn] | type[SignOut], code: str, own: str, plan: Plan
) -> SignIn | SignOut | Sentence:
    line = _line(code, plan)
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
    span = ends.interval(times, reason, person, plan, now)
    if isinstance(span, Sentence):
        return span
    since, until = span
    return SetReferral(person.extension, reason.name, until, by, note, since)


def note_of(digit: str, reason: ReferralReason, plan: Plan) -> str | None:
    """The site's note with that digit, 1 for the first; None where there is none (S12)."""
    return chosen(digit, reason.notes, plan)


def chosen(digit: str, texts: Sequence[Text], plan: Plan) -> str | None:
    """The text with that digit, 1 for the first, in the plan's language; None for none."""
    if not digit.isdecimal() or not 1 <= int(digit) <= len(texts):
        return None
    return texts[int(digit) - 1][plan.organisation.language]
