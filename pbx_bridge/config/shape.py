"""A block of keys in a YAML file, as pydantic reads it."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """A block of keys: unknown ones are refused, nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)
    parts: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Places of what can be left out where it is wrong, so that the rest is looked at; `*` is any
    name."""
    secrets: ClassVar[str] = (
        "secrets are made in the state folder, or named as …_env (an environment variable) or "
        "…_file (a file)"
    )
    """Where a secret belongs that somebody has written here."""


def shape_at(shape: Any, place: tuple[str | int, ...]) -> type[Shape] | None:
    """The shape that stands at `place` inside `shape`, to say which keys it knows."""
    for step in place:
        if _is_shape(shape):
            known = shape.model_fields.get(step)
            shape = _present(known.annotation) if known else None
        else:
            shape = (get_args(shape) or (None,))[-1]  # an item of a list or a map
            shape = get_args(shape)[0] if get_origin(shape) is Annotated else shape
    return shape if _is_shape(shape) else None


def _is_shape(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Shape)


def _present(annotation: Any) -> Any:
    """`X | None` as X."""
    choices = get_args(annotation)
    return choices[0] if type(None) in choices else annotation
