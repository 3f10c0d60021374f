"""From text with places to typed values, with every complaint put in a technician's words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from copy import deepcopy
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
    "too_short": "is empty, write one at least",
    "string_type": "should be one text",
    "bool_parsing": "should be true or false",
    "bool_type": "should be true or false",
    "int_parsing": "should be a whole number",
    "int_type": "should be a whole number",
}
_LISTS = {
    "host": "[192.0.2.10:5060, sip.operator.example]",
    "calls_from": "[192.0.2.0/28]",
    "codecs": "[opus, alaw]",
    "vip": "[0401234567]",
    "calls": "[mobile, premium, SE]",
    "may_call": "[mobile, premium, SE]",
    "emergency": "[112]",
    "classes": "[0600]",
    "barred_prefixes": "[0600]",
    "international_prefixes": "[00]",
    "routes": "[operator]",
}
"""What a list looks like, by its key or that around it; any other is one of extensions."""
_ENTRIES = {
    "permits": "- {calls: [SE], until: 2026-12-31, approved_by: who has agreed}",
    "deputies": "- {extension: 102, agreed: 2026-01-13}",
    "roster": "- {who: 101, weekdays: 8:00-12:00}",
}
"""What an entry of a list looks like."""
_BLOCKS = dict.fromkeys(("person_day", "exchange_hour"), "{calls: 150, minutes: 300, numbers: 80}")
"""What a block of keys looks like."""
_OF_A_KEY = re.compile(r"([a-z_]+): ")
_SEEN = "delete it here and change it where it is used, for it has been seen"
_ABSENT = {
    "dialling": "write dialling: and below it country: FI (or SE, NO, DK)",
    "host": "write the operator's server, host: sip.operator.example",
    "calls": "a cap has calls:, minutes: and numbers:",
    "minutes": "a cap has calls:, minutes: and numbers:",
    "numbers": "a cap has calls:, minutes: and numbers:",
    "approved_by": "write who has agreed",
}
"""What to write where a key is missing."""


def typed(
    shape: type[AnyShape], file: Document, tree: Tree, place: Place = ()
) -> tuple[AnyShape | None, list[Problem]]:
    """The value that stands at `place` of `file`; with problems what is sound of it, without those
    of its parts that aren't, and None where that can't be told."""
    try:
        return shape.model_validate(tree), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
        problems = list(_problems(shape, file, place, details))
    parts = [part for detail in details if (part := _part(shape, detail["loc"]))]
    if len(parts) < len(details):
        return None, problems
    try:
        return shape.model_validate(_without(tree, parts)), problems
    except ValidationError:
        return None, problems


def _part(shape: type[Shape], where: Place) -> Place | None:
    """The part of the value that can be left out with what is wrong at `where` in it."""
    for part in shape.parts:
        fits = len(where) >= len(part) and all(map(_fits, part, where))
        if fits:
            return where[: len(part)]
    return None


def _fits(step: str, written: str | int) -> bool:
    return step in ("*", written)


def _without(tree: Tree, parts: Iterable[Place]) -> Tree:
    found = deepcopy(tree)
    for *around, last in parts:
        held = found
        for step in around:
            assert isinstance(held, dict)
            held = held[str(step)]
        assert isinstance(held, dict)
        held.pop(str(last), None)
    return found


def _problems(
    shape: type[Shape], file: Document, place: Place, details: list[ErrorDetails]
) -> Iterator[Problem]:
    for detail in details:
        inner = tuple(step for step in detail["loc"] if step != "[key]")
        said = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
        named = _OF_A_KEY.match(said)
        if named is not None and (*place, *inner, named[1]) in file.lines:
            inner, said = (*inner, named[1]), said[named.end() :]  # of a block: which of its keys
        what, hint = _words(shape, detail, inner, said)
        yield file.problem(place + inner, what, hint)


def _words(shape: type[Shape], detail: ErrorDetails, inner: Place, said: str) -> tuple[str, str]:
    key = f'"{_key(inner)}"' if inner else "this"
    match detail["type"]:
        case "extra_forbidden":
            return _unknown(shape, inner)
        case "value_error" if "[key]" in detail["loc"]:
            return said, ""
        case "value_error":
            return f"{key}: {said}", ""
        case "list_type":
            return f"{key} should be a list like {_list(inner)}", ""
        case "model_type" if inner and isinstance(inner[-1], int):
            entry = _ENTRIES.get(_key(inner), "- {key: value}")
            return f"{key} should have entries like {entry}", ""
        case "model_type" if inner and (like := _BLOCKS.get(_key(inner))) is not None:
            return f"{key} {_WORDS['model_type']}, like {like}", ""
        case kind if kind in _WORDS:
            hint = _ABSENT.get(_key(inner), "") if kind == "missing" else ""
            return f"{key} {_WORDS[kind]}", hint
        case _:
            return f"{key} {said}", ""


def _list(inner: Place) -> str:
    """What the list at that place looks like; for one of entries the first of them."""
    for key in (*inner[-1:], *inner[-2:-1]):
        if (found := _ENTRIES.get(str(key)) or _LISTS.get(str(key))) is not None:
            return found
    return "[101, 102]"


def _unknown(shape: type[Shape], inner: Place) -> tuple[str, str]:
    word, around = str(inner[-1]), shape_at(shape, inner[:-1])
    if is_secret(word):
        where = (around or Shape).secrets
        return f'"{word}": secrets never stand in YAML', f"{_SEEN}; {where}"
    known = list(around.model_fields) if around else []
    known_words = "known keys: " + ", ".join(known)
    return f'unknown key "{word}"', did_you_mean(word, known, known_words)


def is_secret(key: str) -> bool:
    """True for a key that would hold a secret itself (not where to find one)."""
    return _SECRET.fullmatch(key.lower()) is not None


def _key(inner: Place) -> str:
    """The nearest key's name: `deputies` for the second deputy."""
    return next((step for step in reversed(inner) if isinstance(step, str)), str(inner[-1]))
