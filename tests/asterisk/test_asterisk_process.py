"""Asterisk as a child: a program that misbehaves, and the real one."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from asterisk.norrskar import OPERATOR, known_secrets, settings, small_plan
from ports import free_port

from pbx_bridge.asterisk import process as module
from pbx_bridge.asterisk.locate import Located, locate
from pbx_bridge.asterisk.packages import current, default_folder
from pbx_bridge.asterisk.process import AsteriskProcess
from pbx_bridge.asterisk.render import render, write
from pbx_bridge.asterisk.settings import Settings
from pbx_bridge.config.deployment import Mode
from pbx_bridge.ports import PbxRejected, PbxUnavailable

TRIVIAL_DIALPLAN = "[from-phone]\nexten => 100,1,Hangup()\n[from-trunk]\nexten => 100,1,Hangup()\n"

STUBBORN = """
import pathlib, signal, sys, time
if "-rx" in sys.argv:
    sys.exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
(pathlib.Path(sys.argv[2]).parent.parent / "run/asterisk.ctl").touch()
print("I stay", flush=True)
while True:
    time.sleep(60)
"""

NOTICES = "notices.log"
"""What is no warning is in no log of ours: floods would fill it."""

HARMLESS = "maxsilence should be less than minsecs"
"""What a pause in a message may last is longer than the shortest message, and shall be: of the
silence nothing is kept."""


@pytest.fixture
def place(tmp_path: Path) -> Settings:
    return settings(
        tmp_path / "pbx",
        sip_port=free_port(),
        http_port=free_port(),
        ami_port=free_port(),
        fastagi_port=free_port(),
    )


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


async def test_one_that_ends_while_it_starts_is_refused_with_its_last_words(
    place: Settings,
) -> None:
    broken = AsteriskProcess(["/bin/sh", "-c", "echo no such module >&2; exit 2"], place)
    with pytest.raises(PbxRejected, match=r"(?s)exit status 2.*console\.log:\nno such module"):
        await broken.start()
    await broken.stop()


async def test_one_that_can_not_be_run_is_refused(place: Settings) -> None:
    with pytest.raises(PbxRejected, match="no-such-program: can't be started"):
        await AsteriskProcess(["/no-such-program"], place).start()


async def test_one_that_is_never_ready_is_stopped_again(
    place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BOOT_TIMEOUT_S", 0.3)
    silent = AsteriskProcess(["/bin/sh", "-c", "exec sleep 60"], place)
    with pytest.raises(PbxUnavailable, match="was not ready"):
        await silent.start()
    assert gone(silent.pid)


async def test_one_that_ignores_its_console_and_sigterm_is_killed(
    place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOP_TIMEOUT_S", 0.2)
    monkeypatch.setattr(module, "TERM_TIMEOUT_S", 0.2)
    stubborn = AsteriskProcess([sys.executable, "-c", STUBBORN], place)
    await stubborn.start()
    await stubborn.stop()
    assert gone(stubborn.pid)
    await stubborn.exited()
    await stubborn.stop()


async def test_a_child_sees_no_secret_of_the_environment(
    place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_PASSWORD", "hush")
    program = AsteriskProcess(["/bin/sh", "-c", "env; exit 1"], place)
    with pytest.raises(PbxRejected) as refused:
        await program.start()
    assert "hush" not in str(refused.value)


@pytest.fixture(scope="module")
def asterisk() -> Located:
    if current(default_folder()) is None:
        pytest.skip("no private copy of Asterisk on this machine; `pbx-bridge up` makes one")
    return locate(Mode.PRIVATE, print)


@pytest.fixture
def furnished(asterisk: Located, place: Settings) -> Settings:
    """A run folder with the small plan's configuration for the private copy."""
    own = settings(
        place.folder,
        sip_port=place.sip_port,
        http_port=place.http_port,
        ami_port=place.ami_port,
        fastagi_port=place.fastagi_port,
        modules=asterisk.modules,
        data=asterisk.data,
        moh=asterisk.moh,
    )
    own.make_folders()
    plan = small_plan()
    files = {"extensions.conf": TRIVIAL_DIALPLAN} | dict(render(plan, own, known_secrets(plan)))
    files["logger.conf"] += f"{NOTICES} => notice\n"
    write(files, own.etc)
    return own


@pytest.mark.calls
async def test_the_rendered_configuration_starts_without_a_complaint_and_stops_whole(
    asterisk: Located, furnished: Settings
) -> None:
    pbx = AsteriskProcess(asterisk.program, furnished)
    began = time.monotonic()
    await pbx.start()
    print(f"fully booted in {time.monotonic() - began:.2f} s")
    try:
        loaded = await pbx.console("module show")
        for name in ("res_stasis_broadcast.so", "chan_pjsip.so", "cel_custom.so", "app_queue.so"):
            assert name in loaded
        assert "strategy" in await pbx.console("queue show vaxel")
        assert "127.0.0.1/32" in await pbx.console("pjsip show identifies")
        assert "900" in await pbx.console("voicemail show users")
        fast_record = "cel_custom.conf->events.csv: Logging legacy CEL records as advanced"
        assert fast_record in (furnished.log / NOTICES).read_text()
    finally:
        await pbx.stop()
    await pbx.exited()
    assert gone(pbx.pid)
    complaints = [
        line
        for line in furnished.log_file.read_text().splitlines()
        if ("WARNING[" in line or "ERROR[" in line) and HARMLESS not in line
    ]
    assert complaints == []


@pytest.mark.calls
async def test_who_calls_is_told_in_the_same_order_after_a_reload_as_after_a_start(
    asterisk: Located, furnished: Settings
) -> None:
    """A trunk at an address of its own comes first, one that shares ours after the phones."""

    async def order() -> list[str]:
        shown = (await pbx.console("pjsip show identifiers")).split()
        return [one for one in shown if one in ("ip", "username")]

    pbx = AsteriskProcess(asterisk.program, furnished)
    await pbx.start()
    try:
        assert await order() == ["username", "ip"]
        for host in ("192.0.2.10:5060", "127.0.0.1:5090", "192.0.2.10:5060"):
            apart = host.startswith("192")
            plan = small_plan(trunks=(replace(OPERATOR, hosts=(host,)),))
            rendered = dict(render(plan, furnished, known_secrets(plan)))
            write({"extensions.conf": TRIVIAL_DIALPLAN} | rendered, furnished.etc)
            await pbx.reload()
            assert await order() == (["ip", "username"] if apart else ["username", "ip"])
            assert host.partition(":")[0] in await pbx.console("pjsip show identifies")
    finally:
        await pbx.stop()
    await pbx.start()
    try:
        assert await order() == ["ip", "username"]
    finally:
        await pbx.stop()


@pytest.mark.calls
async def test_f07_a_killed_asterisk_is_noticed_and_the_folder_starts_again(
    asterisk: Located, furnished: Settings
) -> None:
    pbx = AsteriskProcess(asterisk.program, furnished)
    await pbx.start()
    again = AsteriskProcess(asterisk.program, furnished)
    try:
        with pytest.raises(PbxRejected, match=rf"runs already in .*pid {pbx.pid}\)"):
            await again.start()
        assert "Asterisk 22" in await pbx.console("core show version")
    finally:
        os.kill(pbx.pid, signal.SIGKILL)
    with pytest.raises(PbxUnavailable, match=r"(?s)ended by SIGKILL.*messages\.log"):
        await pbx.exited()
    with pytest.raises(PbxUnavailable, match="console"):
        await pbx.console("core show version")
    await again.start()
    await again.stop()
    assert gone(again.pid)
