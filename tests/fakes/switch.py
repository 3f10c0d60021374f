"""Asterisk's database and queues in memory, held to the same contract as the real ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pbx_bridge.ports import PbxRejected, PbxUnavailable, QueueMember
from pbx_bridge.wire import ami


class FakeSwitch:
    """`ports.Switch` without Asterisk. Set `down` to have it unreachable."""

    def __init__(self, queues: Iterable[str] = ()) -> None:
        self.entries: dict[tuple[str, str], str] = {}
        self.names: dict[QueueMember, str] = {}
        self.penalties: dict[QueueMember, int] = {}
        self.fewest = 1_000
        """So many members there were at least, after somebody had left."""
        self.down = False
        self.loses = ""
        """Family at whose next reading Asterisk is lost."""
        self.read: list[str] = []
        """Families that were read, in order."""
        self._queues = frozenset(queues)

    async def put(self, family: str, key: str, value: str) -> None:
        self._reach(family, key, value)
        if not family or not key:
            raise PbxRejected("Asterisk refuses DBPut: No family or key specified")
        self.entries[family, key] = value.lstrip(" ")

    async def remove(self, family: str, key: str) -> None:
        self._reach(family, key)
        self.entries.pop((family, key), None)

    async def stored(self, family: str) -> Mapping[str, str]:
        if family == self.loses:
            self.down = True
        self._reach(family)
        self.read.append(family)
        return {key: value for (of, key), value in self.entries.items() if of == family}

    async def members(self) -> Mapping[QueueMember, int]:
        self._reach()
        return dict(self.penalties)

    async def join(self, member: QueueMember, name: str, penalty: int = 0) -> None:
        self._reach(member.queue, member.interface, name)
        self._known(member)
        self.names.setdefault(member, name)
        self.penalties[member] = penalty

    async def leave(self, member: QueueMember) -> None:
        self._reach(member.queue, member.interface)
        self._known(member)
        self.names.pop(member, None)
        self.penalties.pop(member, None)
        self.fewest = min(self.fewest, len(self.names))

    def _known(self, member: QueueMember) -> None:
        if member.queue not in self._queues:
            raise PbxRejected(f"Asterisk refuses: No such queue {member.queue!r}")

    def _reach(self, *values: str) -> None:
        ami.encode(("Value", value) for value in values)
        if self.down:
            raise PbxUnavailable("the fake switch is down")
