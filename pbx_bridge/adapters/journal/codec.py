"""Events as JSON, and back.

A row's kind is the class name of its event; its body has the event's fields. A row that was
written once must be readable for as long as the journal is kept: a field that is added to an
event later needs a default, and a kind is never renamed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from pbx_bridge.core.events import Event

_KINDS: Mapping[str, TypeAdapter[Event]] = {
    kind.__name__: TypeAdapter(kind) for kind in get_args(Event)
}
_MOMENTS: Mapping[type[Any], tuple[str, ...]] = {
    kind: tuple(name for name, hint in get_type_hints(kind).items() if hint is datetime)
    for kind in get_args(Event)
}


class RowUnreadable(Exception):
    """A row of the journal means nothing to this version of the bridge."""


def encode(event: Event) -> tuple[str, str]:
    """Return (kind, body). Raises `ValueError` for a moment without its zone."""
    for name in _MOMENTS[type(event)]:
        if getattr(event, name).utcoffset() is None:
            raise ValueError(f"{type(event).__name__}.{name} has no time zone")
    kind = type(event).__name__
    return kind, _KINDS[kind].dump_json(event).decode()


def decode(seq: int, kind: str, body: str | bytes) -> Event:
    """Return the event of row `seq`. Raises `RowUnreadable`.

    Moments come back with the offset they were written with, not with a zone's name: the
    same instants, with the same reading of the clock.
    """
    adapter = _KINDS.get(kind)
    if adapter is None:
        raise RowUnreadable(
            f"journal row {seq}: kind {kind!r} is unknown; use the version that wrote it or newer"
        )
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the body"
        raise RowUnreadable(
            f"journal row {seq} ({kind}): {place}: {first['msg']}; run `pbx-bridge verify` to see"
            " whether the row was changed"
        ) from error
