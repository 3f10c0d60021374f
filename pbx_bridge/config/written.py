"""The plan's files as they were written: every sound entry typed, every name known.

An entry that is wrong is left out but its name stays known, so that one mistake is told
once and doesn't drag a complaint from every place that refers to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pbx_bridge.config.nodes import Document, Place, document, read, shown
from pbx_bridge.config.problems import Problem, did_you_mean
from pbx_bridge.config.schema import (
    CATALOGUES,
    RECORDS,
    CodesShape,
    HoursShape,
    LineShape,
    MailboxesShape,
    NumberShape,
    OrganisationShape,
    PersonShape,
    ReasonShape,
    UnitShape,
)
from pbx_bridge.config.shape import Shape
from pbx_bridge.config.trunks_schema import TrunksShape
from pbx_bridge.config.typed import typed
from pbx_bridge.config.values import DIGIT, EXTENSION, NAME, NAMED

AnyShape = TypeVar("AnyShape", bound=Shape)

VERSION_DIGITS = 12

_KEYS = {
    "people": (EXTENSION, "an extension (2 to 6 digits, the first not 0)"),
    "reasons": (DIGIT, "a digit"),
}
_NAME_KEY = (NAME, NAMED)


@dataclass(frozen=True)
class Written:
    """All files of a plan, and everything found wrong while reading them."""

    version: str
    documents: Mapping[str, Document]
    """By file name without its suffix."""
    unread: frozenset[str]
    """Files of which nothing could be read: what they would say is unknown."""
    entries: Mapping[str, Mapping[str, Any]]
    """Sound entries by catalogue and name."""
    records: Mapping[str, Any]
    """Records by file, None where one isn't sound."""
    problems: list[Problem] = field(default_factory=list)

    @property
    def units(self) -> Mapping[str, UnitShape]:
        """Sound entries of units.yaml."""
        return self.entries["units"]

    @property
    def people(self) -> Mapping[str, PersonShape]:
        """Sound entries of people.yaml, by extension."""
        return self.entries["people"]

    @property
    def lines(self) -> Mapping[str, LineShape]:
        """Sound entries of lines.yaml."""
        return self.entries["lines"]

    @property
    def hours(self) -> Mapping[str, HoursShape]:
        """Sound entries of hours.yaml."""
        return self.entries["hours"]

    @property
    def numbers(self) -> Mapping[str, NumberShape]:
        """Sound entries of numbers.yaml, as they were written."""
        return self.entries["numbers"]

    @property
    def reasons(self) -> Mapping[str, ReasonShape]:
        """Sound entries of reasons.yaml, by digit."""
        return self.entries["reasons"]

    @property
    def organisation(self) -> OrganisationShape | None:
        """organisation.yaml, None when it isn't sound."""
        return self._record("organisation", OrganisationShape)

    @property
    def codes(self) -> CodesShape | None:
        """codes.yaml, None when it isn't sound."""
        return self._record("codes", CodesShape)

    @property
    def trunks(self) -> TrunksShape | None:
        """trunks.yaml, None when it isn't sound."""
        return self._record("trunks", TrunksShape)

    @property
    def mailboxes(self) -> MailboxesShape | None:
        """mailboxes.yaml, None when it isn't sound."""
        return self._record("mailboxes", MailboxesShape)

    def names(self, catalogue: str) -> set[str] | None:
        """Every name written in a catalogue; None when its file couldn't be read at all."""
        tree = self.documents[catalogue].tree
        return set(tree) if isinstance(tree, dict) and catalogue not in self.unread else None

    def problem(self, file: str, place: Place, what: str, hint: str = "") -> Problem:
        """A problem at `place` of the file called `file`."""
        return self.documents[file].problem(place, what, hint)

    def _record(self, name: str, shape: type[AnyShape]) -> AnyShape | None:
        found = self.records.get(name)
        return found if isinstance(found, shape) else None


def read_plan(folder: Path, mailboxes: Path) -> Written:
    """Read the files of `folder` and the mailboxes. Never raises: problems are in the result."""
    digest = hashlib.sha256()
    documents: dict[str, Document] = {}
    problems = list(_strangers(folder))
    unread: set[str] = set()
    paths = {name: folder / f"{name}.yaml" for name in (*CATALOGUES, *RECORDS)}
    for name, path in {**paths, "mailboxes": mailboxes}.items():
        content, found = read(path)
        digest.update(f"{name} {len(content)}\n".encode() + content)
        documents[name], unsound = document(shown(path), content)
        problems += found + unsound
        if (found or unsound) and not documents[name].tree:
            unread.add(name)
    entries: dict[str, Mapping[str, Any]] = {}
    for name, shape in CATALOGUES.items():
        entries[name], found = _catalogue(name, shape, documents[name])
        problems += found
    records: dict[str, Any] = {}
    for name, shape in RECORDS.items():
        if name not in unread:
            records[name], found = typed(shape, documents[name], documents[name].tree)
            problems += found
    version = digest.hexdigest()[:VERSION_DIGITS]
    return Written(version, documents, frozenset(unread), entries, records, problems)


def _catalogue(
    name: str, shape: type[Shape], file: Document
) -> tuple[dict[str, Any], list[Problem]]:
    if not isinstance(file.tree, dict):
        return {}, [file.problem((), "should be keys with values, one a line")]
    entries: dict[str, Any] = {}
    problems: list[Problem] = []
    pattern, wanted = _KEYS.get(name, _NAME_KEY)
    for key, tree in file.tree.items():
        if name != "numbers" and not pattern.fullmatch(key):
            problems.append(file.problem((key,), f'"{key}" is not {wanted}'))
            continue
        entry, found = typed(shape, file, tree, (key,))
        problems += found
        if entry is not None:
            entries[key] = entry
    return entries, problems


def _strangers(folder: Path) -> Iterator[Problem]:
    """Files that look like configuration and would be read by nobody."""
    known = [f"{name}.yaml" for name in (*CATALOGUES, *RECORDS) if name != "mailboxes"]
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix in {".yaml", ".yml"})
    except OSError:
        return
    for path in found:
        if path.name not in known:
            hint = did_you_mean(path.name, known, "the files are " + ", ".join(known))
            yield Problem(shown(path), 0, "nobody reads a file of this name", hint)
