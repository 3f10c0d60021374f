"""Whether there is room for what somebody wants to record: in the mailbox, for this caller, on the
disk. Nobody outside can fill one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pbx_bridge.core import numbers
from pbx_bridge.core.mailboxes import Message
from pbx_bridge.core.model import Dialling

NOTE = "note"
"""In place of a mailbox: a note that somebody speaks about their absence."""
AGAIN = 1.2
"""Times as much has to be free before things are recorded again, so that one message more or less
doesn't turn it on and off."""


class Room(StrEnum):
    """What keeps something from being recorded."""

    FREE = "free"
    """Nothing."""
    MAILBOX = "mailbox"
    """The mailbox holds as much as it may."""
    CALLER = "caller"
    """As much waits there to be heard as one caller may leave."""
    DISK = "disk"
    """Too little of the disk is free."""


@dataclass(frozen=True, slots=True)
class Quota:
    """How much may be left: messages, and seconds of them."""

    mailbox: int = 50
    """In one mailbox, heard or not."""
    mailbox_s: int = 3600
    caller: int = 5
    """By one caller in one mailbox, not heard yet. Those who withhold their number are one."""
    caller_s: int = 600


def room(held: Sequence[Message] | None, caller: str, quota: Quota, dialling: Dialling) -> Room:
    """Whether `caller` (extension, or number as signalled) may leave one more message in the
    mailbox that holds `held`; None where that isn't known: then Asterisk's own limit holds."""
    if held is None:
        return Room.FREE
    if len(held) >= quota.mailbox or sum(one.seconds for one in held) >= quota.mailbox_s:
        return Room.MAILBOX
    who = numbers.number(caller, dialling)
    own = [one for one in held if not one.heard and numbers.number(one.caller, dialling) == who]
    if len(own) >= quota.caller or sum(one.seconds for one in own) >= quota.caller_s:
        return Room.CALLER
    return Room.FREE


def may_record(free: int, total: int, least: float, before: bool) -> bool:
    """Whether so much of a disk is free (bytes) that messages are recorded, before calls suffer.

    `least`: the part of it that has to be. `before`: whether they were recorded until now."""
    return free >= total * least * (1 if before else AGAIN)
