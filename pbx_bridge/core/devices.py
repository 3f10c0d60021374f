"""What Asterisk calls the devices of people: endpoints, and the channels to and from them.

The first device of the person 101 is the endpoint `101`, as the only one of a person was before
there were several; each other one is called by its name too, `101-softphone`. No name of a device
has a hyphen in it, and no name of a trunk begins with a digit.
"""

from __future__ import annotations

from collections.abc import Iterator

from pbx_bridge.core.model import Device, Person, Plan

TECHNOLOGY = "PJSIP/"
"""Before the endpoint, in the names of channels and in what is dialled."""
CONTEXT = "pbx-bridge-devices"
"""Where the devices of a person are rung as one, `Local/101@pbx-bridge-devices/n`: what attends a
queue, and what the exchange rings up."""
HINTS = "pbx-bridge-hints"
"""Where the state of a person is that of all devices: on the phone with one is on the phone."""
LOCAL = "Local/"


def endpoint(person: Person, device: Device) -> str:
    """The endpoint of one of somebody's devices, which is also its user name."""
    first = device == person.devices[0]
    return person.extension if first else f"{person.extension}-{device.name}"


def endpoints(person: Person) -> tuple[str, ...]:
    """The endpoints of all of somebody's devices."""
    return tuple(endpoint(person, device) for device in person.devices)


def all_endpoints(plan: Plan) -> Iterator[tuple[str, Person, Device]]:
    """Yield each endpoint of people, with whose it is."""
    for person in plan.people.values():
        for device in person.devices:
            yield endpoint(person, device), person, device


def named(person: Person, name: str) -> Device | None:
    """The device called `name`, the first one where that is ""; None where there is no such one."""
    if not name:
        return person.devices[0]
    return next((device for device in person.devices if device.name == name), None)


def extension_of(endpoint: str) -> str:
    """The extension of the one whose device it is; an endpoint of no person's is given back."""
    return endpoint.partition("-")[0] if endpoint[:1].isdecimal() else endpoint


def device_of(endpoint: str) -> str:
    """The device's name where it stands in the endpoint's, "" for first ones and trunks."""
    return endpoint.partition("-")[2] if endpoint[:1].isdecimal() else ""


def endpoint_of(channel: str) -> str:
    """`101-softphone` of `PJSIP/101-softphone-0000001a`, "" for channels that aren't telephones or
    trunks."""
    if not channel.startswith(TECHNOLOGY):
        return ""
    return channel.removeprefix(TECHNOLOGY).rpartition("-")[0]


def dialled(person: Person) -> str:
    """What is dialled to ring all of somebody's devices together."""
    return "&".join(f"{TECHNOLOGY}{one}" for one in endpoints(person))


def member(extension: str) -> str:
    """What attends a queue for a person, with all devices."""
    return f"{LOCAL}{extension}@{CONTEXT}/n"


def state(extension: str) -> str:
    """Where a queue reads whether a person can be rung (app_queue, StateInterface)."""
    return f"hint:{extension}@{HINTS}"


def person_of(channel: str) -> str:
    """`101` of `Local/101@pbx-bridge-devices/n` and of its halves' names, as in
    `Local/101@pbx-bridge-devices-0000001a;1`; "" for other channels."""
    extension, at, place = channel.removeprefix(LOCAL).partition("@")
    ours = place.startswith((f"{CONTEXT}-", f"{CONTEXT}/"))
    return extension if at and ours and channel.startswith(LOCAL) else ""
