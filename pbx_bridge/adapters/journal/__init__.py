"""The journal in SQLite: append-only, hash-chained, durable before it is acknowledged.

Nothing here waits for the disk on the event loop: rows are encoded, sealed and written in
the database's writer thread, in the order in which they were handed over.
"""

from pbx_bridge.adapters.journal.anchors import Anchors, read_anchor, read_anchors
from pbx_bridge.adapters.journal.chain import (
    BEGINNING,
    Broken,
    Head,
    Intact,
    Verdict,
    head_file,
    read_head,
    verify,
    verify_file,
)
from pbx_bridge.adapters.journal.codec import RowUnreadable
from pbx_bridge.adapters.journal.store import SqliteJournal

__all__ = [
    "BEGINNING",
    "Anchors",
    "Broken",
    "Head",
    "Intact",
    "RowUnreadable",
    "SqliteJournal",
    "Verdict",
    "head_file",
    "read_anchor",
    "read_anchors",
    "read_head",
    "verify",
    "verify_file",
]
