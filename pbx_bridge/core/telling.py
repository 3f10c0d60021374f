"""Notices in words: as the switchboard hears them, and as they stand in mails and messages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from pbx_bridge.core import blocks, consent, numbers
from pbx_bridge.core.closed import emergency
from pbx_bridge.core.destination import told_destination
from pbx_bridge.core.model import Plan
from pbx_bridge.core.outside import place_of
from pbx_bridge.core.sentences import Digits, Named, Recorded, Sentence, Slot, Spoken, sentence
from pbx_bridge.core.state import About, Channel, Exchange, Notice


def spoken(  # noqa: PLR0912, PLR0915 - one case a kind of notice
    notice: Notice, exchange: Exchange
) -> Iterator[Spoken]:
    """Yield a notice as it is told; health is never told, nor a note about it (S13)."""
    plan = exchange.plan
    title = plan.lines[notice.person].title if notice.person in plan.lines else None
    name = plan.people[notice.person].name if notice.person in plan.people else ""
    whom = Named(title) if title is not None else name
    other = plan.people[notice.other].name if notice.other in plan.people else notice.other
    until = notice.until or notice.at
    slots: dict[str, Slot]
    match notice.about:
        case About.CALL_BACK:
            yield sentence("notice-call-back", name=whom, number=Digits(notice.other))
        case About.MESSAGE:
            yield _message("notice-message", whom, notice, plan)
            return
        case About.HOURS_BROKEN:
            why = Named(emergency(plan, notice.note))
            yield sentence("notice-hours-broken", name=whom, note=why, until=until)
            return
        case About.CHANGE:
            yield _change(notice, plan)
            return
        case About.RETURNS | About.RETURNS_LEFT:
            yield sentence(f"notice-{notice.about}", name=whom, count=int(notice.note), until=until)
            return
        case About.RETURNS_OVERDUE:
            yield sentence(f"notice-{notice.about}", name=whom, count=int(notice.note))
            return
        case About.LINE_SHORT:
            yield from _shortage(notice, whom, plan)
            return
        case About.LINE_STAFFED | About.OUTAGE:
            yield _is_back(notice, whom)
            return
        case About.HISTORY_LOST:
            yield sentence("notice-history-lost")
            return
        case About.EMERGENCY:
            slots = {"name": name or notice.person, "number": Digits(notice.other)}
            yield sentence("notice-emergency", since=notice.since or notice.at, **slots)
            if place := place_of(notice.note, plan):
                yield sentence("notice-emergency-place", note=place)
            if name:
                yield sentence("notice-emergency-extension", number=Digits(notice.person))
            return
        case About.TRUNK:
            key = f"notice-trunk-{notice.cause}"
            yield sentence(key, name=notice.person, since=notice.since or notice.at)
            return
        case About.TRUNK_WELL:
            yield sentence("notice-trunk-well", name=notice.person)
            return
        case About.NO_SOUND:
            of = {"other": notice.other} if notice.other else {}
            key = "notice-no-sound-of" if of else "notice-no-sound"
            yield sentence(key, name=name, **of)
            return
        case About.CERTIFICATE:
            over = until.astimezone(UTC) <= notice.at.astimezone(UTC)
            yield sentence("notice-certificate-over" if over else "notice-certificate", until=until)
            return
        case About.FLOOD:
            yield sentence("notice-flood", since=notice.since or notice.at)
            return
        case About.CAP_NEAR | About.CAP_REACHED:
            yield _cap(notice, name, until)
            return
        case About.PIN_LOCKED:
            yield sentence("notice-pin-locked", name=name, since=notice.since or notice.at)
            return
        case About.PHONE_BLOCKED:
            yield from _lost_phone(notice, name, other, plan)
        case About.COVER_ASKED | About.GAP:
            slots = {"name": name, "line": _title(notice.line, plan)}
            begins = {"since": notice.since or notice.at} if notice.about is About.GAP else {}
            yield sentence(f"notice-{notice.about}", until=until, **slots, **begins)
            return
        case About.COVER_ACCEPTED | About.COVER_DECLINED:
            title_ = _title(notice.line, plan)
            yield sentence(f"notice-{notice.about}", name=name, other=other, line=title_)
        case About.BACK | About.FORWARD_ENDED:
            yield sentence(f"notice-{notice.about}", name=name)
        case About.OFFER_ACCEPTED | About.OFFER_DECLINED | About.UNDELIVERED:
            yield sentence(f"notice-{notice.about}", name=whom, other=other)
            if notice.about is About.OFFER_DECLINED:
                yield from _calls_go(notice, exchange)
        case About.OFFER | About.DEPUTY:
            yield sentence(f"notice-{notice.about}", name=name, until=until)
        case _:
            reason = Named(plan.reasons_by_name[notice.reason].public)
            yield sentence(f"notice-{notice.about}", name=name, reason=reason, until=until)
    if notice.since is not None and notice.since.astimezone(UTC) > notice.at.astimezone(UTC):
        yield sentence("referral-begins", since=notice.since)
    known = plan.reasons_by_name.get(notice.reason)
    if known is not None and known.private and not private_reason(notice, exchange):
        return
    if notice.note:
        yield sentence("notice-note", note=notice.note)
    if notice.recording:
        yield Recorded(notice.recording)


def _lost_phone(notice: Notice, name: str, by: str, plan: Plan) -> Iterator[Sentence]:
    """Yield whose telephone is blocked; in writing what the police asks for, too (S26)."""
    of_all = "-all" if notice.device == blocks.ALL else ""
    yield sentence(f"notice-phone-blocked{of_all}", name=name, since=notice.since or notice.at)
    person = plan.people.get(notice.person)
    if notice.channel is Channel.LIST or person is None:
        return
    lost = blocks.described(person, notice.device)
    yield sentence("notice-phone-what", device=", ".join(lost.values()))
    yield sentence("notice-phone-blocked-by", other=by)
    seen = {one.endpoint: one for one in notice.seen}
    for endpoint in lost:
        if (last := seen.get(endpoint)) is not None:
            address = f"{last.address} ({last.program})" if last.program else last.address
            yield sentence("notice-phone-seen", device=endpoint, since=last.at, address=address)
        elif endpoint != blocks.MOBILE:
            yield sentence("notice-phone-never-seen", device=endpoint)


def _calls_go(notice: Notice, exchange: Exchange) -> Iterator[Sentence]:
    """Yield where the calls go that nobody has agreed to take, while the absence is known."""
    person = exchange.plan.people.get(notice.person)
    away = consent.absence_of(exchange, notice.person, notice.at) if person else None
    if person is not None and away is not None:
        begins = max(notice.at, away.since, key=lambda one: one.astimezone(UTC))
        yield from told_destination(exchange, person, begins)


def _message(key: str, whom: Slot, notice: Notice, plan: Plan) -> Sentence:
    """A message that was left: by whom, when, how long it is."""
    slots: dict[str, Slot] = {"name": whom}
    if number := numbers.number(notice.other, plan.dialling):
        slots["number"] = Digits(number)
    else:
        key += "-withheld"
    if "subject" not in key:
        slots |= {"since": notice.since or notice.at, "seconds": notice.seconds}
    return sentence(key, **slots)


def _shortage(notice: Notice, line: Named | str, plan: Plan) -> Iterator[Sentence]:
    """Yield who is missing and why, and who stands in."""
    missing = plan.people.get(notice.other)
    if missing is None:
        yield sentence("notice-short-nobody", line=line)
    else:
        yield sentence(f"notice-short-{notice.cause}", line=line, name=missing.name)
    if notice.joined in plan.people:
        yield sentence("notice-joined", name=plan.people[notice.joined].name)


def _cap(notice: Notice, name: str, until: datetime) -> Sentence:
    """Much was called, or so much that nothing more is carried: by somebody, or by all."""
    slots: dict[str, Slot] = {"name": name} if notice.person else {}
    if notice.about is About.CAP_REACHED:
        slots["until"] = until
    return sentence(f"notice-{notice.about}" + ("" if notice.person else "-exchange"), **slots)


def _is_back(notice: Notice, whom: Named | str) -> Sentence:
    """A line, or a part of the exchange, is as it should be again."""
    if notice.about is About.LINE_STAFFED:
        return sentence("notice-line-staffed", line=whom)
    return sentence(f"notice-outage-{notice.person}", since=notice.since or notice.at)


def _change(notice: Notice, plan: Plan) -> Sentence:
    """What has changed in the plan."""
    slots: dict[str, Slot] = {"name": notice.note}
    if notice.until is not None:
        slots |= {"until": notice.until, "count": int(notice.note)}
    if notice.line:
        slots["line"] = _title(notice.line, plan)
    if notice.since is not None:
        slots["since"] = notice.since
    return sentence(f"notice-change-{notice.cause}", **slots)


def _title(name: str, plan: Plan) -> Named:
    """The title of a line or a unit."""
    line = plan.lines.get(name)
    return Named(line.title if line is not None else plan.units[name].title)


def subject(notice: Notice, exchange: Exchange) -> Sentence:
    """The heading of a letter."""
    person = exchange.plan.people.get(notice.person)
    line = exchange.plan.lines.get(notice.person)
    whom: Slot = person.name if person else Named(line.title) if line else notice.person
    if notice.about is About.MESSAGE:
        return _message("notice-message-subject", whom, notice, exchange.plan)
    if notice.about is About.CHANGE:
        whom = _title(notice.line, exchange.plan)
    return sentence("notice-subject", name=whom)


def private_reason(notice: Notice, exchange: Exchange) -> str:
    """The reason's own name, for those who have to know: the foreman and the switchboard, by
    mail; "" for everybody else and for reasons that are told to all."""
    reason = exchange.plan.reasons_by_name.get(notice.reason)
    foreman = exchange.plan.people[notice.person].foreman if reason is not None else ""
    entitled = {foreman, *exchange.plan.switchboard.members}
    if reason is None or notice.channel is not Channel.MAIL or notice.to not in entitled:
        return ""
    return reason.name if reason.private else ""
