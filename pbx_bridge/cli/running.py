"""Commands that run an exchange: up, serve, render, reload, phone."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from pbx_bridge.adapters import control
from pbx_bridge.asterisk import locate, running, secrets
from pbx_bridge.asterisk.running import Running
from pbx_bridge.bootstrap import BRIDGE_LOCK, SECRETS, bridge, control_socket, secure
from pbx_bridge.cli.doors import listed, typed_in
from pbx_bridge.cli.logs import LogFormat, log_to_stderr
from pbx_bridge.cli.options import (
    CONFIG,
    AsJson,
    Config,
    State,
    deployment_of,
    device_of,
    exchange_of,
    note_reading,
    person_of,
    show,
    site_of,
)
from pbx_bridge.config.deployment import Deployment, Mode
from pbx_bridge.config.problems import ConfigError
from pbx_bridge.core import devices
from pbx_bridge.core.blocks import block_of
from pbx_bridge.locks import Lock, LockHeld
from pbx_bridge.ports import PbxRejected
from pbx_bridge.processes import call_this_process
from pbx_bridge.supervisor import Exchange, Wanted, render_into, settings_for, supervise
from pbx_bridge.supervisor import stop as stopped

READY_LINE = "BRIDGE READY"

Port = Annotated[int | None, typer.Option(help="0 takes any free port.", min=0, max=65535)]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (up, stop, serve, render, reload, phone):
        app.command()(command)


def up(
    config: Annotated[Path, typer.Option(help="The deployment.")] = CONFIG,
    state: State = None,
    asterisk: Annotated[Mode | None, typer.Option(help="Which Asterisk carries the calls.")] = None,
    sip_port: Port = None,
    ari_port: Port = None,
    ami_port: Port = None,
    agi_port: Port = None,
    operations_port: Port = None,
    clock: Annotated[
        datetime | None, typer.Option(help="For demonstrations: the moment it shall be.")
    ] = None,
) -> None:
    """Run a whole exchange and keep it: Asterisk first, then the bridge. Ctrl-C stops it."""
    instead = {
        "mode": asterisk,
        "sip_port": sip_port,
        "ari_port": ari_port,
        "ami_port": ami_port,
        "agi_port": agi_port,
        "operations_port": operations_port,
    }
    wanted = Wanted(config, state, instead, clock)
    level, form = "info", "text"
    with contextlib.suppress(ConfigError):  # told below, once the telephones are up
        deployment = wanted.deployment()
        level, form = deployment.log_level, deployment.log_format
        if deployment.mode is Mode.EXTERNAL:
            raise typer.BadParameter("an external Asterisk is started elsewhere; use serve")
    log_to_stderr(level, LogFormat(form))
    _say_if_root()
    call_this_process("pbx-supervisor")
    _until_signalled(lambda: supervise(wanted, _say, _print_ready))


def _print_ready(up_: Exchange) -> None:
    _say(
        f"READY {listed(up_.running)} ari={up_.running.http_port} ami={up_.running.ami_port} "
        f"agi={up_.running.fastagi_port} operations={up_.running.operations_port} "
        f"asterisk={up_.asterisk.pid} bridge={up_.bridge.pid} state={up_.state}"
    )
    _say(
        "Connect a softphone with what `pbx-bridge phone 101` prints, then dial a number of\n"
        "dialplan/numbers.yaml or a code such as *23*1*1430#. Ctrl-C stops everything."
    )


def stop(
    config: Annotated[Path, typer.Option(help="The deployment.")] = CONFIG, state: State = None
) -> None:
    """End the exchange of the state folder: bridge, Asterisk and what keeps them."""
    asyncio.run(stopped(Wanted(config, state).folder(), _say))


def serve(config: Config = CONFIG, state: State = None) -> None:
    """Run the bridge alone, beside an Asterisk that is up."""
    deployment = deployment_of(config, state, begins=True)
    log_to_stderr(deployment.log_level, LogFormat(deployment.log_format))
    secure(deployment, _warn)
    call_this_process("pbx-bridge")
    try:
        Lock(deployment.state / BRIDGE_LOCK)  # until this process ends
    except LockHeld as held:
        raise PbxRejected(
            f"a bridge runs already with the state folder {deployment.state} (pid {held.pid})"
        ) from None
    site = site_of(deployment)
    zone = site.plan.organisation.zone
    log_to_stderr(deployment.log_level, LogFormat(deployment.log_format), zone)
    where = _where(deployment)

    async def work() -> None:
        async with bridge(site, where) as one:
            gc.freeze()  # what stays is not looked through again: that held up all calls for 60 ms
            await one.run(lambda: _say(READY_LINE))

    _until_signalled(work)


def _where(deployment: Deployment) -> Running:
    """The addresses of an external Asterisk, or of the one that `up` has started."""
    if deployment.external is None:
        return running.load(deployment.state)
    return Running(
        sip_host=deployment.external.host,
        sip_port=deployment.sip_port,
        sip_tcp_port=deployment.doors.tcp_port,
        sip_tls_port=deployment.doors.tls_port,
        sip_host6=deployment.doors.ipv6,
        control_host=deployment.external.host,
        http_port=deployment.ari_port,
        ami_port=deployment.ami_port,
        fastagi_port=deployment.agi_port,
        folder=deployment.state / "asterisk",
        program=(),
        version="",
        has_broadcast=True,
        clock_offset_s=0,
        operations_port=deployment.operations_port,
    )


def render(
    folder: Annotated[Path, typer.Argument(help="Where the files are written.")],
    config: Config = CONFIG,
    state: State = None,
) -> None:
    """Write Asterisk's configuration, for those who run their own."""
    deployment = deployment_of(config, state, begins=True)
    site = site_of(deployment)
    found = locate.Located((), None, None, None, None)
    settings = settings_for(deployment, found, None, site.plan)
    render_into(folder, site, settings)
    _say(f"Asterisk's configuration is in {folder}; its passwords are in it, keep it to yourself")


def reload(config: Config = CONFIG, state: State = None, as_json: AsJson = False) -> None:
    """Use the plan as the files are now; problems are shown and the old plan stays.

    Asterisk's own configuration follows within seconds, where `up` runs it.
    """
    deployment = deployment_of(config, state)
    answer = asyncio.run(control.ask(control_socket(deployment.state), "reload"))
    if as_json:
        show(answer)
    else:
        _say("\n".join(answer["problems"]) or f"plan {answer['plan']} is in force")
        for one in answer.get("advice", ()):  # a bridge of before an update has none
            _say(f"advice: {one}")
    raise typer.Exit(1 if answer["problems"] else 0)


def phone(
    extension: Annotated[str, typer.Argument(help="Whose phone, e.g. 101.")],
    device: Annotated[
        str, typer.Argument(help="Which of their devices, e.g. softphone; none: the first.")
    ] = "",
    config: Config = CONFIG,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Print what a technician types into a phone, and the owner's PIN for the voice menu."""
    deployment = deployment_of(config, state)
    site = site_of(deployment)
    person = person_of(site, extension)
    chosen = device_of(person, device)
    user = devices.endpoint(person, chosen)
    secure(deployment, _warn)
    note_reading(site, f"phone {user}", "password and PIN", begin=True)
    if (lost := block_of(exchange_of(site), extension, user)) is not None:
        since = f"{lost.at:%Y-%m-%d %H:%M} UTC"
        again = f"`pbx-bridge found {extension} {lost.device}".rstrip()
        _warn(f"This telephone is blocked as lost since {since}; {again}` makes new passwords")
    held = secrets.load(deployment.state / SECRETS, site.plan)
    typed = {
        "name": person.name,
        "device": chosen.name,
        "user": user,
        "secret": held.phones[user],
        **typed_in(deployment, chosen),
        "pin": held.pins[extension],
    }
    if as_json:
        show(typed)
    else:
        _say("\n".join(f"{key:<10} {value}" for key, value in typed.items() if value))
        if others := [one.name for one in person.devices if one != chosen]:
            _say(f"also for    {', '.join(others)}: pbx-bridge phone {extension} {others[0]}")


def _say_if_root() -> None:
    """Nothing that an exchange does needs root, where its ports are above 1023."""
    if os.geteuid() == 0:
        _warn(
            "This runs as root, so whoever breaks into Asterisk has the whole machine: give it a "
            "user of its own"
        )


def _warn(words: str) -> None:
    _write(words, sys.stderr)


def _say(words: str) -> None:
    _write(words, sys.stdout)


def _write(words: str, stream: TextIO) -> None:
    with contextlib.suppress(OSError):  # a terminal that was closed, a full disk
        stream.write(words + "\n")
        stream.flush()


def _until_signalled(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `work` until it ends, or Ctrl-C or SIGTERM ends it cleanly."""

    async def guarded() -> None:
        task = asyncio.ensure_future(work())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(guarded())
