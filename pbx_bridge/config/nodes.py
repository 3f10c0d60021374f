"""YAML as text with places: no types guessed, nothing constructed, nothing expanded.

A technician's `18:00`, `0612`, `no` and `+358 18 000 101` stay what was written; what they
mean is decided by the field they stand in. `null` and `~` are nothing, as is a key with nothing
behind it. The parser's events are read directly, so that
aliases, tags and depth are refused before anything is built from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from pbx_bridge.config.problems import Problem

SIZE_LIMIT_BYTES = 512 * 1024
"""Some 3,000 people; PyYAML reads that in seconds."""
DEPTH_LIMIT = 12
PROBLEM_LIMIT = 50
"""After so many refusals in one file nobody reads on, and nor do we."""

_NOTHING = frozenset({"null", "Null", "NULL", "~"})
"""As YAML has it (1.1 and 1.2), where it stands without quotation marks."""

Tree = str | list["Tree"] | dict[str, "Tree"]
Place = tuple[str | int, ...]
"""The keys and list positions that lead to a value, from the top."""


@dataclass(frozen=True, slots=True)
class Document:
    """One file's content and where each value stands."""

    file: str
    tree: Tree
    lines: Mapping[Place, int]
    """Line of each key (of each item in a list), from 1."""

    def line(self, place: Place) -> int:
        """Line of `place`, or of the nearest thing around it that was written."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def problem(self, place: Place, what: str, hint: str = "") -> Problem:
        """A problem that stands at `place`."""
        return Problem(self.file, self.line(place), what, hint)


class _Hopeless(Exception):
    """Nested or wrong beyond the limits; reading on could only cost time."""


def read(path: Path) -> tuple[bytes, list[Problem]]:
    """Content of the file, empty with a problem when it can't be had."""
    name = shown(path)
    try:
        with path.open("rb") as file:
            content = file.read(SIZE_LIMIT_BYTES + 1)
    except FileNotFoundError:
        return b"", [Problem(name, 0, "the file is missing", "put it there, as the sample has it")]
    except OSError as error:
        return b"", [Problem(name, 0, f"can't be read ({error.strerror})")]
    if len(content) > SIZE_LIMIT_BYTES:
        what = f"larger than {SIZE_LIMIT_BYTES // 1024} KiB"
        return b"", [Problem(name, 0, what, "is it the right file?")]
    return content, []


def shown(path: Path) -> str:
    """The file's name with its folder, as problems show it."""
    return f"{path.parent.name}/{path.name}" if path.parent.name else path.name


def document(name: str, content: bytes) -> tuple[Document, list[Problem]]:
    """Read YAML; with problems, the document holds what was sound."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Document(name, {}, {}), [Problem(name, line, "not UTF-8", "save it as UTF-8")]
    if tabs := list(_tabs(name, text)):
        return Document(name, {}, {}), tabs
    builder = _Builder(name, text)
    tree = builder.build()
    return Document(name, tree, builder.lines), builder.problems


def _tabs(name: str, text: str) -> Iterator[Problem]:
    for number, line in enumerate(text.splitlines(), 1):
        if "\t" in line[: len(line) - len(line.lstrip())]:
            yield Problem(name, number, "a tab in the indentation", "use spaces")


class _Builder:
    """Builds the tree of one file from the parser's events, keeping what is sound."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.events: Iterator[yaml.Event] = iter(())
        self.lines: dict[Place, int] = {}
        self.problems: list[Problem] = []

    def build(self) -> Tree:
        """The tree of the one document, `{}` where the syntax is broken or nothing stands."""
        tree: Tree = {}
        try:
            self.events = yaml.parse(self.text, Loader=yaml.BaseLoader)
            for event in self.events:
                if isinstance(event, yaml.DocumentStartEvent):
                    if self.lines:
                        self._refuse(event, "a second document (---)", "make it a file of its own")
                        break
                    tree = self._node(next(self.events), ())
        except _Hopeless:
            return {}
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            # PyYAML itself raises the latter two, for escapes such as "\UFFFFFFFF"
            self._syntax(error)
            return {}
        return {} if tree == "" else tree

    def _node(self, event: yaml.Event, place: Place) -> Tree:
        self.lines.setdefault(place, _line(event))
        if isinstance(event, yaml.AliasEvent):
            self._refuse(event, f"an alias (*{event.anchor})", "write the value out")
            return ""
        assert isinstance(event, yaml.NodeEvent)
        if event.anchor is not None:
            self._refuse(event, f"an anchor (&{event.anchor})", "write the value out")
        tag = getattr(event, "tag", None)
        if tag is not None:
            short = tag.replace("tag:yaml.org,2002:", "!!")[:60]
            self._refuse(event, f"a tag ({short})", "values are plain text, leave it out")
        if len(place) > DEPTH_LIMIT:
            self._refuse(event, "nested too deeply", "see the sample for the shape")
            raise _Hopeless
        if isinstance(event, yaml.ScalarEvent):
            return self._text(event, is_value=place[-1:] != ("<key>",))
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(place)
        return self._mapping(place)

    def _text(self, event: yaml.ScalarEvent, *, is_value: bool) -> str:
        value: str = event.value
        if is_value and not event.style and value in _NOTHING:
            return ""
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            self._refuse(event, "half a character (a surrogate)", "write the character itself")
            return ""
        return value

    def _list(self, place: Place) -> Tree:
        items: list[Tree] = []
        for event in self.events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._node(event, (*place, len(items))))
        return items

    def _mapping(self, place: Place) -> Tree:
        entries: dict[str, Tree] = {}
        for event in self.events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._node(event, (*place, "<key>"))
            self.lines.pop((*place, "<key>"), None)
            if not isinstance(key, str):
                self._refuse(event, "a key that is not plain text")
                self._node(next(self.events), (*place, "<value>"))
            elif key in entries:
                first = self.lines[(*place, key)]
                self._refuse(event, f'"{key}" stands here twice', f"first in line {first}")
                self._node(next(self.events), (*place, "<value>"))
            else:
                self.lines[(*place, key)] = _line(event)
                entries[key] = self._node(next(self.events), (*place, key))
        return entries

    def _refuse(self, event: yaml.Event, what: str, hint: str = "") -> None:
        self._add(_line(event), what, hint)
        if len(self.problems) >= PROBLEM_LIMIT:
            raise _Hopeless

    def _add(self, line: int, what: str, hint: str = "") -> None:
        self.problems.append(Problem(self.name, line, what, hint))

    def _syntax(self, error: Exception) -> None:
        match error:
            case yaml.MarkedYAMLError(problem=str(what), problem_mark=yaml.Mark(line=line)):
                if "'\\t'" in what:
                    self._add(line + 1, "a tab between key and value", "use spaces")
                else:
                    hint = "a value that begins with a sign or has : in it needs quotation marks"
                    self._add(line + 1, f"not valid YAML: {what}", hint)
            case yaml.reader.ReaderError(position=int(position)):
                line = self.text.count("\n", 0, position) + 1
                self._add(line, "a control character", "delete it and write the line again")
            case _:
                self._add(0, "not valid YAML", "look for a \\ or % that doesn't belong")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0
