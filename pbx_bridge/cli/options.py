"""Options that several commands share, and what they lead to."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from pbx_bridge.adapters import control
from pbx_bridge.adapters.clock import SystemClock
from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.journal.codec import RowUnreadable
from pbx_bridge.adapters.journal.store import SqliteJournal, read_entries
from pbx_bridge.asterisk import running
from pbx_bridge.bootstrap import control_socket, database_file
from pbx_bridge.config.deployment import Deployment
from pbx_bridge.config.problems import did_you_mean
from pbx_bridge.config.site import Site, read_deployment, read_site
from pbx_bridge.core import devices, numbers
from pbx_bridge.core.events import DataRead
from pbx_bridge.core.folding import NEUTRAL, fold, fresh, under
from pbx_bridge.core.model import Device, Person
from pbx_bridge.core.state import Exchange
from pbx_bridge.files import logged_in, user_name
from pbx_bridge.ports import JournalDamaged, PbxRejected, PbxUnavailable

Config = Annotated[Path, typer.Option(help="The deployment.", exists=True, dir_okay=False)]
State = Annotated[Path | None, typer.Option(help="State folder instead of config.yaml's.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
CONFIG = Path("config.yaml")


def deployment_of(config: Path, state: Path | None, *, begins: bool = False) -> Deployment:
    """The deployment that a command works with, in a folder that is there unless it `begins` one.

    Raises `ConfigError`, `PbxRejected` for a folder that was named and isn't there.
    """
    if state is not None and not begins and not state.is_dir():
        raise PbxRejected(f"{state}: there is no such folder; name an exchange's --state")
    return read_deployment(config, state)


def clock_of(site: Site) -> SystemClock:
    """The exchange's clock: the running one's, else the machine's."""
    zone = site.plan.organisation.zone
    try:
        return SystemClock(zone, running.load(site.deployment.state).clock_offset_s)
    except PbxUnavailable:
        return SystemClock(zone)


def site_of(deployment: Deployment) -> Site:
    """The plan and the wording. Raises `ConfigError`."""
    return read_site(deployment, today())


def today() -> date:
    """The machine's date, which a plan is read for before its own clock is known."""
    return datetime.now().astimezone().date()


def person_of(site: Site, extension: str) -> Person:
    """Raise `PbxRejected` when nobody has that extension."""
    person = site.plan.people.get(extension)
    if person is None:
        hint = did_you_mean(extension, site.plan.people, "see dialplan/people.yaml")
        raise PbxRejected(f"nobody has extension {extension}, {hint}")
    return person


def device_of(person: Person, name: str) -> Device:
    """The first device where no `name` is given. Raises `PbxRejected` when there is no such one."""
    found = devices.named(person, name)
    if found is None:
        known = [one.name for one in person.devices if one.name]
        hint = did_you_mean(name, known, "see devices: in dialplan/people.yaml")
        raise PbxRejected(f"{person.name} ({person.extension}) has no device {name!r}, {hint}")
    return found


def number_of(site: Site, text: str) -> str:
    """A telephone number as the exchange knows it. Raises `PbxRejected` for what is none."""
    found = numbers.number(text, site.plan.dialling)
    if found:
        return found
    raise PbxRejected(f"{text!r} is no telephone number; write it as 0401234567 or +358401234567")


def exchange_of(site: Site) -> Exchange:
    """The live state, read from the journal without touching it."""
    exchange = fresh(site.plan)
    with reading(site.deployment.state) as connection:
        if connection is not None:
            entries = read_entries(connection, unreadable=passed_over(), without=NEUTRAL)
            exchange = fold(exchange, (entry.event for entry in entries))
    return under(site.plan, exchange)


def passed_over() -> Callable[[RowUnreadable], None]:
    """Says once that a command that only looks leaves out a row of the journal, and which."""
    count = itertools.count()

    def tell(unreadable: RowUnreadable) -> None:
        match next(count):
            case 0:
                sys.stderr.write(f"left out: {unreadable}\n")
            case 1:
                sys.stderr.write("left out: other rows too\n")

    return tell


@contextmanager
def reading(state: Path) -> Iterator[sqlite3.Connection | None]:
    """A read-only connection to journal and record, None where there is none yet."""
    path = database_file(state)
    if not path.exists():
        yield None
        return
    with (
        readable(path),
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection,
    ):
        yield connection


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Raise `JournalUnavailable` for a database that SQLite can't read."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        why = str(error).partition(" with text")[0]  # the text may be a caller's number
        raise JournalDamaged(
            f"{path} can't be read: {why}; stop the bridge and restore it from a backup"
        ) from error


def note_reading(site: Site, what: str, why: str, *, begin: bool = False) -> None:
    """Journal who reads what and why, by the running bridge where there is one. Where there is no
    journal nothing can be read, unless one is to `begin`.

    Raises `JournalUnavailable`, `PbxRejected`: then nothing is shown.
    """
    if not why.strip():
        raise typer.BadParameter("--why: write why the data is read")
    state = site.deployment.state
    path = database_file(state)
    if not (begin or path.exists()):
        return
    with suppress(PbxUnavailable):  # none runs: then it is written here
        body = {"what": what, "why": why}
        asyncio.run(control.ask(control_socket(state), "reading", body))
        return
    now = clock_of(site).now()
    event = DataRead(what, this_user(), why, now)
    with closing(Database(path)) as database:
        asyncio.run(SqliteJournal(database).append(now, (event,)))


def this_user() -> str:
    """Whose process this is; the environment could say anything."""
    return user_name(logged_in(os.getpid(), os.getuid()))


def show(value: object) -> None:
    """Print JSON."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=1, default=str) + "\n")
