"""Whole records of a log file that grows, from a place in it that is known again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from pbx_bridge.adapters.record.events import hashed
from pbx_bridge.wire.cel import MAX_RECORD_BYTES, complete_records

CHUNK_BYTES = 2 * MAX_RECORD_BYTES
_ANCHOR_BYTES = 256


@dataclass(frozen=True, slots=True)
class Place:
    """Up to where a file has been read."""

    offset: int
    anchor: bytes


@dataclass(frozen=True, slots=True)
class Source:
    """An open file with something new in it."""

    file: BinaryIO
    offset: int
    rotated: bool
    """It has another name by now and grows no more."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records that follow a place, and the place after them."""

    records: Sequence[bytes]
    after: Place


def anchor_at(file: BinaryIO, offset: int) -> bytes | None:
    """Hash of the bytes before `offset`, None when the file is shorter."""
    if os.fstat(file.fileno()).st_size < offset:
        return None
    start = max(0, offset - _ANCHOR_BYTES)
    return hashed(os.pread(file.fileno(), offset - start, start))


def chunk_after(source: Source, offset: int) -> Chunk | None:
    """What follows `offset`; None when there is no whole record (yet).

    The last record of a rotated file is taken even without its end, which won't come.
    """
    data = os.pread(source.file.fileno(), CHUNK_BYTES, offset)
    records, taken = complete_records(data)
    if not taken:
        if not data or (len(data) < CHUNK_BYTES and not source.rotated):
            return None
        records, taken = [data], len(data)
    anchor = anchor_at(source.file, offset + taken)
    if anchor is None:  # truncated this very moment; the next look will see it
        return None
    return Chunk(records, Place(offset + taken, anchor))
