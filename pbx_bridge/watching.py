"""Calls of a running exchange, told as they happen, from Asterisk's own record."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from pbx_bridge.adapters.record import event_of, harmless
from pbx_bridge.adapters.speech import MANIFEST, read_manifest
from pbx_bridge.asterisk.running import Running
from pbx_bridge.config.site import Site
from pbx_bridge.core.numbers import number, target
from pbx_bridge.core.record import CelEvent
from pbx_bridge.core.timeline import Timeline
from pbx_bridge.wire import cel

POLL_INTERVAL_S = 0.05
END_TIMEOUT_S = 20.0
"""From a caller's hang-up to the last line of the record: a mobile whose owner is being asked
hears the question to its end."""
ARRIVALS = ("from-trunk", "from-phone")

Tell = Callable[[str], None]


class Watch:
    """Reads the record from its present end, and tells each call's timeline."""

    def __init__(self, site: Site, running: Running, tell: Tell) -> None:
        self.events: list[CelEvent] = []
        """Everything seen, oldest first."""
        self._site = site
        self._running = running
        self._tell = tell
        self._file = _Followed(running.cel_file)
        self._timelines: dict[str, Timeline] = {}
        self._open: dict[str, str] = {}
        self._turn = asyncio.Lock()

    async def follow(self) -> None:
        """Tell until cancelled."""
        while True:
            await self.catch_up()
            await asyncio.sleep(POLL_INTERVAL_S)

    async def settled(self, dialled: str = "") -> None:
        """Return when every call that was seen, or those to `dialled`, ended in the record."""
        async with asyncio.timeout(END_TIMEOUT_S):
            await self.catch_up()
            while self._open if not dialled else dialled in self._open.values():
                await asyncio.sleep(POLL_INTERVAL_S)
                await self.catch_up()

    async def catch_up(self) -> None:
        """Read what is new; one reader at a time, or a line would count twice."""
        async with self._turn:
            for record in await asyncio.to_thread(self._file.read):
                if (row := cel.parse(record)) is not None:
                    self._see(event_of(harmless(row), 0))

    def _see(self, event: CelEvent) -> None:
        self.events.append(event)
        if event.begins_call and event.context in ARRIVALS:
            self._open[event.linkedid] = event.exten
            timeline = Timeline(event.linkedid, self._said, self._name_of)
            self._timelines[event.linkedid] = timeline
        if (told := self._timelines.get(event.linkedid)) is not None:
            for line in told.add(event):
                self._tell(line)
        if event.type == "LINKEDID_END":
            self._open.pop(event.linkedid, None)

    def _said(self, sound: str) -> str | None:
        said = read_manifest(self._site.deployment.sounds / MANIFEST)
        return said.get(Path(sound).name)

    def _name_of(self, endpoint: str) -> str:
        plan = self._site.plan
        if (line := plan.lines.get(endpoint)) is not None:
            return line.title[self._site.deployment.language]
        found = target(number(endpoint, plan.dialling), plan)
        if found is None:
            return ""
        if (person := plan.people.get(found.target)) is not None:
            return person.name
        answers = plan.lines.get(found.target)  # none for the voice menu
        return answers.title[self._site.deployment.language] if answers is not None else ""


@asynccontextmanager
async def watching(site: Site, running: Running, tell: Tell) -> AsyncIterator[Watch]:
    """Tell every call that begins from now on, to its end."""
    watch = Watch(site, running, tell)
    follower = asyncio.create_task(watch.follow(), name="watch")
    try:
        yield watch
    finally:
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)
        with suppress(TimeoutError):  # told as far as the record goes
            await watch.settled()


class _Followed:
    """A file that grows, and may get another name: the rest is read there then."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode, self._offset = 0, 0
        if path.exists():
            status = path.stat()
            self._inode, self._offset = status.st_ino, status.st_size

    def read(self) -> list[bytes]:
        """The records that are new."""
        found: list[bytes] = []
        for path in (self._path.with_name(f"{self._path.name}.1"), self._path):
            try:
                file = path.open("rb")
            except FileNotFoundError:
                continue
            with file:
                inode = os.fstat(file.fileno()).st_ino
                if inode != self._inode:
                    if path != self._path:
                        continue
                    self._inode, self._offset = inode, 0
                file.seek(self._offset)
                records, taken = cel.complete_records(file.read())
                self._offset += taken
                found += records
        return found
