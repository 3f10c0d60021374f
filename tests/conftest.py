"""After each test nothing is left: no task, no thread, no child process, no descriptor.

In the gate (`CI=true`, as `make test` sets it) a test that would be skipped fails: for want of
Asterisk everything would be green that was never run.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

GATE = os.environ.get("CI", "") not in ("", "0", "false")
GRACE_S = 2.0
"""Sockets and threads end a moment after the call that ends them."""


@dataclass(frozen=True)
class Holdings:
    """What the process holds at one moment."""

    threads: frozenset[int | None]
    children: frozenset[int]
    descriptors: frozenset[tuple[int, str]]


def holdings() -> Holdings:
    """Threads, child processes and open descriptors of this process, now."""
    own = os.getpid()
    return Holdings(
        frozenset(
            thread.ident
            for thread in threading.enumerate()
            if not thread.name.startswith("asyncio_")  # the loop's pool ends with the loop
        ),
        frozenset(pid for pid in map(int, _numbers("/proc")) if _parent(pid) == own),
        frozenset((int(number), _opened(number)) for number in _numbers("/proc/self/fd")),
    )


def left(before: Holdings, after: Holdings) -> list[str]:
    """What `after` holds that `before` did not, in words."""
    threads = {one.ident: one.name for one in threading.enumerate()}
    return [
        *(f"thread {threads.get(one)}" for one in after.threads - before.threads),
        *(f"child process {one}" for one in after.children - before.children),
        *(f"descriptor {one}" for one in after.descriptors - before.descriptors if one[1]),
    ]


def _numbers(folder: str) -> list[str]:
    return [name for name in os.listdir(folder) if name.isdecimal()]  # noqa: PTH208 - a live folder


def _parent(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None


def _opened(number: str) -> str:
    try:
        return str(Path(f"/proc/self/fd/{number}").readlink())
    except OSError:
        return ""


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome: Any = yield
    report: pytest.TestReport = outcome.get_result()
    if not hasattr(report, "wasxfail") and item.get_closest_marker("may_skip") is None:
        _required(report)


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    outcome: Any = yield
    _required(outcome.get_result())


def _required(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Make a skip a failure, where all that tests need has to be there."""
    if GATE and report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = f"skipped where CI is set, which has to run all: {report.longrepr}"


@pytest.fixture(autouse=True)
def nothing_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Real calls look at Asterisk and the bridge instead: their exchange stays for the session."""
    if request.node.get_closest_marker("calls") is not None:
        yield
        return
    if inspect.iscoroutinefunction(getattr(request, "function", None)):
        request.getfixturevalue("no_task_is_left")
    before = holdings()
    yield
    deadline = time.monotonic() + GRACE_S
    while found := left(before, holdings()):
        if time.monotonic() > deadline:
            pytest.fail("left behind: " + ", ".join(found))
        gc.collect()
        time.sleep(0.02)


@pytest_asyncio.fixture
async def no_task_is_left() -> AsyncIterator[None]:
    yield
    deadline = time.monotonic() + GRACE_S
    while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
        if time.monotonic() > deadline:
            pytest.fail(f"tasks left behind: {[task.get_name() for task in tasks]}")
        await asyncio.sleep(0.01)
