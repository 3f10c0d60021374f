"""Asterisk's own state that outlives the bridge, by its manager: AstDB and queue members.

Needs `write = system,reporting,agent` in manager.conf.
"""

from __future__ import annotations

from collections.abc import Mapping

from pbx_bridge.adapters.ami.connection import Ami, Answer
from pbx_bridge.ports import PbxRejected, QueueMember


class AmiSwitch:
    """`ports.Switch` on a real Asterisk. All of it raises `PbxUnavailable`, `PbxRejected`."""

    def __init__(self, ami: Ami) -> None:
        self._ami = ami

    async def put(self, family: str, key: str, value: str) -> None:
        """Write one AstDB entry. Asterisk drops blanks before a value.

        Asterisk answers before its database commits (about once a second): an Asterisk that
        is killed forgets entries it has acknowledged. Put them again in an `on_connect` hook.
        """
        await self._ami.action("DBPut", Family=family, Key=key, Val=value)

    async def remove(self, family: str, key: str) -> None:
        """Delete one AstDB entry; one that isn't there is no error.

        `DBDel` answers the same to "not there" and "can't", so a refusal is looked into.
        """
        try:
            await self._ami.action("DBDel", Family=family, Key=key)
        except PbxRejected as refusal:
            if not await self._is_absent(family, key):
                raise refusal from None

    async def _is_absent(self, family: str, key: str) -> bool:
        try:
            await self._ami.listed("DBGet", Family=family, Key=key)
        except PbxRejected as refusal:
            return str(refusal).endswith("not found")
        return False

    async def stored(self, family: str) -> Mapping[str, str]:
        """Every entry of `family`, by key.

        Asterisk searches with SQL's LIKE, where `_` and `%` stand for anything and case
        doesn't count: what is not of this very family is left out here.
        """
        items = await self._ami.listed("DBGetTree", Family=family)
        start = f"/{family}/"
        return {
            item["Key"].removeprefix(start): item.get("Val", "")
            for item in items
            if item.get("Key", "").startswith(start)
        }

    async def members(self) -> Mapping[QueueMember, int]:
        """Everybody who is in a queue, those that queues.conf names too, with their penalty."""
        items = await self._ami.listed("QueueStatus")
        return {
            _member(item): int(item.get("Penalty") or 0)
            for item in items
            if item["Event"] == "QueueMember"
        }

    async def join(self, member: QueueMember, name: str, penalty: int = 0) -> None:
        """Add a queue member; one that is there already keeps its place, name and state."""
        there = {"Queue": member.queue, "Interface": member.interface}
        try:
            told = {"MemberName": name, "Penalty": str(penalty)}
            told |= {"StateInterface": member.state} if member.state else {}
            await self._ami.action("QueueAdd", **there, **told)
        except PbxRejected as refusal:
            if not str(refusal).endswith("Already there"):
                raise
            await self._ami.action("QueuePenalty", **there, Penalty=str(penalty))

    async def leave(self, member: QueueMember) -> None:
        """Remove a queue member; one that isn't there is no error."""
        try:
            await self._ami.action("QueueRemove", Queue=member.queue, Interface=member.interface)
        except PbxRejected as refusal:
            if not str(refusal).endswith("Not there"):
                raise


def _member(item: Answer) -> QueueMember:
    """The state of a member that has none of its own is told as the interface's."""
    interface, state = item["Location"], item.get("StateInterface", "")
    return QueueMember(item["Queue"], interface, "" if state == interface else state)
