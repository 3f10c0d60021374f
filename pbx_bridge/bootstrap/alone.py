"""A telephone is lost and no bridge answers: the same is done without one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from pbx_bridge.adapters.ami import Ami, AmiBarrier
from pbx_bridge.adapters.clock import SystemClock
from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.journal.store import SqliteJournal
from pbx_bridge.adapters.registrar import SipRegistrar
from pbx_bridge.app.blocking import Blocking
from pbx_bridge.app.office import Office, Outcome
from pbx_bridge.asterisk import secrets
from pbx_bridge.asterisk.running import Running
from pbx_bridge.bootstrap.parts import SECRETS, database_file, logins
from pbx_bridge.config.site import Site
from pbx_bridge.core.commands import BlockPhone
from pbx_bridge.core.folding import NEUTRAL, fold, fresh, under
from pbx_bridge.ports import PbxRejected, PbxUnavailable

CONNECT_S = 3.0


@dataclass(frozen=True, slots=True)
class Blocked:
    """What became of it."""

    outcome: Outcome
    trouble: str
    """Why Asterisk doesn't know of it yet, "" where it does."""


async def block_alone(site: Site, running: Running | None, command: BlockPhone) -> Blocked:
    """Journal the block, and have Asterisk keep the telephone out; where it can't be reached
    (`running` is None where nobody knows of one) the next bridge does that.

    Notices are journaled too, and sent by the next bridge. Raises `JournalUnavailable` and the like
    where nothing can be stored.
    """
    state = site.deployment.state
    offset_s = 0 if running is None else running.clock_offset_s
    clock = SystemClock(site.plan.organisation.zone, offset_s)
    with closing(Database(database_file(state))) as database:
        journal = SqliteJournal(database)
        entries = (one.event for one in journal.entries(without=NEUTRAL))
        exchange = under(site.plan, fold(fresh(site.plan), entries))
        office = Office(exchange, journal, clock, has_mail=bool(site.deployment.mail))
        try:
            if running is None:
                return Blocked(await office.obey(command), "it isn't running")
            return await _enforced(site, running, command, office, clock)
        finally:
            await journal.close()


async def _enforced(
    site: Site, running: Running, command: BlockPhone, office: Office, clock: SystemClock
) -> Blocked:
    file = site.deployment.state / SECRETS
    who = logins(site.deployment, secrets.load(file, site.plan))
    ami = Ami(running.control_host, running.ami_port, user=who.ami_user, secret=who.ami_password)
    barrier = AmiBarrier(ami, clock, SipRegistrar(*running.sip).unregister)
    blocking = Blocking(barrier, office, clock, partial(secrets.password, file))
    office.complete = blocking.completed
    async with _connected(ami) as trouble:
        outcome = await office.obey(command)
        if outcome.refusal is not None or trouble:
            return Blocked(outcome, trouble)
        try:
            await blocking.enforce()
        except (PbxUnavailable, PbxRejected) as error:
            return Blocked(outcome, str(error))
    return Blocked(outcome, "")


@contextlib.asynccontextmanager
async def _connected(ami: Ami) -> AsyncIterator[str]:
    """The manager, connected; yields why it isn't, "" where it is."""
    work = asyncio.create_task(ami.run())
    trouble = ""
    try:
        await ami.wait_connected(CONNECT_S)
    except (PbxUnavailable, PbxRejected) as error:
        trouble = str(error)
    try:
        yield trouble
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
