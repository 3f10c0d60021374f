"""Notices by mail from a running exchange, to a real SMTP server that may be down (S20)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from calls.conftest import TUESDAY, command, opened
from fakes.smtp import Box, serving
from ports import free_port

from pbx_bridge.stage import Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]


async def waiting(stage: Stage) -> int:
    return int((await stage.ask("status"))["notices"]["waiting"])


async def arrived(box: Box, count: int) -> None:
    async with asyncio.timeout(60):  # what couldn't be delivered is tried again after half a minute
        while len(box.letters) < count:
            await asyncio.sleep(0.1)


async def test_s20_who_is_ill_is_told_to_the_foreman_and_the_switchboard_also_after_an_outage(
    town: Path, tmp_path: Path
) -> None:
    port = free_port()
    config = town / "config.yaml"
    plain = config.read_text(encoding="utf-8")
    block = f"host: 127.0.0.1, port: {port}, sender: vaxeln@norrskar.example, security: none"
    box = Box()
    try:
        config.write_text(f"{plain}\nmail: {{{block}}}\n", encoding="utf-8")
        async with opened(town, tmp_path, TUESDAY) as stage:
            made = await stage.call("*23*6#", phone="105", hold_s=3.0)
            assert "command-done" in made.whys
            before = await waiting(stage)
            assert before > 0, "nobody serves mail yet, and phones are switched off"
            assert await ill(stage) == ["mail"]
            async with serving(box, port):
                until = "2026-11-24T14:30:00+02:00"
                await command(stage, "SetReferral", person="107", reason="lunch", until=until)
                await arrived(box, 2)
                async with asyncio.timeout(10):
                    while await waiting(stage) > before - len(box.letters):
                        await asyncio.sleep(0.1)
    finally:
        config.write_text(plain, encoding="utf-8")
    told = {str(one["To"]): one.get_content() for one in box.letters}
    foreman, attendant = "daniel.holm@norrskar.example", "karin.lund@norrskar.example"
    assert told.keys() == {foreman, attendant}
    for text in told.values():
        assert "Elin Strand är frånvarande" in text
        assert "onsdag 25.11.2026" in text
        assert "sjuk" in text
    assert "Vem tar över?" in told[foreman]


async def ill(stage: Stage) -> list[str]:
    """The parts of which the bridge says that they aren't well."""
    return [one["part"] for one in (await stage.ask("status"))["parts"] if not one["well"]]
