"""Logs that are never old."""

from __future__ import annotations

from datetime import timedelta


class FakeLogs:
    """`ports.Logs` that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[timedelta] = []

    async def clear(self, kept: timedelta) -> int:
        self.asked.append(kept)
        return 0
