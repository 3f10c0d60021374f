"""What happened: the kinds of the journal's entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pbx_bridge.core.changes import Summary
from pbx_bridge.core.state import (
    Closed,
    Consent,
    Lost,
    Notice,
    Opened,
    Part,
    Referral,
    Sighting,
    Stage,
)

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ReferralSet:
    """Somebody is away, or will be, with an end (S8)."""

    person: str
    reason: str
    since: datetime
    until: datetime
    note: str
    by: str
    recording: str = ""
    at: datetime = LONG_AGO
    """When it was set; `since` lies ahead of that for a planned one."""


@dataclass(frozen=True, slots=True)
class ReferralCancelled:
    """A referral holds no more, or will never (S15)."""

    person: str
    since: datetime
    """Which one."""
    by: str


@dataclass(frozen=True, slots=True)
class ForwardOffered:
    """A colleague is asked to take the calls during a referral (S14)."""

    person: str
    to: str
    since: datetime
    """The referral's."""
    until: datetime
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class ForwardAnswered:
    """The colleague said yes or no, or didn't answer in time."""

    person: str
    to: str
    since: datetime
    consent: Consent
    by: str


@dataclass(frozen=True, slots=True)
class ForwardWithdrawn:
    """The calls go to the colleague no more."""

    person: str
    to: str
    since: datetime
    by: str


@dataclass(frozen=True, slots=True)
class NoticeDue:
    """Somebody has to be told (S20); journaled together with what they are told of."""

    notice: Notice


@dataclass(frozen=True, slots=True)
class NoticeDelivered:
    """A notice was taken by a mail server or a phone, or heard by the switchboard."""

    id: str
    by: str = ""
    """Extension of who heard it from the list."""


@dataclass(frozen=True, slots=True)
class NoticeUndeliverable:
    """A notice is not tried any more; it stays visible."""

    id: str
    why: str


@dataclass(frozen=True, slots=True)
class DayHours:
    """A line's hours on one day, as its plan had them then."""

    openings: tuple[tuple[datetime, datetime], ...]
    """First moment, and the one after the last, of each."""
    repaid_until: datetime
    """Until when that day broken hours could be repaid."""


@dataclass(frozen=True, slots=True)
class PhoneHoursBroken:
    """A line isn't answered in its phone hours, for an emergency (S24)."""

    line: str
    since: datetime
    until: datetime
    note: str
    by: str
    hours: DayHours | None = None
    """What was planned, by which the day is judged; None in journals of before."""


@dataclass(frozen=True, slots=True)
class PhoneHoursResumed:
    """A broken line is answered again, before it was said to be."""

    line: str
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class NoticeDropped:
    """A notice that still waited tells nothing any more: it was answered, taken back or is over."""

    id: str


@dataclass(frozen=True, slots=True)
class PinRefused:
    """A wrong PIN for somebody's voice menu, or a right one while it is locked (S29)."""

    person: str
    """Extension, "" for one that nobody has."""
    source: str
    """Caller's number, "" when withheld."""
    at: datetime
    own: bool = False
    """Whether it was the number of their own mobile."""


@dataclass(frozen=True, slots=True)
class PinProved:
    """The right PIN after wrong ones, which count no more (S29)."""

    person: str
    source: str
    """Caller's number, "" when withheld."""
    at: datetime
    own: bool = False


@dataclass(frozen=True, slots=True)
class ShieldLifted:
    """The switchboard rings somebody in spite of referral and working hours (S19)."""

    person: str
    by: str


@dataclass(frozen=True, slots=True)
class CallBackAsked:
    """A caller who reached nobody asks to be called back (S7, S16)."""

    call: str
    """Asterisk's linkedid."""
    target: str
    """Extension sought, or name of the line."""
    number: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PermitGranted:
    """Somebody may call what they otherwise may not, until an end (S27)."""

    person: str
    calls: tuple[str, ...]
    """As `Permit.calls`."""
    since: datetime
    until: datetime
    approved_by: str
    by: str


@dataclass(frozen=True, slots=True)
class PermitsRevoked:
    """Somebody's permits, but for those that stand in the plan, hold no more (S27)."""

    person: str
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class CalledOut:
    """A call to a number outside has ended; what is capped is counted by it (S27)."""

    call: str
    """Asterisk's linkedid."""
    person: str
    number: str
    at: datetime
    """When it began."""
    seconds: float
    """Of talk."""


@dataclass(frozen=True, slots=True)
class CapPassed:
    """So much was called that somebody has to know, or that nothing more is carried (S27)."""

    person: str
    """Extension, "" for the whole exchange."""
    reached: bool
    """False: a warning."""
    at: datetime
    until: datetime
    """When the day, or the hour, is over."""


@dataclass(frozen=True, slots=True)
class CallTaken:
    """Somebody talked to a number outside; `at` is when the talk began."""

    call: str
    """Asterisk's linkedid."""
    person: str
    number: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ReturnDue:
    """A caller has to be reached by `due` (S16, S23); for one who waits already, once more."""

    target: str
    """Extension sought, or name of the line."""
    number: str
    """As `Return.number`."""
    call: str
    """Asterisk's linkedid, or the message's id."""
    how: Opened
    at: datetime
    due: datetime
    by: str = ""
    """Who has promised."""


@dataclass(frozen=True, slots=True)
class ReturnClosed:
    """The caller was reached."""

    target: str
    number: str
    at: datetime
    how: Closed
    by: str
    call: str = ""
    """Asterisk's linkedid of the call in which they were."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ReturnKept:
    """How a return went, without the caller's number: it stays when that is deleted."""

    target: str
    since: datetime
    due: datetime
    at: datetime
    """When the caller was reached."""
    how: Closed
    promised: bool


@dataclass(frozen=True, slots=True)
class ReturnReminded:
    """Those of a stage are told that the caller still waits."""

    target: str
    number: str
    stage: Stage
    at: datetime


@dataclass(frozen=True, slots=True)
class MessageLeft:
    """A caller has left a message in a mailbox (S16)."""

    mailbox: str
    message: str
    """Asterisk's id of it, unique in the mailbox."""
    caller: str
    """Caller's number as signalled, "" when withheld."""
    seconds: int
    at: datetime
    """When it was left."""
    channel: str
    """Asterisk's name of the caller's channel, as in its record."""


@dataclass(frozen=True, slots=True)
class MessageSorted:
    """Somebody has heard a message, or deleted it."""

    mailbox: str
    message: str
    deleted: bool
    by: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A member attends a line from now on."""

    line: str
    person: str
    by: str


@dataclass(frozen=True, slots=True)
class SignedOut:
    """A member no longer attends a line."""

    line: str
    person: str
    by: str


@dataclass(frozen=True, slots=True)
class PhoneLost:
    """The phone of somebody who attends a line can't be counted on (S18)."""

    person: str
    cause: Lost
    at: datetime


@dataclass(frozen=True, slots=True)
class PhoneFound:
    """It can again."""

    person: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PhoneBlocked:
    """A telephone is lost: nothing works from it and nothing reaches it from now on (S26)."""

    person: str
    device: str
    """As in `state.Block`."""
    by: str
    at: datetime
    note: str
    """Where and how it was lost, as it was told, "" for nothing."""
    seen: tuple[Sighting, ...] = ()
    """Where it was seen last; of all that somebody has, each that was ever seen."""


@dataclass(frozen=True, slots=True)
class PhoneUnblocked:
    """It was found, or another one takes its place, with another password."""

    person: str
    device: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LineShort:
    """Too few attend an open line from now on: every second of it is recorded (S18)."""

    line: str
    cause: str
    """A `pbx_bridge.core.attendance.Missing`."""
    missing: tuple[str, ...]
    joined: tuple[str, ...]
    """Backups that attend it meanwhile."""
    at: datetime


@dataclass(frozen=True, slots=True)
class LineStaffed:
    """Enough attend the line again, or it has closed."""

    line: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CoverAsked:
    """A colleague is asked to attend a line in somebody's place (S17, S18)."""

    line: str
    person: str
    to: str
    since: datetime
    until: datetime
    at: datetime
    by: str
    absence: Referral | None = None
    """What begins when they accept."""
    signs_out: bool = False
    """Whether `person` signs out of the line when they accept."""


@dataclass(frozen=True, slots=True)
class CoverAnswered:
    """The colleague said yes or no, or didn't answer in time."""

    line: str
    person: str
    to: str
    since: datetime
    consent: Consent
    by: str


@dataclass(frozen=True, slots=True)
class CommandRefused:
    """A command was refused; nothing changed."""

    command: str
    person: str
    clause: str
    why: str
    by: str
    at: datetime = LONG_AGO


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision about a call: what Asterisk was told to do, and the rule's name."""

    call: str
    """Asterisk's linkedid."""
    number: str
    step: str
    why: str


@dataclass(frozen=True, slots=True)
class LinkLost:
    """Asterisk could not be reached from `since` on; what happened is in its own record."""

    link: str
    """`ari` or `ami`."""
    since: datetime


@dataclass(frozen=True, slots=True)
class PlanInForce:
    """Another plan holds, in what the switchboard has to know (S4)."""

    summary: Summary
    at: datetime


@dataclass(frozen=True, slots=True)
class PlanChanged:
    """The technicians' files are others than before (S29): names, nothing of what is in them."""

    plan: str
    """Its version."""
    files: Mapping[str, str]
    """A hash of each file that makes the plan and the wording, by its place."""
    changed: tuple[str, ...]
    """Places of those that differ, with their owner; none where no plan was noted before."""
    what: tuple[str, ...]
    """As `differences.between` has it."""
    by: str
    """Who asked for it; "" where the files were seen to have changed."""
    at: datetime


@dataclass(frozen=True, slots=True)
class RecordGap:
    """Nothing could be stored for a while (F33); calls went on, and are in Asterisk's own log."""

    since: datetime
    until: datetime
    lost: int
    """Entries of the journal that were not stored."""


@dataclass(frozen=True, slots=True)
class PartGone:
    """Asterisk or the bridge was not there for a while. Calls went on without a bridge; without
    Asterisk there were none."""

    part: Part
    since: datetime
    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class RequestsRefused:
    """Requests that Asterisk has refused for their password, account, address or form: how many,
    and nothing of where they came from."""

    since: datetime
    until: datetime
    counts: tuple[tuple[str, int], ...]
    """How many of each of `security.KINDS`."""
    worst: int
    """How many in the busiest minute."""


@dataclass(frozen=True, slots=True)
class FloodBegan:
    """So many requests are refused that somebody has to be told."""

    at: datetime


@dataclass(frozen=True, slots=True)
class FloodEnded:
    """No more than usual are refused."""

    at: datetime


@dataclass(frozen=True, slots=True)
class EmergencyCalled:
    """Somebody has called an emergency number; the switchboard is told."""

    call: str
    """The call's linkedid."""
    endpoint: str
    """The device that it was made from."""
    number: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TrunkTroubled:
    """Something is wrong with a trunk, from now on."""

    trunk: str
    what: str
    """An `outside.Trouble`."""
    at: datetime


@dataclass(frozen=True, slots=True)
class TrunkWell:
    """It is no longer."""

    trunk: str
    what: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SoundRefused:
    """A device that is registered has refused a call for want of a codec or a key in common, or
    comes by an address to which its sound doesn't go."""

    endpoint: str
    """As in `devices.endpoint`."""
    at: datetime


@dataclass(frozen=True, slots=True)
class SoundAgreed:
    """It has talked again."""

    endpoint: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CertificateEnds:
    """The certificate of the TLS door is over soon, or has been since."""

    until: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class CertificateRenewed:
    """There is another one."""

    until: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class DataErased:
    """Data that may be kept no longer was deleted: the proof of it."""

    what: str
    """`log`, `numbers`, `calls`, `journal`, `absences`; `number` for one that was forgotten."""
    before: datetime
    """Everything older than this."""
    rows: int


@dataclass(frozen=True, slots=True)
class DataRead:
    """Somebody has read what is known of calls or callers."""

    what: str
    who: str
    """User of the machine."""
    why: str
    at: datetime


@dataclass(frozen=True, slots=True)
class BridgeStarted:
    """A bridge took up its work with a plan."""

    plan: str
    version: str


@dataclass(frozen=True, slots=True)
class HistoryLost:
    """Rows of the journal are missing, or were written anew: found at a bridge's start."""

    first: int
    last: int
    why: str
    """`missing`, or `another-history`: what stands there isn't what the heads say."""
    at: datetime
    chain: str = ""
    """Of row `last` as a head had it (hex), "" where none did."""


@dataclass(frozen=True, slots=True)
class LossTold:
    """The switchboard was told that history is missing."""

    at: datetime


@dataclass(frozen=True, slots=True)
class LossAccepted:
    """A technician knows of all that is missing so far, and goes on without it."""

    by: str
    why: str
    at: datetime


Event = (
    ReferralSet
    | ReferralCancelled
    | ForwardOffered
    | ForwardAnswered
    | ForwardWithdrawn
    | NoticeDue
    | NoticeDelivered
    | NoticeUndeliverable
    | PhoneHoursBroken
    | PhoneHoursResumed
    | NoticeDropped
    | PinProved
    | PinRefused
    | ShieldLifted
    | CallBackAsked
    | CalledOut
    | CapPassed
    | PermitGranted
    | PermitsRevoked
    | CallTaken
    | ReturnDue
    | ReturnClosed
    | ReturnKept
    | ReturnReminded
    | MessageLeft
    | MessageSorted
    | SignedIn
    | SignedOut
    | PhoneLost
    | PhoneFound
    | PhoneBlocked
    | PhoneUnblocked
    | LineShort
    | LineStaffed
    | CoverAsked
    | CoverAnswered
    | CommandRefused
    | Decided
    | LinkLost
    | PlanInForce
    | PlanChanged
    | RecordGap
    | PartGone
    | RequestsRefused
    | FloodBegan
    | FloodEnded
    | SoundRefused
    | SoundAgreed
    | CertificateEnds
    | CertificateRenewed
    | EmergencyCalled
    | TrunkTroubled
    | TrunkWell
    | DataErased
    | DataRead
    | HistoryLost
    | LossTold
    | LossAccepted
    | BridgeStarted
)
