"""Who is told of what, made by the same act that changes it (S14, S20)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from pbx_bridge.core import absence, attendance, consent, reach
from pbx_bridge.core.events import (
    CallBackAsked,
    Event,
    ForwardAnswered,
    ForwardOffered,
    ForwardWithdrawn,
    NoticeDue,
    NoticeUndeliverable,
    ReferralCancelled,
    ReferralSet,
)
from pbx_bridge.core.hours import openings
from pbx_bridge.core.model import Person
from pbx_bridge.core.sentences import Digits, Named, Recorded, Sentence, Spoken, sentence
from pbx_bridge.core.state import About, Channel, Consent, Exchange, Notice

MOST_SPOKEN = 10
"""Notices that the switchboard hears in one call."""
OUTSIDE = (Channel.MESSAGE, Channel.MAIL)


def due(
    events: Sequence[Event],
    before: Exchange,
    after: Exchange,
    now: datetime,
    *,
    has_mail: bool = True,
) -> tuple[Event, ...]:
    """The notices that come of `events`, which lead from `before` to `after`.

    Nothing is written to those without an address, nor where there is no mail server.
    """
    found: dict[str, Notice] = {}
    replaced = {one.person for one in events if isinstance(one, ReferralSet)}
    for event in events:
        for notice in _of(event, before, after, now):
            if isinstance(event, ReferralCancelled) and event.person in replaced:
                continue
            by_mail = notice.channel is Channel.MAIL
            if by_mail and not (has_mail and after.plan.people[notice.to].mail):
                continue
            found[notice.id] = notice
    return tuple(NoticeDue(notice) for notice in found.values())


def _of(  # noqa: PLR0912 - one case an event
    event: Event, before: Exchange, after: Exchange, now: datetime
) -> Iterator[Notice]:
    plan = after.plan
    match event:
        case ReferralSet():
            yield from _of_referral(event, after, now)
        case ReferralCancelled(person, since) if since.astimezone(UTC) <= now.astimezone(UTC):
            yield _notice(About.BACK, person, "", Channel.LIST, now)
        case ForwardOffered(person, to, since, until):
            for channel in OUTSIDE:
                yield _notice(About.OFFER, person, to, channel, now, since=since, until=until)
        case ForwardAnswered(person, to, _, said):
            accepted = said is Consent.ACCEPTED
            if accepted or not any(one.person == person for one in consent.unanswered(after, now)):
                about = About.OFFER_ACCEPTED if accepted else About.OFFER_DECLINED
                yield _notice(about, person, person, Channel.MAIL, now, other=to)
                yield _notice(about, person, "", Channel.LIST, now, other=to)
        case ForwardWithdrawn(person, to, since):
            held = before.forwards.get(person, ())
            if Consent.ACCEPTED in [
                one.consent for one in held if (one.to, one.since) == (to, since)
            ]:
                yield _notice(About.FORWARD_ENDED, person, to, Channel.MESSAGE, now)
        case CallBackAsked(_, target, number):
            if target in plan.people:
                for channel in OUTSIDE:
                    yield _notice(About.CALL_BACK, target, target, channel, now, other=number)
            else:
                yield _notice(About.CALL_BACK, target, "", Channel.LIST, now, other=number)
        case NoticeUndeliverable(id_):
            notice = before.outbox.get(id_)
            if notice is not None and notice.about is not About.UNDELIVERED:
                yield _notice(
                    About.UNDELIVERED, notice.person, "", Channel.LIST, now, other=notice.to
                )
        case _:
            return


def _of_referral(event: ReferralSet, after: Exchange, now: datetime) -> Iterator[Notice]:
    """The switchboard always; its phones where it matters at once; the foreman at every
    unplanned absence; the deputy who has agreed once and for all."""
    plan = after.plan
    reason = plan.reasons_by_name[event.reason]
    person = plan.people[event.person]
    about = _kind(event, person, after)
    told: list[tuple[About, str, Channel]] = [(about, "", Channel.LIST)]
    attendants = attendance.attendants(after, plan.switchboard, now)
    if about is not About.ABSENCE or reason.unplanned:
        told += [(about, one, Channel.MESSAGE) for one in attendants if one != event.person]
    if reason.unplanned:
        told += [(about, one, Channel.MAIL) for one in attendants if one != event.person]
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
    since, until = event.since.astimezone(UTC), event.until.astimezone(UTC)
    for line in plan.lines_of(person.extension):
        if person.extension in after.signed_in.get(line.name, ()) and any(
            one.start.astimezone(UTC) < until
            for one in openings(plan.schedules[line.hours], plan, event.since, days=3)
        ):
            return About.IN_PHONE_HOURS
    schedule = absence.working_hours(person, plan)
    first = next(openings(schedule, plan, event.since), None)
    if first is None:
        return About.ABSENCE
    begins, ends = first.start.astimezone(UTC), first.end.astimezone(UTC)
    if since <= begins < until < ends:
        return About.LATE_START
    same_day = event.since.astimezone(first.end.tzinfo).date() == first.end.date()
    if begins < since and until >= ends and same_day and (event.until - event.since).days < 1:
        return About.EARLY_END
    return About.ABSENCE


def may_be_sent(notice: Notice, exchange: Exchange, now: datetime) -> bool:
    """Whether a notice may go out now: nothing reaches a phone off duty (S19); mail waits
    in its box without disturbing anybody."""
    person = exchange.plan.people.get(notice.to)
    if notice.channel is not Channel.MESSAGE or person is None:
        return notice.channel is not Channel.LIST
    return not reach.off_duty(exchange, person, now)


def is_stale(notice: Notice, now: datetime) -> bool:
    """Whether what it tells is over."""
    return notice.until is not None and notice.until.astimezone(UTC) <= now.astimezone(UTC)


def to_be_heard(exchange: Exchange, now: datetime) -> tuple[Notice, ...]:
    """What the switchboard has not heard yet and should, oldest first."""
    listed = [one for one in exchange.outbox.values() if one.channel is Channel.LIST]
    return tuple(one for one in listed if not is_stale(one, now))[:MOST_SPOKEN]


def spoken(notice: Notice, exchange: Exchange) -> Iterator[Spoken]:
    """Yield a notice as it is told; health is never told (S13)."""
    plan = exchange.plan
    title = plan.lines[notice.person].title if notice.person in plan.lines else None
    name = plan.people[notice.person].name if title is None else ""
    other = plan.people[notice.other].name if notice.other in plan.people else notice.other
    until = notice.until or notice.at
    match notice.about:
        case About.CALL_BACK:
            sought = Named(title) if title is not None else name
            yield sentence("notice-call-back", name=sought, number=Digits(notice.other))
        case About.BACK | About.FORWARD_ENDED:
            yield sentence(f"notice-{notice.about}", name=name)
        case About.OFFER_ACCEPTED | About.OFFER_DECLINED | About.UNDELIVERED:
            yield sentence(f"notice-{notice.about}", name=name, other=other)
        case About.OFFER | About.DEPUTY:
            yield sentence(f"notice-{notice.about}", name=name, until=until)
        case _:
            reason = Named(plan.reasons_by_name[notice.reason].public)
            yield sentence(f"notice-{notice.about}", name=name, reason=reason, until=until)
    if notice.since is not None and notice.since > notice.at:
        yield sentence("referral-begins", since=notice.since)
    if notice.note:
        yield sentence("notice-note", note=notice.note)
    if notice.recording:
        yield Recorded(notice.recording)


def subject(notice: Notice, exchange: Exchange) -> Sentence:
    """The heading of a letter."""
    person = exchange.plan.people.get(notice.person)
    return sentence("notice-subject", name=person.name if person else notice.person)


def private_reason(notice: Notice, exchange: Exchange) -> str:
    """The reason's own name, for those who have to know: the foreman and the switchboard, by
    mail; "" for everybody else and for reasons that are told to all."""
    reason = exchange.plan.reasons_by_name.get(notice.reason)
    foreman = exchange.plan.people[notice.person].foreman if reason is not None else ""
    entitled = {foreman, *exchange.plan.switchboard.members}
    if reason is None or notice.channel is not Channel.MAIL or notice.to not in entitled:
        return ""
    return reason.name if reason.private else ""


def _notice(
    about: About, person: str, to: str, channel: Channel, at: datetime, **details: object
) -> Notice:
    id_ = f"{about}-{person}-{int(at.timestamp() * 1000)}-{to or 'list'}-{channel}"
    return Notice(id_, channel, about, to, person, at, **details)  # type: ignore[arg-type]  # fields of Notice, by name
