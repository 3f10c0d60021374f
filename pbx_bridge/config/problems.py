"""What is wrong with the configuration, said all at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that a technician has to put right."""

    file: str
    """As a technician names it: the folder and the file, `dialplan/people.yaml`."""
    line: int
    """From 1; 0 when the whole file is meant."""
    what: str
    hint: str = ""
    """What to do, as a clause that reads on after a comma."""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.what}, {self.hint}" if self.hint else f"{where}: {self.what}"


class ConfigError(Exception):
    """The configuration can't be used; `problems` holds everything that was found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


CHOICE_LIMIT = 200
"""Among more words than this a near one says little, and looking would take seconds."""


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """The hint for a word that isn't among `known`."""
    for close in get_close_matches(word[:80], list(known)[:CHOICE_LIMIT], n=1):
        return f'did you mean "{close}"?'
    return otherwise
