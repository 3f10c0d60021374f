"""One contract for `ports.Switch`: the fake, and the AMI adapter on a real Asterisk."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
from adapters.fake_ami import until
from contracts.small_asterisk import START_TIMEOUT_S, Asterisk, started
from contracts.switch_contract import ASA, SwitchContract
from fakes.switch import FakeSwitch

from pbx_bridge.adapters.ami import Ami, AmiLogs, AmiSwitch
from pbx_bridge.ports import PbxRejected, PbxUnavailable
from pbx_bridge.wire.ami import MAX_LINE_BYTES

FAMILIES = ("referral", "line", "pbx_line", "pbxXline", "PBX_LINE", "pbx_line2")


class TestFakeSwitch(SwitchContract):
    @pytest.fixture
    def switch(self) -> FakeSwitch:
        return FakeSwitch(["vaxel"])

    async def test_down_is_unavailable_and_up_again_it_knows_what_it_knew(
        self, switch: FakeSwitch
    ) -> None:
        await switch.put("referral", "101", "lunch")
        switch.down = True
        with pytest.raises(PbxUnavailable):
            await switch.members()
        switch.down = False
        assert await switch.stored("referral") == {"101": "lunch"}


@pytest.fixture(scope="module")
def asterisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asterisk]:
    with started(tmp_path_factory.mktemp("asterisk")) as asterisk:
        yield asterisk


@pytest.fixture
async def ami(asterisk: Asterisk) -> AsyncIterator[Ami]:
    ami = Ami("127.0.0.1", asterisk.port, user="bridge", secret=asterisk.secret)
    run = asyncio.create_task(ami.run())
    await ami.wait_connected(START_TIMEOUT_S)
    try:
        yield ami
        await _tidy(ami)
    finally:
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run


async def _tidy(ami: Ami) -> None:
    for family in FAMILIES:
        for key in await AmiSwitch(ami).stored(family):
            await AmiSwitch(ami).remove(family, key)
    for member in await AmiSwitch(ami).members():
        await AmiSwitch(ami).leave(member)


@pytest.mark.calls
class TestRealSwitch(SwitchContract):
    @pytest.fixture
    def switch(self, ami: Ami) -> AmiSwitch:
        return AmiSwitch(ami)

    async def test_the_protocol_is_that_of_asterisk_22(self, ami: Ami) -> None:
        assert ami.banner.startswith("11.")

    async def test_f13_asterisk_takes_the_longest_line_that_is_sent(self, ami: Ami) -> None:
        longest = "x" * (MAX_LINE_BYTES - len("Val: \r\n"))
        await AmiSwitch(ami).put("referral", "101", longest)
        assert await AmiSwitch(ami).stored("referral") == {"101": longest}

    async def test_a_member_is_shown_by_the_name_it_joined_with(self, ami: Ami) -> None:
        await AmiSwitch(ami).join(ASA, "Åsa Öhman")
        items = await ami.listed("QueueStatus", Queue="vaxel")
        assert [item["Name"] for item in items if item["Event"] == "QueueMember"] == ["Åsa Öhman"]

    async def test_a_right_that_is_missing_is_named(self, asterisk: Asterisk, ami: Ami) -> None:
        other = Ami("127.0.0.1", asterisk.port, user="powerless", secret=asterisk.secret)
        run = asyncio.create_task(other.run())
        await other.wait_connected(START_TIMEOUT_S)
        with pytest.raises(PbxRejected, match=r"DBPut: Permission denied\. give the user"):
            await AmiSwitch(other).put("referral", "101", "lunch")
        with pytest.raises(PbxRejected, match="DBDel: Permission denied"):
            await AmiSwitch(other).remove("referral", "101")
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run

    async def test_a_wrong_secret_is_refused_with_what_to_do(self, asterisk: Asterisk) -> None:
        stranger = Ami("127.0.0.1", asterisk.port, user="bridge", secret="guessed")
        with pytest.raises(PbxRejected, match=r"Give manager\.conf a section"):
            await asyncio.wait_for(stranger.run(), START_TIMEOUT_S)

    async def test_the_log_begins_anew_and_what_is_old_of_it_is_deleted(
        self, asterisk: Asterisk, ami: Ami
    ) -> None:
        folder = asterisk.messages.parents[2] / "log"
        logs = AmiLogs(ami, folder)
        assert await logs.clear(timedelta(days=30)) == 0
        async with asyncio.timeout(START_TIMEOUT_S):
            while not list(folder.glob("messages.log.*")):
                await asyncio.sleep(0.05)
        (rotated,) = folder.glob("messages.log.*")
        before = time.time() - timedelta(days=31).total_seconds()
        os.utime(rotated, (before, before))
        assert await logs.clear(timedelta(days=30)) == 1

    async def test_f07_asterisk_killed_and_started_again_takes_all_from_the_hooks(
        self, asterisk: Asterisk, ami: Ami
    ) -> None:
        """What was put in the last second before the kill may be lost, so hooks put it again."""
        written: asyncio.Queue[None] = asyncio.Queue()

        async def write_again() -> None:
            await AmiSwitch(ami).put("referral", "101", "lunch")
            await AmiSwitch(ami).join(ASA, "Åsa Öhman")
            written.put_nowait(None)

        ami.on_connect(write_again)
        asterisk.kill()
        await until(lambda: not ami.connected)
        with pytest.raises(PbxUnavailable):
            await AmiSwitch(ami).members()

        asterisk.start()
        await ami.wait_connected(START_TIMEOUT_S)
        await asyncio.wait_for(written.get(), START_TIMEOUT_S)
        assert await AmiSwitch(ami).stored("referral") == {"101": "lunch"}
        assert await AmiSwitch(ami).members() == {ASA: 0}
