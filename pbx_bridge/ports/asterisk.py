"""Calls, phones and mailboxes, as Asterisk has them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from pbx_bridge.core.blocks import OpenChannel
from pbx_bridge.core.mailboxes import Message
from pbx_bridge.core.state import Sighting
from pbx_bridge.core.trunks import Trunk
from pbx_bridge.core.waiting import Waiters


class Done(StrEnum):
    """How a command to a channel ended. A channel that is gone is an outcome, not an error."""

    DONE = "done"
    GONE = "gone"
    """404: the caller has hung up."""
    LOST = "lost"
    """409: another bridge or the dialplan has the channel."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A channel that asks for its next step."""

    channel: str
    """Asterisk's unique id of the channel."""
    linkedid: str
    caller: str
    """Caller's number as signalled, "" when withheld. Not to be trusted."""
    variables: Mapping[str, str]
    """The `PBX_…` channel variables, "" where unset."""
    claimed: bool
    """True when it is ours already (plain Stasis)."""


class Telephony(Protocol):
    """Channels that ask for a decision, and the way to give it (ARI)."""

    async def started_at(self) -> datetime:
        """When Asterisk was started, by its own clock. Raises `PbxUnavailable`."""
        ...

    def offers(self) -> AsyncIterator[Offer]:
        """Yield offers until the adapter is closed, over every reconnection."""
        ...

    async def claim(self, offer: Offer) -> Done:
        """Take the channel, first of all bridges."""
        ...

    async def proceed(self, channel: str, step: str, variables: Mapping[str, str]) -> Done:
        """Set `variables` and send the channel to extension `step` of the step context."""
        ...

    async def message(self, endpoints: Sequence[str], text: str) -> None:
        """Show `text` on somebody's phones (SIP MESSAGE), of which `endpoints` are all.

        Raises `NoticeDelayed` while none of them is registered, `PbxUnavailable`.
        """
        ...

    async def ring_up(
        self,
        endpoints: Sequence[str],
        variables: Mapping[str, str],
        seconds: int,
        shown: tuple[str, str],
    ) -> None:
        """Ring somebody's phones, of which `endpoints` are all, on the exchange's own behalf.

        On answer the channel enters the announce context with `variables`. `shown` is the
        number and the name that the phone displays. Returns when the phone has been called,
        not when it answers. Raises `NoticeDelayed`, `PbxUnavailable`.
        """
        ...


@dataclass(frozen=True, slots=True)
class QueueMember:
    """Somebody who attends a line, as Asterisk's queue sees it."""

    queue: str
    interface: str
    state: str = ""
    """Where their state is read, "" where it is the interface's own."""


class Switch(Protocol):
    """Asterisk's own state that outlives the bridge: AstDB and queue members (AMI)."""

    async def put(self, family: str, key: str, value: str) -> None:
        """Write one AstDB entry. Raises `PbxUnavailable`, `ValueError` for CR, LF, NUL."""
        ...

    async def remove(self, family: str, key: str) -> None:
        """Delete one AstDB entry; one that isn't there is no error."""
        ...

    async def stored(self, family: str) -> Mapping[str, str]:
        """Every entry of `family`, by key (without the family)."""
        ...

    async def members(self) -> Mapping[QueueMember, int]:
        """Everybody who is in a queue, with their penalty: the higher, the later they are rung."""
        ...

    async def join(self, member: QueueMember, name: str, penalty: int = 0) -> None:
        """Add a queue member; one that is there already gets the penalty."""
        ...

    async def leave(self, member: QueueMember) -> None:
        """Remove a queue member; one that isn't there is no error."""
        ...


@dataclass(frozen=True, slots=True)
class Missed:
    """A call of a line rang at a member in vain, or was refused by their phone."""

    queue: str
    extension: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A member has answered a call of a line."""

    queue: str
    extension: str


class Rewired(StrEnum):
    """Phones have come or gone."""

    REWIRED = "rewired"


@dataclass(frozen=True, slots=True)
class Sounded:
    """A device has talked, or refused a call for want of sound in common."""

    endpoint: str
    agreed: bool


PhoneEvent = Missed | Taken | Rewired


class Phones(Protocol):
    """People's phones as Asterisk sees them (AMI)."""

    def phone_events(self) -> AsyncIterator[PhoneEvent]:
        """Yield what happens, over every reconnection; what was missed is one `REWIRED`."""
        ...

    def sound_events(self) -> AsyncIterator[Sounded]:
        """Yield which devices talk and which can't; those that refuse are told each time."""
        ...

    async def reachable(self) -> frozenset[str]:
        """Endpoints of devices that are registered and answer to Asterisk.

        Raises `PbxUnavailable`.
        """
        ...

    async def calls(self) -> Mapping[str, str]:
        """The endpoint of each answered call of a telephone or trunk, by channel.

        Raises `PbxUnavailable`.
        """
        ...

    async def waiting(self, queue: str) -> Waiters:
        """Who waits in the queue of a line. Raises `PbxUnavailable`."""
        ...

    async def stop_ringing(self, extension: str) -> None:
        """End the calls that ring at a phone that isn't there; talks go on.

        Raises `PbxUnavailable`.
        """
        ...


class Barrier(Protocol):
    """What keeps lost telephones away from Asterisk, with and without a bridge (AMI, SIP).

    All of it raises `PbxUnavailable`.
    """

    async def wait_rewired(self) -> None:
        """Return when telephones have come or gone since it returned last."""
        ...

    async def seen(self) -> Sequence[Sighting]:
        """Every telephone that has registered, now, and whether it answers."""
        ...

    async def remembered(self) -> Sequence[Sighting]:
        """What `remember` was given, the last of each telephone."""
        ...

    async def remember(self, sighting: Sighting) -> None:
        """Keep where a telephone was seen, over restarts of bridge and Asterisk."""
        ...

    async def passwords(self) -> Mapping[str, str]:
        """By endpoint, those that hold in place of the configuration's."""
        ...

    async def set_password(self, endpoint: str, password: str) -> None:
        """Have another password hold from this moment on, whatever the configuration says."""
        ...

    async def clear_password(self, endpoint: str) -> None:
        """Have the configuration's hold again."""
        ...

    async def barred_mobiles(self) -> frozenset[str]:
        """Numbers that may not be rung for people of the plan."""
        ...

    async def bar_mobile(self, number: str, *, barred: bool) -> None:
        """Have a mobile not be rung any more, or again."""
        ...

    async def unregister(self, endpoint: str, password: str) -> None:
        """Forget where a telephone is; `password` is the one that holds now."""
        ...

    async def channels(self) -> Sequence[OpenChannel]:
        """Every channel there is."""
        ...

    async def hang_up(self, channel: str) -> None:
        """End a channel; one that has ended is no error."""
        ...


class Lamps(Protocol):
    """Our part of what the lamps of telephones show (AMI, ARI).

    All of it raises `PbxUnavailable`, `PbxRejected`, `ProtocolError`.
    """

    async def lit(self) -> Mapping[str, str]:
        """The state of every lamp that was ever set, in Asterisk's words."""
        ...

    async def light(self, name: str, state: str) -> None:
        """Set one; whoever has subscribed is told, and it is so after a restart, too."""
        ...


@dataclass(frozen=True, slots=True)
class EmergencyDialled:
    """An emergency number is being called."""

    call: str
    """Asterisk's id of the call."""
    channel: str
    number: str


@dataclass(frozen=True, slots=True)
class TrunkFailed:
    """A call was refused, or left without a sign, by a trunk."""

    trunk: str


@dataclass(frozen=True, slots=True)
class CallRefused:
    """A request was refused as nobody's whom the exchange knows."""

    address: str
    """Of whoever has sent it."""


TrunkEvent = EmergencyDialled | TrunkFailed | CallRefused | Rewired


class Trunks(Protocol):
    """The ways to the public network as Asterisk sees them (AMI)."""

    def trunk_events(self) -> AsyncIterator[TrunkEvent]:
        """Yield what happens, over every reconnection; `REWIRED` where it has to be looked."""
        ...

    async def unreachable(self) -> frozenset[str]:
        """Trunks a server of which leaves questions unanswered. Raises `PbxUnavailable`."""
        ...

    async def registered(self) -> frozenset[str]:
        """Trunks whose operator has let us in. Raises `PbxUnavailable`."""
        ...


class Certificates(Protocol):
    """What operators show over TLS of who they are."""

    async def refused(self, trunk: Trunk) -> str | None:
        """Why a server of a trunk isn't believed, "" where all are; None where that can't be said,
        as one of them isn't there."""
        ...


class Messages(Protocol):
    """The mailboxes, as Asterisk keeps them on the disk."""

    def arrivals(self) -> AsyncIterator[Message]:
        """Yield each message once, those that are there already first."""
        ...

    async def mailboxes(self) -> Sequence[str]:
        """Every mailbox in which messages can be, in the plan or not."""
        ...

    async def discard(self, message: Message) -> bool:
        """Delete a message of a mailbox that Asterisk knows no more. Returns whether it was
        there; raises `OSError`."""
        ...

    async def held(self, mailbox: str) -> Sequence[Message] | None:
        """What is in a mailbox, the oldest first; None where mailboxes can't be read."""
        ...

    async def file(self, mailbox: str, message: str) -> Path | None:
        """The sound file without suffix; None when it is in the mailbox no more."""
        ...

    async def sound(self, mailbox: str, message: str) -> bytes | None:
        """What was said, as a WAV file; None when it is in the mailbox no more."""
        ...


class Mailboxes(Protocol):
    """The mailboxes, as Asterisk has them changed (AMI)."""

    async def put_aside(self, message: Message) -> None:
        """It was heard. Raises `PbxUnavailable`, `PbxRejected` when it isn't there."""
        ...

    async def delete(self, message: Message) -> None:
        """Raises as `put_aside`."""
        ...


class Notes(Protocol):
    """Notes that people have spoken about their absence."""

    async def clear(self, kept: Collection[str]) -> int:
        """Delete all but `kept` and the very young. Returns how many; raises `OSError`."""
        ...


class Logs(Protocol):
    """Asterisk's log of notices and errors, in which numbers may stand."""

    async def clear(self, kept: timedelta) -> int:
        """Delete what is older. Returns how many files; raises `PbxUnavailable`, `PbxRejected`,
        `OSError`."""
        ...
