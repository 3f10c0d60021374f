"""Chains of references that come back to where they began."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


def circles(above: Mapping[str, str]) -> Iterator[list[str]]:
    """Ways up that come back to where they began, each once, as `[a, b, …, a]`."""
    passed: set[str] = set()
    for start in above:
        way: list[str] = []
        one = start
        while one in above and one not in passed:
            passed.add(one)
            way.append(one)
            one = above[one]
        if one in way:
            circle = way[way.index(one) :]
            first = circle.index(min(circle))
            yield [*circle[first:], *circle[: first + 1]]
