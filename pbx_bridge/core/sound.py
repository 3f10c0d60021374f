"""Devices that are registered and can't talk: no codec or no key in common with the exchange.

Asterisk offers a device the sound that the plan gives it. A device that knows none of it, or wants
SRTP where none is offered, answers 488, which ends its channel with the cause 58. What a device
offers itself and is refused by Asterisk leaves no event: another encryption leaves a line of the
log (adapters/offers.py), a codec nothing. A device that can't be called can mostly not call either,
so that one is found by the first call to it.

A device that comes by IPv6 where people.yaml doesn't say so, or by IPv4 where it does, has calls
that are answered and silent, also to 112: where it has registered from tells that before.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pbx_bridge.core.commands import NoteSound
from pbx_bridge.core.devices import all_endpoints
from pbx_bridge.core.events import Event, SoundAgreed, SoundRefused
from pbx_bridge.core.model import Plan
from pbx_bridge.core.state import Exchange, Sighting

NO_SOUND_IN_COMMON = "58"
"""Cause of a channel's end: bearer capability not available (ITU-T Q.850), for SIP 488 and 606."""


def note(command: NoteSound, exchange: Exchange, now: datetime) -> tuple[Event, ...]:
    """What has changed by it: one entry until the device has talked again."""
    name = command.endpoint
    known = name in exchange.without_sound
    if command.agreed:
        return (SoundAgreed(name, now),) if known else ()
    return () if known or name not in endpoints(exchange.plan) else (SoundRefused(name, now),)


def endpoints(plan: Plan) -> frozenset[str]:
    """Those of all devices of people."""
    return frozenset(name for name, _, _ in all_endpoints(plan))


def silent_by_address(plan: Plan, seen: Iterable[Sighting]) -> frozenset[str]:
    """Endpoints that come by another kind of address than the plan has for their sound."""
    by_ipv6 = {one.endpoint: one.address.startswith("[") for one in seen if one.registered}
    return frozenset(
        name
        for name, _, device in all_endpoints(plan)
        if name in by_ipv6 and by_ipv6[name] is not device.ipv6
    )
