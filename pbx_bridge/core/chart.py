"""Bars of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pbx_bridge.core.inert import shown
from pbx_bridge.core.report import Report

WIDTH = 30
FULL, HALF = "█", "▌"


def bars(title: str, groups: Mapping[str, Report]) -> str:
    """One row a group: its calls as a bar, the calls answered, and the headline level."""
    most = max((one.offered for one in groups.values()), default=0)
    rows = [f"{title:<18} {'calls':>7} {'answered':>8}  in target"]
    rows += _rows(groups, most)
    return "\n".join(rows)


def _rows(groups: Mapping[str, Report], most: int) -> Iterator[str]:
    for name, one in groups.items():
        level = "     –" if one.service_level is None else f"{one.service_level * 100:4.0f} %"
        bar = _bar(one.offered / most if most else 0.0)
        yield f"  {shown(name):<16} {one.offered:>7} {one.answered:>8}  {level}  {bar}"


def _bar(share: float) -> str:
    halves = round(share * WIDTH * 2)
    return FULL * (halves // 2) + HALF * (halves % 2)
