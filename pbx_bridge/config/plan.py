"""Files to a `Plan`: all or nothing, and every problem at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from pbx_bridge.config import fields
from pbx_bridge.config.callers import caller, caller_problems
from pbx_bridge.config.dialling import dialling_advice, dialling_problems
from pbx_bridge.config.holidays import closed_days, eves, holiday_problems, years_around
from pbx_bridge.config.hours import hours_problems, schedules
from pbx_bridge.config.numbering import numbering_advice, numbering_problems
from pbx_bridge.config.outgoing import (
    caps_advice,
    may_call,
    outgoing_advice,
    outgoing_problems,
)
from pbx_bridge.config.problems import ConfigError, Problem
from pbx_bridge.config.reasons import reason_problems
from pbx_bridge.config.references import reference_problems
from pbx_bridge.config.schema import (
    DeviceShape,
    NumberShape,
    OrganisationShape,
    PermitShape,
    PersonShape,
    PhoneHoursShape,
    RaisedShape,
    ReasonShape,
    ShiftShape,
    UnitShape,
    WeekShape,
)
from pbx_bridge.config.soundness import soundness_problems
from pbx_bridge.config.staffing import staffing_problems
from pbx_bridge.config.trunks import trunk_advice, trunk_problems, trunks_of
from pbx_bridge.config.written import Written, read_plan
from pbx_bridge.core import permits
from pbx_bridge.core.model import (
    Codes,
    Device,
    Dialling,
    Line,
    Number,
    Organisation,
    Permit,
    Person,
    PhoneHours,
    Plan,
    Raised,
    ReferralReason,
    Shift,
    TargetKind,
    Unit,
)


def load_plan(folder: Path, today: date, mailboxes: Path | None = None) -> Plan:
    """The plan in `folder`, with the holidays of the years around `today`.

    `mailboxes` is `../voicemail/mailboxes.yaml` when not given.
    Raises `ConfigError` with everything that is wrong; the old plan then stays in force.
    """
    written = read_plan(folder, mailboxes or _beside(folder))
    if problems := _problems(written, today):
        raise ConfigError(problems)
    return _plan(written, folder, years_around(today))


def check(folder: Path, today: date, mailboxes: Path | None = None) -> list[Problem]:
    """Everything that is wrong with the plan in `folder`, by file and line."""
    return _problems(read_plan(folder, mailboxes or _beside(folder)), today)


def advise(
    folder: Path, today: date, mailboxes: Path | None = None, capped: Iterable[str] = ()
) -> list[Problem]:
    """What should be looked at in the plan in `folder`, which keeps it from nothing. `capped`: who
    may call out no more under it."""
    written = read_plan(folder, mailboxes or _beside(folder))
    return sorted(
        {
            *trunk_advice(written),
            *dialling_advice(written),
            *numbering_advice(written),
            *outgoing_advice(written, today),
            *caps_advice(written, capped),
        }
    )


def _beside(folder: Path) -> Path:
    return folder.parent / "voicemail" / "mailboxes.yaml"


def _problems(written: Written, today: date) -> list[Problem]:
    found = {
        *written.problems,
        *holiday_problems(written),
        *reference_problems(written),
        *soundness_problems(written, today),
        *staffing_problems(written),
        *hours_problems(written),
        *reason_problems(written),
        *numbering_problems(written),
        *trunk_problems(written),
        *dialling_problems(written),
        *caller_problems(written),
        *outgoing_problems(written, today),
    }
    return sorted(found)


def _plan(written: Written, folder: Path, years: range) -> Plan:
    organisation, codes, trunks = written.organisation, written.codes, written.trunks
    assert organisation is not None
    assert codes is not None
    assert trunks is not None
    return Plan(
        version=written.version,
        organisation=_organisation(organisation),
        units={
            name: Unit(
                name,
                unit.title,
                unit.hours,
                unit.line or "",
                unit.minimum,
                _raised(unit.raised),
                unit.guard,
            )
            for name, unit in written.units.items()
        },
        people=_people(written),
        lines=_lines(written),
        schedules=schedules(written, years),
        numbers=_numbers(written),
        reasons={digit: _reason(digit, reason) for digit, reason in written.reasons.items()},
        codes=Codes(**dict(codes)),
        trunks=trunks_of(written, folder),
        dialling=trunks.dialling.dialling(),
        limits=trunks.limits.limits(),
        holidays=closed_days(organisation, years),
        eves=eves(organisation, years),
        routes={kind: tuple(names) for kind, names in trunks.routes.items()},
    )


def _organisation(organisation: OrganisationShape) -> Organisation:
    return Organisation(
        name=organisation.name,
        title=organisation.title,
        switchboard=organisation.switchboard,
        zone=organisation.zone,
        language=organisation.language,
        pin_for_known_mobiles=organisation.referrals.pin_for_known_mobiles,
        offer_seconds=organisation.referrals.offer_seconds,
        phone_hours=_phone_hours(organisation.phone_hours),
        head_of_office=organisation.head_of_office or "",
    )


def _phone_hours(shape: PhoneHoursShape | None) -> PhoneHours:
    if shape is None:
        return PhoneHours()
    notes = tuple(shape.emergencies)
    return PhoneHours(shape.hours, shape.approved_by, shape.repaid_until, notes)


def _reason(digit: str, reason: ReasonShape) -> ReferralReason:
    return ReferralReason(
        digit=digit,
        name=reason.name,
        public=reason.public,
        title=reason.title,
        returns=reason.returns,
        reachable=reason.reachable,
        note_required=reason.note_required,
        next_day=reason.next_day,
        internal=reason.internal,
        lasts=reason.ends if isinstance(reason.ends, timedelta) else None,
        rest_of_day=reason.ends == fields.REST_OF_DAY,
        notes=tuple(reason.notes),
        unplanned=reason.unplanned,
        meeting=reason.meeting,
        private=reason.private,
    )


def _people(written: Written) -> dict[str, Person]:
    assert written.mailboxes is not None
    assert written.trunks is not None
    boxes = frozenset(written.mailboxes.people)
    assert written.organisation is not None
    dialling, zone = written.trunks.dialling.dialling(), written.organisation.zone
    return {
        extension: _person(
            *(extension, person, written.units[person.unit], extension in boxes),
            dialling=dialling,
            zone=zone,
        )
        for extension, person in written.people.items()
    }


def _person(
    extension: str,
    person: PersonShape,
    unit: UnitShape,
    mailbox: bool,
    *,
    dialling: Dialling,
    zone: ZoneInfo,
) -> Person:
    return Person(
        extension=extension,
        name=person.name,
        title=person.title,
        unit=person.unit,
        language=person.language,
        deputies=tuple(one.extension for one in person.deputies),
        agreed=frozenset(one.extension for one in person.deputies if one.agreed is not None),
        mailbox=mailbox,
        operator=person.operator,
        mail=person.mail or "",
        foreman=person.foreman or "",
        ring_seconds=person.ring_seconds,
        hours=person.hours or unit.working_hours or unit.hours,
        shielded=person.shielded and not person.always_answers,
        mobile=fields.national(person.mobile, dialling) if person.mobile else "",
        rings_mobile=person.rings_mobile,
        vip=frozenset(caller(text, dialling) for text in person.vip),
        push_through=person.push_through,
        always_answers=person.always_answers,
        shows_own_number=person.shows_own_number,
        may_call=may_call(person, unit),
        permits=tuple(_permit(extension, one, zone) for one in person.permits),
        call_waiting=person.call_waiting,
        devices=_devices(person.devices),
    )


def _devices(written: Mapping[str, DeviceShape]) -> tuple[Device, ...]:
    """Who has none written has one, which needs no name."""
    found = tuple(
        Device(
            name,
            one.place or "",
            transport=one.transport,
            encryption=one.encryption,
            codecs=tuple(one.codecs),
            ice=one.ice,
            ipv6=one.ipv6,
            keys=one.keys,
        )
        for name, one in written.items()
    )
    return found or (Device(),)


def _permit(extension: str, permit: PermitShape, zone: ZoneInfo) -> Permit:
    until = permits.end_of(permit.until, zone)
    return Permit(extension, tuple(permit.calls), until, permit.approved_by)


def _lines(written: Written) -> dict[str, Line]:
    assert written.mailboxes is not None
    boxes = written.mailboxes.lines
    return {
        name: Line(
            name=name,
            title=line.title,
            code=line.code,
            hours=line.hours,
            members=tuple(line.members),
            signed_in=tuple(line.signed_in),
            attended=line.attended,
            wait_seconds=line.wait_seconds,
            ring_seconds=line.ring_seconds,
            backups=tuple(line.backup),
            overflow_seconds=line.overflow_seconds,
            minimum=line.minimum,
            raised=_raised(line.raised),
            static=frozenset(line.static),
            roster=tuple(map(_shift, line.roster)),
            misses=line.misses,
            told_seconds=line.told_seconds,
            at_closing=line.at_closing,
            guard=line.guard,
            phone_hours=line.phone_hours,
            approved_by=line.approved_by or "",
            mailbox=boxes.get(name, ""),
            may_call=frozenset(line.may_call),
        )
        for name, line in written.lines.items()
    }


def _raised(shapes: Mapping[str, RaisedShape]) -> tuple[Raised, ...]:
    return tuple(Raised(name, one.first, one.last, one.minimum) for name, one in shapes.items())


def _shift(shape: ShiftShape) -> Shift:
    """A shift with none of its days written is as long as the line is open."""
    days = shape.model_fields_set & WeekShape.model_fields.keys()
    week = shape.week() if days else None
    return Shift(shape.who, week, shape.first, shape.last, shape.every)


def _numbers(written: Written) -> dict[str, Number]:
    assert written.organisation is not None
    assert written.trunks is not None
    dialling = written.trunks.dialling.dialling()
    found: dict[str, Number] = {}
    for text, number in written.numbers.items():
        digits = fields.national(text, dialling)
        language = number.language or written.organisation.language
        kind, target = _target(number)
        found[digits] = Number(digits, kind, target, language, number.ask_language)
    return found


def _target(number: NumberShape) -> tuple[TargetKind, str]:
    if number.person is not None:
        return TargetKind.PERSON, number.person
    if number.line is not None:
        return TargetKind.LINE, number.line
    return TargetKind.MENU, ""
