"""What is known of the ways out: operators that fail, and emergency calls that were made.

Nothing of it ever keeps a call from being tried: it is told, so that somebody acts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum

from pbx_bridge.core.commands import NoteEmergency, SeeTrunk
from pbx_bridge.core.countries import Class
from pbx_bridge.core.devices import endpoint_of, endpoints, extension_of
from pbx_bridge.core.events import EmergencyCalled, TrunkTroubled, TrunkWell
from pbx_bridge.core.latency import FROM_PHONE, Journey
from pbx_bridge.core.model import Plan
from pbx_bridge.core.sentences import Named, Slot
from pbx_bridge.core.state import Exchange
from pbx_bridge.core.trace import DIAL_STEP

FAILURES = 3
"""Calls that one trunk has failed within ten minutes (`app/carrying.py`) before that is told: one
may be a passing trouble."""


class Trouble(StrEnum):
    """What is wrong with a trunk."""

    UNREACHABLE = "unreachable"
    """A server of the operator leaves our questions (OPTIONS) unanswered."""
    UNREGISTERED = "unregistered"
    """It doesn't let us in."""
    UNTRUSTED = "untrusted"
    """A server of it shows a certificate that isn't accepted, so no call goes there."""
    FAILING = "failing"
    """Calls had to take another way."""
    REFUSED = "refused"
    """Calls of it are refused before the exchange sees them: they come from an address that isn't
    known as its own."""


def see_trunk(
    command: SeeTrunk, exchange: Exchange, now: datetime
) -> tuple[TrunkTroubled | TrunkWell, ...]:
    """A trouble is noted when it begins and when it is over."""
    known = (command.trunk, command.what) in exchange.trunk_troubles
    if known is command.troubled:
        return ()
    kind = TrunkTroubled if command.troubled else TrunkWell
    return (kind(command.trunk, command.what, now.astimezone(UTC)),)


def note_emergency(command: NoteEmergency, exchange: Exchange) -> tuple[EmergencyCalled, ...]:
    """Each call is noted once, whoever tells of it first: Asterisk at once, or its record."""
    if command.call in exchange.emergencies:
        return ()
    return (EmergencyCalled(command.call, command.endpoint, command.number, command.at),)


def noted(journey: Journey) -> NoteEmergency | None:
    """The emergency call that a recorded one is, None for all others."""
    if journey.origin != FROM_PHONE or not journey.channel:
        return None
    for mark in journey.steps:
        if mark.step == DIAL_STEP and mark.rule == Class.EMERGENCY:
            device = endpoint_of(journey.channel)
            return NoteEmergency(journey.linkedid, device, mark.detail, mark.time)
    return None


def place_of(endpoint: str, plan: Plan) -> Slot:
    """Where a device stands: as it is written of it, else the unit whose it is; "" for one that
    nobody has."""
    person = plan.people.get(extension_of(endpoint))
    if person is None:
        return ""
    by_endpoint = dict(zip(endpoints(person), person.devices, strict=True))
    device = by_endpoint.get(endpoint, person.devices[0])
    return device.place or Named(plan.units[person.unit].title)


def troubles_of(exchange: Exchange, trunk: str) -> Mapping[str, datetime]:
    """What is wrong with a trunk now, and since when."""
    return {what: at for (name, what), at in exchange.trunk_troubles.items() if name == trunk}
