"""What people may ask of the exchange, whatever device they ask from.

`handle` is the only way to change anything: it returns the events to be journaled, or a
`Refusal` that names the policy clause and a sentence that can be spoken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pbx_bridge.core.sentences import Sentence
from pbx_bridge.core.state import Hole, Lost, Part, Sighting

TECHNICIAN = "technician"
"""`by` of a command from the command line, followed by a colon and the user of the machine; in
journals from before, and where nobody knows the user, by itself."""
EXCHANGE = "exchange"
"""`by` of what the exchange does by itself: a colleague didn't answer, a notice arrived."""
CALLER = "caller"
"""`by` of somebody who calls from outside."""


def technician(user: str) -> str:
    """`by` of a command that a user of this machine gives."""
    return f"{TECHNICIAN}:{user}"


def is_technician(by: str) -> bool:
    """Whether `by` is somebody at the command line; no extension has a colon."""
    return by.partition(":")[0] == TECHNICIAN


@dataclass(frozen=True, slots=True)
class SetReferral:
    """Be away until `until` (aware), with the reason named so in the plan (S8)."""

    person: str
    reason: str
    until: datetime
    by: str
    note: str = ""
    since: datetime | None = None
    """When it begins, None for now."""
    recording: str = ""
    """Name of a recorded note, instead of `note`."""


@dataclass(frozen=True, slots=True)
class CancelReferral:
    """Be back, before the referral's end or not (S15)."""

    person: str
    by: str
    at: datetime | None = None
    """A moment of the referral that is meant, None for the one that holds now."""


@dataclass(frozen=True, slots=True)
class OfferForward:
    """Ask colleague `to` to take the calls during the absence of now, else the next one (S14)."""

    person: str
    to: str
    by: str


@dataclass(frozen=True, slots=True)
class WithdrawForward:
    """Have the calls of the absence go to no colleague that was asked for it."""

    person: str
    by: str


@dataclass(frozen=True, slots=True)
class AnswerForward:
    """Say yes or no to taking the calls of `person`, "" for whoever asked last."""

    person: str
    to: str
    accepts: bool
    by: str


@dataclass(frozen=True, slots=True)
class LapseForward:
    """The colleague has not answered in time; the next one is asked."""

    person: str
    to: str
    by: str = EXCHANGE
    since: datetime | None = None
    """The referral's, where the colleague may have been asked for several."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """Attend a line."""

    line: str
    person: str
    by: str


@dataclass(frozen=True, slots=True)
class SignOut:
    """Leave a line (S18)."""

    line: str
    person: str
    by: str


@dataclass(frozen=True, slots=True)
class SeePhone:
    """The phone of somebody who attends a line is seen to be lost, or to be there again (S18)."""

    person: str
    lost: Lost | None
    """None: it is there."""
    by: str = EXCHANGE


@dataclass(frozen=True, slots=True)
class BlockPhone:
    """A telephone is lost: have nothing work from it and nothing reach it (S26)."""

    person: str
    by: str
    device: str = ""
    """Its name, its endpoint or `mobile`; "" for all that the person has."""
    note: str = ""
    """Where and how it was lost."""
    seen: tuple[Sighting, ...] = ()
    """Where the person's telephones were seen last; those that it doesn't concern are left out."""


@dataclass(frozen=True, slots=True)
class UnblockPhone:
    """New passwords were made: the telephone may be used with them."""

    person: str
    by: str
    device: str = ""
    """As it was blocked."""


@dataclass(frozen=True, slots=True)
class CountAttendants:
    """See whether enough attend a line now, and raise or clear the alarm (S18)."""

    line: str
    by: str = EXCHANGE


@dataclass(frozen=True, slots=True)
class ReportOutage:
    """Asterisk or the bridge was not there from `since` to `until` (aware)."""

    part: Part
    since: datetime
    until: datetime
    why: str
    by: str = EXCHANGE


@dataclass(frozen=True, slots=True)
class TakeUpPlan:
    """A plan has come into force: what differs from the one before is told (S4)."""

    by: str = EXCHANGE


@dataclass(frozen=True, slots=True)
class NotePlan:
    """The plan is made of these files; the journal has to know which have changed (S29)."""

    plan: str
    files: Mapping[str, str]
    """A hash by the place of the file."""
    owners: Mapping[str, str]
    """Users of the machine, by the place of the file."""
    what: tuple[str, ...]
    """As in `events.PlanChanged`."""
    by: str = ""


@dataclass(frozen=True, slots=True)
class NoteLoss:
    """Rows of the journal were found missing; somebody has to know."""

    holes: tuple[Hole, ...] = ()
    """Those that are not in the journal yet."""
    by: str = EXCHANGE


@dataclass(frozen=True, slots=True)
class AcceptLoss:
    """Go on without what is missing of the journal."""

    why: str
    by: str


@dataclass(frozen=True, slots=True)
class AskCover:
    """Ask colleague `to` to attend, in the leaver's place, every line that `wanted` would leave
    with too few; when they accept `wanted` is done (S17, S18)."""

    wanted: SetReferral | SignOut
    to: str
    by: str

    @property
    def person(self) -> str:
        """Who wants to leave."""
        return self.wanted.person


@dataclass(frozen=True, slots=True)
class AnswerCover:
    """Say yes or no to attending a line for `person`, "" for whoever asked last."""

    person: str
    to: str
    accepts: bool
    by: str


@dataclass(frozen=True, slots=True)
class LapseCover:
    """The colleague has not answered in time."""

    person: str
    to: str
    by: str = EXCHANGE


@dataclass(frozen=True, slots=True)
class BreakPhoneHours:
    """Leave the phone hours of `line` until `until` (aware, today) for an emergency (S24)."""

    line: str
    note: str
    """What callers are told: one of the plan's `emergencies`, in its language."""
    until: datetime
    by: str


@dataclass(frozen=True, slots=True)
class ResumePhoneHours:
    """The emergency is over: the line is answered again."""

    line: str
    by: str


@dataclass(frozen=True, slots=True)
class ProvePin:
    """Somebody has typed a PIN as `person`; whether it is the right one is known (S29)."""

    person: str
    source: str
    """Caller's number, "" when withheld."""
    right: bool
    own: bool = False
    """Whether it is the number of their own mobile."""
    by: str = CALLER


@dataclass(frozen=True, slots=True)
class NoteRefused:
    """Asterisk has refused requests."""

    counts: tuple[tuple[str, int], ...]
    """How many of each of `security.KINDS`."""
    worst: int
    """How many in the busiest minute."""
    since: datetime
    until: datetime
    by: str


@dataclass(frozen=True, slots=True)
class NoteEmergency:
    """Somebody has called an emergency number."""

    call: str
    """The call's linkedid."""
    endpoint: str
    """The device that it was made from."""
    number: str
    at: datetime
    by: str = EXCHANGE


@dataclass(frozen=True, slots=True)
class SeeTrunk:
    """A trunk was seen in trouble, or without it."""

    trunk: str
    what: str
    """An `outside.Trouble`."""
    troubled: bool
    by: str = EXCHANGE


@dataclass(frozen=True, slots=True)
class NoteSound:
    """A device has no sound in common with the exchange, or has it again."""

    endpoint: str
    agreed: bool
    by: str


@dataclass(frozen=True, slots=True)
class NoteCertificate:
    """The certificate that phones are shown lasts until then."""

    until: datetime
    by: str


@dataclass(frozen=True, slots=True)
class LiftShield:
    """Ring somebody once in spite of referral and working hours; the switchboard may (S19)."""

    person: str
    by: str


@dataclass(frozen=True, slots=True)
class SettleNotices:
    """Notices have reached whom they were for, or, with `why`, never will."""

    ids: tuple[str, ...]
    by: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class AskCallBack:
    """A caller wants to be called back by a person or a line."""

    call: str
    """Asterisk's linkedid."""
    target: str
    """Extension, or name of the line."""
    number: str
    by: str = CALLER


@dataclass(frozen=True, slots=True)
class GrantPermit:
    """Let `person` call what they otherwise may not, until `until` (aware) (S27)."""

    person: str
    calls: tuple[str, ...]
    """Classes of numbers and ISO codes of countries, as `Permit.calls`."""
    until: datetime
    approved_by: str
    """Who has agreed to it; "" for whoever enters it."""
    by: str


@dataclass(frozen=True, slots=True)
class RevokePermits:
    """End the permits of `person`, but for those that stand in the plan (S27)."""

    person: str
    by: str


@dataclass(frozen=True, slots=True)
class NoteOutgoing:
    """A call from the house to a number outside has ended, answered or not (S27)."""

    call: str
    """Asterisk's linkedid."""
    person: str
    number: str
    """In national form."""
    at: datetime
    """When it began."""
    seconds: float
    """Of talk."""
    by: str = EXCHANGE


@dataclass(frozen=True, slots=True)
class NoteCall:
    """A call between the house and a number outside has ended, as Asterisk recorded it (S16)."""

    call: str
    """Asterisk's linkedid."""
    at: datetime
    """When it was answered, else when it ended."""
    number: str
    """Outside the house, in its one form (`numbers.number`), "" when withheld."""
    sought: str
    """Extension, or name of the line; "" for an outgoing call."""
    reached: str
    """Extension of who answered, "" for nobody."""
    calling: str = ""
    """Extension whose phone made an outgoing call, "" for an incoming one."""
    by: str = EXCHANGE
    left: str = ""
    """Extension, or name of the line, to whom the caller was sent by who answered, and where
    nobody did."""
    left_at: datetime | None = None
    """When that ended."""


@dataclass(frozen=True, slots=True)
class Promise:
    """Get back to `number` by `due` (aware) (S23)."""

    person: str
    number: str
    due: datetime
    by: str


@dataclass(frozen=True, slots=True)
class RecordContact:
    """The caller behind a return was reached in another way than by the exchange (S16)."""

    target: str
    """Extension sought, or name of the line."""
    number: str
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class RemindOfReturns:
    """See whose callers still wait, and tell those whose turn it is (S16)."""

    by: str = EXCHANGE


@dataclass(frozen=True, slots=True)
class TakeMessage:
    """A message is in a mailbox; whose it is shall know of it, once (S16)."""

    mailbox: str
    message: str
    """Asterisk's id of it, unique in the mailbox."""
    caller: str
    """Caller's number as signalled, "" when withheld."""
    seconds: int
    at: datetime
    """When it was left."""
    channel: str
    """Asterisk's name of the caller's channel."""
    by: str = EXCHANGE


Command = (
    SetReferral
    | CancelReferral
    | OfferForward
    | WithdrawForward
    | AnswerForward
    | LapseForward
    | SignIn
    | SignOut
    | SeePhone
    | BlockPhone
    | UnblockPhone
    | CountAttendants
    | ReportOutage
    | TakeUpPlan
    | NotePlan
    | NoteLoss
    | AcceptLoss
    | AskCover
    | AnswerCover
    | LapseCover
    | BreakPhoneHours
    | ResumePhoneHours
    | ProvePin
    | NoteRefused
    | NoteSound
    | NoteCertificate
    | NoteEmergency
    | SeeTrunk
    | LiftShield
    | SettleNotices
    | AskCallBack
    | GrantPermit
    | RevokePermits
    | NoteCall
    | NoteOutgoing
    | Promise
    | RecordContact
    | RemindOfReturns
    | TakeMessage
)

FACTS = (
    SeePhone,
    CountAttendants,
    NoteSound,
    NoteCertificate,
    NoteEmergency,
    SeeTrunk,
    SettleNotices,
)
"""Tell what has happened, which is so whether it can be stored or not: somebody has to be told
now. (What supervisor and record tell of waits with them until it is stored.)"""

MOST_REFUSALS = 10
"""Refused commands of one phone within `REFUSALS_WINDOW`; more are not looked at (F38)."""
REFUSALS_WINDOW = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A command that the policy or the plan does not allow; nothing changed."""

    clause: str
    """Policy clause, or "" where the command itself makes no sense."""
    why: str
    """Stable name of the rule."""
    spoken: Sentence
