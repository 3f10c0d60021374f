"""What the bridge needs of the world, named by need.

Each port has one real adapter in `pbx_bridge.adapters` and one fake in `tests/fakes`,
held to the same contract suite.
"""

from pbx_bridge.ports.asterisk import (
    Done,
    Logs,
    Mailboxes,
    Messages,
    Missed,
    Notes,
    Offer,
    PhoneEvent,
    Phones,
    QueueMember,
    Rewired,
    Switch,
    Taken,
    Telephony,
)
from pbx_bridge.ports.errors import (
    Ill,
    JournalDamaged,
    JournalUnavailable,
    NoticeDelayed,
    NoticeRefused,
    PbxRejected,
    PbxUnavailable,
    ProtocolError,
    SpeechFailed,
)
from pbx_bridge.ports.storage import (
    Entry,
    Finding,
    Journal,
    Record,
    Storage,
)
from pbx_bridge.ports.world import (
    Clock,
    Letter,
    Mail,
    Public,
    Speech,
)

__all__ = [
    "Clock",
    "Done",
    "Entry",
    "Finding",
    "Ill",
    "Journal",
    "JournalDamaged",
    "JournalUnavailable",
    "Letter",
    "Logs",
    "Mail",
    "Mailboxes",
    "Messages",
    "Missed",
    "Notes",
    "NoticeDelayed",
    "NoticeRefused",
    "Offer",
    "PbxRejected",
    "PbxUnavailable",
    "PhoneEvent",
    "Phones",
    "ProtocolError",
    "Public",
    "QueueMember",
    "Record",
    "Rewired",
    "Speech",
    "SpeechFailed",
    "Storage",
    "Switch",
    "Taken",
    "Telephony",
]
