"""Whether each part that the bridge needs answers now, and which one is ill."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from pbx_bridge.ports import Finding

LIMIT_S = 2.0
"""Of one part's answer; longer is ill."""

Check = Callable[[], Awaitable[str]]
"""Returns what is well, or raises with what is ill."""


async def examine(checks: Mapping[str, Check], limit_s: float = LIMIT_S) -> list[Finding]:
    """Ask all parts at once, in their order."""
    return list(await asyncio.gather(*(_ask(*one, limit_s) for one in checks.items())))


async def _ask(part: str, check: Check, limit_s: float) -> Finding:
    began = time.perf_counter()
    try:
        async with asyncio.timeout(limit_s):
            what, well = await check(), True
    except TimeoutError:
        what, well = f"no answer within {limit_s:g} s", False
    except Exception as error:
        what, well = str(error) or type(error).__name__, False
    return Finding(part, well, what, round((time.perf_counter() - began) * 1000, 1))
