"""What is asked of every part is found out once for all who ask."""

from __future__ import annotations

import asyncio

import pytest

from pbx_bridge.app.health import Kept, examine
from pbx_bridge.ports import Ill


class Part:
    """Counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.trouble = ""
        self.answers = asyncio.Event()
        self.answers.set()

    async def __call__(self) -> int:
        self.asked += 1
        await self.answers.wait()
        if self.trouble:
            raise Ill(self.trouble)
        return self.asked


async def test_all_who_ask_at_once_share_one_answer() -> None:
    part = Part()
    kept = Kept(part, kept_s=60)
    part.answers.clear()
    asking = [asyncio.create_task(kept()) for _ in range(50)]
    await asyncio.sleep(0)
    part.answers.set()
    assert await asyncio.gather(*asking) == [1] * 50
    assert await kept() == 1
    assert await kept(anew=True) == 2
    assert part.asked == 2


async def test_an_answer_is_old_after_its_time() -> None:
    part = Part()
    kept = Kept(part, kept_s=0)
    assert [await kept(), await kept()] == [1, 2]


async def test_a_failure_is_kept_too() -> None:
    part = Part()
    part.trouble = "no room"
    kept = Kept(part, kept_s=60)
    for _ in range(3):
        with pytest.raises(Ill, match="no room"):
            await kept()
    part.trouble = ""
    assert await kept(anew=True) == 2
    assert await kept() == 2


async def test_a_part_that_hangs_is_not_asked_again_by_each_who_waits_in_vain() -> None:
    part = Part()
    part.answers.clear()
    kept = Kept(part, kept_s=60)

    async def check() -> str:
        return str(await kept())

    for _ in range(3):
        (found,) = await examine({"part": check}, limit_s=0.02)
        assert not found.well
    assert part.asked == 1
