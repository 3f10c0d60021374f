"""How long to wait before trying a lost connection again."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

SHORTEST_S = 0.2
LONGEST_S = 10.0


def delays(
    rng: Random, *, shortest_s: float = SHORTEST_S, longest_s: float = LONGEST_S
) -> Iterator[float]:
    """Seconds to wait before the first, second, … attempt, for ever.

    The ceiling doubles from `shortest_s` up to `longest_s`; each wait lies in the upper half
    below it. The chance in it keeps several bridges from knocking at the same instant; the
    lower half is left out so that a peer that accepts and hangs up is never met in a tight
    loop.
    """
    ceiling = shortest_s
    while True:
        yield rng.uniform(ceiling / 2, ceiling)
        ceiling = min(ceiling * 2, longest_s)
