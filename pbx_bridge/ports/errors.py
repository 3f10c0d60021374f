"""What goes wrong outside, translated once: where it happens."""

from __future__ import annotations


class PbxUnavailable(Exception):
    """Asterisk can't be reached now; trying again later may help."""


class PbxRejected(Exception):
    """Asterisk refuses us: credentials, rights or version; trying again won't help."""


class ProtocolError(Exception):
    """The peer said something that its protocol does not allow."""


class NoticeDelayed(Exception):
    """A notice can't be delivered now; trying again later may help."""


class NoticeRefused(Exception):
    """A notice never will be delivered: its address is refused."""


class JournalUnavailable(Exception):
    """The journal can't be written; nothing was acknowledged."""


class JournalDamaged(JournalUnavailable):
    """What is stored can't be read; trying again won't help, a backup will."""


class SpeechFailed(Exception):
    """A text could not be spoken; the message says why. Nothing was kept."""


class Ill(Exception):
    """A part is there, and not as it should be; the message says how and what to do."""
