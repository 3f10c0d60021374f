"""Mailboxes while somebody hears them: what is in them, and what becomes of each message (S16)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog

from pbx_bridge.app.office import Office
from pbx_bridge.core.call import Call, Sort, with_result
from pbx_bridge.core.events import MessageSorted
from pbx_bridge.core.mailboxes import Message
from pbx_bridge.core.room import NOTE, Quota, Room, room
from pbx_bridge.core.routes import DONE
from pbx_bridge.ports import Mailboxes, Messages, PbxRejected, PbxUnavailable

FAILED = "failed"
USUAL = Quota()

log = structlog.get_logger(__name__)


class Inbox:
    """Reads mailboxes, and has Asterisk sort their messages."""

    def __init__(
        self,
        messages: Messages,
        mailboxes: Mailboxes,
        office: Office,
        quota: Quota = USUAL,
        may_record: Callable[[], bool] = lambda: True,
    ) -> None:
        """`may_record`: whether the disk has room (`Space`)."""
        self._quota = quota
        self._may_record = may_record
        self._messages = messages
        self._mailboxes = mailboxes
        self._office = office

    async def held(self, mailbox: str) -> tuple[Message, ...] | None:
        """What is in a mailbox, the oldest first; None where it can't be read."""
        held = await self._messages.held(mailbox)
        return None if held is None else tuple(held)

    async def room(self, records: str, caller: str) -> Room:
        """Whether `caller` may record something (`Decision.records`) now."""
        if not self._may_record():
            return Room.DISK
        if records == NOTE:
            return Room.FREE
        held = await self._messages.held(records)
        return room(held, caller, self._quota, self._office.exchange.plan.dialling)

    async def sort(self, call: Call, step: Sort) -> Call:
        """Carry out the step and journal who did it. Returns the call with its result."""
        message = step.message
        change = self._mailboxes.delete if step.deleted else self._mailboxes.put_aside
        try:
            await change(message)
        except (PbxUnavailable, PbxRejected) as error:
            log.warning("message_not_sorted", mailbox=message.mailbox, why=str(error))
            return with_result(call, FAILED)
        self._office.note(MessageSorted(message.mailbox, message.id, step.deleted, step.by))
        inbox = tuple(
            replace(one, heard=True) if one == message else one for one in call.inbox or ()
        )
        return replace(with_result(call, DONE), inbox=inbox)
