"""From the command to an exchange that is kept: the lock, what runs already, and the start."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from pbx_bridge.adapters import control
from pbx_bridge.asterisk.process import AsteriskProcess, runs_in
from pbx_bridge.bootstrap import SUPERVISOR_LOCK, secure, supervisor_socket
from pbx_bridge.config.problems import ConfigError
from pbx_bridge.core.state import Part
from pbx_bridge.files import own_folder
from pbx_bridge.locks import Lock, LockHeld, holder
from pbx_bridge.ports import PbxRejected, PbxUnavailable
from pbx_bridge.processes import Process
from pbx_bridge.supervisor import started as starting
from pbx_bridge.supervisor import systemd
from pbx_bridge.supervisor.child import BridgeProcess
from pbx_bridge.supervisor.exchange import Exchange
from pbx_bridge.supervisor.keeping import Supervisor
from pbx_bridge.supervisor.moving import rendered_for, settle
from pbx_bridge.supervisor.preparing import PortsTaken, Say, Wanted, prepare
from pbx_bridge.supervisor.started import Started
from pbx_bridge.supervisor.state import State
from pbx_bridge.wire.backoff import delays

RUN_FOLDER = "asterisk"
STOP_TIMEOUT_S = 60.0

log = structlog.get_logger(__name__)

Ready = Callable[[Exchange], None]


@dataclass(frozen=True, slots=True)
class Begun:
    """What is to run: made anew, or as it was started last."""

    started: Started
    trouble: str = ""
    """Why it is not as the files say."""


async def supervise(wanted: Wanted, say: Say, ready: Ready) -> None:
    """Run an exchange until cancelled; `ready` is called once callers are answered by the bridge.

    What is found running is adopted. Raises `PbxRejected`, `ConfigError` and the like where
    nothing runs and nothing can: then there was nothing from before to start either. Trouble of
    the machine (`OSError`) is a line of the log, and another try.
    """
    waits = delays(random.Random())  # noqa: S311 - keeps no secret
    state = wanted.folder()
    while True:
        try:
            await asyncio.to_thread(_closed, wanted, state, say)
            with _held(state):
                await _supervised(wanted, state, say, ready)
            return
        except PermissionError:
            raise  # another user's: trying again won't help
        except OSError as error:
            log.error("not_started", why=str(error))
            say(f"The exchange can't be started: {error}. It is tried again.")
            await asyncio.sleep(next(waits))


async def _supervised(wanted: Wanted, state: Path, say: Say, ready: Ready) -> None:
    found = await asyncio.to_thread(starting.last, state / RUN_FOLDER)
    adopted = found is not None and runs_in(state / RUN_FOLDER)
    if found is not None and adopted:
        begun = Begun(found)
        say(f"Asterisk {found.version} runs already; it is taken up.")
    else:
        await asyncio.to_thread(settle, state / RUN_FOLDER, say)
        begun = await asyncio.to_thread(begin, wanted, found, say)
    if begun.trouble:
        say(
            "THE TELEPHONES RUN AS THEY WERE STARTED LAST, not as the files say now:\n"
            f"{begun.trouble}"
        )
    exchange = Exchange(wanted.config, state, begun.started)
    own = State(begun.started.settings.clock_offset_s)
    if begun.trouble:
        own.trouble(Part.CONFIGURATION, begun.trouble)
    if adopted:
        with contextlib.suppress(PbxUnavailable):  # it was only just started: it is met again
            exchange.asterisk.adopt()
    else:
        say(f"Starting Asterisk {begun.started.version} …")
        await exchange.start_asterisk()
    with contextlib.suppress(OSError):
        exchange.bridge.adopt()
    await _kept(exchange, wanted, own, say, ready)


async def _kept(exchange: Exchange, wanted: Wanted, own: State, say: Say, ready: Ready) -> None:
    """Keep it until cancelled, or told to stop; both processes are ended then.

    Should anything else end this supervisor, both are left for the next one.
    """
    supervisor = Supervisor(exchange, wanted, own)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, supervisor.reload)
    systemd.tell("READY=1", "STATUS=telephones are up")
    host, port = exchange.running.sip
    say(f"Telephones are up at {host}:{port}. Starting the bridge …")
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(supervisor.run(), name="supervisor"),
                tasks.create_task(_say_ready(supervisor, exchange, ready), name="ready"),
                tasks.create_task(_serve_door(exchange, own, stopping), name="door"),
            ]
            await stopping.wait()
            for one in running:
                one.cancel()
    except asyncio.CancelledError:
        stopping.set()
        raise
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        if stopping.is_set():
            systemd.tell("STOPPING=1")
            await exchange.stop()
            with contextlib.suppress(OSError):
                supervisor_socket(exchange.state).unlink()
        else:
            exchange.let_go()


async def _say_ready(supervisor: Supervisor, exchange: Exchange, ready: Ready) -> None:
    await supervisor.bridge_ready.wait()
    ready(exchange)
    systemd.tell("STATUS=telephones and bridge are up")


async def _serve_door(exchange: Exchange, own: State, stopping: asyncio.Event) -> None:
    """Answer to `status` and `stop` in the state folder, as soon as that can hold a socket."""

    async def status(_: Mapping[str, Any], _who: str) -> Mapping[str, object]:
        parts = [{"part": one.part, "well": one.well, "what": one.what} for one in own.findings()]
        return {"pid": exchange.asterisk.pid if exchange.asterisk.running else 0, "parts": parts}

    async def stop_(_: Mapping[str, Any], _who: str) -> Mapping[str, object]:
        if not systemd.under_systemd():
            stopping.set()
        return {"stops": stopping.is_set()}

    waits = delays(random.Random())  # noqa: S311 - keeps no secret
    while True:
        try:
            handlers = {"status": status, "stop": stop_}
            async with control.Control(supervisor_socket(exchange.state), handlers):
                await asyncio.get_running_loop().create_future()
        except (PbxRejected, OSError) as error:
            log.error("no_door", why=str(error))
            await asyncio.sleep(next(waits))


def begin(wanted: Wanted, last: Started | None, say: Say) -> Begun:
    """Make Asterisk's configuration of the files; where that fails, go on with the last one."""
    try:
        return Begun(prepare(wanted.site(), say, wanted.clock))
    except (PortsTaken, PermissionError):
        raise
    except Exception as error:  # whatever it is: telephones first
        if last is None or rendered_for(last.settings.folder) != last.settings.folder:
            raise  # no configuration, or that of another folder, in which it would work
        return Begun(last, str(error) or repr(error))


async def stop(state: Path, say: Say) -> None:
    """End the exchange of a state folder, with or without a supervisor.

    Raises `PbxUnavailable` when there is none, `PbxRejected` when it is another's to end.
    """
    pid = holder(state / SUPERVISOR_LOCK)
    if pid is None:
        await _stop_orphans(state, say)
        return
    process = Process(pid)
    try:
        told = await control.ask(supervisor_socket(state), "stop")
        if not told["stops"]:
            raise PbxRejected("systemd keeps this exchange; use `systemctl stop pbx-bridge`")
    except PbxUnavailable:
        process.signal(signal.SIGTERM)
    say(f"Stopping the exchange in {state} …")
    if not await process.ended(STOP_TIMEOUT_S):
        process.let_go()
        raise PbxUnavailable(f"the supervisor (pid {pid}) did not end in {STOP_TIMEOUT_S:.0f} s")


async def _stop_orphans(state: Path, say: Say) -> None:
    """End what a supervisor has left behind that was killed."""
    last = starting.last(state / RUN_FOLDER)
    bridge = BridgeProcess(Path(), state)
    ends: list[Coroutine[Any, Any, None]] = []
    if bridge.adopt():
        ends.append(bridge.stop())
    if last is not None:
        asterisk = AsteriskProcess(last.program, last.settings)
        if asterisk.adopt():
            ends.append(asterisk.stop())
    if not ends:
        raise PbxUnavailable(f"no exchange runs with the state folder {state}")
    say("Stopping what a supervisor has left behind …")
    for end in ends:
        await end


def _closed(wanted: Wanted, state: Path, say: Say) -> None:
    """Close the folders to other users; where config.yaml can't be read, that one at least.

    Raises `FolderRefused`, `OSError`.
    """
    try:
        deployment = wanted.deployment()
    except ConfigError:
        own_folder(state, say)
    else:
        secure(deployment, say)


@contextlib.contextmanager
def _held(state: Path) -> Iterator[None]:
    try:
        lock = Lock(state / SUPERVISOR_LOCK)
    except LockHeld as held:
        raise PbxRejected(
            f"an exchange runs already with the state folder {state} (pid {held.pid}); "
            "`pbx-bridge stop` ends it, --state names another folder"
        ) from None
    try:
        yield
    finally:
        lock.release()
