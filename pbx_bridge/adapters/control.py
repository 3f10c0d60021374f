"""The bridge's own door on this machine: a Unix socket that only its user can open.

The command line asks through it; nothing is reachable from the network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from pydantic_core import from_json, to_json

from pbx_bridge.ports import PbxUnavailable

ASK_TIMEOUT_S = 15.0
MOST_BYTES = 64 * 1024

Answer = Mapping[str, object]
Handler = Callable[[Mapping[str, Any]], Awaitable[Answer]]


class Control:
    """Serves named questions, each a JSON object answered by a JSON object."""

    def __init__(self, path: Path, handlers: Mapping[str, Handler]) -> None:
        self._path = path
        self._handlers = handlers
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_post("/{question}", self._serve)
        self._runner = web.AppRunner(app, access_log=None)

    async def __aenter__(self) -> Control:
        """Open the door; one left by a bridge that was killed is replaced."""
        await self._runner.setup()
        await asyncio.to_thread(self._path.unlink, missing_ok=True)
        await web.UnixSite(self._runner, str(self._path)).start()
        await asyncio.to_thread(self._path.chmod, 0o600)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.Response:
        handler = self._handlers.get(request.match_info["question"])
        if handler is None:
            return _json({"error": "no such question"}, 404)
        try:
            body = from_json(await request.read() or b"{}")
            return _json(await handler(body))
        except (ValueError, KeyError, TypeError) as error:
            return _json({"error": str(error)}, 400)


def _json(answer: Answer, status: int = 200) -> web.Response:
    return web.Response(body=to_json(answer), status=status, content_type="application/json")


async def ask(path: Path, question: str, body: Mapping[str, object] | None = None) -> Any:
    """Ask the running bridge. Raises `PbxUnavailable` when none runs, `ValueError` if refused."""
    timeout = aiohttp.ClientTimeout(total=ASK_TIMEOUT_S)
    connector = aiohttp.UnixConnector(str(path))
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            session.post(f"http://bridge/{question}", data=to_json(body or {})) as answer,
        ):
            found = from_json(await answer.read())
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise PbxUnavailable(
            f"no bridge answers at {path}; start one with `pbx-bridge up`"
        ) from error
    if answer.status != 200:
        raise ValueError(found.get("error", f"answered {answer.status}"))
    return found
