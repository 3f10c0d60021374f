"""Asterisk's call event log, copied exactly once, and the calls folded from it.

`tail` follows the file, `events` keeps what it holds, `calls` keeps what became of each caller,
and `reading` reads that.
All of it is written in the database's one writer thread, a chunk of the file in one transaction:
the lines, the place in the file and the calls that ended in them are stored together or not.
"""

from pbx_bridge.adapters.record.events import event_of, harmless, read_cel
from pbx_bridge.adapters.record.reading import (
    read_abroad,
    read_calls,
    read_journeys,
    read_minutes,
    read_of_number,
    read_people,
)
from pbx_bridge.adapters.record.tail import CelTail

__all__ = [
    "CelTail",
    "event_of",
    "harmless",
    "read_abroad",
    "read_calls",
    "read_cel",
    "read_journeys",
    "read_minutes",
    "read_of_number",
    "read_people",
]
