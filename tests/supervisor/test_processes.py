"""Processes by their number, and locks that name their holder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pbx_bridge.locks import Lock, LockHeld, holder
from pbx_bridge.processes import Process, call_this_process, how_it_ended

SLEEPS = [sys.executable, "-c", "import time; time.sleep(60)"]
HOLDS = """
import sys
from pathlib import Path
from pbx_bridge.locks import Lock
lock = Lock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


async def test_a_child_is_waited_for_and_tells_how_it_ended() -> None:
    child = Process.start([sys.executable, "-c", "raise SystemExit(7)"], output=subprocess.DEVNULL)
    assert await child.ended(20)
    assert (child.returncode, how_it_ended(child)) == (7, "exit status 7")
    child.signal(signal.SIGKILL)  # nobody is met


async def test_one_that_was_met_is_waited_for_and_ended_too() -> None:
    with subprocess.Popen(SLEEPS) as other:  # noqa: ASYNC220 - not one of ours
        met = Process(other.pid)
        assert not await met.ended(0.01)
        met.signal(signal.SIGKILL)
        assert await met.ended(20)
        assert (met.running, how_it_ended(met)) == (False, "ended")


async def test_one_that_is_let_go_goes_on() -> None:
    with subprocess.Popen(SLEEPS) as other:  # noqa: ASYNC220 - not one of ours
        Process(other.pid).let_go()
        assert other.poll() is None
        other.kill()


async def test_nobody_of_that_number_is_an_error() -> None:
    with subprocess.Popen(["true"]) as other:  # noqa: ASYNC220 - not one of ours
        other.wait()
    with pytest.raises(ProcessLookupError):
        Process(other.pid)


def test_a_process_has_the_name_it_gives_itself() -> None:
    named = "from pbx_bridge.processes import *; call_this_process('pbx-bridge-of-a-town'); "
    shown = subprocess.run(
        [sys.executable, "-c", named + "print(open('/proc/self/comm').read())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == "pbx-bridge-of-a"
    assert call_this_process.__doc__


def test_a_lock_names_its_holder_and_ends_with_it(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    assert holder(file) is None
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert holder(file) == other.pid
        with pytest.raises(LockHeld) as held:
            Lock(file)
        assert held.value.pid == other.pid
        os.kill(other.pid, signal.SIGKILL)
    assert holder(file) is None
    own = Lock(file)
    own.release()
    Lock(file).release()
