"""Whether every reason of absence can be set from a device, and tells nobody about health."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pbx_bridge.config.nodes import Place
from pbx_bridge.config.problems import Problem
from pbx_bridge.config.schema import ReasonShape
from pbx_bridge.config.written import Written
from pbx_bridge.core.model import Language

_HEALTH = re.compile(
    r"\b(sjuk|vab(b\w*)?\b|v[åa]rd av\b|l[äa]kar|tandl[äa]k|influens|rehab"
    r"|sair|flunss|l[äa]{2}k[äa]ri|hammasl[äa]{2}k|kuntoutu"
    r"|sick|ill\b|illness|unwell|doctor|dentist|hospital\b|flu\b)",
    re.IGNORECASE,
)
"""Words about health in the three languages, and how names of reasons spell them."""


def reason_problems(written: Written) -> Iterator[Problem]:
    """Names that stand twice, health data that would be told, notes that can't be chosen."""
    first: dict[str, str] = {}
    for digit, reason in written.reasons.items():
        if reason.name in first:
            what = f'reason "{reason.name}" has the digit {first[reason.name]} already'
            yield written.problem("reasons", (digit, "name"), what)
        first.setdefault(reason.name, digit)
        yield from _health(written, digit, reason)
        if reason.private:
            yield from _private(written, digit, reason)
        elif reason.note_required and not reason.notes:
            what = f'reason "{reason.name}" requires a note and has none to choose'
            hint = "write notes:, or no phone could set it"
            yield written.problem("reasons", (digit, "note_required"), what, hint)


def _private(written: Written, digit: str, reason: ReasonShape) -> Iterator[Problem]:
    """Of a private reason nothing but the public wording is told to anybody."""
    told = {
        "internal": reason.internal is not None,
        "notes": bool(reason.notes),
        "note_required": reason.note_required,
    }
    for key, written_here in told.items():
        if written_here:
            what = f'reason "{reason.name}" is private, it can\'t have {key}'
            hint = "take it out: colleagues are told the public wording alone"
            yield written.problem("reasons", (digit, key), what, hint)


def _health(written: Written, digit: str, reason: ReasonShape) -> Iterator[Problem]:
    if not reason.private and _HEALTH.search(re.sub("[_-]", " ", reason.name)):
        what = f'reason "{reason.name}" is about health and is not private'
        hint = "write private: true"
        yield written.problem("reasons", (digit, "name"), what, hint)
    for place, texts, hearers in _texts(reason):
        for language, text in texts.items():
            if _HEALTH.search(text):
                what = f'"{text}" tells {hearers} about somebody\'s health'
                hint = "write that they are away"
                place_of_text = (digit, *place, language.value)
                yield written.problem("reasons", place_of_text, what, hint)


def _texts(reason: ReasonShape) -> Iterator[tuple[Place, Mapping[Language, str], str]]:
    """Everything that somebody hears or reads of a reason: where, what, and who."""
    yield ("public",), reason.public, "callers"
    if reason.title is not None:
        yield ("title",), reason.title, "whoever hears the voice menu"
    if reason.internal is not None:
        yield ("internal",), reason.internal, "colleagues"
    for at, note in enumerate(reason.notes):
        yield ("notes", at), note, "colleagues"
