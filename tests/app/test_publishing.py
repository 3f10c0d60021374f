"""The timetable is published at each change, and again where it could not be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from core.plans import DAY, EXCHANGE, at
from fakes.clock import FakeClock
from fakes.journal import FakeJournal

from pbx_bridge.app import publishing
from pbx_bridge.app.office import Office
from pbx_bridge.app.publishing import Publishing
from pbx_bridge.core.commands import TECHNICIAN, BreakPhoneHours, SignIn
from pbx_bridge.core.public import Timetable


class Board:
    """`ports.Public` that remembers; it can be broken."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[Timetable] = asyncio.Queue()
        self.broken = False
        self.tried = 0

    async def publish(self, told: Timetable) -> None:
        self.tried += 1
        if self.broken:
            raise OSError("no space left")
        self.told.put_nowait(told)


@asynccontextmanager
async def running(board: Board) -> AsyncIterator[tuple[Office, FakeClock]]:
    clock = FakeClock(DAY)
    office = Office(EXCHANGE, FakeJournal(), clock)
    task = asyncio.create_task(Publishing(board, office, clock).run())
    try:
        yield office, clock
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_s25_a_break_is_published_at_once_and_a_sign_in_is_none_of_it() -> None:
    board = Board()
    async with running(board) as (office, _):
        first = await asyncio.wait_for(board.told.get(), 5)
        await office.obey(SignIn("vaxel", "113", by="113"))
        broken = BreakPhoneHours("bygglov", "en olycka", at("2026-03-03 10:30"), TECHNICIAN)
        await office.obey(broken)
        after = await asyncio.wait_for(board.told.get(), 5)
    assert after != first
    assert board.tried == 2


async def test_f33_a_folder_that_can_not_be_written_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publishing, "RETRY_S", 0.01)
    board = Board()
    board.broken = True
    async with running(board):
        async with asyncio.timeout(5):
            while board.tried < 3:
                await asyncio.sleep(0.01)
        board.broken = False
        await asyncio.wait_for(board.told.get(), 5)
