"""Lost telephones are blocked by one act, and are so until a technician has made new passwords,
whatever becomes of the plan meanwhile (S26)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from pbx_bridge.core import alarms, blocks
from pbx_bridge.core.blocks import ALL, MOBILE
from pbx_bridge.core.commands import BlockPhone, Refusal, SeePhone, UnblockPhone
from pbx_bridge.core.devices import endpoint, endpoints, named
from pbx_bridge.core.events import Event, PhoneBlocked, PhoneUnblocked
from pbx_bridge.core.model import Plan
from pbx_bridge.core.sentences import sentence
from pbx_bridge.core.state import Block, Exchange, Lost

Answer = tuple[Event, ...] | Refusal


def block(command: BlockPhone, exchange: Exchange, now: datetime) -> Answer:
    """Block it; what is blocked already stays so. Whoever attends a line with it is missing there
    at once (S18)."""
    device = meant(exchange.plan, command.person, command.device)
    if device is None:
        return Refusal("", "unknown-device", sentence("refused-no-such-device"))
    if any(one.device == device for one in exchange.blocks.get(command.person, ())):
        return ()
    at = now.astimezone(UTC)
    blocked = PhoneBlocked(
        *(command.person, device, command.by, at, " ".join(command.note.split())),
        tuple(one for one in command.seen if device in (ALL, one.endpoint)),
    )
    after = replace(exchange, blocks=folded(exchange, blocked))
    if command.person in alarms.watched(exchange.plan) and blocks.is_blocked(after, command.person):
        missing = SeePhone(command.person, Lost.UNREACHABLE)
        return (blocked, *alarms.see_phone(missing, after, now))
    return (blocked,)


def unblock(command: UnblockPhone, exchange: Exchange, now: datetime) -> Answer:
    """End the block of one device, or that of all together, which ends by itself and first: until
    then no device works."""
    device = meant(exchange.plan, command.person, command.device)
    held = {one.device for one in exchange.blocks.get(command.person, ())}
    name = exchange.plan.people[command.person].name
    if device != ALL and ALL in held:
        return Refusal("", "blocked-with-all", sentence("refused-blocked-with-all", name=name))
    if device == ALL and held and ALL not in held:
        return Refusal("", "blocked-alone", sentence("refused-blocked-alone", name=name))
    if device not in held:
        return Refusal("", "not-blocked", sentence("refused-not-blocked"))
    return (PhoneUnblocked(command.person, device or ALL, command.by, now.astimezone(UTC)),)


def folded(
    exchange: Exchange, event: PhoneBlocked | PhoneUnblocked
) -> Mapping[str, tuple[Block, ...]]:
    """The blocks after an event, as `Exchange.blocks`."""
    others = {one: held for one, held in exchange.blocks.items() if one != event.person}
    held = tuple(one for one in exchange.blocks.get(event.person, ()) if one.device != event.device)
    if isinstance(event, PhoneBlocked):
        held = (*held, Block(event.device, event.at, event.by))
    return {**others, event.person: held} if held else others


def meant(plan: Plan, extension: str, device: str) -> str | None:
    """The endpoint that is meant, `MOBILE` or `ALL`; None for what the person doesn't have.

    On a telephone the devices of `people.yaml` are 1, 2 and so on, and the mobile is 0.
    """
    person = plan.people[extension]
    own = endpoints(person)
    if device == ALL or device in own:
        return device
    if device in (MOBILE, "0"):
        return MOBILE if person.mobile else None
    if device.isdecimal():
        return dict(enumerate(own, 1)).get(int(device))
    found = named(person, device)
    return None if found is None else endpoint(person, found)
