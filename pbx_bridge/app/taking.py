"""Messages that callers have left become known: journaled, and told to whom they are for (S16)."""

from __future__ import annotations

import asyncio

from pbx_bridge.app.office import Office
from pbx_bridge.core.call import Why
from pbx_bridge.core.commands import TakeMessage
from pbx_bridge.core.mailboxes import Message, is_new
from pbx_bridge.ports import Clock, Messages

RETRY_S = 5.0
"""Until the journal is tried again."""


class Taking:
    """Takes up each message once, also those that came while no bridge ran."""

    def __init__(self, messages: Messages, office: Office, clock: Clock) -> None:
        self._messages = messages
        self._office = office
        self._clock = clock

    async def run(self) -> None:
        """Take up messages until cancelled."""
        async for message in self._messages.arrivals():
            await self._take(message)

    async def _take(self, one: Message) -> None:
        """What was told already is passed over; what can't be stored is tried again."""
        command = TakeMessage(one.mailbox, one.id, one.caller, one.seconds, one.at, one.channel)
        while is_new(self._office.exchange, one.mailbox, one.id, one.at, self._clock.now()):
            if (await self._office.obey(command)).why is not Why.COMMAND_FAILED:
                return
            await asyncio.sleep(RETRY_S)
