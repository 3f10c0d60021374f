"""What is kept of people beside the database: messages, spoken notes, sentences, logs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

import structlog

from pbx_bridge.app.office import Office
from pbx_bridge.core import mailboxes, retention
from pbx_bridge.core.mailboxes import Message
from pbx_bridge.ports import Logs, Mailboxes, Messages, Notes, PbxRejected, Speech

log = structlog.get_logger(__name__)


class Clearing:
    """Deletes them when they are too old, or when nobody needs them any more."""

    def __init__(
        self,
        messages: Messages,
        asterisk: Mailboxes,
        notes: Notes,
        speech: Speech,
        logs: Logs,
        office: Office,
    ) -> None:
        self._messages = messages
        self._asterisk = asterisk
        self._notes = notes
        self._speech = speech
        self._logs = logs
        self._office = office

    async def clear(self, now: datetime, periods: retention.Periods) -> Mapping[str, int]:
        """Delete what may be kept no longer. Returns how many of each kind.

        Raises `PbxUnavailable`, `PbxRejected`, `OSError`; what was deleted until then is.
        """
        exchange = self._office.exchange
        kept = frozenset(retention.notes_needed(exchange))
        notes = await self._notes.clear(kept)
        sentences = await self._speech.clear(periods.sentences)
        before = (now - periods.messages).astimezone(UTC)
        messages = await self._delete(
            [one for one in await self._all() if one.at.astimezone(UTC) < before]
        )
        logs = await self._logs.clear(periods.numbers)
        return {"messages": messages, "notes": notes, "sentences": sentences, "logs": logs}

    async def forget(self, is_theirs: retention.IsTheirs) -> int:
        """Delete the messages that somebody has left. Raises `PbxUnavailable`, `OSError`."""
        return await self._delete([one for one in await self._all() if is_theirs(one.caller)])

    async def _all(self) -> list[Message]:
        found: list[Message] = []
        for mailbox in await self._messages.mailboxes():
            found += await self._messages.held(mailbox) or ()
        return found

    async def _delete(self, messages: Collection[Message]) -> int:
        """Asterisk deletes what is in its mailboxes; others are nobody's any more."""
        plan = self._office.exchange.plan
        count = 0
        for one in messages:
            if mailboxes.owner(plan, one.mailbox) is None:
                count += await self._messages.discard(one)
                continue
            try:
                await self._asterisk.delete(one)
            except PbxRejected as error:  # its owner was faster
                log.info("message_not_deleted", mailbox=one.mailbox, why=str(error))
            else:
                count += 1
        return count
