"""From text with places to typed values, with every complaint put in a technician's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pbx_bridge.config.nodes import Document, Place, Tree
from pbx_bridge.config.problems import Problem, did_you_mean
from pbx_bridge.config.shape import Shape, shape_at

AnyShape = TypeVar("AnyShape", bound=Shape)

_SECRET = re.compile(
    r"(?:.*[_.-])?(?:pass(?:word|wd|phrase)?|secret|token|pin|api[_-]?key|credential|lösenord)s?"
)
_WORDS = {
    "missing": "is missing",
    "model_type": "should be keys with values, one a line and indented",
    "dict_type": "should be keys with values, one a line and indented",
    "list_type": "should be a list like [101, 102]",
    "string_type": "should be one text",
    "bool_parsing": "should be true or false",
    "bool_type": "should be true or false",
    "int_parsing": "should be a whole number",
    "int_type": "should be a whole number",
}
ELSEWHERE = (
    "delete it here and change it where it is used, for it has been seen; secrets are made in "
    "the state folder, or named as …_env (an environment variable) or …_file (a file)"
)


def typed(
    shape: type[AnyShape], file: Document, tree: Tree, place: Place = ()
) -> tuple[AnyShape | None, list[Problem]]:
    """The value that stands at `place` of `file`, None when there are problems."""
    try:
        return shape.model_validate(tree), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
        return None, list(_problems(shape, file, place, details))


def _problems(
    shape: type[Shape], file: Document, place: Place, details: list[ErrorDetails]
) -> Iterator[Problem]:
    for detail in details:
        inner = tuple(step for step in detail["loc"] if step != "[key]")
        what, hint = _words(shape, detail, inner)
        yield file.problem(place + inner, what, hint)


def _words(shape: type[Shape], detail: ErrorDetails, inner: Place) -> tuple[str, str]:
    key = f'"{_key(inner)}"' if inner else "this"
    match detail["type"]:
        case "extra_forbidden":
            return _unknown(shape, inner)
        case "value_error":
            return f"{key}: {detail['msg'].removeprefix('Value error, ')}", ""
        case kind if kind in _WORDS:
            return f"{key} {_WORDS[kind]}", ""
        case _:
            return f"{key} {detail['msg'].removeprefix('Input ')}", ""


def _unknown(shape: type[Shape], inner: Place) -> tuple[str, str]:
    word = str(inner[-1])
    if is_secret(word):
        return f'"{word}": secrets never stand in YAML', ELSEWHERE
    around = shape_at(shape, inner[:-1])
    known = list(around.model_fields) if around else []
    known_words = "known keys: " + ", ".join(known)
    return f'unknown key "{word}"', did_you_mean(word, known, known_words)


def is_secret(key: str) -> bool:
    """True for a key that would hold a secret itself (not where to find one)."""
    return _SECRET.fullmatch(key.lower()) is not None


def _key(inner: Place) -> str:
    """The nearest key's name: `deputies` for the second deputy."""
    return next((step for step in reversed(inner) if isinstance(step, str)), str(inner[-1]))
