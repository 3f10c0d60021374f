"""Lamps as custom device states of Asterisk (`func_devstate`), which it keeps in AstDB."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping

FAMILY = "CustomDevstate"
"""Of AstDB, as func_devstate has it."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")


class CustomLamps:
    """`ports.Lamps` by what reads AstDB and what writes a function of the dialplan."""

    def __init__(
        self,
        stored: Callable[[str], Awaitable[Mapping[str, str]]],
        set_function: Callable[[str, str], Awaitable[None]],
    ) -> None:
        """`stored`: a family of AstDB. `set_function`: a function's name with its argument, and its
        new value; AstDB alone would tell no phone."""
        self._stored = stored
        self._set_function = set_function

    async def lit(self) -> Mapping[str, str]:
        """As Asterisk holds them."""
        return await self._stored(FAMILY)

    async def light(self, name: str, state: str) -> None:
        """By `DEVICE_STATE`. Raises `ValueError` for a name that is none."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"not the name of a lamp: {name!r}")
        await self._set_function(f"DEVICE_STATE(Custom:{name})", state)
