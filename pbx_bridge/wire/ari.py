"""ARI messages over its WebSocket, without a socket.

One WebSocket carries events from Asterisk and, as `RESTRequest`/`RESTResponse` matched by
`request_id`, the requests to it (Asterisk 20.14, 22.4). Requests on one socket are carried
out in the order in which they were sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pydantic_core import from_json, to_json

EVENT_TYPES = ("CallBroadcast", "StasisStart", "ApplicationReplaced", "RESTResponse")
"""All that is asked of Asterisk; without the filter about 40 events a call would come.
Asterisk's filter takes away the answers to requests too where they are not named."""


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to a request. `body` is decoded JSON, None when there is none."""

    request_id: str
    status: int
    reason: str
    body: Any


@dataclass(frozen=True, slots=True)
class Channel:
    """The part of ARI's Channel that is used; absent fields are "" and {}."""

    id: str
    caller: str
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Broadcast:
    """`CallBroadcast`: a channel waits to be claimed."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class Entered:
    """`StasisStart`: a channel is under our control."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class Replaced:
    """Another socket has taken over the application's name; this one hears nothing more."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """An event of a type that is not used, or newer than this client."""

    type: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """Not JSON, or an event without what its type promises."""

    why: str


Message = Response | Broadcast | Entered | Replaced | Ignored | Malformed


def read(text: str | bytes) -> Message:
    """One WebSocket message. Never raises: the API grows, and peers have defects."""
    try:
        data = from_json(text)
    except ValueError as error:
        return Malformed(str(error))
    if not isinstance(data, dict):
        return Malformed("not an object")
    try:
        return _message(data)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        return Malformed(f"{data.get('type')}: {error!r}")


def _message(data: dict[str, Any]) -> Message:
    match data.get("type"):
        case "RESTResponse":
            return Response(
                str(data["request_id"]),
                int(data["status_code"]),
                str(data.get("reason_phrase", "")),
                decoded(data.get("message_body")),
            )
        case "CallBroadcast":
            return Broadcast(_channel(data["channel"]))
        case "StasisStart":
            return Entered(_channel(data["channel"]))
        case "ApplicationReplaced":
            return Replaced()
        case str(other):
            return Ignored(other)
        case _:
            return Malformed("no type")


def decoded(body: Any) -> Any:
    """The body of an answer; None where it isn't JSON, for the status counts all the same."""
    try:
        return from_json(body) if body else None
    except (ValueError, TypeError):
        return None


def _channel(data: dict[str, Any]) -> Channel:
    caller = data.get("caller") or {}
    variables = data.get("channelvars") or {}
    return Channel(
        str(data["id"]),
        str(caller.get("number") or ""),
        {str(name): str(value) for name, value in variables.items()},
    )


def request(
    request_id: str,
    method: str,
    path: str,
    query: Mapping[str, str] | None = None,
    body: object = None,
) -> bytes:
    """A request as a WebSocket message. `path` has no leading slash and is quoted already."""
    message: dict[str, object] = {
        "type": "RESTRequest",
        "transaction_id": "",
        "request_id": request_id,
        "method": method,
        "uri": path,
    }
    if query:
        message["query_strings"] = [{"name": name, "value": value} for name, value in query.items()]
    if body is not None:
        message["content_type"] = "application/json"
        message["message_body"] = to_json(body).decode()
    return to_json(message)


def segment(text: str) -> str:
    """`text` as one segment of a path."""
    return quote(text, safe="")
