"""Who is told of what, made by the same act that changes it (S14, S20)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile

from pbx_bridge.core import (
    absence,
    attendance,
    consent,
    history,
    locks,
    mailboxes,
    outside,
    referring,
    returning,
)
from pbx_bridge.core.changes import Change, changes
from pbx_bridge.core.commands import SetReferral
from pbx_bridge.core.delivery import is_moot, repeats
from pbx_bridge.core.devices import device_of, extension_of
from pbx_bridge.core.events import (
    CallBackAsked,
    CapPassed,
    CertificateEnds,
    CoverAnswered,
    CoverAsked,
    EmergencyCalled,
    Event,
    FloodBegan,
    ForwardAnswered,
    ForwardOffered,
    ForwardWithdrawn,
    LineShort,
    LineStaffed,
    LossTold,
    MessageLeft,
    NoticeDropped,
    NoticeDue,
    NoticeUndeliverable,
    PartGone,
    PhoneBlocked,
    PhoneHoursBroken,
    PinRefused,
    PlanInForce,
    ReferralCancelled,
    ReferralSet,
    ReturnReminded,
    SoundRefused,
    TrunkTroubled,
    TrunkWell,
)
from pbx_bridge.core.hours import Opening, next_opening, openings
from pbx_bridge.core.model import Line, Person, Plan
from pbx_bridge.core.state import OUTSIDE, About, Channel, Consent, Exchange, Notice, Part, Stage
from pbx_bridge.core.timetable import line_openings

LONG = timedelta(minutes=1)
"""A bridge that was away for so long is told of."""


def due(
    events: Sequence[Event],
    before: Exchange,
    after: Exchange,
    now: datetime,
    *,
    has_mail: bool = True,
) -> tuple[Event, ...]:
    """The notices that come of `events`, which lead from `before` to `after`, and the end of
    those that wait in vain.

    Nothing is written to those without an address, nor where there is no mail server. What is told
    again takes the place of what nobody has heard yet.
    """
    waiting = {id_: one for id_, one in before.outbox.items() if id_ not in before.undelivered}
    moot = {id_ for id_, one in waiting.items() if is_moot(one, after, now)}
    found: dict[str, Notice] = {}
    replaced = {one.person for one in events if isinstance(one, ReferralSet)}
    for event in events:
        for notice in _of(event, before, after, now):
            if isinstance(event, ReferralCancelled) and event.person in replaced:
                continue
            by_mail = notice.channel is Channel.MAIL
            if by_mail and not (has_mail and after.plan.people[notice.to].mail):
                continue
            old = [one for one in waiting.values() if repeats(notice, one)]
            moot.update(one.id for one in old)
            since = min((one.since for one in (notice, *old) if one.since), default=None)
            one = _numbered(replace(notice, since=since), {**before.outbox, **found})
            found[one.id] = one
    return (*map(NoticeDropped, moot), *map(NoticeDue, found.values()))


def _numbered(notice: Notice, held: Mapping[str, Notice]) -> Notice:
    """`notice` with an id that no other of the same moment has; the same twice is one."""
    found, number = notice, 1
    while held.get(found.id, found) != found:
        number += 1
        found = replace(notice, id=f"{notice.id}-{number}")
    return found


def _of(  # noqa: PLR0912, PLR0915 - one case an event
    event: Event, before: Exchange, after: Exchange, now: datetime
) -> Iterator[Notice]:
    plan = after.plan
    match event:
        case ReferralSet():
            yield from _of_referral(event, after, now)
            yield from _of_gaps(event, after, now)
        case LineShort():
            yield from _of_shortage(event, before, after, now)
        case LineStaffed(line) if line in before.shortages:
            for one in attendance.rung(after, plan.switchboard, now):
                yield _notice(About.LINE_STAFFED, line, one, Channel.MESSAGE, now)
        case CapPassed():
            yield from _of_cap(event, after, now)
        case LossTold():
            yield from _to_switchboard(About.HISTORY_LOST, "", after, now)
        case PlanInForce():
            for change in changes(before.known, plan, now):
                yield from _of_change(change, now)
        case CoverAsked(line, person, to, since, until):
            for channel in OUTSIDE:
                yield _notice(
                    *(About.COVER_ASKED, person, to, channel, now),
                    line=line,
                    since=since,
                    until=until,
                )
        case CoverAnswered(line, person, to, _, said):
            accepted = said is Consent.ACCEPTED
            about = About.COVER_ACCEPTED if accepted else About.COVER_DECLINED
            yield _notice(about, person, person, Channel.MESSAGE, now, other=to, line=line)
            yield _notice(about, person, "", Channel.LIST, now, other=to, line=line)
        case ReferralCancelled(person, since) if since.astimezone(UTC) <= now.astimezone(UTC):
            if absence.absence(after, person, now) is None:
                yield _notice(About.BACK, person, "", Channel.LIST, now)
        case ForwardOffered(person, to, since, until):
            for channel in OUTSIDE:
                yield _notice(About.OFFER, person, to, channel, now, since=since, until=until)
        case ForwardAnswered(person, to, since, said) if _said(before, event) is not said:
            accepted = said is Consent.ACCEPTED
            if accepted or consent.nobody(after, person, since, now):
                about = About.OFFER_ACCEPTED if accepted else About.OFFER_DECLINED
                yield _notice(about, person, person, Channel.MAIL, now, other=to)
                yield _notice(about, person, "", Channel.LIST, now, other=to)
        case ForwardWithdrawn(person, to):
            if _said(before, event) is Consent.ACCEPTED:
                yield _notice(About.FORWARD_ENDED, person, to, Channel.MESSAGE, now)
        case PhoneHoursBroken(line, _, until, note):
            yield from _to_switchboard(About.HOURS_BROKEN, line, after, now, until=until, note=note)
        case PhoneBlocked():
            yield from _of_lost_phone(event, after, now)
        case CallBackAsked(_, target, number):
            if target in plan.people:
                for channel in OUTSIDE:
                    yield _notice(About.CALL_BACK, target, target, channel, now, other=number)
            else:
                yield _notice(About.CALL_BACK, target, "", Channel.LIST, now, other=number)
        case ReturnReminded(target, _, stage):
            yield from _of_returns(target, stage, after, now)
        case MessageLeft():
            yield from _of_message(event, after, now)
        case EmergencyCalled(_, endpoint, number, at):
            yield from _of_emergency(endpoint, number, at, after, now)
        case TrunkTroubled(trunk, what, at):
            yield from _to_switchboard(About.TRUNK, trunk, after, now, since=at, cause=what)
        case TrunkWell(trunk, what, at) if not outside.troubles_of(after, trunk):
            yield from _to_switchboard(About.TRUNK_WELL, trunk, after, now, since=at, cause=what)
        case FloodBegan(at):
            yield from _to_switchboard(About.FLOOD, "", after, now, since=at)
        case SoundRefused(endpoint):
            person, device = extension_of(endpoint), device_of(endpoint)
            yield from _to_switchboard(About.NO_SOUND, person, after, now, other=device)
        case CertificateEnds(until):
            yield from _to_switchboard(About.CERTIFICATE, "", after, now, until=until)
        case PinRefused():
            yield from _of_lock(event, before, after, now)
        case PartGone(part, since, until) if part is Part.ASTERISK or until - since >= LONG:
            yield from _to_switchboard(About.OUTAGE, part, after, now, since=since)
        case NoticeUndeliverable(id_):
            notice = before.outbox.get(id_)
            if notice is not None and notice.about is not About.UNDELIVERED:
                yield _notice(
                    About.UNDELIVERED, notice.person, "", Channel.LIST, now, other=notice.to
                )
        case _:
            return


def _of_emergency(
    endpoint: str, number: str, at: datetime, after: Exchange, now: datetime
) -> Iterator[Notice]:
    """The switchboard: those at whose phones it rings, and whoever attends it, also by name only;
    where nobody does all who may."""
    board = after.plan.switchboard
    by_name = attendance.attendants(after, board, now) or board.members
    told = dict.fromkeys((*attendance.rung(after, board, now), *by_name))
    caller = extension_of(endpoint)
    channels = [(one, channel) for one in told if one != caller for channel in OUTSIDE]
    for to, channel in (("", Channel.LIST), *channels):
        yield _notice(
            *(About.EMERGENCY, caller, to, channel, now), since=at, other=number, note=endpoint
        )


def _to_switchboard(
    about: About, person: str, after: Exchange, now: datetime, **details: object
) -> Iterator[Notice]:
    """The switchboard's list, and the phones that it rings at."""
    for to, channel in history.listeners(after, now):
        yield _notice(about, person, to, channel, now, **details)


def _of_lock(
    event: PinRefused, before: Exchange, after: Exchange, now: datetime
) -> Iterator[Notice]:
    """Whoever's voice menu was locked, and the switchboard: once, until they know of it (S29)."""
    if event.person not in after.plan.people:
        return
    counted = locks.counted_by(event.person, "", after.plan, own=event.own)
    held = [locks.held(one.wrong_pins, counted, now) for one in (before, after)]
    if held[0] is not None or held[1] is None:
        return
    waiting = {
        (one.to, one.channel)
        for one in before.outbox.values()
        if one.about is About.PIN_LOCKED and one.person == event.person
    }
    told = [("", Channel.LIST), *((event.person, channel) for channel in OUTSIDE)]
    for to, channel in told:
        if (to, channel) not in waiting:
            yield _notice(About.PIN_LOCKED, event.person, to, channel, now, since=now)


def _of_lost_phone(event: PhoneBlocked, after: Exchange, now: datetime) -> Iterator[Notice]:
    """The foreman and whoever answers for telephones, with what the police asks for, and the
    switchboard; never whoever has lost it (S26)."""
    plan = after.plan
    told = (plan.people[event.person].foreman, plan.organisation.head_of_office)
    people = [one for one in dict.fromkeys(told) if one not in ("", event.person)]
    for to, channel in (("", Channel.LIST), *((one, way) for one in people for way in OUTSIDE)):
        yield _notice(
            *(About.PHONE_BLOCKED, event.person, to, channel, now),
            since=event.at,
            other=event.by,
            note=event.note,
            device=event.device,
            seen=event.seen,
        )


def _of_returns(target: str, stage: Stage, after: Exchange, now: datetime) -> Iterator[Notice]:
    """Whoever was sought, then the unit's others who are there, then the foreman (S16)."""
    held = [one for one in after.returns.values() if one.target == target and one.told > 0]
    until = min((one.due for one in held), key=lambda due: due.astimezone(UTC))
    about, told = returning.whom(target, stage, after, now)
    for to, channel in told:
        yield _notice(about, target, to, channel, now, until=until, note=str(len(held)))


def _of_change(change: Change, now: datetime) -> Iterator[Notice]:
    """The switchboard, and those who are concerned themselves (S4, S5)."""
    concerned = [(one, channel) for one in change.whom for channel in OUTSIDE]
    for to, channel in (("", Channel.LIST), *concerned):
        told = _notice(About.CHANGE, "", to, channel, now, note=change.told)
        yield replace(
            told,
            id=f"{told.id}-{change.kind}-{change.of or change.told}",
            line=change.of,
            cause=change.kind,
            since=change.since,
            until=change.until,
        )


def _of_message(event: MessageLeft, after: Exchange, now: datetime) -> Iterator[Notice]:
    """Whose mailbox it is; of a line's those who attend it, and where nobody does all who may."""
    owner = mailboxes.owner(after.plan, event.mailbox)
    if owner is None:
        return
    of = event.mailbox
    told: tuple[str, ...] = (of,)
    if isinstance(owner, Line):
        of, told = owner.name, attendance.attendants(after, owner, now) or owner.members
    for to in told:
        yield _notice(
            *(About.MESSAGE, of, to, Channel.MAIL, now),
            since=event.at,
            other=event.caller,
            message=event.message,
            seconds=event.seconds,
        )


def _of_gaps(event: ReferralSet, after: Exchange, now: datetime) -> Iterator[Notice]:
    """The switchboard and the foreman: what an absence leaves with too few (S3, S17)."""
    plan = after.plan
    wanted = SetReferral(
        event.person, event.reason, event.until, event.by, event.note, event.since, event.recording
    )
    told: set[str] = set()
    for gap in referring.gaps(wanted, after, now):
        if gap.name in told:
            continue
        told.add(gap.name)
        foreman = plan.people[event.person].foreman
        channels = [(foreman, channel) for channel in OUTSIDE if foreman]
        for to, channel in (("", Channel.LIST), *channels):
            yield _notice(
                *(About.GAP, event.person, to, channel, now),
                since=gap.since,
                until=gap.until,
                line=gap.name,
            )


def _of_shortage(
    event: LineShort, before: Exchange, after: Exchange, now: datetime
) -> Iterator[Notice]:
    """The switchboard, the foremen of those who are missing, and the backups that join (S18)."""
    plan = after.plan
    missing = event.missing[0] if event.missing else ""
    foremen = {plan.people[one].foreman for one in event.missing}
    told = [("", Channel.LIST)] if event.line not in before.shortages else []
    attending = attendance.attendants(after, plan.switchboard, now)
    there = [one for one in attending if one not in after.losses and one not in event.missing]
    told += [(one, Channel.MESSAGE) for one in dict.fromkeys((*there, *event.joined))]
    told += [(one, channel) for one in sorted(foremen - {""}) for channel in OUTSIDE]
    for to, channel in dict.fromkeys(told):
        yield _notice(
            *(About.LINE_SHORT, event.line, to, channel, now),
            other=missing,
            cause=event.cause,
            joined=event.joined[0] if event.joined else "",
        )


def _of_cap(event: CapPassed, after: Exchange, now: datetime) -> Iterator[Notice]:
    """The switchboard, and the foreman of whoever has called so much: perhaps somebody else has,
    on their phone (S27)."""
    plan = after.plan
    about = About.CAP_REACHED if event.reached else About.CAP_NEAR
    person = plan.people.get(event.person)
    told = [*history.listeners(after, now)]
    if person is not None and person.foreman:
        told += [(person.foreman, channel) for channel in OUTSIDE]
    for to, channel in dict.fromkeys(told):
        yield _notice(about, event.person, to, channel, now, until=event.until)


def _said(exchange: Exchange, event: ForwardAnswered | ForwardWithdrawn) -> Consent | None:
    """What the colleague had said before, None where they weren't asked."""
    held = exchange.forwards.get(event.person, ())
    said = (one.consent for one in held if (one.to, one.since) == (event.to, event.since))
    return next(said, None)


def _of_referral(event: ReferralSet, after: Exchange, now: datetime) -> Iterator[Notice]:
    """The switchboard always; its phones where it matters at once; the foreman at every
    unplanned absence; the deputy who has agreed once and for all."""
    plan = after.plan
    reason = plan.reasons_by_name[event.reason]
    person = plan.people[event.person]
    about = _kind(event, person, after)
    told: list[tuple[About, str, Channel]] = [(about, "", Channel.LIST)]
    at_the_board = attendance.rung(after, plan.switchboard, now)
    if about is not About.ABSENCE or reason.unplanned:
        told += [(about, one, Channel.MESSAGE) for one in at_the_board if one != event.person]
    if reason.unplanned:
        told += [(about, one, Channel.MAIL) for one in at_the_board if one != event.person]
        if person.foreman:
            told += [(About.UNPLANNED, person.foreman, channel) for channel in OUTSIDE]
    if not reason.reachable and (deputy := consent.first_standing(after, event)):
        told += [(About.DEPUTY, deputy, channel) for channel in OUTSIDE]
    for kind, to, channel in told:
        yield _notice(
            kind,
            event.person,
            to,
            channel,
            now,
            reason=event.reason,
            since=event.since,
            until=event.until,
            note=event.note,
            recording=event.recording,
        )


def _kind(event: ReferralSet, person: Person, after: Exchange) -> About:
    """What the switchboard has to know of an absence beside its end."""
    plan = after.plan
    if plan.reasons_by_name[event.reason].reachable:
        return About.REMOTE
    until = event.until.astimezone(UTC)
    for line in plan.lines_of(person.extension):
        opening = next(line_openings(after, line, event.since), None)
        signed_in = person.extension in after.signed_in.get(line.name, ())
        if signed_in and opening is not None and opening.start.astimezone(UTC) < until:
            return About.IN_PHONE_HOURS
    return _of_the_day(event, person, plan)


def _of_the_day(event: ReferralSet, person: Person, plan: Plan) -> About:
    """Whether only the beginning or the end of a working day is missed: nothing of the next."""
    schedule, zone = absence.working_hours(person, plan), plan.organisation.zone
    first = next(openings(schedule, plan, event.since), None)
    if first is None:
        return About.ABSENCE
    midnight = datetime.combine(first.start.date(), time(), zone)
    of_day = list(takewhile(_on(first.start.date()), openings(schedule, plan, midnight)))
    since, until = event.since.astimezone(UTC), event.until.astimezone(UTC)
    begins, ends = of_day[0].start.astimezone(UTC), of_day[-1].end.astimezone(UTC)
    if since <= begins < until < ends:
        return About.LATE_START
    own, units = schedule, plan.schedules[plan.units[person.unit].hours]
    again = (next_opening(one, plan, of_day[-1].end) for one in (own, units))
    latest = max((one.astimezone(UTC) for one in again if one is not None), default=until)
    return About.EARLY_END if begins < since and ends <= until <= latest else About.ABSENCE


def _on(day: date) -> Callable[[Opening], bool]:
    return lambda opening: opening.start.date() <= day


def _notice(
    about: About, person: str, to: str, channel: Channel, at: datetime, **details: object
) -> Notice:
    id_ = f"{about}-{person}-{int(at.timestamp() * 1000)}-{to or 'list'}-{channel}"
    return Notice(id_, channel, about, to, person, at, **details)  # type: ignore[arg-type]  # fields of Notice, by name
