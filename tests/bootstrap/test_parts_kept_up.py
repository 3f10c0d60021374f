"""What a bridge's parts don't expect of the machine ends neither them nor the bridge."""

from __future__ import annotations

import errno
from itertools import repeat

import pytest

from pbx_bridge.bootstrap import work
from pbx_bridge.ports import JournalDamaged, JournalUnavailable, PbxUnavailable

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "delays", lambda _: repeat(0))


async def tried(*troubles: Exception) -> int:
    """How often a part was begun that meets these one after the other, and then ends."""
    left, begun = list(troubles), 0

    async def part() -> None:
        nonlocal begun
        begun += 1
        if left:
            raise left.pop(0)

    await work._kept_up("part", part)
    return begun


async def test_f33_a_part_that_meets_a_full_disk_begins_anew() -> None:
    assert await tried() == 1
    inner = ExceptionGroup("tasks of it", [FULL, JournalUnavailable("locked")])
    assert await tried(FULL, inner, JournalUnavailable("full")) == 4


@pytest.mark.parametrize(
    "defect",
    [
        RuntimeError("a defect of ours"),
        PbxUnavailable("Asterisk is gone"),
        JournalDamaged("garbage"),
        ExceptionGroup("tasks of it", [FULL, KeyError("x")]),
    ],
)
async def test_what_does_not_pass_ends_the_bridge(defect: Exception) -> None:
    with pytest.raises(type(defect)):
        await tried(defect)
