"""What Asterisk itself recorded about a call: the events of its call event log (CEL)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970, as which the record keeps its times."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(time_us: int) -> datetime:
    """The instant so many microseconds after 1970, in UTC."""
    return _EPOCH + time_us * _MICROSECOND


class CelEvent(NamedTuple):
    """One event of one channel; a tuple, since there are very many.

    Events of a call aren't always in the order of their times: each channel writes its own.
    """

    time: datetime
    """Aware, UTC, microseconds: when it happened by Asterisk's clock, not when it was read."""
    type: str
    """`CHAN_START`, `ANSWER`, `BRIDGE_ENTER`, `HANGUP`, `LINKEDID_END`, …; for an event that
    the dialplan made (CELGenUserEvent), the name it was given there."""
    linkedid: str
    """Common to all channels of a call."""
    uniqueid: str
    channel: str
    caller: str
    """As signalled, "" when withheld; empty in the first events of a channel. Not to be
    trusted."""
    exten: str
    context: str
    app: str
    data: str
    peer: str
    """The other channels of the bridge, joined by commas."""
    extra: str
    """JSON object or "". Of `HANGUP`: hangupcause, hangupsource, dialstatus. Of a dialplan's
    own event: its text under `extra`."""

    @property
    def begins_call(self) -> bool:
        """Whether it is the first event of its call's first channel."""
        return self.type == "CHAN_START" and self.uniqueid == self.linkedid
