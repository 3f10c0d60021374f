"""Voicemail messages that are heard or deleted, by Asterisk's manager.

Asterisk does it itself because it numbers the files of a mailbox anew, locks them against its own
dialplan, and lights and dims the lamps. Needs `write = user` in manager.conf.
"""

from __future__ import annotations

from pbx_bridge.adapters.ami.connection import Ami
from pbx_bridge.core.mailboxes import Message
from pbx_bridge.ports import PbxRejected

CONTEXT = "default"
NEW, HEARD = "INBOX", "Old"


class AmiMailboxes:
    """`ports.Mailboxes` on a real Asterisk."""

    def __init__(self, ami: Ami) -> None:
        self._ami = ami

    async def put_aside(self, message: Message) -> None:
        """It was heard. Raises `PbxUnavailable`, `PbxRejected` when it isn't there."""
        await self._do("VoicemailMove", message, ToFolder=HEARD)

    async def delete(self, message: Message) -> None:
        """Raises as `put_aside`."""
        await self._do("VoicemailRemove", message)

    async def _do(self, name: str, message: Message, **more: str) -> None:
        """Asterisk answers "Success" also where nothing was done; its words say so."""
        folder = HEARD if message.heard else NEW
        there = {"Context": CONTEXT, "Mailbox": message.mailbox, "Folder": folder}
        answer = await self._ami.action(name, **there, ID=message.id, **more)
        said = answer.get("Message", "").strip()
        if not said.endswith("successful"):
            raise PbxRejected(f"Asterisk refuses {name} of {message.id}: {said}")
