"""What every part that a bridge needs is asked, and which one is ill."""

from __future__ import annotations

import shutil

from pbx_bridge.app.health import examine
from pbx_bridge.bootstrap.parts import Parts
from pbx_bridge.core.model import Language
from pbx_bridge.ports import Finding, Ill

MIRROR_LIMIT_S = 10.0
"""For how long Asterisk's state may be behind: each change takes a moment."""
LEAST_FREE_BYTES = 500 * 1024 * 1024
HEALTH_WORDS = "Allt väl."
"""Spoken once and then found among the sounds: whether both can be reached."""


class Health:
    """Asks the parts of one bridge."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def examine(self) -> list[Finding]:
        """Ask them all at once."""
        return await examine(
            {
                "ari": self._ari_answers,
                "ami": self._ami_answers,
                "storage": self._stores,
                "record": self._record_is_followed,
                "mirror": self._mirror_is_kept,
                "speech": self._speaks,
                "disk": self._has_space,
            }
        )

    async def _ari_answers(self) -> str:
        await self._parts.ari.ping()
        return "answers"

    async def _ami_answers(self) -> str:
        await self._parts.ami.action("Ping")
        return "answers"

    async def _stores(self) -> str:
        await self._parts.database.beat(self._parts.clock.now())
        return "stored a sign of life"

    async def _record_is_followed(self) -> str:
        if not self._parts.tail.well:
            raise Ill("Asterisk's log can't be read or stored; see the bridge's log")
        return f"{self._parts.tail.behind_bytes} bytes behind"

    async def _mirror_is_kept(self) -> str:
        if self._parts.mirror.age_s > MIRROR_LIMIT_S:
            raise Ill("Asterisk's state is behind; see the bridge's log")
        return "Asterisk holds the present state"

    async def _speaks(self) -> str:
        await self._parts.speech.file(HEALTH_WORDS, Language.SV)
        return "speaks"

    async def _has_space(self) -> str:
        free = shutil.disk_usage(self._parts.deployment.state).free
        if free < LEAST_FREE_BYTES:
            raise Ill(f"{free // 2**20} MiB free for {self._parts.deployment.state}; make room")
        return f"{free // 2**20} MiB free"
