"""The chain that makes the journal's history fixed, and its verification.

Row n carries `commitment = sha256(salt + body)` and
`chain = sha256(chain of n-1 + seq + at + kind + commitment)`. The chain is over commitments,
not over bodies, so that a body with personal data can be erased, together with its salt
(without which short bodies could be guessed), and the rest still verifies.

A chain alone does not show that its end was cut off. The head is therefore kept outside the
database too, in `<database>.head`, and where whoever can write both can't write (`anchors`).
None of them is ever ahead of what is committed. They may be behind, and then say nothing about
the rows after them.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from pbx_bridge.core.state import Hole
from pbx_bridge.files import replace_file

SALT_BYTES = 16
MISSING = "missing"
ANOTHER_HISTORY = "another-history"


@dataclass(frozen=True, slots=True)
class Head:
    """The last row that is vouched for. A journal without rows has `BEGINNING`."""

    seq: int
    chain: bytes


BEGINNING = Head(0, bytes(32))


@dataclass(frozen=True, slots=True)
class Intact:
    """Every row is as it was written, and none is missing."""

    rows: int
    head: Head
    accepted: tuple[Hole, ...] = ()
    """What is missing or was written anew, and was accepted by a technician."""


@dataclass(frozen=True, slots=True)
class Broken:
    """Row `seq` is the first that isn't what was written there."""

    seq: int
    why: str


Verdict = Intact | Broken


@dataclass(frozen=True, slots=True)
class Seal:
    """What protects one row."""

    salt: bytes
    commitment: bytes
    head: Head


def seal(before: Head, at: str, kind: str, body: str) -> Seal:
    """Seal the row that follows `before`, with a fresh salt."""
    salt = secrets.token_bytes(SALT_BYTES)
    commitment = _commitment(salt, body)
    return Seal(salt, commitment, _next(before, at, kind, commitment))


def verify(connection: sqlite3.Connection, anchors: Iterable[Head] = ()) -> Verdict:
    """Read the whole journal and name the first row that was edited, removed or moved.

    A journal that doesn't reach the row of an anchor, or reaches it by another history, is
    broken too: from the row after the last anchor that fits. Takes about 4 µs a row.
    """
    accepted = accepted_holes(connection)
    missing = {one.first: one for one in accepted if one.why == MISSING}
    # Of a history that was written anew, heads from before say nothing any more.
    anew = max((one.last for one in accepted if one.why != MISSING), default=0)
    expected = sorted((one for one in anchors if one.seq > anew), key=lambda one: one.seq)
    chains: dict[int, set[bytes]] = {}
    for anchor in expected:
        chains.setdefault(anchor.seq, set()).add(anchor.chain)
    fits = 0
    rows = 0
    head = BEGINNING
    for seq, at, kind, body, salt, commitment, chain in stored_rows(connection):
        due = head.seq + 1
        is_known = True
        if seq != due:
            hole = missing.get(due)
            if hole is None or hole.last != seq - 1:
                return Broken(due, f"missing: row {seq} stands in its place")
            head, is_known = Head(hole.last, bytes.fromhex(hole.chain)), bool(hole.chain)
            if is_known and chains.get(hole.last, {head.chain}) != {head.chain}:
                return Broken(due, "missing, and another history than the head that was noted")
        if why := _contents_wrong(at, kind, body, salt, commitment):
            return Broken(seq, why)
        following = _next(head, at, kind, commitment)
        if is_known and chain != following.chain:
            return Broken(seq, "its time, kind or place was changed after it was written")
        head = following if is_known else Head(seq, chain)
        rows += 1
        if head.seq in chains:
            if chains[head.seq] != {head.chain}:
                return Broken(
                    fits + 1,
                    "another history: this row or one after it was written anew, for the chain "
                    f"at row {head.seq} differs from the head that was noted of it",
                )
            fits = head.seq
    if expected and expected[-1].seq > head.seq:
        return Broken(head.seq + 1, f"missing: the journal reached row {expected[-1].seq}")
    return Intact(rows, head, accepted)


def accepted_holes(connection: sqlite3.Connection) -> tuple[Hole, ...]:
    """What the journal itself says is missing of it, as far as a technician has accepted that."""
    noted: list[Hole] = []
    accepted: list[Hole] = []
    for _, kind, body in _of_history(connection):
        match kind:
            case "HistoryLost":
                noted.append(_hole(body))
            case "LossAccepted":
                accepted += noted
                noted = []
    return tuple(accepted)


def found_holes(connection: sqlite3.Connection, heads: Iterable[Head]) -> tuple[Hole, ...]:
    """What is missing and isn't noted in the journal yet: rows between others, the end by what
    `heads` say, and a history that isn't the one of the heads. Doesn't read the rows' contents."""
    known = {(one.first, one.last): one for one in noted_holes(connection)}
    count, last = connection.execute("SELECT count(*), ifnull(max(seq), 0) FROM journal").fetchone()
    found: list[Hole] = []
    if count != last:
        gaps = connection.execute(
            "SELECT before + 1, seq - 1 FROM (SELECT seq, lag(seq, 1, 0) OVER (ORDER BY seq) AS "
            "before FROM journal) WHERE seq - before > 1"
        )
        found += [Hole(first, end, MISSING) for first, end in gaps if (first, end) not in known]
    furthest = max(heads, key=lambda one: one.seq, default=BEGINNING)
    if furthest.seq > last:
        found.append(Hole(last + 1, furthest.seq, MISSING, furthest.chain.hex()))
    for one in heads:
        query = "SELECT CAST(chain AS BLOB) FROM journal WHERE seq = ?"
        row = connection.execute(query, (one.seq,)).fetchone()
        differs = row is not None and bytes(row[0]) != one.chain
        if differs and not any(
            hole.why == ANOTHER_HISTORY and hole.last >= one.seq for hole in known.values()
        ):
            found.append(Hole(one.seq, one.seq, ANOTHER_HISTORY))
    return tuple(dict.fromkeys(found))


def noted_holes(connection: sqlite3.Connection) -> Iterator[Hole]:
    """What the journal itself says is missing of it, accepted or not."""
    for _, kind, body in _of_history(connection):
        if kind == "HistoryLost":
            yield _hole(body)


def _of_history(connection: sqlite3.Connection) -> Iterator[tuple[int, str, str]]:
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'journal'").fetchone() is None:
        return
    yield from connection.execute(
        "SELECT seq, kind, CAST(body AS BLOB) FROM journal "
        "WHERE kind IN ('HistoryLost', 'LossAccepted') ORDER BY seq"
    )


def _hole(body: str | bytes) -> Hole:
    """Raises `ValueError` for nonsense: the row's own commitment is looked at elsewhere."""
    held = json.loads(body)
    return Hole(int(held["first"]), int(held["last"]), str(held["why"]), str(held["chain"]))


def stored_rows(
    connection: sqlite3.Connection, first: int = 1, last: int | None = None
) -> Iterator[tuple[Any, ...]]:
    """The columns of each row from `first` to `last`, as they are: whatever somebody wrote there
    comes out, and text that isn't UTF-8 as text that has no UTF-8. None without the table.
    """
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'journal'").fetchone() is None:
        return
    before = connection.text_factory
    connection.text_factory = _text
    try:
        yield from connection.execute(
            "SELECT seq, at, kind, body, salt, commitment, chain FROM journal "
            "WHERE seq >= ? AND (? IS NULL OR seq <= ?) ORDER BY seq",
            (first, last, last),
        )
    finally:
        connection.text_factory = before


def verify_file(database: Path, anchors: Iterable[Head] = ()) -> Verdict:
    """Verify a journal on disk against its head file and other anchors, also while a bridge
    writes to it. One that isn't there has no rows, which is well where nothing vouches for any.

    Raises `sqlite3.Error` when the file isn't a database.
    """
    try:
        # First the head, then the rows: rows written in between are no contradiction.
        noted = read_head(head_file(database))
    except ValueError as error:
        return Broken(1, str(error))
    there = f"{database.absolute().as_uri()}?mode=ro" if database.exists() else ":memory:"
    connection = sqlite3.connect(there, uri=True)
    try:
        return verify(connection, [*anchors, *([noted] if noted is not None else [])])
    finally:
        connection.close()


def head_file(database: Path) -> Path:
    """Where the head of the journal in `database` is noted."""
    return database.with_suffix(".head")


def read_head(path: Path) -> Head | None:
    """The noted head, `None` when none was noted yet. Raises `ValueError` for nonsense."""
    try:
        seq, chain = path.read_text("ascii").split()
        head = Head(int(seq), bytes.fromhex(chain))
        if head.seq < 0 or len(head.chain) != 32:
            raise ValueError(seq)
    except FileNotFoundError:
        if path.is_symlink():
            raise ValueError(f"{path} is a link to nowhere") from None
        return None
    except IsADirectoryError:
        raise ValueError(f"{path} is a folder: it should hold a row number and a hash") from None
    except ValueError as error:
        raise ValueError(f"{path} was damaged: it should hold a row number and a hash") from error
    return head


def write_head(path: Path, head: Head) -> None:
    """Replace the noted head in one step: a reader sees the old one or the new one."""
    # A command that journals who reads writes it too, at the same time as the bridge.
    replace_file(path, f"{head.seq} {head.chain.hex()}\n")


def _contents_wrong(
    at: object, kind: object, body: object, salt: object, commitment: object
) -> str:
    if not (isinstance(at, str) and isinstance(kind, str) and isinstance(commitment, bytes)):
        return "its time, kind or commitment isn't what the bridge writes"
    match body, salt:
        case None, None:
            return ""  # erased, as retention does it
        case str(), bytes() if _commitment(salt, body) == commitment:
            return ""
        case _:
            return "its body was changed after it was written"


def _commitment(salt: bytes, body: str) -> bytes:
    return sha256(salt + _bytes(body)).digest()


def _next(before: Head, at: str, kind: str, commitment: bytes) -> Head:
    seq = before.seq + 1
    # Line breaks occur in neither part, so no two rows have the same text.
    text = _bytes(f"{seq}\n{at}\n{kind}\n")
    return Head(seq, sha256(before.chain + text + commitment).digest())


def _text(stored: bytes) -> str:
    return stored.decode(errors="surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
