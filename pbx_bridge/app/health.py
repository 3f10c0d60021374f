"""Whether each part that the bridge needs answers now, and which one is ill."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Generic, NoReturn, TypeVar

from pbx_bridge.ports import Finding

T = TypeVar("T")

LIMIT_S = 2.0
"""Of one part's answer; longer is ill."""

Check = Callable[[], Awaitable[str]]
"""Returns what is well, or raises with what is ill."""


class Kept(Generic[T]):
    """An answer that is found out once for all who ask within some seconds, a failure too."""

    def __init__(self, ask: Callable[[], Awaitable[T]], kept_s: float) -> None:
        self._ask = ask
        self._kept_s = kept_s
        self._one_at_a_time = asyncio.Lock()
        self._found: Callable[[], T] | None = None
        self._at = 0.0

    async def __call__(self, *, anew: bool = False) -> T:
        """The answer; `anew` for one of now. Raises what the question raises."""
        async with self._one_at_a_time:
            if self._found is None or anew or time.monotonic() - self._at >= self._kept_s:
                self._found = await self._find_out()
                self._at = time.monotonic()
            return self._found()

    async def _find_out(self) -> Callable[[], T]:
        try:
            answer = await self._ask()
        except asyncio.CancelledError:
            # Whoever asked has no more time: the next one doesn't begin anew at once.
            self._found, self._at = partial(_fail, TimeoutError()), time.monotonic()
            raise
        except Exception as error:
            return partial(_fail, error)
        return lambda: answer


def _fail(error: Exception) -> NoReturn:
    raise error.with_traceback(None)


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
