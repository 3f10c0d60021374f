"""The bridge's own door on this machine: a Unix socket that only its user can open.

The command line asks through it; nothing is reachable from the network.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from pydantic_core import from_json, to_json

from pbx_bridge.ports import PbxRejected, PbxUnavailable

ASK_TIMEOUT_S = 15.0
CLOSE_TIMEOUT_S = 2.0
"""For answers under way when the bridge ends."""
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
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_TIMEOUT_S)

    async def __aenter__(self) -> Control:
        """Open the door; one left by a bridge that was killed is replaced.

        Raises `PbxRejected` when the path can't hold a socket.
        """
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(self._runner.cleanup)
            await self._runner.setup()
            try:
                await asyncio.to_thread(self._path.unlink, missing_ok=True)
                await web.UnixSite(self._runner, str(self._path)).start()
                await asyncio.to_thread(self._path.chmod, 0o600)
            except OSError as error:
                raise PbxRejected(
                    f"no socket can be opened at {self._path}: {error}; choose another state "
                    "folder (a socket's path may have 107 bytes)"
                ) from error
            undo.pop_all()
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
    """Ask the running bridge. Raises `PbxUnavailable` when none runs, `PbxRejected` if refused."""
    timeout = aiohttp.ClientTimeout(total=ASK_TIMEOUT_S)
    connector = aiohttp.UnixConnector(str(path))
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            session.post(f"http://bridge/{question}", data=to_json(body or {})) as answer,
        ):
            text = await answer.read()
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise PbxUnavailable(
            f"no bridge answers at {path}; start one with `pbx-bridge up`"
        ) from error
    if answer.status == 200:
        return from_json(text)
    why = f"answered {answer.status}"
    with contextlib.suppress(ValueError, KeyError, TypeError):
        why = str(from_json(text)["error"])
    raise PbxRejected(f"the bridge refuses {question!r}: {why}")
