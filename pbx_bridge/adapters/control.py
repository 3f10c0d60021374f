"""The bridge's own door on this machine: a Unix socket that only its user can open.

The command line asks through it; nothing is reachable from the network.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from pydantic_core import from_json, to_json

from pbx_bridge.adapters.doors import HttpDoor, Limits
from pbx_bridge.files import full_disk, logged_in, put_aside, user_name
from pbx_bridge.ports import PbxRejected, PbxUnavailable

ASK_TIMEOUT_S = 15.0
CLOSE_TIMEOUT_S = 2.0
"""For answers under way when the bridge ends."""
MOST_BYTES = 64 * 1024
UNKNOWN = "unknown"
_CREDENTIALS = struct.Struct("iII")
"""Of the other end of a Unix socket: process, user, group (unix(7), SO_PEERCRED)."""
BODY_S = 5.0
"""For a question's body."""
LIMITS = Limits(stay_s=60.0)

Answer = Mapping[str, object]
Handler = Callable[[Mapping[str, Any], str], Awaitable[Answer]]
"""From a question's values, and the user of this machine who asks, to the answer."""


class Control:
    """Serves named questions, each a JSON object answered by a JSON object."""

    def __init__(self, path: Path, handlers: Mapping[str, Handler]) -> None:
        self._path = path
        self._handlers = handlers
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_post("/{question}", self._serve)
        self._http = HttpDoor("control", app, LIMITS, CLOSE_TIMEOUT_S)

    async def __aenter__(self) -> Control:
        """Open the door; one left by a bridge that was killed is replaced.

        Raises `PbxRejected` when the path can't hold a socket.
        """
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            await asyncio.to_thread(_cleared, self._path)
            listener.bind(str(self._path))
            await asyncio.to_thread(self._path.chmod, 0o600)  # before anybody can connect
            await self._http.open(listener)
        except OSError as error:
            listener.close()
            raise PbxRejected(
                f"no socket can be opened at {self._path}: {error}; choose another state "
                "folder (a socket's path may have 107 bytes)"
            ) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def _serve(self, request: web.Request) -> web.Response:
        handler = self._handlers.get(request.match_info["question"])
        if handler is None:
            return _json({"error": "no such question"}, 404)
        try:
            async with asyncio.timeout(BODY_S):
                text = await request.read()
        except TimeoutError:
            return _json({"error": f"the question was not told within {BODY_S:g} s"}, 408)
        try:
            return _json(await handler(from_json(text or b"{}"), _who(request)))
        except (ValueError, KeyError, TypeError) as error:
            return _json({"error": str(error)}, 400)


def _cleared(path: Path) -> None:
    """Take away the door of a bridge that was killed, and whatever else stands there."""
    if path.is_dir() and not path.is_symlink():
        put_aside(path)
    else:
        path.unlink(missing_ok=True)


def _who(request: web.Request) -> str:
    """The user whose process asks, as the kernel knows; what they say themselves isn't asked."""
    transport = request.transport
    found = None if transport is None else transport.get_extra_info("socket")
    if found is None:  # gone meanwhile
        return UNKNOWN
    held = found.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(held)
    return user_name(logged_in(pid, uid))


def _json(answer: Answer, status: int = 200) -> web.Response:
    return web.Response(body=to_json(answer), status=status, content_type="application/json")


_TOO_MANY = "too many ask the bridge at once, or it is ending; try again in some seconds"


async def ask(
    path: Path,
    question: str,
    body: Mapping[str, object] | None = None,
    patience_s: float = ASK_TIMEOUT_S,
) -> Any:
    """Ask the running bridge. Raises `PbxUnavailable` when none runs, `PbxRejected` if refused."""
    timeout = aiohttp.ClientTimeout(total=patience_s)
    connector = aiohttp.UnixConnector(str(path))
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            session.post(f"http://bridge/{question}", data=to_json(body or {})) as answer,
        ):
            text = await answer.read()
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        if not isinstance(error, aiohttp.ClientConnectorError | TimeoutError):
            # It let us in, and broke off while we were still asking.
            raise PbxUnavailable(_TOO_MANY) from error
        why = full_disk(path.parent)
        raise PbxUnavailable(
            f"no bridge answers at {path}; {why or 'start one with `pbx-bridge up`'}"
        ) from error
    if answer.status == 503:
        raise PbxUnavailable(_TOO_MANY)
    if answer.status == 200:
        return from_json(text)
    why = f"answered {answer.status}"
    with contextlib.suppress(ValueError, KeyError, TypeError):
        why = str(from_json(text)["error"])
    raise PbxRejected(f"the bridge refuses {question!r}: {why}")
