"""Reads the wording of every sentence: `sv.yaml`, `fi.yaml` and `en.yaml` of one folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pbx_bridge.config.nodes import Document, document, read, shown
from pbx_bridge.config.problems import ConfigError, Problem, did_you_mean
from pbx_bridge.core.model import Language
from pbx_bridge.core.wording import SLOT_PATTERN, SLOTS


def load_prompts(folder: Path) -> Mapping[Language, Mapping[str, str]]:
    """The prompts of all languages. Raises `ConfigError` with everything that is wrong."""
    prompts, problems = read_prompts(folder)
    if problems:
        raise ConfigError(problems)
    return prompts


def read_prompts(folder: Path) -> tuple[Mapping[Language, Mapping[str, str]], list[Problem]]:
    """The prompts, and what is wrong with them: usable only when nothing is.

    Every language must have every key of `SLOTS`, no other, each with exactly its slots.
    """
    prompts: dict[Language, dict[str, str]] = {}
    problems: list[Problem] = []
    for language in Language:
        path = folder / f"{language}.yaml"
        content, unreadable = read(path)
        problems += unreadable
        if unreadable:
            continue
        file, unsound = document(shown(path), content)
        problems += unsound
        prompts[language] = dict(_sentences(file))
        problems += _problems(file)
    return prompts, problems


def _sentences(file: Document) -> Iterator[tuple[str, str]]:
    if isinstance(file.tree, dict):
        for key, text in file.tree.items():
            if isinstance(text, str):
                yield key, " ".join(text.split())


def _problems(file: Document) -> Iterator[Problem]:
    if not isinstance(file.tree, dict):
        yield file.problem((), "not sentences by key", 'write lines like goodbye: "Hej då."')
        return
    for key, text in file.tree.items():
        if key not in SLOTS:
            hint = did_you_mean(key, SLOTS, "leave it out")
            yield file.problem((key,), f'nothing says a sentence "{key}"', hint)
        elif not isinstance(text, str) or not text.strip():
            yield file.problem((key,), f'"{key}" has no text', "write one sentence or more")
        else:
            for what, hint in _slot_problems(text, SLOTS[key]):
                yield file.problem((key,), f'"{key}" {what}', hint)
    for key in SLOTS:
        if key not in file.tree:
            yield Problem(file.file, 0, f'the sentence "{key}" is missing', _slots_hint(SLOTS[key]))


def _slot_problems(text: str, wanted: frozenset[str]) -> Iterator[tuple[str, str]]:
    used = set(SLOT_PATTERN.findall(text))
    for slot in sorted(used - wanted):
        yield f"has no slot {{{slot}}}", did_you_mean(slot, wanted, _slots_hint(wanted))
    for slot in sorted(wanted - used):
        yield f"leaves out {{{slot}}}", "it has to be told"
    if any(brace in SLOT_PATTERN.sub("", text) for brace in "{}"):
        yield "has a brace that is not part of a slot", _slots_hint(wanted)


def _slots_hint(slots: frozenset[str]) -> str:
    if not slots:
        return "its text has no slots"
    return "its slots are " + ", ".join(f"{{{slot}}}" for slot in sorted(slots))
