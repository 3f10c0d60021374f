"""Calls as columns: what figures over very many of them are made of.

A call is its beginning, its wait and its `Kind`, which many calls share.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pbx_bridge.core.latency import ELSEWHERE, UNCOUNTED, Journey, Outcome
from pbx_bridge.core.record import microseconds

Column = NDArray[Any]
OPEN = -1
"""Wait of a call that has neither an answer nor an end."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What many calls have in common."""

    origin: str
    dialled: str
    """The number of the house, "" for calls to something else: no figure needs it."""
    outcome: Outcome
    told: bool
    untold: str
    by_caller: bool
    blocked: bool
    saturated: bool
    diverted: bool
    cut: bool

    @property
    def counted(self) -> bool:
        """A call to a person or line of the house that was answered or has ended."""
        return self.outcome not in UNCOUNTED


@dataclass(frozen=True, slots=True, eq=False)
class Calls:
    """Columns of equal length, in no special order."""

    started: Column
    """int64, microseconds since 1970."""
    wait: Column
    """int64, microseconds to the answer or the end, `OPEN` for neither."""
    kind: Column
    """int32, place in `kinds`."""
    kinds: tuple[Kind, ...]

    @classmethod
    def none(cls) -> Self:
        """No calls."""
        empty = np.empty(0, dtype=np.int64)
        return cls(empty, empty, np.empty(0, dtype=np.int32), ())

    @classmethod
    def of(cls, journeys: Iterable[Journey]) -> Self:
        """Few calls, as columns."""
        kinds: dict[Kind, int] = {}
        rows = [
            (
                microseconds(one.started),
                microseconds_of(one),
                kinds.setdefault(kind_of(one), len(kinds)),
            )
            for one in journeys
        ]
        table = np.array(rows, dtype=np.int64).reshape(-1, 3)
        return cls(table[:, 0], table[:, 1], table[:, 2].astype(np.int32), tuple(kinds))

    def __len__(self) -> int:
        return len(self.kind)

    def where(self, chosen: Column) -> Calls:
        """Those at the places, or under the mask, `chosen`."""
        return Calls(self.started[chosen], self.wait[chosen], self.kind[chosen], self.kinds)

    def having(self, values: Sequence[bool]) -> Column:
        """Mask of the calls whose kind has a true value in `values`, which goes by kind."""
        return np.array(values, dtype=bool)[self.kind] if len(self) else np.zeros(0, dtype=bool)


def kind_of(journey: Journey) -> Kind:
    """What a call has in common with others."""
    return Kind(
        journey.origin,
        "" if journey.outcome in ELSEWHERE else journey.dialled,
        journey.outcome,
        journey.told_when,
        journey.untold,
        journey.ended_by_caller,
        journey.blocked,
        journey.saturated,
        journey.diversions > 0,
        journey.cut,
    )


def microseconds_of(journey: Journey) -> int:
    """The wait of a call, `OPEN` while it has none."""
    until = journey.answered_at or journey.ended_at
    return OPEN if until is None else microseconds(until) - microseconds(journey.started)
